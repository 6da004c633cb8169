"""X.509 certificates of travel documents, read leniently and eagerly (Doc 9303-12 7, RFC 5280 4).

Old profiles and odd serials must parse; what they lack is None. Whether a certificate may be believed is
`crypto.trust`'s question. Original bytes of the signed part are kept: nothing is verified over a re-encoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from asn1crypto import core, x509

from crypto.certificates.asn1 import elements, load, outside_bytes, sequence, single, utc
from crypto.certificates.keys import (
    PublicKey,
    SignatureAlgorithm,
    VerificationKey,
    load_public_key,
    load_verification_key,
    verify_signature,
)
from crypto.errors import MalformedData, SignatureInvalid

_WHAT = "certificate"

SUBJECT_KEY_ID = "2.5.29.14"
KEY_USAGE = "2.5.29.15"
PRIVATE_KEY_USAGE = "2.5.29.16"
SUBJECT_ALT_NAME = "2.5.29.17"
ISSUER_ALT_NAME = "2.5.29.18"
BASIC_CONSTRAINTS = "2.5.29.19"
CRL_DISTRIBUTION = "2.5.29.31"
AUTHORITY_KEY_ID = "2.5.29.35"
EXTENDED_KEY_USAGE = "2.5.29.37"
NAME_CHANGE = "2.23.136.1.1.6.1"
DOCUMENT_TYPE = "2.23.136.1.1.6.2"
# Purposes in ExtKeyUsage, Doc 9303-12 7.1
MASTER_LIST_SIGNER = "2.23.136.1.1.3"
DEVIATION_LIST_SIGNER = "2.23.136.1.1.8"
SEAL_SIGNER = "2.23.136.1.1.11.1"
_UNDERSTOOD = frozenset(
    {
        SUBJECT_KEY_ID,
        KEY_USAGE,
        PRIVATE_KEY_USAGE,
        SUBJECT_ALT_NAME,
        ISSUER_ALT_NAME,
        BASIC_CONSTRAINTS,
        CRL_DISTRIBUTION,
        AUTHORITY_KEY_ID,
        EXTENDED_KEY_USAGE,
        NAME_CHANGE,
        DOCUMENT_TYPE,
    }
)
_SHORT = {
    "country_name": "C",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "common_name": "CN",
    "serial_number": "serialNumber",
    "locality_name": "L",
    "state_or_province_name": "ST",
}

PrivateKeyUsage = tuple[datetime | None, datetime | None]


class _DocumentTypes(core.SetOf):  # type: ignore[misc]
    _child_spec = core.PrintableString


class DocumentTypeList(core.Sequence):  # type: ignore[misc]
    """Doc 9303-12 7.1: SEQUENCE { version 0, SET OF PrintableString (1..2) }."""

    _fields: ClassVar = [("version", core.Integer), ("types", _DocumentTypes)]


@dataclass(frozen=True)
class Extensions:
    """Extension values by dotted OID, and which are critical."""

    values: Mapping[str, bytes]
    critical: frozenset[str]

    @classmethod
    def parse(cls, entries: Any) -> Extensions:
        """From a parsed Extensions field, absent or not; a repeated extension is malformed (RFC 5280 4.2)."""
        if isinstance(entries, core.Void):
            return cls({}, frozenset())
        values: dict[str, bytes] = {}
        critical: set[str] = set()
        for entry in elements(entries.contents, _WHAT):  # by hand: asn1crypto would judge every value
            name, *flag, value = sequence(entry.encoded, _WHAT)
            oid: str = core.ObjectIdentifier.load(name.encoded).dotted
            if oid in values:
                raise MalformedData(f"extension {oid} given twice")
            values[oid] = core.OctetString.load(value.encoded, strict=True).native
            if flag and core.Boolean.load(flag[0].encoded).native:
                critical.add(oid)
        return cls(values, frozenset(critical))

    def load(self, oid: str, spec: Any) -> Any | None:
        """The value of one extension parsed as `spec`; None when absent. What follows it is ignored."""
        if oid not in self.values:
            return None
        what = f"extension {oid}"
        first, *_ = elements(self.values[oid], what) or (None,)
        if first is None:
            raise MalformedData(f"{what} is empty")
        return load(spec, first.encoded, what)

    def load_if_sound(self, oid: str, spec: Any) -> Any | None:
        """As `load`; None also when broken. For what only helps: signatures prove what identifiers claim."""
        try:
            with outside_bytes(f"extension {oid}"):
                value = self.load(oid, spec)
                if value is not None:
                    value.native  # noqa: B018 - parsed lazily: what is broken shows here
                return value
        except MalformedData:
            return None


@dataclass(frozen=True)
class Certificate:
    """One certificate. Times are UTC, names readable text (`subject`) and raw DER (`subject_der`).

    Two certificates are equal when their bytes are. What an absent extension would tell is None.
    """

    der: bytes = field(repr=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    subject_der: bytes = field(compare=False, repr=False)
    issuer_der: bytes = field(compare=False, repr=False)
    subject_name: str = field(compare=False, repr=False)
    """Normalised for comparison: letter case, white space and the order of attributes do not matter."""
    issuer_name: str = field(compare=False, repr=False)
    country: str = field(compare=False)
    """Subject country, upper case, "" when absent."""
    issuer_country: str = field(compare=False, repr=False)
    serial: int = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    subject_key_id: bytes | None = field(compare=False, repr=False)
    authority_key_id: bytes | None = field(compare=False, repr=False)
    is_ca: bool = field(compare=False)
    key_usage: frozenset[str] | None = field(compare=False, repr=False)
    """Names as "digital_signature", "key_cert_sign", "crl_sign"."""
    extended_key_usage: frozenset[str] | None = field(compare=False, repr=False)
    """Dotted OIDs."""
    private_key_usage: PrivateKeyUsage | None = field(compare=False, repr=False)
    document_types: frozenset[str] | None = field(compare=False, repr=False)
    critical_unknown: frozenset[str] = field(compare=False, repr=False)
    spki_der: bytes = field(compare=False, repr=False)
    tbs: bytes = field(compare=False, repr=False)
    signature_algorithm: bytes = field(compare=False, repr=False)
    signature: bytes = field(compare=False, repr=False)

    @classmethod
    def parse(cls, der: bytes) -> Certificate:
        """From DER (BER tolerated); MalformedData when it is not a certificate."""
        with outside_bytes(_WHAT):
            return _parse(der)

    @cached_property
    def public_key(self) -> PublicKey:
        """The key object; UnsupportedAlgorithm or MalformedData when it cannot be used."""
        return load_public_key(self.spki_der)

    @cached_property
    def verification_key(self) -> VerificationKey:
        """The key to verify with, on more curves than `public_key`; the same errors."""
        return load_verification_key(self.spki_der)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole certificate, lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def self_issued(self) -> bool:
        """Subject and issuer name are the same (true for roots and most link certificates)."""
        return self.subject_name == self.issuer_name

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Raises SignatureInvalid or UnsupportedAlgorithm unless the key of `issuer` made the signature."""
        algorithm = SignatureAlgorithm.parse(self.signature_algorithm)
        if _inner_algorithm(self.tbs) != algorithm:
            raise SignatureInvalid("the certificate names two signature algorithms")
        verify_signature(issuer.verification_key, algorithm, self.signature, self.tbs)


