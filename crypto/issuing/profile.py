"""The certificate profiles of Doc 9303-12 7.1 as rules: what a certificate we issue may not break.

One table says which extension each kind must, may or must not have, and which are critical; the rest are
single rules on names, times, keys and values. Reading other states' certificates is more lenient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from asn1crypto import core, x509

from crypto.certificates import Certificate
from crypto.certificates import certificate as profile
from crypto.certificates.asn1 import elements, outside_bytes, sequence, single
from crypto.errors import PolicyRefused


class Role(StrEnum):
    """The columns of the table."""

    CSCA = "CSCA"
    LINK = "CSCA link"
    DOCUMENT_SIGNER = "document signer"
    LIST_SIGNER = "list signer"
    SEAL_SIGNER = "bar code signer"


# Doc 9303-12 7.1: m mandatory, o optional, x forbidden; C critical. Order of the columns as in `Role`.
# What the bar code signer's own list does not name is forbidden there (7.1.3).
EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        profile.AUTHORITY_KEY_ID: "o m m m m",
        profile.SUBJECT_KEY_ID: "m m o o x",
        profile.KEY_USAGE: "mC mC mC mC x",
        profile.PRIVATE_KEY_USAGE: "m m m o x",
        profile.SUBJECT_ALT_NAME: "m m m m x",
        profile.ISSUER_ALT_NAME: "m m m m x",
        profile.BASIC_CONSTRAINTS: "mC mC x x x",
        profile.EXTENDED_KEY_USAGE: "x x x mC mC",
        profile.CRL_DISTRIBUTION: "m m m m x",
        profile.NAME_CHANGE: "o o x x x",
        profile.DOCUMENT_TYPE: "x x m x o",
        "2.5.29.32": "o o o o x",  # certificate policies
        "1.3.6.1.5.5.7.1.1": "o o o o x",  # authority information access
        "2.5.29.33": "x x x x x",  # policy mappings
        "2.5.29.30": "x x x x x",  # name constraints
        "2.5.29.36": "x x x x x",  # policy constraints
        "2.5.29.9": "x x x x x",  # subject directory attributes
        "2.5.29.46": "x x x x x",  # freshest CRL
        "2.16.840.1.113730.1.1": "x x x x x",  # Netscape certificate type
    }
)
_PURPOSES = MappingProxyType(
    {
        Role.LIST_SIGNER: {profile.MASTER_LIST_SIGNER, profile.DEVIATION_LIST_SIGNER},
        Role.SEAL_SIGNER: {profile.SEAL_SIGNER},
    }
)
_AUTHORITIES = (Role.CSCA, Role.LINK)
_KEY_USAGE = MappingProxyType({True: bytes.fromhex("03020106"), False: bytes.fromhex("03020780")})
_UTC, _GENERAL = re.compile(rb"\d{12}Z"), re.compile(rb"20[5-9]\d{11}Z|2[1-9]\d{12}Z")
_COUNTRY, _COMMON_NAME = "2.5.4.6", "2.5.4.3"
_PRINTABLE_OR_UTF8 = (0x13, 0x0C)
MAX_SERIAL_OCTETS = 20


@dataclass(frozen=True)
class _Parts:
    """A certificate as the rules look at it."""

    certificate: Certificate
    role: Role
    named_curves: bool
    body: list[Any]
    """Elements of the TBSCertificate."""
    extensions: Mapping[str, tuple[bool, bytes]]
    """Critical, and the value."""
    defaults_encoded: bool


def violations(certificate: Certificate, role: Role, *, named_curves: bool = False) -> tuple[str, ...]:
    """Every rule of the profile that the certificate breaks, in words; () when it is sound.

    `named_curves`: the lab's own profile for programs that refuse explicit EC parameters in a chain.
    """
    with outside_bytes("certificate"):
        parts = _parts(certificate, role, named_curves)
        return tuple(problem for rule in RULES for problem in rule(parts))


def require_profile(certificate: Certificate, role: Role, *, named_curves: bool = False) -> None:
    """Raises PolicyRefused unless the certificate follows its profile."""
    found = violations(certificate, role, named_curves=named_curves)
    if found:
        raise PolicyRefused(f"{role}: {'; '.join(found)}")


def _parts(certificate: Certificate, role: Role, named_curves: bool) -> _Parts:
    body = sequence(certificate.tbs, "certificate")
    found: dict[str, tuple[bool, bytes]] = {}
    defaults = False
    for wrapper in (item for item in body if item.identifier == 0xA3):
        for entry in sequence(wrapper.content, "extensions"):
            name, *flag, value = sequence(entry.encoded, "extension")
            defaults = defaults or bool(flag and flag[0].content == b"\x00")
            critical = bool(flag and flag[0].content == b"\xff")
            found[core.ObjectIdentifier.load(name.encoded).dotted] = (critical, value.content)
    return _Parts(certificate, role, named_curves, body, found, defaults)


def _version_and_serial(parts: _Parts) -> Iterator[str]:
    first, serial = parts.body[0], parts.body[1]
    if first.encoded != bytes.fromhex("a003020102"):
        yield "version is not 3"
    if parts.certificate.serial < 1 or len(serial.content) > MAX_SERIAL_OCTETS:
        yield "serial number is not positive or longer than 20 octets"
    if any(item.identifier in (0x81, 0x82, 0xA1, 0xA2) for item in parts.body):
        yield "unique identifiers are present"
    if parts.defaults_encoded:
        yield "a default value is encoded"


def _algorithms(parts: _Parts) -> Iterator[str]:
    if parts.body[2].encoded != parts.certificate.signature_algorithm:
        yield "two signature algorithms"
    if bytes.fromhex("2b0e03021a") in parts.certificate.signature_algorithm or (
        parts.certificate.signature_algorithm.endswith(bytes.fromhex("2a864886f70d0101050500"))
    ):
        yield "signed with SHA-1"


def _times(parts: _Parts) -> Iterator[str]:
    for moment in elements(parts.body[4].content, "validity"):
        utc = moment.identifier == 0x17 and _UTC.fullmatch(moment.content)
        general = moment.identifier == 0x18 and _GENERAL.fullmatch(moment.content)
        if not utc and not general:
            yield "a time is not UTCTime to 2049 or GeneralizedTime from 2050, in seconds and Z"


def _names(parts: _Parts) -> Iterator[str]:
    countries = []
    for place, name in (("issuer", parts.body[3]), ("subject", parts.body[5])):
        found = dict(_attributes(name.content))
        if _COUNTRY not in found or _COMMON_NAME not in found:
            yield f"{place} lacks country or common name"
            continue
        kind, country = found[_COUNTRY]
        countries.append(country)
        if kind != 0x13 or not re.fullmatch(rb"[A-Z]{2}", country):
            yield f"{place} country is not two upper-case letters in PrintableString"
        if any(kind not in _PRINTABLE_OR_UTF8 for kind, _ in found.values()):
            yield f"{place} has a string that is neither PrintableString nor UTF8String"
    if len(set(countries)) > 1:
        yield "issuer and subject have different countries"


def _attributes(name: bytes) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for group in elements(name, "name"):
        for pair in elements(group.content, "name"):
            kind, value = sequence(pair.encoded, "name")
            yield core.ObjectIdentifier.load(kind.encoded).dotted, (value.identifier, value.content)


def _key(parts: _Parts) -> Iterator[str]:
    algorithm, bits = sequence(parts.body[6].encoded, "public key")
    oid, *parameters = sequence(algorithm.encoded, "public key")
    if core.ObjectIdentifier.load(oid.encoded).dotted != "1.2.840.10045.2.1":
        if parts.role is Role.SEAL_SIGNER:
            yield "the key of a seal signer is not EC"
        return
    if bits.content[1:2] != b"\x04":
        yield "the public point is compressed"
    if parts.named_curves:
        return
    if parameters[0].identifier != 0x30:
        yield "EC parameters are named, not explicit"
        return
    fields = sequence(parameters[0].encoded, "EC parameters")
    if len(fields) != 6:
        yield "EC parameters lack the cofactor"
    elif fields[3].content[:1] != b"\x04":
        yield "the base point is compressed"


def _table(parts: _Parts) -> Iterator[str]:
    column = list(Role).index(parts.role)
    for oid, row in EXTENSIONS.items():
        wanted = row.split()[column]
        if oid not in parts.extensions:
            if wanted[0] == "m":
                yield f"extension {oid} is missing"
            continue
        if wanted[0] == "x":
            yield f"extension {oid} is forbidden"
        elif parts.extensions[oid][0] != wanted.endswith("C"):
            yield f"extension {oid} is{' not' if wanted.endswith('C') else ''} critical"
    for oid in set(parts.extensions) - set(EXTENSIONS):
        yield f"extension {oid} is not of the profile"


def _usage(parts: _Parts) -> Iterator[str]:
    authority = parts.role in _AUTHORITIES
    _, usage = parts.extensions.get(profile.KEY_USAGE, (True, _KEY_USAGE[authority]))
    if usage != _KEY_USAGE[authority]:
        yield "key usage is not that of its kind"
    _, constraints = parts.extensions.get(profile.BASIC_CONSTRAINTS, (True, b""))
    if authority and constraints != bytes.fromhex("30060101ff020100"):
        yield "basic constraints are not a CA with path length 0"
    purposes = parts.certificate.extended_key_usage
    allowed = _PURPOSES.get(parts.role)
    if allowed and purposes is not None and (len(purposes) != 1 or not purposes <= allowed):
        yield "extended key usage is not that of its kind"


def _period(parts: _Parts) -> Iterator[str]:
    """Doc 9303-12 7.1 and table 1: both ends, within the certificate's validity."""
    if profile.PRIVATE_KEY_USAGE not in parts.extensions:
        return
    first, last = parts.certificate.private_key_usage or (None, None)
    if first is None or last is None or first > last:
        yield "private key usage period is not two times in order"
    elif first < parts.certificate.not_before or last > parts.certificate.not_after:
        yield "private key usage period is not within the validity"


