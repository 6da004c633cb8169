"""Group "issuer certificates": the document signer under a trusted CSCA, in time, in use, not revoked (7-14).

Issuers are found by key identifier and proved by signature, never believed by name. The CSCA is judged by the
chain model: it had to be valid when it issued, not today (Doc 9303-12 App. A).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.errors import CryptoError, UnsupportedAlgorithm
from crypto.trust.security_object import failed, undetermined
from crypto.trust.store import Candidate, Standing, TrustStore
from crypto.trust.verdict import Check, Finding, Outcome, Reason

CSCA, DS_SIGNATURE, DS_VALIDITY = "csca", "ds_signature", "ds_validity"
DS_KEY_PERIOD, DS_USAGE, DS_DOCUMENT_TYPE, DS_REVOCATION = (
    "ds_key_period",
    "ds_usage",
    "ds_document_type",
    "ds_revocation",
)
NAMES = (CSCA, DS_SIGNATURE, DS_VALIDITY, DS_KEY_PERIOD, DS_USAGE, DS_DOCUMENT_TYPE, DS_REVOCATION)


@dataclass(frozen=True)
class Issuer:
    """Checks of the group, and the CSCA whose key verified the document signer (trusted or not)."""

    checks: tuple[Check, ...]
    csca: Certificate | None = None


def check_issuer(
    signer: Certificate,
    store: TrustStore,
    *,
    now: datetime,
    signing_time: datetime | None,
    document_code: str | None,
    issued_on: date | None = None,
) -> Issuer:
    """Steps 7 to 14 for a document signer; a date of issue (DG12) stands in for a signing time."""
    csca, csca_check, signature = _chain(signer, store, now)
    checks = (
        csca_check,
        signature,
        _validity(signer, csca, now),
        _key_period(signer, signing_time, issued_on),
        _usage(signer),
        _document_type(signer, document_code),
        _revocation(signer, csca, store, now),
    )
    return Issuer(checks, csca)


def _chain(signer: Certificate, store: TrustStore, now: datetime) -> tuple[Certificate | None, Check, Check]:
    candidates = store.candidates(signer)
    errors: list[tuple[Candidate, CryptoError]] = []
    verified: list[Candidate] = []
    for candidate in candidates:
        try:
            signer.verify_signed_by(candidate.certificate)
            verified.append(candidate)
        except CryptoError as error:
            errors.append((candidate, error))
    if not verified:
        check = _no_issuer(errors)
        return None, Check(CSCA, Outcome.UNDETERMINED, check.findings), check
    best = min(verified, key=lambda item: _preference(item, signer))
    signature = Check(DS_SIGNATURE, Outcome.SUCCESSFUL, evidence=_algorithm_evidence(signer))
    return best.certificate, _standing(best, store, now), signature


def _preference(candidate: Candidate, signer: Certificate) -> tuple[bool, bool, bool]:
    """Explicit distrust is heard first, then trust, then validity at the time of issue."""
    return (
        candidate.standing is not Standing.DISTRUSTED,
        candidate.standing is not Standing.TRUSTED,
        not _valid_at_issue(signer, candidate.certificate),
    )


def _no_issuer(errors: list[tuple[Candidate, CryptoError]]) -> Check:
    """No candidate's key fits: wrong only if a certificate with the right key identifier says so."""
    for candidate, error in errors:
        if candidate.by_key and not isinstance(error, UnsupportedAlgorithm):
            return failed(DS_SIGNATURE, Reason.DS_SIGNATURE_INVALID)
    for _, error in errors:
        if isinstance(error, UnsupportedAlgorithm):
            return undetermined(DS_SIGNATURE, Reason.UNSUPPORTED_ALGORITHM, error.detail)
    return undetermined(DS_SIGNATURE, Reason.CSCA_UNKNOWN)


def _standing(candidate: Candidate, store: TrustStore, now: datetime) -> Check:
    certificate = candidate.certificate
    evidence = {
        "subject": certificate.subject,
        "serial": f"{certificate.serial:x}",
        "sha256": certificate.fingerprint,
        "standing": candidate.standing.value,
        **_origin(certificate, store, now),
    }
    if candidate.standing is Standing.TRUSTED:
        return Check(CSCA, Outcome.SUCCESSFUL, evidence=evidence)
    distrusted = candidate.standing is Standing.DISTRUSTED
    outcome = Outcome.FAILED if distrusted else Outcome.UNDETERMINED
    return Check(CSCA, outcome, (Finding(Reason.CSCA_NOT_TRUSTED),), evidence)


def _origin(certificate: Certificate, store: TrustStore, now: datetime) -> dict[str, str]:
    """Where this trust came from, and how many days ago it was brought or, for a list, signed."""
    source = store.source(certificate)
    if source is None:
        return {"trust_data_days": str(store.age(now).days)}
    since = now - (source.signed_at or source.brought)
    return {"source": source.name, "trust_data_days": str(since.days)}


def _algorithm_evidence(signer: Certificate) -> dict[str, str]:
    algorithm = SignatureAlgorithm.parse(signer.signature_algorithm)
    evidence = {"algorithm": f"{algorithm.scheme} {algorithm.hash_name}"}
    if algorithm.hash_name == "sha1":
        evidence["weak"] = "sha1"
    return evidence


