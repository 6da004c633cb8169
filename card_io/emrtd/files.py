"""Reading elementary files block by block (Doc 9303-10 sections 3.5, 3.6; ISO/IEC 7816-4 section 7.2.3).

Owns how a file is reached and how much is asked for at a time. A file is reached by its short identifier,
its first block tells its length, so that a file costs size / block commands and no more. What a chip
refuses (short identifiers, reads beyond the end, long or extended blocks) is learned once and kept in
`BlockSize` for the whole chip. A length is never believed beyond `MAX_FILE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from card_io.apdu import MAX_EXTENDED, MAX_SHORT, SW, Command, Ins, Link, Response
from card_io.errors import FileMissing, MalformedCardData, StatusError
from card_io.lds.card_info import CardInfo
from card_io.lds.index import ElementaryFile
from card_io.tlv import Tlv, read_header

BLOCK = 223  # plain bytes that fit a protected short answer with any cipher
EXTENDED_BLOCK = 1000  # first try with chips that announce extended length without a size
SMALLEST_BLOCK = 16
MAX_FILE = 0x10000 + 0xFF  # offsets end at FFFF
# No honest one comes near; an endless one ends early.
_SMALL = {"EF.COM": 0x400, "EF.CardAccess": 0x1000, "EF.CardSecurity": 0x4000}
_HEADER = 8  # tag and length of anything up to MAX_FILE
_FAR = 0x8000  # READ BINARY B0 reaches offsets below, B1 all
_OFFSET, _DATA = 0x54, 0x53  # data objects of READ BINARY with odd instruction
_STEPS = (EXTENDED_BLOCK, BLOCK, 160, 96, 48, SMALLEST_BLOCK)  # 160: chips of NFCPassportReader #24
_PROTECTION = 3 + 1 + 1 + 4 + 10 + 2  # objects 87, 99 and 8E around the cryptogram, and the status word
_CIPHER_BLOCK = 16
_SHORT_ANSWERS = 64  # how many blocks may come back with less than half of what was asked for
_GOOD = (SW.OK, SW.END_OF_FILE)
_MISSING = (SW.FILE_NOT_FOUND, SW.REFERENCED_DATA_NOT_FOUND)
_SHORT_ID = 0x80  # P1 of READ BINARY with a short identifier in it

Advance = Callable[[int, int], None]
Read = Callable[[int, int], Response]


@dataclass
class BlockSize:
    """What was learned about a chip: bytes asked for at a time (only ever fewer) and its habits.

    `header_first`: it refuses to read beyond the end of a file. `short_ids`: whether short identifiers work
    in the master file (True) and in the application (False); not in it: not known yet.
    """

    size: int = BLOCK
    header_first: bool = False
    short_ids: dict[bool, bool] = field(default_factory=dict)
    _last: tuple[ElementaryFile | None, bool, int] = (None, False, 0)

    def shrink(self, sw: int, wanted: int) -> bool:
        """Whether `sw` refuses the size (6700, 6Cxx, 6B00; any if extended) and a smaller one is taken."""
        if not (refuses_length(sw) or wanted > MAX_SHORT):
            return False
        offered = sw & 0xFF if sw >> 8 == 0x6C else 0
        smaller = [step for step in (offered, *_STEPS) if SMALLEST_BLOCK <= step < wanted]
        if smaller:
            self.size, self.header_first = smaller[0], False
        return bool(smaller)

    def note(self, file: ElementaryFile | None, first: bool, wanted: int) -> None:
        """Keep what is being tried: `file` by its short identifier or None, `first` block, so many bytes."""
        self._last = (file, first, wanted)

    def forget(self) -> None:
        """What comes next is no read."""
        self._last = (None, False, 0)

    def learn(self, sw: int | None) -> bool:
        """What a session that broke over the last read teaches; whether to try the file again.

        `sw` is the plain status that ended it, None for an answer that was not authentic.
        """
        file, first, wanted = self._last
        if first and not self.header_first and sw is not None and refuses_length(sw):
            self.header_first = True
            return True
        if self.shrink(sw or 0, wanted):
            return True
        if file is not None and file.in_mf not in self.short_ids:
            self.short_ids[file.in_mf] = False
            return True
        return False


def refuses_length(sw: int) -> bool:
    """Whether a status word speaks of Le or of the end of the file."""
    return sw in (SW.WRONG_LENGTH, SW.WRONG_OFFSET) or sw >> 8 == 0x6C


def block_for(info: CardInfo | None, limit: int = 0) -> int:
    """Plain bytes to ask for at a time, from what a chip announces (Doc 9303-10 section 3.6.4).

    `limit` is the longest answer the reader carries in bytes, 0 unknown. Short blocks unless the chip says
    that it takes extended length.
    """
    if info is None or not info.extended_length:
        return BLOCK
    announced = info.max_response or EXTENDED_BLOCK + _PROTECTION + 2 * _CIPHER_BLOCK
    room = protected_room(min(announced, limit or announced, MAX_EXTENDED))
    room = room if info.max_response else min(room, EXTENDED_BLOCK)
    return room if room > MAX_SHORT else BLOCK  # in between, a short answer could not carry its protection


def protected_room(answer: int) -> int:
    """Plain bytes that fit a protected answer of `answer` bytes, status word included, with any cipher."""
    return (answer - _PROTECTION) // _CIPHER_BLOCK * _CIPHER_BLOCK - 1


def select_file(link: Link, file: ElementaryFile) -> None:
    """Select by identifier; FileMissing for 6A82, else StatusError. No Le: German chips refuse it."""
    command = Command(0x00, Ins.SELECT, 0x02, 0x0C, file.fid.to_bytes(2, "big"))
    response = link.send(command)
    if response.sw in _MISSING:
        raise FileMissing(f"{file.name} is not on the chip")
    if not response.ok and response.sw >> 8 not in (0x62, 0x63):
        raise StatusError(response.sw, command.ins)


def read_file(link: Link, file: ElementaryFile, block: BlockSize, advance: Advance) -> bytes:
    """The whole file, header included; `advance(done, total)` is called before every block and at the end.

    Raises FileMissing, StatusError (6982: not allowed), MalformedCardData (no object, too long, ends early).
    """
    advance(0, 0)
    content = bytearray(_by_short_id(link, file, block) or _selected(link, file, block))
    header = read_header(bytes(content[:_HEADER]))
    if header.total > _SMALL.get(file.name, MAX_FILE):
        raise MalformedCardData(f"{file.name} claims {header.total} bytes")
    if file.tag is not None and header.tag != file.tag:
        raise MalformedCardData(f"{file.name} starts with object {header.tag:X}")
    for data in _blocks(link, file, len(content), header.total, block, advance):
        content += data
    return bytes(content[: header.total])


def read_announcement(link: Link, file: ElementaryFile) -> bytes:
    """A short file of bare objects in the master file, as far as one short block goes; b"" if not to be had.

    Two commands at most and no status word is an error: the file is a hint.
    """
    response = link.send(Command(0x00, Ins.READ_BINARY, _SHORT_ID | file.sfi, 0, le=MAX_SHORT))
    return response.data if response.sw in _GOOD else b""


def _by_short_id(link: Link, file: ElementaryFile, block: BlockSize) -> bytes | None:
    """The first block by short identifier; None if the file must be selected."""
    known = block.short_ids.get(file.in_mf)
    if known is False:
        return None

    def read(offset: int, wanted: int) -> Response:
        block.note(file, True, wanted)
        return link.send(Command(0x00, Ins.READ_BINARY, _SHORT_ID | file.sfi, offset, le=wanted))

    try:
        data = _first(read, block)
    except StatusError as error:
        if known and error.sw in _MISSING:
            raise FileMissing(f"{file.name} is not on the chip") from error
        if known or error.sw == SW.SECURITY_NOT_SATISFIED:
            raise
        return None
    if data and (known or _starts(data, file)):
        block.short_ids[file.in_mf] = True
        return data
    return None


def _selected(link: Link, file: ElementaryFile, block: BlockSize) -> bytes:
    """The first block after a selection; it worked where the short identifier did not, so that is noted."""
    select_file(link, file)

    def read(offset: int, wanted: int) -> Response:
        block.note(None, True, wanted)
        return link.send(_near_read(offset, wanted))

    data = _first(read, block)
    if data and _starts(data, file):
        block.short_ids.setdefault(file.in_mf, False)
    return data


def _starts(data: bytes, file: ElementaryFile) -> bool:
    return file.tag is None or data.startswith(bytes([file.tag]))


def _first(read: Read, block: BlockSize) -> bytes:
    """The first block; after a refusal only the header, and it tells whether the size or the end was why."""
    wanted = _HEADER if block.header_first else block.size
    response = read(0, wanted)
    if response.sw in _GOOD and response.data:
        return response.data
    if wanted == _HEADER or response.sw in (*_MISSING, SW.SECURITY_NOT_SATISFIED):
        raise StatusError(response.sw, Ins.READ_BINARY)
    if not (refuses_length(response.sw) or response.sw in _GOOD or wanted > MAX_SHORT):
        raise StatusError(response.sw, Ins.READ_BINARY)
    header = read(0, _HEADER)
    if header.sw not in _GOOD:
        raise StatusError(response.sw, Ins.READ_BINARY)
    if header.data and read_header(header.data).total < wanted:
        block.header_first = True
    elif header.data:
        block.shrink(response.sw, wanted)
    return header.data


def _blocks(
    link: Link, file: ElementaryFile, done: int, total: int, block: BlockSize, advance: Advance
) -> Iterator[bytes]:
    short = 0
    while done < total:
        advance(done, total)
        wanted = min(block.size, total - done)
        data = _read(link, file, done, wanted, block)
        short += len(data) < min(wanted, block.size) // 2
        if not data or short > _SHORT_ANSWERS:
            raise MalformedCardData("file ends before its length")
        done += len(data)
        yield data
    advance(total, total)


def _read(link: Link, file: ElementaryFile, offset: int, wanted: int, block: BlockSize) -> bytes:
    """At most `wanted` bytes of the current file; asks for less while the chip refuses the size."""
    far = offset >= _FAR
    while True:
        command = _far_read(offset, wanted, block.size) if far else _near_read(offset, wanted)
        block.note(None, False, wanted)
        response = link.send(command)
        if response.sw in _GOOD:
            return (_unwrap(response.data) if far else response.data)[:wanted]
        if response.sw == SW.NO_CURRENT_FILE and block.short_ids.get(file.in_mf):
            block.short_ids[file.in_mf] = False  # a short identifier reads but does not select
            select_file(link, file)
        elif block.shrink(response.sw, wanted):
            wanted = block.size
        else:
            raise StatusError(response.sw, command.ins)


def _near_read(offset: int, wanted: int) -> Command:
    return Command(0x00, Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=wanted)


def _far_read(offset: int, wanted: int, room: int) -> Command:
    """Odd instruction: offset and data travel in objects, and the object around the data takes room too."""
    data = Tlv.of(_OFFSET, offset.to_bytes(2, "big"))
    around = 2 if wanted < 0x80 else 3 if wanted < 0x100 else 4
    return Command(0x00, Ins.READ_BINARY_ODD, 0, 0, data, min(wanted + around, max(room, SMALLEST_BLOCK)))


def _unwrap(data: bytes) -> bytes:
    content = Tlv(data)
    if content.tag != _DATA:
        raise MalformedCardData("answer is not a data object")
    return content.value
