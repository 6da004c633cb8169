"""Dates of the machine readable zone: YYMMDD to a date, and which century (ICAO Doc 9303-3 section 4.8,
BSI TR-03135-1 section 5.7.1)."""

from __future__ import annotations

import datetime as dt
from typing import Final

EXPIRY_WINDOW_YEARS: Final = 15  # TR-03135-1 section 5.7.1
_LEAP_CENTURY: Final = 2000


def expiry_date(text: str, today: dt.date, window: int = EXPIRY_WINDOW_YEARS) -> dt.date | None:
    """The expiry `text` (YYMMDD) at most `window` years after this year, else past; None if it is no date."""
    if not is_numeric(text):
        return None
    return _date(_latest_year(int(text[:2]), today.year + window), text)


def birth_date(text: str, today: dt.date, expiry: dt.date | None = None) -> dt.date | None:
    """The newest date of `text` (YYMMDD) after neither `today` nor `expiry`; None if it is no date.

    Doc 9303 has no rule for the century of a birth; a holder is taken for younger than a hundred years.
    """
    if not is_numeric(text):
        return None
    latest = min(filter(None, (today, expiry)))
    year = _latest_year(int(text[:2]), latest.year)
    born = _date(year, text)
    # A leap day may exist in one century only (2000 was a leap year, 1900 was not).
    return born if born is not None and born <= latest else _date(year - 100, text)


def is_numeric(text: str) -> bool:
    """Six digits of 0 to 9."""
    return len(text) == 6 and text.isascii() and text.isdecimal()


def is_possible(text: str, *, unknown: bool = True) -> bool:
    """Whether YYMMDD may be a date of some century; `unknown`: parts may be `<<`."""
    parts = (text[:2], text[2:4], text[4:6])
    if len(text) != 6 or not all(_is_part(part, unknown) for part in parts):
        return False
    year, month, day = (None if part == "<<" else int(part) for part in parts)
    leap = year is None or year % 4 == 0  # 00 may stand for 2000
    try:
        dt.date(_LEAP_CENTURY if leap else _LEAP_CENTURY + 1, month or (1 if month is None else 0), 1)
        dt.date(_LEAP_CENTURY if leap else _LEAP_CENTURY + 1, month or 1, 1 if day is None else day)
    except ValueError:
        return False
    return True


def _is_part(part: str, unknown: bool) -> bool:
    return (part.isascii() and part.isdecimal()) or (unknown and part == "<<")


def _latest_year(two_digits: int, limit: int) -> int:
    return limit - (limit - two_digits) % 100


def _date(year: int, yymmdd: str) -> dt.date | None:
    try:
        return dt.date(year, int(yymmdd[2:4]), int(yymmdd[4:6]))
    except ValueError:
        return None
