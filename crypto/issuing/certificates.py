"""Certificates by the profiles of Doc 9303-12 7.1 (eighth edition): CSCA, link, and the signers below.

EC keys are written with explicit parameters as the profile demands; names are PrintableString with an
upper-case country. Serial numbers, keys and (by RFC 6979) signatures follow from the injected randomness.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import core, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crypto.certificates import Certificate, PublicKey, SignatureAlgorithm
from crypto.certificates import certificate as profile
from crypto.certificates.asn1 import encode, encode_time, framed, sequence
from crypto.certificates.keys import explicit_public_key, library_curve
from crypto.ecmath import CURVES
from crypto.errors import PolicyRefused, UnsupportedAlgorithm
from crypto.signer import AnyKey, default_algorithm, public_key_of, sign_with

RandomBytes = Callable[[int], bytes]
_SERIAL_BYTES = 8
_SIGNER_ID, _REFERENCE = re.compile(r"[A-Z]{4}"), re.compile(r"[0-9A-Fa-f]{1,32}")
LAB_CRL_LOCATION = "http://pkd.lab.invalid/CRLs/{code}.crl"


@dataclass(frozen=True)
class Subject:
    """Name of a certificate: country alpha-2 upper case, common name, and the code as in the MRZ ("KAZ")."""

    country: str
    common_name: str
    code: str
    organization: str = ""
    crl_location: str = LAB_CRL_LOCATION
    """Where its CSCA publishes; {code} becomes the code."""

    def name(self) -> Any:
        """The X.501 name, PrintableString throughout; PolicyRefused for a country not in upper case."""
        if not (len(self.country) == 2 and self.country.isalpha() and self.country.isupper()):
            raise PolicyRefused("a country is two upper-case letters")
        parts = {"country_name": self.country, "common_name": self.common_name}
        if self.organization:
            parts["organization_name"] = self.organization
        return x509.Name.build(parts, use_printable=True)


@dataclass(frozen=True)
class Period:
    """Validity of a certificate, and how long its private key may sign (Doc 9303-12 table 1); aware UTC."""

    not_before: datetime
    not_after: datetime
    key_not_after: datetime


def generate_ec_key(curve: str, random: RandomBytes) -> ec.EllipticCurvePrivateKey:
    """A key on a curve by name; the scalar follows from `random` (bias below 2^-64, FIPS 186-5 A.2.1)."""
    parameters = CURVES[curve]
    seed = int.from_bytes(random((parameters.n.bit_length() + 7) // 8 + 8), "big")
    return ec.derive_private_key(seed % (parameters.n - 1) + 1, library_curve(parameters))


def random_serial(random: RandomBytes) -> int:
    """A positive serial number of at most 20 octets (Doc 9303-12 7.1)."""
    return (int.from_bytes(random(_SERIAL_BYTES), "big") & ~(1 << (8 * _SERIAL_BYTES - 1))) | 1 << 56


def build_csca(
    key: AnyKey,
    subject: Subject,
    period: Period,
    *,
    serial: int,
    algorithm: SignatureAlgorithm | None = None,
    explicit_parameters: bool = True,
) -> Certificate:
    """A self-signed country signing CA certificate (Doc 9303-12 7.1, column CSCA root)."""
    key_info = public_key_info(public_key_of(key), explicit_parameters)
    extensions = _authority_extensions(_key_id(key_info), key_info, subject, period)
    chosen = algorithm or default_algorithm(key)
    body = _tbs(serial, chosen, subject.name(), period, subject.name(), key_info, extensions)
    built = _sealed(body, chosen, key)
    built.verify_signed_by(built)
    return built


def build_link(
    old: Certificate, old_key: AnyKey, new: Certificate, subject: Subject, period: Period, *, serial: int
) -> Certificate:
    """The link certificate of a rollover: the new CSCA's name and key, signed by the old key (CSCA link).

    `subject` is the new CSCA's. Raises PolicyRefused when the country changes.
    """
    if new.country != old.country:
        raise PolicyRefused("a link certificate stays within its country")
    extensions = _authority_extensions(old.subject_key_id, new.spki_der, subject, period)
    if old.subject_name != new.subject_name:
        extensions.append(_extension(profile.NAME_CHANGE, core.Null()))
    algorithm = default_algorithm(old_key)
    issuer_name, name = x509.Name.load(old.subject_der), x509.Name.load(new.subject_der)
    body = _tbs(serial, algorithm, issuer_name, period, name, new.spki_der, extensions)
    built = _sealed(body, algorithm, old_key)
    built.verify_signed_by(old)
    return built


def build_document_signer(
    issuer: Certificate,
    issuer_key: AnyKey,
    public_key: PublicKey,
    subject: Subject,
    period: Period,
    *,
    serial: int,
    document_types: Collection[str],
    explicit_parameters: bool = True,
    usage: str = "digital_signature",
) -> Certificate:
    """A document signer certificate (Doc 9303-12 7.1, column DS) under `issuer`.

    Another `usage` than "digital_signature" breaks the profile: for test documents only. Raises PolicyRefused
    when the country is not the issuer's or the validity is not within the issuer's.
    """
    own = [
        _extension(profile.KEY_USAGE, x509.KeyUsage({usage}), critical=True),
        _document_types(document_types),
    ]
    key_info = public_key_info(public_key, explicit_parameters)
    return _under(issuer, issuer_key, key_info, subject, period, serial, own)


def build_list_signer(
    issuer: Certificate,
    issuer_key: AnyKey,
    public_key: PublicKey,
    subject: Subject,
    period: Period,
    *,
    serial: int,
    purpose: str,
    explicit_parameters: bool = True,
) -> Certificate:
    """A signer of master or deviation lists (Doc 9303-12 7.1); `purpose` is the dotted OID of its EKU.

    Raises PolicyRefused as `build_document_signer` does.
    """
    own = [
        _extension(profile.KEY_USAGE, x509.KeyUsage({"digital_signature"}), critical=True),
        _extension(profile.EXTENDED_KEY_USAGE, x509.ExtKeyUsageSyntax([purpose]), critical=True),
    ]
    key_info = public_key_info(public_key, explicit_parameters)
    return _under(issuer, issuer_key, key_info, subject, period, serial, own)


def build_seal_signer(
    issuer: Certificate,
    issuer_key: AnyKey,
    public_key: PublicKey,
    signer_id: str,
    reference: str,
    validity: tuple[datetime, datetime],
    *,
    document_types: Collection[str] = (),
    explicit_parameters: bool = True,
) -> Certificate:
    """A bar code signer (Doc 9303-12 7.1.3): `signer_id` of 4 letters and the hexadecimal `reference` are
    what the header of its seals says; `document_types`: whose zones it may seal, () for any. Raises
    PolicyRefused for other names, keys that are not EC, or a validity beyond the issuer's.
    """
    if not _SIGNER_ID.fullmatch(signer_id) or not _REFERENCE.fullmatch(reference) or int(reference, 16) < 1:
        raise PolicyRefused("a seal signer has four upper-case letters and a hexadecimal reference")
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise PolicyRefused("a seal is signed with ECDSA")
    subject = Subject(signer_id[:2], signer_id[2:], "")
    _require_below(issuer, subject.country, *validity)
    purpose = x509.ExtKeyUsageSyntax([profile.SEAL_SIGNER])
    extensions = [_authority_key(issuer), _extension(profile.EXTENDED_KEY_USAGE, purpose, critical=True)]
    if document_types:
        extensions.append(_document_types(document_types))
    algorithm, serial = default_algorithm(issuer_key), int(reference, 16)
    period = Period(*validity, key_not_after=validity[1])
    body = _tbs(
        serial,
        algorithm,
        x509.Name.load(issuer.subject_der),
        period,
        subject.name(),
        public_key_info(public_key, explicit_parameters),
        extensions,
    )
    built = _sealed(body, algorithm, issuer_key)
    built.verify_signed_by(issuer)
    return built


def _under(
    issuer: Certificate,
    issuer_key: AnyKey,
    key_info: bytes,
    subject: Subject,
    period: Period,
    serial: int,
    own: list[Any],
) -> Certificate:
    """A certificate below a CSCA: key identifiers, its own extensions, and what all profiles share."""
    _require_below(issuer, subject.country, period.not_before, period.not_after)
    extensions = [
        _authority_key(issuer),
        _extension(profile.SUBJECT_KEY_ID, core.OctetString(_key_id(key_info))),
        *own,
        *_common_extensions(subject, period),
    ]
    algorithm = default_algorithm(issuer_key)
    issuer_name = x509.Name.load(issuer.subject_der)
    body = _tbs(serial, algorithm, issuer_name, period, subject.name(), key_info, extensions)
    built = _sealed(body, algorithm, issuer_key)
    built.verify_signed_by(issuer)
    return built


def _require_below(issuer: Certificate, country: str, first: datetime, last: datetime) -> None:
    if country != issuer.country:
        raise PolicyRefused("a signer has the country of its CSCA")
    if first < issuer.not_before or last > issuer.not_after:
        raise PolicyRefused("a signer may not outlive its CSCA")


def _authority_key(issuer: Certificate) -> Any:
    value = x509.AuthorityKeyIdentifier({"key_identifier": issuer.subject_key_id})
    return _extension(profile.AUTHORITY_KEY_ID, value)


def _authority_extensions(
    authority_key_id: bytes | None, key_info: bytes, subject: Subject, period: Period
) -> list[Any]:
    """Extensions of CSCA root and link certificates."""
    constraints = x509.BasicConstraints({"ca": True, "path_len_constraint": 0})
    return [
        _extension(
            profile.AUTHORITY_KEY_ID, x509.AuthorityKeyIdentifier({"key_identifier": authority_key_id})
        ),
        _extension(profile.SUBJECT_KEY_ID, core.OctetString(_key_id(key_info))),
        _extension(profile.KEY_USAGE, x509.KeyUsage({"key_cert_sign", "crl_sign"}), critical=True),
        _extension(profile.BASIC_CONSTRAINTS, constraints, critical=True),
        *_common_extensions(subject, period),
    ]


def _common_extensions(subject: Subject, period: Period) -> list[Any]:
    usage = x509.PrivateKeyUsagePeriod(
        {
            "not_before": period.not_before.replace(microsecond=0),
            "not_after": period.key_not_after.replace(microsecond=0),
        }
    )
    location = subject.crl_location.format(code=subject.code)
    points = x509.CRLDistributionPoints(
        [
            {
                "distribution_point": x509.DistributionPointName(
                    name="full_name",
                    value=[x509.GeneralName(name="uniform_resource_identifier", value=location)],
                )
            }
        ]
    )
    return [
        _extension(profile.PRIVATE_KEY_USAGE, usage),
        _extension(profile.SUBJECT_ALT_NAME, _alternative_name(subject.code)),
        _extension(profile.ISSUER_ALT_NAME, _alternative_name(subject.code)),
        _extension(profile.CRL_DISTRIBUTION, points),
    ]


def _document_types(types: Collection[str]) -> Any:
    return _extension(profile.DOCUMENT_TYPE, profile.DocumentTypeList({"version": 0, "types": sorted(types)}))


def _alternative_name(code: str) -> Any:
    """directoryName with localityName = the code as in the MRZ (Doc 9303-12 7.1)."""
    name = x509.Name.build({"locality_name": code}, use_printable=True)
    return x509.GeneralNames([x509.GeneralName(name="directory_name", value=name)])


def _extension(oid: str, value: Any, *, critical: bool = False) -> Any:
    return x509.Extension(
        {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value.dump())}
    )


def _tbs(
    serial: int,
    algorithm: SignatureAlgorithm,
    issuer: Any,
    period: Period,
    subject: Any,
    key_info: bytes,
    extensions: list[Any],
) -> bytes:
    """TBSCertificate of version 3; the key info goes in as it is."""
    validity = encode_time(period.not_before).dump() + encode_time(period.not_after).dump()
    content = b"".join(
        (
            encode(0xA0, core.Integer(2).dump()),
            core.Integer(serial).dump(),
            algorithm.dump(),
            issuer.dump(),
            encode(0x30, validity),
            subject.dump(),
            key_info,
            encode(0xA3, x509.Extensions(extensions).dump()),
        )
    )
    return encode(0x30, content)


def _sealed(body: bytes, algorithm: SignatureAlgorithm, key: AnyKey) -> Certificate:
    return Certificate.parse(framed(body, algorithm, sign_with(key, algorithm, body)))


def public_key_info(key: PublicKey, explicit: bool) -> bytes:
    """SubjectPublicKeyInfo, with explicit or named EC parameters."""
    if isinstance(key, ec.EllipticCurvePublicKey) and explicit:
        return explicit_public_key(key)
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("key type of a certificate")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key_info: bytes) -> bytes:
    """SHA-1 of the subjectPublicKey bits (RFC 5280 4.2.1.2 method 1): a name of the key, no protection."""
    bits = sequence(key_info, "public key")[1].content[1:]
    return hashlib.sha1(bits, usedforsecurity=False).digest()