def name_text(name: Any) -> str:
    """A parsed Name in its own order, such as "C=KZ, O=…, CN=…"."""
    parts = [
        f"{_SHORT.get(pair['type'].native, pair['type'].native)}={pair['value'].native}"
        for rdn in name.chosen
        for pair in rdn
    ]
    return ", ".join(parts)


def normal_name(name: Any) -> str:
    """A parsed Name for comparison (RFC 5280 7.1), blind to the order of attributes (it varies)."""
    try:
        return "\x1e".join(sorted(rdn.hashable for rdn in name.chosen))
    except UnicodeError:  # characters that no name may hold: such a name equals its own bytes only
        return bytes(name.dump()).hex()


def names_country(name: Any) -> str:
    """Country of a parsed Name in upper case, "" when it has none (old certificates use lower case)."""
    for rdn in name.chosen:
        for pair in rdn:
            if pair["type"].native == "country_name":
                return str(pair["value"].native).upper()
    return ""


def _parse(der: bytes) -> Certificate:
    parsed = load(x509.Certificate, der, _WHAT)
    outer = sequence(der, _WHAT)
    if len(outer) != 3:
        raise MalformedData("certificate: not three parts")
    body = parsed["tbs_certificate"]
    extensions = Extensions.parse(body["extensions"])
    subject, issuer = body["subject"], body["issuer"]
    return Certificate(
        der=der,
        subject=name_text(subject),
        issuer=name_text(issuer),
        subject_der=bytes(subject.dump()),
        issuer_der=bytes(issuer.dump()),
        subject_name=normal_name(subject),
        issuer_name=normal_name(issuer),
        country=names_country(subject),
        issuer_country=names_country(issuer),
        serial=body["serial_number"].native,
        not_before=utc(body["validity"]["not_before"].chosen.native, _WHAT),
        not_after=utc(body["validity"]["not_after"].chosen.native, _WHAT),
        spki_der=_spki(outer[0].encoded),
        tbs=outer[0].encoded,
        signature_algorithm=outer[1].encoded,
        signature=parsed["signature_value"].native,
        critical_unknown=extensions.critical - _UNDERSTOOD,
        **_extension_fields(extensions),
    )


