"""Pictures, each sealed by the vault and bound to its id, kind and case."""

from typing import Protocol

from sqlalchemy import Connection, insert, select

from crypto.errors import CryptoError
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import schema
from kiosk.storage.encoding import damaged

images = schema.images


class Sealer(Protocol):
    """What the store needs of `crypto.vault.Vault`."""

    def seal(self, plain: bytes, aad: bytes = b"") -> bytes: ...

    def open(self, sealed: bytes, aad: bytes = b"") -> bytes: ...


def put(
    connection: Connection, sealer: Sealer, image_id: str, image: bytes, *, kind: str, case_id: str
) -> None:
    """Store an image. The same picture again changes nothing, another one is EVENT_CONFLICT."""
    stored = _find(connection, sealer, image_id)
    if stored == image:
        return
    if stored is not None:
        raise KioskError(ErrorCode.EVENT_CONFLICT, "another image of that id is stored")
    sealed = sealer.seal(image, _bound(image_id, kind, case_id))
    row = {"id": image_id, "kind": kind, "case_id": case_id, "sealed": sealed}
    connection.execute(insert(images).values(row))


def get(connection: Connection, sealer: Sealer, image_id: str) -> bytes:
    """IMAGE_UNREADABLE when there is none, STORAGE_FAILED when the seal does not hold."""
    image = _find(connection, sealer, image_id)
    if image is None:
        raise KioskError(ErrorCode.IMAGE_UNREADABLE, "no image of that id")
    return image


def _find(connection: Connection, sealer: Sealer, image_id: str) -> bytes | None:
    row = connection.execute(select(images).where(images.c.id == image_id)).first()
    if row is None:
        return None
    try:
        return sealer.open(row.sealed, _bound(row.id, row.kind, row.case_id))
    except CryptoError:
        raise damaged("image") from None


def _bound(image_id: str, kind: str, case_id: str) -> bytes:
    return "\n".join(("shekara image", image_id, kind, case_id)).encode()
