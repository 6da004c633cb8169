"""Cases in the database: the events, and one row per case that is derived from them.

The row is a view for lists and look-ups (stage, document, entry); the events are the truth.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, insert, select, update

from kiosk.domain import cases as domain
from kiosk.domain.cases import DecisionOutcome, Event, Stage
from kiosk.domain.stay import Stay
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CaseRow, Commit
from kiosk.storage import outbox, schema, stock
from kiosk.storage.audit_log import EVENT_DIGEST, EVENT_POSITION, AuditLog
from kiosk.storage.encoding import damaged, digest, event_of, event_text, time_text

_ORDER = tuple(Stage)
_STAGES: Mapping[type[Event], Stage] = {
    domain.DocumentInspected: Stage.INSPECTED,
    domain.CaseReferred: Stage.REFERRED,
    domain.CaseDecided: Stage.DECIDED,
    domain.CardHandedOver: Stage.CARD_ACTIVE,
    domain.CaseSynced: Stage.SYNCED,
}
# Fields of events that are ids, codes or digests: the only ones that reach the audit log.
_AUDITED = (
    "job_id",
    "chip_serial",
    "step",
    "phase",
    "outcome",
    "reason",
    "overall",
    "print_name",
    "printer_job",
    "sod_sha256",
    "signer_serial",
)
cases, events = schema.cases, schema.events


def append(connection: Connection, commit: Commit, log: AuditLog) -> None:
    """Everything of one commit, in the caller's transaction; errors as in `ports.Store.append`."""
    _check_shape(commit)
    record = event_text(commit.event)
    row = _case_row(connection, commit)
    _write_event(connection, commit, record, row)
    for move in commit.stock:
        stock.apply(connection, move, actor=commit.event.by, at=commit.event.at)
    if commit.card_number:
        stock.take_number(connection, commit.card_number, commit.case_id)
    if commit.void_number:
        stock.void_number(connection, commit.void_number, commit.case_id)
    outbox.add(connection, commit.outbox, commit.event.at)
    log.append(
        connection,
        at=commit.event.at,
        actor=commit.event.by,
        action=type(commit.event).__name__,
        case_id=commit.case_id,
        details=_audited(commit, digest(record)),
    )


def load(connection: Connection, case_id: str) -> tuple[Event, ...]:
    """All events in order; CASE_UNKNOWN, STORAGE_FAILED."""
    rows = connection.execute(
        select(events).where(events.c.case_id == case_id).order_by(events.c.position)
    ).all()
    if not rows:
        raise KioskError(ErrorCode.CASE_UNKNOWN, "no events of that case")
    return tuple(event_of(row.record, row.sha256, f"event {row.position} of {case_id}") for row in rows)


def rows(connection: Connection, *, unfinished_only: bool, limit: int) -> tuple[CaseRow, ...]:
    """Case rows, newest first."""
    query = select(cases).order_by(cases.c.opened_at.desc(), cases.c.row.desc()).limit(limit)
    if unfinished_only:
        query = query.where(~cases.c.finished)
    return tuple(_listed(row) for row in connection.execute(query))


def stays(connection: Connection, document_key: str) -> tuple[Stay, ...]:
    """Entries granted here to the holder of that document, oldest first; exits are not known here."""
    mine = (cases.c.document_key == document_key) & cases.c.granted & cases.c.entry_on.is_not(None)
    found = connection.execute(select(cases.c.entry_on).where(mine).order_by(cases.c.entry_on)).scalars()
    return tuple(Stay(_day(value), None) for value in found)


def unsynced(connection: Connection) -> tuple[str, ...]:
    """Finished cases that are not SYNCED and have no message left that is not acknowledged."""
    messages = schema.outbox
    open_message = exists().where(messages.c.case_id == cases.c.case_id, messages.c.state != outbox.SENT)
    over = cases.c.finished & cases.c.stage.not_in([Stage.SYNCED, Stage.PURGED]) & ~open_message
    return tuple(connection.execute(select(cases.c.case_id).where(over).order_by(cases.c.row)).scalars())


