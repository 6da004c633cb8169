"""Messages to the registry: written with the event that causes them, kept until acknowledged.

States: NEW (waiting or to be tried again), SENT (the registry has it), REFUSED (a person must look).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import OutboxMessage, QueueState
from kiosk.storage import schema
from kiosk.storage.encoding import damaged, json_text, object_of, time_text

NEW, SENT, REFUSED = "NEW", "SENT", "REFUSED"
ERROR_LENGTH = 200
outbox = schema.outbox


def add(connection: Connection, messages: Iterable[OutboxMessage], at: datetime) -> None:
    """EVENT_CONFLICT for an id used before, EVENT_REFUSED for a message that leans on none."""
    for message in messages:
        known = select(outbox.c.id).where(outbox.c.id == message.depends_on)
        if message.depends_on and connection.execute(known).first() is None:
            raise KioskError(ErrorCode.EVENT_REFUSED, "a message depends on one that was never queued")
        try:
            connection.execute(insert(outbox).values(_row(message, at)))
        except IntegrityError:
            raise KioskError(ErrorCode.EVENT_CONFLICT, "a message of that id was queued before") from None


def due(connection: Connection, now: datetime, limit: int) -> tuple[OutboxMessage, ...]:
    """Waiting messages whose time has come and whose predecessor was acknowledged, oldest first."""
    before = outbox.alias("before")
    free = or_(outbox.c.depends_on.is_(None), before.c.state == SENT)
    rows = connection.execute(
        select(outbox)
        .outerjoin(before, outbox.c.depends_on == before.c.id)
        .where(outbox.c.state == NEW, outbox.c.next_try <= time_text(now), free)
        .order_by(outbox.c.row)
        .limit(limit)
    )
    return tuple(_message(row) for row in rows)


def sent(connection: Connection, message_id: str, at: datetime) -> None:
    _change(connection, message_id, state=SENT, changed_at=time_text(at), last_error="")


def failed(connection: Connection, message_id: str, at: datetime, next_try: datetime, error: str) -> None:
    times = {"changed_at": time_text(at), "next_try": time_text(next_try)}
    _change(connection, message_id, attempts=outbox.c.attempts + 1, last_error=error[:ERROR_LENGTH], **times)


def refused(connection: Connection, message_id: str, at: datetime, error: str) -> None:
    _change(connection, message_id, state=REFUSED, changed_at=time_text(at), last_error=error[:ERROR_LENGTH])


def queue(connection: Connection) -> QueueState:
    """How many messages wait, were sent, were refused; and since when the oldest waits."""
    rows = connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
    counts = {row.state: row[1] for row in rows}
    oldest = connection.execute(select(func.min(outbox.c.created_at)).where(outbox.c.state == NEW)).scalar()
    cases = connection.execute(
        select(func.count(func.distinct(outbox.c.case_id))).where(outbox.c.state == NEW)
    ).scalar_one()
    return QueueState(
        cases=cases,
        waiting=counts.get(NEW, 0),
        sent=counts.get(SENT, 0),
        refused=counts.get(REFUSED, 0),
        oldest=None if oldest is None else datetime.fromisoformat(oldest),
    )


def _change(connection: Connection, message_id: str, **values: Any) -> None:
    """A message that was sent stays so: a late answer to an earlier try changes nothing."""
    mine = (outbox.c.id == message_id) & (outbox.c.state != SENT)
    if connection.execute(update(outbox).where(mine).values(**values)).rowcount == 1:
        return
    if connection.execute(select(outbox.c.id).where(outbox.c.id == message_id)).first() is None:
        raise damaged("outbox: no such message")


def _row(message: OutboxMessage, at: datetime) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "case_id": message.case_id,
        "body": json_text(message.body),
        "depends_on": message.depends_on or None,
        "state": NEW,
        "attempts": 0,
        "created_at": time_text(at),
        "next_try": time_text(at),
        "last_error": "",
    }


def _message(row: Any) -> OutboxMessage:
    body = object_of(row.body, f"outbox {row.row}")
    return OutboxMessage(row.id, row.kind, row.case_id, body, row.depends_on or "")
