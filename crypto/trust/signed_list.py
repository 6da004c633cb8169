"""Master lists, and what every signed list of the PKD shares: its signer (Doc 9303-12 9, 10).

A list is believed when its signature holds, its signer may sign such lists and was issued by an authority
which is configured as a root, or linked to one. Lists do not make roots for other lists.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crypto.certificates import Certificate
from crypto.certificates.asn1 import elements, outside_bytes, sequence, single
from crypto.certificates.certificate import DEVIATION_LIST_SIGNER as DEVIATION_LIST_SIGNER
from crypto.certificates.certificate import MASTER_LIST_SIGNER as MASTER_LIST_SIGNER
from crypto.cms import DEVIATION_LIST as DEVIATION_LIST
from crypto.cms import MASTER_LIST as MASTER_LIST
from crypto.cms import SignedData
from crypto.errors import CryptoError, MalformedData
from crypto.trust.links import anchor_of, may_issue

_WHAT = "master list"


class ImportReason(StrEnum):
    """Why something brought to the trust store is refused."""

    TRUST_CONTENT_UNKNOWN = "TRUST_CONTENT_UNKNOWN"
    """Neither certificate, CRL, master list, deviation list nor LDIF."""
    TRUST_MALFORMED = "TRUST_MALFORMED"
    """It does not follow its standard."""
    TRUST_KEY_UNSUPPORTED = "TRUST_KEY_UNSUPPORTED"
    """The public key or curve of the certificate is unknown to us or broken."""
    TRUST_NOT_AN_AUTHORITY = "TRUST_NOT_AN_AUTHORITY"
    """A master list names a certificate which may not issue certificates."""
    TRUST_LIST_SIGNER_MISSING = "TRUST_LIST_SIGNER_MISSING"
    """The list does not carry the certificate of its signer."""
    TRUST_LIST_SIGNATURE_INVALID = "TRUST_LIST_SIGNATURE_INVALID"
    """The signature of the list does not verify."""
    TRUST_LIST_SIGNER_WRONG = "TRUST_LIST_SIGNER_WRONG"
    """The signer's certificate is not for such lists, or was out of its validity when it signed."""
    TRUST_LIST_SIGNER_UNKNOWN = "TRUST_LIST_SIGNER_UNKNOWN"
    """No authority that is configured, or in the list, issued the signer's certificate."""
    TRUST_LIST_SIGNER_REVOKED = "TRUST_LIST_SIGNER_REVOKED"
    """A revocation list names the signer's certificate."""
    TRUST_CRL_SIGNATURE_INVALID = "TRUST_CRL_SIGNATURE_INVALID"
    """The authority it names did not sign the revocation list."""
    TRUST_CRL_OUTDATED = "TRUST_CRL_OUTDATED"
    """A newer revocation list of the same authority is in the store."""


@dataclass(frozen=True)
class Rejected:
    """One thing not taken: its subject (or what is known of it) and why."""

    subject: str
    reason: ImportReason
    detail: str = ""


class ListRefused(CryptoError):
    """A signed list is not what it claims; `reason` says why."""

    def __init__(self, reason: ImportReason, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason


def list_signer(signed: SignedData, purpose: str) -> Certificate:
    """The certificate that signed a list, proved by the signature and fit for `purpose` (an EKU OID).

    Raises ListRefused, MalformedData or UnsupportedAlgorithm. Says nothing about trust.
    """
    signer = next((item for item in signed.certificates if signed.signer.names(item)), None)
    if signer is None:
        raise ListRefused(ImportReason.TRUST_LIST_SIGNER_MISSING)
    try:
        signed.verify(signer)
    except CryptoError as error:
        raise ListRefused(ImportReason.TRUST_LIST_SIGNATURE_INVALID, error.detail) from error
    at = signed.signer.signing_time
    if purpose not in (signer.extended_key_usage or ()):
        raise ListRefused(ImportReason.TRUST_LIST_SIGNER_WRONG, "extended key usage")
    if at is not None and not signer.not_before <= at <= signer.not_after:
        raise ListRefused(ImportReason.TRUST_LIST_SIGNER_WRONG, "signing time")
    return signer


@dataclass(frozen=True)
class MasterList:
    """A parsed master list whose signature holds. Whether its signer is trusted: `anchor`."""

    signer: Certificate
    signed_at: datetime | None
    certificates: tuple[Certificate, ...] = field(repr=False)
    """Authorities with a usable key, each once, in the order of the list."""
    rejected: tuple[Rejected, ...] = ()
    embedded: tuple[Certificate, ...] = field(default=(), repr=False)
    """Certificates beside the list in its CMS."""

    @classmethod
    def parse(cls, data: bytes) -> MasterList:
        """From the whole CMS file; raises MalformedData, UnsupportedAlgorithm or ListRefused."""
        signed = SignedData.parse(data)
        if signed.content_type != MASTER_LIST:
            raise MalformedData(f"{_WHAT}: content of type {signed.content_type}")
        signer = list_signer(signed, MASTER_LIST_SIGNER)
        with outside_bytes(_WHAT):
            found, rejected = _certificates(signed.content)
        at = signed.signer.signing_time
        return cls(signer, at, tuple(dict.fromkeys(found)), rejected, signed.certificates)

    def anchor(self, roots: Collection[Certificate]) -> Certificate | None:
        """The authority under `roots` that issued the signer, links of the list allowed; or None."""
        return anchor_of(self.signer, roots, (*self.embedded, *self.certificates))

    def own_anchor(self) -> Certificate | None:
        """The authority inside the list that issued its signer: consistent in itself, not yet trusted."""
        return self.anchor(self.certificates)


def _certificates(content: bytes) -> tuple[list[Certificate], tuple[Rejected, ...]]:
    """CscaMasterList ::= SEQUENCE { version INTEGER 0, certList SET OF Certificate }."""
    parts = sequence(content, _WHAT)
    if [part.identifier for part in parts] != [0x02, 0x31]:
        raise MalformedData(f"{_WHAT}: not version and certificates")
    found: list[Certificate] = []
    rejected: list[Rejected] = []
    for number, item in enumerate(elements(single(parts[1].encoded, 0x31, _WHAT).content, _WHAT)):
        usable = usable_authority(item.encoded, f"certificate {number + 1} of the list")
        if isinstance(usable, Rejected):
            rejected.append(usable)
        else:
            found.append(usable)
    return found, tuple(rejected)


def usable_authority(der: bytes, called: str) -> Certificate | Rejected:
    """A certificate with a key we can verify with that may issue, or why not."""
    try:
        certificate = Certificate.parse(der)
    except CryptoError as error:
        return Rejected(called, ImportReason.TRUST_MALFORMED, error.detail)
    try:
        certificate.verification_key  # noqa: B018 - the key is loaded, and so proved usable
    except CryptoError as error:
        return Rejected(certificate.subject, ImportReason.TRUST_KEY_UNSUPPORTED, error.detail)
    if not may_issue(certificate):
        return Rejected(certificate.subject, ImportReason.TRUST_NOT_AN_AUTHORITY)
    return certificate
