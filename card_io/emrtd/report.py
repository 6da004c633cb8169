"""The verdict tree of an inspection (BSI TR-03135-1 v2.5 sections 3.5, 5.4, 5.7).

Owns how the checks of reader, optics and trust come together. "The protocol ran" and "the chip is genuine"
are different questions: only `InspectionReport.chip_is_genuine` answers the second, and it needs passive
authentication up to a trusted CSCA and active authentication, chip authentication or chip authentication
mapping with a key that is covered by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from card_io.emrtd import authenticity, checks, contents
from card_io.emrtd.checks import ReportReason, check
from card_io.emrtd.result import ReadResult, com_of
from card_io.lds.mrz import Mrz
from crypto.trust import GROUPS as PASSIVE_GROUPS
from crypto.trust import MANDATORY as PASSIVE_MANDATORY
from crypto.trust import (
    Check,
    Outcome,
    PassiveAuthentication,
    Reason,
    TrustStore,
    combine_checks,
    deviations,
    passive_authentication,
)

GROUPS = ("optical", "chip_access", "chip_authenticity", *PASSIVE_GROUPS, "combined")
"""In the order of TR-03135; seals join at the end when they are built."""


@dataclass(frozen=True)
class Profile:
    """Which checks must be there (`mandatory`) and which are shown but never count (`evaluatory`)."""

    mandatory: frozenset[str]
    evaluatory: frozenset[str] = contents.EVALUATORY | frozenset(
        {
            checks.ULTRAVIOLET,
            checks.INFRARED,
            checks.PRINT,
            checks.DOCUMENT_MODEL,
            checks.TERMINAL_AUTHENTICATION,
        }
    )


_CHIP = PASSIVE_MANDATORY | {checks.CHIP_PRESENT, checks.READING, checks.EXPIRY}
DOCUMENT = Profile(_CHIP | {checks.MRZ_DIGITS, checks.MRZ_MATCH})
"""A traveller's document: optics and chip. Proofs of the chip count if it can give them."""
OWN_CARD = Profile(_CHIP | {checks.ACCESS_PROTOCOL, checks.ACTIVE_AUTHENTICATION})
"""Read-back of a card we issued: no optics, but the chip must prove itself."""


@dataclass(frozen=True)
class InspectionReport:
    """All checks by group, and what they add up to under the profile."""

    groups: Mapping[str, tuple[Check, ...]]
    profile: Profile
    chip_is_genuine: bool
    """The data is signed by a trusted state and the chip proved that it is not a copy."""
    passive: PassiveAuthentication | None = field(default=None, repr=False)
    chip_mrz: Mrz | None = field(default=None, repr=False)
    optical_mrz: Mrz | None = field(default=None, repr=False)
    inspected_at: datetime | None = None
    read: ReadResult | None = field(default=None, repr=False)
    trust_data_days: int | None = None
    """Days since the trust data were loaded; the age of each list is evidence of its check."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks in order."""
        return tuple(item for name in GROUPS for item in self.groups[name])

    @property
    def overall(self) -> Outcome:
        """The whole document; never successful unless passive authentication is."""
        outcome = self._combine(self.checks, self.profile.mandatory)
        vouched = self.passive is not None and self.passive.outcome is Outcome.SUCCESSFUL
        return Outcome.UNDETERMINED if outcome is Outcome.SUCCESSFUL and not vouched else outcome

    def outcome(self, group: str) -> Outcome:
        """One of `GROUPS`."""
        members = self.groups[group]
        needed = self.profile.mandatory & {item.name for item in members}
        return self._combine(members, needed)

    def reasons(self) -> tuple[tuple[Check, str, str], ...]:
        """(check, reason, detail) of every finding, worst outcome first as a screen lists them."""
        order = list(_WORST_FIRST)
        found = [(item, str(f.reason), f.detail) for item in self.checks for f in item.findings]
        return tuple(sorted(found, key=lambda entry: order.index(entry[0].outcome)))

    def to_json(self) -> dict[str, Any]:
        """The record of the inspection: all that was found and all it was found from, but no contents.

        Personal data stand only under "personal"; there are no images.
        """
        return {
            "version": 2,
            "inspected_at": self.inspected_at.isoformat() if self.inspected_at else None,
            "overall": str(self.overall),
            "chip_is_genuine": self.chip_is_genuine,
            "groups": [self._group_record(name) for name in GROUPS],
            "profile": {
                "mandatory": sorted(self.profile.mandatory),
                "evaluatory": sorted(self.profile.evaluatory),
            },
            "trust_data_days": self.trust_data_days,
            "reading": None if self.read is None else read_record(self.read),
            "personal": {
                "optical_mrz": _lines(self.optical_mrz),
                "chip_mrz": _lines(self.chip_mrz),
                "file_sha256": {} if self.read is None else _hashes(self.read),
            },
        }

    def _combine(self, members: Iterable[Check], mandatory: Iterable[str]) -> Outcome:
        counted = [item for item in members if item.name not in self.profile.evaluatory]
        return combine_checks(counted, list(mandatory))

    def _group_record(self, name: str) -> dict[str, Any]:
        records = [self._check_record(item) for item in self.groups[name]]
        return {"name": name, "outcome": str(self.outcome(name)), "checks": records}

    def _check_record(self, item: Check) -> dict[str, Any]:
        return {
            "name": item.name,
            "outcome": str(item.outcome),
            "counts": item.name not in self.profile.evaluatory,
            "mandatory": item.name in self.profile.mandatory,
            "findings": [{"reason": str(f.reason), "detail": f.detail} for f in item.findings],
            "evidence": dict(item.evidence),
        }


