"""Document signer certificates on disk, read when one is asked for (a PKD export holds tens of thousands).

File names carry serial, key identifier and the beginning of the SHA-256: `<serial>_<key id>_<sha>.cer`, in
lower-case hexadecimal. Found files are checked against the signer identifier; the name only leads there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from crypto.certificates import Certificate
from crypto.cms import SignerInfo
from crypto.errors import CryptoError


def shelf_name(certificate: Certificate) -> str:
    """The file name under which a document signer is kept."""
    key = (certificate.subject_key_id or b"").hex()[:40]
    return f"{certificate.serial:x}_{key}_{certificate.fingerprint[:16]}.cer"[-200:]


class SignerShelf:
    """Folders of document signers."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = tuple(directories)

    def __len__(self) -> int:
        return sum(1 for folder in self._directories for _ in folder.iterdir())

    def find(self, signer: SignerInfo) -> Certificate | None:
        """The certificate that a signer identifier names, or None. Unreadable files are passed over."""
        start = f"{signer.serial:x}_" if signer.serial is not None else None
        middle = f"_{signer.key_id.hex()[:40]}_" if signer.key_id is not None else None
        for folder in self._directories:
            for path in folder.iterdir():
                if (start and path.name.startswith(start)) or (middle and middle in path.name):
                    found = _read(path)
                    if found is not None and signer.names(found):
                        return found
        return None

    def numbered(self, serial: int) -> Iterator[Certificate]:
        """The certificates of that serial number."""
        for folder in self._directories:
            for path in sorted(folder.glob(f"{serial:x}_*")):
                found = _read(path)
                if found is not None and found.serial == serial:
                    yield found


def _read(path: Path) -> Certificate | None:
    try:
        return Certificate.parse(path.read_bytes())
    except (OSError, CryptoError):
        return None
