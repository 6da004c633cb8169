"""The PC/SC slot over a scripted pyscard: presence, exclusive connections, lost and silent cards."""

import sys
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest

from card_io import pcsc
from card_io.apdu import Command
from card_io.errors import CardError, CardRemoved, CardSilent, ReaderUnavailable

READ = Command(0x00, 0xB0, 0, 0, le=4)
SIGNED = 1 << 32  # swig hands the codes over signed on some platforms


class FakeScard(ModuleType):
    """The functions of smartcard.scard that the product uses, with one card that can be lost."""

    SCARD_SCOPE_USER, SCARD_SHARE_EXCLUSIVE, SCARD_RESET_CARD, SCARD_STATE_UNAWARE = 0, 1, 1, 0
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1, SCARD_PCI_T0, SCARD_PCI_T1 = 1, 2, 10, 11
    SCARD_STATE_PRESENT, SCARD_STATE_MUTE = 0x20, 0x200

    def __init__(self) -> None:
        super().__init__("smartcard.scard")
        self.names = ["Reader B 00 00", "Reader A 00 00"]
        self.state = self.SCARD_STATE_PRESENT
        self.codes: dict[str, int] = {}
        self.answer: list[int] = [1, 2, 0x90, 0x00]
        self.log: list[str] = []
        self.contexts = 0
        self.release = threading.Event()
        self.release.set()
        self.polls = 0
        self.controls: dict[int, bytes] = {}

    def SCARD_CTL_CODE(self, code: int) -> int:
        return 0x42000000 + code

    def SCardControl(self, card: object, code: int, data: list[int]) -> tuple[int, list[int]]:
        found = self.controls.get(code)
        return (0x80100016 - SIGNED, []) if found is None else (0, list(found))

    def SCardEstablishContext(self, scope: int) -> tuple[int, object]:
        self.contexts += 1
        return self.codes.get("context", 0), "context"

    def SCardReleaseContext(self, context: object) -> int:
        self.contexts -= 1
        return 0

    def SCardListReaders(self, context: object, groups: list[str]) -> tuple[int, list[str]]:
        return self.codes.get("list", 0), self.names

    def SCardGetStatusChange(self, context: object, timeout: int, states: list[tuple[str, int]]) -> object:
        self.polls += 1
        if self.polls == 3:
            self.state ^= self.SCARD_STATE_PRESENT
        return self.codes.get("status", 0), [(states[0][0], self.state, [])]

    def SCardConnect(self, context: object, name: str, mode: int, protocols: int) -> object:
        self.log.append(f"connect {name} {mode}")
        return self.codes.get("connect", 0), "card", 2

    def SCardReconnect(self, card: object, mode: int, protocols: int, action: int) -> tuple[int, int]:
        self.log.append(f"reset {action}")
        return self.codes.get("reset", 0), 2

    def SCardStatus(self, card: object) -> object:
        return 0, "name", 0, 2, [0x3B, 0x80]

    def SCardTransmit(self, card: object, header: int, raw: list[int]) -> tuple[int, list[int]]:
        assert self.release.wait(30)
        return self.codes.get("transmit", 0), self.answer

    def SCardDisconnect(self, card: object, action: int) -> int:
        self.log.append(f"disconnect {action}")
        return self.codes.get("disconnect", 0)


@pytest.fixture
def scard(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeScard]:
    fake, package = FakeScard(), ModuleType("smartcard")
    package.scard = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "smartcard", package)
    monkeypatch.setitem(sys.modules, "smartcard.scard", fake)
    monkeypatch.setattr(pcsc, "POLL_SECONDS", 0.001)
    yield fake
    fake.release.set()


def test_readers_and_names(scard: FakeScard) -> None:
    assert pcsc.readers() == ["Reader A 00 00", "Reader B 00 00"]
    assert pcsc.PcscSlot("reader b").name == "Reader B 00 00"
    assert pcsc.PcscSlot("READER").name == "Reader A 00 00"
    with pytest.raises(ReaderUnavailable):
        _ = pcsc.PcscSlot("other").name
    scard.codes["list"] = 0x8010002E - SIGNED
    assert pcsc.readers() == []
    assert scard.contexts == 0


