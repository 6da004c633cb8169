"""Passive authentication: is the data of this chip the data that a trusted state signed (Doc 9303-11 5.1)?

All checks run as far as they can, whatever the others say, so the operator sees every reason at once. "The
protocol ran" is not "the chip is genuine": that needs this verdict and active or chip authentication.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from crypto.certificates import Certificate
from crypto.errors import UnsupportedAlgorithm
from crypto.sod import SecurityObject
from crypto.trust import deviations, integrity, issuer, security_object
from crypto.trust.store import TrustStore
from crypto.trust.verdict import Check, Outcome, combine_checks

GROUPS = ("security_object", "issuer_certificates", "integrity", "issuing_state")
MANDATORY = frozenset(
    {
        security_object.STRUCTURE,
        security_object.SIGNER,
        security_object.DIGEST,
        security_object.SIGNATURE,
        issuer.CSCA,
        issuer.DS_SIGNATURE,
        issuer.DS_VALIDITY,
        issuer.DS_USAGE,
        issuer.DS_REVOCATION,
        integrity.HASHES,
        integrity.MANDATORY_GROUPS,
        integrity.ISSUING_STATE,
    }
)
"""Checks that may not end as "not supported"; the rest is optional in old documents."""


@dataclass(frozen=True)
class PassiveAuthentication:
    """The verdict: checks by group in the order of `GROUPS`; certificates as far as found."""

    groups: Mapping[str, tuple[Check, ...]]
    security_object: SecurityObject | None = field(default=None, repr=False)
    document_signer: Certificate | None = None
    csca: Certificate | None = None
    """The authority whose key verified the document signer; trusted if the check "csca" is successful."""
    signed_data_groups: frozenset[int] = frozenset()
    """Groups read whose hash stands in a security object with a valid signature; chip keys are theirs."""
    known_defects: tuple[tuple[str, deviations.Deviation], ...] = ()
    """Entries of trusted deviation lists on this document, each with the name of its list."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks in order."""
        return tuple(check for name in GROUPS for check in self.groups[name])

    @property
    def outcome(self) -> Outcome:
        """All groups together; never successful without a trusted CSCA."""
        return combine_checks(self.checks, MANDATORY)

    def group_outcome(self, name: str) -> Outcome:
        """One group."""
        checks = self.groups[name]
        return combine_checks(checks, [check.name for check in checks if check.name in MANDATORY])


def passive_authentication(
    *,
    sod: bytes | None,
    data_groups: Mapping[int, bytes],
    listed_in_com: frozenset[int] | None,
    store: TrustStore,
    now: datetime,
    document_code: str | None,
    issuing_state: str | None,
    card_access: bytes | None = None,
    com_lds_version: str | None = None,
    issued_on: date | None = None,
    document_number: str = "",
) -> PassiveAuthentication:
    """Judges whole files as read: EF.SOD, data groups by number, the groups EF.COM lists (None: no EF.COM).

    `document_code` and `issuing_state` are DG1's, as printed in the MRZ (None: not read). What else is known
    helps: `com_lds_version` of EF.COM ("0107"), `issued_on` of DG12, `document_number` of DG1. `now` is aware
    UTC. Never raises for what the chip says.
    """
    signed = security_object.check_security_object(sod, store)
    parsed, signer = signed.security_object, signed.signer
    facts = deviations.DocumentFacts(signer, issuing_state, document_code, issued_on, document_number)
    known = store.deviations(facts)
    if parsed is None:
        return PassiveAuthentication(_explained(_blocked(signed.checks), known), known_defects=known)
    inside = integrity.check_integrity(
        parsed,
        data_groups,
        listed_in_com=listed_in_com,
        card_access=card_access,
        com_lds_version=com_lds_version,
    )
    if signer is None:
        groups = _explained(_blocked(signed.checks, inside), known)
        return PassiveAuthentication(groups, parsed, known_defects=known)
    found = issuer.check_issuer(
        signer,
        store,
        now=now,
        signing_time=parsed.signed_data.signer.signing_time,
        document_code=document_code,
        issued_on=issued_on,
    )
    state = integrity.check_issuing_state(signer, found.csca, issuing_state)
    covered = _covered(parsed, data_groups) if signed.authentic else frozenset()
    groups = _explained(_groups(signed.checks, found.checks, inside, state), known)
    return PassiveAuthentication(groups, parsed, signer, found.csca, covered, known)


def _explained(
    groups: Mapping[str, tuple[Check, ...]], known: tuple[tuple[str, deviations.Deviation], ...]
) -> Mapping[str, tuple[Check, ...]]:
    """Step 20: what a trusted deviation list explains is undetermined."""
    return MappingProxyType(
        {name: tuple(deviations.apply(check, known) for check in checks) for name, checks in groups.items()}
    )


def _groups(*checks: tuple[Check, ...]) -> Mapping[str, tuple[Check, ...]]:
    return MappingProxyType(dict(zip(GROUPS, checks, strict=True)))


def _blocked(
    signed: tuple[Check, ...], inside: tuple[Check, ...] | None = None
) -> Mapping[str, tuple[Check, ...]]:
    """Without a security object or its signer, later checks stay open for the same reason."""
    findings = next(check.findings for check in signed if check.findings)

    def open_checks(names: tuple[str, ...]) -> tuple[Check, ...]:
        return tuple(Check(name, Outcome.UNDETERMINED, findings) for name in names)

    inside = open_checks(integrity.NAMES) if inside is None else inside
    return _groups(signed, open_checks(issuer.NAMES), inside, open_checks((integrity.ISSUING_STATE,)))


def _covered(parsed: SecurityObject, data_groups: Mapping[int, bytes]) -> frozenset[int]:
    try:
        matches = integrity.matching_groups(parsed, data_groups)
    except UnsupportedAlgorithm:
        return frozenset()
    return frozenset(number for number, ok in matches.items() if ok)
