"""The sockets of the kiosk: a Protocol for every device and service, and their small values.

Adapters and simulators implement these; the workflow knows nothing else of them. Blocking calls
run on lanes, take a `cancel` event where they can be long, and raise `KioskError` or `CardError`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Event as CancelEvent
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from card_io.apdu import Link
from kiosk.domain.audit import AuditEntry, ChainFault
from kiosk.domain.card import CardDescription
from kiosk.domain.cases import Event
from kiosk.domain.documents import Declaration
from kiosk.domain.stay import Stay
from kiosk.domain.stock import BlankState, StockMove

RandomBytes = Callable[[int], bytes]
Image = NDArray[np.uint8]  # height x width x 3, BGR


class Clock(Protocol):
    """Time as the desk sees it; a scenario drives its own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


@dataclass(frozen=True)
class Frame:
    """One camera picture. `sequence` counts up; `at` is the device's monotonic seconds."""

    image: Image
    sequence: int
    at: float


class Camera(Protocol):
    """A video source. Opened by the driver; `read` gives the newest frame not yet given."""

    @property
    def name(self) -> str: ...

    def read(self, timeout: float) -> Frame:
        """Raise CAMERA_SILENT after `timeout` seconds without a new frame."""
        ...

    def close(self) -> None: ...


class Hint(StrEnum):
    """Why a frame did not give a reading yet: what the traveller or guard can do about it."""

    NO_DOCUMENT = "NO_DOCUMENT"
    TOO_FAR = "TOO_FAR"
    TOO_CLOSE = "TOO_CLOSE"
    TILTED = "TILTED"
    BLURRED = "BLURRED"
    GLARE = "GLARE"
    HOLD_STILL = "HOLD_STILL"


@dataclass(frozen=True)
class PageScan:
    """A page read from one frame. Lines are what is printed, right or wrong.

    `corners` are the MRZ's four corners in frame pixels (x, y), clockwise from its top left;
    `page` and `portrait` are JPEG bytes of the rectified page and of the face on it (or b"").
    """

    lines: tuple[str, ...]
    confidence: float
    doubtful: tuple[tuple[int, int], ...]
    corners: tuple[tuple[float, float], ...]
    page: bytes = field(repr=False)
    portrait: bytes = field(repr=False)


class PageReader(Protocol):
    """Finds the page and its MRZ in pixels."""

    def read(self, frame: Frame) -> PageScan | Hint: ...


class CardSlot(Protocol):
    """A place a chip can be put: contact or contactless reader, real or simulated."""

    @property
    def name(self) -> str: ...

    def card_present(self) -> bool: ...

    def wait_for_card(self, timeout: float, cancel: CancelEvent | None = None) -> bool: ...

    def wait_for_removal(self, timeout: float, cancel: CancelEvent | None = None) -> bool: ...

    def connect(self) -> AbstractContextManager[Link]:
        """Exclusive; the chip is reset before and after."""
        ...


class PrintState(StrEnum):
    """IPP job states (RFC 8011 5.3.7) as far as the desk tells them apart."""

    WAITING = "WAITING"
    PRINTING = "PRINTING"
    STOPPED = "STOPPED"  # waits for a person: media, ribbon, jam, cover
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class PrintStatus:
    """What the printer says of one job."""

    job: str  # the printer's own id
    name: str
    state: PrintState
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class CardFaces:
    """Both printed sides: RGB pixels at `dpi`, 1011 x 638 at 300, and the same as PNG files."""

    front: Image
    back: Image
    dpi: int
    front_png: bytes = field(repr=False)
    back_png: bytes = field(repr=False)


class CardPress(Protocol):
    """Draws both sides of a card from its description."""

    def render(self, card: CardDescription, portrait: bytes, code: str) -> CardFaces:
        """`portrait` is the JPEG or JPEG 2000 of DG2, `code` the text of the QR symbol."""
        ...


@dataclass(frozen=True)
class Portrait:
    """A face picture fit for DG2 and print: the file, its type and its size in pixels."""

    image: bytes
    mime: str
    width: int
    height: int


class PortraitStudio(Protocol):
    """Prepares a portrait for chip and print; compresses at most once."""

    def prepare(self, image: bytes) -> Portrait:
        """IMAGE_UNREADABLE when it is not a picture."""
        ...


