"""ECDSA on the curves that the library leaves out: OpenSSL's signatures verify, and nothing else does."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from crypto.certificates import SignatureAlgorithm, digest, verify_signature
from crypto.certificates.asn1 import encode
from crypto.certificates.keys import library_curve, load_verification_key
from crypto.certificates.plain_ecdsa import PlainCurveKey
from crypto.ecmath import CURVES
from crypto.errors import MalformedData, SignatureInvalid
from crypto.signer import sign_with

# Made with OpenSSL over b"lab": curve, hash, public key, signature
_PLAIN = (
    (
        "brainpoolP320r1",
        "sha256",
        "306a301406072a8648ce3d020106092b240303020801010903520004673fbf8791dfdd8c23a97bf6a5487242db3297dc5f6f"
        "182ba08265fdc0cbdb810ffff638d2a1b0621cb7bdf1118f0048fb4bf125f61ed791110e23d075d040305b2b1e68d3895411"
        "f0a9602f94e1b0d2",
        "3054022844be85d7e4faaf121d85c53e4af07cfbad55af2f683eebeee5b7ea7f9db1847a534a85b801b870ab0228120c396b"
        "ac5b0754103cfed40b7eb7c07200bdd0ea77a4e218e48355e77b104f70c00ca7ed03cf92",
    ),
    (
        "brainpoolP320r1",
        "sha512",
        "306a301406072a8648ce3d020106092b240303020801010903520004673fbf8791dfdd8c23a97bf6a5487242db3297dc5f6f"
        "182ba08265fdc0cbdb810ffff638d2a1b0621cb7bdf1118f0048fb4bf125f61ed791110e23d075d040305b2b1e68d3895411"
        "f0a9602f94e1b0d2",
        "3055022900aaef3a9694aa6ce4213efe6fae392ac25963bd82d56a1f9ad7fb340ea2a67e60ae3e745338bf5838022840d6c3"
        "e251312736f94a75fea79dfa7ae5a59c28f358c625806e76e0d648c903ec17d1988d2c3b48",
    ),
    (
        "brainpoolP224r1",
        "sha256",
        "3052301406072a8648ce3d020106092b2403030208010105033a00048268c0f9152d4cdf24380641abf422f62cc8b3eeb867"
        "46de1d06d5160a50ce6219dda55558acafc5895653360e7cbab4ac94723c0110ace0",
        "303c021c5cb471047f4459a6c025d311a99b3f6406b3b3bc16ca5a50214ca3d8021c39fbca26143cc6ccc272bccab2a3d9a7"
        "32f052f3b482756816b4755d",
    ),
    (
        "brainpoolP224r1",
        "sha512",
        "3052301406072a8648ce3d020106092b2403030208010105033a00048268c0f9152d4cdf24380641abf422f62cc8b3eeb867"
        "46de1d06d5160a50ce6219dda55558acafc5895653360e7cbab4ac94723c0110ace0",
        "303c021c7d9fef7772d5a89dd94367553b08dea98456f468a8618cadc277217b021c41f3644d8c7ea1282c0465f7f9daf774"
        "0d239a7ec72925958b73dbe3",
    ),
)


@pytest.mark.parametrize(("curve", "hash_name", "key", "signature"), _PLAIN)
def test_curves_that_the_library_leaves_out_verify(
    curve: str, hash_name: str, key: str, signature: str
) -> None:
    loaded, algorithm = load_verification_key(bytes.fromhex(key)), SignatureAlgorithm("ecdsa", hash_name)
    assert isinstance(loaded, PlainCurveKey)
    assert loaded.curve.name == curve
    good = bytes.fromhex(signature)
    verify_signature(loaded, algorithm, good, b"lab")
    for bad, data in ((good, b"Lab"), (good[:-1] + bytes([good[-1] ^ 1]), b"lab"), (b"\x30\x00", b"lab")):
        with pytest.raises(SignatureInvalid):
            verify_signature(loaded, algorithm, bad, data)
    with pytest.raises(SignatureInvalid):
        verify_signature(loaded, SignatureAlgorithm("rsa", hash_name), good, b"lab")
    with pytest.raises(MalformedData):
        load_verification_key(bytes.fromhex(key)[:-1] + b"\x00")


def test_plain_verification_agrees_with_the_library() -> None:
    for name in ("secp256r1", "brainpoolP384r1"):
        private = ec.derive_private_key(7, library_curve(CURVES[name]))
        numbers = private.public_key().public_numbers()
        signature = sign_with(private, SignatureAlgorithm("ecdsa", "sha512"), b"lab")
        plain = PlainCurveKey(CURVES[name], (numbers.x, numbers.y))
        plain.verify(signature, digest("sha512", b"lab"))
        zero = encode(0x30, b"\x02\x01\x00\x02\x01\x01")
        for bad in (zero, signature[:-1] + bytes([signature[-1] ^ 1])):
            with pytest.raises(SignatureInvalid):
                plain.verify(bad, digest("sha512", b"lab"))
