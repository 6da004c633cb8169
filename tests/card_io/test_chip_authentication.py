"""Chip authentication pinned to four recorded passports; a chip without the key does not get through."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.chip_authentication import Form, Offer, chip_authentication, offers
from card_io.emrtd.key_agreement import DhKey, EcKey, load_agreement_key
from card_io.errors import CardError, MalformedCardData, ProtocolUnsupported, SecureMessagingError
from card_io.lds.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationPublicKey,
    SecurityInfo,
    build_dg14,
    oid_der,
    parse_dg14,
)
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from card_io.trace import Exchange, Replay
from crypto.certificates import explicit_public_key
from crypto.ecmath import CURVES, encode_point, multiply
from crypto.primitives import COUNTER_ENCRYPTION, COUNTER_MAC, Cipher, kdf
from crypto.trust import Outcome

VECTORS = Path(__file__).parents[1] / "vectors"
TRACES = {
    name: json.loads((VECTORS / f"trace_ca_{name}.json").read_text()) for name in ("at", "de", "fr", "my")
}
SELECT_DG14 = Command(0x00, 0xA4, 0x02, 0x0C, bytes.fromhex("010E"))
CA, PK = "0.4.0.127.0.7.2.2.3", "0.4.0.127.0.7.2.2.1"
STATIC = ec.derive_private_key(0x5EED, ec.SECP256R1())


def spki(key: Any) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(encoding, form))


def fixed(scalar: int) -> Any:
    """Randomness that makes `scalar` the private key."""
    return lambda size: (scalar - 1).to_bytes(size, "big")


def recorded(trace: dict[str, Any]) -> tuple[Replay, SecureMessaging]:
    replay = Replay(
        Exchange(bytes.fromhex(command), bytes.fromhex(answer)) for command, answer in trace["apdus"]
    )
    encryption, mac, counter = (bytes.fromhex(trace["before"][name]) for name in ("ks_enc", "ks_mac", "ssc"))
    cipher = Cipher.TDES if len(counter) == 8 else Cipher.AES128
    if len(encryption) == 32:
        cipher = Cipher.AES256
    return replay, SecureMessaging(replay, cipher, encryption, mac, counter)


@pytest.mark.parametrize(
    ("name", "protocol", "form", "key_id"),
    [
        ("at", "CA-ECDH-AES-128", Form.AUTHENTICATE, None),
        ("de", "CA-ECDH-AES-128", Form.AUTHENTICATE, 0xC3),
        ("fr", "CA-ECDH-3DES", Form.KEY_AGREEMENT, None),
        ("my", "CA-ECDH-3DES", Form.AUTHENTICATE, None),
    ],
)
def test_recorded_passports(name: str, protocol: str, form: Form, key_id: int | None) -> None:
    trace = TRACES[name]
    replay, channel = recorded(trace)
    (offer,) = offers(bytes.fromhex(trace["dg14"]))
    link, result = chip_authentication(channel, offer, fixed(int(trace["terminal_ephemeral_key"]["d"], 16)))
    assert (result.outcome, result.protocol, result.form) == (Outcome.SUCCESSFUL, protocol, form)
    assert result.key_id == offer.key_id == key_id
    assert result.terminal_key.hex() == trace["terminal_public_point"].lower()
    assert not channel.alive
    assert isinstance(link, SecureMessaging)
    assert [link.proven, link.send(SELECT_DG14).ok, link.proven] == [False, True, True]
    assert replay.finished
    assert link.counter.hex() == trace["after"]["ssc"]
    keys = (link._encryption_key.hex(), link._mac_key.hex())
    assert keys == (trace["after"]["ks_enc"].lower(), trace["after"]["ks_mac"].lower())


class Chip:
    """The card's side of both forms in the clear, with the secret its static key gives."""

    def __init__(self, agree: Any, cipher: Cipher, *, refuse: tuple[tuple[int, int], ...] = ()) -> None:
        self.agree, self.cipher, self.refuse = agree, cipher, dict(refuse)
        self.log: list[Command] = []
        self.chain = b""
        self.keys: tuple[bytes, bytes] | None = None

    def send(self, command: Command) -> Response:
        self.log.append(command)
        if command.p2 in self.refuse and command.ins == 0x22:
            return Response(b"", self.refuse[command.p2])
        if command.is_extended and 0 in self.refuse:
            return Response(b"", self.refuse[0])
        if command.ins == 0x22 and command.p2 == 0xA4:
            return Response(b"", 0x9000)
        self.chain += command.data
        if command.cla & 0x10:
            return Response(b"", 0x9000)
        data, self.chain = self.chain, b""
        public = Tlv.of(0x30, data).require(0x91) if command.ins == 0x22 else Tlv(data).require(0x80)
        secret = self.agree(public.value)
        self.keys = kdf(secret, COUNTER_ENCRYPTION, self.cipher), kdf(secret, COUNTER_MAC, self.cipher)
        return Response(b"", 0x9000) if command.ins == 0x22 else Response(b"\x7c\x00", 0x9000)