class PrintProof(Protocol):
    """Reads a drawn back side again, as a camera would, before it goes to the printer."""

    def read_back(self, back: Image) -> tuple[tuple[str, ...], str]:
        """MRZ lines and QR text found in the pixels; empty where nothing was read."""
        ...


class Printer(Protocol):
    """A card printer. A job has our own unique name, so that it is found again after a restart."""

    @property
    def name(self) -> str: ...

    def submit(self, job_name: str, faces: CardFaces) -> str:
        """Send one two-sided job, return the printer's job id. PRINTER_* errors."""
        ...

    def find(self, job_name: str) -> PrintStatus | None:
        """The newest job of that name, finished or not; None when the printer never got it."""
        ...

    def status(self, job: str) -> PrintStatus: ...

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether it accepts jobs, and its state reasons."""
        ...


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


class ProgressPhase(StrEnum):
    """Named waits of the desk; the face puts words to them."""

    LOOK_FOR_PAGE = "LOOK_FOR_PAGE"
    READ_CHIP = "READ_CHIP"
    VERIFY_DOCUMENT = "VERIFY_DOCUMENT"
    LOOK_UP_STAYS = "LOOK_UP_STAYS"
    DRAW_BLANK = "DRAW_BLANK"
    PERSONALISE = "PERSONALISE"
    VERIFY_CARD = "VERIFY_CARD"
    DRAW_CARD = "DRAW_CARD"
    PRINT = "PRINT"
    FINAL_CHECK = "FINAL_CHECK"
    HAND_OVER = "HAND_OVER"
    DELIVER = "DELIVER"


@dataclass(frozen=True)
class Progress:
    """Where a long call stands: an enum and numbers, never text. `item` is a standard's own name
    such as "DG2" or a personalisation step; `done`/`total` are bytes or 0/0 when unknown."""

    phase: ProgressPhase
    item: str = ""
    done: int = 0
    total: int = 0


class StepObserver(Protocol):
    """Is told before and after each named step; a rehearsal uses it to inject its faults."""

    def __call__(self, step: str, moment: str) -> None:
        """`moment` is "begin" or "done"."""
        ...


@dataclass(frozen=True)
class DeviceUris:
    """Where the desk's devices are, by URI (`pcsc:…`, `camera:http://…`, `ipp://…`, `sim:…`)."""

    camera: str
    document_reader: str
    card_encoder: str
    printer: str


@dataclass(frozen=True)
class RehearsalTraveller:
    """One invented traveller of a scenario and what the guard does with them."""

    name: str  # shown to the tester only
    document_key: str
    declaration: Declaration
    decision: str  # "grant" or "refuse": what the guard presses when the desk allows it
    expected_end: str  # "CARD_ACTIVE" or "REFUSED"
    expected_reason: str = ""  # a finding or refusal code that must appear, "" for none
    stays: tuple[Stay, ...] = ()  # what the registry knows of them beforehand


@dataclass(frozen=True)
class PrintedJob:
    """A job as the simulated printer received it."""

    name: str
    document: bytes = field(repr=False)  # the raw document format as sent
    front_png: bytes = field(repr=False)
    back_png: bytes = field(repr=False)


class RehearsalDesk(Protocol):
    """A desk whose devices are simulated and which acts the traveller's part. Lab homes only."""

    uris: DeviceUris
    link: str  # "pcsc" or "in-process"
    link_note: str  # why the real stack is not used, or ""
    travellers: Sequence[RehearsalTraveller]
    clock: Clock
    random: RandomBytes

    def environment(self) -> Mapping[str, str]:
        """Variables that must be set before the PC/SC library is first used."""
        ...

    def blank_serials(self) -> tuple[str, ...]:
        """The manifest of the box of blanks."""
        ...

    def present(self, traveller: int) -> None:
        """Lay the passport before the camera and on the document reader."""
        ...

    def withdraw(self) -> None: ...

    def insert_blank(self) -> str:
        """Put the next blank (or the one a restart left inside) into the encoder: its serial."""
        ...

    def take_card(self, target: Path | None = None) -> None:
        """Take the card out of the encoder; its memory image is copied to `target`."""
        ...

    def on_step(self, step: str, moment: str) -> None:
        """A StepObserver: applies the scenario's faults and moves its clock."""
        ...

    def printed(self) -> tuple[PrintedJob, ...]: ...

    def close(self) -> None: ...
