"""Whole reads of chips that announce extended length, hold fingerprints, or have been met before."""

import secrets
from typing import Any

import pytest

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.files import BlockSize
from card_io.emrtd.reader import ReadResult, read_document
from card_io.lds.index import build_com
from card_io.tlv import Tlv
from tests.card_io.proving_chip import ProvingChip

EXTENDED_ATR = bytes.fromhex("3B8580018073000040" + "76")
SHORT_ATR = bytes.fromhex("3B8580018073000000" + "36")
DG2 = bytes(Tlv.of(0x75, bytes(5000)))


def files(**more: bytes) -> dict[str, bytes]:
    groups = {"DG1": bytes(Tlv.of(0x61, bytes(90))), "DG2": DG2, **more}
    tags = [content[0] for content in groups.values()]
    return {**groups, "EF.COM": bytes(build_com(tags)), "EF.SOD": bytes(Tlv.of(0x77, bytes(1800)))}


class Announcing(ProvingChip):
    """A plain chip with EF.ATR/INFO and an answer to reset."""

    def __init__(
        self, content: dict[str, bytes], info: bytes = b"", atr: bytes = b"", limit: int = 65536
    ) -> None:
        super().__init__(content)
        self.info, self.limit = info, limit
        if atr:
            self.atr = atr

    def answer(self, command: Command) -> Response:
        if command.ins == 0xB0 and (command.le or 256) > self.limit:
            return Response(b"", 0x6700)
        if command.ins == 0xB0 and not self.application and command.p1 == 0x81 and self.info:
            return Response(self.info, 0x9000)
        return super().answer(command)


def read(link: Any, specimen: Any, **options: Any) -> ReadResult:
    return read_document(link, specimen.key, random=secrets.token_bytes, **options)


def info(response: int) -> bytes:
    return bytes.fromhex("4703000060" + "7F6608" + "02020400" + "0202") + response.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("told", "atr", "size", "reads"),
    [
        (info(4096), b"", 4063, 1),
        (info(65535), b"", 65503, 0),
        (info(4096), EXTENDED_ATR, 4063, 1),
        (b"", EXTENDED_ATR, 1000, 5),
        (b"", b"", 223, 22),
        (info(4096), SHORT_ATR, 223, 22),  # the answer to reset says no
    ],
)
def test_blocks_follow_the_announcement(
    told: bytes, atr: bytes, size: int, reads: int, specimen: Any
) -> None:
    chip = Announcing(files(), told, atr)
    result = read(chip, specimen)
    assert result.problem is None
    assert result.block.size == size
    assert result.files["DG2"] == DG2
    assert ("EF.ATR/INFO" in result.files) is (bool(told) and atr != SHORT_ATR)
    far = [command for command in chip.log if command.ins == 0xB0 and not command.p1 & 0x80]
    small = -(-1804 // size) - 1  # EF.SOD
    assert len(far) == reads + small


def test_announcement_that_is_not_kept_is_stepped_down_from(specimen: Any) -> None:
    chip = Announcing(files(), info(4096), limit=256)
    result = read(chip, specimen)
    assert result.files["DG2"] == DG2
    assert result.block.size == 223
    again = Announcing(files(), info(4096), limit=256)
    assert read(again, specimen, block=result.block).files["DG2"] == DG2
    refused = [command for command in again.log if (command.le or 0) > 256]
    assert not refused  # remembered


def test_reader_that_carries_short_answers_only(specimen: Any) -> None:
    chip = Announcing(files(), info(4096))
    chip.max_answer = 261  # type: ignore[attr-defined]
    assert read(chip, specimen).block.size == 223


def test_broken_announcement_is_passed_over(specimen: Any) -> None:
    result = read(Announcing(files(), b"\x7f\x66\x84\xff\xff\xff\xff"), specimen)
    assert result.problem is None
    assert "EF.ATR/INFO" not in result.files
    assert result.block.size == 223


def test_fingerprints_are_reported_and_never_asked_for(specimen: Any) -> None:
    chip = Announcing(files(DG3=bytes(Tlv.of(0x63, bytes(50))), DG4=bytes(Tlv.of(0x76, bytes(50)))))
    result = read(chip, specimen, groups=range(1, 17))
    assert result.protected_groups == {3, 4}
    assert result.present_groups == {1, 2, 3, 4}
    assert set(result.data_groups) == {1, 2}
    assert not {0x83, 0x84} & {command.p1 for command in chip.log if command.ins == 0xB0}
    selected = {command.data for command in chip.log if command.ins == 0xA4}
    assert not {b"\x01\x03", b"\x01\x04"} & selected


def test_commands_of_a_whole_read_are_the_least(specimen: Any) -> None:
    """PACE takes five commands and the selection one; every file its size by the block, and AA one."""
    link, count = specimen.link(), 0

    class Counting:
        def send(self, command: Command) -> Response:
            nonlocal count
            count += 1
            assert command.ins != 0xA4 or command.p1 == 4  # no file is selected
            answer: Response = link.send(command)
            return answer

    result = read(Counting(), specimen, block=BlockSize(223))
    assert dict(result.files) == specimen.files
    assert count == 5 + 1 + sum(-(-len(data) // 223) for data in specimen.files.values()) + 1
    assert isinstance(link, BytesLink)