_WORST_FIRST = (
    Outcome.FAILED,
    Outcome.ABORTED,
    Outcome.UNDETERMINED,
    Outcome.NOT_SUPPORTED,
    Outcome.SUCCESSFUL,
)


def inspect(
    read: ReadResult | None,
    *,
    store: TrustStore,
    now: datetime,
    optical: Mrz | None,
    profile: Profile = DOCUMENT,
    typed: bool = False,
    resolved: int = 0,
    refused_keys: int = 0,
) -> InspectionReport:
    """Judge what was read; `read` None: no chip answered, `optical` None: no MRZ read; `now` is aware.

    `typed`: the optical MRZ was entered by hand; `resolved`: so many of its characters were doubtful and are
    the chip's; the verdict is then undetermined at best. `refused_keys`: tried before the one that opened.
    """
    chip = checks.chip_mrz(read)
    passive = None if read is None else _passive(read, chip, store, now)
    signed = passive.signed_data_groups if passive is not None else frozenset()
    trusted = passive is not None and passive.outcome is Outcome.SUCCESSFUL
    defects = passive.known_defects if passive is not None else ()
    proofs = _proofs(read, store, now, chip, passive)
    groups = {
        "optical": (
            checks.mrz_source(optical, typed=typed, resolved=resolved),
            checks.mrz_check_digits(optical),
            checks.mrz_dates(optical, now.date()),
            *checks.not_performed(),
        ),
        "chip_access": (
            checks.chip_present(read),
            checks.access_protocol(read, signed, refused_keys),
            checks.reading(read),
            checks.terminal_authentication(read),
        ),
        "chip_authenticity": proofs,
        **_passive_groups(read, passive),
        "combined": _combined(read, passive, store, optical, chip, now.date()),
    }
    explained = {
        name: tuple(deviations.apply(item, defects, contents.EXPLAINED) for item in members)
        for name, members in groups.items()
    }
    genuine = trusted and authenticity.is_proven(proofs)
    return InspectionReport(
        MappingProxyType(explained),
        profile,
        genuine,
        passive,
        chip,
        optical,
        now,
        read,
        store.age(now).days,
    )


