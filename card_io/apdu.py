"""Command and response APDUs (ISO/IEC 7816-3 section 12.1, 7816-4 section 5) and the one-method transport.

Owns encoding, status words and two transport habits: 61xx (fetch the rest), 6Cxx (repeat with the right Le).
What a status word means is decided by the layer that sent the command.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

from card_io.errors import MalformedCardData, StatusError

Transmit = Callable[[bytes], bytes]

MAX_SHORT = 256
MAX_EXTENDED = 65536
SECURE = 0x0C  # CLA bits: secure messaging, header authenticated (ISO/IEC 7816-4 table 2)
CHAINED = 0x10  # CLA bit: not the last command of a chain
_MAX_ROUNDS = 300  # of GET RESPONSE: 300 x 256 bytes is more than the largest extended answer


class Ins(IntEnum):
    """Instruction bytes used with travel documents (ISO/IEC 7816-4, -8, -9)."""

    MANAGE_SECURITY_ENVIRONMENT = 0x22
    EXTERNAL_AUTHENTICATE = 0x82
    GET_CHALLENGE = 0x84
    GENERAL_AUTHENTICATE = 0x86
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    READ_BINARY = 0xB0
    READ_BINARY_ODD = 0xB1
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCA


class SW(IntEnum):
    """Status words with a meaning of their own (ISO/IEC 7816-4 section 5.6, Doc 9303-10, -11)."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    AUTHENTICATION_FAILED = 0x6300
    WRONG_LENGTH = 0x6700
    SECURITY_NOT_SATISFIED = 0x6982
    AUTHENTICATION_BLOCKED = 0x6983
    REFERENCE_DATA_UNUSABLE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_FILE = 0x6986
    SM_OBJECT_MISSING = 0x6987
    SM_OBJECT_INCORRECT = 0x6988
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    NO_SPACE = 0x6A84
    WRONG_P1_P2 = 0x6A86
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    FILE_EXISTS = 0x6A89
    WRONG_OFFSET = 0x6B00
    INSTRUCTION_NOT_SUPPORTED = 0x6D00
    CLASS_NOT_SUPPORTED = 0x6E00


@dataclass(frozen=True)
class Command:
    """A command; `le` is the number of bytes wanted, 0 "all there are" (coded 00 / 0000), None no Le field.

    The extended form is taken when `extended` is set or data (over 255) or le (over 256) need it.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int | None = None
    extended: bool = False

    def __post_init__(self) -> None:
        if (self.cla | self.ins | self.p1 | self.p2) & ~0xFF:
            raise ValueError("header bytes out of range")
        if len(self.data) >= MAX_EXTENDED or not 0 <= (self.le or 0) <= MAX_EXTENDED:
            raise ValueError("data or le out of range")

    @property
    def header_values(self) -> tuple[int, int, int, int]:
        """CLA, INS, P1, P2."""
        return (self.cla, self.ins, self.p1, self.p2)

    @property
    def header(self) -> bytes:
        """The four header bytes."""
        return bytes(self.header_values)

    @property
    def is_extended(self) -> bool:
        """Whether the extended length form is used."""
        return self.extended or len(self.data) > 0xFF or (self.le or 0) > MAX_SHORT

    def encode(self) -> bytes:
        """The bytes on the wire (ISO/IEC 7816-3 section 12.1.3)."""
        if not self.is_extended:
            lc = bytes([len(self.data)]) if self.data else b""
            le = b"" if self.le is None else bytes([self.le % MAX_SHORT])
            return self.header + lc + self.data + le
        lc = b"\x00" + len(self.data).to_bytes(2, "big") if self.data else b""
        le = b"" if self.le is None else (self.le % MAX_EXTENDED).to_bytes(2, "big")
        return self.header + lc + self.data + (b"\x00" + le if le and not lc else le)

    @classmethod
    def parse(cls, raw: bytes) -> Command:
        """Inverse of `encode`; MalformedCardData for anything that is no command."""
        if len(raw) < 4:
            raise MalformedCardData("command shorter than its header")
        body = raw[4:]
        extended = len(body) > 2 and body[0] == 0
        data, le_field = _split_extended(body[1:]) if extended else _split_short(body)
        le = int.from_bytes(le_field, "big") if le_field else None
        return cls(raw[0], raw[1], raw[2], raw[3], data, le, extended)


@dataclass(frozen=True)
class Response:
    """Data and status word."""

    data: bytes = field(repr=False)
    sw: int

    @property
    def ok(self) -> bool:
        """Status 9000."""
        return self.sw == SW.OK

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return self.data + self.sw.to_bytes(2, "big")

    @classmethod
    def parse(cls, raw: bytes) -> Response:
        """Split off the status word; MalformedCardData for less than two or more than 65538 bytes."""
        if not 2 <= len(raw) <= MAX_EXTENDED + 2:
            raise MalformedCardData(f"answer of {len(raw)} bytes")
        return cls(bytes(raw[:-2]), int.from_bytes(raw[-2:], "big"))


class Link(Protocol):
    """A card that takes commands; raises CardRemoved or CardSilent when there is no answer."""

    def send(self, command: Command) -> Response:
        """Answer of the card, whatever its status word."""
        ...


class BytesLink:
    """A Link over any function that carries command bytes to a card; follows 61xx and 6Cxx."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    @property
    def transmit(self) -> Transmit:
        """The function underneath, for who wants to stand between."""
        return self._transmit

    def send(self, command: Command) -> Response:
        """Exchange one command; MalformedCardData if the card answers without end."""
        response = self._exchange(command)
        if response.sw >> 8 == 0x6C and not command.cla & SECURE:
            response = self._exchange(replace(command, le=response.sw & 0xFF or MAX_SHORT))
        return self._collect(command, response) if response.sw >> 8 == 0x61 else response

    def _exchange(self, command: Command) -> Response:
        return Response.parse(self._transmit(command.encode()))

    def _collect(self, command: Command, response: Response) -> Response:
        """ISO/IEC 7816-4 section 5.3.4: fetch what is left, on the same logical channel."""
        collected = bytearray(response.data)
        for _ in range(_MAX_ROUNDS):
            if response.sw >> 8 != 0x61 or len(collected) > MAX_EXTENDED:
                break
            rest = Command(command.cla & 0x03, Ins.GET_RESPONSE, 0, 0, le=response.sw & 0xFF)
            response = self._exchange(rest)
            collected += response.data
        if response.sw >> 8 == 0x61 or len(collected) > MAX_EXTENDED:
            raise MalformedCardData("answer without end")
        return Response(bytes(collected), response.sw)


def expect(response: Response, command: Command, ok: Container[int] = (SW.OK,)) -> Response:
    """The response itself if its status word is among `ok`; StatusError otherwise."""
    if response.sw not in ok:
        raise StatusError(response.sw, command.ins)
    return response


def _split_short(body: bytes) -> tuple[bytes, bytes]:
    if len(body) <= 1:
        return b"", body
    return _split(body[1:], body[0])


def _split_extended(body: bytes) -> tuple[bytes, bytes]:
    if len(body) == 2:
        return b"", body
    return _split(body[2:], int.from_bytes(body[:2], "big"), le_size=2)


def _split(rest: bytes, length: int, *, le_size: int = 1) -> tuple[bytes, bytes]:
    if length == 0 or len(rest) not in (length, length + le_size):
        raise MalformedCardData("command length does not match its data")
    return rest[:length], rest[length:]
