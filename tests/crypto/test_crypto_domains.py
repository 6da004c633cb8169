"""Groups of PACE and their mappings, pinned to the worked examples of Doc 9303-11 appendices G.2 and H."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.domains import DOMAINS, DhDomain, EcDomain, encode_to_point, pseudo_random, same_element
from crypto.ecmath import CURVES, is_on_curve, multiply
from crypto.errors import CryptoError, MalformedData, UnsupportedAlgorithm
from crypto.modp import MODP_GROUPS, check_member
from crypto.point_multiples import base_multiple, library_curve, multiple
from crypto.primitives import Cipher

VECTORS = Path(__file__).parents[1] / "vectors"
G2 = json.loads((VECTORS / "icao_pace_gm_dh_g2.json").read_text())
H1 = json.loads((VECTORS / "icao_pace_im_ecdh_h1.json").read_text())
H2 = json.loads((VECTORS / "icao_pace_im_dh_h2.json").read_text())
SIZES = {0: (1024, 160), 1: (2048, 224), 2: (2048, 256)}


def counting(length: int) -> bytes:
    return bytes(range(1, length + 1))


def test_integrated_mapping_on_a_curve() -> None:
    """Appendix H.1: the pseudo-random function, then the point."""
    domain = DOMAINS[13]
    nonces = bytes.fromhex(H1["decryptedNonceS"]), bytes.fromhex(H1["nonceT"])
    value = pseudo_random(Cipher.AES128, *nonces, domain.modulus)
    assert f"{value:064X}" == H1["pseudRandomFunctionResult"]
    expected = "04" + H1["expectedMappedGeneratorX"] + H1["expectedMappedGeneratorY"]
    assert domain.integrated(value).hex().upper() == expected


def test_pseudo_random_function() -> None:
    """Appendix H.1, the function by itself."""
    example = json.loads((VECTORS / "icao_pace_im_ecdh_h1_prf.json").read_text())
    nonces = bytes.fromhex(example["s"]), bytes.fromhex(example["t"])
    assert f"{pseudo_random(Cipher.AES128, *nonces, DOMAINS[13].modulus):064X}" == example["expectedX"]


def test_integrated_mapping_in_a_finite_field() -> None:
    """Appendix H.2."""
    domain = DOMAINS[0]
    value = pseudo_random(Cipher.AES128, bytes.fromhex(H2["s"]), bytes.fromhex(H2["t"]), domain.modulus)
    assert f"{value:0256X}" == H2["expectedX"]
    assert domain.integrated(value).hex().upper() == H2["expectedMappedGenerator"]
    assert f"{domain.modulus:X}" == H2["p"]
    assert domain.generator.hex().upper() == H2["g"]


def test_generic_mapping_in_a_finite_field() -> None:
    """Appendix G.2: mapped generator, our public key, shared secret."""
    domain = DOMAINS[0]
    scaled = domain.power(int(G2["nonceSBytes"], 16), domain.generator)
    mapped = domain.combine(scaled, bytes.fromhex(G2["sharedSecretHBytes"]))
    assert mapped.hex().upper() == G2["expectedEphemeralGeneratorBytes"]
    private = int(G2["pcdPrivateKeyFieldElement"], 16)
    assert same_element(domain.power(private, mapped), bytes.fromhex(G2["pcdPublicKeyFieldElement"]))
    other = bytes.fromhex(G2["piccPublicKeyFieldElement"])
    assert domain.secret(private, other).hex().upper() == G2["expectedSharedSecret"]


def test_every_standardised_id_is_there() -> None:
    assert sorted(DOMAINS) == [0, 1, 2, *range(8, 19)]
    for number, (bits, order_bits) in SIZES.items():
        group = MODP_GROUPS[number]
        assert (group.p.bit_length(), group.q.bit_length()) == (bits, order_bits)
        assert (group.p - 1) % group.q == 0
        assert check_member(group, group.g) == group.g


@pytest.mark.parametrize("number", DOMAINS)
def test_both_sides_agree(number: int) -> None:
    domain = DOMAINS[number]
    first, second = domain.private_key(counting), domain.private_key(lambda length: b"\xa5" * length)
    publics = [domain.power(scalar, domain.generator) for scalar in (first, second)]
    assert domain.secret(first, publics[1]) == domain.secret(second, publics[0])
    total = domain.power(first + second, domain.generator)
    assert same_element(domain.combine(*publics), total)
    inverse = domain.power(-1, publics[0])
    with pytest.raises(MalformedData):
        domain.combine(publics[0], inverse)
    with pytest.raises(MalformedData):
        domain.power(0, publics[0])


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("scalar", [1, 2, 3, -1, -2, -3, 0x1234567890ABCDEF])
def test_library_multiplication_is_own_multiplication(name: str, scalar: int) -> None:
    curve = CURVES[name]
    domain = EcDomain(curve)
    base = domain.power(7, domain.generator)
    point = int.from_bytes(base[1 : 1 + curve.size], "big"), int.from_bytes(base[1 + curve.size :], "big")
    expected = multiply(curve, scalar, point)
    assert expected is not None
    x, y = (coordinate.to_bytes(curve.size, "big") for coordinate in expected)
    assert domain.power(scalar, base) == b"\x04" + x + y
    assert domain.secret(scalar, base) == x


@pytest.mark.parametrize("name", CURVES)
def test_integrated_mapping_lands_on_every_curve_that_has_it(name: str) -> None:
    curve = CURVES[name]
    if name == "secp224r1":
        with pytest.raises(UnsupportedAlgorithm):
            encode_to_point(curve, 5)
        return
    for value in range(2, 12):
        assert is_on_curve(curve, encode_to_point(curve, value))
    for value in (0, 1, curve.p - 1):
        with pytest.raises(MalformedData):
            encode_to_point(curve, value)


@pytest.mark.parametrize("cipher", Cipher)
def test_nonces_must_fit_the_cipher(cipher: Cipher) -> None:
    block = 16 if cipher.key_length == 16 else 32
    nonce, key = bytes(range(block)), bytes(range(cipher.key_length))
    value = pseudo_random(cipher, nonce, key, DOMAINS[18].modulus)
    assert 0 < value < DOMAINS[18].modulus
    for wrong in (nonce[1:], nonce + b"\x00", b""):
        with pytest.raises(MalformedData):
            pseudo_random(cipher, wrong, key, DOMAINS[13].modulus)
    with pytest.raises(MalformedData):
        pseudo_random(cipher, nonce, key[1:], DOMAINS[13].modulus)


@pytest.mark.parametrize("number", MODP_GROUPS)
def test_numbers_outside_the_subgroup_are_refused(number: int) -> None:
    domain = DhDomain(MODP_GROUPS[number])
    p = domain.group.p
    for value in (0, 1, p - 1, p, p + 2, 2, p - domain.group.g):
        with pytest.raises(MalformedData):
            domain.secret(3, value.to_bytes(domain.group.size + 1, "big"))
    for length in (0, domain.group.size + 2):
        with pytest.raises(MalformedData):
            domain.power(3, bytes(length))


@given(st.sampled_from(sorted(DOMAINS)), st.binary(max_size=270), st.integers(0, 2**260))
@settings(max_examples=120, deadline=None)
def test_foreign_elements_raise_only_our_errors(number: int, data: bytes, scalar: int) -> None:
    domain = DOMAINS[number]
    for operation in (domain.power, domain.secret):
        with contextlib.suppress(CryptoError):
            operation(scalar, data)
    with contextlib.suppress(CryptoError):
        domain.combine(data, domain.generator)


@given(st.integers(0, 8 * 64 - 1))
@settings(max_examples=40, deadline=None)
def test_flipped_bits_leave_the_curve(bit: int) -> None:
    domain = DOMAINS[12]
    damaged = bytearray(domain.generator)
    damaged[1 + bit // 8] ^= 1 << bit % 8
    with pytest.raises(MalformedData):
        domain.power(5, bytes(damaged))


@pytest.mark.parametrize("number", DOMAINS)
def test_generic_mapping_multiplies_the_mapped_generator(number: int) -> None:
    """The generator that is never made, against the one that is."""
    domain = DOMAINS[number]
    nonce, private, scalar = 0x3F00C4D39D153F2B2A214A078D899B22, 12345, domain.private_key(counting)
    element = domain.power(987654321, domain.generator)
    mapped = domain.combine(domain.power(nonce, domain.generator), domain.power(private, element))
    assert domain.generic(nonce, private, element)(scalar) == domain.power(scalar, mapped)
    for small in (1, 2):
        assert domain.generic(nonce, private, element)(small) == domain.power(small, mapped)


@pytest.mark.parametrize("number", DOMAINS)
def test_a_mapped_generator_that_is_the_identity_is_refused(number: int) -> None:
    """The chip answers with the key that cancels the nonce, or the nonce is zero."""
    domain = DOMAINS[number]
    cancelling = domain.power(-5, domain.generator)
    with pytest.raises(MalformedData):
        domain.generic(10, 2, cancelling)(77)
    with pytest.raises(MalformedData):
        domain.generic(0, 2, cancelling)(77)
    with pytest.raises(MalformedData):
        domain.generic(10, 2, b"\x04" + bytes(64))(77)


@given(
    st.sampled_from(sorted(CURVES)), st.integers(2, 2**512), st.integers(2, 2**512), st.integers(2, 2**128)
)
@settings(max_examples=60, deadline=None)
def test_multiples_of_the_library_are_own_multiples(name: str, scalar: int, base: int, start: int) -> None:
    curve = CURVES[name]
    point = multiply(curve, start)
    assert point is not None
    scalar, found = scalar % curve.n, multiple(curve, scalar % curve.n, point)
    if library_curve(curve.oid) is None or not 1 < scalar < curve.n - 1:
        assert found is None
    else:
        assert found == multiply(curve, scalar, point)
    assert base_multiple(curve, base % curve.n) in (None, multiply(curve, base))
