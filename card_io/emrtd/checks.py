"""The checks of an inspection besides passive authentication (BSI TR-03135-1 sections 5.5 to 5.7).

Owns one function per check, each from plain inputs to a `Check` with its reasons. How checks combine, and
the one question whether the chip is genuine, belong to `card_io.emrtd.report`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from card_io.emrtd.access import BAC, PLAIN, AccessResult
from card_io.emrtd.reader import ReadResult
from card_io.errors import AccessDenied, MalformedCardData
from card_io.lds.data_groups import parse_dg1
from card_io.lds.mrz import Mrz
from card_io.lds.security_infos import parse_dg14
from crypto.trust import Check, Finding, Outcome

MRZ_DIGITS = "mrz_check_digits"
MRZ_DATES = "mrz_dates"
MRZ_SOURCE = "mrz_source"
ULTRAVIOLET = "ultraviolet_features"
INFRARED = "infrared_mrz"
PRINT = "print_quality"
DOCUMENT_MODEL = "document_model"
CHIP_PRESENT = "chip_present"
ACCESS_PROTOCOL = "access_protocol"
READING = "reading"
TERMINAL_AUTHENTICATION = "terminal_authentication"
ACTIVE_AUTHENTICATION = "active_authentication"
CHIP_AUTHENTICATION = "chip_authentication"
EXPIRY = "document_expiry"
MRZ_MATCH = "mrz_matches_chip"

_COMPARED = (
    "format",
    "document_code",
    "issuer",
    "document_number",
    "surname",
    "given_names",
    "nationality",
    "birth",
    "sex",
    "expiry",
    "optional",
    "optional_2",
)
_OPTIONAL = frozenset({"optional", "optional_2", "check_digits"})


class ReportReason(StrEnum):
    """Why a check outside passive authentication is not successful, or what is to be known about it."""

    NOT_PERFORMED = "NOT_PERFORMED"
    """This station has no equipment for the check (ultraviolet, infrared) or does not speak the protocol."""
    MRZ_NOT_READ = "MRZ_NOT_READ"
    """No machine readable zone was read optically."""
    MRZ_CHECK_DIGIT_WRONG = "MRZ_CHECK_DIGIT_WRONG"
    """A check digit of the printed MRZ is wrong; the detail names the field."""
    MRZ_TYPED = "MRZ_TYPED"
    """The zone was typed by hand, not read from the page."""
    MRZ_RESOLVED = "MRZ_RESOLVED"
    """Characters that could not be read surely were taken from the chip; the detail is how many."""
    MRZ_DATE_IMPOSSIBLE = "MRZ_DATE_IMPOSSIBLE"
    """A printed date is no date; the detail names it."""
    NO_CHIP = "NO_CHIP"
    """No chip answered: the document has none, or it is broken or shielded."""
    READ_ABORTED = "READ_ABORTED"
    """The document was lifted, the chip fell silent or the read was stopped: nothing is said about it."""
    READ_INCOMPLETE = "READ_INCOMPLETE"
    """The chip could not be read to the end; the detail is the error code."""
    ACCESS_DENIED = "ACCESS_DENIED"
    """The chip did not accept the MRZ or CAN: read or type it again."""
    ACCESS_FAILED = "ACCESS_FAILED"
    """The chip could not be opened; the detail is the error code."""
    ACCESS_OTHER_KEY = "ACCESS_OTHER_KEY"
    """The chip refused the likeliest reading of the page and opened with another; the detail is how many it
    refused."""
    ACCESS_PLAIN = "ACCESS_PLAIN"
    """The chip is readable without access control."""
    PACE_FALLBACK_BAC = "PACE_FALLBACK_BAC"
    """PACE was offered but did not work, BAC was used instead; the detail is why."""
    PACE_DOWNGRADE = "PACE_DOWNGRADE"
    """The signed DG14 says the chip speaks PACE, but it was not offered: somebody may have removed it."""
    PACE_OFFER_REFUSED = "PACE_OFFER_REFUSED"
    """The chip failed at a better PACE it offers before another opened it; the detail names it."""
    CHIP_NOT_AUTHENTICATED = "CHIP_NOT_AUTHENTICATED"
    """The chip has no key to prove that it is not a copy, or the proof was not asked for."""
    CHIP_AUTHENTICATION_FAILED = "CHIP_AUTHENTICATION_FAILED"
    """The chip could not prove that it holds the key of DG15 or DG14: it may be a copy."""
    CHIP_AUTHENTICATION_OPEN = "CHIP_AUTHENTICATION_OPEN"
    """The proof could not be judged: unknown key or hash, or the session broke."""
    CHIP_KEY_NOT_SIGNED = "CHIP_KEY_NOT_SIGNED"
    """The proof holds, but passive authentication does not vouch for the key it was made with."""
    CHIP_KEY_COMPROMISED = "CHIP_KEY_COMPROMISED"
    """The proof holds, but its state lists the key as known to others; the detail names the list."""
    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    """The date of expiry is past."""
    EXPIRY_UNREADABLE = "EXPIRY_UNREADABLE"
    """The date of expiry is no date."""
    DG1_UNREADABLE = "DG1_UNREADABLE"
    """DG1 was not read or holds no MRZ."""
    MRZ_DG1_MISMATCH = "MRZ_DG1_MISMATCH"
    """The printed MRZ is not the one in the chip; the detail names the field."""
    DG_UNREADABLE = "DG_UNREADABLE"
    """A data group was read but does not follow its standard; the detail names it."""
    DG_INCONSISTENT = "DG_INCONSISTENT"
    """A data group says something else than DG1; the detail names the group and the field."""
    SIGNER_ENDS_FIRST = "SIGNER_ENDS_FIRST"
    """The document is valid longer than the certificate of its signer."""


def check(
    name: str,
    outcome: Outcome,
    reason: StrEnum,
    detail: str = "",
    evidence: Mapping[str, str] = MappingProxyType({}),
) -> Check:
    """A check with one finding."""
    return Check(name, outcome, (Finding(reason, detail),), evidence)


def mrz_check_digits(optical: Mrz | None) -> Check:
    """O2: failed if any digit is wrong."""
    if optical is None:
        return check(MRZ_DIGITS, Outcome.NOT_SUPPORTED, ReportReason.MRZ_NOT_READ)
    wrong = [name for name, good in optical.checks.items() if not good]
    findings = tuple(Finding(ReportReason.MRZ_CHECK_DIGIT_WRONG, name) for name in wrong)
    outcome = Outcome.FAILED if wrong else Outcome.SUCCESSFUL
    return Check(MRZ_DIGITS, outcome, findings, {"format": optical.format})


def mrz_source(optical: Mrz | None, *, typed: bool, resolved: int = 0) -> Check:
    """A zone typed by hand is somebody's word, and characters taken from the chip do not confirm it:
    undetermined, so that a second person looks. `resolved` counts such characters.
    """
    if optical is None:
        return check(MRZ_SOURCE, Outcome.NOT_SUPPORTED, ReportReason.MRZ_NOT_READ)
    if typed:
        return check(MRZ_SOURCE, Outcome.UNDETERMINED, ReportReason.MRZ_TYPED)
    if resolved:
        return check(MRZ_SOURCE, Outcome.UNDETERMINED, ReportReason.MRZ_RESOLVED, str(resolved))
    return Check(MRZ_SOURCE, Outcome.SUCCESSFUL)


def mrz_dates(optical: Mrz | None, today: date) -> Check:
    """O5 for dates: expiry is a date, birth is one as far as it is known; odd dates are undetermined."""
    if optical is None:
        return check(MRZ_DATES, Outcome.NOT_SUPPORTED, ReportReason.MRZ_NOT_READ)
    odd = []
    if optical.birth.isdecimal() and optical.birth_date(today) is None:
        odd.append(Finding(ReportReason.MRZ_DATE_IMPOSSIBLE, "birth"))
    if optical.expiry and optical.expiry_date(today) is None:
        odd.append(Finding(ReportReason.MRZ_DATE_IMPOSSIBLE, "expiry"))
    return Check(MRZ_DATES, Outcome.UNDETERMINED if odd else Outcome.SUCCESSFUL, tuple(odd))


def not_performed() -> tuple[Check, ...]:
    """O3, O4, O6, O7: what a station with visible light only and no model database cannot do."""
    return tuple(
        check(name, Outcome.NOT_SUPPORTED, ReportReason.NOT_PERFORMED)
        for name in (ULTRAVIOLET, INFRARED, PRINT, DOCUMENT_MODEL)
    )


def chip_present(read: ReadResult | None) -> Check:
    """E1."""
    if read is None:
        return check(CHIP_PRESENT, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    if read.access is None and read.aborted:
        return check(CHIP_PRESENT, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read))
    return Check(CHIP_PRESENT, Outcome.SUCCESSFUL)


def access_protocol(read: ReadResult | None, signed: Collection[int], refused_keys: int = 0) -> Check:
    """E2: successful if PACE or BAC worked; a plain chip is not supported, a hidden PACE undetermined.

    `refused_keys` were tried before the one that `read` was done with.
    """
    if read is None:
        return check(ACCESS_PROTOCOL, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    access = read.access
    if access is None:
        return _not_opened(read)
    evidence = {"protocol": access.protocol, "parameters": access.parameters}
    if access.protocol == PLAIN:
        return check(ACCESS_PROTOCOL, Outcome.NOT_SUPPORTED, ReportReason.ACCESS_PLAIN, "", evidence)
    if access.protocol == BAC and not access.fallback and 14 in signed and _promises_pace(read):
        return check(ACCESS_PROTOCOL, Outcome.UNDETERMINED, ReportReason.PACE_DOWNGRADE, "", evidence)
    notes = _access_notes(access, refused_keys)
    return Check(ACCESS_PROTOCOL, Outcome.SUCCESSFUL, notes, evidence)


def _access_notes(access: AccessResult, refused_keys: int) -> tuple[Finding, ...]:
    why = access.pace_problem or ""
    fallback = (Finding(ReportReason.PACE_FALLBACK_BAC, why),) if access.fallback else ()
    offers = tuple(Finding(ReportReason.PACE_OFFER_REFUSED, name) for name in access.refused)
    other = (Finding(ReportReason.ACCESS_OTHER_KEY, str(refused_keys)),) if refused_keys else ()
    return (*fallback, *offers, *other)


def reading(read: ReadResult | None) -> Check:
    """Whether the chip was read to the end; missing files are judged against EF.SOD."""
    if read is None:
        return check(READING, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    evidence = {name: str(len(data)) for name, data in read.files.items()}
    if read.aborted:
        return check(READING, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read), evidence)
    if read.problem is not None:
        return check(
            READING, Outcome.UNDETERMINED, ReportReason.READ_INCOMPLETE, problem_code(read), evidence
        )
    notes = tuple(
        Finding(ReportReason.READ_INCOMPLETE, f"{name}: {problem}")
        for name, problem in read.file_problems.items()
        if name != "EF.CardAccess"
    )
    return Check(READING, Outcome.SUCCESSFUL, notes, evidence)


def terminal_authentication(read: ReadResult | None) -> Check:
    """E3: fingerprints and irises are told to be there and are not read without the state's certificates."""
    name = TERMINAL_AUTHENTICATION
    if read is None:
        return check(name, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    present = " ".join(f"DG{number}" for number in sorted(read.protected_groups))
    evidence = {"present": present} if present else {}
    return check(name, Outcome.NOT_SUPPORTED, ReportReason.NOT_PERFORMED, present, evidence)


def document_expiry(mrzs: Collection[Mrz], today: date) -> Check:
    """C1: failed if a date of expiry is past; valid on the day itself (two-digit years: Mrz.expiry_date)."""
    if not mrzs:
        return check(EXPIRY, Outcome.NOT_SUPPORTED, ReportReason.MRZ_NOT_READ)
    dates = [mrz.expiry_date(today) for mrz in mrzs]
    known = [day for day in dates if day is not None]
    if any(day < today for day in known):
        return check(EXPIRY, Outcome.FAILED, ReportReason.DOCUMENT_EXPIRED)
    if len(known) < len(dates):
        return check(EXPIRY, Outcome.UNDETERMINED, ReportReason.EXPIRY_UNREADABLE)
    return Check(EXPIRY, Outcome.SUCCESSFUL)


def mrz_matches_chip(optical: Mrz | None, chip: Mrz | None, read: ReadResult | None) -> Check:
    """C2: field by field; failed, or undetermined when only optional data or a check digit differs."""
    if optical is None:
        return check(MRZ_MATCH, Outcome.NOT_SUPPORTED, ReportReason.MRZ_NOT_READ)
    if read is None:
        return check(MRZ_MATCH, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    if chip is None:
        if read.aborted and "DG1" not in read.files:
            return check(MRZ_MATCH, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read))
        return check(MRZ_MATCH, Outcome.UNDETERMINED, ReportReason.DG1_UNREADABLE)
    different = differing_fields(optical, chip)
    findings = tuple(Finding(ReportReason.MRZ_DG1_MISMATCH, name) for name in different)
    if set(different) - _OPTIONAL:
        return Check(MRZ_MATCH, Outcome.FAILED, findings)
    return Check(MRZ_MATCH, Outcome.UNDETERMINED if different else Outcome.SUCCESSFUL, findings)


def differing_fields(optical: Mrz, chip: Mrz) -> tuple[str, ...]:
    """Names of the fields that differ; "check_digits" if the lines differ but no field does."""
    if optical.lines == chip.lines:
        return ()
    different = [name for name in _COMPARED if getattr(optical, name) != getattr(chip, name)]
    return tuple(different) or ("check_digits",)


def chip_mrz(read: ReadResult | None) -> Mrz | None:
    """The MRZ of DG1, None if it was not read or holds none."""
    try:
        return parse_dg1(read.files["DG1"]) if read is not None and "DG1" in read.files else None
    except MalformedCardData:
        return None


def problem_code(read: ReadResult) -> str:
    """The code of what ended the read, "" if nothing did."""
    return "" if read.problem is None else str(read.problem.code)


def _not_opened(read: ReadResult) -> Check:
    if read.aborted:
        return check(ACCESS_PROTOCOL, Outcome.ABORTED, ReportReason.READ_ABORTED, problem_code(read))
    denied = isinstance(read.problem, AccessDenied)
    reason = ReportReason.ACCESS_DENIED if denied else ReportReason.ACCESS_FAILED
    return check(ACCESS_PROTOCOL, Outcome.UNDETERMINED, reason, "" if denied else problem_code(read))


def _promises_pace(read: ReadResult) -> bool:
    try:
        return "DG14" in read.files and bool(parse_dg14(read.files["DG14"]).pace)
    except MalformedCardData:
        return False
