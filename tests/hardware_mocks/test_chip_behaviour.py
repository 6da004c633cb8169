"""Habits, hostility and slowness of simulated chips, as a terminal meets them; and calm under garbage."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import Command
from card_io.errors import CardRemoved, CardSilent
from hardware_mocks.card_faults import CardMute, CardPulled, FaultPlan, FaultyCard
from hardware_mocks.chip import ATR, Card, CardImage, ImageError, blank_image, passport_image
from hardware_mocks.chip_access import TDES, SecureChannel, authenticate, derive_key, encrypt, pad
from hardware_mocks.chip_apdu import template, tlv
from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_behaviour import IDEAL, Behaviour
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_files import APPLICATION
from hardware_mocks.chip_pace import PACE_ECDH_GM
from hardware_mocks.chip_plan import kinds, load_plan
from hardware_mocks.link import InProcessSlot

SELECT_APPLICATION = "00A4040C07A0000002471001"
CONTENT = bytes(range(200)) + bytes(100)
CARD_ACCESS = tlv(0x31, tlv(0x30, tlv(0x06, PACE_ECDH_GM + b"\x02") + bytes.fromhex("02010202010C")))
SECRET = b"session"


def old_chip(**behaviour: Any) -> Card:
    """A chip without access protocols, in its application."""
    files = {"app/0101": CONTENT, "app/0102": bytes(3), "mf/011C": CARD_ACCESS}
    image = passport_image(
        files, b"X" * 24, serial=1, pace=False, bac=False, behaviour=Behaviour.from_mapping(behaviour)
    )
    card = Card(image)
    card.power_on()
    assert send(card, SELECT_APPLICATION) in ("9000", "6A86")
    return card


def pace_chip(**behaviour: Any) -> Card:
    image = passport_image(
        {"mf/011C": CARD_ACCESS}, b"X" * 24, serial=1, behaviour=Behaviour.from_mapping(behaviour)
    )
    card = Card(image)
    card.power_on()
    return card


def send(card: Card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


@pytest.mark.parametrize(
    ("behaviour", "command", "answer"),
    [
        ({}, "00B08100A1", CONTENT[:161].hex() + "9000"),
        ({"read_limit": 160}, "00B08100A1", "6700"),
        ({"read_limit": 160}, "00B0810000", "6700"),
        ({"read_limit": 160}, "00B08100A0", CONTENT[:160].hex() + "9000"),
        ({"extended_length": False}, "00B081000000A0", "6700"),
        ({"extended_length": False}, "00B08100A0", CONTENT[:160].hex() + "9000"),
        ({"short_ids": False}, "00B0810004", "6A86"),
        ({"odd_read": False}, "00B10001045402000004", "6D00"),
        ({}, "00B0820304", "6B00"),
        ({"past_end": "6282"}, "00B0820304", "6282"),
        ({"past_end": "6A86"}, "00B0820304", "6A86"),
        ({"past_end": "9000"}, "00B0820304", "9000"),
        ({}, "00B0820204", "006282"),
        ({"across_end": "9000"}, "00B0820204", "009000"),
        ({"across_end": "6B00"}, "00B0820204", "6B00"),
        ({"across_end": "6700"}, "00B0820204", "6700"),
        ({"across_end": "6B00"}, "00B0820201", "009000"),
        ({"refuses_select": ["mf"]}, "00A4000C023F00", "6A86"),
        ({"refuses_select": ["mf"]}, "00A4000C", "9000"),
        ({"refuses_select": ["mf-empty"]}, "00A4000C", "6A86"),
        ({"refuses_select": ["application"]}, SELECT_APPLICATION, "6A86"),
        ({"refuses_select": ["file"]}, "00A4020C020101", "6A86"),
        ({"refuses_select": ["fci"]}, "00A4040007A000000247100100", "6A86"),
        ({"refuses_le": ["select"]}, SELECT_APPLICATION + "00", "6700"),
        ({"refuses_le": ["select"]}, SELECT_APPLICATION, "9000"),
        ({"endless": ["app/0102"]}, "00B0820208", "00" * 8 + "9000"),
        ({"endless": ["app/0102"]}, "00B10002065404FFFFFFF006", "5304000000009000"),
    ],
)
def test_habits_with_files(behaviour: dict[str, Any], command: str, answer: str) -> None:
    assert send(old_chip(**behaviour), command) == answer.upper()


@pytest.mark.parametrize(
    ("behaviour", "command", "answer"),
    [
        ({}, "0022C1A40F800A04007F00070202040202830101", "9000"),
        ({"needs_parameter": True}, "0022C1A40F800A04007F00070202040202830101", "6A87"),
        ({"needs_parameter": True}, "0022C1A412800A04007F0007020204020283010184010C", "9000"),
        ({"refuses_le": ["mse"]}, "0022C1A412800A04007F0007020204020283010184010C00", "6700"),
        ({"refuses_le": ["mse"]}, "0022C1A412800A04007F0007020204020283010184010C", "9000"),
    ],
)
def test_habits_with_the_security_environment(behaviour: dict[str, Any], command: str, answer: str) -> None:
    assert send(pace_chip(**behaviour), command) == answer


def test_a_chip_may_hide_that_it_knows_extended_length() -> None:
    card = Card(passport_image({}, b"X" * 24, serial=1, behaviour=Behaviour(announces_extended_length=False)))
    atr = card.power_on()
    assert (atr[-2], ATR[-2]) == (0x00, 0x40)
    check = 0
    for octet in atr[1:]:
        check ^= octet
    assert check == 0


@pytest.mark.parametrize(
    ("behaviour", "le", "answer"),
    [
        ({}, "28", "6300"),
        ({"wrong_password": "6985"}, "28", "6985"),
        ({"wrong_password": "63C2"}, "28", "63C2"),
        ({"bac_le_28": False}, "28", "6700"),
        ({"bac_le_28": False}, "00", "6300"),
    ],
)
def test_habits_with_basic_access(behaviour: dict[str, Any], le: str, answer: str) -> None:
    card = pace_chip(**behaviour)
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, "0084000008").endswith("9000")
    assert send(card, "0082000028" + "00" * 40 + le) == answer


def general_authenticate(card: Card, tag: int, value: bytes) -> dict[int, bytes]:
    data = tlv(0x7C, tlv(tag, value) if tag else b"")
    answer = card.transmit(bytes([0x10, 0x86, 0, 0, len(data)]) + data + b"\x00")
    return template(answer[:-2], 0x7C)


@pytest.mark.parametrize("size", [1, 15, 17, 200])
def test_a_hostile_nonce_has_the_length_asked_for(size: int) -> None:
    card = pace_chip(nonce_length=size)
    assert send(card, "0022C1A40F800A04007F00070202040202830101") == "9000"
    assert len(general_authenticate(card, 0, b"")[0x80]) == size


def test_a_mirror_sends_the_terminals_key_back() -> None:
    card = pace_chip(reflects_key=True)
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_numbers()
    octets = b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    assert send(card, "0022C1A40F800A04007F00070202040202830101") == "9000"
    general_authenticate(card, 0, b"")
    general_authenticate(card, 0x81, octets)
    assert general_authenticate(card, 0x83, octets) == {0x84: octets}


class Session:
    """Protected commands of a terminal, by 3DES; answers are not opened."""

    def __init__(self, image: CardImage) -> None:
        self.card = Card(image)
        self.card.power_on()
        self.card._files.directory = APPLICATION
        self.enc, self.mac = (derive_key(SECRET, counter, TDES) for counter in (1, 2))
        self.card._set_channel(SecureChannel(TDES, self.enc, self.mac))
        self.ssc = 0

    def send(self, header: bytes, data: bytes = b"", le: bytes = b"\x00") -> tuple[bytes, bool]:
        """The answer, and whether its MAC is right."""
        self.ssc += 1
        head = bytes([0x0C]) + header[1:4]
        cryptogram = encrypt(TDES, self.enc, pad(data, 8)) if data else b""
        body = b""
        if data:
            body = tlv(0x85, cryptogram) if header[1] & 1 else tlv(0x87, b"\x01" + cryptogram)
        body += tlv(0x97, le) if le else b""
        mac = self._mac(pad(head, 8) + (pad(body, 8) if body else b""))
        body += tlv(0x8E, mac)
        answer = self.card.transmit(head + b"\x00" + len(body).to_bytes(2, "big") + body + b"\x00\x00")
        self.ssc += 1
        return answer, len(answer) > 12 and answer[-10:-2] == self._mac(pad(answer[:-12], 8))

    def _mac(self, padded: bytes) -> bytes:
        return authenticate(TDES, self.mac, self.ssc.to_bytes(8, "big") + padded)


def test_one_wrong_mac_at_the_answer_asked_for() -> None:
    image = passport_image({"app/0101": CONTENT}, b"X" * 24, serial=1, behaviour=Behaviour(bad_mac_at=2))
    session = Session(image)
    assert [session.send(bytes.fromhex("00B08100"))[1] for _ in range(4)] == [True, False, True, True]


def test_an_elliptic_signature_in_der() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    image = passport_image({}, b"X" * 24, serial=1, bac=False, pace=False, aa_private_key=key)
    card = Card(replace(image, behaviour=Behaviour(aa_encoding="der")))
    card.power_on()
    assert send(card, SELECT_APPLICATION) == "9000"
    answer = card.transmit(bytes.fromhex("0088000008000102030405060700"))
    key.public_key().verify(answer[:-2], bytes(range(8)), ec.ECDSA(hashes.SHA256()))


def test_a_long_answer_may_come_in_parts() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    image = passport_image({}, b"X" * 24, serial=1, aa_private_key=key, behaviour=Behaviour(long_answer="61"))
    session = Session(image)
    session.card._files.authenticated = True
    channel = session.card._channel
    assert channel is not None
    header = bytes.fromhex("0C880000")
    cryptogram = tlv(0x87, b"\x01" + encrypt(TDES, session.enc, pad(bytes(8), 8))) + b"\x97\x01\x00"
    session.ssc += 1
    mac = session._mac(pad(header, 8) + pad(cryptogram, 8))
    body = cryptogram + tlv(0x8E, mac)
    answer = session.card.transmit(header + bytes([len(body)]) + body + b"\x00")
    assert answer[-2:] == bytes([0x61, 256 - 231])
    assert len(answer) <= 258


def test_the_smaller_of_signature_and_complement() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    image = passport_image({}, b"X" * 24, serial=1, bac=False, pace=False, aa_private_key=key)
    card = Card(replace(image, behaviour=Behaviour(aa_complement=True)))
    card.power_on()
    assert send(card, SELECT_APPLICATION) == "9000"
    n = key.public_key().public_numbers().n
    ends = set()
    for _ in range(8):
        answer = card.transmit(bytes.fromhex("0088000008000102030405060700"))
        signature = int.from_bytes(answer[:-2], "big")
        assert signature <= n // 2
        frame = pow(signature, 65537, n)
        frame = frame if frame & 0xF == 0xC else n - frame
        octets = frame.to_bytes(128, "big")
        assert octets[0] == 0x6A
        assert octets[-1] == 0xBC
        assert octets[-21:-1] == hashlib.sha1(octets[1:-21] + bytes(range(8))).digest()
        ends.add(pow(signature, 65537, n) == frame)
    assert ends <= {True, False}


def faulty(wait: Any = None, **behaviour: Any) -> FaultyCard:
    card = FaultyCard(old_chip(**behaviour), FaultPlan(), wait=wait)
    card.power_on()
    return card


def test_a_slow_chip_takes_its_time_and_no_test_has_to_wait() -> None:
    spent: list[float] = []
    card = faulty(spent.append, command_ms=10, octet_us=100, crypto_ms=500)
    card.transmit(bytes.fromhex("00A4000C023F00"))
    card.transmit(bytes.fromhex("0084000008"))
    card.transmit(bytes.fromhex("0088000008000102030405060700"))
    assert spent == pytest.approx([0.0109, 0.0107, 0.5116])


def test_silence_and_removal_come_at_their_command_after_each_reset() -> None:
    select = bytes.fromhex("00A4000C")
    silent, removed = faulty(silent_at=2), faulty(remove_at=3)
    for _ in range(2):
        silent.power_on()
        assert silent.transmit(select) == b"\x90\x00"
        for _ in range(2):
            with pytest.raises(CardMute):
                silent.transmit(select)
    assert [removed.transmit(select) for _ in range(2)] == [b"\x90\x00"] * 2
    with pytest.raises(CardPulled):
        removed.transmit(select)


def test_in_process_a_slow_card_is_silent_beyond_the_deadline() -> None:
    spent: list[float] = []
    slot = InProcessSlot("test", deadline=1.0, wait=spent.append)
    command = Command(0x00, 0x84, 0x00, 0x00, le=8)
    slot.insert(old_chip(command_ms=400))
    with slot.connect() as link:
        link.send(command)
    assert spent == [0.4]
    slot.insert(old_chip(command_ms=1400))
    with slot.connect() as link, pytest.raises(CardSilent):
        link.send(command)
    assert spent == [0.4, 1.0]
    slot.insert(old_chip(remove_at=1))
    with slot.connect() as link, pytest.raises(CardRemoved):
        link.send(command)
    assert not slot.card_present()


def test_images_of_the_first_format_still_load() -> None:
    for image in (blank_image(1), passport_image({"app/0101": CONTENT}, b"X" * 24, serial=2)):
        value = json.loads(image.to_json())
        assert not {"ca_keys", "cam_keys", "behaviour"} & set(value)
        assert CardImage.from_json(json.dumps(value)) == image


def test_new_members_survive_and_spoilt_ones_are_refused() -> None:
    image = passport_image(
        {},
        b"X" * 24,
        serial=1,
        ca_keys=(ChipKey(1, 1 << 200, 7, (1,), ("KAT",)),),
        cam_keys=(ChipKey(13, 99),),
        behaviour=Behaviour(past_end="6282", refuses_le=("mse",), octet_us=1.5),
    )
    assert CardImage.from_json(image.to_json()) == image
    good = json.loads(image.to_json())
    for name, value in (
        ("behaviour", {"past_end": "1234"}),
        ("behaviour", {"colour": 1}),
        ("behaviour", {"octet_us": -1}),
        ("behaviour", {"octet_us": float("nan")}),
        ("behaviour", {"refuses_le": [1]}),
        ("behaviour", 7),
        ("ca_keys", [{}]),
        ("ca_keys", [good["ca_keys"][0] | {"parameter": 4}]),
        ("ca_keys", [good["ca_keys"][0] | {"private": "0"}]),
        ("cam_keys", 5),
    ):
        with pytest.raises(ImageError):
            CardImage.from_json(json.dumps(good | {name: value}))


def test_the_ideal_chip_leaves_no_trace_in_its_image() -> None:
    assert IDEAL.to_mapping() == {}
    assert Behaviour.from_mapping({}) == IDEAL


@cache
def shipped(kind: str) -> CardImage:
    return build_chip(load_plan(kind), None)


instructions = st.sampled_from([0x22, 0x82, 0x84, 0x86, 0x88, 0xA4, 0xB0, 0xB1, 0xCA, 0xD6]) | st.integers(
    0, 255
)
parameters = st.sampled_from([0x0000, 0x41A4, 0x41A6, 0xC1A4, 0x040C, 0x020C, 0x8100]) | st.integers(
    0, 0xFFFF
)
bodies = st.binary(max_size=40) | st.sampled_from(
    [
        bytes.fromhex("800A04007F00070202030202840101"),
        bytes.fromhex("7C048002AABB"),
        bytes.fromhex("91020405"),
        bytes.fromhex("5404FFFFFFFF"),
        bytes.fromhex("800A04007F0007020204020283010184010C"),
    ]
)
commands = st.lists(st.tuples(st.booleans(), instructions, parameters, bodies), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(kinds()), commands)
def test_garbage_never_breaks_a_chip(kind: str, commands: list[tuple[bool, int, int, bytes]]) -> None:
    session = Session(shipped(kind))
    for protected, ins, p1p2, body in commands:
        head = bytes([0x00, ins]) + p1p2.to_bytes(2, "big")
        if protected:
            answer, _ = session.send(head, body)
        else:
            answer = session.card.transmit(head + bytes([len(body)]) + body)
        assert len(answer) >= 2
        assert answer[-2] >> 4 in (6, 9)