def _extension_fields(extensions: Extensions) -> dict[str, Any]:
    subject_key = extensions.load_if_sound(SUBJECT_KEY_ID, core.OctetString)
    authority = extensions.load_if_sound(AUTHORITY_KEY_ID, x509.AuthorityKeyIdentifier)
    constraints = extensions.load(BASIC_CONSTRAINTS, x509.BasicConstraints)
    usage = extensions.load(KEY_USAGE, x509.KeyUsage)
    purposes = extensions.load(EXTENDED_KEY_USAGE, x509.ExtKeyUsageSyntax)
    types = extensions.load(DOCUMENT_TYPE, DocumentTypeList)
    return {
        "subject_key_id": None if subject_key is None else subject_key.native,
        "authority_key_id": None if authority is None else authority["key_identifier"].native,
        "is_ca": constraints is not None and bool(constraints["ca"].native),
        "key_usage": None if usage is None else frozenset(usage.native),
        "extended_key_usage": None if purposes is None else frozenset(item.dotted for item in purposes),
        "private_key_usage": _private_key_usage(extensions),
        "document_types": None if types is None else frozenset(item.native for item in types["types"]),
    }


def _private_key_usage(extensions: Extensions) -> PrivateKeyUsage | None:
    """RFC 5280 4.2.1.4 (old): [0] notBefore, [1] notAfter, each optional."""
    period = extensions.load_if_sound(PRIVATE_KEY_USAGE, x509.PrivateKeyUsagePeriod)
    if period is None:
        return None
    first, last = period["not_before"].native, period["not_after"].native
    return (
        None if first is None else utc(first, _WHAT),
        None if last is None else utc(last, _WHAT),
    )


def _body(tbs: bytes) -> list[bytes]:
    """Encoded fields of the TBSCertificate from the serial number on."""
    fields = elements(single(tbs, 0x30, _WHAT).content, _WHAT)
    if fields and fields[0].identifier == 0xA0:
        fields = fields[1:]
    return [item.encoded for item in fields]


def _inner_algorithm(tbs: bytes) -> SignatureAlgorithm:
    return SignatureAlgorithm.parse(_body(tbs)[1])


def _spki(tbs: bytes) -> bytes:
    return _body(tbs)[5]
