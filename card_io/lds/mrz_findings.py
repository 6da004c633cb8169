"""What is odd about a parsed machine readable zone, with its place (ICAO Doc 9303-3 to -7).

Only a wrong check digit speaks against the reading; everything else occurs on genuine documents and asks for
a look.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from card_io.lds import mrz_dates
from card_io.lds.iin import LENGTH, Iin
from card_io.lds.mrz import Mrz, overflow_of
from card_io.lds.mrz_codes import CodeKind, StateKind, code_kind, state_kind
from card_io.lds.mrz_layout import Span, check_rules, field_spans
from card_io.lds.russian_passport import is_russian_internal

_IIN = re.compile(rf"[0-9]{{{LENGTH}}}")
_LATE_DOUBLE = re.compile(r"(?<=[^<])<<+(?=[^<])")


class FindingCode(StrEnum):
    """Stable codes; every one has text and advice for people."""

    CHECK_DIGIT_WRONG = "MRZ_CHECK_DIGIT_WRONG"
    """Another check digit than the computed one."""

    CHECK_DIGIT_MISSING = "MRZ_CHECK_DIGIT_MISSING"
    """A filler where a check digit must stand."""

    DATE_IMPOSSIBLE = "MRZ_DATE_IMPOSSIBLE"
    """A birth or expiry that is no date of any century."""

    BIRTH_UNKNOWN = "MRZ_BIRTH_UNKNOWN"
    """Parts of the birth are fillers, as the standard has it for unknown parts."""

    EXPIRY_EMPTY = "MRZ_EXPIRY_EMPTY"
    """No expiry; the standard knows none such, some national documents have it."""

    BIRTH_AFTER_EXPIRY = "MRZ_BIRTH_AFTER_EXPIRY"
    """The birth lies behind the expiry unless it was a century earlier."""

    DOCUMENT_CODE_WRONG = "MRZ_DOCUMENT_CODE_WRONG"
    """A first or second letter that the format does not allow."""

    DOCUMENT_CODE_NATIONAL = "MRZ_DOCUMENT_CODE_NATIONAL"
    """A second letter of a passport that is its state's own."""

    DOCUMENT_CODE_CREW = "MRZ_DOCUMENT_CODE_CREW"
    """AC: a crew member certificate."""

    STATE_UNKNOWN = "MRZ_STATE_UNKNOWN"
    """A code of no state and no organisation."""

    STATE_EMPTY = "MRZ_STATE_EMPTY"
    """No code at all."""

    STATE_HISTORIC = "MRZ_STATE_HISTORIC"
    """A code that is not in use any more."""

    STATE_SPECIMEN = "MRZ_STATE_SPECIMEN"
    """Utopia: a specimen, no document of a state."""

    NAME_DIGIT = "MRZ_NAME_DIGIT"
    """A digit in a name."""

    NAME_EMPTY = "MRZ_NAME_EMPTY"
    """No name."""

    NAME_PERHAPS_CUT = "MRZ_NAME_PERHAPS_CUT"
    """The name fills its field to the last place, so it may go on."""

    FILLER_MISPLACED = "MRZ_FILLER_MISPLACED"
    """A filler before or between characters where the field allows none, or none where it needs one."""

    NUMBER_EMPTY = "MRZ_NUMBER_EMPTY"
    """No document number."""

    SEX_UNUSUAL = "MRZ_SEX_UNUSUAL"
    """Another character than M, F or a filler (some issuers print X)."""

    IIN_DIGIT_WRONG = "MRZ_IIN_DIGIT_WRONG"
    """The check digit of the IIN does not agree."""

    IIN_DATE_IMPOSSIBLE = "MRZ_IIN_DATE_IMPOSSIBLE"
    """The IIN begins with no date or has no century."""

    IIN_BIRTH_DIFFERS = "MRZ_IIN_BIRTH_DIFFERS"
    """The IIN and the field of birth name different days."""

    IIN_CENTURY_DIFFERS = "MRZ_IIN_CENTURY_DIFFERS"
    """The IIN names another century of birth than is likely by the MRZ alone."""

    IIN_SEX_DIFFERS = "MRZ_IIN_SEX_DIFFERS"
    """The IIN and the field of sex differ."""


WRONG_DIGITS: Final = frozenset({FindingCode.CHECK_DIGIT_WRONG, FindingCode.CHECK_DIGIT_MISSING})


@dataclass(frozen=True)
class Finding:
    """`code` about `field` (a name of `Mrz` or of a check digit) at columns `start` to before `end` of line
    `row`, counted from 0.
    """

    code: FindingCode
    field: str
    row: int
    start: int
    end: int


def findings(mrz: Mrz, today: dt.date) -> tuple[Finding, ...]:
    """Everything odd about `mrz` in reading order; () is the usual case."""
    found = [finding for check in _CHECKS for finding in check(mrz, today)]
    return tuple(sorted(found, key=lambda finding: (finding.row, finding.start)))


def _at(code: FindingCode, mrz: Mrz, field: str, place: re.Match[str] | None = None) -> Finding:
    """A finding about all of `field`, or about what `place` matched in it."""
    span = field_spans(mrz.format)[field]
    first, last = (span.start, span.end) if place is None else (n + span.start for n in place.span())
    return Finding(code, field, span.row, first, last)


def _texts(mrz: Mrz, *names: str) -> Iterator[tuple[str, str]]:
    """Name and raw text of those fields that the format has."""
    spans = field_spans(mrz.format)
    for name in names:
        if name in spans:
            yield name, spans[name].of(mrz.lines)


