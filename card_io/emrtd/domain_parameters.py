"""Domain parameters as chips name or spell them out (BSI TR-03110-3 A.2.1, Doc 9303-11 section 9.5).

Owns the one parser of AlgorithmIdentifier and SubjectPublicKeyInfo for PACE and chip authentication keys.
Curves are never used as they come: they must equal a known one in every value (comparing less would let a
hostile chip choose a weak curve), else they are refused. The same holds for the groups of PACE; chip
authentication has groups of the issuer's own, which are told as they stand and bounded by their user.
"""

from __future__ import annotations

from dataclasses import dataclass

from card_io.errors import MalformedCardData, ProtocolUnsupported
from card_io.lds.security_infos import oid_der
from card_io.tlv import Tlv
from crypto.domains import DOMAINS, DhDomain, Domain, EcDomain
from crypto.ecmath import CURVES, Curve, encode_point
from crypto.modp import MODP_GROUPS, ModpGroup

_INTEGER, _BIT_STRING, _OCTETS, _OID, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_STANDARDISED = Tlv(oid_der("0.4.0.127.0.7.1.2")).value
_EC_KEYS = tuple(Tlv(oid_der(oid)).value for oid in ("1.2.840.10045.2.1", "1.3.132.1.12"))
_X942_DH = Tlv(oid_der("1.2.840.10046.2.1")).value
_PKCS3_DH = Tlv(oid_der("1.2.840.113549.1.3.1")).value
_PRIME_FIELD = Tlv(oid_der("1.2.840.10045.1.1")).value
_MAX_NUMBER = 4096 // 8 + 1  # bytes: the largest group, and a sign
_MAX_MEMBERS = 8  # of any sequence here
_SMALLEST_ORDER = 64  # bits: a third number below is a length (PKCS #3), not an order (X9.42)


@dataclass(frozen=True)
class GroupParameters:
    """A multiplicative group as spelt out: prime, generator, order (0: not stated).

    `needs_order`: the form (X9.42) states one; without it the parameters are not those of any known group.
    """

    prime: int
    generator: int
    order: int = 0
    needs_order: bool = False

    @property
    def known(self) -> ModpGroup | None:
        """The standardised group that equals these parameters in every value."""
        for group in MODP_GROUPS.values():
            same_order = self.order == group.q or (self.order == 0 and not self.needs_order)
            if (self.prime, self.generator) == (group.p, group.g) and same_order:
                return group
        return None


Parameters = Curve | GroupParameters


def parse_parameters(algorithm: Tlv) -> Parameters:
    """The curve or group that an AlgorithmIdentifier means.

    MalformedCardData if it is none, ProtocolUnsupported for a curve or number that is not standardised.
    """
    head, *parameters = _children(algorithm)
    if head.tag != _OID:
        raise MalformedCardData("algorithm identifier without its identifier")
    known = (_STANDARDISED, *_EC_KEYS, _X942_DH, _PKCS3_DH)
    if head.value not in known:
        raise ProtocolUnsupported("domain parameters of an unknown kind")
    if not parameters:
        raise MalformedCardData("algorithm identifier without parameters")
    if head.value in (_X942_DH, _PKCS3_DH):
        return _group(parameters[0], needs_order=head.value == _X942_DH)
    if parameters[0].tag == _INTEGER:
        return _parameters_of(standardised(_number(parameters[0])))
    if head.value == _STANDARDISED:
        raise MalformedCardData("standardised domain parameters without their number")
    return _curve(parameters[0])


def parse_key(spki: bytes) -> tuple[Parameters, bytes]:
    """Curve or group and the key's content (point; INTEGER for a group) of a SubjectPublicKeyInfo.

    The content is not checked here. Errors as `parse_parameters`.
    """
    parts = _children(Tlv(spki))
    if [part.tag for part in parts] != [_SEQUENCE, _BIT_STRING] or parts[1].value[:1] != b"\x00":
        raise MalformedCardData("public key is no SubjectPublicKeyInfo")
    return parse_parameters(parts[0]), parts[1].value[1:]


def parse_algorithm(algorithm: Tlv) -> Domain:
    """The standardised group that an AlgorithmIdentifier means; errors as `parse_parameters`."""
    return _domain(parse_parameters(algorithm))


