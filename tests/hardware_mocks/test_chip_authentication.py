"""Chip Authentication on the chip: recorded documents replayed bit for bit, and a small terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardware_mocks.chip import Card, CardImage, passport_image
from hardware_mocks.chip_access import (
    SUITES,
    TDES,
    SecureChannel,
    Suite,
    authenticate,
    decrypt,
    derive_key,
    encrypt,
    pad,
    unpad,
)
from hardware_mocks.chip_agreement import AGREEMENTS, CurveAgreement
from hardware_mocks.chip_apdu import objects, tlv
from hardware_mocks.chip_authentication import CA_ARC, ChipKey
from hardware_mocks.chip_files import APPLICATION
from hardware_mocks.chip_math import PARAMETERS

VECTORS = Path(__file__).parents[1] / "vectors"


def vector(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return value


class Recorded(CurveAgreement):
    """A curve in which the chip's private key is known only by what it once agreed on."""

    def __init__(self, parameter: int, terminal: bytes, agreed: bytes) -> None:
        super().__init__(PARAMETERS[parameter])
        self._terminal, self._agreed = terminal, agreed

    def times(self, scalar: int, element: bytes) -> bytes:
        assert element == self._terminal
        return self._agreed


def in_session(image: CardImage, channel: SecureChannel) -> Card:
    """The card in the middle of a session, in the application."""
    card = Card(image)
    card.power_on()
    card._files.directory = APPLICATION
    card._set_channel(channel)
    return card


def chip_point(dg14: bytes, parameter: int) -> bytes:
    """The public key in DG14: the last point of the file's curve."""
    size = 1 + 2 * PARAMETERS[parameter].size
    for start in range(len(dg14) - size, 0, -1):
        point = dg14[start : start + size]
        half = size // 2
        x, y = int.from_bytes(point[1 : 1 + half], "big"), int.from_bytes(point[1 + half :], "big")
        curve = PARAMETERS[parameter]
        if point[0] == 4 and (y * y - x * x * x - curve.a * x - curve.b) % curve.p == 0:
            return point
    raise AssertionError("no point")


@pytest.mark.parametrize(
    ("name", "parameter", "session", "key_id"),
    [
        ("trace_ca_at.json", 13, 2, None),
        ("trace_ca_de.json", 13, 2, 0xC3),
        ("trace_ca_fr.json", 12, 4, None),  # MSE:Set KAT, from AES-256 to 3DES
        ("trace_ca_my.json", 13, 1, None),  # MSE:Set AT with 3DES
    ],
)
def test_recorded_documents_are_answered_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, name: str, parameter: int, session: int, key_id: int | None
) -> None:
    trace = vector(name)
    dg14 = bytes.fromhex(trace["dg14"])
    terminal = bytes.fromhex(trace["terminal_public_point"])
    private = int(trace["terminal_ephemeral_key"]["d"], 16)
    agreed = AGREEMENTS[parameter].times(private, chip_point(dg14, parameter))
    ciphers = tuple(arc for arc in SUITES if CA_ARC + bytes([2, arc]) in dg14)
    key = ChipKey(parameter, 5, key_id, ciphers or (1,))
    before = trace["before"]
    keys = bytes.fromhex(before["ks_enc"]), bytes.fromhex(before["ks_mac"])
    monkeypatch.setitem(AGREEMENTS, parameter, Recorded(parameter, terminal, agreed))
    image = passport_image({"app/010E": dg14}, b"X" * 24, serial=1, ca_keys=(key,))
    card = in_session(image, SecureChannel(SUITES[session], *keys, int(before["ssc"], 16)))
    for command, answer in trace["apdus"]:
        assert card.transmit(bytes.fromhex(command)).hex() == answer.lower()


class Terminal:
    """Secure messaging of a terminal, enough to run Chip Authentication (Doc 9303-11 §9.8)."""

    def __init__(self, card: Card, suite: Suite, secret: bytes) -> None:
        self.card = card
        self.renew(suite, secret)

    def renew(self, suite: Suite, secret: bytes) -> None:
        """The session of a new shared secret."""
        self.suite, self.ssc = suite, 0
        self.enc, self.mac = (derive_key(secret, counter, suite) for counter in (1, 2))

    def send(self, header: str, data: bytes = b"", le: bytes = b"") -> tuple[bytes, int]:
        head, block = bytes.fromhex(header), self.suite.block
        self.ssc += 1
        body = b""
        if data:
            body = tlv(0x87, b"\x01" + encrypt(self.suite, self.enc, pad(data, block), self._iv()))
        if le:
            body += tlv(0x97, le)
        body += tlv(0x8E, self._mac(pad(head, block) + (pad(body, block) if body else b"")))
        size = b"\x00" + len(body).to_bytes(2, "big")
        answer = self.card.transmit(head + size + body + b"\x00\x00")
        self.ssc += 1
        found = {item.tag: item for item in objects(answer[:-2])}
        assert found.pop(0x8E).value == self._mac(pad(b"".join(item.raw for item in found.values()), block))
        plain = found[0x87].value[1:] if 0x87 in found else b""
        text = unpad(decrypt(self.suite, self.enc, plain, self._iv())) if plain else b""
        return text, int.from_bytes(answer[-2:], "big")

    def _iv(self) -> bytes:
        counter = self.ssc.to_bytes(self.suite.block, "big")
        return bytes(8) if self.suite is TDES else encrypt(self.suite, self.enc, counter)

    def _mac(self, padded: bytes) -> bytes:
        return authenticate(self.suite, self.mac, self.ssc.to_bytes(self.suite.block, "big") + padded)


