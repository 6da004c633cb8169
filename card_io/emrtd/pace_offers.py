"""What PACE a chip offers and which of it to try first (Doc 9303-11 sections 4.4.3, 9.2.1 to 9.2.4).

Owns the reading of PACEInfo together with PACEDomainParameterInfo, and the order of preference:
AES before 3DES; groups of at least 112 bits before deprecated ones; chip authentication mapping before
generic before integrated; the stronger group; the longer key; then the chip's own order. What cannot be
spoken is refused with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from card_io.emrtd.domain_parameters import parse_algorithm
from card_io.errors import CardError, MalformedCardData, ProtocolUnsupported
from card_io.lds.index import expect_tag
from card_io.lds.security_infos import ID_PACE, PaceInfo, SecurityInfos, oid_der
from card_io.tlv import Tlv
from crypto.domains import DOMAINS, DhDomain, Domain, EcDomain
from crypto.primitives import Cipher

MAX_OFFERS = 32  # a real EF.CardAccess holds one to four
_SET, _SEQUENCE, _OID, _INTEGER = 0x31, 0x30, 0x06, 0x02
_VERSION = 2
_SOUND = 112  # bits of security below which a group is deprecated
_RESERVED = 32  # ids below are standardised or reserved, others are the issuer's own
# For a PACEInfo that names no parameters at all (dmrtd #43): the groups met most, tried in this order.
_GUESSES: Mapping[str, tuple[int, ...]] = MappingProxyType({"ECDH": (13, 12), "DH": (2, 1)})


class MappingKind(StrEnum):
    """How the nonce becomes a generator (Doc 9303-11 section 4.4.3.3)."""

    GENERIC = "GM"
    INTEGRATED = "IM"
    CHIP_AUTHENTICATION = "CAM"


class Refusal(StrEnum):
    """Why an offer is not spoken."""

    PROTOCOL_UNKNOWN = "PROTOCOL_UNKNOWN"
    """The object identifier is not one of PACE version 2."""
    VERSION_UNKNOWN = "VERSION_UNKNOWN"
    """The version is not 2."""
    PARAMETERS_RESERVED = "PARAMETERS_RESERVED"
    """The parameter id is reserved and nothing describes it."""
    PARAMETERS_FOREIGN = "PARAMETERS_FOREIGN"
    """Parameters are spelled out but equal no standardised group, or are broken."""
    PARAMETERS_UNFIT = "PARAMETERS_UNFIT"
    """The group does not go with the protocol: a curve for DH, P-224 for the integrated mapping."""


_BRANCHES: Mapping[int, tuple[str, MappingKind]] = MappingProxyType(
    {
        1: ("DH", MappingKind.GENERIC),
        2: ("ECDH", MappingKind.GENERIC),
        3: ("DH", MappingKind.INTEGRATED),
        4: ("ECDH", MappingKind.INTEGRATED),
        6: ("ECDH", MappingKind.CHIP_AUTHENTICATION),
    }
)
_CIPHERS = {1: Cipher.TDES, 2: Cipher.AES128, 3: Cipher.AES192, 4: Cipher.AES256}
_PREFERENCE = (MappingKind.CHIP_AUTHENTICATION, MappingKind.GENERIC, MappingKind.INTEGRATED)


@dataclass(frozen=True)
class Suite:
    """One PACE protocol this terminal speaks, with its domain parameters.

    `parameter_id` is what MSE:Set AT names in object 84, None where the chip gave no id; `alone`: the chip
    offers this protocol with one group only, so object 84 may be left out.
    """

    oid: str
    parameter_id: int | None
    cipher: Cipher
    domain: Domain
    mapping: MappingKind = MappingKind.GENERIC
    alone: bool = True

    @property
    def name(self) -> str:
        """E.g. PACE-ECDH-GM-AES-128."""
        return f"PACE-{self.domain.kind}-{self.mapping}-{self.cipher.label}"


@dataclass(frozen=True)
class DomainParameters:
    """A PACEDomainParameterInfo: its protocol without cipher, its group (None: refused) and id."""

    oid: str
    domain: Domain | None
    parameter_id: int | None = None


def read_offers(card_access: bytes) -> tuple[Suite, ...]:
    """The suites of EF.CardAccess that can be spoken, best first.

    MalformedCardData if the file is broken, ProtocolUnsupported (with the reasons) if nothing is left.
    """
    infos = SecurityInfos.parse(card_access).pace
    return rank(infos, _domain_parameters(card_access))


def choose(infos: Iterable[PaceInfo], parameters: Iterable[DomainParameters] = ()) -> Suite:
    """The best suite; ProtocolUnsupported if there is none."""
    return rank(infos, parameters)[0]


def rank(infos: Iterable[PaceInfo], parameters: Iterable[DomainParameters] = ()) -> tuple[Suite, ...]:
    """All suites that can be spoken, best first; ProtocolUnsupported if there is none."""
    described = tuple(parameters)
    suites: list[Suite] = []
    reasons: list[str] = []
    for info in tuple(infos)[:MAX_OFFERS]:
        found = _suites(info, described)
        if isinstance(found, Refusal):
            reasons.append(f"{info.oid}: {found}")
        else:
            suites.extend(found)
    if not suites:
        raise ProtocolUnsupported("no PACE that can be spoken: " + ("; ".join(reasons) or "none offered"))
    return tuple(sorted((_marked(suite, suites) for suite in dict.fromkeys(suites)), key=_preference))


def _preference(suite: Suite) -> tuple[bool, bool, int, int, int]:
    return (
        suite.cipher is Cipher.TDES,
        suite.domain.strength < _SOUND,
        _PREFERENCE.index(suite.mapping),
        -suite.domain.strength,
        -suite.cipher.key_length,
    )


def _marked(suite: Suite, suites: list[Suite]) -> Suite:
    groups = {other.domain.name for other in suites if other.oid == suite.oid}
    alone = len(groups) == 1
    return Suite(suite.oid, suite.parameter_id, suite.cipher, suite.domain, suite.mapping, alone)


def _suites(info: PaceInfo, described: tuple[DomainParameters, ...]) -> tuple[Suite, ...] | Refusal:
    """The suites one PACEInfo means: one, or guesses if it names no parameters."""
    family, _, cipher_id = info.oid.rpartition(".")
    root, _, branch_id = family.rpartition(".")
    branch = _BRANCHES.get(int(branch_id)) if root == ID_PACE else None
    cipher = _CIPHERS.get(int(cipher_id))
    if branch is None or cipher is None or (branch[1] is _PREFERENCE[0] and cipher is Cipher.TDES):
        return Refusal.PROTOCOL_UNKNOWN
    if info.version != _VERSION:
        return Refusal.VERSION_UNKNOWN
    kind, mapping = branch
    domains = _domains(info.parameter_id, kind, family, described)
    if isinstance(domains, Refusal):
        return domains
    fitting = [domain for domain in domains if _fits(domain, kind, mapping)]
    if not fitting:
        return Refusal.PARAMETERS_UNFIT
    return tuple(Suite(info.oid, info.parameter_id, cipher, domain, mapping) for domain in fitting)


def _domains(
    number: int | None, kind: str, family: str, described: tuple[DomainParameters, ...]
) -> tuple[Domain, ...] | Refusal:
    """Groups for a parameter id: standardised, else described in EF.CardAccess, else guessed."""
    if number is not None and number in DOMAINS:
        return (DOMAINS[number],)
    matching = [item for item in described if item.oid == family and number in (None, item.parameter_id)]
    known = tuple(item.domain for item in matching if item.domain is not None)
    if known:
        return known
    if matching:
        return Refusal.PARAMETERS_FOREIGN
    if number is not None:
        return Refusal.PARAMETERS_RESERVED if 0 <= number < _RESERVED else Refusal.PARAMETERS_FOREIGN
    return tuple(DOMAINS[guess] for guess in _GUESSES[kind])


def _fits(domain: Domain, kind: str, mapping: MappingKind) -> bool:
    """Whether the group is of the kind, and has the integrated mapping if that is asked for."""
    usable = mapping is not MappingKind.INTEGRATED or isinstance(domain, DhDomain) or domain.modulus % 4 == 3
    return domain.kind == kind and usable and isinstance(domain, DhDomain | EcDomain)


def _domain_parameters(card_access: bytes) -> tuple[DomainParameters, ...]:
    """The PACEDomainParameterInfos among the security infos."""
    families = {oid_der(f"{ID_PACE}.{branch}"): f"{ID_PACE}.{branch}" for branch in _BRANCHES}
    found = []
    for info in expect_tag(card_access, _SET).children()[:MAX_OFFERS]:
        parts = info.children() if info.tag == _SEQUENCE else ()
        if len(parts) >= 2 and bytes(parts[0]) in families:
            found.append(_described(families[bytes(parts[0])], parts))
    return tuple(found)


def _described(family: str, parts: tuple[Tlv, ...]) -> DomainParameters:
    number = None
    if len(parts) > 2 and parts[2].tag == _INTEGER:
        if not 0 < len(parts[2].value) <= 8:
            raise MalformedCardData("id of domain parameters is not a number")
        number = int.from_bytes(parts[2].value, "big", signed=True)
    try:
        return DomainParameters(family, parse_algorithm(parts[1]), number)
    except CardError:
        return DomainParameters(family, None, number)