def parse_public_key(spki: bytes) -> tuple[Domain, bytes]:
    """Standardised group and element of a SubjectPublicKeyInfo; the element is not checked here.

    Errors as `parse_parameters`.
    """
    parameters, element = parse_key(spki)
    domain = _domain(parameters)
    if domain.kind == "DH" and element[:1] == bytes([_INTEGER]):
        number = group_element(element)
        if number >= domain.modulus:
            raise MalformedCardData("public key is no member of its group")
        element = number.to_bytes((domain.modulus.bit_length() + 7) // 8 + 1, "big")
    return domain, element


def group_element(content: bytes) -> int:
    """The number in the content of a key of a multiplicative group; MalformedCardData if it is none."""
    return _number(Tlv(content))


def standardised(number: int) -> Domain:
    """The group with this parameter id; ProtocolUnsupported for reserved ids."""
    if number not in DOMAINS:
        raise ProtocolUnsupported(f"standardised domain parameters {number} are reserved")
    return DOMAINS[number]


def _domain(parameters: Parameters) -> Domain:
    if isinstance(parameters, Curve):
        wanted: Domain = EcDomain(parameters)
    else:
        group = parameters.known
        if group is None:
            raise ProtocolUnsupported("explicit group parameters equal no standardised group")
        wanted = DhDomain(group)
    return next((domain for domain in DOMAINS.values() if domain == wanted), wanted)


def _parameters_of(domain: Domain) -> Parameters:
    if isinstance(domain, EcDomain):
        return domain.curve
    if isinstance(domain, DhDomain):
        return GroupParameters(domain.group.p, domain.group.g, domain.group.q)
    raise ProtocolUnsupported("domain parameters of an unknown kind")


def _curve(parameters: Tlv) -> Curve:
    if parameters.tag == _OID:
        named = [curve for curve in CURVES.values() if Tlv(oid_der(curve.oid)).value == parameters.value]
        if not named:
            raise ProtocolUnsupported("a named curve that is not standardised")
        return named[0]
    version, field, equation, base, order, *rest = _children(parameters, at_least=5)
    if _children(field, at_least=2)[0].value != _PRIME_FIELD:
        raise ProtocolUnsupported("explicit curve over another field than a prime one")
    a, b = (_octets(part) for part in _children(equation, at_least=2)[:2])
    values = _number(_children(field, at_least=2)[1]), a, b, _number(order)
    cofactor = _number(rest[0]) if rest and rest[0].tag == _INTEGER else 1
    for curve in CURVES.values():
        same = values == (curve.p, curve.a, curve.b, curve.n) and cofactor == curve.h
        if same and _is_generator(curve, base.value) and 1 <= _number(version) <= 3:
            return curve
    raise ProtocolUnsupported("explicit curve parameters equal no standardised curve")


def _is_generator(curve: Curve, encoded: bytes) -> bool:
    compressed = bytes([2 + curve.gy % 2]) + curve.gx.to_bytes(curve.size, "big")
    return encoded in (encode_point(curve, curve.generator), compressed)


def _group(parameters: Tlv, *, needs_order: bool) -> GroupParameters:
    """PKCS #3: p, g, [length]; X9.42: p, g, q, ... -- told apart by the size of the third number."""
    numbers = [part for part in _children(parameters, at_least=2) if part.tag == _INTEGER]
    if len(numbers) < 2:
        raise MalformedCardData("domain parameters are not complete")
    prime, generator, *rest = (_number(part) for part in numbers[:3])
    order = rest[0] if rest and rest[0].bit_length() > _SMALLEST_ORDER else 0
    return GroupParameters(prime, generator, order, needs_order)


def _children(sequence: Tlv, at_least: int = 1) -> tuple[Tlv, ...]:
    parts = sequence.children() if sequence.tag == _SEQUENCE else ()
    if not at_least <= len(parts) <= _MAX_MEMBERS:
        raise MalformedCardData("domain parameters are not complete")
    return parts


def _number(part: Tlv) -> int:
    """A positive INTEGER."""
    if part.tag != _INTEGER or not 0 < len(part.value) <= _MAX_NUMBER or part.value[0] & 0x80:
        raise MalformedCardData("domain parameters hold something else than a number")
    return int.from_bytes(part.value, "big")


def _octets(part: Tlv) -> int:
    if part.tag != _OCTETS or len(part.value) > _MAX_NUMBER:
        raise MalformedCardData("domain parameters without a coefficient")
    return int.from_bytes(part.value, "big")
