"""Active Authentication pinned to published frames and a recorded passport; forged answers fail."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.authentication import active_authentication, recovered_hash
from card_io.errors import CardRemoved
from card_io.lds.security_infos import ActiveAuthenticationInfo, build_dg14, build_dg15, oid_der
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from card_io.trace import Exchange, Replay
from crypto.ecmath import CURVES, encode_point, multiply
from crypto.primitives import Cipher
from crypto.trust import Outcome

VECTORS = Path(__file__).parents[1] / "vectors"
FRAMES = json.loads((VECTORS / "aa_iso9796_2_frames.json").read_text())["rows"]
TRACE = json.loads((VECTORS / "trace_aa_rsa.json").read_text())
RND = bytes.fromhex(TRACE["rnd_ifd"])
SECP256 = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 1024)
TRAILERS = {"sha1": "BC", "sha224": "38CC", "sha256": "34CC", "sha384": "36CC", "sha512": "35CC"}


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form)


def answering(signature: bytes) -> BytesLink:
    return BytesLink(lambda raw: signature + b"\x90\x00")


def judged(dg15: bytes, signature: bytes, dg14: bytes | None = None) -> tuple[Outcome, str]:
    result = active_authentication(answering(signature), dg15, dg14, lambda size: RND)
    assert result.challenge == RND or result.outcome is Outcome.UNDETERMINED
    return result.outcome, result.protocol


@pytest.mark.parametrize("row", FRAMES, ids=[row["hash"] for row in FRAMES])
def test_published_frames_are_taken_apart_as_published(row: dict[str, str]) -> None:
    """The published digests are constructed, so they check the layout; the hash rule is checked below."""
    frame, m1, digest = (bytes.fromhex(row[name]) for name in ("f", "m1", "digest"))
    name, rnd = row["hash"].lower(), bytes.fromhex(row["rnd_ifd"])
    good = hashlib.new(name, m1 + rnd).digest()
    position = frame.index(digest)
    assert frame[1:position] == m1
    rebuilt = frame[:position] + good + frame[position + len(digest) :]
    assert recovered_hash(rebuilt, rnd) == name
    assert (recovered_hash(frame, rnd) == name) is (digest == good)
    assert recovered_hash(rebuilt, bytes(8)) is None


def test_recorded_passport() -> None:
    before = TRACE["before"]
    keys = (bytes.fromhex(before[name]) for name in ("ks_enc", "ks_mac", "ssc"))
    pairs = [Exchange(*(bytes.fromhex(item) for item in pair)) for pair in TRACE["apdus"]]
    channel = SecureMessaging(Replay(pairs), Cipher.TDES, *keys)
    dg15, signature = bytes.fromhex(TRACE["dg15"]), bytes.fromhex(TRACE["signature"])
    result = active_authentication(channel, dg15, None, lambda size: RND)
    assert (result.outcome, result.protocol) == (Outcome.SUCCESSFUL, "AA-RSA-SHA256")
    assert result.signature == signature
    assert channel.counter.hex() == TRACE["after_ssc"]
    assert judged(dg15, signature[:-1] + b"\x00")[0] is Outcome.FAILED
    result = active_authentication(answering(signature), dg15, None, lambda size: bytes(8))
    assert result.outcome is Outcome.FAILED  # right signature, another challenge


def rsa_signature(name: str, *, flip: bool = False, header: int = 0x6A) -> bytes:
    numbers = RSA_KEY.private_numbers()
    n, trailer = numbers.public_numbers.n, bytes.fromhex(TRAILERS[name])
    digest_size = hashlib.new(name).digest_size
    m1 = bytes(range(1, 128))[: 128 - 1 - digest_size - len(trailer)]
    frame = bytes([header]) + m1 + hashlib.new(name, m1 + RND).digest() + trailer
    value = pow(int.from_bytes(frame, "big"), numbers.d, n)
    return (n - value if flip else value).to_bytes(128, "big")


@pytest.mark.parametrize("name", TRAILERS)
@pytest.mark.parametrize("flip", [False, True])
def test_rsa_with_every_hash_and_both_representatives(name: str, flip: bool) -> None:
    dg15 = build_dg15(spki(RSA_KEY))
    assert judged(dg15, rsa_signature(name, flip=flip)) == (Outcome.SUCCESSFUL, f"AA-RSA-{name.upper()}")


def test_rsa_with_another_header_or_too_short_frame_fails() -> None:
    dg15 = build_dg15(spki(RSA_KEY))
    assert judged(dg15, rsa_signature("sha256", header=0x4A))[0] is Outcome.FAILED
    # a small frame under a small exponent is a forgery anybody can make
    numbers = RSA_KEY.private_numbers()
    short = b"\x6a" + hashlib.sha1(RND, usedforsecurity=False).digest() + b"\xbc"
    forged = pow(int.from_bytes(short, "big"), numbers.d, numbers.public_numbers.n)
    assert judged(dg15, forged.to_bytes(128, "big"))[0] is Outcome.FAILED


def plain(signature: bytes, size: int = 32) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def test_ecdsa_plain_and_der() -> None:
    dg15 = build_dg15(spki(SECP256))
    signature = SECP256.sign(RND, ec.ECDSA(hashes.SHA256()))
    assert judged(dg15, plain(signature)) == (Outcome.SUCCESSFUL, "AA-ECDSA-SHA256")
    assert judged(dg15, signature) == (Outcome.SUCCESSFUL, "AA-ECDSA-SHA256")
    assert judged(dg15, plain(signature)[:-1] + b"\x00")[0] is Outcome.FAILED


def test_hash_named_in_dg14_counts_alone() -> None:
    dg15 = build_dg15(spki(SECP256))
    dg14 = build_dg14([ActiveAuthenticationInfo("0.4.0.127.0.7.1.1.4.1.5")])
    with_512 = plain(SECP256.sign(RND, ec.ECDSA(hashes.SHA512())))
    with_256 = plain(SECP256.sign(RND, ec.ECDSA(hashes.SHA256())))
    assert judged(dg15, with_512, dg14) == (Outcome.SUCCESSFUL, "AA-ECDSA-SHA512")
    assert judged(dg15, with_256, dg14)[0] is Outcome.FAILED
    assert judged(dg15, with_256, b"\x6e\x00")[0] is Outcome.SUCCESSFUL
    unknown = build_dg14([ActiveAuthenticationInfo("0.4.0.127.0.7.1.1.4.1.6")])
    assert judged(dg15, with_256, unknown)[0] is Outcome.UNDETERMINED


@pytest.mark.parametrize(
    ("curve", "name"), [(ec.SECP224R1(), "224"), (ec.SECP384R1(), "384"), (ec.SECP521R1(), "512")]
)
def test_hash_follows_the_curve(curve: ec.EllipticCurve, name: str) -> None:
    key = ec.derive_private_key(7, curve)
    signature = key.sign(RND, ec.ECDSA(getattr(hashes, f"SHA{name}")()))
    assert judged(build_dg15(spki(key)), signature) == (Outcome.SUCCESSFUL, f"AA-ECDSA-SHA{name}")


@pytest.mark.parametrize("name", ["1", "224", "384", "512"])
def test_any_hash_where_none_is_declared(name: str) -> None:
    signature = plain(SECP256.sign(RND, ec.ECDSA(getattr(hashes, f"SHA{name}")())))
    assert judged(build_dg15(spki(SECP256)), signature) == (Outcome.SUCCESSFUL, f"AA-ECDSA-SHA{name}")


@pytest.mark.parametrize("name", ["brainpoolP192r1", "brainpoolP224r1", "brainpoolP320r1"])
def test_curves_that_the_library_leaves_out(name: str) -> None:
    curve, private, k = CURVES[name], 0xC0FFEE, 0xBEEF
    point, nonce = multiply(curve, private), multiply(curve, k)
    assert point is not None
    assert nonce is not None
    usual = "sha256" if curve.size > 28 else "sha224"
    usual = "sha384" if curve.size > 32 else usual
    hashed = hashlib.new(usual, RND).digest()
    number = int.from_bytes(hashed, "big") >> max(0, 8 * len(hashed) - curve.n.bit_length())
    s = pow(k, -1, curve.n) * (number + nonce[0] % curve.n * private) % curve.n
    signature = (nonce[0] % curve.n).to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")
    algorithm = Tlv.of(0x30, [oid_der("1.2.840.10045.2.1"), oid_der(curve.oid)])
    key = Tlv.of(0x30, [algorithm, Tlv.of(0x03, b"\x00" + encode_point(curve, point))])
    expected = (Outcome.SUCCESSFUL, f"AA-ECDSA-{usual.upper()}")
    assert judged(build_dg15(key), signature) == expected
    assert judged(build_dg15(key), signature[:-1] + bytes([signature[-1] ^ 1]))[0] is Outcome.FAILED


def test_keys_that_cannot_be_used_are_undetermined() -> None:
    assert judged(b"\x6f\x00", b"")[0] is Outcome.UNDETERMINED
    ed25519 = bytes.fromhex("302A300506032B6570032100" + "11" * 32)
    assert judged(build_dg15(ed25519), b"")[0] is Outcome.UNDETERMINED


def test_refusal_is_a_failure_and_a_lost_card_is_not() -> None:
    dg15 = build_dg15(spki(SECP256))
    result = active_authentication(BytesLink(lambda raw: b"\x6d\x00"), dg15, None, lambda size: RND)
    assert (result.outcome, result.detail) == (Outcome.FAILED, "chip refused with 6D00")

    class Lost:
        def send(self, command: Command) -> Response:
            raise CardRemoved("lifted")

    with pytest.raises(CardRemoved):
        active_authentication(Lost(), dg15, None, lambda size: RND)


def test_length_forms_for_long_signatures() -> None:
    key = rsa.generate_private_key(65537, 2048)
    seen: list[bool] = []

    class Chip:
        def __init__(self, *answers: Response) -> None:
            self.answers = list(answers)

        def send(self, command: Command) -> Response:
            seen.append(command.is_extended)
            return self.answers.pop(0)

    dg15 = build_dg15(spki(key))
    active_authentication(Chip(Response(bytes(256), 0x9000)), dg15, None, lambda size: RND)
    assert seen == [True]
    chip = Chip(Response(b"", 0x6700), Response(bytes(256), 0x9000))
    active_authentication(chip, dg15, None, lambda size: RND)
    assert seen[1:] == [True, False]
    chip = Chip(Response(bytes(100), 0x6120), Response(bytes(64), 0x9000))
    result = active_authentication(chip, build_dg15(spki(SECP256)), None, lambda size: RND)
    assert seen[3:] == [False, True]
    assert result.outcome is Outcome.FAILED


@given(st.binary(max_size=140))
@settings(max_examples=150, deadline=None)
def test_hostile_signatures_fail(signature: bytes) -> None:
    for key in (RSA_KEY, SECP256):
        assert judged(build_dg15(spki(key)), signature)[0] is Outcome.FAILED


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_hostile_keys_are_undetermined(dg15: bytes) -> None:
    assert judged(dg15, bytes(64))[0] is Outcome.UNDETERMINED
