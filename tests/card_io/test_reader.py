"""Reading whole documents from the simulated chip: order, progress, limits, and all that goes wrong."""

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.access import AccessKey
from card_io.emrtd.files import BLOCK, MAX_FILE, BlockSize, read_file
from card_io.emrtd.reader import (
    STEPS,
    Progress,
    ReadResult,
    ReadStep,
    StepOutcome,
    read_document,
)
from card_io.errors import (
    CardErrorCode,
    CardRemoved,
    CardSilent,
    FileMissing,
    MalformedCardData,
    StatusError,
)
from card_io.lds.index import FILES
from card_io.lds.security_infos import PaceInfo
from card_io.tlv import Tlv
from crypto.trust import Outcome

DG2 = FILES["DG2"]


def nothing(done: int, total: int) -> None:
    pass


def read(link: Any, key: AccessKey, **options: Any) -> ReadResult:
    return read_document(link, key, random=secrets.token_bytes, **options)


def outcomes(result: ReadResult) -> dict[ReadStep, StepOutcome]:
    return {step.step: step.outcome for step in result.steps}


def test_whole_document_over_pace(specimen: Any) -> None:
    result = read(specimen.link(), specimen.key)
    assert result.problem is None
    assert dict(result.files) == specimen.files
    assert result.access is not None
    assert (result.access.protocol, result.access.fallback) == ("PACE-ECDH-GM-AES-128", False)
    assert result.active_authentication is not None
    assert result.active_authentication.outcome is Outcome.SUCCESSFUL
    assert set(result.data_groups) == {1, 2, 11, 14, 15}
    assert [step.step for step in result.steps] == [step for step, _ in STEPS] == list(ReadStep)
    skipped = {step.step for step in result.steps if step.outcome is not StepOutcome.DONE}
    assert skipped == {ReadStep.CHIP_AUTHENTICATION}


@pytest.mark.parametrize("cipher", [1, 2, 3, 4])
@pytest.mark.parametrize("parameter", [12, 13, 17])
def test_pace_of_every_cipher(make_specimen: Any, cipher: int, parameter: int) -> None:
    specimen = make_specimen(face=600, pace=(PaceInfo(f"0.4.0.127.0.7.2.2.4.2.{cipher}", 2, parameter),))
    for key in (specimen.key, AccessKey(can=specimen.can)):
        result = read(specimen.link(), key)
        assert result.problem is None
        assert dict(result.files) == specimen.files


def test_bac_and_plain_documents(make_specimen: Any) -> None:
    specimen = make_specimen(pace=(), aa=False)
    result = read(specimen.link(pace=False), specimen.key)
    assert result.access is not None
    assert result.access.protocol == "BAC"
    assert dict(result.files) == specimen.files
    assert outcomes(result)[ReadStep.CHIP_KEYS] is StepOutcome.SKIPPED
    assert outcomes(result)[ReadStep.ACTIVE_AUTHENTICATION] is StepOutcome.SKIPPED
    plain = read(specimen.link(pace=False, bac=False), specimen.key)
    assert plain.access is not None
    assert plain.access.protocol == "plain"
    assert dict(plain.files) == specimen.files


def test_chip_with_an_unknown_mapping_falls_back_to_bac(make_specimen: Any) -> None:
    specimen = make_specimen(pace=(PaceInfo("0.4.0.127.0.7.2.2.4.5.2", 2, 12),))
    result = read(specimen.link(), specimen.key)
    assert result.access is not None
    assert (result.access.protocol, result.access.fallback) == ("BAC", True)
    assert result.access.pace_problem is CardErrorCode.CARD_PROTOCOL_UNSUPPORTED
    assert dict(result.files) == specimen.files


@pytest.mark.parametrize("key", [AccessKey(mrz_information=b"X" * 24), AccessKey(can="000000")])
def test_wrong_key(specimen: Any, key: AccessKey) -> None:
    result = read(specimen.link(), key)
    assert result.problem is not None
    assert result.problem.code is CardErrorCode.CARD_ACCESS_DENIED
    assert not result.aborted
    assert list(result.files) == ["EF.CardAccess"]
    assert result.steps[-1].outcome is StepOutcome.FAILED


def test_progress_is_numbers_and_complete(specimen: Any) -> None:
    seen: list[Progress] = []
    read(specimen.link(), specimen.key, on_progress=seen.append)
    assert {item.phase for item in seen} == set(ReadStep)
    face = [item for item in seen if item.file == "DG2"]
    total = len(specimen.files["DG2"])
    assert face[-1] == Progress(ReadStep.FACE, "DG2", total, total)
    assert [item.done for item in face] == sorted(item.done for item in face)


def test_only_listed_groups_are_asked_for(specimen: Any) -> None:
    result = read(specimen.link(), specimen.key, groups=(1, 3, 11, 16))
    assert set(result.data_groups) == {1, 11}
    assert not result.file_problems
    hidden = specimen.with_files(EF_COM=None, EF_SOD=None)
    result = read(hidden.link(), specimen.key, groups=(1, 12))
    assert set(result.data_groups) == {1}
    assert result.file_problems == dict.fromkeys(
        ["EF.COM", "EF.SOD", "DG12"], CardErrorCode.CARD_FILE_MISSING
    )
    assert result.problem is None