def _places(parts: _Parts) -> Iterator[str]:
    for oid in (profile.SUBJECT_ALT_NAME, profile.ISSUER_ALT_NAME):
        if oid not in parts.extensions:
            continue
        codes = [
            pair["value"].native
            for name in x509.GeneralNames.load(parts.extensions[oid][1])
            if name.name == "directory_name"
            for rdn in name.chosen.chosen
            for pair in rdn
            if pair["type"].native == "locality_name"
        ]
        if not codes or not all(re.fullmatch(r"[A-Z]{1,3}", code) for code in codes):
            yield f"extension {oid} names no directory with the state's code"
    if profile.CRL_DISTRIBUTION in parts.extensions:
        points = x509.CRLDistributionPoints.load(parts.extensions[profile.CRL_DISTRIBUTION][1])
        if not any(item["distribution_point"].native for item in points):
            yield "CRL distribution points name no place"


def _document_types(parts: _Parts) -> Iterator[str]:
    if profile.DOCUMENT_TYPE not in parts.extensions:
        return
    version, types = sequence(parts.extensions[profile.DOCUMENT_TYPE][1], "document types")
    if version.encoded != b"\x02\x01\x00":
        yield "version of the document types is not 0"
    entries = elements(single(types.encoded, 0x31, "document types").content, "document types")
    if not entries or any(
        item.identifier != 0x13 or not re.fullmatch(rb"[A-Z][A-Z0-9<]?", item.content) for item in entries
    ):
        yield "document types are not strings of one or two characters"


