"""`ports.Store` over the encrypted database: every method is one transaction, durable on return."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.domain.audit import AuditEntry, ChainFault
from kiosk.domain.cases import Event
from kiosk.domain.stay import Stay
from kiosk.domain.stock import BlankState
from kiosk.ports import CaseRow, Commit, OutboxMessage, QueueState
from kiosk.storage import cases, images, outbox, stock
from kiosk.storage.audit_log import AuditLog, load_audit_key
from kiosk.storage.database import Database
from kiosk.storage.images import Sealer


class SqlStore:
    """The desk's store. One lane uses it; a call from another thread waits for its turn."""

    def __init__(self, database: Database, vault: Sealer, log: AuditLog) -> None:
        self._database = database
        self._vault = vault
        self._log = log

    def append(self, commit: Commit) -> None:
        with self._database.transaction() as connection:
            cases.append(connection, commit, self._log)

    def events(self, case_id: str) -> tuple[Event, ...]:
        with self._database.transaction() as connection:
            return cases.load(connection, case_id)

    def cases(self, *, unfinished_only: bool = False, limit: int = 200) -> tuple[CaseRow, ...]:
        with self._database.transaction() as connection:
            return cases.rows(connection, unfinished_only=unfinished_only, limit=limit)

    def stays(self, document_key: str) -> tuple[Stay, ...]:
        with self._database.transaction() as connection:
            return cases.stays(connection, document_key)

    def next_card_number(self, prefix: str) -> str:
        with self._database.transaction() as connection:
            return stock.next_number(connection, prefix)

    def put_image(self, image_id: str, image: bytes, kind: str, case_id: str) -> None:
        with self._database.transaction() as connection:
            images.put(connection, self._vault, image_id, image, kind=kind, case_id=case_id)

    def image(self, image_id: str) -> bytes:
        with self._database.transaction() as connection:
            return images.get(connection, self._vault, image_id)

    def receive_blanks(self, serials: Sequence[str], *, box: str, actor: str, at: datetime) -> int:
        with self._database.transaction() as connection:
            new = stock.receive(connection, serials, box=box, actor=actor, at=at)
            details = {"box": box, "offered": str(len(serials)), "new": str(new)}
            self._log.append(connection, at=at, actor=actor, action="BlanksReceived", details=details)
            return new

    def blank_state(self, chip_serial: str) -> BlankState | None:
        with self._database.transaction() as connection:
            return stock.state(connection, chip_serial)

    def stock_counts(self) -> Mapping[BlankState, int]:
        with self._database.transaction() as connection:
            return stock.counts(connection)

    def audit(self, actor: str, action: str, at: datetime, details: Mapping[str, str]) -> None:
        """Add an entry; a detail named `case_id` becomes the entry's case."""
        rest = {name: value for name, value in details.items() if name != "case_id"}
        case_id = details.get("case_id", "")
        with self._database.transaction() as connection:
            self._log.append(connection, at=at, actor=actor, action=action, case_id=case_id, details=rest)

    def audit_entries(self) -> tuple[AuditEntry, ...]:
        with self._database.transaction() as connection:
            return self._log.entries(connection)

    def check_audit(self) -> ChainFault | None:
        with self._database.transaction() as connection:
            return self._log.check(connection)

    def due_messages(self, now: datetime, limit: int = 50) -> tuple[OutboxMessage, ...]:
        with self._database.transaction() as connection:
            return outbox.due(connection, now, limit)

    def mark_sent(self, message_id: str, at: datetime) -> None:
        with self._database.transaction() as connection:
            outbox.sent(connection, message_id, at)

    def mark_failed(self, message_id: str, at: datetime, next_try: datetime, error: str) -> None:
        with self._database.transaction() as connection:
            outbox.failed(connection, message_id, at, next_try, error)

    def mark_refused(self, message_id: str, at: datetime, error: str) -> None:
        with self._database.transaction() as connection:
            outbox.refused(connection, message_id, at, error)

    def queue(self) -> QueueState:
        with self._database.transaction() as connection:
            return outbox.queue(connection)

    def unsynced_cases(self) -> tuple[str, ...]:
        with self._database.transaction() as connection:
            return cases.unsynced(connection)

    def close(self) -> None:
        self._database.close()


def open_store(
    path: Path, *, database_key: bytes, vault: Sealer, audit_key: Ed25519PrivateKey | Path, station: str
) -> SqlStore:
    """Open or create the desk's database.

    `database_key` is 32 bytes; `audit_key` is the Ed25519 key or the path of its 0600 PEM file.
    Raises STORAGE_KEY_WRONG, STORAGE_FAILED, DISK_FULL, HOME_DAMAGED (audit key).
    """
    key = load_audit_key(audit_key) if isinstance(audit_key, Path) else audit_key
    return SqlStore(Database(path, database_key), vault, AuditLog(key, station))