class Lifted:
    """A link whose card disappears, falls silent or is stopped after some commands."""

    def __init__(self, link: BytesLink, count: int, then: Callable[[], None]) -> None:
        self.link, self.left, self.then = link, count, then

    def send(self, command: Command) -> Response:
        if self.left == 0:
            self.then()
        self.left -= 1
        return self.link.send(command)


def lift() -> None:
    raise CardRemoved("lifted")


def silence() -> None:
    raise CardSilent("no answer")


@pytest.mark.parametrize("end", [lift, silence])
def test_lifted_at_every_command_is_aborted_and_keeps_what_was_read(
    make_specimen: Any, end: Callable[[], None]
) -> None:
    specimen = make_specimen(face=500)
    kept = -1
    for count in range(200):
        result = read(Lifted(specimen.link(), count, end), specimen.key)
        if result.problem is None:
            break
        assert result.aborted
        assert result.steps[-1].outcome is StepOutcome.ABORTED
        assert result.files.items() <= specimen.files.items()
        assert len(result.files) >= kept
        kept = len(result.files)
    assert result.problem is None
    assert count > 20


def test_cancel_stops_between_blocks(specimen: Any) -> None:
    cancel = threading.Event()

    def watch(progress: Progress) -> None:
        if progress.file == "DG2" and progress.done > 1000:
            cancel.set()

    result = read(specimen.link(), specimen.key, on_progress=watch, cancel=cancel)
    assert result.aborted
    assert result.problem is not None
    assert result.problem.code is CardErrorCode.CARD_CANCELLED
    assert "DG1" in result.files
    assert "DG2" not in result.files
    assert read(specimen.link(), specimen.key, cancel=cancel).files == {}


def test_broken_file_does_not_end_the_read(specimen: Any) -> None:
    broken = specimen.with_files(DG11=b"\x75\x03abc")
    result = read(broken.link(), specimen.key)
    assert result.file_problems == {"DG11": CardErrorCode.CARD_DATA_MALFORMED}
    assert result.problem is None
    assert outcomes(result)[ReadStep.DETAILS] is StepOutcome.DONE


class Tampered:
    """Replaces the answers of chosen READ BINARY commands by plain status words, as a session that broke."""

    def __init__(self, link: BytesLink, status: int, *, longest: int, times: int = 1000) -> None:
        self.link, self.status, self.longest, self.times = link, status, longest, times

    def send(self, command: Command) -> Response:
        response = self.link.send(command)
        if len(response.data) > self.longest and self.times:
            self.times -= 1
            return Response(b"", self.status)
        return response


@pytest.mark.parametrize("status", [0x6700, 0x6CA0, 0x6B00])
def test_chip_that_ends_the_session_over_long_blocks(make_specimen: Any, status: int) -> None:
    """NFCPassportReader #24: at most 160 bytes; ours opens access again and takes smaller blocks."""
    specimen = make_specimen(face=2000)
    result = read(Tampered(specimen.link(), status, longest=200), specimen.key)
    assert result.problem is None
    assert dict(result.files) == specimen.files


def test_file_that_always_breaks_the_session_is_left_out(specimen: Any) -> None:
    result = read(Tampered(specimen.link(), 0x6988, longest=200), specimen.key)
    assert result.problem is None
    long_ones = ["EF.SOD", "DG2"]
    assert result.file_problems == dict.fromkeys(long_ones, CardErrorCode.CARD_SECURE_MESSAGING)
    assert result.files["DG1"] == specimen.files["DG1"]


def test_session_that_breaks_for_ever_ends_the_read(specimen: Any) -> None:
    class Breaks:
        def __init__(self, link: BytesLink) -> None:
            self.link = link

        def send(self, command: Command) -> Response:
            protected_read = command.cla == 0x0C and command.ins == 0xB0
            return Response(b"", 0x6F00) if protected_read else self.link.send(command)

    result = read(Breaks(specimen.link()), specimen.key)
    assert result.problem is not None
    assert result.problem.code is CardErrorCode.CARD_SECURE_MESSAGING
    assert not result.aborted
    assert list(result.files) == ["EF.CardAccess"]


def test_broken_session_in_active_authentication_is_undetermined(specimen: Any) -> None:
    class Breaks:
        def __init__(self, link: BytesLink) -> None:
            self.link = link

        def send(self, command: Command) -> Response:
            return Response(b"", 0x6F00) if command.ins == 0x88 else self.link.send(command)

    result = read(Breaks(specimen.link()), specimen.key)
    assert result.active_authentication is not None
    assert result.active_authentication.outcome is Outcome.UNDETERMINED
    assert result.problem is None
    assert dict(result.files) == specimen.files