def ec_agree(public: bytes) -> bytes:
    other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    return STATIC.exchange(ec.ECDH(), other)


def agreed(link: object, chip: Chip) -> bool:
    assert isinstance(link, SecureMessaging)
    return (link._encryption_key, link._mac_key) == chip.keys


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("key_id", [None, 1, 0xC3, -61])
def test_every_cipher_with_and_without_identifier(number: int, key_id: int | None) -> None:
    infos: list[SecurityInfo] = [
        ChipAuthenticationInfo(f"{CA}.2.{number}", 1, key_id),
        ChipAuthenticationPublicKey(f"{PK}.2", spki(STATIC), key_id),
    ]
    (offer,) = offers(build_dg14(infos))
    chip = Chip(ec_agree, offer.cipher)
    link, result = chip_authentication(chip, offer, fixed(12345))
    assert result.outcome is Outcome.SUCCESSFUL
    assert agreed(link, chip)
    sent = {item.tag: item.value for item in Tlv.of(0x30, chip.log[0].data).children()}
    expected = None if key_id is None else bytes([key_id % 256])
    assert sent.get(0x84) == expected
    assert sent[0x80] == Tlv(oid_der(offer.oid)).value
    assert chip.log[0].header.hex() == "002241a4"
    assert chip.log[0].le is None  # German chips refuse Le on MSE


def test_several_keys_are_paired_by_identifier_and_kind() -> None:
    second = ec.derive_private_key(99, ec.SECP384R1())
    infos: list[SecurityInfo] = [
        ChipAuthenticationInfo(f"{CA}.2.1", 1, 1),
        ChipAuthenticationInfo(f"{CA}.2.4", 1, 2),
        ChipAuthenticationPublicKey(f"{PK}.2", spki(STATIC), 1),
        ChipAuthenticationPublicKey(f"{PK}.2", spki(second), 2),
    ]
    first, last = offers(build_dg14(infos))
    assert (first.name, first.key_id, first.key.parameters) == ("CA-ECDH-AES-256", 2, "secp384r1")
    assert (last.name, last.key_id, last.key.parameters) == ("CA-ECDH-3DES", 1, "secp256r1")


def test_key_agreement_form_after_a_refusal_of_the_other() -> None:
    infos: list[SecurityInfo] = [
        ChipAuthenticationInfo(f"{CA}.2.1"),
        ChipAuthenticationPublicKey(f"{PK}.2", spki(STATIC)),
    ]
    (offer,) = offers(build_dg14(infos))
    chip = Chip(ec_agree, Cipher.TDES, refuse=((0xA4, 0x6A86),))
    link, result = chip_authentication(chip, offer, fixed(7))
    assert (result.outcome, result.form) == (Outcome.SUCCESSFUL, Form.KEY_AGREEMENT)
    assert agreed(link, chip)
    assert [command.p2 for command in chip.log] == [0xA4, 0xA6]
    chip = Chip(ec_agree, Cipher.TDES)
    assert chip_authentication(chip, offer, fixed(7), Form.KEY_AGREEMENT)[1].form == Form.KEY_AGREEMENT
    assert len(chip.log) == 1


def test_long_keys_are_chained_for_chips_without_extended_length() -> None:
    key = DhKey((1 << 2048) - 1, 5, 0, 7)
    offer = Offer(key, Cipher.AES128, None, f"{CA}.1.2")

    def agree(public: bytes) -> bytes:
        assert len(public) == 256
        return key.agree(7)

    for refuse in ((), ((0, 0x6700),)):
        chip = Chip(agree, offer.cipher, refuse=refuse)
        assert chip_authentication(chip, offer, fixed(9))[1].outcome is Outcome.SUCCESSFUL
        assert chip.keys is not None
    assert [(command.cla, len(command.data)) for command in chip.log[2:]] == [(0x10, 192), (0x00, 72)]


