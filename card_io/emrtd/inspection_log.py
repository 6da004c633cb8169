"""The log of an inspection after BSI TR-03135-1 v2.5 sections 3.5, 3.7 and 5.3.

Owns the log profiles: which of a verdict's facts go into which record. Personal data is a record of its own,
tied to the log by the transaction number alone, so that it can be kept elsewhere and deleted earlier. No
record holds images, keys or the bytes of data groups.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from card_io.emrtd import checks, contents
from card_io.emrtd.card_security import CARD_SECURITY, CHIP_AUTHENTICATION_MAPPING
from card_io.emrtd.report import GROUPS, InspectionReport
from card_io.emrtd.result import ReadResult
from crypto.trust import Check, Outcome, integrity

VERSION = 1
FIRST_VENDOR_CODE, LAST_VENDOR_CODE = 1_000, 999_999  # TR-03135-1 section 3.7
_SHEET: Mapping[str, str] = {  # the numbers under which officers know the checks
    checks.MRZ_SOURCE: "O1",
    checks.MRZ_DIGITS: "O2",
    checks.INFRARED: "O3",
    checks.PRINT: "O4",
    checks.MRZ_DATES: "O5",
    checks.DOCUMENT_MODEL: "O6",
    checks.ULTRAVIOLET: "O7",
    checks.CHIP_PRESENT: "E1",
    checks.ACCESS_PROTOCOL: "E2",
    checks.TERMINAL_AUTHENTICATION: "E3",
    checks.ACTIVE_AUTHENTICATION: "E4",
    checks.CHIP_AUTHENTICATION: "E4",
    CHIP_AUTHENTICATION_MAPPING: "E4",
    CARD_SECURITY: "E5",
    contents.VALIDITY_PERIODS: "E6",
    integrity.COM_LIST: "E7",
    contents.CONTENTS: "E8",
    contents.KNOWN_DEFECTS: "E10",
    checks.EXPIRY: "C1",
    checks.MRZ_MATCH: "C2",
    contents.CARD_SIDES: "C3",
    contents.OTHER_DOCUMENT: "C4",
    contents.SEAL_NUMBER: "C5",
    contents.PRINTED_TEXT: "C6",
    contents.PRINTED_PORTRAIT: "C7",
    contents.SEAL_MRZ: "C8",
}
_TRACEABLE = frozenset(  # they single out one chip
    {"challenge", "signature", "terminal_key", "public_key", "mapping_key", "chip_data"}
)
_BY_GROUP = {"security_object": "E5", "issuer_certificates": "E6", "integrity": "E8", "issuing_state": "E9"}


class ProcessState(StrEnum):
    """How the inspection as a process ended; only a terminated one has a result that counts."""

    TERMINATED = "terminated"
    ABORTED = "aborted"


class LogProfile(StrEnum):
    """How much goes into the log."""

    STATISTICS = "statistics"
    """Results and codes only: nothing that tells one document from another."""
    OPERATIONAL = "operational"
    """And the parameters of every check, such as protocols, key sizes and certificate numbers."""


@dataclass(frozen=True)
class LogRecord:
    """`log` and `personal`, each as plain JSON data with the same "transaction"."""

    log: Mapping[str, Any]
    personal: Mapping[str, Any]


def log_record(
    report: InspectionReport,
    read: ReadResult | None,
    *,
    transaction: str,
    software: str,
    profile: LogProfile = LogProfile.OPERATIONAL,
) -> LogRecord:
    """The records of one inspection; `transaction` names it, `software` is the version that judged.

    `transaction` must not be made from the document's data.
    """
    proofs = {
        item.name: {key: value for key, value in item.evidence.items() if key in _TRACEABLE}
        for item in report.groups["chip_authenticity"]
    }
    personal = {**report.to_json()["personal"], "chip_proofs": proofs}
    log = {
        "version": VERSION,
        "transaction": transaction,
        "software": software,
        "profile": str(profile),
        "inspected_at": report.inspected_at.isoformat() if report.inspected_at else None,
        "state": str(process_state(read)),
        "result": str(report.overall),
        "chip_is_genuine": report.chip_is_genuine,
        "trust_data_days": report.trust_data_days,
        "steps": [step.record() for step in read.steps] if read is not None else [],
        "groups": [_group(report, name, profile) for name in GROUPS],
    }
    return LogRecord(log, {"version": VERSION, "transaction": transaction, **personal})


def process_state(read: ReadResult | None) -> ProcessState:
    """Aborted when the document was lifted or the chip fell silent: it says nothing about the document."""
    return ProcessState.ABORTED if read is not None and read.aborted else ProcessState.TERMINATED


def vendor_code(reason: str) -> int:
    """A number for a reason that stays the same for ever, in the range of vendors."""
    return FIRST_VENDOR_CODE + zlib.crc32(reason.encode()) % (LAST_VENDOR_CODE - FIRST_VENDOR_CODE + 1)


def _group(report: InspectionReport, name: str, profile: LogProfile) -> dict[str, Any]:
    entries = [_check(report, name, item, profile) for item in report.groups[name]]
    return {"name": name, "result": str(report.outcome(name)), "checks": entries}


def _check(report: InspectionReport, group: str, item: Check, profile: LogProfile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": _SHEET.get(item.name, _BY_GROUP.get(group, "")),
        "name": item.name,
        "use": _use(report, item.name),
        "result": str(item.outcome),
        "errors": _errors(item),
    }
    if profile is LogProfile.OPERATIONAL:
        entry["notes"] = [f"{finding.reason} {finding.detail}".strip() for finding in item.findings]
        entry["parameters"] = {key: item.evidence[key] for key in item.evidence if key not in _TRACEABLE}
    return entry


def _errors(item: Check) -> list[dict[str, Any]]:
    """No code means no error: what a successful check found besides is a note."""
    if item.outcome is Outcome.SUCCESSFUL:
        return []
    reasons = [str(finding.reason) for finding in item.findings]
    return [{"code": vendor_code(reason), "reason": reason} for reason in reasons]


def _use(report: InspectionReport, name: str) -> str:
    """How the profile uses a check (TR-03135-1 section 3.5)."""
    if name in report.profile.evaluatory:
        return "evaluatory"
    return "mandatory" if name in report.profile.mandatory else "optional"
