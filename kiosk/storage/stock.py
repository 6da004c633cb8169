"""The ledger of blanks by chip serial, and the station's block of card numbers."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from kiosk.domain.card import SERIAL_DIGITS, card_number
from kiosk.domain.stock import BlankState, StockMove
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import schema
from kiosk.storage.encoding import damaged, time_text

blanks, moves, numbers = schema.blanks, schema.stock_moves, schema.card_numbers


def receive(connection: Connection, serials: Iterable[str], *, box: str, actor: str, at: datetime) -> int:
    """Put unknown serials into the ledger as LOADED; how many were new."""
    added = 0
    for serial in dict.fromkeys(serials):
        row = {"chip_serial": serial, "state": BlankState.LOADED, "box": box, "job_id": ""}
        if connection.execute(upsert(blanks).values(row).on_conflict_do_nothing()).rowcount:
            # The vault's part of the way is another ledger's; here a blank appears as LOADED.
            _write_line(connection, serial, BlankState.ISSUED_TO_STATION, BlankState.LOADED, actor, at)
            added += 1
    return added


def apply(connection: Connection, move: StockMove, *, actor: str, at: datetime) -> None:
    """One ledger line. BLANK_UNKNOWN, or BLANK_NOT_LOADED when the blank is not where it should be."""
    known = state(connection, move.chip_serial)
    if known is None:
        raise KioskError(ErrorCode.BLANK_UNKNOWN, "the serial is not in the ledger")
    if known is not move.source:
        raise KioskError(ErrorCode.BLANK_NOT_LOADED, f"the blank is {known}, not {move.source}")
    connection.execute(
        update(blanks)
        .where(blanks.c.chip_serial == move.chip_serial)
        .values(state=move.target, job_id=move.job_id)
    )
    _write_line(connection, move.chip_serial, move.source, move.target, actor, at, move.job_id, move.reason)


def state(connection: Connection, serial: str) -> BlankState | None:
    found = connection.execute(select(blanks.c.state).where(blanks.c.chip_serial == serial)).scalar()
    return None if found is None else _state(found)


def counts(connection: Connection) -> Mapping[BlankState, int]:
    """Blanks per state; states without blanks are left out."""
    rows = connection.execute(select(blanks.c.state, func.count()).group_by(blanks.c.state))
    return {_state(name): count for name, count in rows}


def next_number(connection: Connection, prefix: str) -> str:
    """One more than the highest number taken from the block; NUMBERS_USED_UP."""
    top = connection.execute(select(func.max(numbers.c.serial)).where(numbers.c.prefix == prefix)).scalar()
    try:
        return card_number(prefix, (top or 0) + 1)
    except ValueError as error:
        raise KioskError(ErrorCode.NUMBERS_USED_UP, str(error)) from None


def take_number(connection: Connection, number: str, case_id: str) -> None:
    """EVENT_CONFLICT when the number was taken before, EVENT_REFUSED when it is none of a block."""
    prefix, serial = number[:-SERIAL_DIGITS], number[-SERIAL_DIGITS:]
    if not (len(prefix) == 3 and serial.isascii() and serial.isdigit()):
        raise KioskError(ErrorCode.EVENT_REFUSED, "not a number of a station's block")
    row = {"number": number, "prefix": prefix, "serial": int(serial), "case_id": case_id, "void": False}
    try:
        connection.execute(insert(numbers).values(row))
    except IntegrityError:
        raise KioskError(ErrorCode.EVENT_CONFLICT, "the card number is taken already") from None


def void_number(connection: Connection, number: str, case_id: str) -> None:
    """EVENT_REFUSED when the case never took that number or it is void already."""
    mine = (numbers.c.number == number) & (numbers.c.case_id == case_id) & ~numbers.c.void
    if connection.execute(update(numbers).where(mine).values(void=True)).rowcount != 1:
        raise KioskError(ErrorCode.EVENT_REFUSED, "the number to void is not a live one of this case")


def _state(name: str) -> BlankState:
    try:
        return BlankState(name)
    except ValueError:
        raise damaged("blank state") from None


def _write_line(
    connection: Connection,
    serial: str,
    source: BlankState,
    target: BlankState,
    actor: str,
    at: datetime,
    job_id: str = "",
    reason: str = "",
) -> None:
    line = {"chip_serial": serial, "source": source, "target": target, "job_id": job_id, "reason": reason}
    connection.execute(insert(moves).values(line | {"actor": actor, "at": time_text(at)}))