def test_refusal_fails_and_keeps_the_old_session() -> None:
    infos: list[SecurityInfo] = [
        ChipAuthenticationInfo(f"{CA}.2.2"),
        ChipAuthenticationPublicKey(f"{PK}.2", spki(STATIC)),
    ]
    (offer,) = offers(build_dg14(infos))
    link = BytesLink(lambda raw: bytes.fromhex("6300"))
    same, result = chip_authentication(link, offer, fixed(7))
    assert same is link
    assert (result.outcome, result.detail) == (Outcome.FAILED, "chip refused with 6300")


def modp(order: bool) -> tuple[bytes, DhKey]:
    p = int(
        "b10b8f96a080e01dde92de5eae5d54ec52c99fbcfb06a3c69a6a9dca52d23b616073e28675a23d189838ef1e2ee652c0"
        "13ecb4aea906112324975c3cd49b83bfaccbdd7d90c4bd7098488e9c219a73724effd6fae5644738faa31a4ff55bccc0"
        "a151af5f0dc8b4bd45bf37df365c1a65e68cfda76d4da708df1fb2bc2e4a4371",
        16,
    )  # RFC 5114 section 2.1: prime of 1024 bits, subgroup of 160
    g = int(
        "a4d1cbd5c3fd34126765a442efb99905f8104dd258ac507fd6406cff14266d31266fea1e5c41564b777e690f5504f213"
        "160217b4b01b886a5e91547f9e2749f4d7fbd7d3b9a92ee1909d0d2263f80a76a6a24c087a091f531dbf0a0169b6a28a"
        "d662a4d18e73afa32d779d5918d08bc8858f4dcef97c2a24855e6eeb22b3b2e5",
        16,
    )
    q = int("f518aa8781a8df278aba4e7d64b7cb9d49462353", 16)
    public = pow(g, 4711, p)

    def number(value: int) -> bytes:
        return Tlv.of(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    oid = "1.2.840.10046.2.1" if order else "1.2.840.113549.1.3.1"
    parameters = Tlv.of(0x30, [number(p), number(g), *([number(q)] if order else [])])
    algorithm = Tlv.of(0x30, [oid_der(oid), parameters])
    return Tlv.of(0x30, [algorithm, Tlv.of(0x03, b"\x00" + number(public))]), DhKey(
        p, g, q if order else 0, public
    )


@pytest.mark.parametrize("order", [True, False])
def test_finite_field(order: bool) -> None:
    encoded, key = modp(order)
    assert load_agreement_key(encoded) == key
    infos: list[SecurityInfo] = [
        ChipAuthenticationInfo(f"{CA}.1.2"),
        ChipAuthenticationPublicKey(f"{PK}.1", encoded),
    ]
    (offer,) = offers(build_dg14(infos))
    assert (offer.name, offer.key.parameters) == ("CA-DH-AES-128", "MODP-1024")

    def agree(public: bytes) -> bytes:
        assert len(public) == 128
        return pow(int.from_bytes(public, "big"), 4711, key.prime).to_bytes(128, "big")

    chip = Chip(agree, offer.cipher)
    link, _result = chip_authentication(chip, offer, fixed(0xABCDEF))
    assert agreed(link, chip)


@pytest.mark.parametrize("name", ["brainpoolP224r1", "brainpoolP320r1", "brainpoolP256r1", "secp521r1"])
def test_curves_with_and_without_the_library(name: str) -> None:
    """Old German passports hold keys on brainpoolP224r1."""
    curve = CURVES[name]
    point = multiply(curve, 4711)
    assert point is not None
    numbers = [value.to_bytes(curve.size, "big") for value in (curve.a, curve.b)]

    def number(value: int) -> bytes:
        return Tlv.of(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    explicit = Tlv.of(
        0x30,
        [
            number(1),
            Tlv.of(0x30, [oid_der("1.2.840.10045.1.1"), number(curve.p)]),
            Tlv.of(0x30, [Tlv.of(0x04, item) for item in numbers]),
            Tlv.of(0x04, encode_point(curve, curve.generator)),
            number(curve.n),
            number(1),
        ],
    )
    content = Tlv.of(0x03, b"\x00" + encode_point(curve, point))
    for parameters in (explicit, oid_der(curve.oid)):
        algorithm = Tlv.of(0x30, [oid_der("1.2.840.10045.2.1"), parameters])
        key = load_agreement_key(Tlv.of(0x30, [algorithm, content]))
        assert key == EcKey(curve, point)
        private, public = key.ephemeral(fixed(31))
        own = multiply(curve, 31)
        assert own is not None
        assert (private, public) == (31, encode_point(curve, own))
        shared = multiply(curve, 4711 * 31)
        assert shared is not None
        assert key.agree(private) == shared[0].to_bytes(curve.size, "big")


def test_parameters_must_all_match() -> None:
    good = bytearray(explicit_public_key(STATIC.public_key()))
    assert isinstance(load_agreement_key(bytes(good)), EcKey)
    order = bytes(good).index(bytes.fromhex("bce6faada7179e84"))
    good[order] ^= 1
    with pytest.raises(ProtocolUnsupported):
        load_agreement_key(bytes(good))


def test_standardized_domain_parameters() -> None:
    point = Tlv.of(0x03, b"\x00" + STATIC.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    ))  # fmt: skip
    algorithm = Tlv.of(0x30, [oid_der("0.4.0.127.0.7.1.2"), Tlv.of(0x02, b"\x0c")])
    assert load_agreement_key(Tlv.of(0x30, [algorithm, point])).parameters == "secp256r1"
    algorithm = Tlv.of(0x30, [oid_der("0.4.0.127.0.7.1.2"), Tlv.of(0x02, b"\x63")])
    with pytest.raises(ProtocolUnsupported):
        load_agreement_key(Tlv.of(0x30, [algorithm, point]))


def test_a_standardized_group_by_number() -> None:
    """Parameter id 0 of TR-03110-3 table 4 is the 1024-bit group of RFC 5114."""
    _, key = modp(order=True)
    algorithm = Tlv.of(0x30, [oid_der("0.4.0.127.0.7.1.2"), Tlv.of(0x02, b"\x00")])
    number = Tlv.of(0x02, key.public.to_bytes(129, "big"))
    encoded = Tlv.of(0x30, [algorithm, Tlv.of(0x03, b"\x00" + number)])
    assert load_agreement_key(encoded) == key


def test_nothing_offered_and_nothing_usable() -> None:
    assert offers(build_dg14([])) == ()
    with pytest.raises(ProtocolUnsupported):
        offers(build_dg14([ChipAuthenticationInfo(f"{CA}.2.2")]))
    with pytest.raises(MalformedCardData):
        offers(build_dg14([ChipAuthenticationPublicKey(f"{PK}.1", spki(STATIC))]))
    ed25519 = bytes.fromhex("302A300506032B6570032100" + "11" * 32)
    with pytest.raises(ProtocolUnsupported):
        offers(build_dg14([ChipAuthenticationPublicKey(f"{PK}.2", ed25519)]))


def test_wrong_keys_break_at_the_first_answer() -> None:
    trace = TRACES["de"]
    _replay, channel = recorded(trace)
    (offer,) = offers(bytes.fromhex(trace["dg14"]))
    link, _ = chip_authentication(channel, offer, fixed(int(trace["terminal_ephemeral_key"]["d"], 16)))
    assert isinstance(link, SecureMessaging)
    other = link.renewed(Cipher.AES128, bytes(16), bytes(16))
    with pytest.raises((SecureMessagingError, MalformedCardData)):
        other.send(SELECT_DG14)
    assert not other.proven


@given(st.sampled_from(sorted(TRACES)), st.integers(0, 3000), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_flipped_bytes_of_dg14(name: str, place: int, flip: int) -> None:
    raw = bytearray.fromhex(TRACES[name]["dg14"])
    raw[place % len(raw)] ^= flip
    try:
        parse_dg14(bytes(raw))
        for offer in offers(bytes(raw)):
            offer.key.agree(offer.key.ephemeral(fixed(5))[0])
    except CardError:
        return


@given(st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_hostile_keys(data: bytes) -> None:
    for encoded in (data, bytes(Tlv.of(0x30, data))):
        try:
            load_agreement_key(encoded)
        except CardError:
            continue
