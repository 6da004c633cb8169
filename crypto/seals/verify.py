"""Offline verification with the standard's status and sub-indication (Doc 9303-13 App. D).

The seal holds only a reference: the signer's certificate comes from the trust store. Steps go in the order of
the standard; the first that fails decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crypto.certificates import Certificate
from crypto.certificates.certificate import SEAL_SIGNER
from crypto.errors import CryptoError, MalformedData
from crypto.seals.profiles import Field, Profile, describe, mrz_lines, profile_of
from crypto.seals.signing import check_signature, signer_reference
from crypto.seals.structure import Seal, parse_seal
from crypto.trust import Standing, TrustStore

_PURPOSES = frozenset({SEAL_SIGNER, "0.4.0.127.0.7.3.5.1.1"})  # the other: BSI TR-03137-1


class Status(StrEnum):
    """Doc 9303-13 App. D."""

    VALID = "VALID"
    INVALID = "INVALID"


class SubIndication(StrEnum):
    """Doc 9303-13 App. D, table D.1."""

    UNKNOWN_FEATURE = "UNKNOWN_FEATURE"
    """A feature of a tag that the profile does not know; the seal is good none the less."""
    READ_ERROR = "READ_ERROR"
    """No symbol could be read: read again before a person is told off."""
    WRONG_FORMAT = "WRONG_FORMAT"
    UNKNOWN_CERTIFICATE = "UNKNOWN_CERTIFICATE"
    """The signer's certificate is not in the store."""
    UNTRUSTED_CERTIFICATE = "UNTRUSTED_CERTIFICATE"
    """No trusted CSCA signed it, or it is for another purpose."""
    INVALID_DOCUMENTTYPE = "INVALID_DOCUMENTTYPE"
    EXPIRED_CERTIFICATE = "EXPIRED_CERTIFICATE"
    """Past its end, or not valid yet."""
    REVOKED_CERTIFICATE = "REVOKED_CERTIFICATE"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"


MEDIUM = frozenset({SubIndication.READ_ERROR, SubIndication.EXPIRED_CERTIFICATE})


@dataclass(frozen=True)
class Verdict:
    """Outcome for one seal. `detail` is English for logs; `fields` is empty where the format is wrong."""

    status: Status
    sub: SubIndication | None = None
    detail: str = ""
    seal: Seal | None = field(default=None, repr=False)
    fields: tuple[Field, ...] = field(default=(), repr=False)
    certificate: Certificate | None = field(default=None, repr=False)

    @property
    def valid(self) -> bool:
        return self.status is Status.VALID

    @property
    def trust_level(self) -> str:
        """Recommended trust level of table D.1."""
        if self.valid:
            return "trustable"
        return f"{'medium' if self.sub in MEDIUM else 'high'} fraud potential"

    @property
    def profile(self) -> Profile | None:
        return None if self.seal is None else profile_of(self.seal)


def verify_seal(data: bytes | None, store: TrustStore, *, now: datetime) -> Verdict:
    """Verifies the bytes of a seal; None when no symbol could be read. Never raises for outside bytes."""
    if data is None:
        return Verdict(Status.INVALID, SubIndication.READ_ERROR)
    try:
        seal = parse_seal(data)
        fields = describe(seal)
        lines = mrz_lines(seal)
    except MalformedData as error:
        return Verdict(Status.INVALID, SubIndication.WRONG_FORMAT, error.detail)
    certificate = find_signer(seal, store)
    sub, detail = _judge(seal, certificate, lines, store, now)
    if sub is None:
        unknown = any(not item.name for item in fields)
        return Verdict(
            Status.VALID,
            SubIndication.UNKNOWN_FEATURE if unknown else None,
            "",
            seal,
            fields,
            certificate,
        )
    return Verdict(Status.INVALID, sub, detail, seal, fields, certificate)


def find_signer(seal: Seal, store: TrustStore) -> Certificate | None:
    """The certificate whose name and serial number the header gives."""
    header = seal.header
    serial = int(header.reference, 16)
    for certificate in store.signers_numbered(serial):
        try:
            if signer_reference(certificate)[0] == header.signer:
                return certificate
        except CryptoError:
            continue
    return None


def _judge(
    seal: Seal, certificate: Certificate | None, lines: tuple[str, ...], store: TrustStore, now: datetime
) -> tuple[SubIndication | None, str]:
    if certificate is None:
        return SubIndication.UNKNOWN_CERTIFICATE, seal.header.signer + " " + seal.header.reference
    standing = _issuer_standing(certificate, store)
    if standing is None or not _is_seal_signer(certificate):
        problem = "no CSCA of ours signed it" if standing is None else "not the certificate of a seal signer"
        return SubIndication.UNTRUSTED_CERTIFICATE, problem
    if not _fits_document(certificate, lines):
        return SubIndication.INVALID_DOCUMENTTYPE, lines[0][:2].rstrip("<")
    if not certificate.not_before <= now <= certificate.not_after:
        return SubIndication.EXPIRED_CERTIFICATE, certificate.not_after.isoformat()
    if store.is_revoked(certificate):
        return SubIndication.REVOKED_CERTIFICATE, f"{certificate.serial:x}"
    try:
        check_signature(seal, certificate)
    except CryptoError as error:
        return SubIndication.INVALID_SIGNATURE, error.detail
    if standing is not Standing.TRUSTED:
        return SubIndication.UNTRUSTED_CERTIFICATE, f"its CSCA is {standing.value}"
    return None, ""


def _is_seal_signer(certificate: Certificate) -> bool:
    """A document signer may not make seals: Doc 9303-12 7.1 demands the purpose."""
    purposes = certificate.extended_key_usage or frozenset()
    return bool(purposes & _PURPOSES) and not certificate.is_ca and not certificate.critical_unknown


def _issuer_standing(certificate: Certificate, store: TrustStore) -> Standing | None:
    """What the store thinks of the CSCA that signed the certificate; None when it has none."""
    found: set[Standing] = set()
    for candidate in store.candidates(certificate):
        try:
            certificate.verify_signed_by(candidate.certificate)
        except CryptoError:
            continue
        found.add(candidate.standing)
    order = (Standing.DISTRUSTED, Standing.TRUSTED, Standing.KNOWN)
    return next((standing for standing in order if standing in found), None)


def _fits_document(certificate: Certificate, lines: tuple[str, ...]) -> bool:
    """A document type extension must name the zone's document code, where the seal holds a zone."""
    if certificate.document_types is None or not lines:
        return True
    allowed = {item.upper().rstrip("<") for item in certificate.document_types}
    return lines[0][:2].rstrip("<") in allowed