def read_record(read: ReadResult) -> dict[str, Any]:
    """How the chip was read, as plain JSON data: steps, files by size, problems; no contents."""
    access = read.access
    return {
        "aborted": read.aborted,
        "problem": str(read.problem.code) if read.problem is not None else None,
        "access": None if access is None else {"protocol": access.protocol, "parameters": access.parameters},
        "block_size": read.block.size,
        "steps": [step.record() for step in read.steps],
        "files": {name: len(data) for name, data in sorted(read.files.items())},
        "file_problems": {name: str(code) for name, code in sorted(read.file_problems.items())},
        "groups_present": sorted(read.present_groups),
        "groups_protected": sorted(read.protected_groups),
    }


def _proofs(
    read: ReadResult | None,
    store: TrustStore,
    now: datetime,
    chip: Mrz | None,
    passive: PassiveAuthentication | None,
) -> tuple[Check, ...]:
    """The group of chip authenticity."""
    signed = passive.signed_data_groups if passive is not None else frozenset()
    trusted = passive is not None and passive.outcome is Outcome.SUCCESSFUL
    active = authenticity.active_authentication(read, signed, trusted=trusted)
    if passive is not None:
        active = authenticity.compromised(active, passive.known_defects)
    file = authenticity.card_security(read, store, now, chip)
    return authenticity.together(
        (
            active,
            authenticity.chip_authentication(read, signed, trusted=trusted),
            authenticity.chip_mapping(read, file, trusted=trusted),
        ),
        (file,),
    )


def _combined(
    read: ReadResult | None,
    passive: PassiveAuthentication | None,
    store: TrustStore,
    optical: Mrz | None,
    chip: Mrz | None,
    today: date,
) -> tuple[Check, ...]:
    mrzs = [mrz for mrz in (optical, chip) if mrz is not None]
    state = chip.lines[0][2:5] if chip is not None else None
    return (
        checks.document_expiry(mrzs, today),
        checks.mrz_matches_chip(optical, chip, read),
        contents.chip_contents(read, chip, today),
        contents.validity_periods(passive, chip, today),
        contents.known_defects(passive, store, state),
        *contents.not_compared(),
    )


def _passive(read: ReadResult, chip: Mrz | None, store: TrustStore, now: datetime) -> PassiveAuthentication:
    com = com_of(read.files)
    return passive_authentication(
        sod=read.files.get("EF.SOD"),
        data_groups=read.data_groups,
        listed_in_com=com.groups if com is not None else None,
        store=store,
        now=now,
        document_code=chip.lines[0][:2] if chip else None,
        issuing_state=chip.lines[0][2:5] if chip else None,
        card_access=read.files.get("EF.CardAccess"),
        com_lds_version=com.lds_version if com is not None else None,
        issued_on=contents.issue_date(read),
        document_number=chip.document_number if chip else "",
    )


def _passive_groups(
    read: ReadResult | None, passive: PassiveAuthentication | None
) -> dict[str, tuple[Check, ...]]:
    """The four groups of passive authentication; what an aborted read left open is aborted."""
    if read is None or passive is None:
        return _same(Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    if "EF.SOD" not in read.files and read.aborted:
        return _same(Outcome.ABORTED, ReportReason.READ_ABORTED)
    if "EF.SOD" not in read.files and read.problem is not None:
        return _same(Outcome.UNDETERMINED, ReportReason.READ_INCOMPLETE)
    if not read.aborted:
        return dict(passive.groups)
    return {name: tuple(map(_if_aborted, members)) for name, members in passive.groups.items()}


def _same(outcome: Outcome, reason: ReportReason) -> dict[str, tuple[Check, ...]]:
    return {name: (check(name, outcome, reason),) for name in PASSIVE_GROUPS}


def _if_aborted(item: Check) -> Check:
    """In an aborted read, a check that only lacks a data group is aborted, not undetermined."""
    lacking = bool(item.findings) and all(f.reason == Reason.DG_NOT_READ for f in item.findings)
    open_only = item.outcome is Outcome.UNDETERMINED and lacking
    return Check(item.name, Outcome.ABORTED, item.findings, item.evidence) if open_only else item


def _hashes(read: ReadResult) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(read.files.items())}


def _lines(mrz: Mrz | None) -> list[str] | None:
    return None if mrz is None else list(mrz.lines)
