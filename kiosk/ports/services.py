"""Services of the desk: the encrypted store with its outbox and ledgers, and the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from kiosk.domain.audit import AuditEntry, ChainFault
from kiosk.domain.cases import Event
from kiosk.domain.stay import Stay
from kiosk.domain.stock import BlankState, StockMove


@dataclass(frozen=True)
class OutboxMessage:
    """One message to the registry. `id` is ours, so a repeat is harmless; body is plain JSON."""

    id: str
    kind: str
    case_id: str
    body: Mapping[str, Any]
    depends_on: str = ""


@dataclass(frozen=True)
class QueueState:
    """How the outbox stands: messages, and in `cases` the travellers whose messages still wait.

    `oldest` is the creation time of the oldest waiting message.
    """

    waiting: int
    sent: int
    refused: int
    oldest: datetime | None = None
    cases: int = 0


@dataclass(frozen=True)
class Commit:
    """One transaction: an event of a case and all that must be stored with it."""

    case_id: str
    expected: int  # events of the case before this one
    event: Event
    outbox: tuple[OutboxMessage, ...] = ()
    stock: tuple[StockMove, ...] = ()
    card_number: str = ""  # taken from the block by this event
    void_number: str = ""


@dataclass(frozen=True)
class CaseRow:
    """One line of the case list."""

    case_id: str
    stage: str
    opened_at: datetime
    finished: bool


class Store(Protocol):
    """The encrypted database. Each call is one transaction, durable when it returns."""

    def append(self, commit: Commit) -> None:
        """Store an event with its outbox messages, stock moves and audit entry, or nothing.

        Raises EVENT_CONFLICT when `expected` is not the number of stored events, BLANK_UNKNOWN or
        BLANK_NOT_LOADED when a stock move does not fit the ledger, DISK_FULL, STORAGE_FAILED.
        """
        ...

    def events(self, case_id: str) -> tuple[Event, ...]:
        """All events in order; CASE_UNKNOWN when there are none."""
        ...

    def cases(self, *, unfinished_only: bool = False, limit: int = 200) -> tuple[CaseRow, ...]:
        """Newest first."""
        ...

    def stays(self, document_key: str) -> tuple[Stay, ...]:
        """Entries granted at this desk to the holder of that document."""
        ...

    def next_card_number(self, prefix: str) -> str:
        """The number that the next CardReserved event may take; NUMBERS_USED_UP."""
        ...

    def put_image(self, image_id: str, image: bytes, kind: str, case_id: str) -> None: ...

    def image(self, image_id: str) -> bytes: ...

    def receive_blanks(self, serials: Sequence[str], *, box: str, actor: str, at: datetime) -> int:
        """Put unknown serials into the ledger as LOADED; returns how many were new."""
        ...

    def blank_state(self, chip_serial: str) -> BlankState | None: ...

    def stock_counts(self) -> Mapping[BlankState, int]: ...

    def audit(self, actor: str, action: str, at: datetime, details: Mapping[str, str]) -> None: ...

    def audit_entries(self) -> tuple[AuditEntry, ...]: ...

    def check_audit(self) -> ChainFault | None: ...

    def due_messages(self, now: datetime, limit: int = 50) -> tuple[OutboxMessage, ...]:
        """Waiting messages whose time has come and whose `depends_on` was acknowledged, in order."""
        ...

    def mark_sent(self, message_id: str, at: datetime) -> None: ...

    def mark_failed(self, message_id: str, at: datetime, next_try: datetime, error: str) -> None: ...

    def mark_refused(self, message_id: str, at: datetime, error: str) -> None:
        """The registry will never take it: a person must look (kept, not sent again)."""
        ...

    def queue(self) -> QueueState: ...

    def unsynced_cases(self) -> tuple[str, ...]:
        """Finished cases, not yet SYNCED, whose messages were all acknowledged."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class DeliveryReport:
    """One round of the pusher. `problem` is the code that stopped it, or ""."""

    sent: int
    waiting: int
    refused: int
    problem: str = ""


class Registry(Protocol):
    """The central registry as the desk needs it."""

    def reachable(self) -> bool: ...

    def stays(self, document_key: str, timeout: float) -> tuple[Stay, ...]:
        """Known stays of that document; REGISTRY_UNREACHABLE when nobody answers in time."""
        ...

    def submit(self, message: OutboxMessage, now: datetime) -> object:
        """Send one message now, past the outbox; for rehearsals that prepare the registry."""
        ...

    def deliver(
        self, store: Store, now: datetime, limit: int = 50, *, at_once: bool = False
    ) -> DeliveryReport:
        """Send what is due (`at_once`: all that waits), oldest first; never raises for the network."""
        ...
