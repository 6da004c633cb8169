"""The case: one immutable value that only moves forward, and the events that move it."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Any, Literal, TypeVar

from kiosk.domain.card import CardDescription, CardJob
from kiosk.domain.documents import Declaration, PageReading, TravelDocument
from kiosk.domain.stay import Entitlement


class Stage(StrEnum):
    """Where a case stands. Forward only: a correction is a new event."""

    OPEN = "OPEN"
    INSPECTED = "INSPECTED"
    REFERRED = "REFERRED"
    DECIDED = "DECIDED"
    CARD_ACTIVE = "CARD_ACTIVE"
    SYNCED = "SYNCED"
    PURGED = "PURGED"


class DecisionOutcome(StrEnum):
    """How a case was decided."""

    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True)
class Inspection:
    """The verdict of the document inspection; `report` is the whole tree as JSON."""

    overall: str  # successful, failed, undetermined, not supported, aborted
    report: Mapping[str, Any]
    document: TravelDocument
    portrait_image: str = ""
    chip_read: bool = False


@dataclass(frozen=True)
class Decision:
    """Who decided what and why; `reason` is a code."""

    outcome: DecisionOutcome
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Event:
    """An accepted fact. It is stored before its effect runs."""

    at: datetime
    by: str


@dataclass(frozen=True)
class CaseOpened(Event):
    case_id: str
    station: str
    is_test: bool


@dataclass(frozen=True)
class PageRead(Event):
    page: PageReading
    document: TravelDocument


@dataclass(frozen=True)
class DocumentInspected(Event):
    inspection: Inspection


@dataclass(frozen=True)
class StayAssessed(Event):
    entitlement: Entitlement


@dataclass(frozen=True)
class DeclarationTaken(Event):
    declaration: Declaration


@dataclass(frozen=True)
class CaseReferred(Event):
    reason: str


@dataclass(frozen=True)
class CaseDecided(Event):
    outcome: DecisionOutcome
    reason: str


@dataclass(frozen=True)
class CardReserved(Event):
    """A number was taken from the station's block and the card described."""

    job_id: str
    card: CardDescription
    portrait_image: str


@dataclass(frozen=True)
class BlankDrawn(Event):
    job_id: str
    chip_serial: str


@dataclass(frozen=True)
class CardStep(Event):
    """The personalisation journal: written before and after each step on the chip."""

    job_id: str
    step: str
    phase: Literal["begin", "done"]
    detail: str = ""


@dataclass(frozen=True)
class CardPersonalised(Event):
    job_id: str
    sod_sha256: str
    signer_serial: str


@dataclass(frozen=True)
class PrintRequested(Event):
    job_id: str
    print_name: str


@dataclass(frozen=True)
class PrintAccepted(Event):
    job_id: str
    printer_job: str


@dataclass(frozen=True)
class CardPrinted(Event):
    job_id: str


@dataclass(frozen=True)
class CardChecked(Event):
    job_id: str
    overall: str


@dataclass(frozen=True)
class CardSpoiled(Event):
    """The job ends, its number is void and the blank, if one was drawn, is spoiled."""

    job_id: str
    reason: str


@dataclass(frozen=True)
class CardHandedOver(Event):
    job_id: str


@dataclass(frozen=True)
class CaseSynced(Event):
    pass


EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        CaseOpened,
        PageRead,
        DocumentInspected,
        StayAssessed,
        DeclarationTaken,
        CaseReferred,
        CaseDecided,
        CardReserved,
        BlankDrawn,
        CardStep,
        CardPersonalised,
        PrintRequested,
        PrintAccepted,
        CardPrinted,
        CardChecked,
        CardSpoiled,
        CardHandedOver,
        CaseSynced,
    )
}


@dataclass(frozen=True)
class Case:
    """Everything known about one arrival at this desk."""

    id: str
    station: str
    operator: str
    is_test: bool
    opened_at: datetime
    stage: Stage = Stage.OPEN
    page: PageReading | None = None
    document: TravelDocument | None = None
    inspection: Inspection | None = None
    entitlement: Entitlement | None = None
    declaration: Declaration | None = None
    referred: str = ""
    decision: Decision | None = None
    jobs: tuple[CardJob, ...] = field(default=())
    sequence: int = 0  # events applied so far

    @property
    def job(self) -> CardJob | None:
        """The card job that counts: the last one that was not spoiled."""
        live = [job for job in self.jobs if job.live]
        return live[-1] if live else None

    @property
    def finished(self) -> bool:
        """True when the desk has nothing more to do for the case."""
        ended = self.decision is not None and self.decision.outcome is not DecisionOutcome.GRANTED
        return ended or self.stage in (Stage.CARD_ACTIVE, Stage.SYNCED, Stage.PURGED)


def event_to_json(event: Event) -> dict[str, Any]:
    """Plain JSON values, `kind` first, without transient fields; the inverse of `event_from_json`."""
    return {"kind": type(event).__name__, **_plain(event)}


def event_from_json(record: Mapping[str, Any]) -> Event:
    """Rebuild an event; KeyError, TypeError or ValueError when the record is not one of ours."""
    kind = EVENT_TYPES[record["kind"]]
    values = {name: value for name, value in record.items() if name != "kind"}
    return _build(kind, values)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        stored = (f.name for f in fields(value) if f.metadata.get("stored", True))
        return {name: _plain(getattr(value, name)) for name in stored}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        return [_plain(item) for item in value]
    return value


T = TypeVar("T")


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    hints = typing.get_type_hints(kind)
    return kind(**{name: _typed(hints[name], value) for name, value in values.items()})


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(next(h for h in typing.get_args(hint) if h is not type(None)), value)
    if origin is tuple:
        args = typing.get_args(hint)
        if args[-1] is Ellipsis:
            return tuple(_typed(args[0], item) for item in value)
        return tuple(_typed(arg, item) for arg, item in zip(args, value, strict=True))
    if isinstance(hint, type):
        return _typed_class(hint, value)
    return value


def _typed_class(hint: type, value: Any) -> Any:
    if is_dataclass(hint):
        return _build(hint, value)
    if issubclass(hint, Enum):
        return hint(value)
    if issubclass(hint, (datetime, date)):
        return hint.fromisoformat(value)
    return value
