"""Public keys and signature algorithms of travel documents (Doc 9303-12 4.1.6, RFC 5480, RFC 4055).

Owns the mapping of explicit EC parameters to a named curve: only when p, a, b, G, n and the cofactor
all equal a known curve (comparing less is CVE-2020-0601). ECDSA, RSA PKCS#1 v1.5, RSASSA-PSS, DSA.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from asn1crypto import algos, core, keys
from cryptography import exceptions as library
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from crypto.certificates.asn1 import AlgorithmIdentifier, load, outside_bytes
from crypto.certificates.plain_ecdsa import PlainCurveKey
from crypto.ecmath import CURVES, Curve, decode_point
from crypto.errors import MalformedData, SignatureInvalid, UnsupportedAlgorithm

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey
VerificationKey = PublicKey | PlainCurveKey
Scheme = Literal["ecdsa", "rsa", "rsa_pss", "dsa"]

# Doc 9303-12 4.1.6: SHA-224 and up; SHA-1 is met on old documents
HASH_OIDS: Mapping[str, str] = MappingProxyType(
    {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.4": "sha224",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }
)
_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {
        "sha1": hashes.SHA1(),  # noqa: S303 - read only, reported as weak
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
)
_CURVES: Mapping[str, type[ec.EllipticCurve]] = MappingProxyType(
    {
        "secp192r1": ec.SECP192R1,
        "secp224r1": ec.SECP224R1,
        "secp256r1": ec.SECP256R1,
        "secp384r1": ec.SECP384R1,
        "secp521r1": ec.SECP521R1,
        "brainpoolP256r1": ec.BrainpoolP256R1,
        "brainpoolP384r1": ec.BrainpoolP384R1,
        "brainpoolP512r1": ec.BrainpoolP512R1,
    }
)
# RFC 5754, RFC 5758, RFC 4055; without a hash: the CMS digestAlgorithm decides
_SIGNATURE_OIDS: Mapping[str, tuple[Scheme, str | None]] = MappingProxyType(
    {
        "1.2.840.113549.1.1.1": ("rsa", None),
        "1.2.840.113549.1.1.5": ("rsa", "sha1"),
        "1.2.840.113549.1.1.14": ("rsa", "sha224"),
        "1.2.840.113549.1.1.11": ("rsa", "sha256"),
        "1.2.840.113549.1.1.12": ("rsa", "sha384"),
        "1.2.840.113549.1.1.13": ("rsa", "sha512"),
        "1.2.840.10045.2.1": ("ecdsa", None),
        "1.2.840.10045.4.1": ("ecdsa", "sha1"),
        "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
        "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
        "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
        "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
        "1.2.840.10040.4.1": ("dsa", None),
        "1.2.840.10040.4.3": ("dsa", "sha1"),
        "2.16.840.1.101.3.4.3.1": ("dsa", "sha224"),
        "2.16.840.1.101.3.4.3.2": ("dsa", "sha256"),
    }
)
_PSS_OID = "1.2.840.113549.1.1.10"
_MGF1_OID = "1.2.840.113549.1.1.8"


@dataclass(frozen=True)
class SignatureAlgorithm:
    """What the AlgorithmIdentifier of a signature says; salt length (bytes) and MGF hash are RSASSA-PSS's."""

    scheme: Scheme
    hash_name: str
    salt_length: int = 0
    mgf_hash: str = ""

    @classmethod
    def parse(cls, der: bytes, *, digest: str | None = None) -> SignatureAlgorithm:
        """From DER; `digest` stands in where no hash is named. Raises UnsupportedAlgorithm, MalformedData."""
        with outside_bytes("signature algorithm"):
            identifier = load(AlgorithmIdentifier, der, "signature algorithm")
            oid: str = identifier["algorithm"].dotted
            if oid == _PSS_OID:
                return _parse_pss(identifier["parameters"])
        if oid not in _SIGNATURE_OIDS:
            raise UnsupportedAlgorithm(f"signature algorithm {oid}")
        scheme, named_hash = _SIGNATURE_OIDS[oid]
        hash_name = named_hash or digest
        if hash_name is None or hash_name not in _HASHES:
            raise UnsupportedAlgorithm(f"signature algorithm {oid} with hash {hash_name}")
        return cls(scheme, hash_name)

    def dump(self) -> bytes:
        """DER AlgorithmIdentifier: NULL parameters for RSA, none for ECDSA and DSA (Doc 9303-10 4.6.2)."""
        if self.scheme == "rsa_pss":
            return _dump_pss(self)
        wanted = (self.scheme, self.hash_name)
        oid = next(key for key, value in _SIGNATURE_OIDS.items() if value == wanted)
        fields: dict[str, Any] = {"algorithm": oid}
        if self.scheme == "rsa":
            fields["parameters"] = core.Null()
        return bytes(AlgorithmIdentifier(fields).dump())


def digest(name: str, data: bytes) -> bytes:
    """Hash by our name ("sha256" …); UnsupportedAlgorithm for any other."""
    if name not in _HASHES:
        raise UnsupportedAlgorithm(f"hash {name}")
    return hashlib.new(name, data).digest()


