"""The chip's protocol parts one by one: curve arithmetic, secure messaging rows, order of PACE's steps."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_mocks import chip_access as access
from hardware_mocks import chip_math
from hardware_mocks.chip import Card, passport_image
from hardware_mocks.chip_agreement import draw_below
from hardware_mocks.chip_apdu import decode_command, tlv
from hardware_mocks.chip_pace import PACE_ECDH_GM, offered_pace

VECTORS = Path(__file__).parents[1] / "vectors"
CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
CURVES: dict[int, ec.EllipticCurve] = {
    12: ec.SECP256R1(),
    13: ec.BrainpoolP256R1(),
    15: ec.SECP384R1(),
    16: ec.BrainpoolP384R1(),
    17: ec.BrainpoolP512R1(),
    18: ec.SECP521R1(),
}


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text("utf-8"))


def passport() -> Card:
    card = Card(passport_image({"mf/011C": CARD_ACCESS}, b"L898902C<369080619406236", serial=7))
    card.power_on()
    return card


def send(card: Card, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


@pytest.mark.parametrize("parameter", list(CURVES))
def test_points_are_the_librarys(parameter: int) -> None:
    curve = chip_math.PARAMETERS[parameter]
    for scalar in (1, 2, 15, 16, 0xDEADBEEF << 90, curve.n - 1):
        numbers = ec.derive_private_key(scalar, CURVES[parameter]).public_key().public_numbers()
        assert chip_math.multiply(curve, scalar, curve.g) == (numbers.x, numbers.y)


@pytest.mark.parametrize("curve", chip_math.PARAMETERS.values(), ids=lambda curve: curve.name)
def test_the_group_has_its_laws(curve: chip_math.ChipCurve) -> None:
    double = chip_math.multiply(curve, 2, curve.g)
    minus = chip_math.multiply(curve, curve.n - 1, curve.g)
    assert chip_math.multiply(curve, curve.n, curve.g) is None
    assert chip_math.add(curve, curve.g, curve.g) == double
    assert chip_math.add(curve, curve.g, minus) is None
    assert chip_math.add(curve, None, double) == double
    assert chip_math.add(curve, double, minus) == curve.g
    assert chip_math.decode(curve, chip_math.encode(curve, curve.g)) == curve.g


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=70))
def test_octets_that_are_no_point_are_refused(octets: bytes) -> None:
    with pytest.raises(chip_math.NotOnCurve):
        chip_math.decode(chip_math.P256, octets)
    with pytest.raises(chip_math.NotOnCurve):
        chip_math.decode(chip_math.P256, b"\x04" + (octets + bytes(64))[:64])


@pytest.mark.parametrize(
    ("card_access", "offered"),
    [
        (CARD_ACCESS.hex(), {13}),
        ("3100", set()),
        ("", set()),
        ("3114", set()),
        ("31143012060A04007F0007020204020202010202010E", {14}),
        ("31143012060A04007F00070202040202020102020103", set()),  # reserved
        ("31113012060A04007F00070202040202020102", set()),
    ],
)
def test_the_chip_offers_what_its_card_access_and_its_code_share(card_access: str, offered: set[int]) -> None:
    found = offered_pace(bytes.fromhex(card_access))
    assert found.get(PACE_ECDH_GM + b"\x02", set()) == offered


def test_scalars_out_of_range_are_drawn_again() -> None:
    draws = [b"\xff" * 32, bytes(32), bytes(31) + b"\x05"]
    assert draw_below(chip_math.P256.n, 32, lambda _: draws.pop(0)) == 5


@pytest.mark.parametrize("row", vector("icao_sm_d4.json")["rows"], ids=lambda row: row["protected"][:12])
def test_secure_messaging_matches_the_published_rows(row: dict[str, str]) -> None:
    suite = access.TDES if row["alg"] == "3DES" else access.SUITES[2]
    keys = bytes.fromhex(row["ks_enc"]), bytes.fromhex(row["ks_mac"])
    channel = access.SecureChannel(suite, *keys, int(row["ssc"], 16))
    plain = bytes.fromhex(row["plain"])
    if row.get("direction") == "response":
        wrapped = channel.wrap(0xA4, plain[:-2], int.from_bytes(plain[-2:], "big"))
        assert wrapped == bytes.fromhex(row["protected"])
    else:
        command = channel.unwrap(decode_command(bytes.fromhex(row["protected"])))
        assert bytes([command.cla, command.ins, command.p1, command.p2]) == plain[:4]
        assert command.data == plain[5:]
    assert channel.ssc == int(row["ssc_after"], 16)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("800A04007F00070202040202 830101 84010D", "9000"),
        ("800A04007F00070202040202 830101", "9000"),
        ("800A04007F00070202040204 830101", "6A80"),
        ("800A04007F00070202040202 830101 84010C", "6A88"),
        ("800A04007F00070202040202 830102", "6A88"),
        ("800A04007F00070202040202", "6A80"),
        ("830101", "6A80"),
        ("80FF", "6A80"),
    ],
)
def test_set_authentication_template_names_what_is_wrong(data: str, answer: str) -> None:
    octets = bytes.fromhex(data)
    assert send(passport(), f"0022C1A4{len(octets):02X}{octets.hex()}") == answer


def test_pace_steps_must_follow_each_other() -> None:
    card = passport()
    choose = "0022C1A40F800A04007F00070202040202830101"
    assert send(card, choose) == "9000"
    assert send(card, "00860000027C0000") == "6985"  # not chained
    assert send(card, choose) == "9000"
    assert send(card, "10860000027C0000").endswith("9000")
    assert send(card, "00CA9F7F00").endswith("9000")
    assert send(card, "10860000027C0000") == "6985"  # another command in between
    assert send(card, choose) == "9000"
    assert send(card, "10860000027C0000").endswith("9000")
    assert send(card, "10860000077C05810304010100") == "6A80"  # not a point of the curve


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), min_size=1, max_size=5))
def test_garbage_in_pace_ends_with_a_status_word(steps: list[tuple[bool, bytes]]) -> None:
    card = passport()
    assert send(card, "0022C1A40F800A04007F00070202040202830101") == "9000"
    for wrapped, body in steps:
        data = tlv(0x7C, body) if wrapped else body
        answer = card.transmit(bytes([0x10, 0x86, 0, 0, len(data)]) + data + b"\x00")
        assert len(answer) >= 2
