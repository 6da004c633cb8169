"""Block reading against chips with habits: few commands with a good chip, a way through with all others."""

import pytest

from card_io.apdu import Command, Response
from card_io.emrtd.files import (
    BLOCK,
    BlockSize,
    block_for,
    protected_room,
    read_announcement,
    read_file,
)
from card_io.errors import FileMissing, MalformedCardData, StatusError
from card_io.lds.card_info import CardInfo
from card_io.lds.index import FILES
from card_io.tlv import Tlv

DG1, DG2, DG3 = FILES["DG1"], FILES["DG2"], FILES["DG3"]


class Chip:
    """Files in the clear, with switches for the habits of chips in the field."""

    def __init__(self, **content: bytes) -> None:
        self.files = {FILES[name].sfi: data for name, data in content.items()}
        self.current: bytes | None = None
        self.short_ids = True
        self.keeps_short_id = True
        self.beyond_end = 0x9000
        self.limit, self.refusal = 65536, 0x6700
        self.log: list[Command] = []

    def send(self, command: Command) -> Response:
        self.log.append(command)
        if command.ins == 0xA4:
            self.current = self.files.get(command.data[1])
            return Response(b"", 0x9000 if self.current is not None else 0x6A82)
        offset, content = self._addressed(command)
        if content is None:
            return Response(b"", 0x6986 if not command.p1 & 0x80 else 0x6A82 if self.short_ids else 0x6B00)
        wanted = command.le or 256
        if wanted > self.limit:
            return Response(b"", self.refusal)
        if command.ins == 0xB1:
            wanted -= 2 if wanted < 0x82 else 3 if wanted < 0x103 else 4
        data = content[offset : offset + wanted]
        ended = len(data) < wanted
        if ended and self.beyond_end not in (0x9000, 0x6282):
            left = len(content) - offset
            return Response(b"", self.beyond_end | (left if self.beyond_end == 0x6C00 else 0))
        sw = self.beyond_end if ended else 0x9000
        return Response(Tlv.of(0x53, data) if command.ins == 0xB1 else data, sw)

    def _addressed(self, command: Command) -> tuple[int, bytes | None]:
        if command.ins == 0xB1:
            return int.from_bytes(Tlv(command.data).value, "big"), self.current
        if not command.p1 & 0x80:
            return command.p1 << 8 | command.p2, self.current
        content = self.files.get(command.p1 & 0x1F) if self.short_ids else None
        if self.keeps_short_id:
            self.current = content
        return command.p2, content

    def reads(self) -> int:
        return sum(command.ins in (0xB0, 0xB1) for command in self.log)


def nothing(done: int, total: int) -> None:
    pass


def filled(tag: int, size: int) -> bytes:
    """An object of `size` bytes in all."""
    for overhead in (2, 3, 4, 5):
        built = bytes(Tlv.of(tag, bytes(index % 251 for index in range(size - overhead))))
        if len(built) == size:
            return built
    raise AssertionError(size)


