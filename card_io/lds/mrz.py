"""The machine readable zone: parsing of all five formats of ICAO Doc 9303-3 to -7 and of the old French card.

Parsing is tolerant of content and strict about shape: real documents carry odd codes, names with digits or
empty dates, and a wrong check digit is a finding (`Mrz.checks`, `mrz_findings`), never an exception.
Positions are in `mrz_layout`, writing in `mrz_write`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds import mrz_dates
from card_io.lds.mrz_dates import EXPIRY_WINDOW_YEARS
from card_io.lds.mrz_layout import (
    NUMBER_SHOWN,
    SHAPES,
    check_digit,
    check_rules,
    field_spans,
    longest_overflow,
)
from card_io.lds.mrz_write import (
    compose,
    format_fra,
    format_mrva,
    format_mrvb,
    format_td1,
    format_td2,
    format_td3,
)
from card_io.lds.transliteration import name_field

__all__ = [
    "EXPIRY_WINDOW_YEARS",
    "NUMBER_SHOWN",
    "Mrz",
    "access_information",
    "check_digit",
    "compose",
    "format_fra",
    "format_mrva",
    "format_mrvb",
    "format_td1",
    "format_td2",
    "format_td3",
    "name_field",
    "overflow_of",
    "parse",
]

_FOREIGN = re.compile(r"[^A-Z0-9<]")
_EXPECTED: Final = "3 lines of 30, 2 of 36 or 2 of 44 characters"


@dataclass(frozen=True)
class Mrz:
    """One parsed machine readable zone.

    `format` is TD1, TD2, TD3, MRVA, MRVB or FRA. Texts have their trailing fillers stripped; in names one
    filler is a space; `birth` and `expiry` stay raw (YYMMDD, unknown parts as fillers; "" where the document
    has no such field). `checks` says of every check digit whether it agrees: document_number, birth, expiry
    (not FRA), optional (TD3) and composite (not on visas).
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

    def expiry_date(self, today: dt.date, window: int = EXPIRY_WINDOW_YEARS) -> dt.date | None:
        """The date of expiry, at most `window` years ahead of `today`, else past (TR-03135-1 5.7.1); None if
        no date.
        """
        return mrz_dates.expiry_date(self.expiry, today, window)

    def birth_date(self, today: dt.date) -> dt.date | None:
        """The newest birth date not after `today` nor the expiry; None if a part is unknown or impossible."""
        return mrz_dates.birth_date(self.birth, today, self.expiry_date(today))


def access_information(number: str, birth: str, expiry: str) -> bytes:
    """MRZ_information of a document `number` (all of it, also when long) and two YYMMDD dates (Doc 9303-11
    9.7.2).
    """
    parts = (number.ljust(NUMBER_SHOWN, "<"), birth.ljust(6, "<"), expiry.ljust(6, "<"))
    return "".join(part + check_digit(part) for part in parts).encode("ascii")


def parse(lines: Sequence[str] | str) -> Mrz:
    """Parse an MRZ given as lines, as text with white space between lines, or as the unbroken text of DG1.

    Raises MalformedCardData, with line and column counted from 1, when the shape (lines, lengths, characters)
    is that of no machine readable zone.
    """
    zone = _split(lines)
    form = _format_of(zone)
    mrz = _parse_as(form, zone)
    if form == "TD2" and zone[0].startswith("IDFRA"):  # there never was a TD2 identity card of France
        old = _parse_as("FRA", zone)
        return old if old.valid or not mrz.valid else mrz
    return mrz


def _split(lines: Sequence[str] | str) -> tuple[str, ...]:
    if isinstance(lines, str):
        lines = lines.split()
    if len(lines) == 1:
        width = {90: 30, 72: 36, 88: 44}.get(len(lines[0]), 1 << 10)
        lines = [lines[0][start : start + width] for start in range(0, len(lines[0]), width)]
    zone = tuple(lines)
    for row, line in enumerate(zone):
        if foreign := _FOREIGN.search(line):
            place = f"line {row + 1}, column {foreign.start() + 1}"
            raise MalformedCardData(f"{place}: U+{ord(foreign.group()):04X} is none of A-Z, 0-9 and <")
    return zone


def _format_of(zone: tuple[str, ...]) -> str:
    widths = [len(line) for line in zone]
    visa = bool(zone) and zone[0].startswith("V")
    forms = {SHAPES[form]: form for form in (("TD1", "MRVB", "MRVA") if visa else ("TD1", "TD2", "TD3"))}
    if len(set(widths)) == 1 and (len(zone), widths[0]) in forms:
        return forms[len(zone), widths[0]]
    raise MalformedCardData(_misfit(widths))


def _misfit(widths: list[int]) -> str:
    """What is wrong with the shape, at the place where it goes wrong."""
    shape = next((shape for shape in set(SHAPES.values()) if widths and shape[1] == widths[0]), None)
    if shape is None or len(widths) > 3:
        found = ", ".join(str(width) for width in widths[:4]) + (", ..." if len(widths) > 4 else "")
        return f"expected {_EXPECTED}; found {len(widths)} ({found})"
    count, width = shape
    for row, found_width in enumerate(widths[:count]):
        if found_width != width:
            place = f"line {row + 1}, column {min(found_width, width) + 1}"
            return f"{place}: expected {width} characters as in line 1; found {found_width}"
    place = f"line {min(len(widths), count) + 1}"
    return f"{place}: expected {count} lines of {width} characters; found {len(widths)} lines"


def _parse_as(form: str, zone: tuple[str, ...]) -> Mrz:
    texts = {name: span.of(zone) for name, span in field_spans(form).items()}
    overflow = overflow_of(form, zone)
    if overflow:
        texts["document_number"] += texts["optional"][:overflow]
        texts["optional"] = texts["optional"][overflow + 2 :]
    surname, given_names = _names(texts)
    return Mrz(
        lines=zone,
        format=form,
        document_code=texts["document_code"].rstrip("<"),
        issuer=texts["issuer"].rstrip("<"),
        document_number=texts["document_number"].rstrip("<"),
        birth=texts["birth"],
        sex=texts["sex"] if texts["sex"] in ("M", "F") else "X",
        expiry=texts.get("expiry", ""),
        nationality=texts.get("nationality", "").rstrip("<"),
        surname=surname,
        given_names=given_names,
        optional=(texts.get("optional") or texts.get("department", "") + texts.get("office", "")).rstrip("<"),
        optional_2=texts.get("optional_2", "").rstrip("<"),
        checks={rule.name: rule.agrees(zone) for rule in check_rules(form, overflow)},
    )


def overflow_of(form: str, lines: Sequence[str]) -> int:
    """How many characters of a long document number stand in the optional data of `lines`; 0 for none.

    A filler in place of the number's check digit says so; the optional data begin with the rest of the number
    and its digit (Doc 9303-5 section 4.2.4 note). Without such a rest the filler is a missing digit.
    """
    if not longest_overflow(form):
        return 0
    spans = field_spans(form)
    number, digit = spans["document_number"].of(lines), spans["document_number_check"].of(lines)
    rest = spans["optional"].of(lines).split("<", 1)[0]
    return len(rest) - 1 if digit == "<" and len(rest) > 1 and not number.endswith("<") else 0


def _names(texts: Mapping[str, str]) -> tuple[str, str]:
    if "name" not in texts:  # FRA has two fields
        return _spaced(texts["surname"]), _spaced(texts["given_names"])
    primary, _, secondary = texts["name"].strip("<").partition("<<")
    return _spaced(primary), _spaced(secondary)


def _spaced(text: str) -> str:
    return " ".join(part for part in text.split("<") if part)
