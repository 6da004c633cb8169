"""Checks of what the signed data say: readable, in agreement with each other, known to be defect.

Owns E8 for the contents of data groups and E10 (BSI TR-03135-1 section 5.6), and names the comparisons of
section 5.7 that this station has no equipment for. All of it is about data whose authenticity is judged
elsewhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from card_io.emrtd.checks import EXPIRY, ReportReason, check
from card_io.emrtd.result import ReadResult
from card_io.errors import MalformedCardData
from card_io.lds.data_groups import DocumentDetails, PersonalDetails, parse_dg11, parse_dg12
from card_io.lds.face import parse_dg2
from card_io.lds.image_header import image_header
from card_io.lds.mrz import Mrz
from card_io.lds.name_matching import names_agree
from crypto.countries import certificate_country
from crypto.trust import Check, Finding, Outcome, PassiveAuthentication, Reason, TrustStore

CONTENTS = "chip_contents"
KNOWN_DEFECTS = "known_defects"
VALIDITY_PERIODS = "validity_periods"
CARD_SIDES = "card_sides"
OTHER_DOCUMENT = "other_document"
SEAL_NUMBER = "seal_number"
PRINTED_TEXT = "printed_text"
PRINTED_PORTRAIT = "printed_portrait"
SEAL_MRZ = "seal_mrz"
NOT_COMPARED: Final = (CARD_SIDES, OTHER_DOCUMENT, SEAL_NUMBER, PRINTED_TEXT, PRINTED_PORTRAIT, SEAL_MRZ)
EVALUATORY: Final = frozenset({*NOT_COMPARED, KNOWN_DEFECTS, VALIDITY_PERIODS})

EXPLAINED: Mapping[str, frozenset[str]] = MappingProxyType(
    {  # deviation types of Doc 9303-12 section 10 and the findings outside passive authentication
        "3.1": frozenset({ReportReason.MRZ_DG1_MISMATCH}),
        "3.2": frozenset({ReportReason.MRZ_CHECK_DIGIT_WRONG}),
        "4": frozenset({ReportReason.CHIP_AUTHENTICATION_FAILED}),
    }
)
KEY_COMPROMISED: Final = "1.4"  # of active authentication
_SCRIPTS = ("LATIN", "CYRILLIC", "ARABIC")  # what names_agree can spell
_ONE_DAY = timedelta(days=1)


def not_compared() -> tuple[Check, ...]:
    """C3 to C8: they need a second side, another document, a seal, or text and portrait off the page."""
    return tuple(check(name, Outcome.NOT_SUPPORTED, ReportReason.NOT_PERFORMED) for name in NOT_COMPARED)


def personal_details(read: ReadResult) -> PersonalDetails | None:
    """DG11, None if it was not read or is none."""
    try:
        return parse_dg11(read.files["DG11"]) if "DG11" in read.files else None
    except MalformedCardData:
        return None


def document_details(read: ReadResult) -> DocumentDetails | None:
    """DG12, None if it was not read or is none."""
    try:
        return parse_dg12(read.files["DG12"]) if "DG12" in read.files else None
    except MalformedCardData:
        return None


def issue_date(read: ReadResult) -> date | None:
    """The date of issue in DG12, None if there is none."""
    details = document_details(read)
    text = details.issue_date if details is not None else ""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])) if len(text) == len("YYYYMMDD") else None
    except ValueError:
        return None


def chip_contents(read: ReadResult | None, chip: Mrz | None, today: date) -> Check:
    """E8: DG2 holds a picture, DG11 and DG12 can be read and agree with DG1; undetermined if not.

    A name in national letters that cannot be spelled as in DG1 is a note: national rules differ.
    """
    if read is None:
        return check(CONTENTS, Outcome.NOT_SUPPORTED, ReportReason.NO_CHIP)
    evidence: dict[str, str] = {}
    findings = [*_face(read, evidence), *_details(read, chip, today)]
    notes = _name(read, chip)
    if findings:
        return Check(CONTENTS, Outcome.UNDETERMINED, (*findings, *notes), evidence)
    if not {"DG2", "DG11", "DG12"} & read.files.keys():
        return check(CONTENTS, Outcome.NOT_SUPPORTED, Reason.DG_NOT_READ, "DG2")
    return Check(CONTENTS, Outcome.SUCCESSFUL, notes, evidence)


def known_defects(
    passive: PassiveAuthentication | None, store: TrustStore, issuing_state: str | None
) -> Check:
    """E10: what trusted deviation lists say about this document; its effects are on the other checks."""
    country = certificate_country(issuing_state or "")
    if passive is not None and passive.known_defects:
        kinds = [f"{name}: {kind}" for name, item in passive.known_defects for kind, _ in item.kinds]
        findings = tuple(Finding(Reason.DEVIATION_LISTED, text) for text in dict.fromkeys(kinds))
        return Check(KNOWN_DEFECTS, Outcome.UNDETERMINED, findings)
    if country is None or not store.has_deviations(country):
        return check(KNOWN_DEFECTS, Outcome.NOT_SUPPORTED, Reason.NOT_STATED, "deviation list")
    return Check(KNOWN_DEFECTS, Outcome.SUCCESSFUL)


def validity_periods(passive: PassiveAuthentication | None, mrz: Mrz | None, today: date) -> Check:
    """The document's expiry against its signer's certificate, which outlives it (Doc 9303-12 table 1)."""
    signer = passive.document_signer if passive is not None else None
    expires = mrz.expiry_date(today) if mrz is not None else None
    if signer is None or expires is None:
        missing = EXPIRY if signer is not None else "document signer"
        return check(VALIDITY_PERIODS, Outcome.NOT_SUPPORTED, Reason.NOT_STATED, missing)
    evidence = {"signer_not_after": signer.not_after.isoformat()}
    if signer.not_after.date() >= expires:
        return Check(VALIDITY_PERIODS, Outcome.SUCCESSFUL, (), evidence)
    reason = ReportReason.SIGNER_ENDS_FIRST
    return check(VALIDITY_PERIODS, Outcome.UNDETERMINED, reason, "", evidence)


def _face(read: ReadResult, evidence: dict[str, str]) -> tuple[Finding, ...]:
    if "DG2" not in read.files:
        return ()
    try:
        faces = parse_dg2(read.files["DG2"])
    except MalformedCardData:
        faces = ()
    if not all(image_header(face.image) for face in faces) or not faces:
        return (Finding(ReportReason.DG_UNREADABLE, "DG2"),)
    evidence["faces"] = str(len(faces))
    evidence["picture"] = f"{faces[0].mime} {faces[0].width}x{faces[0].height}"
    return ()


def _details(read: ReadResult, chip: Mrz | None, today: date) -> tuple[Finding, ...]:
    found = []
    personal, document = personal_details(read), document_details(read)
    for name, details in (("DG11", personal), ("DG12", document)):
        if name in read.files and details is None:
            found.append(Finding(ReportReason.DG_UNREADABLE, name))
    if personal is not None and chip is not None and not _same_birth(personal.birth_date, chip.birth):
        found.append(Finding(ReportReason.DG_INCONSISTENT, "DG11 birth"))
    issued = issue_date(read)
    expires = chip.expiry_date(today) if chip is not None else None
    if issued is not None and (issued > today + _ONE_DAY or (expires is not None and issued > expires)):
        found.append(Finding(ReportReason.DG_INCONSISTENT, "DG12 issue date"))
    return tuple(found)


def _same_birth(full: str, short: str) -> bool:
    """YYYYMMDD and YYMMDD as far as both are known; the unknown is zeros in one, fillers in the other."""
    if len(full) != len("YYYYMMDD"):
        return True
    year, month, day = (full[:4], full[2:4]), (full[4:6],) * 2, (full[6:],) * 2
    return all(
        int(known) == 0 or not printed.isdecimal() or told == printed
        for (known, told), printed in zip(
            (year, month, day), (short[:2], short[2:4], short[4:6]), strict=True
        )
    )


def _name(read: ReadResult, chip: Mrz | None) -> tuple[Finding, ...]:
    details = personal_details(read)
    if chip is None or details is None or not details.full_name:
        return ()
    surname, given = (*details.full_name, "")[:2]
    if not _is_spelt(surname + given):
        return ()
    try:
        agree = names_agree((surname, given), chip)
    except MalformedCardData:
        return ()
    return () if agree else (Finding(ReportReason.DG_INCONSISTENT, "DG11 name"),)


def _is_spelt(text: str) -> bool:
    """Letters of scripts that have a transliteration for the MRZ (Doc 9303-3 section 6)."""
    return all(unicodedata.name(c, "").startswith(_SCRIPTS) for c in text if c.isalpha())
