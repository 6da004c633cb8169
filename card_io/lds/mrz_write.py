"""Writing machine readable zones: strict where parsing is tolerant (ICAO Doc 9303-4 to -7 sections 4.2.2)."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final, NotRequired, TypedDict, Unpack

from card_io.errors import MalformedCardData
from card_io.lds import mrz_dates
from card_io.lds.mrz_codes import CodeKind, code_kind
from card_io.lds.mrz_layout import (
    NUMBER_SHOWN,
    SHAPES,
    check_digit,
    check_rules,
    field_spans,
    longest_overflow,
)
from card_io.lds.russian_passport import is_russian_internal, russian_name_field
from card_io.lds.transliteration import name_components, name_field

_TEXT = re.compile(r"[A-Z0-9<]*")
_STATE = re.compile(r"D|[A-Z]{3}")
_SEXES: Final = {"M": "M", "F": "F", "X": "<", "<": "<", "": "<"}  # X stands in the visual zone only
_FRENCH_NUMBER: Final = 12


class TwoLineFields(TypedDict):
    """Dates are dates or YYMMDD; an unknown part of a birth is `<<`, an unknown birth "". `sex` is M, F or X.

    In other texts a space or a hyphen becomes one filler.
    """

    document_code: str
    issuer: str
    document_number: str
    birth: dt.date | str
    sex: str
    expiry: dt.date | str
    nationality: str
    surname: str
    given_names: str
    optional: NotRequired[str]


class CardFields(TwoLineFields):
    """TD1 has a second field of optional data."""

    optional_2: NotRequired[str]


class FrenchFields(TypedDict):
    """`document_number` is all twelve characters: year, month, department and serial."""

    document_number: str
    birth: dt.date | str
    sex: str
    surname: str
    given_names: str
    department: NotRequired[str]
    office: NotRequired[str]


_TWO_LINES: Final = (TwoLineFields.__required_keys__, TwoLineFields.__optional_keys__)
_FIELDS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "TD1": (CardFields.__required_keys__, CardFields.__optional_keys__),
    **dict.fromkeys(("TD2", "TD3", "MRVA", "MRVB"), _TWO_LINES),
    "FRA": (FrenchFields.__required_keys__, FrenchFields.__optional_keys__),
}


def format_td1(**fields: Unpack[CardFields]) -> tuple[str, ...]:
    """The three lines of a TD1 card (Doc 9303-5); long numbers run on into the optional data.

    Raises MalformedCardData, naming the field, when one does not fit. The same for all writers here.
    """
    return compose("TD1", fields)


def format_td2(**fields: Unpack[TwoLineFields]) -> tuple[str, ...]:
    """The two lines of a TD2 document (Doc 9303-6); long numbers run on into the optional data."""
    return compose("TD2", fields)


def format_td3(**fields: Unpack[TwoLineFields]) -> tuple[str, ...]:
    """The two lines of a passport (Doc 9303-4); of a Russian internal one (PN, RUS) in its own letters."""
    return compose("TD3", fields)


def format_mrva(**fields: Unpack[TwoLineFields]) -> tuple[str, ...]:
    """The two lines of a visa of 44 characters (Doc 9303-7)."""
    return compose("MRVA", fields)


def format_mrvb(**fields: Unpack[TwoLineFields]) -> tuple[str, ...]:
    """The two lines of a visa of 36 characters (Doc 9303-7)."""
    return compose("MRVB", fields)


def format_fra(**fields: Unpack[FrenchFields]) -> tuple[str, ...]:
    """The two lines of a French identity card of 1988 to 2021."""
    return compose("FRA", fields)


def compose(form: str, fields: Mapping[str, object]) -> tuple[str, ...]:
    """The lines of a zone of format `form` (see `mrz_layout.FORMS`) with every check digit.

    `fields` are those of the writer of that format. Raises MalformedCardData, naming the field, when one is
    missing, unknown, impossible or does not fit.
    """
    given = _given(form, fields)
    texts = _french_texts(given) if form == "FRA" else _texts(form, given)
    overflow = _run_on(form, texts)
    rows, width = SHAPES[form]
    grid = [["<"] * width for _ in range(rows)]
    for name, text in texts.items():
        span = field_spans(form)[name]
        grid[span.row][span.start : span.end] = _fit(name, text, span.end - span.start)
    for rule in check_rules(form, overflow):  # the composite digit comes last
        covered = "".join(grid[cell.row][cell.column] for cell in rule.covers)
        grid[rule.cell.row][rule.cell.column] = check_digit(covered)
    if form == "TD3" and not texts["expiry"]:  # an internal passport prints a filler, as good as 0
        span = field_spans(form)["expiry_check"]
        grid[span.row][span.start] = "<"
    return tuple("".join(line) for line in grid)


def field_names(form: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the fields that `compose` needs, and of those that may be missing."""
    if form not in _FIELDS:
        raise MalformedCardData(f"format: none of {', '.join(_FIELDS)}")
    return _FIELDS[form]


