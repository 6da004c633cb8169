"""Writing machine readable zones: strict where parsing is tolerant (ICAO Doc 9303-4 to -7 sections 4.2.2)."""

from __future__ import annotations

import datetime as dt
import re

from card_io.errors import MalformedCardData
from card_io.lds.mrz_layout import NUMBER_SHOWN, check_digit
from card_io.lds.transliteration import name_field

_TEXT = re.compile(r"[A-Z0-9<]*")


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
