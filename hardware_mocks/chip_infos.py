"""The security infos of simulated passports in DER: EF.CardAccess, DG14, and the content of EF.CardSecurity.

Doc 9303-11 §9.2 (SecurityInfos), TR-03110-3 A.1.1 and D.2 (public keys with explicit, named or standardized
domain parameters). Written here and not taken from the product, so that a mistake cannot cancel itself out.
"""

from collections.abc import Iterable

from hardware_mocks.chip_agreement import AGREEMENTS, CurveAgreement, ModularAgreement
from hardware_mocks.chip_apdu import tlv
from hardware_mocks.chip_authentication import ChipKey
from hardware_mocks.chip_curves import ChipCurve

SECURITY_OBJECT = "0.4.0.127.0.7.3.2.1"
_PUBLIC_KEY = "0.4.0.127.0.7.2.2.1"  # 1 DH, 2 ECDH
_STANDARD = "0.4.0.127.0.7.1.2"
_TERMINAL_AUTHENTICATION = "0.4.0.127.0.7.2.2.2"
_ACTIVE_AUTHENTICATION = "2.23.136.1.1.5"
_ECDSA_PLAIN = "0.4.0.127.0.7.1.1.4.1"
_HASH_ARC = {"sha1": 1, "sha224": 2, "sha256": 3, "sha384": 4, "sha512": 5}
_NAMED = {
    8: "1.2.840.10045.3.1.1",
    9: "1.3.36.3.3.2.8.1.1.3",
    10: "1.3.132.0.33",
    11: "1.3.36.3.3.2.8.1.1.5",
    12: "1.2.840.10045.3.1.7",
    13: "1.3.36.3.3.2.8.1.1.7",
    14: "1.3.36.3.3.2.8.1.1.9",
    15: "1.3.132.0.34",
    16: "1.3.36.3.3.2.8.1.1.11",
    17: "1.3.36.3.3.2.8.1.1.13",
    18: "1.3.132.0.35",
}


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, b"".join(map(_base128, (40 * first + second, *rest))))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.insert(0, 0x80 | arc & 0x7F)
    return bytes(octets)


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, b"".join(parts))


def set_of(infos: Iterable[bytes]) -> bytes:
    """SET OF in the order of DER."""
    return tlv(0x31, b"".join(sorted(infos)))


def pace_info(protocol: bytes, parameter: int) -> bytes:
    """PACEInfo, version 2."""
    return sequence(tlv(0x06, protocol), integer(2), integer(parameter))


def chip_authentication_infos(key: ChipKey, *, declared: bool, form: str) -> list[bytes]:
    """ChipAuthenticationInfo for each cipher, if declared, and ChipAuthenticationPublicKeyInfo."""
    key_id = b"" if key.key_id is None else integer(key.key_id)
    infos = [sequence(tlv(0x06, protocol), integer(1), key_id) for protocol in key.protocols if declared]
    arc = AGREEMENTS[key.parameter].oid_arc
    return [*infos, sequence(oid(f"{_PUBLIC_KEY}.{arc}"), public_key(key, form), key_id)]


def terminal_authentication_info() -> bytes:
    """TerminalAuthenticationInfo, as documents with fingerprints have it."""
    return sequence(oid(_TERMINAL_AUTHENTICATION), integer(1))


def active_authentication_info(hash_name: str) -> bytes:
    """ActiveAuthenticationInfo: plain ECDSA with that hash."""
    return sequence(oid(_ACTIVE_AUTHENTICATION), integer(1), oid(f"{_ECDSA_PLAIN}.{_HASH_ARC[hash_name]}"))


def public_key(key: ChipKey, form: str) -> bytes:
    """SubjectPublicKeyInfo with explicit, named or standard domain parameters (MODP has no names)."""
    group = AGREEMENTS[key.parameter]
    if form == "standard":
        algorithm = sequence(oid(_STANDARD), integer(key.parameter))
    elif isinstance(group, CurveAgreement):
        named = oid(_NAMED[key.parameter])
        parameters = explicit_parameters(group.curve) if form == "explicit" else named
        algorithm = sequence(oid("1.2.840.10045.2.1"), parameters)
    else:
        assert isinstance(group, ModularAgreement)
        parameters = sequence(integer(group.group.p), integer(group.group.g))
        algorithm = sequence(oid("1.2.840.113549.1.3.1"), parameters)
    public = key.public
    content = public if group.oid_arc == 2 else integer(int.from_bytes(public, "big"))
    return sequence(algorithm, tlv(0x03, b"\x00" + content))


def explicit_parameters(curve: ChipCurve) -> bytes:
    """ECParameters in full (TR-03111 §5.1)."""
    field = sequence(oid("1.2.840.10045.1.1"), integer(curve.p))
    size = curve.size
    equation = sequence(*(tlv(0x04, value.to_bytes(size, "big")) for value in (curve.a, curve.b)))
    base = b"\x04" + b"".join(value.to_bytes(size, "big") for value in curve.g)
    return sequence(integer(1), field, equation, tlv(0x04, base), integer(curve.n), integer(1))
