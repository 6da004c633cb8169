"""The chip's side of BAC, PACE, secure messaging and AA against published examples and a small terminal."""

import hashlib
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_mocks import chip_access as access
from hardware_mocks import chip_math
from hardware_mocks.chip import Card, passport_image
from hardware_mocks.chip_apdu import decode_command, objects, template, tlv
from hardware_mocks.chip_pace import PACE_ECDH_GM

VECTORS = Path(__file__).parents[1] / "vectors"
AID = "00A4040C07A0000002471001"
CURVES: dict[int, ec.EllipticCurve] = {
    12: ec.SECP256R1(),
    13: ec.BrainpoolP256R1(),
    15: ec.SECP384R1(),
    16: ec.BrainpoolP384R1(),
    17: ec.BrainpoolP512R1(),
    18: ec.SECP521R1(),
}
DG1 = tlv(0x61, tlv(0x5F1F, b"I<UTO" + b"<" * 85))
DG2 = bytes([0x75, 0x82, 0x9C, 0x40]) + bytes(range(256)) * 156 + bytes(64)


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text("utf-8"))


def card_access(*pairs: tuple[bytes, int]) -> bytes:
    infos = [
        tlv(0x30, tlv(0x06, oid) + b"\x02\x01\x02" + tlv(0x02, bytes([parameter])))
        for oid, parameter in pairs
    ]
    return tlv(0x31, b"".join(infos))


def replay(*values: bytes) -> access.RandomBytes:
    """A random source that hands out these values, in this order, at exactly these sizes."""
    queue = list(values)

    def random(size: int) -> bytes:
        assert len(queue[0]) == size
        return queue.pop(0)

    return random


def passport(mrz: bytes = b"L898902C<369080619406236", **options: Any) -> Card:
    random = options.pop("random", None)
    files = {
        "mf/011C": options.pop("card_access", card_access((PACE_ECDH_GM + b"\x02", 13))),
        "app/0101": DG1,
        "app/0102": DG2,
        "app/011E": bytes.fromhex("60145F0104303130375F36063034303030305C026175"),
        "app/0103": b"\x63\x00",
    }
    card = Card(passport_image(files, mrz, serial=7, **options), random)
    card.power_on()
    return card


