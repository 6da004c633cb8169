"""A chip that falls silent costs its own deadline and its own lane: every other device goes on."""

import secrets
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from card_io.emrtd.access import AccessKey
from card_io.emrtd.reader import ReadResult, read_document
from card_io.errors import CardErrorCode
from card_io.lds import mrz
from card_io.pcsc import PcscSlot
from hardware_mocks.chip import Card
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import load_plan
from hardware_mocks.link import InProcessSlot
from kiosk.errors import ErrorCode, KioskError
from kiosk.lanes import Lane

PLAN = load_plan("pace-gm")
KEY = AccessKey(mrz.parse(PLAN.lines).access_information())
PATIENCE = 30.0  # seconds after which a test that hangs has failed


class SilentScard:
    """What pyscard gives the product; the card answers `answers` commands, then waits for `release`."""

    SCARD_SCOPE_USER = SCARD_SHARE_EXCLUSIVE = SCARD_PROTOCOL_T0 = SCARD_PROTOCOL_T1 = 1
    SCARD_RESET_CARD = SCARD_UNPOWER_CARD = SCARD_LEAVE_CARD = 1
    SCARD_STATE_UNAWARE = SCARD_STATE_PRESENT = SCARD_STATE_MUTE = 0
    SCARD_PCI_T0 = SCARD_PCI_T1 = 1

    def __init__(self, answers: int) -> None:
        self.card = Card(build_chip(PLAN, None))
        self.card.power_on()
        self.answers, self.sent = answers, 0
        self.silent, self.release = threading.Event(), threading.Event()

    def SCardEstablishContext(self, scope: int) -> tuple[int, object]:
        return 0, object()

    def SCardReleaseContext(self, context: object) -> int:
        return 0

    def SCardListReaders(self, context: object, groups: list[str]) -> tuple[int, list[str]]:
        return 0, ["Reader"]

    def SCardConnect(self, *arguments: object) -> tuple[int, object, int]:
        return 0, object(), 1

    def SCardReconnect(self, *arguments: object) -> tuple[int, int]:
        return 0, 1

    def SCardStatus(self, card: object) -> tuple[int, str, int, int, list[int]]:
        return 0, "Reader", 0, 1, [0x3B, 0x80]

    def SCardGetAttrib(self, *arguments: object) -> tuple[int, list[int]]:
        return 0x80100022, []

    def SCARD_CTL_CODE(self, code: int) -> int:
        return code

    def SCardControl(self, *arguments: object) -> tuple[int, list[int]]:
        return 0x80100022, []

    def SCardTransmit(self, card: object, header: int, raw: list[int]) -> tuple[int, list[int]]:
        self.sent += 1
        if self.sent > self.answers:
            self.silent.set()
            assert self.release.wait(PATIENCE)
        return 0, list(self.card.transmit(bytes(raw)))

    def SCardDisconnect(self, card: object, action: int) -> int:
        return 0


@pytest.fixture
def scard(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentScard]:
    fake, package = SilentScard(answers=9), ModuleType("smartcard")
    package.scard = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "smartcard", package)
    monkeypatch.setitem(sys.modules, "smartcard.scard", fake)
    yield fake
    fake.release.set()


def read(slot: Any) -> ReadResult:
    with slot.connect() as link:
        return read_document(link, KEY, random=secrets.token_bytes)


def working_slot() -> InProcessSlot:
    slot = InProcessSlot("other")
    slot.insert(Card(build_chip(PLAN, None)))
    return slot


def test_other_lanes_go_on_while_a_card_is_silent(scard: SilentScard) -> None:
    """Without any deadline of its own the silent reader holds its lane for ever, and nobody else."""
    document, encoder = Lane("document"), Lane("encoder")
    stuck = document.submit(read, PcscSlot("Reader"))
    assert scard.silent.wait(PATIENCE)
    behind = document.submit(lambda: "queued behind")
    for _ in range(3):
        done = encoder.submit(read, working_slot()).result(PATIENCE)
        assert done.problem is None
        assert "DG2" in done.files
    assert not stuck.done()
    assert not behind.done()
    document.abandon()
    assert behind.result(PATIENCE) == "queued behind"  # on the lane's fresh thread
    assert not stuck.done()
    scard.release.set()
    stuck.result(PATIENCE)
    for lane in (document, encoder):
        lane.close()


def test_lane_gives_a_silent_card_up_and_works_again(scard: SilentScard) -> None:
    lane = Lane("document")
    with pytest.raises(KioskError) as caught:
        lane.run(0.01, read, PcscSlot("Reader"))
    assert caught.value.code is ErrorCode.LANE_TIMEOUT
    assert lane.run(PATIENCE, read, working_slot()).problem is None
    lane.close()


def test_deadline_of_the_reader_is_spent_once(scard: SilentScard) -> None:
    """A read asks a silent card nothing more: one command's deadline is all that it costs."""
    result = read(PcscSlot("Reader", deadline=0.05))
    assert result.aborted
    assert result.problem is not None
    assert result.problem.code is CardErrorCode.CARD_SILENT
    assert scard.sent == scard.answers + 1
    assert "EF.CardAccess" in result.files
