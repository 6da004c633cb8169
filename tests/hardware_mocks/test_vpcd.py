"""The vpcd wire protocol, the card process's control, faults, and the reader without PC/SC."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import Command
from card_io.errors import CardRemoved, CardSilent, ReaderUnavailable
from hardware_mocks.card_faults import CardFault, CardMute, CardPulled, FaultPlan, FaultyCard
from hardware_mocks.card_host import CardHost
from hardware_mocks.chip import ATR, Card, CardImage, blank_image
from hardware_mocks.link import InProcessSlot
from hardware_mocks.vpcd import VpcdClient

GET_CPLC = bytes.fromhex("00CA9F7F00")
CPLC = Command(0x00, 0xCA, 0x9F, 0x7F, le=0)
CREATE = bytes.fromhex("00E0000010620E800200088201018302010188010800"[:42])
WRITE = bytes.fromhex("00D6000008") + b"\xff" * 8


class Reader:
    """A reader driver as vpcd is one: listens, powers the card, sends commands."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._card = socket.socket()

    def accept(self) -> None:
        self._card.close()
        self._card, _ = self._listener.accept()
        self._card.settimeout(20)

    def send(self, message: bytes) -> None:
        self._card.sendall(len(message).to_bytes(2, "big") + message)

    def receive(self) -> bytes:
        with self._card.makefile("rb") as stream:
            size = int.from_bytes(stream.read(2), "big")
            return stream.read(size)

    def ask(self, message: bytes) -> bytes:
        self.send(message)
        return self.receive()

    def gone(self) -> bool:
        return self._card.recv(1) == b""

    def close(self) -> None:
        self._card.close()
        self._listener.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


def inserted(reader: Reader, plan: FaultPlan | None = None) -> tuple[Card, VpcdClient]:
    card = Card(blank_image(1))
    client = VpcdClient(FaultyCard(card, plan or FaultPlan()), "127.0.0.1", reader.port)
    reader.accept()
    return card, client


def test_power_atr_and_commands(reader: Reader) -> None:
    card, client = inserted(reader)
    assert reader.ask(b"\x04") == ATR
    assert reader.ask(GET_CPLC) == b"\x6f\x00"  # no power yet
    reader.send(b"\x01")
    assert reader.ask(GET_CPLC).endswith(b"\x90\x00")
    reader.send(b"\x02")
    assert reader.ask(CREATE) == b"\x90\x00"
    reader.send(b"\x00")
    assert reader.ask(b"\x04") == ATR
    assert not card.powered
    client.remove()
    assert reader.gone()
    assert not client.inserted


def test_the_largest_message_fits(reader: Reader) -> None:
    _, client = inserted(reader)
    reader.send(b"\x01")
    assert reader.ask(bytes(0xFFFF)) == b"\x67\x00"
    client.remove()


def test_no_reader_no_insertion(reader: Reader) -> None:
    reader.close()
    with pytest.raises(OSError, match="refused"):
        VpcdClient(Card(blank_image(1)), "127.0.0.1", reader.port)


def test_a_reader_that_hangs_up_leaves_the_card_unpowered(reader: Reader) -> None:
    card, client = inserted(reader)
    reader.send(b"\x01")
    assert reader.ask(GET_CPLC).endswith(b"\x90\x00")
    reader.close()
    client._thread.join()
    assert not client.inserted
    assert not card.powered


def test_a_pulled_card_is_gone_after_its_write(reader: Reader) -> None:
    plan = FaultPlan()
    plan.arm(CardFault("remove", "after", ins=0xD6))
    card, _ = inserted(reader, plan)
    reader.send(b"\x01")
    assert reader.ask(CREATE) == b"\x90\x00"
    reader.send(WRITE)
    assert reader.gone()
    assert card.image.files["mf/0101"] == b"\xff" * 8
    assert plan.last_fault == "remove after command 2 (00D60000)"


def test_a_mute_card_can_still_be_taken_away(reader: Reader) -> None:
    plan = FaultPlan()
    plan.arm(CardFault("mute", "before"))
    _, client = inserted(reader, plan)
    reader.send(b"\x01")
    reader.send(GET_CPLC)
    client.remove()
    assert reader.gone()


@pytest.mark.parametrize(
    ("when", "content"), [("before", bytes(8)), ("during", b"\xff" * 4 + bytes(4)), ("after", b"\xff" * 8)]
)
def test_the_three_moments_of_a_fault(when: str, content: bytes) -> None:
    plan = FaultPlan()
    card = FaultyCard(Card(blank_image(1)), plan)
    card.power_on()
    plan.arm(CardFault("remove", when, ins=0xD6, p1p2=0, count=2))
    assert card.transmit(CREATE) == b"\x90\x00"
    assert card.transmit(bytes.fromhex("00D600000100")) == b"\x90\x00"
    assert card.transmit(bytes.fromhex("00D600010100")) == b"\x90\x00"
    with pytest.raises(CardPulled):
        card.transmit(WRITE)
    assert card.card.image.files["mf/0101"] == content
    assert card.transmit(WRITE) == b"\x90\x00"  # spent


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode"},
        {"action": "kill", "when": "never"},
        {"action": "kill", "ins": 256},
        {"action": "kill", "ins": 1.5},
        {"action": "kill", "p1p2": -1},
        {"action": "kill", "count": 0},
    ],
)
def test_impossible_faults_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fault"):
        CardFault.from_mapping(fields)


