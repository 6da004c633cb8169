"""Curve arithmetic against the worked PACE example and against the library's own ECDH."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.ecmath import CURVES, STANDARDIZED, add, decode_point, encode_point, is_on_curve, multiply
from crypto.errors import MalformedData

PACE = json.loads((Path(__file__).parents[1] / "vectors" / "icao_pace_gm_ecdh_g1.json").read_text())
LIBRARY = {
    "secp192r1": ec.SECP192R1(),
    "secp224r1": ec.SECP224R1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}


def test_generic_mapping_of_the_worked_example() -> None:
    curve = CURVES["brainpoolP256r1"]
    shared = multiply(
        curve, int(PACE["map_pcd_private"], 16), decode_point(curve, bytes.fromhex(PACE["map_picc_public"]))
    )
    assert shared == (int(PACE["shared_h_x"], 16), int(PACE["shared_h_y"], 16))
    mapped = add(curve, multiply(curve, int(PACE["nonce_s"], 16)), shared)
    assert mapped == (int(PACE["mapped_g_x"], 16), int(PACE["mapped_g_y"], 16))


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_is_consistent(name: str) -> None:
    curve = CURVES[name]
    assert is_on_curve(curve, curve.generator)
    assert multiply(curve, curve.n) is None
    assert multiply(curve, curve.n - 1) == (curve.gx, curve.p - curve.gy)
    assert add(curve, curve.generator, (curve.gx, curve.p - curve.gy)) is None
    assert add(curve, curve.generator, None) == curve.generator
    assert decode_point(curve, encode_point(curve, curve.generator)) == curve.generator


def test_standardized_ids_cover_every_curve_once() -> None:
    assert sorted(STANDARDIZED.values()) == sorted(CURVES)
    assert STANDARDIZED[12] == "secp256r1"
    assert STANDARDIZED[13] == "brainpoolP256r1"


@pytest.mark.parametrize("name", LIBRARY)
@given(scalar=st.integers(min_value=1, max_value=2**521))
@settings(max_examples=8, deadline=None)
def test_multiplication_agrees_with_the_library(name: str, scalar: int) -> None:
    curve = CURVES[name]
    scalar = scalar % (curve.n - 1) + 1
    numbers = ec.derive_private_key(scalar, LIBRARY[name]).public_key().public_numbers()
    assert multiply(curve, scalar) == (numbers.x, numbers.y)


@given(st.integers(min_value=0, max_value=2**260), st.integers(min_value=0, max_value=2**260))
@settings(max_examples=15, deadline=None)
def test_addition_is_addition_of_scalars(first: int, second: int) -> None:
    curve = CURVES["secp256r1"]
    assert add(curve, multiply(curve, first), multiply(curve, second)) == multiply(curve, first + second)


@given(st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_foreign_points_are_refused(data: bytes) -> None:
    curve = CURVES["secp256r1"]
    for candidate in (data, b"\x04" + data.ljust(64, b"\x00")[:64]):
        with pytest.raises(MalformedData):
            decode_point(curve, candidate)
