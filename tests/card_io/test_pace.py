"""PACE in every mapping: traces of real chips, worked examples, and a small chip with its own arithmetic."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.access import AccessKey, open_access
from card_io.emrtd.pace import Password, _token, choose, establish, pace
from card_io.emrtd.pace_offers import MappingKind, Suite
from card_io.errors import (
    AccessDenied,
    CardError,
    CardErrorCode,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
    StatusError,
)
from card_io.lds.security_infos import PaceInfo, SecurityInfos, build_card_access, oid_der
from card_io.tlv import Tlv
from card_io.trace import Exchange, Replay
from crypto.domains import DOMAINS, DhDomain, EcDomain, encode_to_point, pseudo_random
from crypto.ecmath import add, decode_point, encode_point, multiply
from crypto.primitives import Cipher, RandomBytes, encrypt_block, encrypt_cbc, kdf, mac8, pad

VECTORS = Path(__file__).parents[1] / "vectors"
G2 = json.loads((VECTORS / "icao_pace_gm_dh_g2.json").read_text())
CAM = json.loads((VECTORS / "trace_pace_cam_de.json").read_text())
PACE = "0.4.0.127.0.7.2.2.4"
CAN = Password.can("123456")


def replay(pairs: Iterable[Iterable[str]]) -> Replay:
    return Replay(Exchange(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in pairs)


def counting() -> RandomBytes:
    state = iter(range(1, 1000))
    return lambda length: hashlib.shake_128(bytes([next(state) % 256])).digest(length)


class Chip:
    """The chip's side of PACE for a password and a suite; generator and arithmetic are its own."""

    def __init__(self, suite: Suite, password: Password = CAN) -> None:
        self.suite, self.password = suite, password
        self.step = 0
        self.keys = (b"", b"")
        self.nonce = bytes(range(7, 23 if suite.cipher.key_length == 16 else 39))
        self.key = 0xABCDEF0123456789
        self.commands: list[Command] = []

    def times(self, scalar: int, element: bytes) -> bytes:
        domain = self.suite.domain
        if isinstance(domain, DhDomain):
            value = pow(int.from_bytes(element, "big"), scalar, domain.group.p)
            return value.to_bytes((value.bit_length() + 7) // 8, "big")
        assert isinstance(domain, EcDomain)
        point = multiply(domain.curve, scalar, decode_point(domain.curve, element))
        return encode_point(domain.curve, point or (0, 0))

    def plus(self, first: bytes, second: bytes) -> bytes:
        domain = self.suite.domain
        if isinstance(domain, DhDomain):
            value = int.from_bytes(first, "big") * int.from_bytes(second, "big") % domain.group.p
            return value.to_bytes((value.bit_length() + 7) // 8, "big")
        assert isinstance(domain, EcDomain)
        points = decode_point(domain.curve, first), decode_point(domain.curve, second)
        return encode_point(domain.curve, add(domain.curve, *points) or (0, 0))

    def send(self, command: Command) -> Response:
        self.commands.append(command)
        self.step += 1
        if self.step == 1:
            return Response(b"", 0x9000)
        parts = Tlv(command.data).children()
        steps = (self.encrypted_nonce, self.map, self.agree, self.confirm)
        answer = steps[self.step - 2](parts[0].value if parts else b"")
        return Response(Tlv.of(0x7C, answer), 0x9000) if answer is not None else Response(b"", 0x6300)

    def encrypted_nonce(self, _: bytes) -> bytes | None:
        cipher = self.suite.cipher
        key = kdf(self.password.secret, 3, cipher)
        return Tlv.of(0x80, encrypt_cbc(cipher, key, bytes(cipher.block_size), self.nonce))

    def map(self, data: bytes) -> bytes | None:
        domain = self.suite.domain
        if self.suite.mapping is MappingKind.INTEGRATED:
            value = pseudo_random(self.suite.cipher, self.nonce, data, domain.modulus)
            if isinstance(domain, EcDomain):
                self.mapped = encode_point(domain.curve, encode_to_point(domain.curve, value))
            elif isinstance(domain, DhDomain):
                exponent = (domain.group.p - 1) // domain.group.q
                self.mapped = pow(value, exponent, domain.group.p).to_bytes(domain.group.size, "big")
            return Tlv.of(0x82)
        shared = self.times(self.key, data)
        self.mapped = self.plus(self.times(int.from_bytes(self.nonce, "big"), domain.generator), shared)
        return Tlv.of(0x82, self.times(self.key, domain.generator))

    def agree(self, data: bytes) -> bytes | None:
        self.terminal, private = data, 0x987654321
        self.public = self.times(private, self.mapped)
        secret, domain = self.times(private, data), self.suite.domain
        if isinstance(domain, EcDomain):
            secret = secret[1 : 1 + domain.curve.size]
        elif isinstance(domain, DhDomain):
            secret = secret.rjust(domain.group.size, b"\x00")
        self.keys = kdf(secret, 1, self.suite.cipher), kdf(secret, 2, self.suite.cipher)
        return Tlv.of(0x84, self.public)

    def confirm(self, data: bytes) -> bytes | None:
        if data != self.token(self.public):
            return None
        answer = Tlv.of(0x86, self.token(self.terminal))
        if self.suite.mapping is not MappingKind.CHIP_AUTHENTICATION:
            return answer
        cipher = self.suite.cipher
        iv = encrypt_block(cipher, self.keys[0], b"\xff" * 16)
        return answer + Tlv.of(0x8A, encrypt_cbc(cipher, self.keys[0], iv, pad(b"proof", 16)))

    def token(self, public: bytes) -> bytes:
        tag = 0x84 if self.suite.domain.kind == "DH" else 0x86
        content = bytes(Tlv.of(0x7F49, [oid_der(self.suite.oid), Tlv.of(tag, public)]))
        cipher = self.suite.cipher
        return mac8(cipher, self.keys[1], pad(content, 8) if cipher is Cipher.TDES else content)


def suites_of(branch: int, cipher: int, parameter: int) -> Suite:
    return choose([PaceInfo(f"{PACE}.{branch}.{cipher}", 2, parameter)])


CURVE_IDS = tuple(range(8, 19))
CASES = [
    *((branch, cipher, number) for branch in (1, 3) for cipher in (1, 2, 3, 4) for number in (0, 1, 2)),
    *((2, cipher, number) for cipher in (1, 2, 3, 4) for number in (8, 10, 13)),
    *((branch, cipher, number) for branch in (2, 6) for cipher in (2, 4) for number in CURVE_IDS),
    *((4, cipher, number) for cipher in (1, 2, 3, 4) for number in CURVE_IDS if number != 10),
]


@pytest.mark.parametrize(("branch", "cipher", "parameter"), CASES)
def test_every_mapping_cipher_and_group_reaches_the_same_keys(
    branch: int, cipher: int, parameter: int
) -> None:
    suite = suites_of(branch, cipher, parameter)
    assert suite.domain is DOMAINS[parameter]
    chip = Chip(suite)
    session = establish(chip, suite, CAN, counting())
    assert (session.channel._encryption_key, session.channel._mac_key) == chip.keys
    assert session.channel.counter == bytes(suite.cipher.block_size)
    proof = session.chip_mapping
    assert (proof.data if proof else None) == (b"proof" if branch == 6 else None)
    assert proof is None or proof.public == chip.times(chip.key, suite.domain.generator)


@pytest.mark.parametrize(("branch", "parameter"), [(1, 0), (2, 12), (3, 2), (4, 13), (6, 13)])
def test_wrong_can_is_access_denied(branch: int, parameter: int) -> None:
    suite = suites_of(branch, 2, parameter)
    with pytest.raises(AccessDenied) as caught:
        pace(Chip(suite), suite, Password.can("654321"), counting())
    assert caught.value.code is CardErrorCode.CARD_ACCESS_DENIED


def test_tokens_of_the_worked_dh_example() -> None:
    """Doc 9303-11 appendix G.2: both tokens, the public keys without zero bytes in front."""
    info = SecurityInfos.parse(Tlv.of(0x31, bytes.fromhex(G2["paceInfoBytes"]))).pace[0]
    suite = choose([info])
    assert (suite.name, suite.domain.name) == ("PACE-DH-GM-AES-128", "MODP-1024-160")
    mac = kdf(bytes.fromhex(G2["expectedSharedSecret"]), 2, Cipher.AES128)
    assert mac.hex().upper() == G2["expectedMacKeyBytes"]
    chip_key = bytes.fromhex(G2["piccPublicKeyFieldElement"])
    assert _token(suite, mac, chip_key).hex().upper() == G2["expectedPCDAuthenticationToken"]
    own = bytes.fromhex(G2["pcdPublicKeyFieldElement"]).lstrip(b"\x00")
    assert _token(suite, mac, own).hex().upper() == G2["expectedPICCAuthenticationToken"]
    encryption = kdf(bytes.fromhex(G2["expectedSharedSecret"]), 1, Cipher.AES128)
    assert encryption.hex().upper() == G2["expectedEncKeyBytes"]


def cam_random() -> RandomBytes:
    """Randomness from which PACE draws the recorded private keys."""
    keys = [CAM["terminal_mapping_key"]["d"], CAM["terminal_ephemeral_d"]]
    values = [(int(key, 16) - 1).to_bytes(40, "big") for key in keys]
    return lambda length: values.pop(0)


def test_chip_authentication_mapping_of_a_recorded_document() -> None:
    """Every command, both session keys, and EF.CardSecurity through the channel: 22 MACs."""
    link = replay(CAM["apdus"])
    suite = choose(SecurityInfos.parse(bytes.fromhex(CAM["card_access"])).pace)
    assert suite.name == "PACE-ECDH-CAM-AES-128"
    password = Password.mrz(CAM["mrz_information"].encode())
    session = establish(link, suite, password, cam_random())
    keys = session.channel._encryption_key.hex(), session.channel._mac_key.hex()
    assert keys == (CAM["session"]["ks_enc"], CAM["session"]["ks_mac"])
    assert session.chip_mapping is not None
    assert len(session.chip_mapping.data) == 32


@pytest.mark.parametrize("data", [None, b"", bytes(15), bytes(32)])
def test_chip_data_that_cannot_be_read_are_empty(data: bytes | None) -> None:
    suite = suites_of(6, 2, 12)
    chip = Chip(suite)

    def transmit(command: Command) -> Response:
        response = chip.send(command)
        if chip.step != 5:
            return response
        token = Tlv(response.data).require(0x86)
        return Response(Tlv.of(0x7C, token + (b"" if data is None else Tlv.of(0x8A, data))), 0x9000)

    session = establish(_Link(transmit), suite, CAN, counting())
    assert session.chip_mapping is not None
    assert session.chip_mapping.data == b""


def damaged(index: int, change: bytes) -> list[list[str]]:
    pairs = [list(pair) for pair in CAM["apdus"]]
    pairs[index][1] = change.hex()
    return pairs


@pytest.mark.parametrize("answer", ["7C00", "7C028200", "7C0A8608" + "00" * 8, "7E00", "", "FF" * 1200])
@pytest.mark.parametrize("index", [1, 2, 3, 4])
def test_answers_of_another_shape_are_refused(answer: str, index: int) -> None:
    suite = choose(SecurityInfos.parse(bytes.fromhex(CAM["card_access"])).pace)
    password = Password.mrz(CAM["mrz_information"].encode())
    link = replay(damaged(index, bytes.fromhex(answer + "9000")))
    with pytest.raises((MalformedCardData, SecureMessagingError)):
        establish(link, suite, password, cam_random())


@given(st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_flipped_bits_of_the_recorded_chip(index: int, place: int) -> None:
    """Nothing but our errors, and no channel when anything of the proof changed."""
    raw = bytearray.fromhex(CAM["apdus"][index][1])
    bit = place % (8 * len(raw))
    raw[bit // 8] ^= 1 << bit % 8
    suite = choose(SecurityInfos.parse(bytes.fromhex(CAM["card_access"])).pace)
    password = Password.mrz(CAM["mrz_information"].encode())
    chip_data = index == 4 and bit // 8 >= 12  # object 8A: judged by the equation, not by PACE
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(CardError) if chip_data else pytest.raises(CardError))
        establish(replay(damaged(index, bytes(raw))), suite, password, cam_random())


@pytest.mark.parametrize("parameter", [0, 1, 2])
@pytest.mark.parametrize("value", [0, 1, -1, 2])
@pytest.mark.parametrize("step", [3, 4])
def test_numbers_that_are_no_members_are_refused(parameter: int, value: int, step: int) -> None:
    suite = suites_of(1, 2, parameter)
    chip = Chip(suite)
    modulus = suite.domain.modulus

    def transmit(command: Command) -> Response:
        response = chip.send(command)
        if chip.step != step:
            return response
        number = (value % modulus).to_bytes(modulus.bit_length() // 8, "big")
        return Response(Tlv.of(0x7C, Tlv.of(0x82 if step == 3 else 0x84, number)), 0x9000)

    with pytest.raises(MalformedCardData):
        pace(_Link(transmit), suite, CAN, counting())


class _Link:
    """A link over a function."""

    def __init__(self, transmit: Callable[[Command], Response]) -> None:
        self.transmit = transmit

    def send(self, command: Command) -> Response:
        return self.transmit(command)


@pytest.mark.parametrize("branch", [1, 2, 6])
def test_our_own_key_sent_back_is_refused(branch: int) -> None:
    suite = suites_of(branch, 2, 0 if branch == 1 else 12)
    chip = Chip(suite)

    def transmit(command: Command) -> Response:
        response = chip.send(command)
        if chip.step != 4:
            return response
        return Response(Tlv.of(0x7C, Tlv.of(0x84, chip.terminal)), 0x9000)

    with pytest.raises(SecureMessagingError, match="own PACE key"):
        pace(_Link(transmit), suite, CAN, counting())


@pytest.mark.parametrize("cipher", [3, 4])
def test_a_short_nonce_does_not_do_for_the_integrated_mapping(cipher: int) -> None:
    suite = suites_of(4, cipher, 13)
    chip = Chip(suite)
    chip.nonce = chip.nonce[:16]
    with pytest.raises(MalformedCardData, match="nonces"):
        pace(chip, suite, CAN, counting())
    generic = suites_of(2, cipher, 13)  # but for the generic one, as in the field
    chip = Chip(generic)
    chip.nonce = chip.nonce[:16]
    assert pace(chip, generic, CAN, counting()).alive


def test_an_empty_answer_to_the_integrated_mapping_may_lack_its_object() -> None:
    suite = suites_of(4, 2, 13)
    chip = Chip(suite)

    def transmit(command: Command) -> Response:
        response = chip.send(command)
        return Response(b"\x7c\x00", 0x9000) if chip.step == 3 else response

    assert pace(_Link(transmit), suite, CAN, counting()).alive


def test_a_chip_that_wants_no_le() -> None:
    suite = suites_of(2, 2, 12)
    chip = Chip(suite)

    def transmit(command: Command) -> Response:
        if command.le is not None:
            return Response(b"", 0x6700)
        return chip.send(command)

    assert pace(_Link(transmit), suite, CAN, counting()).alive


def test_a_chip_that_refuses_the_parameter_id() -> None:
    suite = suites_of(2, 2, 12)
    chip = Chip(suite)
    asked: list[bool] = []

    def transmit(command: Command) -> Response:
        if command.ins == 0x22:
            asked.append(b"\x84\x01\x0c" in command.data)
            if asked[-1]:
                return Response(b"", 0x6A80)
        return chip.send(command)

    assert pace(_Link(transmit), suite, CAN, counting()).alive
    assert asked == [True, False]


def test_the_parameter_id_stays_where_groups_differ() -> None:
    suite = choose([PaceInfo(f"{PACE}.2.2", 2, number) for number in (12, 13)])
    assert not suite.alone
    asked: list[Command] = []

    def transmit(command: Command) -> Response:
        asked.append(command)
        return Response(b"", 0x6A88)

    with pytest.raises(ProtocolUnsupported):
        pace(_Link(transmit), suite, CAN, counting())
    assert len(asked) == 1


BODIES = [b"", b"\x7c\x00", bytes(8), *(bytes.fromhex(answer)[:-2] for _, answer in CAM["apdus"][1:6])]
STATUSES = [b"\x90\x00"] * 4 + [b"\x61\x10", b"\x6c\x08", b"\x63\x00", b"\x6a\x80", b"\x67\x00"]
OFFERS = [
    build_card_access([PaceInfo(f"{PACE}.{branch}.2", 2, 0 if branch in (1, 3) else 13)])
    for branch in (1, 2, 3, 4, 6)
]


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_hostile_chips_raise_only_card_errors_and_end(data: st.DataObject) -> None:
    count = 0

    def transmit(raw: bytes) -> bytes:
        nonlocal count
        count += 1
        body = data.draw(st.sampled_from(BODIES) | st.binary(max_size=40))
        return body + data.draw(st.sampled_from(STATUSES))

    key = AccessKey(mrz_information=b"T22000129364081251010318", can="123456")
    with contextlib.suppress(CardError):
        open_access(BytesLink(transmit), key, data.draw(st.sampled_from(OFFERS)), counting())
    assert count < 1500


def test_a_status_in_the_middle_is_a_status_error() -> None:
    suite = suites_of(2, 2, 12)
    chip = Chip(suite)

    def transmit(command: Command) -> Response:
        response = chip.send(command)
        return Response(b"", 0x6985) if chip.step == 4 else response

    with pytest.raises(StatusError):
        pace(_Link(transmit), suite, CAN, counting())