def _check_shape(commit: Commit) -> None:
    opens = isinstance(commit.event, domain.CaseOpened)
    if opens is not (commit.expected == 0):
        raise KioskError(ErrorCode.EVENT_REFUSED, "a case begins with CaseOpened, and only there")
    if isinstance(commit.event, domain.CaseOpened) and commit.event.case_id != commit.case_id:
        raise KioskError(ErrorCode.EVENT_REFUSED, "the event opens another case")
    if any(message.case_id != commit.case_id for message in commit.outbox):
        raise KioskError(ErrorCode.EVENT_REFUSED, "a message belongs to another case")


def _case_row(connection: Connection, commit: Commit) -> Mapping[Any, Any] | None:
    """The case as it stands, None for a new one; EVENT_CONFLICT when it moved meanwhile."""
    found = connection.execute(select(cases).where(cases.c.case_id == commit.case_id)).first()
    if (found.events if found else 0) != commit.expected:
        raise KioskError(ErrorCode.EVENT_CONFLICT, "the case has another number of events")
    return None if found is None else found._mapping


def _write_event(connection: Connection, commit: Commit, record: str, row: Mapping[Any, Any] | None) -> None:
    if row is None:
        connection.execute(insert(cases).values(_new_row(commit)))
    else:
        changed = _changes(commit.event, row) | {"events": commit.expected + 1}
        connection.execute(update(cases).where(cases.c.case_id == commit.case_id).values(changed))
    line = {"case_id": commit.case_id, "position": commit.expected, "kind": type(commit.event).__name__}
    connection.execute(insert(events).values(line | {"record": record, "sha256": digest(record)}))


def _new_row(commit: Commit) -> dict[str, Any]:
    return {
        "case_id": commit.case_id,
        "stage": Stage.OPEN,
        "finished": False,
        "events": 1,
        "opened_at": time_text(commit.event.at),
        "document_key": "",
        "granted": False,
    }


def _changes(event: Event, row: Mapping[Any, Any]) -> dict[str, Any]:
    """What an event changes in the case's row. Stages only go forward."""
    changed: dict[str, Any] = {}
    stage = _STAGES.get(type(event), Stage.OPEN)
    if _ORDER.index(stage) > _ORDER.index(_stage(row["stage"])):
        changed["stage"] = stage
    if stage in (Stage.CARD_ACTIVE, Stage.SYNCED):
        changed["finished"] = True
    match event:
        case domain.PageRead(document=document):
            changed["document_key"] = document.key
        case domain.DocumentInspected(inspection=inspection):
            changed["document_key"] = inspection.document.key
        case domain.StayAssessed(entitlement=entitlement) if entitlement.until is not None:
            first = entitlement.until - timedelta(days=entitlement.days - 1)
            changed["entry_on"] = first.isoformat()
        case domain.CaseDecided(outcome=DecisionOutcome.GRANTED):
            changed |= {"granted": True, "entry_on": row["entry_on"] or time_text(event.at)[:10]}
        case domain.CaseDecided():
            changed["finished"] = True
        case domain.CardReserved(card=card):
            changed["entry_on"] = card.entry_date.isoformat()
    return changed


def _audited(commit: Commit, event_digest: str) -> dict[str, str]:
    """The codes, ids and digests of a commit; nothing else of the event is looked at."""
    details = {EVENT_DIGEST: event_digest, EVENT_POSITION: str(commit.expected)}
    details |= {name: str(value) for name in _AUDITED if (value := getattr(commit.event, name, ""))}
    match commit.event:
        case domain.DocumentInspected(inspection=inspection):
            details["overall"] = inspection.overall.replace(" ", "_")
        case domain.StayAssessed(entitlement=entitlement):
            details |= {"rule": entitlement.rule, "stay": ",".join(entitlement.reasons)}
    numbers = {"card_number": commit.card_number, "void_number": commit.void_number}
    details |= {name: number for name, number in numbers.items() if number}
    if commit.stock:
        details["stock"] = ",".join(f"{m.chip_serial}:{m.source}>{m.target}" for m in commit.stock)
    if commit.outbox:
        details["messages"] = ",".join(message.id for message in commit.outbox)
    return details


def _listed(row: Any) -> CaseRow:
    try:
        opened = datetime.fromisoformat(row.opened_at)
    except ValueError:
        raise damaged(f"case {row.row}") from None
    return CaseRow(row.case_id, _stage(row.stage), opened, bool(row.finished))


def _stage(name: str) -> Stage:
    try:
        return Stage(name)
    except ValueError:
        raise damaged("stage of a case") from None


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise damaged("entry day of a case") from None