def _digits(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    for rule in check_rules(mrz.format, overflow_of(mrz.format, mrz.lines)):
        if not rule.agrees(mrz.lines):
            missing = rule.cell.of(mrz.lines) == "<"
            code = FindingCode.CHECK_DIGIT_MISSING if missing else FindingCode.CHECK_DIGIT_WRONG
            yield Finding(code, rule.name, *Span(*rule.cell, rule.cell.column + 1))


def _dates(mrz: Mrz, today: dt.date) -> Iterator[Finding]:
    if not mrz_dates.is_possible(mrz.birth):
        yield _at(FindingCode.DATE_IMPOSSIBLE, mrz, "birth")
    elif "<" in mrz.birth:
        yield _at(FindingCode.BIRTH_UNKNOWN, mrz, "birth")
    if mrz.expiry and not mrz.expiry.strip("<"):
        yield _at(FindingCode.EXPIRY_EMPTY, mrz, "expiry")
    elif mrz.expiry and not mrz_dates.is_possible(mrz.expiry, unknown=False):
        yield _at(FindingCode.DATE_IMPOSSIBLE, mrz, "expiry")
    born, expiry = mrz_dates.birth_date(mrz.birth, today), mrz.expiry_date(today)
    if born is not None and expiry is not None and born > expiry:
        yield _at(FindingCode.BIRTH_AFTER_EXPIRY, mrz, "birth")


_CODES: Final = {
    CodeKind.WRONG_FIRST: FindingCode.DOCUMENT_CODE_WRONG,
    CodeKind.WRONG_SECOND: FindingCode.DOCUMENT_CODE_WRONG,
    CodeKind.NATIONAL: FindingCode.DOCUMENT_CODE_NATIONAL,
    CodeKind.CREW: FindingCode.DOCUMENT_CODE_CREW,
}
_STATES: Final = {
    StateKind.UNKNOWN: FindingCode.STATE_UNKNOWN,
    StateKind.HISTORIC: FindingCode.STATE_HISTORIC,
    StateKind.SPECIMEN: FindingCode.STATE_SPECIMEN,
}


def _document_code(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    if code := _CODES.get(code_kind(mrz.format, mrz.document_code)):
        yield _at(code, mrz, "document_code")


def _states(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    for name, text in _texts(mrz, "issuer", "nationality"):
        if not text.strip("<"):
            yield _at(FindingCode.STATE_EMPTY, mrz, name)
        elif "<" in text.rstrip("<"):
            yield _at(FindingCode.FILLER_MISPLACED, mrz, name)
        elif code := _STATES.get(state_kind(text)):
            yield _at(code, mrz, name)


def _names(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    internal = is_russian_internal(mrz.document_code, mrz.issuer)
    for name, text in _texts(mrz, "name", "surname", "given_names"):
        if not text.strip("<"):
            yield _at(FindingCode.NAME_EMPTY, mrz, name)
            continue
        if not internal:
            yield from (_at(FindingCode.NAME_DIGIT, mrz, name, at) for at in re.finditer(r"[0-9]+", text))
        if not text.endswith("<"):
            yield _at(FindingCode.NAME_PERHAPS_CUT, mrz, name, re.search(r".\Z", text))
        if leading := re.match(r"<+", text):
            yield _at(FindingCode.FILLER_MISPLACED, mrz, name, leading)
        if name == "given_names":  # the old French card parts given names by two fillers
            continue
        for nth, double in enumerate(_LATE_DOUBLE.finditer(text)):
            if nth or len(double.group()) > 2:
                yield _at(FindingCode.FILLER_MISPLACED, mrz, name, double)


def _number(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    name, text = next(_texts(mrz, "document_number"))
    if not text.strip("<"):
        yield _at(FindingCode.NUMBER_EMPTY, mrz, name)
    elif text.startswith("<"):
        yield _at(FindingCode.FILLER_MISPLACED, mrz, name, re.match(r"<+", text))
    overflow = overflow_of(mrz.format, mrz.lines)
    optional = field_spans(mrz.format).get("optional")
    if overflow and optional and overflow + 1 == optional.end - optional.start:  # nothing ends the number
        yield _at(FindingCode.FILLER_MISPLACED, mrz, "optional")


def _sex(mrz: Mrz, _: dt.date) -> Iterator[Finding]:
    name, text = next(_texts(mrz, "sex"))
    if text not in "MF<":
        yield _at(FindingCode.SEX_UNUSUAL, mrz, name)


def _iin(mrz: Mrz, today: dt.date) -> Iterator[Finding]:
    if mrz.issuer != "KAZ":
        return
    for name, text in _texts(mrz, "optional", "optional_2"):
        if place := _IIN.fullmatch(text.rstrip("<")):
            yield from (_at(code, mrz, name, place) for code in _iin_codes(Iin(place.group()), mrz, today))


def _iin_codes(iin: Iin, mrz: Mrz, today: dt.date) -> Iterator[FindingCode]:
    if not iin.valid:
        yield FindingCode.IIN_DIGIT_WRONG
    if iin.birth is None and not iin.foreigner:
        yield FindingCode.IIN_DATE_IMPOSSIBLE
    if iin.yymmdd != mrz.birth:
        yield FindingCode.IIN_BIRTH_DIFFERS
    elif iin.birth is not None and iin.birth != mrz.birth_date(today):
        yield FindingCode.IIN_CENTURY_DIFFERS
    if iin.sex and mrz.sex in ("M", "F") and iin.sex != mrz.sex:
        yield FindingCode.IIN_SEX_DIFFERS


_CHECKS: Final[tuple[Callable[[Mrz, dt.date], Iterator[Finding]], ...]] = (
    _digits,
    _dates,
    _document_code,
    _states,
    _names,
    _number,
    _sex,
    _iin,
)