def _valid_at_issue(signer: Certificate, csca: Certificate) -> bool:
    return csca.not_before <= signer.not_before <= csca.not_after


def _validity(signer: Certificate, csca: Certificate | None, now: datetime) -> Check:
    evidence = {"not_before": signer.not_before.isoformat(), "not_after": signer.not_after.isoformat()}
    if csca is not None and csca.not_after < now:
        evidence["csca_expired"] = csca.not_after.isoformat()  # normal for old documents
    if now < signer.not_before:
        return Check(DS_VALIDITY, Outcome.FAILED, (Finding(Reason.DS_NOT_YET_VALID),), evidence)
    if now > signer.not_after:
        return Check(DS_VALIDITY, Outcome.FAILED, (Finding(Reason.DS_EXPIRED),), evidence)
    if csca is not None and not _valid_at_issue(signer, csca):
        finding = Finding(Reason.CSCA_NOT_VALID_AT_ISSUE)
        return Check(DS_VALIDITY, Outcome.UNDETERMINED, (finding,), evidence)
    return Check(DS_VALIDITY, Outcome.SUCCESSFUL, evidence=evidence)


def _key_period(signer: Certificate, signing_time: datetime | None, issued_on: date | None) -> Check:
    if signer.private_key_usage is None:
        return _not_stated(DS_KEY_PERIOD, "private key usage period")
    if signing_time is None and issued_on is None:
        return _not_stated(DS_KEY_PERIOD, "signing time")
    first, last = signer.private_key_usage
    if signing_time is None:
        return _issued_in_period(_outside_days(issued_on, first, last))
    if (first and signing_time < first) or (last and signing_time > last):
        return undetermined(DS_KEY_PERIOD, Reason.SIGNED_OUTSIDE_KEY_PERIOD)
    return Check(DS_KEY_PERIOD, Outcome.SUCCESSFUL)


def _issued_in_period(outside: bool) -> Check:
    """A date of issue is not the day of signing: outside the period it is told, and no more."""
    if not outside:
        return Check(DS_KEY_PERIOD, Outcome.SUCCESSFUL)
    finding = Finding(Reason.SIGNED_OUTSIDE_KEY_PERIOD, "DG12")
    return Check(DS_KEY_PERIOD, Outcome.NOT_SUPPORTED, (finding,))


def _outside_days(day: date | None, first: datetime | None, last: datetime | None) -> bool:
    """A date of issue has no hour and no zone: only a day wholly outside counts."""
    if day is None:
        return False
    return bool((first and day < first.date()) or (last and day > last.date()))


def _usage(signer: Certificate) -> Check:
    if signer.key_usage is not None and "digital_signature" not in signer.key_usage:
        return failed(DS_USAGE, Reason.DS_USAGE_WRONG, "key usage")
    if signer.is_ca:
        return failed(DS_USAGE, Reason.DS_USAGE_WRONG, "CA certificate")
    if signer.critical_unknown:
        return failed(DS_USAGE, Reason.DS_USAGE_WRONG, ", ".join(sorted(signer.critical_unknown)))
    return Check(DS_USAGE, Outcome.SUCCESSFUL)


def _document_type(signer: Certificate, document_code: str | None) -> Check:
    if signer.document_types is None:
        return _not_stated(DS_DOCUMENT_TYPE, "document type list")
    if document_code is None:
        return undetermined(DS_DOCUMENT_TYPE, Reason.DG_NOT_READ, "DG1")
    allowed = {item.upper().rstrip("<") for item in signer.document_types}
    evidence = {"document_types": " ".join(sorted(allowed))}
    if document_code.upper().rstrip("<") in allowed:
        return Check(DS_DOCUMENT_TYPE, Outcome.SUCCESSFUL, evidence=evidence)
    finding = Finding(Reason.DOCTYPE_NOT_ALLOWED, document_code.rstrip("<"))
    return Check(DS_DOCUMENT_TYPE, Outcome.FAILED, (finding,), evidence)


def _revocation(signer: Certificate, csca: Certificate | None, store: TrustStore, now: datetime) -> Check:
    lists = () if csca is None else store.crls(csca, now=now)
    if not lists:
        return undetermined(DS_REVOCATION, Reason.REVOCATION_UNKNOWN)
    newest = lists[0]
    evidence = {
        "this_update": newest.this_update.isoformat(),
        "number": str(newest.number),
        "crl_days": str((now - newest.this_update).days),
    }
    if signer.serial in newest.revoked:
        return Check(DS_REVOCATION, Outcome.FAILED, (Finding(Reason.DS_REVOKED),), evidence)
    if newest.next_update is None or newest.next_update < now:
        finding = Finding(Reason.REVOCATION_UNKNOWN, "stale")
        return Check(DS_REVOCATION, Outcome.UNDETERMINED, (finding,), evidence)
    return Check(DS_REVOCATION, Outcome.SUCCESSFUL, evidence=evidence)


def _not_stated(name: str, what: str) -> Check:
    return Check(name, Outcome.NOT_SUPPORTED, (Finding(Reason.NOT_STATED, what),))
