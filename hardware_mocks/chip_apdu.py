"""What the simulated chip understands of the wire: command APDUs, BER-TLV objects and its status words.

ISO/IEC 7816-4 §5 (cases 1 to 4, short and extended length; BER-TLV lengths up to four octets). The chip's
own code: the terminal's parsers live in card_io.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum


class SW(IntEnum):
    """Status words this chip answers (ISO/IEC 7816-4 tables 5 and 6)."""

    OK = 0x9000
    END_OF_FILE = 0x6282
    AUTHENTICATION_FAILED = 0x6300
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    CHANNEL_NOT_SUPPORTED = 0x6881
    LAST_OF_CHAIN_EXPECTED = 0x6883
    CHAINING_NOT_SUPPORTED = 0x6884
    SECURITY_STATUS = 0x6982
    CONDITIONS_OF_USE = 0x6985
    NO_CURRENT_FILE = 0x6986
    SM_OBJECT_MISSING = 0x6987
    SM_OBJECT_WRONG = 0x6988
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    NO_MEMORY = 0x6A84
    WRONG_P1P2 = 0x6A86
    INCONSISTENT_LENGTH = 0x6A87
    REFERENCE_NOT_FOUND = 0x6A88
    FILE_EXISTS = 0x6A89
    WRONG_OFFSET = 0x6B00
    WRONG_LE = 0x6C00  # low byte: the exact length
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    NO_PRECISE_DIAGNOSIS = 0x6F00


class Refusal(Exception):
    """The chip answers this status word (with data, for a warning) instead of 9000."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data


@dataclass(frozen=True)
class ChipCommand:
    """One command as the chip decoded it.

    le: None when absent, else 1..65536; any_length when its octets were zero ("all there is"); extended: the
    form of the length fields.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    any_length: bool = False
    extended: bool = False

    @property
    def p1p2(self) -> int:
        return self.p1 << 8 | self.p2


def decode_command(apdu: bytes) -> ChipCommand:
    """Decode a command APDU; Refusal 6700 when its lengths do not add up."""
    if len(apdu) < 4:
        raise Refusal(SW.WRONG_LENGTH)
    cla, ins, p1, p2, body = *apdu[:4], apdu[4:]
    extended = len(body) >= 3 and body[0] == 0
    data, tail = _split(body[1:], 2) if extended else _split(body, 1)
    return ChipCommand(cla, ins, p1, p2, data, *expected_length(tail), extended)


def _split(body: bytes, width: int) -> tuple[bytes, bytes]:
    """Data and Le octets of a body whose length fields are `width` octets."""
    if len(body) <= width:
        return b"", body
    lc = int.from_bytes(body[:width], "big")
    if not lc or len(body) not in (width + lc, width + lc + width):
        raise Refusal(SW.WRONG_LENGTH)
    return body[width : width + lc], body[width + lc :]


def expected_length(octets: bytes) -> tuple[int | None, bool]:
    """Le of its octets (none, one or two) and whether it means "all there is"."""
    if not octets:
        return None, False
    value = int.from_bytes(octets, "big")
    return value or 1 << 8 * len(octets), not value


@dataclass(frozen=True)
class DataObject:
    """One BER-TLV data object; raw is its complete encoding as received."""

    tag: int
    value: bytes
    raw: bytes


def objects(data: bytes) -> Iterator[DataObject]:
    """The BER-TLV objects of data in order; Refusal 6A80 at the first one that is not well formed."""
    position = 0
    while position < len(data):
        start = position
        tag, position = _tag(data, position)
        length, position = _length(data, position)
        if position + length > len(data):
            raise Refusal(SW.WRONG_DATA)
        position += length
        yield DataObject(tag, data[position - length : position], data[start:position])


def _tag(data: bytes, position: int) -> tuple[int, int]:
    tag = data[position]
    position += 1
    if tag & 0x1F == 0x1F:  # two- and three-octet tags
        for _ in range(2):
            if position >= len(data):
                raise Refusal(SW.WRONG_DATA)
            tag = tag << 8 | data[position]
            position += 1
            if not tag & 0x80:
                return tag, position
        raise Refusal(SW.WRONG_DATA)
    return tag, position


def _length(data: bytes, position: int) -> tuple[int, int]:
    if position >= len(data):
        raise Refusal(SW.WRONG_DATA)
    first = data[position]
    position += 1
    if first < 0x80:
        return first, position
    count = first & 0x7F
    if not 1 <= count <= 4 or position + count > len(data):
        raise Refusal(SW.WRONG_DATA)
    return int.from_bytes(data[position : position + count], "big"), position + count


def template(data: bytes, tag: int) -> dict[int, bytes]:
    """The children, by tag, of the one template `tag` that data must be; Refusal 6A80 otherwise."""
    outer = list(objects(data))
    if len(outer) != 1 or outer[0].tag != tag:
        raise Refusal(SW.WRONG_DATA)
    return {child.tag: child.value for child in objects(outer[0].value)}


def tlv(tag: int, value: bytes) -> bytes:
    """Encode one BER-TLV object with the shortest length."""
    head = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    size = len(value)
    if size < 0x80:
        return head + bytes([size]) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return head + bytes([0x80 | len(octets)]) + octets + value