@pytest.mark.parametrize("size", [20, 100, 222, 223, 224, 446, 447, 15000, 32000])
@pytest.mark.parametrize("block", [160, 223, 1000, 30000])
def test_commands_of_a_file_are_its_size_by_the_block(size: int, block: int) -> None:
    content = filled(0x75, size)
    chip = Chip(DG2=content)
    assert read_file(chip, DG2, BlockSize(block), nothing) == content
    assert len(chip.log) == chip.reads() == -(-size // block)
    assert chip.log[0].p1 == 0x82


def test_far_reads_stay_within_the_block_and_use_the_odd_instruction() -> None:
    content = filled(0x75, 40000)
    chip = Chip(DG2=content)
    assert read_file(chip, DG2, BlockSize(), nothing) == content
    far = [command for command in chip.log if command.ins == 0xB1]
    assert {command.le for command in far[:-1]} == {BLOCK}
    assert far[0].data[:2] == bytes.fromhex("5402")
    assert int.from_bytes(far[0].data[2:], "big") >= 0x8000
    assert all(command.p1 < 0x80 for command in chip.log[1:] if command.ins == 0xB0)
    assert chip.reads() <= -(-40000 // 220) + 1


@pytest.mark.parametrize("status", [0x6700, 0x6B00, 0x6C00])
def test_chip_that_refuses_to_read_beyond_the_end(status: int) -> None:
    chip, block = Chip(DG1=filled(0x61, 93), DG2=filled(0x75, 900)), BlockSize()
    chip.beyond_end = status
    assert read_file(chip, DG1, block, nothing) == chip.files[1]
    assert (block.size, block.header_first) == (BLOCK, True)  # not taken for a limit
    assert read_file(chip, DG2, block, nothing) == chip.files[2]
    assert len(chip.log) == 3 + 1 + 4


@pytest.mark.parametrize("start", [65000, 1000, 223])
def test_chip_of_160_bytes_is_stepped_down_to_and_remembered(start: int) -> None:
    chip, block = Chip(DG1=filled(0x61, 93), DG2=filled(0x75, 3200)), BlockSize(start)
    chip.limit = 160
    assert read_file(chip, DG2, block, nothing) == chip.files[2]
    assert block.size == 160
    before = chip.reads()
    assert read_file(chip, DG1, block, nothing) == chip.files[1]
    assert chip.reads() == before + 1


def test_refusal_of_extended_length_with_any_status() -> None:
    for status in (0x6F00, 0x6A80, 0x6D00, 0x6700, 0x6883):
        chip, block = Chip(DG2=filled(0x75, 3200)), BlockSize(2000)
        chip.limit, chip.refusal = 256, status
        assert read_file(chip, DG2, block, nothing) == chip.files[2]
        assert block.size == BLOCK


def test_chip_without_short_identifiers_is_asked_once() -> None:
    chip, block = Chip(DG1=filled(0x61, 93), DG2=filled(0x75, 900)), BlockSize()
    chip.short_ids = False
    assert read_file(chip, DG2, block, nothing) == chip.files[2]
    assert block.short_ids == {False: False}
    chip.log.clear()
    assert read_file(chip, DG1, block, nothing) == chip.files[1]
    assert [command.ins for command in chip.log] == [0xA4, 0xB0]


def test_short_identifier_that_reads_but_does_not_select() -> None:
    chip, block = Chip(DG2=filled(0x75, 900)), BlockSize()
    chip.keeps_short_id = False
    assert read_file(chip, DG2, block, nothing) == chip.files[2]
    assert block.short_ids == {False: False}


def test_missing_and_forbidden_files() -> None:
    chip, block = Chip(DG1=filled(0x61, 93)), BlockSize()
    with pytest.raises(FileMissing):
        read_file(chip, DG2, block, nothing)
    assert [command.ins for command in chip.log] == [0xB0, 0xA4]  # one status alone is not believed
    read_file(chip, DG1, block, nothing)
    chip.log.clear()
    with pytest.raises(FileMissing):
        read_file(chip, DG2, block, nothing)
    assert len(chip.log) == 1

    class Forbidden:
        def send(self, command: Command) -> Response:
            return Response(b"", 0x6982)

    with pytest.raises(StatusError):
        read_file(Forbidden(), DG3, BlockSize(), nothing)


def test_wrong_file_behind_a_short_identifier() -> None:
    chip = Chip(DG2=filled(0x61, 93))
    with pytest.raises(MalformedCardData):
        read_file(chip, DG2, BlockSize(), nothing)
    assert [command.ins for command in chip.log] == [0xB0, 0xA4, 0xB0]


def test_endless_file_ends_at_the_announced_length() -> None:
    class Endless:
        def __init__(self, start: bytes) -> None:
            self.start, self.count = start, 0

        def send(self, command: Command) -> Response:
            self.count += 1
            wanted = command.le or 256
            return Response((self.start if self.count == 1 else b"").ljust(wanted, b"\xaa"), 0x9000)

    chip = Endless(bytes.fromhex("75820400"))
    assert len(read_file(chip, DG2, BlockSize(), nothing)) == 0x404
    assert chip.count == 5
    for length in ("7583FFFFFF", "7584FFFFFFFF", "7583010100"):
        chip = Endless(bytes.fromhex(length))
        with pytest.raises(MalformedCardData):
            read_file(chip, DG2, BlockSize(), nothing)
        assert chip.count == 1


def test_small_files_have_small_limits() -> None:
    for name, start in (("EF.COM", "60820401"), ("EF.CardAccess", "31821001")):
        chip = Chip(**{name: bytes.fromhex(start) + bytes(0x1001)})
        with pytest.raises(MalformedCardData):
            read_file(chip, FILES[name], BlockSize(), nothing)
        assert len(chip.log) == 1


def test_blocks_from_announcements() -> None:
    assert block_for(None) == block_for(CardInfo()) == BLOCK
    assert block_for(CardInfo(extended_length=True)) == 1000
    assert block_for(CardInfo(extended_length=True), limit=261) == BLOCK
    assert block_for(CardInfo(extended_length=True, max_response=256)) == BLOCK
    full = block_for(CardInfo(extended_length=True, max_response=2048))
    assert full == protected_room(2048) == 2015
    assert block_for(CardInfo(extended_length=True, max_response=1 << 20)) < 1 << 16
    assert block_for(CardInfo(extended_length=True, max_response=2048), limit=1024) == protected_room(1024)
    assert block_for(CardInfo(max_response=2048)) == BLOCK


def test_what_a_broken_session_teaches() -> None:
    block = BlockSize(1000)
    block.note(DG2, True, 1000)
    assert block.learn(0x6700)
    assert (block.size, block.header_first) == (1000, True)  # the end of the file, perhaps
    assert block.learn(0x6700)
    assert (block.size, block.header_first) == (BLOCK, False)  # no: the size
    block.note(DG2, True, BLOCK)
    assert block.learn(0x6A86)
    assert block.short_ids == {False: False}
    assert not block.learn(0x6A86)
    assert not block.learn(None)


def test_announcement_is_a_hint() -> None:
    chip = Chip()
    chip.files[1] = b"\x47\x03\x00\x00\x40"
    assert read_announcement(chip, FILES["EF.ATR/INFO"]) == chip.files[1]
    chip.files.clear()
    assert read_announcement(chip, FILES["EF.ATR/INFO"]) == b""
