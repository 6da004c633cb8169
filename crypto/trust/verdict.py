"""Outcomes, reasons and how checks combine (BSI TR-03135-1 v2.5; the vocabulary of every inspection)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """The five words of TR-03135."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    UNDETERMINED = "undetermined"
    NOT_SUPPORTED = "not supported"
    ABORTED = "aborted"


class Reason(StrEnum):
    """Why a check of passive authentication is not successful."""

    SOD_MISSING = "SOD_MISSING"
    """The chip has no EF.SOD, or an empty one."""
    SOD_MALFORMED = "SOD_MALFORMED"
    """EF.SOD, its CMS or the LDS security object cannot be parsed."""
    SOD_WRONG_CONTENT_TYPE = "SOD_WRONG_CONTENT_TYPE"
    """The signed content is not an LDS security object."""
    DS_NOT_FOUND = "DS_NOT_FOUND"
    """The document signer's certificate is neither in EF.SOD nor in our store."""
    DS_SID_MISMATCH = "DS_SID_MISMATCH"
    """EF.SOD embeds certificates, but not the one its signer identifier names."""
    SOD_DIGEST_MISMATCH = "SOD_DIGEST_MISMATCH"
    """The signed message digest or content type is not that of the content."""
    SOD_SIGNATURE_INVALID = "SOD_SIGNATURE_INVALID"
    """The signature of EF.SOD does not verify with the document signer's key."""
    UNSUPPORTED_ALGORITHM = "UNSUPPORTED_ALGORITHM"
    """A hash, signature algorithm or curve is unknown to us: nothing can be said."""
    CSCA_UNKNOWN = "CSCA_UNKNOWN"
    """Our store holds no certificate of the authority which issued the document signer."""
    CSCA_NOT_TRUSTED = "CSCA_NOT_TRUSTED"
    """The authority is known but not trusted here."""
    CSCA_NOT_VALID_AT_ISSUE = "CSCA_NOT_VALID_AT_ISSUE"
    """The document signer was issued outside the validity of its authority (chain model)."""
    DS_SIGNATURE_INVALID = "DS_SIGNATURE_INVALID"
    """No known authority's key verifies the document signer's certificate."""
    DS_EXPIRED = "DS_EXPIRED"
    """The document signer's certificate is past its end."""
    DS_NOT_YET_VALID = "DS_NOT_YET_VALID"
    """The document signer's certificate begins in the future."""
    SIGNED_OUTSIDE_KEY_PERIOD = "SIGNED_OUTSIDE_KEY_PERIOD"
    """The signing time lies outside the private key usage period."""
    DS_USAGE_WRONG = "DS_USAGE_WRONG"
    """The certificate may not sign documents: key usage, CA flag or an unknown critical extension."""
    DOCTYPE_NOT_ALLOWED = "DOCTYPE_NOT_ALLOWED"
    """The document signer may not sign documents of this type."""
    DS_REVOKED = "DS_REVOKED"
    """The revocation list names the document signer."""
    REVOCATION_UNKNOWN = "REVOCATION_UNKNOWN"
    """There is no revocation list of the country, or only a stale or unverifiable one."""
    COUNTRY_MISMATCH = "COUNTRY_MISMATCH"
    """The issuing state of the document is not the country of its certificates."""
    COUNTRY_UNKNOWN = "COUNTRY_UNKNOWN"
    """No country is known for the issuing state's code, or the certificate names none."""
    DG_HASH_MISMATCH = "DG_HASH_MISMATCH"
    """A data group is not the one that was signed; the detail names it."""
    DG_NOT_IN_SOD = "DG_NOT_IN_SOD"
    """A data group was read that EF.SOD does not cover (data injection)."""
    DG_NOT_READ = "DG_NOT_READ"
    """A data group that EF.SOD covers was not read."""
    DG_MANDATORY_MISSING = "DG_MANDATORY_MISSING"
    """EF.SOD does not cover DG1 or DG2."""
    COM_SOD_MISMATCH = "COM_SOD_MISMATCH"
    """EF.COM lists other data groups than EF.SOD."""
    SECINFO_MISMATCH = "SECINFO_MISMATCH"
    """EF.CardAccess is not contained in the signed DG14."""
    DEVIATION_LISTED = "DEVIATION_LISTED"
    """A trusted deviation list explains the failure; the detail names the list and the entry's type."""
    NOT_STATED = "NOT_STATED"
    """The chip or certificate does not carry what this optional check needs; the detail says what."""


@dataclass(frozen=True)
class Finding:
    """One reason with the thing it is about ("DG2", "EF.COM", or "")."""

    reason: StrEnum
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """One check: an outcome other than successful has a finding; evidence is free of personal data."""

    name: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def combine(outcomes: Iterable[Outcome], mandatory: Iterable[Outcome] = ()) -> Outcome:
    """One outcome for many (TR-03135): `mandatory` outcomes count too, and may not be "not supported".

    Failed if any failed; else aborted if any aborted; else undetermined if any undetermined or a mandatory
    one is not supported; else successful if at least one is; else not supported.
    """
    needed = set(mandatory)
    found = set(outcomes) | needed
    for worst in (Outcome.FAILED, Outcome.ABORTED, Outcome.UNDETERMINED):
        if worst in found:
            return worst
    if Outcome.NOT_SUPPORTED in needed:
        return Outcome.UNDETERMINED
    return Outcome.SUCCESSFUL if Outcome.SUCCESSFUL in found else Outcome.NOT_SUPPORTED


def combine_checks(checks: Collection[Check], mandatory: Collection[str] = ()) -> Outcome:
    """`combine` over checks; a mandatory name without its check counts as not supported."""
    by_name = {check.name: check.outcome for check in checks}
    needed = [by_name.get(name, Outcome.NOT_SUPPORTED) for name in mandatory]
    return combine((check.outcome for check in checks), needed)