class Memory:
    """A plain file server with a limit and habits: what the block reader meets."""

    def __init__(
        self, content: bytes, *, limit: int = 65536, status: int = 0x6700, piece: int = 65536
    ) -> None:
        self.content, self.limit, self.status, self.piece = content, limit, status, piece
        self.reads: list[tuple[int, int]] = []

    def send(self, command: Command) -> Response:
        if command.ins == 0xA4:
            return Response(b"", 0x9000)
        odd = command.ins == 0xB1
        offset = int.from_bytes(Tlv(command.data).value, "big") if odd else command.p1 << 8 | command.p2
        offset = command.p2 if not odd and command.p1 & 0x80 else offset
        wanted = command.le or 0
        if odd:  # the object around the data is part of Le
            wanted -= 2 if wanted < 0x82 else 3 if wanted < 0x103 else 4
        self.reads.append((offset, wanted))
        if wanted > self.limit:
            return Response(b"", self.status)
        data = self.content[offset : offset + min(wanted, self.piece)]
        sw = 0x9000 if offset + wanted <= len(self.content) else 0x6282
        return Response(Tlv.of(0x53, data) if odd else data, sw)


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 222, 224, 32000, 33000, 65500])
def test_files_of_every_length(size: int) -> None:
    content = bytes(Tlv.of(0x75, bytes(size)))
    assert read_file(Memory(content + bytes(20)), DG2, BlockSize(), nothing) == content
    assert read_file(Memory(content), DG2, BlockSize(1000), nothing) == content


@pytest.mark.parametrize(("limit", "status"), [(160, 0x6700), (97, 0x6C61), (20, 0x6B00), (16, 0x6700)])
def test_block_size_steps_down_and_stays_down(limit: int, status: int) -> None:
    content, block = bytes(Tlv.of(0x75, bytes(3000))), BlockSize()
    memory = Memory(content, limit=limit, status=status)
    assert read_file(memory, DG2, block, nothing) == content
    assert block.size <= limit
    assert sum(wanted > limit for _, wanted in memory.reads) <= 5
    assert max(wanted for _, wanted in memory.reads[8:]) <= limit


def test_block_size_does_not_go_below_the_smallest() -> None:
    with pytest.raises(StatusError) as caught:
        read_file(Memory(bytes(Tlv.of(0x75, bytes(3000))), limit=15), DG2, BlockSize(), nothing)
    assert caught.value.sw == 0x6700


def test_files_that_lie_about_their_length() -> None:
    for claim, real in ((3000, 2000), (65535, 0), (10, 0)):
        content = bytes(Tlv.of(0x75, bytes(claim)))[: 8 + real]
        with pytest.raises(MalformedCardData):
            read_file(Memory(content), DG2, BlockSize(), nothing)
    memory = Memory(b"\x75\x83\x7f\xff\xff" + bytes(100))
    with pytest.raises(MalformedCardData):
        read_file(memory, DG2, BlockSize(), nothing)
    assert len(memory.reads) == 1
    assert MAX_FILE < 1 << 17


def test_drip_feeding_chip_is_given_up() -> None:
    memory = Memory(bytes(Tlv.of(0x75, bytes(60000))), piece=8)
    with pytest.raises(MalformedCardData):
        read_file(memory, DG2, BlockSize(), nothing)
    assert len(memory.reads) < 100


def test_select_refusals() -> None:
    def chip(sw: str) -> BytesLink:
        return BytesLink(lambda raw: bytes.fromhex(sw))

    with pytest.raises(FileMissing):
        read_file(chip("6A82"), DG2, BlockSize(), nothing)
    with pytest.raises(StatusError):
        read_file(chip("6982"), DG2, BlockSize(), nothing)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_hostile_chips_end_with_a_result(data: st.DataObject) -> None:
    count = 0

    def transmit(raw: bytes) -> bytes:
        nonlocal count
        count += 1
        body = data.draw(st.sampled_from(BODIES) | st.binary(max_size=12))
        return body + data.draw(st.sampled_from(STATUSES))

    key = AccessKey(mrz_information=b"L898902C<369080619406236")
    result = read(BytesLink(transmit), key)
    assert len(result.steps) >= 1
    assert count < 20000


BODIES = [b"", bytes(8), b"\x60\x04\x5f\x01", b"\x61\x7f" + bytes(221), b"\x75\x82\x10\x00" + bytes(219)]
STATUSES = [bytes.fromhex(sw) for sw in ["9000", "9000", "9000", "6282", "6D00", "6982", "6700", "6A82"]]


@pytest.mark.parametrize("seed", range(25))
def test_answers_with_flipped_bits(make_specimen: Any, seed: int) -> None:
    """Noise on the line never gets a wrong byte through, and never escapes as another error."""
    specimen = make_specimen(face=300)
    link, count = specimen.link(), 0

    class Noisy:
        def send(self, command: Command) -> Response:
            nonlocal count
            count += 1
            response = link.send(command)
            if count % 11 == seed % 11 and response.data:
                raw = bytearray(response.data)
                raw[(seed * 7) % len(raw)] ^= 1 << seed % 8
                return Response(bytes(raw), response.sw)
            return response

    result = read(Noisy(), specimen.key)
    protected = {name: data for name, data in result.files.items() if name != "EF.CardAccess"}
    assert protected.items() <= specimen.files.items()
    assert BLOCK == 223
