"""The border of ASN.1: slicing that keeps original bytes, and the one place where parser leaks become ours.

asn1crypto parses lazily and answers bad input with ValueError, TypeError, KeyError and friends; everything
that touches outside bytes runs inside `outside_bytes`, so that callers see MalformedData only (ITU-T X.690).
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Protocol

from asn1crypto import core, parser, x509

from crypto.errors import MalformedData

MAX_DEPTH = 40  # the deepest honest structure we know (a CSCA inside a master list) stays below 20
_LEAKS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
_SET, _SEQUENCE = 0x31, 0x30


class AlgorithmIdentifier(core.Sequence):  # type: ignore[misc]
    """RFC 5280 4.1.1.2, without asn1crypto's habit of forcing NULL parameters."""

    _fields: ClassVar = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class SignedBy(Protocol):
    """An algorithm that can say its AlgorithmIdentifier."""

    def dump(self) -> bytes:
        """DER."""


class Element(NamedTuple):
    """One TLV: identifier octet, content without header, and the encoding as found."""

    identifier: int
    content: bytes
    encoded: bytes


class outside_bytes:
    """Runs parsing of bytes from outside; the parser's own errors become MalformedData about `what`."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, _LEAKS):
            raise _malformed(self._what, error) from error


def _malformed(what: str, error: Exception) -> MalformedData:
    return MalformedData(f"{what} is not well-formed ({type(error).__name__})")


def load(spec: Any, data: bytes, what: str) -> Any:
    """Parses one value of the asn1crypto type `spec`, nothing left over."""
    check_nesting(data, what)
    with outside_bytes(what):
        return spec.load(data, strict=True)


def elements(content: bytes, what: str) -> list[Element]:
    """The TLVs that follow each other in `content`."""
    found: list[Element] = []
    offset, size = 0, len(content)
    try:
        while offset < size:
            start, stop, end = _bounds(content, offset)
            found.append(Element(content[offset], content[start:stop], content[offset:end]))
            offset = end
    except _LEAKS as error:
        raise _malformed(what, error) from error
    return found


def _bounds(data: bytes, offset: int) -> tuple[int, int, int]:
    """Where the content of the element at `offset` starts and stops, and where the element ends."""
    position = offset + 1
    if data[offset] & 0x1F == 0x1F:
        while data[position] & 0x80:
            position += 1
        position += 1
    length = data[position]
    position += 1
    if length == 0x80:  # indefinite: ends with two zero bytes
        end = offset + parser.peek(data[offset:])
        return position, end - 2, end
    if length > 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[position : position + count], "big")
        position += count
    if position + length > len(data):
        raise ValueError("truncated")
    return position, position + length, position + length


def single(data: bytes, identifier: int, what: str) -> Element:
    """The one TLV that is `data`; MalformedData when the tag differs or something follows."""
    found = elements(data, what)
    if len(found) != 1 or found[0].identifier != identifier:
        raise MalformedData(f"{what}: not one element of tag {identifier:02X}")
    return found[0]


def sequence(data: bytes, what: str) -> list[Element]:
    """The elements inside the one SEQUENCE that is `data`."""
    return elements(single(data, _SEQUENCE, what).content, what)


def check_nesting(data: bytes, what: str) -> None:
    """Refuses encodings nested deeper than MAX_DEPTH before a recursive parser meets them."""
    pending: list[tuple[int, int, int]] = [(0, len(data), 0)]
    try:
        while pending:
            offset, stop, depth = pending.pop()
            if depth > MAX_DEPTH:
                raise MalformedData(f"{what}: nested deeper than {MAX_DEPTH}")
            while offset < stop:
                start, inner, end = _bounds(data, offset)
                if end > stop:
                    raise ValueError("longer than what it is in")
                if data[offset] & 0x20 and inner > start:
                    pending.append((start, inner, depth + 1))
                offset = end
    except _LEAKS as error:
        raise _malformed(what, error) from error


def encode(identifier: int, content: bytes) -> bytes:
    """A DER TLV with a one-byte tag."""
    length = len(content)
    if length < 0x80:
        return bytes((identifier, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((identifier, 0x80 | len(size))) + size + content


def framed(body: bytes, algorithm: SignedBy, signature: bytes) -> bytes:
    """The frame that certificates, CRLs and requests share: SEQUENCE { body, algorithm, BIT STRING }."""
    return encode(0x30, body + algorithm.dump() + encode(0x03, b"\x00" + signature))


def to_der(data: bytes, what: str) -> bytes:
    """BER to DER as far as signed attributes need it: definite lengths, whole strings, ordered SET OF."""
    check_nesting(data, what)
    return b"".join(_element_to_der(element, what) for element in elements(data, what))


def _element_to_der(element: Element, what: str) -> bytes:
    identifier = element.identifier
    if identifier & 0x1F == 0x1F:
        raise MalformedData(f"{what}: long tag")
    if not identifier & 0x20:
        return encode(identifier, element.content)
    parts = [_element_to_der(part, what) for part in elements(element.content, what)]
    if identifier == 0x24:  # constructed OCTET STRING
        return encode(0x04, b"".join(single(part, 0x04, what).content for part in parts))
    return encode(identifier, b"".join(sorted(parts) if identifier == _SET else parts))


def utc(value: object, what: str) -> datetime:
    """A parsed time as an aware UTC datetime; one without zone is taken as UTC (old certificates)."""
    if not isinstance(value, datetime):
        raise MalformedData(f"{what}: not a time")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def encode_time(moment: datetime) -> Any:
    """X.509 Time: UTCTime to 2049, GeneralizedTime from 2050, whole seconds, Z (Doc 9303-12 7.1)."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    if whole.year < 2050:
        return x509.Time(name="utc_time", value=core.UTCTime(whole))
    return x509.Time(name="general_time", value=core.GeneralizedTime(whole))
