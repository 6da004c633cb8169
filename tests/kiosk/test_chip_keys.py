"""Candidate keys: the second opens what the first did not, and no chip is driven to its last try."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from card_io.apdu import BytesLink, Link
from card_io.emrtd.access import AccessKey
from card_io.emrtd.reader import ReadResult
from card_io.errors import AccessDenied, CardRemoved
from card_io.lds.data_groups import build_dg1
from card_io.lds.index import FILES, build_com
from card_io.lds.mrz import format_td3, parse
from hardware_mocks.chip import Card, passport_image
from hardware_mocks.link import InProcessSlot
from kiosk.domain.documents import PageReading
from kiosk.ports import KeyCandidate
from kiosk.workflow.chip_keys import MAX_KEYS, key_texts, keys_of, may_try_again, read_with
from kiosk.workflow.inspecting import resolve

LINES = format_td3(
    document_code="P",
    issuer="UTO",
    document_number="L898902C3",
    birth="740812",
    sex="F",
    expiry="340415",
    nationality="UTO",
    surname="ERIKSSON",
    given_names="ANNA MARIA",
    optional="",
)
MRZ = parse(LINES)
RIGHT = KeyCandidate("L898902C3", "740812", "340415", 0.3)
WRONG = KeyCandidate("L8989O2C3", "740812", "340415", 0.6)


def slot_with_passport() -> InProcessSlot:
    dg1 = build_dg1(LINES)
    files = {
        f"app/{FILES['EF.COM'].fid:04X}": build_com([1]),
        f"app/{FILES['DG1'].fid:04X}": dg1,
    }
    slot = InProcessSlot("test")
    slot.insert(Card(passport_image(files, MRZ.access_information(), pace=False, serial=3)))
    return slot


def keys(*candidates: KeyCandidate) -> list[AccessKey]:
    return [AccessKey(mrz_information=text.encode()) for text in key_texts(candidates)]


def test_the_second_candidate_opens_the_chip() -> None:
    read = read_with(
        slot_with_passport(),
        keys(WRONG, RIGHT),
        random=secrets.token_bytes,
        on_progress=lambda _: None,
        cancel=None,
    )
    assert read.refused == 1
    assert read.result.problem is None
    assert "DG1" in read.result.files


def test_without_a_right_candidate_the_refusal_stays() -> None:
    read = read_with(
        slot_with_passport(), keys(WRONG), random=secrets.token_bytes, on_progress=lambda _: None, cancel=None
    )
    assert isinstance(read.result.problem, AccessDenied)
    assert read.refused == 0


def test_the_printed_key_is_among_those_tried() -> None:
    many = [KeyCandidate(f"L{n}", "740812", "340415", 0.1) for n in range(6)]
    tried = keys_of(MRZ, key_texts(many))
    assert len(tried) == MAX_KEYS
    assert tried[0].mrz_information == MRZ.access_information()
    likelier = keys_of(MRZ, key_texts([WRONG, RIGHT]))
    assert [key.mrz_information for key in likelier] == [key.mrz_information for key in keys(WRONG, RIGHT)]


def test_a_long_number_is_tried_in_its_short_form_too() -> None:
    """D23145890734 of a TD1 card; the field holds nine of its characters (Doc 9303-11 section 9.7.2)."""
    card = parse(
        ("I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<")
    )
    whole, short = keys_of(card, ())
    assert whole.mrz_information == b"D23145890734934071279507122"
    assert short.mrz_information == b"D231458907340712795071" + b"22"
    tried = keys_of(card, [whole.mrz_information.decode(), "A", "B"])
    assert [key.mrz_information for key in tried] == [whole.mrz_information, short.mrz_information, b"A"]


def test_what_one_try_taught_is_kept_for_the_next() -> None:
    slot = slot_with_passport()
    seen: list[bytes] = []

    class Watching(InProcessSlot):
        @contextmanager
        def connect(self) -> Iterator[Link]:  # type: ignore[override]
            with slot.connect() as link:
                link.atr = bytes.fromhex("3B858001807300004076")  # extended length, says the chip
                plain = link._transmit

                def watched(raw: bytes) -> bytes:
                    seen.append(raw)
                    return plain(raw)

                link._transmit = watched
                yield link

    read = read_with(
        Watching("x"),
        keys(WRONG, RIGHT),
        random=secrets.token_bytes,
        on_progress=lambda _: None,
        cancel=None,
    )
    assert read.refused == 1
    assert read.result.block.size > 256
    announcements = [raw for raw in seen if raw[:3] == bytes.fromhex("00B081")]
    assert len(announcements) == 1  # EF.ATR/INFO is not asked for again


def test_candidates_with_impossible_characters_are_left_out() -> None:
    assert key_texts([KeyCandidate("l8", "740812", "340415", 0.5), RIGHT]) == key_texts([RIGHT])


class CountingSlot:
    """A slot whose chip answers EXTERNAL AUTHENTICATE with `status`, and counts."""

    name = "counting"

    def __init__(self, status: bytes) -> None:
        self.status, self.tries = status, 0

    def card_present(self) -> bool:
        return True

    def wait_for_card(self, timeout: float, cancel: Event | None = None) -> bool:
        return True

    def wait_for_removal(self, timeout: float, cancel: Event | None = None) -> bool:
        return True

    @contextmanager
    def connect(self) -> Iterator[Link]:
        yield BytesLink(self._answer)

    def _answer(self, apdu: bytes) -> bytes:
        if apdu[1] == 0x84:  # GET CHALLENGE
            return bytes(8) + b"\x90\x00"
        if apdu[1] == 0x82:
            self.tries += 1
            return self.status
        return b"\x90\x00" if apdu[1] == 0xA4 and apdu[2] == 0x04 else b"\x6a\x82"


@pytest.mark.parametrize(
    ("status", "tries"), [("6300", 3), ("63C2", 3), ("63C1", 1), ("63C0", 1), ("6983", 1), ("6F00", 1)]
)
def test_a_counting_chip_keeps_its_last_try(status: str, tries: int) -> None:
    slot = CountingSlot(bytes.fromhex(status))
    others = [KeyCandidate(f"L{n}", "740812", "340415", 0.1) for n in range(3)]
    read_with(slot, keys(*others), random=secrets.token_bytes, on_progress=lambda _: None, cancel=None)
    assert slot.tries == tries


def result_with(problem: Exception) -> ReadResult:
    return ReadResult({}, (), problem=problem)  # type: ignore[arg-type]


def test_only_a_plain_refusal_allows_another_try() -> None:
    counted = AccessDenied("PACE")
    counted.__cause__ = AccessDenied("BAC", tries_left=1)
    assert may_try_again(result_with(AccessDenied("no")))
    assert not may_try_again(result_with(counted))
    assert not may_try_again(result_with(CardRemoved("gone")))


def changed(lines: tuple[str, ...], row: int, column: int, to: str) -> tuple[str, ...]:
    line = lines[row]
    return tuple(
        line[:column] + to + line[column + 1 :] if index == row else old for index, old in enumerate(lines)
    )


@pytest.mark.parametrize(("doubtful", "settled"), [(((1, 4),), 1), ((), 0), (((1, 5),), 0)])
def test_the_chip_settles_doubtful_characters_only(
    doubtful: tuple[tuple[int, int], ...], settled: int
) -> None:
    read = parse(changed(LINES, 1, 4, "O"))
    page = PageReading(read.lines, doubtful=doubtful)
    told, count = resolve(page, read, MRZ)
    assert count == settled
    assert told is (MRZ if settled else read)


def test_typed_lines_are_never_settled() -> None:
    read = parse(changed(LINES, 1, 4, "O"))
    assert resolve(PageReading(read.lines, doubtful=((1, 4),), typed=True), read, MRZ) == (read, 0)
