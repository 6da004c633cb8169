"""The key a card has generated, as SubjectPublicKeyInfo for DG15 (Doc 9303-11 section 6.1, RFC 5480)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_io.errors import MalformedCardData

# Doc 9303-11 section 9.5.1: standardized domain parameters that `cryptography` knows.
_CURVES: Final[Mapping[int, type[ec.EllipticCurve]]] = MappingProxyType(
    {
        12: ec.SECP256R1,
        13: ec.BrainpoolP256R1,
        15: ec.SECP384R1,
        16: ec.BrainpoolP384R1,
        17: ec.BrainpoolP512R1,
        18: ec.SECP521R1,
    }
)


def subject_public_key_info(parameter_id: int, point: bytes) -> bytes:
    """DER of the key `point` (04 || X || Y) on the standardized curve, which it names.

    MalformedCardData if the card's point is not on the curve; ValueError for a curve that is not offered.
    """
    if parameter_id not in _CURVES:
        raise ValueError(f"no curve with parameter id {parameter_id}")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[parameter_id](), point)
    except ValueError as error:
        raise MalformedCardData("the card's public key is not on its curve") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