def _given(form: str, fields: Mapping[str, object]) -> dict[str, str | dt.date]:
    required, optional = field_names(form)
    for name in sorted(required - fields.keys()):
        raise MalformedCardData(f"{name}: missing")
    given: dict[str, str | dt.date] = {}
    for name, value in fields.items():
        if name not in required | optional:
            raise MalformedCardData(f"{name}: no field of {form}")
        if not isinstance(value, str) and not (isinstance(value, dt.date) and name in ("birth", "expiry")):
            raise MalformedCardData(f"{name}: not a text")
        given[name] = value
    return given


def _texts(form: str, given: Mapping[str, str | dt.date]) -> dict[str, str]:
    code, issuer = _plain(given, "document_code"), _plain(given, "issuer")
    if code_kind(form, code) in (CodeKind.WRONG_FIRST, CodeKind.WRONG_SECOND):
        raise MalformedCardData(f"document_code: none that a {form} may carry")
    internal = form == "TD3" and is_russian_internal(code, issuer)
    span = field_spans(form)["name"]
    texts = {
        "document_code": code,
        "issuer": _state(given, "issuer"),
        "document_number": _number(given),
        "birth": _birth(given),
        "sex": _sex(given),
        "expiry": _expiry(given, may_be_blank=internal),
        "nationality": _state(given, "nationality"),
        "name": _names(given, span.end - span.start, internal=internal),
    }
    return texts | {name: _plain(given, name) for name in ("optional", "optional_2") if name in given}


def _french_texts(given: Mapping[str, str | dt.date]) -> dict[str, str]:
    number = _number(given)
    if len(number) != _FRENCH_NUMBER:
        raise MalformedCardData(f"document_number: expected {_FRENCH_NUMBER} characters")
    names = given["given_names"]
    try:
        parts = ["<".join(name_components(name)) for name in str(names).replace(",", " ").split()]
    except MalformedCardData as error:
        raise MalformedCardData(f"given_names: {error.detail}") from error
    texts = {
        "document_code": "ID",
        "issuer": "FRA",
        "surname": _names({"surname": given["surname"], "given_names": ""}, 25, internal=False),
        "document_number": number,
        "given_names": "<<".join(part for part in parts if part)[:14],
        "birth": _birth(given),
        "sex": _sex(given),
    }
    return texts | {name: _plain(given, name) for name in ("department", "office") if name in given}


def _run_on(form: str, texts: dict[str, str]) -> int:
    """Move what a long number has behind its field into the optional data; how many characters that is."""
    number = texts["document_number"]
    overflow = max(0, len(number) - NUMBER_SHOWN) if longest_overflow(form) else 0
    if not overflow:
        return 0
    if overflow > longest_overflow(form) or "<" in number[NUMBER_SHOWN - 1 :]:
        raise MalformedCardData("document_number: does not fit its field")
    texts["document_number"] = number[:NUMBER_SHOWN]
    # The first filler is the place of the digit, the second ends the number (Doc 9303-5 section 4.2.4 note).
    texts["optional"] = f"{number[NUMBER_SHOWN:]}<<{texts.get('optional', '')}"
    return overflow


def _plain(given: Mapping[str, str | dt.date], name: str) -> str:
    text = given[name]
    assert isinstance(text, str)  # `_given` saw to it
    return text.upper().replace(" ", "<").replace("-", "<").rstrip("<")


def _fit(name: str, text: str, width: int) -> str:
    if not _TEXT.fullmatch(text):
        raise MalformedCardData(f"{name}: a character outside A-Z, 0-9 and <")
    if len(text) > width:
        raise MalformedCardData(f"{name}: more than {width} characters")
    return text.ljust(width, "<")


def _number(given: Mapping[str, str | dt.date]) -> str:
    number = _plain(given, "document_number")
    if not number or number.startswith("<"):
        raise MalformedCardData("document_number: empty or beginning with a filler")
    return number


def _state(given: Mapping[str, str | dt.date], name: str) -> str:
    code = _plain(given, name)
    if not _STATE.fullmatch(code):
        raise MalformedCardData(f"{name}: neither three letters nor D")
    return code


def _sex(given: Mapping[str, str | dt.date]) -> str:
    if given["sex"] not in _SEXES:
        raise MalformedCardData("sex: other than M, F or X")
    return _SEXES[str(given["sex"])]


def _birth(given: Mapping[str, str | dt.date]) -> str:
    text = _yymmdd(given["birth"]) or "<<<<<<"
    if not mrz_dates.is_possible(text):
        raise MalformedCardData("birth: no date in the form YYMMDD, unknown parts as <<")
    return text


def _expiry(given: Mapping[str, str | dt.date], *, may_be_blank: bool) -> str:
    text = _yymmdd(given["expiry"])
    if may_be_blank and not text.strip("<"):
        return ""
    if not mrz_dates.is_possible(text, unknown=False):
        raise MalformedCardData("expiry: no date in the form YYMMDD")
    return text


def _yymmdd(date: dt.date | str) -> str:
    return date.strftime("%y%m%d") if isinstance(date, dt.date) else date


def _names(given: Mapping[str, str | dt.date], width: int, *, internal: bool) -> str:
    write = russian_name_field if internal else name_field
    try:
        return write(str(given["surname"]), str(given["given_names"]), width)
    except MalformedCardData as error:
        raise MalformedCardData(f"surname, given_names: {error.detail}") from error