def _key_names(parts: _Parts) -> Iterator[str]:
    found = parts.certificate
    if profile.SUBJECT_KEY_ID in parts.extensions and not found.subject_key_id:
        yield "subject key identifier is empty"
    if profile.AUTHORITY_KEY_ID in parts.extensions and not found.authority_key_id:
        yield "authority key identifier holds no key identifier"
    if parts.role is Role.CSCA and found.authority_key_id not in (None, found.subject_key_id):
        yield "authority key identifier of a root is not its own"


def _role_of_names(parts: _Parts) -> Iterator[str]:
    """Link certificates tell of a new name; a bar code signer is called by two letters (7.1.3)."""
    same = parts.certificate.subject_name == parts.certificate.issuer_name
    if parts.role is Role.CSCA and not same:
        yield "subject and issuer of a root differ"
    if parts.role is Role.LINK and (profile.NAME_CHANGE in parts.extensions) == same:
        yield "name change does not say what happened to the name"
    if profile.NAME_CHANGE in parts.extensions and parts.extensions[profile.NAME_CHANGE][1] != b"\x05\x00":
        yield "name change is not NULL"
    if parts.role is Role.SEAL_SIGNER:
        found = list(_attributes(parts.body[5].content))
        if [oid for oid, _ in found] != [_COUNTRY, _COMMON_NAME]:
            yield "a bar code signer's name is not country and common name"
        elif not re.fullmatch(rb"[A-Z]{2}", found[1][1][1]):
            yield "a bar code signer's common name is not two upper-case letters"


RULES: tuple[Callable[[_Parts], Iterator[str]], ...] = (
    _version_and_serial,
    _algorithms,
    _times,
    _names,
    _key,
    _table,
    _usage,
    _period,
    _places,
    _document_types,
    _key_names,
    _role_of_names,
)