def hash_object(name: str) -> hashes.HashAlgorithm:
    """The library's object for one of our hash names."""
    if name not in _HASHES:
        raise UnsupportedAlgorithm(f"hash {name}")
    return _HASHES[name]


def hash_identifier(name: str) -> AlgorithmIdentifier:
    """AlgorithmIdentifier of a hash, parameters absent (Doc 9303-10 4.6.2)."""
    oid = next((key for key, value in HASH_OIDS.items() if value == name), None)
    if oid is None:
        raise UnsupportedAlgorithm(f"hash {name}")
    return AlgorithmIdentifier({"algorithm": oid})


def library_curve(curve: Curve) -> ec.EllipticCurve:
    """The library's object for a curve of ours."""
    if curve.name not in _CURVES:
        raise UnsupportedAlgorithm(f"curve {curve.name}")
    return _CURVES[curve.name]()


def load_public_key(spki_der: bytes) -> PublicKey:
    """A SubjectPublicKeyInfo as a key object, named or explicit EC parameters alike (RFC 5480).

    Raises UnsupportedAlgorithm for an unknown key type or curve, MalformedData for a broken key.
    """
    what = "public key"
    with outside_bytes(what):
        info = load(keys.PublicKeyInfo, spki_der, what)
        oid: str = info["algorithm"]["algorithm"].dotted
    if oid == "1.2.840.10045.2.1":
        return _load_ec(info)
    if oid in ("1.2.840.113549.1.1.1", _PSS_OID):
        return _load_rsa(info)
    if oid == "1.2.840.10040.4.1":
        return _load_other(spki_der)
    raise UnsupportedAlgorithm(f"public key type {oid}")


def load_verification_key(spki_der: bytes) -> VerificationKey:
    """As `load_public_key`; on curves that the library leaves out, a key that can only verify."""
    try:
        return load_public_key(spki_der)
    except UnsupportedAlgorithm:
        with outside_bytes("EC key"):
            info = load(keys.PublicKeyInfo, spki_der, "EC key")
            if info["algorithm"]["algorithm"].dotted != "1.2.840.10045.2.1":
                raise
            curve = _known_curve(info["algorithm"]["parameters"])
            return PlainCurveKey(curve, decode_point(curve, info["public_key"].native))


def verify_signature(
    public_key: VerificationKey, algorithm: SignatureAlgorithm | bytes, signature: bytes, data: bytes
) -> None:
    """Raises SignatureInvalid unless `signature` fits; `algorithm` is parsed or a DER AlgorithmIdentifier."""
    if isinstance(algorithm, bytes):
        algorithm = SignatureAlgorithm.parse(algorithm)
    hasher = hash_object(algorithm.hash_name)
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey) and algorithm.scheme == "ecdsa":
            public_key.verify(signature, data, ec.ECDSA(hasher))
        elif isinstance(public_key, PlainCurveKey) and algorithm.scheme == "ecdsa":
            public_key.verify(signature, digest(algorithm.hash_name, data))
        elif isinstance(public_key, rsa.RSAPublicKey) and algorithm.scheme in ("rsa", "rsa_pss"):
            public_key.verify(signature, data, rsa_padding(algorithm), hasher)
        elif isinstance(public_key, dsa.DSAPublicKey) and algorithm.scheme == "dsa":
            public_key.verify(signature, data, hasher)
        else:
            raise SignatureInvalid(f"a {algorithm.scheme} signature does not fit the type of the key")
    except library.InvalidSignature as error:
        raise SignatureInvalid(f"{algorithm.scheme} with {algorithm.hash_name}") from error
    except library.UnsupportedAlgorithm as error:
        raise UnsupportedAlgorithm(f"{algorithm.scheme} with {algorithm.hash_name}") from error


def rsa_padding(algorithm: SignatureAlgorithm) -> padding.AsymmetricPadding:
    """PKCS#1 v1.5, or PSS with the parameters of the identifier (never assumed)."""
    if algorithm.scheme == "rsa":
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(hash_object(algorithm.mgf_hash)), algorithm.salt_length)


def explicit_public_key(key: ec.EllipticCurvePublicKey) -> bytes:
    """SubjectPublicKeyInfo with explicit parameters, cofactor, uncompressed points (Doc 9303-12 4.1.6)."""
    curve = CURVES.get(key.curve.name)
    if curve is None:
        raise UnsupportedAlgorithm(f"curve {key.curve.name}")
    size = curve.size
    domain = keys.SpecifiedECDomain(
        {
            "version": "ecdpVer1",
            "field_id": {"field_type": "prime_field", "parameters": core.Integer(curve.p)},
            "curve": {"a": curve.a.to_bytes(size, "big"), "b": curve.b.to_bytes(size, "big")},
            "base": b"\x04" + curve.gx.to_bytes(size, "big") + curve.gy.to_bytes(size, "big"),
            "order": curve.n,
            "cofactor": curve.h,
        }
    )
    parameters = keys.ECDomainParameters(name="specified", value=domain)
    algorithm = keys.PublicKeyAlgorithm({"algorithm": "ec", "parameters": parameters})
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    info = keys.PublicKeyInfo({"algorithm": algorithm, "public_key": keys.ECPointBitString(point)})
    return bytes(info.dump())


