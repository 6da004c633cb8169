"""The machine readable zone: parsing of all five formats, check digits, dates and writing (ICAO Doc 9303-3
to -7).

Parsing is tolerant of content and strict about shape: real documents carry odd codes, names with digits or
empty dates, and a wrong check digit is a finding (`Mrz.checks`), never an exception.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds.mrz_layout import LAYOUTS, Layout
from card_io.lds.transliteration import name_field

NUMBER_SHOWN: Final = 9  # characters of the document number field, all formats
EXPIRY_WINDOW_YEARS: Final = 15  # TR-03135-1 section 5.7.1
_TEXT = re.compile(r"[A-Z0-9<]*")
_WEIGHTS: Final = (7, 3, 1)  # Doc 9303-3 section 4.9


@dataclass(frozen=True)
class Mrz:
    """One parsed machine readable zone.

    Texts have their trailing fillers stripped; in names one filler is a space; `birth` and `expiry` stay raw
    (YYMMDD, unknown parts as fillers; "" where the document has no such field).  `checks` says of every check
    digit whether it agrees: document_number, birth, expiry, optional (TD3) and composite (not on visas).
    """

    lines: tuple[str, ...]
    format: str
    document_code: str
    issuer: str
    document_number: str
    birth: str
    sex: str
    expiry: str
    nationality: str
    surname: str
    given_names: str
    optional: str
    optional_2: str
    checks: Mapping[str, bool] = field(hash=False)

    def __repr__(self) -> str:
        return f"Mrz({self.format}, valid={self.valid})"  # personal data stays out of logs

    @property
    def valid(self) -> bool:
        """Every check digit agrees."""
        return all(self.checks.values())

    @property
    def text(self) -> str:
        """The lines without line breaks, as DG1 holds them."""
        return "".join(self.lines)

    def access_information(self) -> bytes:
        """MRZ_information for BAC and PACE: number, birth and expiry with their check digits (Doc 9303-11
        9.7.2).
        """
        return access_information(self.document_number, self.birth, self.expiry)

    def expiry_date(self, today: dt.date) -> dt.date | None:
        """The date of expiry, at most 15 years ahead of `today`, else past (TR-03135-1 5.7.1); None if no
        date.
        """
        if not self.expiry.isdecimal():
            return None
        year = _latest_year(int(self.expiry[:2]), today.year + EXPIRY_WINDOW_YEARS)
        return _date(year, self.expiry)

    def birth_date(self, today: dt.date) -> dt.date | None:
        """The newest birth date not after `today` nor the expiry; None if a part is unknown or impossible."""
        if not self.birth.isdecimal():
            return None
        latest = min(filter(None, (today, self.expiry_date(today))))
        year = _latest_year(int(self.birth[:2]), latest.year)
        born = _date(year, self.birth)
        # A leap day may exist in one century only (2000 was a leap year, 1900 was not).
        return born if born is not None and born <= latest else _date(year - 100, self.birth)


def _latest_year(two_digits: int, limit: int) -> int:
    return limit - (limit - two_digits) % 100


def _date(year: int, yymmdd: str) -> dt.date | None:
    try:
        return dt.date(year, int(yymmdd[2:4]), int(yymmdd[4:6]))
    except ValueError:
        return None


def check_digit(text: str) -> str:
    """The check digit ("0" to "9") of an MRZ `text`; MalformedCardData outside A-Z, 0-9 and <."""
    return str(sum(_value(character) * _WEIGHTS[place % 3] for place, character in enumerate(text)) % 10)


def _value(character: str) -> int:
    if character == "<":
        return 0
    if "0" <= character <= "9":
        return ord(character) - ord("0")
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 10
    raise MalformedCardData("a character outside A-Z, 0-9 and < in a machine readable zone")


def access_information(number: str, birth: str, expiry: str) -> bytes:
    """MRZ_information of a document `number` (all of it, also when long) and two YYMMDD dates (Doc 9303-11
    9.7.2).
    """
    parts = (number.ljust(NUMBER_SHOWN, "<"), birth.ljust(6, "<"), expiry.ljust(6, "<"))
    return "".join(part + check_digit(part) for part in parts).encode("ascii")


def parse(lines: Sequence[str] | str) -> Mrz:
    """Parse an MRZ given as lines, as text with line breaks, or as the unbroken text of DG1.

    Raises MalformedCardData when the shape (lines, lengths, characters) is none of TD1, TD2, TD3, MRV-A,
    MRV-B.
    """
    zone = _split(lines)
    form = _format_of(zone)
    mrz = _parse_as(form, zone)
    if zone[0].startswith("IDFRA") and form == "TD2" and not mrz.valid:
        return _parse_old_french(zone)
    return mrz


def _split(lines: Sequence[str] | str) -> tuple[str, ...]:
    if isinstance(lines, str):
        lines = lines.split()
    if len(lines) == 1:
        width = {90: 30, 72: 36, 88: 44}.get(len(lines[0]), 1 << 10)
        lines = [lines[0][start : start + width] for start in range(0, len(lines[0]), width)]
    zone = tuple(lines)
    if not all(_TEXT.fullmatch(line) for line in zone):
        raise MalformedCardData("a character outside A-Z, 0-9 and < in a machine readable zone")
    return zone


def _format_of(zone: tuple[str, ...]) -> str:
    shape = (len(zone), *sorted({len(line) for line in zone}))
    visa = bool(zone) and zone[0].startswith("V")
    forms = {(3, 30): "TD1", (2, 36): "MRVB" if visa else "TD2", (2, 44): "MRVA" if visa else "TD3"}
    if shape not in forms:
        raise MalformedCardData("the lines have the shape of no machine readable zone")
    return forms[shape]


def _parse_as(form: str, zone: tuple[str, ...]) -> Mrz:
    layout = LAYOUTS[form]
    number, number_ok, optional = _number(layout, zone)
    birth, expiry = layout.birth.of(zone), layout.expiry.of(zone)
    checks = {
        "document_number": number_ok,
        "birth": _agrees(birth, layout.after(layout.birth).of(zone)),
        "expiry": _agrees(expiry, layout.after(layout.expiry).of(zone)),
    }
    if layout.optional_check:
        checks["optional"] = _agrees(layout.optional.of(zone), layout.optional_check.of(zone))
    if layout.composite:
        covered = "".join(span.of(zone) for span in layout.composite_of)
        checks["composite"] = layout.composite.of(zone) == check_digit(covered)
    surname, given_names = _names(layout.name.of(zone))
    return Mrz(
        lines=zone,
        format=form,
        document_code=zone[0][:2].rstrip("<"),
        issuer=zone[0][2:5].rstrip("<"),
        document_number=number,
        birth=birth,
        sex=_sex(layout.sex.of(zone)),
        expiry=expiry,
        nationality=layout.nationality.of(zone).rstrip("<"),
        surname=surname,
        given_names=given_names,
        optional=optional.rstrip("<"),
        optional_2=layout.optional_2.of(zone).rstrip("<") if layout.optional_2 else "",
        checks=checks,
    )


def _number(layout: Layout, zone: tuple[str, ...]) -> tuple[str, bool, str]:
    """The document number, whether its digit agrees, and what is left of the optional data.

    Long numbers: nine characters, a filler for the digit, then the rest, the digit and a filler at the
    start of the optional data; the digit covers the characters without that filler (Doc 9303-5 section
    4.2.4 note).
    """
    shown, optional = layout.number.of(zone), layout.optional.of(zone)
    digit = layout.after(layout.number).of(zone)
    overflow = optional.split("<", 1)[0]
    if layout.long_numbers and digit == "<" and len(overflow) > 1 and not shown.endswith("<"):
        number = shown + overflow[:-1]
        return number, check_digit(number) == overflow[-1], optional[len(overflow) + 1 :]
    return shown.rstrip("<"), digit == check_digit(shown), optional


def _agrees(text: str, digit: str) -> bool:
    """Whether `digit` fits; a filler counts as 0 where the field is empty (Doc 9303-4 section 4.2.2)."""
    return digit == check_digit(text) or (digit == "<" and not text.strip("<"))


def _names(name: str) -> tuple[str, str]:
    primary, _, secondary = name.strip("<").partition("<<")
    return _spaced(primary), _spaced(secondary)


def _spaced(text: str) -> str:
    return " ".join(part for part in text.split("<") if part)


def _sex(character: str) -> str:
    return character if character in ("M", "F") else "X"


def _parse_old_french(zone: tuple[str, ...]) -> Mrz:
    """The French identity card of 1988 to 2021: two lines of 36, no expiry, no nationality, not Doc 9303."""
    first, second = zone
    return Mrz(
        lines=zone,
        format="TD2",
        document_code="ID",
        issuer="FRA",
        document_number=second[:12].rstrip("<"),
        birth=second[27:33],
        sex=_sex(second[34]),
        expiry="",
        nationality="",
        surname=_spaced(first[5:30]),
        given_names=_spaced(second[13:27]),
        optional=first[30:].rstrip("<"),
        optional_2="",
        checks={
            "document_number": second[12] == check_digit(second[:12]),
            "birth": second[33] == check_digit(second[27:33]),
            "composite": second[35] == check_digit(first + second[:35]),
        },
    )


# Writing


def format_td1(
    *,
    document_code: str,
    issuer: str,
    document_number: str,
    birth: dt.date | str,
    sex: str,
    expiry: dt.date | str,
    nationality: str,
    surname: str,
    given_names: str,
    optional: str = "",
    optional_2: str = "",
) -> tuple[str, ...]:
    """The three lines of a TD1 card (Doc 9303-5 section 4.2.2); long numbers run on into the optional data.

    Dates are dates or raw YYMMDD texts, `sex` is M, F or X.  Raises MalformedCardData when a field does not
    fit.
    """
    number, overflow = _number_fields(document_number, 15)
    first = _fit(document_code, 2) + _fit(issuer, 3) + number + _fit(overflow + _clean(optional), 15)
    second = _dates(birth, sex, expiry) + _fit(nationality, 3) + _fit(optional_2, 11)
    birth_and_expiry = second[:7] + second[8:15]
    composite = check_digit(first[5:] + birth_and_expiry + second[18:])
    return first, second + composite, name_field(surname, given_names, 30)


def format_td3(
    *,
    document_code: str,
    issuer: str,
    document_number: str,
    birth: dt.date | str,
    sex: str,
    expiry: dt.date | str,
    nationality: str,
    surname: str,
    given_names: str,
    optional: str = "",
) -> tuple[str, ...]:
    """The two lines of a passport (Doc 9303-4 section 4.2.2); arguments as for `format_td1`."""
    first = _fit(document_code, 2) + _fit(issuer, 3) + name_field(surname, given_names, 39)
    number, personal = _fit(document_number, NUMBER_SHOWN), _fit(optional, 14)
    dates = _dates(birth, sex, expiry)
    second = number + check_digit(number) + _fit(nationality, 3) + dates + personal + check_digit(personal)
    return first, second + check_digit(second[:10] + second[13:20] + second[21:43])


def _number_fields(document_number: str, optional_width: int) -> tuple[str, str]:
    """The ten characters of number and digit, and what runs on into the optional data."""
    number = _clean(document_number)
    shown, rest = number[:NUMBER_SHOWN].ljust(NUMBER_SHOWN, "<"), number[NUMBER_SHOWN:]
    if not rest:
        return shown + check_digit(shown), ""
    if len(rest) > optional_width - 2 or "<" in number:
        raise MalformedCardData("a document number that does not fit its field")
    return shown + "<", rest + check_digit(number) + "<"


def _dates(birth: dt.date | str, sex: str, expiry: dt.date | str) -> str:
    if sex not in ("M", "F", "X", "<", ""):
        raise MalformedCardData("a sex other than M, F or X")
    born, expires = _yymmdd(birth), _yymmdd(expiry)
    letter = sex if sex in ("M", "F") else "<"
    return born + check_digit(born) + letter + expires + check_digit(expires)


def _yymmdd(date: dt.date | str) -> str:
    return date.strftime("%y%m%d") if isinstance(date, dt.date) else _fit(date, 6)


def _clean(text: str) -> str:
    return text.upper().replace(" ", "<").replace("-", "<").rstrip("<")


def _fit(text: str, width: int) -> str:
    cleaned = _clean(text)
    if len(cleaned) > width or not _TEXT.fullmatch(cleaned):
        raise MalformedCardData("a text that does not fit its field of the machine readable zone")
    return cleaned.ljust(width, "<")
