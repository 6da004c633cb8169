"""IPP messages as bytes (RFC 8010): the printer's side, which never trusts what comes in.

`decode` raises only IppError. Values keep their tag, so what was read is written the same again.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

MAX_ATTRIBUTES: Final = 2000


class IppError(ValueError):
    """Not an IPP message."""


class Group(IntEnum):
    """Delimiter tags of attribute groups (RFC 8010 3.5.1)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05


class Tag(IntEnum):
    """Value tags (RFC 8010 3.5.2)."""

    UNSUPPORTED = 0x10
    UNKNOWN = 0x12
    NO_VALUE = 0x13
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    OCTETS = 0x30
    DATE_TIME = 0x31
    RESOLUTION = 0x32
    RANGE = 0x33
    BEGIN_COLLECTION = 0x34
    END_COLLECTION = 0x37
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    URI_SCHEME = 0x46
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME = 0x49
    MEMBER_NAME = 0x4A


_TEXTS: Final = frozenset(range(0x40, 0x60)) - {Tag.MEMBER_NAME}
_NUMBERS: Final = frozenset({int(Tag.INTEGER), int(Tag.ENUM)})
Plain = int | bool | str | bytes | tuple[int, ...] | Mapping[str, tuple["Value", ...]]


@dataclass(frozen=True)
class Value:
    """One value: ints for INTEGER and ENUM, str for texts, (x, y, units) for RESOLUTION,
    (low, high) for RANGE, a mapping for collections, bytes for everything else."""

    tag: int
    value: Plain


Attributes = dict[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Message:
    """A request (`code` is the operation) or an answer (`code` is the status)."""

    code: int
    request_id: int
    groups: tuple[tuple[int, Attributes], ...] = ()
    data: bytes = field(default=b"", repr=False)
    version: tuple[int, int] = (2, 0)

    def group(self, tag: int) -> Attributes:
        """The first group of that kind, empty when there is none."""
        return next((attributes for kind, attributes in self.groups if kind == tag), {})


def one(tag: Tag, *values: Plain) -> tuple[Value, ...]:
    """An attribute's values, all with the same tag."""
    return tuple(Value(tag, value) for value in values)


def text_of(values: Sequence[Value] | None, default: str = "") -> str:
    """The first value as text."""
    return values[0].value if values and isinstance(values[0].value, str) else default


def number_of(values: Sequence[Value] | None, default: int = 0) -> int:
    """The first value as a number."""
    return values[0].value if values and isinstance(values[0].value, int) else default


def encode(message: Message) -> bytes:
    """The message as it goes over the wire."""
    out = bytearray(struct.pack(">BBHI", *message.version, message.code, message.request_id))
    for tag, attributes in message.groups:
        out.append(tag)
        for name, values in attributes.items():
            _write(out, name, values)
    out.append(Group.END)
    return bytes(out) + message.data


def _write(out: bytearray, name: str, values: Iterable[Value]) -> None:
    for index, item in enumerate(values):
        _write_one(out, item.tag, name if index == 0 else "", _packed(item))
        if item.tag == Tag.BEGIN_COLLECTION and isinstance(item.value, Mapping):
            for member, members in item.value.items():
                _write_one(out, Tag.MEMBER_NAME, "", member.encode())
                _write(out, "", members)
            _write_one(out, Tag.END_COLLECTION, "", b"")


def _write_one(out: bytearray, tag: int, name: str, content: bytes) -> None:
    label = name.encode()
    out += struct.pack(">BH", tag, len(label)) + label + struct.pack(">H", len(content)) + content


def _packed(item: Value) -> bytes:
    match item.value:
        case bool(flag):
            return bytes([flag])
        case int(number):
            return struct.pack(">i", number)
        case str(text):
            return text.encode()
        case bytes(raw):
            return raw
        case (x, y, units):
            return struct.pack(">iib", x, y, units)
        case (low, high):
            return struct.pack(">ii", low, high)
        case _:
            return b""


class _Reader:
    """Takes bytes from the front and refuses to run past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.attributes = 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IppError("the message ends in the middle of an attribute")
        part = self._data[self._at : self._at + count]
        self._at += count
        return part

    def octet(self) -> int:
        return self.take(1)[0]

    def field(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def peek(self) -> int:
        if self._at >= len(self._data):
            raise IppError("the message has no end tag")
        return self._data[self._at]

    def rest(self) -> bytes:
        return self._data[self._at :]


def decode(data: bytes) -> Message:
    """Parse a message; IppError when it is none."""
    reader = _Reader(data)
    major, minor, code, request_id = struct.unpack(">BBHI", reader.take(8))
    groups: list[tuple[int, Attributes]] = []
    while (tag := reader.octet()) != Group.END:
        if tag >= 0x10:
            raise IppError("an attribute outside of every group")
        groups.append((tag, _read_group(reader)))
    return Message(code, request_id, tuple(groups), reader.rest(), (major, minor))


def _read_group(reader: _Reader) -> Attributes:
    attributes: dict[str, list[Value]] = {}
    name = ""
    while reader.peek() >= 0x10:
        reader.attributes += 1
        if reader.attributes > MAX_ATTRIBUTES:
            raise IppError("too many attributes")
        tag = reader.octet()
        label = _text(reader.field())
        value = _read_value(reader, tag, reader.field(), 0)
        if label:
            name = label
        elif not name:
            raise IppError("a value without an attribute name")
        attributes.setdefault(name, []).append(value)
    return {key: tuple(values) for key, values in attributes.items()}


def _read_value(reader: _Reader, tag: int, raw: bytes, depth: int) -> Value:
    if tag == Tag.BEGIN_COLLECTION:
        return Value(tag, _read_collection(reader, depth + 1))
    if tag in _NUMBERS:
        return Value(tag, _unpack(">i", raw)[0])
    if tag == Tag.BOOLEAN:
        return Value(tag, _unpack(">?", raw)[0])
    if tag == Tag.RESOLUTION:
        return Value(tag, _unpack(">iib", raw))
    if tag == Tag.RANGE:
        return Value(tag, _unpack(">ii", raw))
    return Value(tag, _text(raw) if tag in _TEXTS else raw)


def _read_collection(reader: _Reader, depth: int) -> dict[str, tuple[Value, ...]]:
    if depth > 8:
        raise IppError("collections nested too deep")
    members: dict[str, list[Value]] = {}
    name = ""
    while (tag := reader.octet()) != Tag.END_COLLECTION:
        reader.attributes += 1
        if tag < 0x10 or reader.field() or reader.attributes > MAX_ATTRIBUTES:
            raise IppError("a collection is not closed")
        raw = reader.field()
        if tag == Tag.MEMBER_NAME:
            name = _text(raw)
            members.setdefault(name, [])
        elif not name:
            raise IppError("a collection member without a name")
        else:
            members[name].append(_read_value(reader, tag, raw, depth))
    reader.field()
    reader.field()
    return {key: tuple(values) for key, values in members.items()}


def _unpack(form: str, raw: bytes) -> tuple[int, ...]:
    try:
        return struct.unpack(form, raw)
    except struct.error as error:
        raise IppError("a value of the wrong length") from error


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise IppError("a text that is not UTF-8") from error
