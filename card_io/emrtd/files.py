"""Reading elementary files block by block (Doc 9303-10 sections 3.5, 3.6; ISO/IEC 7816-4 section 7.2.3).

Owns block sizes and limits. A file says its own length in its first bytes and is never believed beyond
`MAX_FILE`; a chip that refuses a block size is asked for smaller ones, and the lesson is kept for the whole
session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from card_io.apdu import SW, Command, Ins, Link
from card_io.errors import FileMissing, MalformedCardData, StatusError
from card_io.lds.index import ElementaryFile
from card_io.tlv import Tlv, read_header

BLOCK = 223  # plain bytes that fit a protected short answer with any cipher
SMALLEST_BLOCK = 16
MAX_FILE = 0x10000 + 0xFF  # offsets end at FFFF
_HEADER = 8  # first read: tag and length of anything up to MAX_FILE
_FAR = 0x8000  # READ BINARY B0 reaches offsets below, B1 all
_OFFSET, _DATA = 0x54, 0x53  # data objects of READ BINARY with odd instruction
_FAR_OVERHEAD = 4  # tag and length of object 53
_STEPS = (1000, BLOCK, 160, 96, 48, SMALLEST_BLOCK)  # 160: chips of NFCPassportReader #24
_SHORT_ANSWERS = 64  # how many blocks may come back shorter than asked for
_GOOD = (SW.OK, SW.END_OF_FILE)

Advance = Callable[[int, int], None]


@dataclass
class BlockSize:
    """Bytes asked for at a time; only ever gets smaller."""

    size: int = BLOCK

    def shrink(self, sw: int, wanted: int) -> bool:
        """Whether `sw` refuses the size (6700, 6Cxx, 6B00) and there is a smaller one; it is taken then."""
        if sw not in (SW.WRONG_LENGTH, SW.WRONG_OFFSET) and sw >> 8 != 0x6C:
            return False
        offered = sw & 0xFF if sw >> 8 == 0x6C else 0
        smaller = [step for step in (offered, *_STEPS) if SMALLEST_BLOCK <= step < wanted]
        self.size = smaller[0] if smaller else self.size
        return bool(smaller)


def select_file(link: Link, file: ElementaryFile) -> None:
    """Select by identifier; FileMissing for 6A82, else StatusError."""
    command = Command(0x00, Ins.SELECT, 0x02, 0x0C, file.fid.to_bytes(2, "big"))
    response = link.send(command)
    if response.sw in (SW.FILE_NOT_FOUND, SW.REFERENCED_DATA_NOT_FOUND):
        raise FileMissing(f"{file.name} is not on the chip")
    if not response.ok and response.sw >> 8 not in (0x62, 0x63):
        raise StatusError(response.sw, command.ins)


def read_file(link: Link, file: ElementaryFile, block: BlockSize, advance: Advance) -> bytes:
    """The whole file, header included; `advance(done, total)` is called before every block and at the end.

    Raises FileMissing, StatusError (6982: not allowed), MalformedCardData (no object, too long, ends early).
    """
    advance(0, 0)
    select_file(link, file)
    content = bytearray(_read(link, 0, _HEADER, block))
    header = read_header(bytes(content))
    if header.total > MAX_FILE:
        raise MalformedCardData(f"{file.name} claims {header.total} bytes")
    if file.tag is not None and header.tag != file.tag:
        raise MalformedCardData(f"{file.name} starts with object {header.tag:X}")
    for data in _blocks(link, len(content), header.total, block, advance):
        content += data
    return bytes(content[: header.total])


def _blocks(link: Link, done: int, total: int, block: BlockSize, advance: Advance) -> Iterator[bytes]:
    short = 0
    while done < total:
        advance(done, total)
        wanted = min(block.size, total - done)
        data = _read(link, done, wanted, block)
        short += len(data) < min(wanted, block.size)
        if not data or short > _SHORT_ANSWERS:
            raise MalformedCardData("file ends before its length")
        done += len(data)
        yield data
    advance(total, total)


def _read(link: Link, offset: int, wanted: int, block: BlockSize) -> bytes:
    """At most `wanted` bytes of the selected file; asks for less while the chip refuses the size."""
    far = offset >= _FAR
    while True:
        command = _far_read(offset, wanted) if far else _near_read(offset, wanted)
        response = link.send(command)
        if response.sw in (SW.OK, SW.END_OF_FILE):
            return (_unwrap(response.data) if far else response.data)[:wanted]
        if not block.shrink(response.sw, wanted):
            raise StatusError(response.sw, command.ins)
        wanted = block.size


def _near_read(offset: int, wanted: int) -> Command:
    return Command(0x00, Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=wanted)


def _far_read(offset: int, wanted: int) -> Command:
    """Odd instruction: offset and data travel in objects."""
    data = Tlv.of(_OFFSET, offset.to_bytes(2, "big"))
    return Command(0x00, Ins.READ_BINARY_ODD, 0, 0, data, wanted + _FAR_OVERHEAD)


def _unwrap(data: bytes) -> bytes:
    content = Tlv(data)
    if content.tag != _DATA:
        raise MalformedCardData("answer is not a data object")
    return content.value
