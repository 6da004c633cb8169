"""Chip authentication mapping: a recorded German document, and chips that do badly at EF.CardSecurity."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import Command, Ins, Response
from card_io.emrtd.access import AccessKey, open_access
from card_io.emrtd.cam import SECURITY_OBJECT, ChipAuthenticationMappingResult, verify_chip_mapping
from card_io.emrtd.pace import ChipMapping, Password, establish
from card_io.emrtd.pace_offers import read_offers
from card_io.errors import AccessDenied, CardRemoved
from card_io.lds.security_infos import ChipAuthenticationPublicKey, PaceInfo, build_card_access, oid_der
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv, parse_all
from card_io.trace import Exchange, Replay
from crypto.cms import build_signed_data
from crypto.domains import DOMAINS, EcDomain
from crypto.ecmath import add, decode_point, encode_point, multiply
from crypto.pki_lab import LabPki
from crypto.primitives import (
    Cipher,
    RandomBytes,
    decrypt_cbc,
    encrypt_block,
    encrypt_cbc,
    kdf,
    mac8,
    pad,
    unpad,
)
from crypto.trust import Outcome

TRACE = json.loads((Path(__file__).parents[1] / "vectors" / "trace_pace_cam_de.json").read_text())
OID = "0.4.0.127.0.7.2.2.4.6.2"
KEY = AccessKey(can="123456")


def recorded() -> tuple[ChipMapping, bytes, Replay]:
    """The whole trace: PACE with the recorded randomness, then EF.CardSecurity through the channel."""
    names = TRACE["terminal_mapping_key"]["d"], TRACE["terminal_ephemeral_d"]
    values = [(int(value, 16) - 1).to_bytes(40, "big") for value in names]
    link = Replay(Exchange(bytes.fromhex(c), bytes.fromhex(a)) for c, a in TRACE["apdus"])
    suite = read_offers(bytes.fromhex(TRACE["card_access"]))[0]
    password = Password.mrz(TRACE["mrz_information"].encode())
    session = establish(link, suite, password, lambda length: values.pop(0))
    channel = session.channel
    assert channel.send(Command(0, Ins.SELECT, 2, 0x0C, b"\x01\x1d")).ok
    content = channel.send(Command(0, Ins.READ_BINARY, 0, 0, le=4)).data
    total = 4 + int.from_bytes(content[2:4], "big")
    while len(content) < total:
        le = 0 if total - len(content) >= 0xDF else total - len(content)
        offset = len(content)
        content += channel.send(Command(0, Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=le)).data
    assert session.chip_mapping is not None
    return session.chip_mapping, content, link


MAPPING, CARD_SECURITY, LINK = recorded()


def test_recorded_document_proves_its_key() -> None:
    assert LINK.finished  # every command as recorded, every answer with a good MAC
    result = verify_chip_mapping(MAPPING, CARD_SECURITY)
    assert (result.protocol, result.outcome) == ("PACE-ECDH-CAM-AES-128", Outcome.SUCCESSFUL)
    assert (result.card_security, result.mapping_key) == (CARD_SECURITY, MAPPING.public)
    curve = DOMAINS[13]
    assert curve.power(int.from_bytes(result.chip_data, "big"), result.public_key) == MAPPING.public


@pytest.mark.parametrize("byte", [0, 15, 31])
def test_other_chip_data_fail(byte: int) -> None:
    data = bytearray(MAPPING.data)
    data[byte] ^= 1
    for changed in (bytes(data), b"", b"\x00", bytes(200)):
        mapping = dataclasses.replace(MAPPING, data=changed)
        assert verify_chip_mapping(mapping, CARD_SECURITY).outcome is Outcome.FAILED


def test_another_mapping_key_fails() -> None:
    mapping = dataclasses.replace(MAPPING, public=DOMAINS[13].generator)
    assert verify_chip_mapping(mapping, CARD_SECURITY).outcome is Outcome.FAILED


def test_without_a_key_to_check_with_nothing_is_said() -> None:
    assert verify_chip_mapping(MAPPING, None).outcome is Outcome.UNDETERMINED
    assert verify_chip_mapping(MAPPING, CARD_SECURITY[:-1]).outcome is Outcome.UNDETERMINED
    other = dataclasses.replace(MAPPING, domain=DOMAINS[12])
    result = verify_chip_mapping(other, CARD_SECURITY)
    assert (result.outcome, result.detail) == (Outcome.UNDETERMINED, "EF.CardSecurity: no key of the group")


def test_the_key_stays_out_of_logs() -> None:
    assert MAPPING.data.hex() not in repr(MAPPING) + repr(verify_chip_mapping(MAPPING, CARD_SECURITY))


@given(st.integers(0, len(CARD_SECURITY) * 8 - 1))
@settings(max_examples=60, deadline=None)
def test_flipped_bits_raise_nothing(bit: int) -> None:
    damaged = bytearray(CARD_SECURITY)
    damaged[bit // 8] ^= 1 << bit % 8
    verify_chip_mapping(MAPPING, bytes(damaged))


@given(st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_garbage_raises_nothing(garbage: bytes) -> None:
    assert verify_chip_mapping(MAPPING, garbage).outcome is Outcome.UNDETERMINED
    verify_chip_mapping(dataclasses.replace(MAPPING, data=garbage), CARD_SECURITY)


def counting() -> RandomBytes:
    state = iter(range(1, 1000))
    return lambda length: hashlib.shake_128(bytes([next(state) % 256])).digest(length)


class CamChip:
    """PACE-CAM on P-256 with AES-128, one file in the master file, and an application."""

    def __init__(self, card_security: bytes | None, private: int, *, breaks: bool = False) -> None:
        domain = DOMAINS[12]
        assert isinstance(domain, EcDomain)
        self.curve, self.private, self.breaks = domain.curve, private, breaks
        self.file, self.step, self.sessions, self.selected = card_security, 0, 0, False
        self.enc = self.mac = b""
        self.counter = 0

    def send(self, command: Command) -> Response:
        if command.ins == 0x22:
            self.step, self.enc = 0, b""
            self.sessions += 1
            return Response(b"", 0x9000)
        return self.protected(command) if self.enc else self.pace(command)

    def times(self, scalar: int, point: bytes | None = None) -> bytes:
        base = decode_point(self.curve, point) if point else self.curve.generator
        return encode_point(self.curve, multiply(self.curve, scalar, base) or (0, 0))

    def pace(self, command: Command) -> Response:
        self.step += 1
        parts = Tlv(command.data).children()
        data = parts[0].value if parts else b""
        cipher, nonce, secret = Cipher.AES128, bytes(range(1, 17)), 0x5EC4E7
        if self.step == 1:
            answer = Tlv.of(0x80, encrypt_cbc(cipher, kdf(b"123456", 3, cipher), bytes(16), nonce))
        elif self.step == 2:
            shared = decode_point(self.curve, self.times(secret, data))
            scaled = decode_point(self.curve, self.times(int.from_bytes(nonce, "big")))
            self.mapped = encode_point(self.curve, add(self.curve, scaled, shared) or (0, 0))
            answer = Tlv.of(0x82, self.times(secret))
        elif self.step == 3:
            self.terminal, self.own = data, self.times(77, self.mapped)
            shared_x = self.times(77, data)[1:33]
            self.keys = kdf(shared_x, 1, cipher), kdf(shared_x, 2, cipher)
            answer = Tlv.of(0x84, self.own)
        else:
            self.enc, self.mac = self.keys
            self.counter = 0
            expected = Tlv.of(0x7F49, [oid_der(OID), Tlv.of(0x86, self.own)])
            if data != mac8(cipher, self.mac, expected):
                self.enc = b""
                return Response(b"", 0x6300)
            proof = secret * pow(self.private, -1, self.curve.n) % self.curve.n
            iv = encrypt_block(cipher, self.enc, b"\xff" * 16)
            sealed = encrypt_cbc(cipher, self.enc, iv, pad(proof.to_bytes(32, "big"), 16))
            content = Tlv.of(0x7F49, [oid_der(OID), Tlv.of(0x86, self.terminal)])
            token = Tlv.of(0x86, mac8(cipher, self.mac, content))
            answer = Tlv(Tlv.of(0x7C, token + Tlv.of(0x8A, sealed)))
            return Response(answer, 0x9000)
        return Response(Tlv.of(0x7C, answer), 0x9000)

    def protected(self, command: Command) -> Response:
        objects = {item.tag: item.value for item in parse_all(command.data)}
        self.counter += 1
        data = objects.get(0x87, b"")[1:]
        plain = unpad(decrypt_cbc(Cipher.AES128, self.enc, self.iv(), data)) if data else b""
        le = int.from_bytes(objects.get(0x97, b""), "big")
        body, status = self.answer(command, plain, le)
        self.counter += 1
        if status == 0x6988:
            return Response(b"", status)
        sealed = encrypt_cbc(Cipher.AES128, self.enc, self.iv(), pad(body, 16))
        content = (Tlv.of(0x87, b"\x01" + sealed) if body else b"") + Tlv.of(0x99, status.to_bytes(2, "big"))
        counted = self.counter.to_bytes(16, "big") + pad(content, 16)
        return Response(content + Tlv.of(0x8E, mac8(Cipher.AES128, self.mac, counted)), 0x9000)

    def iv(self) -> bytes:
        return encrypt_block(Cipher.AES128, self.enc, self.counter.to_bytes(16, "big"))

    def answer(self, command: Command, plain: bytes, le: int) -> tuple[bytes, int]:
        if command.ins == 0xA4 and command.p1 == 4:
            self.selected = True
            return b"", 0x9000
        if self.breaks:
            return b"", 0x6988
        if self.file is None or self.selected:
            return b"", 0x6A82
        if command.ins == 0xA4:
            return b"", 0x9000 if plain == b"\x01\x1d" else 0x6A82
        offset = command.p1 << 8 | command.p2
        return self.file[offset : offset + (le or 256)], 0x9000


PRIVATE = 0xC0FFEE1234
CARD_ACCESS = build_card_access([PaceInfo(OID, 2, 12)])


@pytest.fixture(scope="module")
def card_security(lab: LabPki) -> bytes:
    """EF.CardSecurity with the chip's key, signed by the lab."""
    public = ec.derive_private_key(PRIVATE, ec.SECP256R1()).public_key().public_numbers()
    point = b"\x04" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
    parameters = Tlv.of(0x30, [oid_der("0.4.0.127.0.7.1.2"), Tlv.of(0x02, b"\x0c")])
    spki = Tlv.of(0x30, [parameters, Tlv.of(0x03, b"\x00" + point)])
    infos = Tlv.of(0x31, ChipAuthenticationPublicKey("0.4.0.127.0.7.2.2.1.2", spki, 12).encode())
    return build_signed_data(SECURITY_OBJECT, infos, lab.signer("UZ"))


