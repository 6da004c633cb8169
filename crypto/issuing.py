"""Issuing: CSCA, document signer and CRL by the profiles of Doc 9303-12 7.1 (eighth edition).

EC keys are written with explicit parameters as the profile demands; names are PrintableString with an
upper-case country. Serial numbers, keys and (by RFC 6979) signatures follow from the injected randomness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import core, crl, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crypto.certificates import Certificate, CertificateRevocationList, PublicKey, SignatureAlgorithm
from crypto.certificates import certificate as profile
from crypto.certificates.asn1 import encode, encode_time, sequence
from crypto.certificates.keys import explicit_public_key, library_curve
from crypto.ecmath import CURVES
from crypto.errors import PolicyRefused, UnsupportedAlgorithm
from crypto.signer import KeySigner, PrivateKey, default_algorithm, sign_with

RandomBytes = Callable[[int], bytes]
_SERIAL_BYTES = 8
_CRL_NUMBER = "2.5.29.20"


@dataclass(frozen=True)
class Subject:
    """Name of a certificate: country alpha-2 upper case, common name, and the code as in the MRZ ("KAZ")."""

    country: str
    common_name: str
    code: str
    organization: str = ""

    def name(self) -> Any:
        """The X.501 name, PrintableString throughout."""
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
    key: PrivateKey,
    subject: Subject,
    period: Period,
    *,
    serial: int,
    algorithm: SignatureAlgorithm | None = None,
    explicit_parameters: bool = True,
) -> Certificate:
    """A self-signed country signing CA certificate (Doc 9303-12 7.1, column CSCA root)."""
    key_info = _public_key_info(key.public_key(), explicit_parameters)
    extensions = _authority_extensions(_key_id(key_info), key_info, subject.code, period)
    chosen = algorithm or default_algorithm(key)
    body = _tbs(serial, chosen, subject.name(), period, subject.name(), key_info, extensions)
    built = _sealed(body, chosen, key)
    built.verify_signed_by(built)
    return built


def build_link(
    old: Certificate, old_key: PrivateKey, new: Certificate, code: str, period: Period, *, serial: int
) -> Certificate:
    """The link certificate of a rollover: the new CSCA's name and key, signed by the old key (CSCA link).

    `code` is the country as in the MRZ. Raises PolicyRefused when the country changes.
    """
    if new.country != old.country:
        raise PolicyRefused("a link certificate stays within its country")
    extensions = _authority_extensions(old.subject_key_id, new.spki_der, code, period)
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
    issuer_key: PrivateKey,
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
    types = profile.DocumentTypeList({"version": 0, "types": sorted(document_types)})
    own = [
        _extension(profile.KEY_USAGE, x509.KeyUsage({usage}), critical=True),
        _extension(profile.DOCUMENT_TYPE, types),
    ]
    key_info = _public_key_info(public_key, explicit_parameters)
    return _under(issuer, issuer_key, key_info, subject, period, serial, own)


def build_list_signer(
    issuer: Certificate,
    issuer_key: PrivateKey,
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
    key_info = _public_key_info(public_key, explicit_parameters)
    return _under(issuer, issuer_key, key_info, subject, period, serial, own)


def _under(
    issuer: Certificate,
    issuer_key: PrivateKey,
    key_info: bytes,
    subject: Subject,
    period: Period,
    serial: int,
    own: list[Any],
) -> Certificate:
    """A certificate below a CSCA: key identifiers, its own extensions, and what all profiles share."""
    if subject.country != issuer.country:
        raise PolicyRefused("a document signer has the country of its CSCA")
    if period.not_before < issuer.not_before or period.not_after > issuer.not_after:
        raise PolicyRefused("a document signer may not outlive its CSCA")
    authority = x509.AuthorityKeyIdentifier({"key_identifier": issuer.subject_key_id})
    extensions = [
        _extension(profile.AUTHORITY_KEY_ID, authority),
        _extension(profile.SUBJECT_KEY_ID, core.OctetString(_key_id(key_info))),
        *own,
        *_common_extensions(subject.code, subject.code, period),
    ]
    algorithm = default_algorithm(issuer_key)
    issuer_name = x509.Name.load(issuer.subject_der)
    body = _tbs(serial, algorithm, issuer_name, period, subject.name(), key_info, extensions)
    built = _sealed(body, algorithm, issuer_key)
    built.verify_signed_by(issuer)
    return built


def build_crl(
    authority: KeySigner,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revoked: Mapping[int, datetime] | None = None,
) -> CertificateRevocationList:
    """A complete CRL of the CSCA in `authority` (Doc 9303-12 7.1.4); `revoked`: serial -> when."""
    issuer = authority.certificate
    key_id = x509.AuthorityKeyIdentifier({"key_identifier": issuer.subject_key_id})
    fields: dict[str, Any] = {
        "version": "v2",
        "signature": x509.SignedDigestAlgorithm.load(authority.algorithm.dump()),
        "issuer": x509.Name.load(issuer.subject_der),
        "this_update": encode_time(this_update),
        "next_update": encode_time(next_update),
        "crl_extensions": [
            _crl_extension(profile.AUTHORITY_KEY_ID, key_id),
            _crl_extension(_CRL_NUMBER, core.Integer(number)),
        ],
    }
    if revoked:  # the field is absent when empty
        fields["revoked_certificates"] = [
            {"user_certificate": serial, "revocation_date": encode_time(revoked[serial])}
            for serial in sorted(revoked)
        ]
    body = bytes(crl.TbsCertList(fields).dump())
    built = CertificateRevocationList.parse(_signed(body, authority.algorithm, authority.sign(body)))
    built.verify_signed_by(issuer)
    return built


def _authority_extensions(
    authority_key_id: bytes | None, key_info: bytes, code: str, period: Period
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
        *_common_extensions(code, code, period),
    ]


def _common_extensions(subject_code: str, issuer_code: str, period: Period) -> list[Any]:
    usage = x509.PrivateKeyUsagePeriod(
        {
            "not_before": period.not_before.replace(microsecond=0),
            "not_after": period.key_not_after.replace(microsecond=0),
        }
    )
    location = f"http://pkd.lab.invalid/CRLs/{issuer_code}.crl"
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
        _extension(profile.SUBJECT_ALT_NAME, _alternative_name(subject_code)),
        _extension(profile.ISSUER_ALT_NAME, _alternative_name(issuer_code)),
        _extension(profile.CRL_DISTRIBUTION, points),
    ]


def _alternative_name(code: str) -> Any:
    """directoryName with localityName = the code as in the MRZ (Doc 9303-12 7.1)."""
    name = x509.Name.build({"locality_name": code}, use_printable=True)
    return x509.GeneralNames([x509.GeneralName(name="directory_name", value=name)])


def _extension(oid: str, value: Any, *, critical: bool = False) -> Any:
    return x509.Extension(
        {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value.dump())}
    )


def _crl_extension(oid: str, value: Any) -> Any:
    return crl.TBSCertListExtension({"extn_id": oid, "extn_value": core.ParsableOctetString(value.dump())})


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


def _sealed(body: bytes, algorithm: SignatureAlgorithm, key: PrivateKey) -> Certificate:
    return Certificate.parse(_signed(body, algorithm, sign_with(key, algorithm, body)))


def _signed(body: bytes, algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    """The frame that certificates and CRLs share: SEQUENCE { body, algorithm, BIT STRING }."""
    return encode(0x30, body + algorithm.dump() + encode(0x03, b"\x00" + signature))


def _public_key_info(key: PublicKey, explicit: bool) -> bytes:
    if isinstance(key, ec.EllipticCurvePublicKey) and explicit:
        return explicit_public_key(key)
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise UnsupportedAlgorithm("key type of a certificate")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key_info: bytes) -> bytes:
    """SHA-1 of the subjectPublicKey bits (RFC 5280 4.2.1.2 method 1): a name of the key, no protection."""
    bits = sequence(key_info, "public key")[1].content[1:]
    return hashlib.sha1(bits, usedforsecurity=False).digest()