def test_control_requests(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    blank_image(3).save(path)
    host = CardHost({"blank": reader.port})

    def ask(**request: object) -> dict[str, object]:
        return host.handle(json.dumps(request).encode())

    assert ask(op="insert", slot="blank", path=str(path)) == {"ok": True}
    reader.accept()
    reader.send(b"\x01")
    assert reader.ask(CREATE) == b"\x90\x00"
    assert CardImage.load(path).files == {"mf/0101": bytes(8)}
    again = ask(op="insert", slot="blank", path=str(path))
    assert again == {"ok": False, "error": "ControlError: there is a card in this slot"}
    assert ask(op="fault", slot="blank", action="remove", ins=0xD6)["ok"]
    assert ask(op="timing", slot="blank", delay=0.001)["ok"]
    slot = host.handle(b'{"op": "status"}')["slots"]["blank"]
    assert slot["inserted"]
    assert slot["serial"] == blank_image(3).serial
    assert slot["apdus"] == 1
    assert slot["faults"] == [
        {"action": "remove", "when": "after", "ins": 0xD6, "p1p2": None, "count": 1, "left": 1}
    ]
    reader.send(WRITE)
    assert reader.gone()
    after = host.handle(b'{"op": "status"}')["slots"]["blank"]
    assert after["last_fault"] == "remove after command 2 (00D60000)"
    assert ask(op="remove", slot="blank") == {"ok": True}
    assert ask(op="remove", slot="blank") == {"ok": True}
    assert ask(op="insert", slot="blank", path=str(path)) == {"ok": True}
    reader.accept()
    host.close()
    assert reader.gone()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"[]",
        b"[" * 100000,
        b"7",
        b'{"op": "nothing"}',
        b'{"op": ["x"]}',
        b'{"op": "insert", "slot": "blank"}',
        b'{"op": "insert", "slot": "blank", "path": "/nowhere/card.json"}',
        b'{"op": "insert", "slot": "blank", "path": 7}',
        b'{"op": "insert", "slot": "other", "path": "x"}',
        b'{"op": "fault", "slot": "blank", "action": "kill", "colour": 1}',
        b'{"op": "timing", "slot": "blank", "delay": -1}',
    ],
)
def test_senseless_requests_get_a_reason(line: bytes) -> None:
    answer = CardHost({"blank": 1}).handle(line)
    assert not answer["ok"]
    assert answer["error"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps({"op": text}).encode()))
def test_any_request_is_answered(line: bytes) -> None:
    assert not CardHost({"blank": 1}).handle(line)["ok"] or b"status" in line or b"stop" in line


def test_in_process_reader_behaves_like_a_pcsc_slot(tmp_path: Path) -> None:
    slot = InProcessSlot("Simulated Card Encoder")
    assert not slot.card_present()
    assert not slot.wait_for_card(timeout=0)
    with pytest.raises(CardRemoved), slot.connect():
        pass
    path = tmp_path / "card.json"
    blank_image(3).save(path)
    slot.insert(path)
    assert slot.wait_for_card(timeout=0)
    with slot.connect() as link:
        assert link.atr == ATR
        assert link.send(CPLC).ok
        with pytest.raises(ReaderUnavailable), slot.connect():
            pass
        assert link.send(Command(0, 0xE0, 0, 0, CREATE[5:])).ok
        slot.remove()
        with pytest.raises(CardRemoved):
            link.send(CPLC)
    assert slot.wait_for_removal(timeout=0)
    assert CardImage.load(path).files == {"mf/0101": bytes(8)}


def test_in_process_faults() -> None:
    cuts: list[int] = []
    slot = InProcessSlot("Simulated", kill=lambda: cuts.append(1))
    for action, error in (("remove", CardRemoved), ("mute", CardSilent), ("kill", CardRemoved)):
        slot.insert(Card(blank_image(1)))
        slot.plan.arm(CardFault(action))
        with slot.connect() as link, pytest.raises(error):
            link.send(CPLC)
    assert cuts == [1]


def test_waiting_sees_a_card_from_another_thread_and_can_be_cancelled() -> None:
    slot = InProcessSlot("Simulated")
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(slot.wait_for_card(timeout=20)))
    waiting.start()
    slot.insert(Card(blank_image(1)))
    waiting.join()
    cancel = threading.Event()
    cancel.set()
    assert found == [True]
    assert not slot.wait_for_removal(timeout=20, cancel=cancel)


def test_a_mute_command_raises_in_the_card(reader: Reader) -> None:
    plan = FaultPlan()
    plan.arm(CardFault("mute"))
    card = FaultyCard(Card(blank_image(1)), plan)
    card.power_on()
    with pytest.raises(CardMute):
        card.transmit(GET_CPLC)