def send(card: Card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


class Terminal:
    """A terminal's secure messaging over a card, from the session's keys."""

    def __init__(self, card: Card, suite: access.Suite, enc: bytes, mac: bytes, ssc: int) -> None:
        self.card, self.suite, self.enc, self.mac, self.ssc = card, suite, enc, mac, ssc

    def _iv(self) -> bytes | None:
        counter = self.ssc.to_bytes(self.suite.block, "big")
        return None if self.suite is access.TDES else access.encrypt(self.suite, self.enc, counter)

    def _mac(self, *parts: bytes) -> bytes:
        block = self.suite.block
        padded = b"".join(access.pad(part, block) for part in parts if part)
        return access.authenticate(self.suite, self.mac, self.ssc.to_bytes(block, "big") + padded)

    def protect(self, header: str, data: bytes = b"", le: bytes = b"", *, extended: bool = False) -> bytes:
        self.ssc += 1
        head = bytes.fromhex(header)
        body = b""
        if data:
            cryptogram = access.encrypt(self.suite, self.enc, access.pad(data, self.suite.block), self._iv())
            body = tlv(0x85, cryptogram) if head[1] & 1 else tlv(0x87, b"\x01" + cryptogram)
        if le:
            body += tlv(0x97, le)
        body += tlv(0x8E, self._mac(head, body))
        if extended:
            return head + b"\x00" + len(body).to_bytes(2, "big") + body + b"\x00\x00"
        return head + bytes([len(body)]) + body + b"\x00"

    def open(self, answer: bytes) -> tuple[bytes, int]:
        self.ssc += 1
        fields = {item.tag: item for item in objects(answer[:-2])}
        body = b"".join(item.raw for tag, item in fields.items() if tag != 0x8E)
        assert fields[0x8E].value == self._mac(body)
        assert fields[0x99].value == answer[-2:]
        data = b""
        for tag, skip in ((0x87, 1), (0x85, 0)):
            if tag in fields:
                cryptogram = fields[tag].value[skip:]
                data = access.unpad(access.decrypt(self.suite, self.enc, cryptogram, self._iv()))
        return data, int.from_bytes(answer[-2:], "big")

    def send(self, header: str, data: bytes = b"", le: bytes = b"", **options: bool) -> tuple[bytes, int]:
        return self.open(self.card.transmit(self.protect(header, data, le, **options)))

    def select_application(self) -> None:
        assert self.send("0CA4040C", bytes.fromhex("A0000002471001")) == (b"", 0x9000)


def bac(card: Card) -> Terminal:
    """BAC with the access data of the worked example (Doc 9303-11 appendix D)."""
    example = vector("icao_bac_d2_d3.json")
    assert send(card, AID) == "9000"
    challenge = card.transmit(bytes.fromhex("0084000008"))[:8]
    enc, mac = bytes.fromhex(example["k_enc"]), bytes.fromhex(example["k_mac"])
    secret = bytes.fromhex(example["rnd_ifd"]) + challenge + bytes.fromhex(example["k_ifd"])
    cryptogram = access.encrypt(access.TDES, enc, secret)
    cryptogram += access.authenticate(access.TDES, mac, access.pad(cryptogram, 8))
    answer = card.transmit(bytes.fromhex("0082000028") + cryptogram + b"\x28")
    assert answer[-2:] == b"\x90\x00"
    plain = access.decrypt(access.TDES, enc, answer[:32])
    seed = bytes(a ^ b for a, b in zip(plain[16:], bytes.fromhex(example["k_ifd"]), strict=True))
    keys = access.derive_key(seed, 1, access.TDES), access.derive_key(seed, 2, access.TDES)
    return Terminal(card, access.TDES, *keys, int.from_bytes(plain[4:8] + plain[12:16], "big"))


def general_authenticate(card: Card, tag: int, value: bytes, *, last: bool = False) -> dict[int, bytes]:
    data = tlv(0x7C, tlv(tag, value) if tag else b"")
    answer = card.transmit(bytes([0x00 if last else 0x10, 0x86, 0, 0, len(data)]) + data + b"\x00")
    assert answer[-2:] == b"\x90\x00", answer.hex()
    return template(answer[:-2], 0x7C)


def pace(card: Card, variant: int, parameter: int, password: bytes, reference: int = 1) -> Terminal:
    """The terminal's half of PACE-ECDH-GM; scalar multiplication on the mapped point is the chip's code."""
    suite, curve = access.SUITES[variant], chip_math.PARAMETERS[parameter]
    oid = PACE_ECDH_GM + bytes([variant])
    choice = tlv(0x80, oid) + bytes([0x83, 1, reference, 0x84, 1, parameter])
    assert card.transmit(bytes([0, 0x22, 0xC1, 0xA4, len(choice)]) + choice) == b"\x90\x00"
    z = general_authenticate(card, 0, b"")[0x80]
    nonce = access.decrypt(suite, access.derive_key(password, 3, suite), z)
    mapping = ec.generate_private_key(CURVES[parameter])
    numbers = mapping.public_key().public_numbers()
    mapped = general_authenticate(card, 0x81, chip_math.encode(curve, (numbers.x, numbers.y)))[0x82]
    shared = chip_math.multiply(
        curve, mapping.private_numbers().private_value, chip_math.decode(curve, mapped)
    )
    generator = chip_math.add(curve, chip_math.multiply(curve, int.from_bytes(nonce, "big"), curve.g), shared)
    assert generator is not None
    secret = 0x1234567890ABCDEF << 100 | 1
    own = chip_math.multiply(curve, secret, generator)
    assert own is not None
    public = chip_math.encode(curve, own)
    theirs = general_authenticate(card, 0x83, public)[0x84]
    agreed = chip_math.multiply(curve, secret, chip_math.decode(curve, theirs))
    assert agreed is not None
    k = agreed[0].to_bytes(curve.size, "big")
    enc, mac = access.derive_key(k, 1, suite), access.derive_key(k, 2, suite)

    def token(point: bytes) -> bytes:
        body = tlv(0x7F49, tlv(0x06, oid) + tlv(0x86, point))
        return access.authenticate(suite, mac, access.pad(body, 8) if suite is access.TDES else body)

    assert general_authenticate(card, 0x85, token(theirs), last=True)[0x86] == token(public)
    return Terminal(card, suite, enc, mac, 0)


def test_bac_answers_with_the_octets_of_the_worked_example() -> None:
    example = vector("icao_bac_d2_d3.json")
    random = replay(bytes.fromhex(example["rnd_ic"]), bytes.fromhex(example["k_ic"]))
    card = passport(example["mrz_information"].encode(), random=random)
    assert send(card, AID) == "9000"
    assert send(card, "0084000008") == example["rnd_ic"] + "9000"
    assert send(card, example["cmd_external_authenticate"]) == example["rsp_external_authenticate"]
    # Appendix D.4: the session goes on with SELECT EF.COM, READ 4, READ 18.
    assert send(card, "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800") == (
        "990290008E08FA855A5D4C50A8ED9000"
    )
    assert send(card, "0CB000000D9701048E08ED6705417E96BA5500") == (
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000"
    )


def test_pace_answers_with_the_octets_of_the_worked_example() -> None:
    example = vector("icao_pace_gm_ecdh_g1.json")
    # The example prints the chip's ephemeral key too; the file keeps only its public point.
    ephemeral = "107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A"
    draws = (example["nonce_s"], example["map_picc_private"], ephemeral)
    card = passport(
        b"T22000129364081251010318",
        card_access=bytes.fromhex("3114" + example["pace_info"]),
        random=replay(*map(bytes.fromhex, draws)),
    )
    for command, answer in example["apdus"]:
        assert send(card, command) == answer
    terminal = Terminal(
        card, access.SUITES[2], bytes.fromhex(example["ks_enc"]), bytes.fromhex(example["ks_mac"]), 0
    )
    terminal.select_application()
    assert terminal.send("0CB08100", le=b"\x05") == (DG1[:5], 0x9000)


@pytest.mark.parametrize(("variant", "parameter"), [*product(access.SUITES, CURVES)])
def test_every_cipher_and_curve_opens_the_chip(variant: int, parameter: int) -> None:
    offered = card_access((PACE_ECDH_GM + bytes([variant]), parameter))
    mrz = b"L898902C<369080619406236"
    card = passport(mrz, card_access=offered, can="123456", bac=False)
    for password, reference in ((hashlib.sha1(mrz).digest(), 1), (b"123456", 2)):
        card.power_on()
        terminal = pace(card, variant, parameter, password, reference)
        terminal.select_application()
        assert terminal.send("0CB08100", le=b"\x05") == (DG1[:5], 0x9000)


def test_a_wrong_pace_password_is_told_at_the_token_and_only_there() -> None:
    card = passport(can="123456")
    with pytest.raises(AssertionError, match="6300"):
        pace(card, 2, 13, b"654321", 2)
    assert send(card, "00860000027C0000") == "6985"
    pace(card, 2, 13, b"123456", 2).select_application()


@pytest.mark.parametrize("change", [0, 31, 39])
def test_bac_with_a_wrong_cryptogram_fails_and_uses_the_challenge_up(change: int) -> None:
    example = vector("icao_bac_d2_d3.json")
    good = example["cmd_external_authenticate"]
    draws = (example["rnd_ic"], example["k_ic"], example["rnd_ic"], example["k_ic"])
    card = passport(random=replay(*(bytes.fromhex(draw) for draw in draws if draw)))
    bad = bytearray.fromhex(good)
    bad[5 + change] ^= 1
    assert send(card, AID) == "9000"
    assert send(card, good) == "6985"
    assert len(send(card, "0084000008")) == 20
    assert send(card, bad.hex()) == "6300"
    assert send(card, good) == "6985"


def test_a_pace_only_chip_refuses_bac_and_an_old_chip_needs_nothing() -> None:
    modern, old = passport(bac=False), passport(bac=False, pace=False)
    for card in (modern, old):
        assert send(card, AID) == "9000"
        assert send(card, "0084000008") == "6985"
    assert send(modern, "00B0810004") == "6982"
    assert send(old, "00B0810004") == DG1[:4].hex().upper() + "9000"
    assert send(old, "00B0830002") == "6982"  # DG3 stays behind extended access


def test_files_read_through_secure_messaging_by_fid_and_sfi() -> None:
    card = passport()
    assert send(card, AID) == "9000"
    assert send(card, "00A4020C020101") == "6982"
    terminal = bac(card)
    assert terminal.send("0CA4020C", b"\x01\x01") == (b"", 0x9000)
    assert terminal.send("0CB00000", le=b"\x00") == (DG1, 0x9000)
    assert terminal.send("0CB0009C".replace("9C", f"{len(DG1) - 3:02X}"), le=b"\x10") == (DG1[-3:], 0x6282)
    assert terminal.send("0CB00100", le=b"\x10") == (b"", 0x6B00)
    assert terminal.send("0CB08200", le=b"\x00") == (DG2[:231], 0x9000)
    assert terminal.send("0CB00000", le=b"\xe8") == (b"", 0x6700)  # 232 octets do not fit
    assert terminal.send("0CB08500", le=b"\x00") == (b"", 0x6A82)
    assert terminal.send("0CB08300", le=b"\x02") == (b"", 0x6982)  # DG3
    assert terminal.send("0CD60000", b"\x00") == (b"", 0x6985)


def test_long_files_need_extended_length_or_the_odd_instruction() -> None:
    terminal = bac(passport())
    assert terminal.send("0CB08200", le=b"\x03\xe8", extended=True) == (DG2[:1000], 0x9000)
    assert terminal.send("0CB00000", le=b"\x00\x00", extended=True) == (DG2, 0x9000)
    offset = 39000
    answer, sw = terminal.send("0CB10000", b"\x54\x02" + offset.to_bytes(2, "big"), b"\x64")
    assert (answer, sw) == (b"\x53\x62" + DG2[offset : offset + 98], 0x9000)
    tail, sw = terminal.send("0CB10000", b"\x54\x02\x9c\x40", b"\x64")
    assert (tail, sw) == (b"\x53\x04" + DG2[40000:], 0x6282)
    assert terminal.send("0CB10000", b"\x53\x01\x00", b"\x64") == (b"", 0x6A80)


def _without_mac(message: bytes) -> bytes:
    body = message[5:-11]
    return message[:4] + bytes([len(body)]) + body + b"\x00"


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (_without_mac, b"\x69\x87"),
        (lambda message: message[:4] + b"\x00", b"\x69\x87"),
        (lambda message: message[:-2] + bytes([message[-2] ^ 1]) + message[-1:], b"\x69\x88"),
        (lambda message: message[:2] + b"\x01" + message[3:], b"\x69\x88"),
        (lambda message: b"\x1c" + message[1:], b"\x69\x88"),
    ],
)
def test_a_broken_message_ends_the_session(spoil: Callable[[bytes], bytes], answer: bytes) -> None:
    card = passport()
    terminal = bac(card)
    assert terminal.send("0CB08100", le=b"\x04") == (DG1[:4], 0x9000)
    assert card.transmit(spoil(terminal.protect("0CB08100", le=b"\x04"))) == answer
    assert card.transmit(terminal.protect("0CB08100", le=b"\x04")) == b"\x69\x88"