def test_no_service(scard: FakeScard) -> None:
    scard.codes["context"] = 0x8010001D - SIGNED
    with pytest.raises(ReaderUnavailable, match="no smart card service"):
        pcsc.readers()


def test_no_pyscard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(ReaderUnavailable):
        pcsc.readers()


def test_presence_and_waiting(scard: FakeScard) -> None:
    slot = pcsc.PcscSlot("Reader A")
    assert slot.card_present()
    assert slot.wait_for_card()
    assert slot.wait_for_removal(30)  # the third poll flips the state
    assert not slot.wait_for_card(0.002)
    stop = threading.Event()
    stop.set()
    assert not slot.wait_for_removal(None, stop)
    scard.state = scard.SCARD_STATE_PRESENT | scard.SCARD_STATE_MUTE
    assert not slot.card_present()


@pytest.mark.parametrize("deadline", [None, 30.0])
def test_session_resets_before_and_after(scard: FakeScard, deadline: float | None) -> None:
    with pcsc.PcscSlot("Reader A", deadline=deadline).connect() as link:
        assert link.atr == b"\x3b\x80"
        assert link.send(READ).data == b"\x01\x02"
    assert scard.log == ["connect Reader A 00 00 1", "reset 1", "disconnect 1"]
    assert scard.contexts == 0


FEATURES = 0x42000000 + 3400


@pytest.mark.parametrize(
    ("features", "properties", "room"),
    [
        ("0604000D4806" + "120400000777", "0B020400" + "0A0400000100", 65538),
        ("120400000777", "0A04FFFF0000", 65537),
        ("120400000777", "0A0400000000", 258),  # short ones only
        ("120400000777", "0B020400", 0),
        ("120400000777", "0A", 0),
        ("060400000777", "0A0400000100", 0),
        ("1204", "", 0),
        (None, None, 0),
    ],
)
def test_how_much_the_reader_carries(
    scard: FakeScard, features: str | None, properties: str | None, room: int
) -> None:
    if features is not None and properties is not None:
        scard.controls = {FEATURES: bytes.fromhex(features), 0x777: bytes.fromhex(properties)}
    with pcsc.PcscSlot("Reader A").connect() as link:
        assert link.max_answer == room


@pytest.mark.parametrize("deadline", [None, 30.0])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x80100069, CardRemoved),
        (0x8010002F, CardRemoved),
        (0x80100017, ReaderUnavailable),
        (0x80100001, ReaderUnavailable),
    ],
)
def test_lost_while_working(
    scard: FakeScard, deadline: float | None, code: int, error: type[CardError]
) -> None:
    scard.codes["transmit"] = code - SIGNED
    with pytest.raises(error), pcsc.PcscSlot("Reader A", deadline=deadline).connect() as link:
        link.send(READ)
    assert scard.log[-1] == "disconnect 1"
    assert scard.contexts == 0


def test_pulled_in_the_middle_of_a_command(scard: FakeScard) -> None:
    scard.answer = []
    with pytest.raises(CardRemoved), pcsc.PcscSlot("Reader A").connect() as link:
        link.send(READ)


@pytest.mark.parametrize(
    ("step", "code", "error"),
    [
        ("connect", 0x8010000B, ReaderUnavailable),
        ("connect", 0x8010000C, CardRemoved),
        ("reset", 0x80100066, CardRemoved),
    ],
)
def test_connection_that_fails_leaves_nothing_open(
    scard: FakeScard, step: str, code: int, error: type[CardError]
) -> None:
    scard.codes[step] = code
    with pytest.raises(error), pcsc.PcscSlot("Reader A", deadline=30).connect():
        pytest.fail("connected")
    assert scard.contexts == 0
    assert ("disconnect 1" in scard.log) is (step == "reset")


def test_silent_card_is_given_up_and_cleaned_up_later(scard: FakeScard) -> None:
    scard.release.clear()
    with pcsc.PcscSlot("Reader A", deadline=0.2).connect() as link:
        for _ in range(2):  # the second is refused at once, not queued behind the first
            with pytest.raises(CardSilent):
                link.send(READ)
    assert "disconnect 1" not in scard.log
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "card"]
    scard.release.set()
    worker.join(30)
    assert scard.log[-1] == "disconnect 1"
    assert scard.contexts == 0
