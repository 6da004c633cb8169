"""X.509 certificates of travel documents, read leniently and eagerly (Doc 9303-12 7, RFC 5280 4).

Old profiles and odd serials must parse; what they lack is None. Whether a certificate may be believed is
`crypto.trust`'s question. Original bytes of the signed part are kept: nothing is verified over a re-encoding.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from asn1crypto import core, x509

from crypto.certificates.asn1 import (
    Element,
    check_nesting,
    elements,
    load,
    outside_bytes,
    sequence,
    single,
    utc,
)
from crypto.certificates.keys import (
    PublicKey,
    SignatureAlgorithm,
    VerificationKey,
    load_public_key,
    load_verification_key,
    verify_signature,
)
from crypto.certificates.names import dotted, read_name
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
_PAIRS = re.compile("..")
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
    def parse(cls, content: bytes | None) -> Extensions:
        """From what is inside an Extensions field, None without one; one given twice is malformed (RFC 5280
        4.2). By hand: asn1crypto would judge every value.
        """
        values: dict[str, bytes] = {}
        critical: set[str] = set()
        for entry in elements(content or b"", _WHAT):
            name, *flag, value = sequence(entry.encoded, _WHAT)
            if name.identifier != 0x06 or (flag and flag[0].identifier != 0x01):
                raise MalformedData("extension without a name")
            oid = dotted(name.content)
            if oid in values:
                raise MalformedData(f"extension {oid} given twice")
            values[oid] = _octets(value)
            if flag and flag[0].content != b"\x00":
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


def _parse(der: bytes) -> Certificate:
    check_nesting(der, _WHAT)
    outer = sequence(der, _WHAT)
    if [item.identifier for item in outer] != [0x30, 0x30, 0x03]:
        raise MalformedData("certificate: not three parts")
    serial, _algorithm, issuer_name, validity, subject_name, spki, *rest = _body(outer[0].encoded)
    if serial.identifier != 0x02 or not serial.content:
        raise MalformedData("certificate: no serial number")
    first, last = sequence(validity.encoded, _WHAT)
    extensions = Extensions.parse(_extensions(rest))
    subject, issuer = read_name(subject_name.encoded), read_name(issuer_name.encoded)
    return Certificate(
        der=der,
        subject=subject.text,
        issuer=issuer.text,
        subject_der=subject_name.encoded,
        issuer_der=issuer_name.encoded,
        subject_name=subject.normal,
        issuer_name=issuer.normal,
        country=subject.country,
        issuer_country=issuer.country,
        serial=int.from_bytes(serial.content, "big", signed=True),
        not_before=_time(first),
        not_after=_time(last),
        spki_der=spki.encoded,
        tbs=outer[0].encoded,
        signature_algorithm=outer[1].encoded,
        signature=_bits(outer[2]),
        critical_unknown=extensions.critical - _UNDERSTOOD,
        **_extension_fields(extensions),
    )


def _octets(item: Element) -> bytes:
    """An OCTET STRING, whole or (BER) in pieces."""
    if item.identifier == 0x04:
        return item.content
    value: bytes = core.OctetString.load(item.encoded, strict=True).native
    return value


def _extensions(rest: list[Element]) -> bytes | None:
    """What is inside the Extensions field, None without one."""
    for item in rest:
        if item.identifier == 0xA3:
            return single(item.content, 0x30, _WHAT).content
    return None


def _time(item: Element) -> datetime:
    """X.509 Time; the one form of each kind that profiles allow is read here, others by asn1crypto."""
    digits = item.content[:-1]
    if item.content[-1:] == b"Z" and digits.isdigit():
        text = digits.decode("ascii")
        if (item.identifier, len(text)) == (0x17, 12):  # RFC 5280 4.1.2.5.1: 50 to 99 are 1950 to 1999
            text = ("20" if text < "50" else "19") + text
        if len(text) == 14 and item.identifier in (0x17, 0x18):
            year, month, day, hour, minute, second = map(int, (text[:4], *_PAIRS.findall(text, 4)))
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return utc(load(x509.Time, item.encoded, _WHAT).chosen.native, _WHAT)


def _bits(item: Element) -> bytes:
    """The octets of a BIT STRING."""
    if item.content[:1] == b"\x00":
        return item.content[1:]
    value: bytes = load(core.OctetBitString, item.encoded, _WHAT).native
    return value


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


def _body(tbs: bytes) -> list[Element]:
    """Fields of the TBSCertificate from the serial number on."""
    fields = elements(single(tbs, 0x30, _WHAT).content, _WHAT)
    if fields and fields[0].identifier == 0xA0:
        fields = fields[1:]
    return fields


def _inner_algorithm(tbs: bytes) -> SignatureAlgorithm:
    return SignatureAlgorithm.parse(_body(tbs)[1].encoded)
