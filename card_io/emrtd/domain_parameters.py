"""Domain parameters as chips name or spell them out (BSI TR-03110-3 A.2.1, Doc 9303-11 section 9.5).

Owns AlgorithmIdentifier and SubjectPublicKeyInfo of PACE and chip authentication keys. Explicit parameters
are never used as they come: they must equal a standardised group in every value (comparing less would let a
hostile chip choose a weak group), else they are refused.
"""

from __future__ import annotations

from card_io.errors import MalformedCardData, ProtocolUnsupported
from card_io.lds.security_infos import oid_der
from card_io.tlv import Tlv
from crypto.domains import DOMAINS, DhDomain, Domain, EcDomain
from crypto.ecmath import CURVES, Curve
from crypto.modp import MODP_GROUPS, ModpGroup

_INTEGER, _BIT_STRING, _OCTETS, _OID, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_STANDARDISED = Tlv(oid_der("0.4.0.127.0.7.1.2")).value
_EC_PUBLIC_KEY = Tlv(oid_der("1.2.840.10045.2.1")).value
_X942_DH = Tlv(oid_der("1.2.840.10046.2.1")).value
_PKCS3_DH = Tlv(oid_der("1.2.840.113549.1.3.1")).value
_PRIME_FIELD = Tlv(oid_der("1.2.840.10045.1.1")).value
_MAX_INTEGER = 260  # bytes: 2048 bits, sign and some slack


def parse_algorithm(algorithm: Tlv) -> Domain:
    """The group that an AlgorithmIdentifier means.

    MalformedCardData if it is none, ProtocolUnsupported for a group that is not standardised.
    """
    head, *parameters = _children(algorithm)
    if head.tag != _OID or not parameters:
        raise MalformedCardData("algorithm identifier without parameters")
    if head.value == _STANDARDISED:
        return standardised(_number(parameters[0]))
    if head.value == _EC_PUBLIC_KEY:
        return EcDomain(_curve(parameters[0]))
    if head.value in (_X942_DH, _PKCS3_DH):
        return DhDomain(_group(parameters[0], with_order=head.value == _X942_DH))
    raise ProtocolUnsupported("domain parameters of an unknown kind")


def parse_public_key(spki: bytes) -> tuple[Domain, bytes]:
    """Group and element of a SubjectPublicKeyInfo; the element is not checked here.

    Errors as `parse_algorithm`.
    """
    parts = _children(Tlv(spki))
    if [part.tag for part in parts] != [_SEQUENCE, _BIT_STRING] or parts[1].value[:1] != b"\x00":
        raise MalformedCardData("public key is no SubjectPublicKeyInfo")
    domain = parse_algorithm(parts[0])
    element = parts[1].value[1:]
    if domain.kind == "DH" and element[:1] == bytes([_INTEGER]):
        element = _number(Tlv(element)).to_bytes((domain.modulus.bit_length() + 7) // 8 + 1, "big")
    return domain, element


def standardised(number: int) -> Domain:
    """The group with this parameter id; ProtocolUnsupported for reserved ids."""
    if number not in DOMAINS:
        raise ProtocolUnsupported(f"standardised domain parameters {number} are reserved")
    return DOMAINS[number]


def _curve(parameters: Tlv) -> Curve:
    if parameters.tag == _OID:
        named = [curve for curve in CURVES.values() if Tlv(oid_der(curve.oid)).value == parameters.value]
        if not named:
            raise ProtocolUnsupported("a named curve that is not standardised")
        return named[0]
    version, field, equation, base, order, *rest = _children(parameters, at_least=5)
    if _children(field, at_least=2)[0].value != _PRIME_FIELD:
        raise ProtocolUnsupported("explicit curve over another field than a prime one")
    a, b = (int.from_bytes(part.value, "big") for part in _children(equation, at_least=2)[:2])
    values = _number(_children(field, at_least=2)[1]), a, b, _number(order)
    cofactor = _number(rest[0]) if rest and rest[0].tag == _INTEGER else 1
    for curve in CURVES.values():
        same = values == (curve.p, curve.a, curve.b, curve.n) and cofactor == curve.h
        if same and _is_generator(curve, base.value) and 1 <= _number(version) <= 3:
            return curve
    raise ProtocolUnsupported("explicit curve parameters equal no standardised curve")


def _is_generator(curve: Curve, encoded: bytes) -> bool:
    x, y = (value.to_bytes(curve.size, "big") for value in curve.generator)
    return encoded in (b"\x04" + x + y, bytes([2 + (y[-1] & 1)]) + x)


def _group(parameters: Tlv, *, with_order: bool) -> ModpGroup:
    """DomainParameters of X9.42 (p, g, q) or DHParameter of PKCS #3 (p, g)."""
    numbers = [_number(part) for part in _children(parameters, at_least=2) if part.tag == _INTEGER]
    for group in MODP_GROUPS.values():
        wanted = [group.p, group.g, group.q] if with_order else [group.p, group.g]
        if numbers[: len(wanted)] == wanted:
            return group
    raise ProtocolUnsupported("explicit group parameters equal no standardised group")


def _children(sequence: Tlv, at_least: int = 1) -> tuple[Tlv, ...]:
    parts = sequence.children() if sequence.tag == _SEQUENCE else ()
    if len(parts) < at_least:
        raise MalformedCardData("domain parameters are not complete")
    return parts


def _number(part: Tlv) -> int:
    """A positive INTEGER."""
    if part.tag != _INTEGER or not 0 < len(part.value) <= _MAX_INTEGER or part.value[0] & 0x80:
        raise MalformedCardData("domain parameters hold something else than a number")
    return int.from_bytes(part.value, "big")
