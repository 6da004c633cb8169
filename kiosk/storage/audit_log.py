"""The audit log in the database: hash chain (`kiosk.domain.audit`) signed with Ed25519 (RFC 8032).

Details hold codes, ids and digests only. The writer enforces the shape of such values: whatever
does not look like one is replaced by REDACTED before it is hashed, signed and stored for good.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import Connection, func, insert, select

from crypto.errors import CryptoError
from crypto.signer import read_private_file, write_private_file
from kiosk.domain.audit import GENESIS, AuditEntry, ChainFault, check_chain
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RandomBytes
from kiosk.storage import schema
from kiosk.storage.encoding import damaged, json_text, object_of, time_text

REDACTED = "REDACTED"
EVENT_DIGEST, EVENT_POSITION = "event_sha256", "event_position"
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+=,>-]{0,200}")


class AuditLog:
    """Writes and checks the chain of one station."""

    def __init__(self, key: Ed25519PrivateKey, station: str) -> None:
        self._key = key
        self._station = station

    def append(
        self,
        connection: Connection,
        *,
        at: datetime,
        actor: str,
        action: str,
        case_id: str = "",
        details: Mapping[str, str],
    ) -> None:
        """Add the next entry inside the caller's transaction."""
        last = connection.execute(
            select(schema.audit.c.sequence, schema.audit.c.hash).order_by(schema.audit.c.sequence.desc())
        ).first()
        unsigned = AuditEntry(
            sequence=last.sequence + 1 if last else 1,
            at=datetime.fromisoformat(time_text(at)),
            station=self._station,
            actor=_plain(actor),
            action=_plain(action),
            case_id=_plain(case_id),
            details={_plain(name): _plain(value) for name, value in details.items()},
            previous=last.hash if last else GENESIS,
            hash="",
        )
        connection.execute(insert(schema.audit).values(**_row(unsigned, self._key)))

    def entries(self, connection: Connection) -> tuple[AuditEntry, ...]:
        """The whole log in order; STORAGE_FAILED when a row does not decode."""
        rows = connection.execute(select(schema.audit).order_by(schema.audit.c.sequence))
        return tuple(_entry(row._mapping) for row in rows)

    def check(self, connection: Connection) -> ChainFault | None:
        """The first fault of the chain, or of its agreement with the stored events (EVENT)."""
        entries = self.entries(connection)
        return check_chain(entries, self._signed) or _check_events(connection, entries)

    def _signed(self, entry: AuditEntry) -> bool:
        try:
            self._key.public_key().verify(bytes.fromhex(entry.signature), entry.body())
        except (InvalidSignature, ValueError):
            return False
        return True


def create_audit_key(path: Path, random: RandomBytes) -> None:
    """Write a new Ed25519 key (PKCS #8 PEM, mode 0600); KeyUnavailable when the file exists."""
    key = Ed25519PrivateKey.from_private_bytes(random(32))
    write_private_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def load_audit_key(path: Path) -> Ed25519PrivateKey:
    """Read the key; HOME_DAMAGED when it is missing, open to others or not an Ed25519 key."""
    try:
        key = load_pem_private_key(read_private_file(path), None)
    except (CryptoError, ValueError, TypeError):
        raise KioskError(ErrorCode.HOME_DAMAGED, "the audit key cannot be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KioskError(ErrorCode.HOME_DAMAGED, "the audit key is not an Ed25519 key")
    return key


def _plain(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else REDACTED


def _row(entry: AuditEntry, key: Ed25519PrivateKey) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at": time_text(entry.at),
        "station": entry.station,
        "actor": entry.actor,
        "action": entry.action,
        "case_id": entry.case_id,
        "details": json_text(entry.details),
        "previous": entry.previous,
        "hash": entry.digest(),
        "signature": key.sign(entry.body()).hex(),
    }


def _entry(row: Mapping[Any, Any]) -> AuditEntry:
    where = f"audit {row['sequence']}"
    try:
        at = datetime.fromisoformat(row["at"]).astimezone(UTC)
    except (TypeError, ValueError):
        raise damaged(where) from None
    values = {name: row[name] for name in row if name not in ("at", "details")}
    return AuditEntry(at=at, details=object_of(row["details"], where), **values)


def _check_events(connection: Connection, entries: Iterable[AuditEntry]) -> ChainFault | None:
    """Every stored event has its entry and every event entry its event, digests equal."""
    columns = (schema.events.c.case_id, schema.events.c.position, schema.events.c.sha256)
    stored = {(row.case_id, str(row.position)): row.sha256 for row in connection.execute(select(*columns))}
    audited = 0
    for entry in entries:
        if EVENT_DIGEST not in entry.details:
            continue
        audited += 1
        place = (entry.case_id, entry.details.get(EVENT_POSITION, ""))
        if stored.get(place) != entry.details[EVENT_DIGEST]:
            return ChainFault(entry.sequence, "EVENT")
    if audited == len(stored):
        return None
    last = connection.execute(select(func.max(schema.audit.c.sequence))).scalar_one()
    return ChainFault((last or 0) + 1, "GAP")