def test_a_plain_command_ends_the_session() -> None:
    card = passport()
    terminal = bac(card)
    assert send(card, "00B0810004") == "6982"
    assert card.transmit(terminal.protect("0CB08100", le=b"\x04")) == b"\x69\x88"
    assert send(card, AID) == "9000"


def test_a_replayed_message_is_refused() -> None:
    card = passport()
    terminal = bac(card)
    message = terminal.protect("0CB08100", le=b"\x04")
    assert terminal.open(card.transmit(message)) == (DG1[:4], 0x9000)
    assert card.transmit(message) == b"\x69\x88"


def test_active_authentication_with_an_elliptic_key() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    card = passport(aa_private_key=key)
    assert send(card, "0088000008112233445566778800") == "6985"
    terminal = bac(card)
    challenge = bytes(range(8))
    signature, sw = terminal.send("0C880000", challenge, b"\x00")
    assert (len(signature), sw) == (64, 0x9000)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.public_key().verify(encode_dss_signature(r, s), challenge, ec.ECDSA(hashes.SHA256()))
    assert terminal.send("0C880000", challenge[:7], b"\x00") == (b"", 0x6700)


@pytest.mark.parametrize(("hash_name", "trailer"), [(None, "BC"), ("sha256", "34CC")])
def test_active_authentication_with_an_rsa_key(hash_name: str | None, trailer: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    terminal = bac(passport(aa_private_key=key, aa_hash=hash_name))
    challenge = bytes(range(8))
    signature, sw = terminal.send("0C880000", challenge, b"\x00")
    assert (len(signature), sw) == (128, 0x9000)
    numbers = key.public_key().public_numbers()
    frame = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(128, "big")
    name, tail = hash_name or "sha1", bytes.fromhex(trailer)
    size = hashlib.new(name).digest_size
    recovered, digest = frame[1 : -size - len(tail)], frame[-size - len(tail) : -len(tail)]
    assert frame[:1] == b"\x6a"
    assert frame.endswith(tail)
    assert hashlib.new(name, recovered + challenge).digest() == digest


def test_a_long_rsa_signature_needs_extended_length() -> None:
    terminal = bac(passport(aa_private_key=rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    assert terminal.send("0C880000", bytes(8), b"\x00") == (b"", 0x6700)
    signature, sw = terminal.send("0C880000", bytes(8), b"\x00\x00", extended=True)
    assert (len(signature), sw) == (256, 0x9000)


@pytest.mark.parametrize("row", vector("aa_iso9796_2_frames.json")["rows"], ids=lambda row: row["hash"])
def test_the_frame_that_is_signed_is_the_published_one(row: dict[str, str]) -> None:
    parts = bytes.fromhex(row["m1"]), bytes.fromhex(row["rnd_ifd"])
    assert access.recoverable_frame(row["hash"].lower(), *parts).hex().upper() == row["f"]


def test_a_recorded_active_authentication_is_wrapped_bit_for_bit() -> None:
    trace = vector("trace_aa_rsa.json")
    before = trace["before"]
    keys = bytes.fromhex(before["ks_enc"]), bytes.fromhex(before["ks_mac"])
    channel = access.SecureChannel(access.TDES, *keys, int(before["ssc"], 16))
    ((command, answer),) = trace["apdus"]
    plain = channel.unwrap(decode_command(bytes.fromhex(command)))
    assert plain.data.hex() == trace["rnd_ifd"]
    assert channel.wrap(plain.ins, bytes.fromhex(trace["signature"]), 0x9000).hex() == answer.lower()
    assert channel.ssc == int(trace["after_ssc"], 16)


def test_no_key_no_active_authentication() -> None:
    assert bac(passport()).send("0C880000", bytes(8), b"\x00") == (b"", 0x6A88)


@settings(max_examples=150, deadline=None)
@given(st.integers(4, 200), st.integers(1, 255))
def test_a_flipped_bit_ends_the_session_without_an_answer(position: int, flip: int) -> None:
    terminal = bac(passport())
    message = bytearray(terminal.protect("0CB08100", le=b"\x04"))
    message[4 + position % (len(message) - 5)] ^= flip  # anything after the header but the outer Le
    answer = terminal.card.transmit(bytes(message))
    assert answer in (b"\x67\x00", b"\x69\x87", b"\x69\x88")
    assert terminal.card.transmit(terminal.protect("0CB08100", le=b"\x04")) == b"\x69\x88"