def session_with(*keys: ChipKey) -> Terminal:
    """A card with these keys, in a session of 3DES."""
    image = passport_image({"app/0101": b"\x61\x03abc"}, b"X" * 24, serial=1, ca_keys=keys)
    secret = b"first secret"
    channel = SecureChannel(TDES, derive_key(secret, 1, TDES), derive_key(secret, 2, TDES))
    return Terminal(in_session(image, channel), TDES, secret)


@pytest.mark.parametrize("parameter", sorted(AGREEMENTS))
@pytest.mark.parametrize("cipher", [0, 1, 4])
def test_both_command_forms_agree_in_every_group(parameter: int, cipher: int) -> None:
    """Cipher 0 stands for MSE:Set KAT, whose cipher is 3DES."""
    group = AGREEMENTS[parameter]
    key = ChipKey(parameter, 0xBEEF, 3, (cipher or 1,))
    terminal = session_with(key, ChipKey(12, 9, 4, (2,)))
    public = group.times(0xABCDEF, group.base)
    if cipher:
        choice = tlv(0x80, CA_ARC + bytes([group.oid_arc, cipher])) + bytes.fromhex("840103")
        assert terminal.send("0C2241A4", choice) == (b"", 0x9000)
        assert terminal.send("0C860000", tlv(0x7C, tlv(0x80, public)), b"\x00") == (b"\x7c\x00", 0x9000)
    else:
        assert terminal.send("0C2241A6", tlv(0x91, public) + bytes.fromhex("840103")) == (b"", 0x9000)
    shared = group.times(0xABCDEF, key.public)
    terminal.renew(SUITES[cipher or 1], group.secret(shared))
    assert terminal.send("0CB08100", le=b"\x05") == (b"\x61\x03abc", 0x9000)


@pytest.mark.parametrize(
    ("header", "data", "answer"),
    [
        ("0C2241A6", "9103040102", 0x6A80),  # no point
        ("0C2241A6", "800104", 0x6A80),
        ("0C2241A6", "9103040102840109", 0x6A88),
        ("0C2241A4", "800A04007F00070202030204", 0x6A80),  # a cipher this key has not
        ("0C2241A4", "800A04007F00070202030102", 0x6A80),  # DH
        ("0C2241A4", "800A04007F00070202030202840109", 0x6A88),
        ("0C2241B6", "8301AA", 0x6A86),
        ("0C860000", "7C048002AABB", 0x6985),  # nothing chosen
    ],
)
def test_a_refused_chip_authentication_keeps_the_old_keys(header: str, data: str, answer: int) -> None:
    terminal = session_with(ChipKey(13, 5, 3, (1, 2)))
    assert terminal.send(header, bytes.fromhex(data), b"\x00") == (b"", answer)
    assert terminal.send("0CB08100", le=b"\x05") == (b"\x61\x03abc", 0x9000)


def test_chip_authentication_needs_a_session_and_a_key() -> None:
    image = passport_image({}, b"X" * 24, serial=1, ca_keys=(ChipKey(12, 5),))
    card = Card(image)
    card.power_on()
    assert card.transmit(bytes.fromhex("002241A6")) == b"\x69\x85"
    assert session_with().send("0C2241A6", b"\x91\x01\x04") == (b"", 0x6985)


def test_only_the_command_forms_of_the_key_are_taken() -> None:
    choice = tlv(0x80, CA_ARC + b"\x02\x01")
    public = tlv(0x91, AGREEMENTS[12].base)
    assert session_with(ChipKey(12, 5, None, (1,), ("KAT",))).send("0C2241A4", choice) == (b"", 0x6A80)
    assert session_with(ChipKey(12, 5, None, (1,), ("AT",))).send("0C2241A6", public) == (b"", 0x6A88)
