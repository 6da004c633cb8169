"""Which PACE offer is tried first, what is refused and why, and domain parameters spelled out by chips."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import Command, Response
from card_io.emrtd.access import AccessKey, open_access
from card_io.emrtd.domain_parameters import parse_algorithm, parse_public_key
from card_io.emrtd.pace_offers import DomainParameters, MappingKind, Refusal, choose, rank, read_offers
from card_io.errors import AccessDenied, CardError, CardErrorCode, MalformedCardData, ProtocolUnsupported
from card_io.lds.security_infos import PaceInfo, build_card_access, oid_der
from card_io.tlv import Tlv
from crypto.domains import DOMAINS, EcDomain
from crypto.ecmath import CURVES, Curve
from crypto.modp import MODP_GROUPS
from crypto.primitives import Cipher

PACE = "0.4.0.127.0.7.2.2.4"
STANDARDISED = "0.4.0.127.0.7.1.2"
EC, X942, PKCS3 = "1.2.840.10045.2.1", "1.2.840.10046.2.1", "1.2.840.113549.1.3.1"
CURVE = CURVES["brainpoolP256r1"]
GROUP = MODP_GROUPS[1]


def integer(value: int) -> bytes:
    return Tlv.of(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def algorithm(oid: str, *parameters: bytes) -> Tlv:
    return Tlv(Tlv.of(0x30, [oid_der(oid), *parameters]))


def explicit(
    curve: Curve, *, field: str = "1.2.840.10045.1.1", compressed: bool = False, **changes: int
) -> Tlv:
    """ECParameters of a curve, with values changed; cofactor=0 leaves it out."""
    values = {name: getattr(curve, name) for name in ("p", "a", "b", "gx", "gy", "n")} | changes
    size = curve.size
    x, y = values["gx"].to_bytes(size, "big"), values["gy"].to_bytes(size, "big")
    base = bytes([2 + (y[-1] & 1)]) + x if compressed else b"\x04" + x + y
    coefficients = [Tlv.of(0x04, values[name].to_bytes(size, "big")) for name in "ab"]
    cofactor = changes.get("cofactor", 1)
    parts = [
        integer(1),
        Tlv.of(0x30, [oid_der(field), integer(values["p"])]),
        Tlv.of(0x30, coefficients),
        Tlv.of(0x04, base),
        integer(values["n"]),
        *([integer(cofactor)] if cofactor else []),
    ]
    return algorithm(EC, Tlv.of(0x30, parts))


def card_access(*infos: bytes) -> bytes:
    return bytes(Tlv.of(0x31, list(infos)))


def described(branch: int, group: Tlv, number: int | None = None) -> bytes:
    """A PACEDomainParameterInfo."""
    return Tlv.of(0x30, [oid_der(f"{PACE}.{branch}"), group, *([] if number is None else [integer(number)])])


def test_the_order_of_preference() -> None:
    offered = [(4, 4, 13), (2, 1, 12), (2, 2, 12), (1, 2, 0), (2, 4, 12), (2, 2, 17), (6, 2, 13), (6, 3, 8)]
    infos = [PaceInfo(f"{PACE}.{branch}.{cipher}", 2, number) for branch, cipher, number in offered]
    ranked = [(int(s.oid.split(".")[-2]), int(s.oid[-1]), s.parameter_id) for s in rank(infos)]
    assert ranked == [
        (6, 2, 13),
        (2, 2, 17),
        (2, 4, 12),
        (2, 2, 12),
        (4, 4, 13),
        (6, 3, 8),
        (1, 2, 0),
        (2, 1, 12),
    ]


def test_aes_is_preferred() -> None:
    infos = [PaceInfo(f"{PACE}.2.{cipher}", 2, 12) for cipher in (1, 4, 2)]
    assert choose(infos).cipher is Cipher.AES256


def test_repeated_offers_count_once() -> None:
    info = PaceInfo(f"{PACE}.2.2", 2, 12)
    (suite,) = rank([info] * 40)
    assert suite.alone


@pytest.mark.parametrize(
    ("oid", "version", "number", "reason"),
    [
        ("5.2", 2, 13, Refusal.PROTOCOL_UNKNOWN),
        ("2.9", 2, 13, Refusal.PROTOCOL_UNKNOWN),
        ("2.0", 2, 13, Refusal.PROTOCOL_UNKNOWN),
        ("6.1", 2, 13, Refusal.PROTOCOL_UNKNOWN),
        ("2.2", 1, 13, Refusal.VERSION_UNKNOWN),
        ("2.2", 2, 7, Refusal.PARAMETERS_RESERVED),
        ("2.2", 2, 19, Refusal.PARAMETERS_RESERVED),
        ("2.2", 2, 99, Refusal.PARAMETERS_FOREIGN),
        ("2.2", 2, -1, Refusal.PARAMETERS_FOREIGN),
        ("2.2", 2, 2, Refusal.PARAMETERS_UNFIT),
        ("1.2", 2, 12, Refusal.PARAMETERS_UNFIT),
        ("3.2", 2, 12, Refusal.PARAMETERS_UNFIT),
        ("4.2", 2, 10, Refusal.PARAMETERS_UNFIT),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_a_reason(
    oid: str, version: int, number: int, reason: Refusal
) -> None:
    info = PaceInfo(f"{PACE}.{oid}", version, number)
    with pytest.raises(ProtocolUnsupported, match=reason) as caught:
        choose([info])
    assert caught.value.code is CardErrorCode.CARD_PROTOCOL_UNSUPPORTED
    good = PaceInfo(f"{PACE}.2.1", 2, 12)
    assert choose([info, good]).cipher is Cipher.TDES  # and does not stand in the way of another


def test_no_offer_is_refused() -> None:
    with pytest.raises(ProtocolUnsupported):
        read_offers(card_access())


@pytest.mark.parametrize("number", DOMAINS)
def test_standardised_parameters_by_number(number: int) -> None:
    assert parse_algorithm(algorithm(STANDARDISED, integer(number))) is DOMAINS[number]


@pytest.mark.parametrize("name", CURVES)
def test_curves_named_and_spelled_out(name: str) -> None:
    curve = CURVES[name]
    for form in (
        algorithm(EC, oid_der(curve.oid)),
        explicit(curve),
        explicit(curve, cofactor=0),
        explicit(curve, compressed=True),
    ):
        assert parse_algorithm(form) == EcDomain(curve)


@pytest.mark.parametrize("value", ["p", "a", "b", "gx", "gy", "n"])
def test_a_curve_that_differs_anywhere_is_refused(value: str) -> None:
    changed = {value: getattr(CURVE, value) ^ 2}
    with pytest.raises(ProtocolUnsupported, match="no standardised curve"):
        parse_algorithm(explicit(CURVE, **changed))


def test_other_strange_parameters_are_refused() -> None:
    for strange in (
        explicit(CURVE, cofactor=2),
        explicit(CURVE, field="1.2.840.10045.1.2"),
        algorithm(EC, oid_der("1.3.132.0.10")),
        algorithm("1.2.3", integer(1)),
        algorithm(STANDARDISED, integer(5)),
    ):
        with pytest.raises(ProtocolUnsupported):
            parse_algorithm(strange)
    for broken in (
        algorithm(EC),
        algorithm(EC, Tlv.of(0x30, [integer(1)])),
        algorithm(STANDARDISED, Tlv.of(0x04, b"\x01")),
        algorithm(STANDARDISED, Tlv.of(0x02, b"\x81")),
        algorithm(X942, Tlv.of(0x30, [integer(3)])),
        Tlv(Tlv.of(0x30)),
    ):
        with pytest.raises(MalformedCardData):
            parse_algorithm(broken)


def test_groups_spelled_out() -> None:
    numbers = integer(GROUP.p), integer(GROUP.g), integer(GROUP.q)
    assert parse_algorithm(algorithm(X942, Tlv.of(0x30, numbers))).name == GROUP.name
    assert parse_algorithm(algorithm(PKCS3, Tlv.of(0x30, numbers[:2]))).name == GROUP.name
    for wrong in (
        (integer(GROUP.p), integer(4), integer(GROUP.q)),
        (integer(GROUP.p), integer(GROUP.g), integer(GROUP.q - 2)),
        (integer(GROUP.p + 2), integer(GROUP.g), integer(GROUP.q)),
        numbers[:2],
    ):
        with pytest.raises(ProtocolUnsupported):
            parse_algorithm(algorithm(X942, Tlv.of(0x30, wrong)))


def test_public_keys_in_both_kinds_of_group() -> None:
    point = DOMAINS[13].generator
    spki = Tlv.of(0x30, [algorithm(STANDARDISED, integer(13)), Tlv.of(0x03, b"\x00" + point)])
    assert parse_public_key(spki) == (DOMAINS[13], point)
    wrapped = Tlv.of(0x30, [algorithm(STANDARDISED, integer(1)), Tlv.of(0x03, b"\x00" + integer(GROUP.g))])
    domain, element = parse_public_key(wrapped)
    assert (domain, int.from_bytes(element, "big")) == (DOMAINS[1], GROUP.g)
    with pytest.raises(MalformedCardData):
        parse_public_key(Tlv.of(0x30, [algorithm(STANDARDISED, integer(13)), Tlv.of(0x03, b"\x04" + point)]))
    for size in (129, 200, 260):
        large = Tlv.of(0x03, b"\x00" + Tlv.of(0x02, b"\x7f" * size))
        with pytest.raises(MalformedCardData):
            parse_public_key(Tlv.of(0x30, [algorithm(STANDARDISED, integer(0)), large]))


def test_parameters_of_the_issuer_are_taken_when_they_are_a_known_curve() -> None:
    info = PaceInfo(f"{PACE}.2.2", 2, 65).encode()
    (suite,) = read_offers(card_access(info, described(2, explicit(CURVE), 65)))
    assert (suite.domain.name, suite.parameter_id) == (CURVE.name, 65)
    foreign = described(2, explicit(CURVE, b=CURVE.b ^ 2), 65)
    other_number = described(2, explicit(CURVE), 66)
    other_protocol = described(4, explicit(CURVE), 65)
    for described_as in (foreign, other_number, other_protocol):
        with pytest.raises(ProtocolUnsupported, match=Refusal.PARAMETERS_FOREIGN):
            read_offers(card_access(info, described_as))


def test_an_offer_without_number_takes_the_described_group() -> None:
    info = PaceInfo(f"{PACE}.2.2").encode()
    (suite,) = read_offers(card_access(info, described(2, algorithm(STANDARDISED, integer(16)))))
    assert (suite.domain.name, suite.parameter_id, suite.alone) == ("brainpoolP384r1", None, True)


def test_an_offer_without_any_parameters_is_guessed() -> None:
    suites = rank([PaceInfo(f"{PACE}.2.2")])
    assert [suite.domain.name for suite in suites] == ["brainpoolP256r1", "secp256r1"]
    assert [suite.domain.name for suite in rank([PaceInfo(f"{PACE}.3.2")])] == [
        "MODP-2048-256",
        "MODP-2048-224",
    ]
    sent: list[Command] = []

    class Silent:
        def send(self, command: Command) -> Response:
            sent.append(command)
            return Response(b"", 0x6A80)

    with pytest.raises(ProtocolUnsupported):
        open_access(Silent(), AccessKey(can="1"), card_access(PaceInfo(f"{PACE}.2.2").encode()), bytes)
    assert {b"\x84" in command.data[13:] for command in sent} == {False}  # no number, none sent


def test_described_parameters_with_a_broken_number() -> None:
    broken = Tlv.of(0x30, [oid_der(f"{PACE}.2"), explicit(CURVE), Tlv.of(0x02, bytes(9))])
    with pytest.raises(MalformedCardData):
        read_offers(card_access(broken, PaceInfo(f"{PACE}.2.2", 2, 13).encode()))


def test_domain_parameters_may_be_given_apart() -> None:
    parameters = DomainParameters(f"{PACE}.6", DOMAINS[12], 70)
    suite = choose([PaceInfo(f"{PACE}.6.2", 2, 70)], [parameters])
    assert (suite.mapping, suite.name) == (MappingKind.CHIP_AUTHENTICATION, "PACE-ECDH-CAM-AES-128")


FULL = card_access(
    PaceInfo(f"{PACE}.2.2", 2, 65).encode(),
    described(2, explicit(CURVE), 65),
    described(1, algorithm(PKCS3, Tlv.of(0x30, [integer(GROUP.p), integer(GROUP.g)])), 66),
)


@given(st.integers(0, len(FULL) * 8 - 1))
@settings(max_examples=150, deadline=None)
def test_flipped_bits_raise_only_our_errors(bit: int) -> None:
    damaged = bytearray(FULL)
    damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(CardError):
        assert read_offers(bytes(damaged))[0].domain.name in (CURVE.name, "secp256r1")


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_garbage_raises_only_our_errors(garbage: bytes) -> None:
    for form in (garbage, Tlv.of(0x30, garbage), Tlv.of(0x30, [oid_der(EC), garbage])):
        with contextlib.suppress(CardError):
            parse_algorithm(Tlv(form))
        with contextlib.suppress(CardError):
            parse_public_key(form)
        with contextlib.suppress(CardError):
            read_offers(form)


class TwoOffers:
    """A chip that carries out one of its suites only; `status` is its answer to the others."""

    def __init__(self, works: str, status: int, step: int) -> None:
        self.works, self.status, self.step = oid_der(works)[2:], status, step
        self.heard: list[bytes] = []
        self.count = 0

    def send(self, command: Command) -> Response:
        if command.ins == 0x22:
            self.heard.append(command.data)
            self.count = 0
        if command.ins not in (0x22, 0x86):
            return Response(b"", 0x6A82)
        self.count += 1
        if self.works in self.heard[-1]:
            return Response(b"", 0x63C1 if command.ins == 0x86 else 0x9000)
        if self.count >= self.step:
            return Response(b"", self.status)
        answer = Tlv.of(0x7C, Tlv.of(0x80, bytes(16))) if command.ins == 0x86 else b""
        return Response(answer, 0x9000)


@pytest.mark.parametrize("status", [0x6A80, 0x6A88, 0x6985, 0x6F00])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_next_offer_is_tried(step: int, status: int) -> None:
    infos = PaceInfo(f"{PACE}.2.4", 2, 12), PaceInfo(f"{PACE}.4.2", 2, 12)
    chip = TwoOffers(infos[1].oid, status, step)
    with pytest.raises(CardError):
        open_access(chip, AccessKey(can="123456"), build_card_access(infos), bytes)
    assert chip.works in chip.heard[-1]


def test_a_wrong_password_is_not_tried_with_every_offer() -> None:
    infos = PaceInfo(f"{PACE}.2.4", 2, 12), PaceInfo(f"{PACE}.4.2", 2, 12)
    chip = TwoOffers(infos[0].oid, 0x6A80, 1)
    with pytest.raises(AccessDenied) as caught:
        open_access(chip, AccessKey(can="123456"), build_card_access(infos), bytes)
    assert (caught.value.tries_left, len(chip.heard)) == (1, 1)


def test_endless_offers_end() -> None:
    infos = [PaceInfo(f"{PACE}.2.{cipher}", 2, number) for cipher in (2, 3, 4) for number in range(8, 19)]
    chip = TwoOffers("1.2.3", 0x6A80, 1)
    with pytest.raises(ProtocolUnsupported):
        open_access(chip, AccessKey(can="123456"), build_card_access(infos), bytes)
    assert len(chip.heard) == 4
