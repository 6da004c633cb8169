"""Signing a seal: hash by the order of the curve, r and s raw (Doc 9303-13 2.4, App. B)."""

from collections.abc import Sequence
from datetime import date, datetime

from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from crypto.certificates import Certificate
from crypto.certificates.asn1 import outside_bytes
from crypto.certificates.plain_ecdsa import PlainCurveKey
from crypto.ecmath import CURVES
from crypto.errors import MalformedData, PolicyRefused, SignatureInvalid, UnsupportedAlgorithm
from crypto.seals.structure import Header, Seal
from crypto.signer import Signer

_HASHES = ((224, "sha224"), (256, "sha256"), (384, "sha384"), (512, "sha512"))


def sign_seal(
    signer: Signer,
    features: Sequence[tuple[int, bytes]],
    *,
    issuer: str,
    issued: date | None,
    now: datetime,
    definition: int,
    category: int,
) -> Seal:
    """A seal of version 4, verified with the signer's own certificate before it is returned.

    `issuer` as in the MRZ. `now` is aware: the signature's date is its date in UTC. Raises PolicyRefused for
    a key outside its period or with another hash than the rule's, MalformedData for what a seal cannot say.
    """
    signer.check(now)
    certificate = signer.certificate
    order = curve_order(certificate)
    hash_name = seal_hash(order)
    if signer.hash_name != hash_name:
        raise PolicyRefused(f"a seal of this key is signed over {hash_name}, not {signer.hash_name}")
    name, reference = signer_reference(certificate)
    header = Header(issuer, name, reference, issued, now.date(), definition, category)
    unsigned = Seal(header, tuple(features))
    seal = Seal(header, unsigned.features, raw_signature(signer.sign(unsigned.signed), order))
    check_signature(seal, certificate)
    return seal


def check_signature(seal: Seal, certificate: Certificate) -> None:
    """Raises SignatureInvalid or UnsupportedAlgorithm unless the certificate's key made the signature."""
    from crypto.certificates.keys import SignatureAlgorithm, verify_signature

    order = curve_order(certificate)
    algorithm = SignatureAlgorithm("ecdsa", seal_hash(order))
    signature = der_signature(seal.signature, order)
    verify_signature(certificate.verification_key, algorithm, signature, seal.signed)


def signer_reference(certificate: Certificate) -> tuple[str, str]:
    """(signer identifier, certificate reference) of a seal signer (Doc 9303-12 7.1.3): C and CN, the serial.

    MalformedData when its name is none of a seal signer.
    """
    with outside_bytes("name of the seal signer"):
        parts = [pair for rdn in x509.Name.load(certificate.subject_der).chosen for pair in rdn]
        names = {pair["type"].native: str(pair["value"].native).upper() for pair in parts}
    signer = names.get("country_name", "") + names.get("common_name", "")
    if len(names.get("common_name", "")) != 2 or len(signer) != 4 or certificate.serial <= 0:
        raise MalformedData("the certificate is not named as a seal signer")
    digits = f"{certificate.serial:X}"
    return signer, digits.zfill(len(digits) + len(digits) % 2)


def curve_order(certificate: Certificate) -> int:
    """Order of the base point of the certificate's curve; UnsupportedAlgorithm for keys other than EC."""
    key = certificate.verification_key
    if isinstance(key, PlainCurveKey):
        return key.curve.n
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name].n
    raise UnsupportedAlgorithm("a seal is signed with ECDSA")


def seal_hash(order: int) -> str:
    """The hash that goes with a curve's order (Doc 9303-13 2.4)."""
    for most, name in _HASHES:
        if order.bit_length() <= most:
            return name
    raise UnsupportedAlgorithm("no hash for a curve of more than 512 bits")


def raw_signature(der: bytes, order: int) -> bytes:
    """r and s, each as long as the order, one after the other (App. B)."""
    size = (order.bit_length() + 7) // 8
    try:
        r, s = decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError) as error:
        raise MalformedData("ECDSA signature") from error


def der_signature(raw: bytes, order: int) -> bytes:
    """The inverse; SignatureInvalid when the halves have not the length of the order."""
    size = (order.bit_length() + 7) // 8
    if len(raw) != 2 * size:
        raise SignatureInvalid("length of the seal's signature")
    return encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
