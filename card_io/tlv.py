"""BER-TLV data objects of ISO/IEC 7816-4 section 5.2.2: parse once, keep the bytes, never disagree with them.

Owns tags, definite lengths and nesting of everything chips send. Strict: no indefinite length, no trailing
bytes, no object longer than its input, at most `MAX_DEPTH` levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from card_io.errors import MalformedCardData

MAX_DEPTH = 24  # deepest object of Doc 9303-10 is the ISO/IEC 39794-5 face image at 14
MAX_TAG_BYTES = 3
MAX_LENGTH_BYTES = 4
_CONSTRUCTED = 0x20


class Header(NamedTuple):
    """Tag, size of tag and length fields together, and length of the value, all in bytes."""

    tag: int
    size: int
    length: int

    @property
    def total(self) -> int:
        """Bytes of the whole object."""
        return self.size + self.length


class Tlv(bytes):
    """One data object: the bytes are its complete encoding, `tag` and `value` its parts."""

    tag: int
    value: bytes
    _depth: int

    def __new__(cls, encoded: bytes, *, depth: int = 0) -> Tlv:
        """Parse exactly one object; MalformedCardData if there is less or more."""
        return cls._made(encoded, read_header(encoded), depth)

    @classmethod
    def _made(cls, encoded: bytes, header: Header, depth: int) -> Tlv:
        if header.size + header.length != len(encoded):
            raise MalformedCardData(f"object {header.tag:X} does not fill its {len(encoded)} bytes")
        self = super().__new__(cls, encoded)
        self.tag = header.tag
        self.value = bytes(encoded[header.size :])
        self._depth = depth
        return self

    @classmethod
    def of(cls, tag: int, value: bytes | Iterable[bytes] = b"") -> Tlv:
        """Build an object from its value, or from its children in order (lengths in shortest form)."""
        content = value if isinstance(value, bytes) else b"".join(value)
        if not 0 < tag <= 0xFF or tag & 0x1F == 0x1F:
            return cls(_encode_tag(tag) + _encode_length(len(content)) + content)
        self = super().__new__(cls, bytes((tag,)) + _encode_length(len(content)) + content)
        self.tag, self.value, self._depth = tag, bytes(content), 0
        return self

    @property
    def constructed(self) -> bool:
        """Whether the tag says that the value consists of objects."""
        return bool(self[0] & _CONSTRUCTED)

    def children(self) -> tuple[Tlv, ...]:
        """The objects inside; MalformedCardData if the value is not made of whole objects."""
        return parse_all(self.value, depth=self._depth + 1)

    def child(self, tag: int) -> Tlv | None:
        """First child with the tag, or None."""
        return next((child for child in self.children() if child.tag == tag), None)

    def require(self, tag: int) -> Tlv:
        """First child with the tag; MalformedCardData if there is none."""
        child = self.child(tag)
        if child is None:
            raise MalformedCardData(f"object {tag:X} missing in {self.tag:X}")
        return child

    def __repr__(self) -> str:
        return f"Tlv({self.tag:X}, {len(self.value)} bytes)"

    def __str__(self) -> str:
        return repr(self)


def parse_all(data: bytes, *, depth: int = 0) -> tuple[Tlv, ...]:
    """All objects of a concatenation, none left over."""
    if depth > MAX_DEPTH:
        raise MalformedCardData("objects nested too deeply")
    objects: list[Tlv] = []
    position = 0
    while position < len(data):
        header = read_header(data[position : position + 1 + MAX_TAG_BYTES + MAX_LENGTH_BYTES])
        total = header.size + header.length
        objects.append(Tlv._made(data[position : position + total], header, depth))
        position += total
    return tuple(objects)


def read_header(data: bytes) -> Header:
    """Tag and length at the start of `data`, which may end before the value does."""
    if len(data) > 1 and data[0] & 0x1F != 0x1F and data[1] < 0x80:  # most of them
        return Header(data[0], 2, data[1])
    tag, position = _read_tag(data)
    if position >= len(data):
        raise MalformedCardData("object ends before its length")
    first = data[position]
    position += 1
    if first < 0x80:
        return Header(tag, position, first)
    count = first & 0x7F
    if not 1 <= count <= MAX_LENGTH_BYTES or position + count > len(data):
        raise MalformedCardData("length field is not definite or not complete")
    return Header(tag, position + count, int.from_bytes(data[position : position + count], "big"))


def _read_tag(data: bytes) -> tuple[int, int]:
    if not data:
        raise MalformedCardData("no object")
    if data[0] & 0x1F != 0x1F:
        return data[0], 1
    for position in range(1, min(len(data), MAX_TAG_BYTES)):
        if not data[position] & 0x80:
            return int.from_bytes(data[: position + 1], "big"), position + 1
    raise MalformedCardData("tag is too long or not complete")


def _encode_tag(tag: int) -> bytes:
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def _encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    content = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(content)]) + content
