"""Passive authentication of EF.CardSecurity, and what chip authentication mapping is worth with it.

Owns two checks for the inspection report (Doc 9303-11 sections 4.4.3.5, 5.1; BSI TR-03135-1 section 5.5): who
signed EF.CardSecurity, and whether the chip proved the key in it. The proof counts only when a trusted state
signed the file, the same one that issued the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from card_io.emrtd.cam import SECURITY_OBJECT, ChipAuthenticationMappingResult
from card_io.emrtd.checks import ReportReason
from crypto.certificates import Certificate
from crypto.cms import SignedData
from crypto.errors import CryptoError, UnsupportedAlgorithm
from crypto.trust import Check, Finding, Outcome, Reason, TrustStore, combine_checks, integrity
from crypto.trust import issuer as issuers

CARD_SECURITY = "card_security"
CHIP_AUTHENTICATION_MAPPING = "chip_authentication_mapping"
_MANDATORY = frozenset(
    {
        issuers.CSCA,
        issuers.DS_SIGNATURE,
        issuers.DS_VALIDITY,
        issuers.DS_USAGE,
        issuers.DS_REVOCATION,
        integrity.ISSUING_STATE,
    }
)
_NOTHING: Mapping[str, str] = MappingProxyType({})


def card_security_check(
    card_security: bytes | None,
    store: TrustStore,
    *,
    now: datetime,
    issuing_state: str | None,
    document_code: str | None,
) -> Check:
    """Whether a trusted state signed the file; issuing state and document code are those of DG1.

    Never raises for what the file holds. Undetermined also when the state cannot be told.
    """
    if card_security is None:
        return _open(Reason.SOD_MISSING, "EF.CardSecurity")
    try:
        signed = SignedData.parse(card_security)
    except CryptoError as error:
        return _wrong(Reason.SOD_MALFORMED, error.detail)
    if signed.content_type != SECURITY_OBJECT:
        return _wrong(Reason.SOD_WRONG_CONTENT_TYPE, signed.content_type)
    named = [one for one in signed.certificates if signed.signer.names(one)]
    signer = named[0] if named else store.document_signer(signed.signer)
    if signer is None:
        return _open(Reason.DS_NOT_FOUND, "EF.CardSecurity")
    chain = issuers.check_issuer(
        signer, store, now=now, signing_time=signed.signer.signing_time, document_code=document_code
    )
    state = integrity.check_issuing_state(signer, chain.csca, issuing_state)
    return _signature(signed, signer) or _combined(signer, (*chain.checks, *state))


def chip_mapping_check(result: ChipAuthenticationMappingResult, card_security: Check) -> Check:
    """What the mapping proves: successful only if `card_security` (the check above) is."""
    name, evidence = CHIP_AUTHENTICATION_MAPPING, _evidence(result)
    if result.outcome is Outcome.FAILED:
        return _check(name, Outcome.FAILED, ReportReason.CHIP_AUTHENTICATION_FAILED, result.detail, evidence)
    if result.outcome is not Outcome.SUCCESSFUL:
        reason = ReportReason.CHIP_AUTHENTICATION_OPEN
        return _check(name, Outcome.UNDETERMINED, reason, result.detail, evidence)
    if card_security.outcome is not Outcome.SUCCESSFUL:
        reason = ReportReason.CHIP_KEY_NOT_SIGNED
        return _check(name, Outcome.UNDETERMINED, reason, "EF.CardSecurity", evidence)
    return Check(name, Outcome.SUCCESSFUL, (), evidence)


def _signature(signed: SignedData, signer: Certificate) -> Check | None:
    """None if the signature holds."""
    try:
        signed.verify(signer)
    except UnsupportedAlgorithm as error:
        return _open(Reason.UNSUPPORTED_ALGORITHM, error.detail)
    except CryptoError as error:
        return _wrong(Reason.SOD_SIGNATURE_INVALID, error.detail)
    return None


def _combined(signer: Certificate, checks: tuple[Check, ...]) -> Check:
    findings = tuple(finding for item in checks for finding in item.findings)
    evidence = {"signer": signer.subject, "sha256": signer.fingerprint}
    return Check(CARD_SECURITY, combine_checks(checks, _MANDATORY), findings, evidence)


def _evidence(result: ChipAuthenticationMappingResult) -> dict[str, str]:
    found = {
        "protocol": result.protocol,
        "public_key": result.public_key.hex(),
        "mapping_key": result.mapping_key.hex(),
        "chip_data": result.chip_data.hex(),
    }
    return {name: value for name, value in found.items() if value}


def _check(
    name: str, outcome: Outcome, reason: ReportReason | Reason, detail: str, evidence: Mapping[str, str]
) -> Check:
    return Check(name, outcome, (Finding(reason, detail),), evidence)


def _open(reason: Reason, detail: str) -> Check:
    return _check(CARD_SECURITY, Outcome.UNDETERMINED, reason, detail, _NOTHING)


def _wrong(reason: Reason, detail: str) -> Check:
    return _check(CARD_SECURITY, Outcome.FAILED, reason, detail, _NOTHING)