def _parse_pss(parameters: Any) -> SignatureAlgorithm:
    """RFC 4055 3.1; absent parameters mean SHA-1, MGF1 with SHA-1, salt of 20 bytes."""
    values = algos.RSASSAPSSParams() if isinstance(parameters, core.Void) else None
    if values is None:
        values = load(algos.RSASSAPSSParams, parameters.dump(), "PSS parameters")
    mask = values["mask_gen_algorithm"]
    if mask["algorithm"].dotted != _MGF1_OID:
        raise UnsupportedAlgorithm("mask generation other than MGF1")
    if values["trailer_field"].native != "trailer_field_bc":
        raise UnsupportedAlgorithm("PSS trailer field")
    names = [
        HASH_OIDS.get(values["hash_algorithm"]["algorithm"].dotted),
        HASH_OIDS.get(mask["parameters"]["algorithm"].dotted),
    ]
    salt: int = values["salt_length"].native
    if None in names:
        raise UnsupportedAlgorithm("hash of the PSS parameters")
    if not 0 <= salt <= 1024:
        raise MalformedData("PSS salt length")
    return SignatureAlgorithm("rsa_pss", str(names[0]), salt, str(names[1]))


def _dump_pss(algorithm: SignatureAlgorithm) -> bytes:
    hash_oid = hash_identifier(algorithm.hash_name)["algorithm"].dotted
    mgf_oid = hash_identifier(algorithm.mgf_hash)["algorithm"].dotted
    parameters = algos.RSASSAPSSParams(
        {
            "hash_algorithm": {"algorithm": hash_oid},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mgf_oid}},
            "salt_length": algorithm.salt_length,
        }
    )
    return bytes(AlgorithmIdentifier({"algorithm": _PSS_OID, "parameters": parameters}).dump())


def _load_rsa(info: Any) -> rsa.RSAPublicKey:
    with outside_bytes("RSA key"):
        numbers = info["public_key"].parsed
        modulus: int = numbers["modulus"].native
        exponent: int = numbers["public_exponent"].native
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _load_ec(info: Any) -> ec.EllipticCurvePublicKey:
    with outside_bytes("EC key"):
        parameters = info["algorithm"]["parameters"]
        curve = _known_curve(parameters)
        point: bytes = info["public_key"].native
        return ec.EllipticCurvePublicKey.from_encoded_point(library_curve(curve), point)


def _load_other(spki_der: bytes) -> PublicKey:
    with outside_bytes("DSA key"):
        try:
            key: PublicKeyTypes = serialization.load_der_public_key(spki_der)
        except library.UnsupportedAlgorithm as error:
            raise UnsupportedAlgorithm("DSA key") from error
    if not isinstance(key, dsa.DSAPublicKey):
        raise UnsupportedAlgorithm("public key type")
    return key


def _known_curve(parameters: Any) -> Curve:
    """The curve that ECParameters name or spell out."""
    if parameters.name == "named":
        oid: str = parameters.chosen.dotted
        for curve in CURVES.values():
            if curve.oid == oid:
                return curve
        raise UnsupportedAlgorithm(f"curve {oid}")
    if parameters.name != "specified":
        raise UnsupportedAlgorithm("EC parameters inherited from the issuer")
    domain = parameters.chosen
    if domain["field_id"]["field_type"].native != "prime_field":
        raise UnsupportedAlgorithm("EC over a binary field")
    return _equal_curve(domain)


def _equal_curve(domain: Any) -> Curve:
    """The known curve equal in all of p, a, b, G, n and, when given, the cofactor."""
    number = int.from_bytes
    base: bytes = domain["base"].native
    cofactor: int | None = domain["cofactor"].native
    values = (
        domain["field_id"]["parameters"].native,
        number(domain["curve"]["a"].native, "big"),
        number(domain["curve"]["b"].native, "big"),
        domain["order"].native,
    )
    for curve in CURVES.values():
        same = values == (curve.p, curve.a, curve.b, curve.n) and cofactor in (None, curve.h)
        if same and _is_generator(curve, base):
            return curve
    raise UnsupportedAlgorithm("EC parameters of no known curve")


def _is_generator(curve: Curve, encoded: bytes) -> bool:
    """Compares an encoded base point, compressed or not, with the curve's."""
    if encoded[:1] == b"\x04" and len(encoded) % 2 == 1:
        half = (len(encoded) - 1) // 2
        x, y = encoded[1 : 1 + half], encoded[1 + half :]
        return (int.from_bytes(x, "big"), int.from_bytes(y, "big")) == (curve.gx, curve.gy)
    if encoded[:1] in (b"\x02", b"\x03"):
        return int.from_bytes(encoded[1:], "big") == curve.gx and encoded[0] == 2 + curve.gy % 2
    return False
