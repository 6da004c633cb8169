"""Group "security object": EF.SOD is there, parses, names its signer and is signed by it (steps 1-6).

Order and outcomes follow Doc 9303-11 5.1 and TR-03135.
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.certificates import Certificate
from crypto.certificates.asn1 import single
from crypto.errors import CryptoError, MalformedData, SignatureInvalid, UnsupportedAlgorithm
from crypto.sod import EF_SOD_TAG, SecurityObject, WrongContentType
from crypto.trust.store import TrustStore
from crypto.trust.verdict import Check, Finding, Outcome, Reason

STRUCTURE, SIGNER, DIGEST, SIGNATURE = "sod_structure", "sod_signer", "sod_digest", "sod_signature"


@dataclass(frozen=True)
class SignedObject:
    """What the group found: its checks, the parsed object and signer, and whether the signature holds."""

    checks: tuple[Check, ...]
    security_object: SecurityObject | None = None
    signer: Certificate | None = None

    @property
    def authentic(self) -> bool:
        """Signed by the embedded key: says nothing about trust in that key."""
        outcomes = {check.name: check.outcome for check in self.checks}
        return outcomes[DIGEST] is outcomes[SIGNATURE] is Outcome.SUCCESSFUL


def undetermined(name: str, reason: Reason, detail: str = "") -> Check:
    """A check that cannot say anything, and why."""
    return Check(name, Outcome.UNDETERMINED, (Finding(reason, detail),))


def failed(name: str, reason: Reason, detail: str = "") -> Check:
    """A failed check, and why."""
    return Check(name, Outcome.FAILED, (Finding(reason, detail),))


def judge(name: str, error: CryptoError, wrong: Reason) -> Check:
    """The check for an error of verification: an unknown algorithm leaves it open, the rest is `wrong`."""
    if isinstance(error, UnsupportedAlgorithm):
        return undetermined(name, Reason.UNSUPPORTED_ALGORITHM, error.detail)
    return failed(name, wrong, "" if isinstance(error, SignatureInvalid) else error.detail)


def check_security_object(sod: bytes | None, store: TrustStore) -> SignedObject:
    """Steps 1 to 6."""
    parsed = _parse(sod)
    if isinstance(parsed, Check):
        reason = Reason(parsed.findings[0].reason)
        return SignedObject((parsed, *(undetermined(name, reason) for name in (SIGNER, DIGEST, SIGNATURE))))
    signer_check, signer = _signer(parsed, store)
    structure = Check(STRUCTURE, Outcome.SUCCESSFUL, evidence=_evidence(parsed, sod or b""))
    checks = (structure, signer_check, _digest(parsed), _signature(parsed, signer, signer_check))
    return SignedObject(checks, parsed, signer)


def _parse(sod: bytes | None) -> SecurityObject | Check:
    if not sod:
        return failed(STRUCTURE, Reason.SOD_MISSING)
    try:
        return SecurityObject.parse(sod)
    except WrongContentType as error:
        return failed(STRUCTURE, Reason.SOD_WRONG_CONTENT_TYPE, error.detail)
    except MalformedData as error:
        return failed(STRUCTURE, Reason.SOD_MALFORMED, error.detail)


def _signer(parsed: SecurityObject, store: TrustStore) -> tuple[Check, Certificate | None]:
    certificate = parsed.document_signer or store.document_signer(parsed.signed_data.signer)
    if certificate is not None:
        evidence = {
            "subject": certificate.subject,
            "serial": f"{certificate.serial:x}",
            "sha256": certificate.fingerprint,
        }
        return Check(SIGNER, Outcome.SUCCESSFUL, evidence=evidence), certificate
    if parsed.signed_data.certificates:
        return failed(SIGNER, Reason.DS_SID_MISMATCH), None
    return undetermined(SIGNER, Reason.DS_NOT_FOUND), None


def _digest(parsed: SecurityObject) -> Check:
    try:
        parsed.signed_data.verify_content()
    except CryptoError as error:
        return judge(DIGEST, error, Reason.SOD_DIGEST_MISMATCH)
    return Check(DIGEST, Outcome.SUCCESSFUL, evidence={"hash": parsed.signed_data.signer.digest_name})


def _signature(parsed: SecurityObject, signer: Certificate | None, signer_check: Check) -> Check:
    if signer is None:
        return Check(SIGNATURE, Outcome.UNDETERMINED, signer_check.findings)
    try:
        deviations = parsed.signed_data.verify_signature(signer)
    except CryptoError as error:
        return judge(SIGNATURE, error, Reason.SOD_SIGNATURE_INVALID)
    evidence = {"deviation": ", ".join(deviations)} if deviations else {}
    return Check(SIGNATURE, Outcome.SUCCESSFUL, evidence=evidence)


def _evidence(parsed: SecurityObject, sod: bytes) -> dict[str, str]:
    evidence = {"hash": parsed.hash_name, "lds_version": parsed.lds_version or "0107 or older"}
    if "sha1" in (parsed.hash_name, parsed.signed_data.signer.digest_name):
        evidence["weak"] = "sha1"
    if single(sod, EF_SOD_TAG, "EF.SOD").content[1:2] == b"\x80":
        evidence["deviation"] = "indefinite length"
    return evidence