def opened(chip: CamChip) -> ChipAuthenticationMappingResult:
    link, result = open_access(chip, KEY, CARD_ACCESS, counting())
    assert isinstance(link, SecureMessaging)
    assert link.alive
    assert chip.selected
    assert (result.protocol, result.parameters) == ("PACE-ECDH-CAM-AES-128", "secp256r1")
    assert result.chip_mapping is not None
    return result.chip_mapping


def test_access_reads_and_checks_the_key(card_security: bytes) -> None:
    proof = opened(CamChip(card_security, PRIVATE))
    assert (proof.outcome, proof.card_security) == (Outcome.SUCCESSFUL, card_security)
    assert opened(CamChip(card_security, PRIVATE + 1)).outcome is Outcome.FAILED


def test_access_goes_on_without_the_file() -> None:
    for file in (None, b"\x31\x03abc", b"\x30\x82\xff\xff\x00"):
        proof = opened(CamChip(file, PRIVATE))
        assert (proof.outcome, proof.card_security) == (Outcome.UNDETERMINED, None)


def test_a_session_that_breaks_over_the_file_is_opened_again(card_security: bytes) -> None:
    chip = CamChip(card_security, PRIVATE, breaks=True)
    assert opened(chip).outcome is Outcome.UNDETERMINED
    assert chip.sessions == 3


def test_the_can_is_tried_after_the_mrz(card_security: bytes) -> None:
    chip = CamChip(card_security, PRIVATE)
    both = AccessKey(mrz_information=b"X" * 24, can="123456")
    _, result = open_access(chip, both, CARD_ACCESS, counting())
    assert (result.protocol, result.fallback, chip.sessions) == ("PACE-ECDH-CAM-AES-128", False, 2)
    wrong = AccessKey(mrz_information=b"X" * 24, can="000000")
    with pytest.raises(AccessDenied):
        open_access(CamChip(card_security, PRIVATE), wrong, CARD_ACCESS, counting())


def test_a_lifted_document_is_not_opened_again(card_security: bytes) -> None:
    chip = CamChip(card_security, PRIVATE)

    def advance(done: int, total: int) -> None:
        if done:
            raise CardRemoved("lifted")

    with pytest.raises(CardRemoved):
        open_access(chip, KEY, CARD_ACCESS, counting(), advance)
    assert chip.sessions == 1
