"""Traces of what was said to a chip: record, redact, replay (a failure in the field becomes a test).

Owns the trace format: pairs of command and answer in hexadecimal. Redaction is an allow-list: unless the
command is known to carry nothing personal and nothing that helps to guess a password, its data and its
answer become zeros of the same length. A redacted trace documents; only a whole one replays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from card_io.apdu import SECURE, Command, Ins, Link, Response
from card_io.errors import MalformedCardData

_CREATE_FILE, _ACTIVATE = 0xE0, 0x44
_REFUSED = b"\x6f\x00"
_HARMLESS = frozenset(
    {
        Ins.SELECT,
        Ins.MANAGE_SECURITY_ENVIRONMENT,
        Ins.GENERAL_AUTHENTICATE,  # PACE resists guessing by who listens (BSI TR-03110-1 section 2.3)
        Ins.GET_CHALLENGE,
        _CREATE_FILE,
        _ACTIVATE,
    }
)


@dataclass(frozen=True)
class Exchange:
    """One command and its answer, as on the wire; `redacted` when data was replaced by zeros."""

    command: bytes = field(repr=False)
    response: bytes = field(repr=False)
    redacted: bool = False


Redaction = Callable[[Command, Response], Exchange]


def keep_everything(command: Command, response: Response) -> Exchange:
    """No redaction: for specimen documents only."""
    return Exchange(command.encode(), response.encode())


def redact(command: Command, response: Response) -> Exchange:
    """Zeros for all data of commands outside the allow-list and of everything under secure messaging."""
    if command.ins in _HARMLESS and not command.cla & SECURE:
        return keep_everything(command, response)
    blank = Command(*command.header_values, bytes(len(command.data)), command.le, command.extended)
    hidden = Response(bytes(len(response.data)), response.sw)
    return Exchange(blank.encode(), hidden.encode(), redacted=bool(command.data or response.data))


class Recorder:
    """A Link that keeps what passes through it."""

    def __init__(self, link: Link, redaction: Redaction = redact) -> None:
        self._link = link
        self._redaction = redaction
        self._exchanges: list[Exchange] = []

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was said so far."""
        return tuple(self._exchanges)

    def send(self, command: Command) -> Response:
        """Pass the command on and note both sides."""
        response = self._link.send(command)
        self._exchanges.append(self._redaction(command, response))
        return response


class Replay:
    """A Link that answers as the recorded chip did, as long as it hears the recorded commands in order."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._exchanges = tuple(exchanges)
        self.position = 0
        if any(exchange.redacted for exchange in self._exchanges):
            raise MalformedCardData("a redacted trace cannot be replayed")

    @property
    def finished(self) -> bool:
        """Whether every recorded command was heard."""
        return self.position == len(self._exchanges)

    def send(self, command: Command) -> Response:
        """The recorded answer; MalformedCardData when the command is not the recorded one."""
        if self.finished or self._exchanges[self.position].command != command.encode():
            raise MalformedCardData(f"trace differs at command {self.position}")
        self.position += 1
        return Response.parse(self._exchanges[self.position - 1].response)

    def transmit(self, raw: bytes) -> bytes:
        """The same on bytes, as a card behind a reader; a command not in the trace is refused with 6F00."""
        try:
            return self.send(Command.parse(raw)).encode()
        except MalformedCardData:
            return _REFUSED


def dump(exchanges: Iterable[Exchange]) -> str:
    """The trace as JSON: a list of {"command", "response", "redacted"}."""
    return json.dumps(
        [
            {"command": item.command.hex(), "response": item.response.hex(), "redacted": item.redacted}
            for item in exchanges
        ],
        indent=1,
    )


def load(text: str) -> tuple[Exchange, ...]:
    """Inverse of `dump`; also reads plain [command, response] pairs, and those in an object as "apdus", as
    published traces have them; MalformedCardData for anything else.
    """
    try:
        rows = json.loads(text)
        rows = rows["apdus"] if isinstance(rows, dict) else rows
        return tuple(_exchange(row) for row in rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedCardData("not a trace") from error


def _exchange(row: object) -> Exchange:
    if isinstance(row, dict):
        return Exchange(bytes.fromhex(row["command"]), bytes.fromhex(row["response"]), bool(row["redacted"]))
    if isinstance(row, list) and len(row) == 2:
        return Exchange(bytes.fromhex(row[0]), bytes.fromhex(row[1]))
    raise MalformedCardData("not an exchange")
