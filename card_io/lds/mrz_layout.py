"""Where the fields and check digits of every machine readable zone stand, and what each digit covers.

The five formats of ICAO Doc 9303-4 to -7 (sections 4.2.2) and FRA, the French identity card of 1988 to 2021,
which follows no part of Doc 9303. All rows and columns count from 0 and ends are exclusive; the standard
counts from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from card_io.errors import MalformedCardData

WEIGHTS: Final = (7, 3, 1)  # Doc 9303-3 section 4.9
NUMBER_SHOWN: Final = 9  # characters of the document number field in all five formats

_LINES: Final[Mapping[str, tuple[str, ...]]] = {  # fields and their widths in reading order
    "TD1": (  # Doc 9303-5
        "document_code 2 issuer 3 document_number 9 document_number_check 1 optional 15",
        "birth 6 birth_check 1 sex 1 expiry 6 expiry_check 1 nationality 3 optional_2 11 composite_check 1",
        "name 30",
    ),
    "TD2": (  # Doc 9303-6
        "document_code 2 issuer 3 name 31",
        "document_number 9 document_number_check 1 nationality 3 birth 6 birth_check 1 sex 1 "
        "expiry 6 expiry_check 1 optional 7 composite_check 1",
    ),
    "TD3": (  # Doc 9303-4
        "document_code 2 issuer 3 name 39",
        "document_number 9 document_number_check 1 nationality 3 birth 6 birth_check 1 sex 1 "
        "expiry 6 expiry_check 1 optional 14 optional_check 1 composite_check 1",
    ),
    "MRVA": (  # Doc 9303-7: no composite digit
        "document_code 2 issuer 3 name 39",
        "document_number 9 document_number_check 1 nationality 3 birth 6 birth_check 1 sex 1 "
        "expiry 6 expiry_check 1 optional 16",
    ),
    "MRVB": (
        "document_code 2 issuer 3 name 31",
        "document_number 9 document_number_check 1 nationality 3 birth 6 birth_check 1 sex 1 "
        "expiry 6 expiry_check 1 optional 8",
    ),
    "FRA": (  # the number is year and month of issue, department, serial
        "document_code 2 issuer 3 surname 25 department 3 office 3",
        "document_number 12 document_number_check 1 given_names 14 birth 6 birth_check 1 sex 1 "
        "composite_check 1",
    ),
}
FORMS: Final = tuple(_LINES)
SHAPES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"TD1": (3, 30), "TD2": (2, 36), "TD3": (2, 44), "MRVA": (2, 44), "MRVB": (2, 36), "FRA": (2, 36)}
)
_OUTSIDE_COMPOSITE = ("document_code", "issuer", "name", "sex", "nationality", "composite_check")
_MAY_BE_BLANK = ("birth", "expiry", "optional")


class Span(NamedTuple):
    """Columns `start` to before `end` of line `row`."""

    row: int
    start: int
    end: int

    def of(self, lines: Sequence[str]) -> str:
        return lines[self.row][self.start : self.end]

    def cells(self) -> tuple[Cell, ...]:
        return tuple(Cell(self.row, column) for column in range(self.start, self.end))


class Cell(NamedTuple):
    """One character's place."""

    row: int
    column: int

    def of(self, lines: Sequence[str]) -> str:
        return lines[self.row][self.column]


@dataclass(frozen=True)
class CheckRule:
    """One check digit: `cell` holds it, `covers` are the characters in the order in which they are weighed.

    `may_be_blank`: a filler is as good as 0 where everything covered is filler (Doc 9303-4 section 4.2.2 for
    the optional data; seen in print for dates).
    """

    name: str
    cell: Cell
    covers: tuple[Cell, ...]
    may_be_blank: bool

    def agrees(self, lines: Sequence[str]) -> bool:
        """Whether the printed digit is the computed one; MalformedCardData outside A-Z, 0-9 and <."""
        text = "".join(cell.of(lines) for cell in self.covers)
        digit = self.cell.of(lines)
        return digit == check_digit(text) or (self.may_be_blank and digit == "<" and not text.strip("<"))


@cache
def field_spans(form: str) -> Mapping[str, Span]:
    """Every field of `form` in reading order, check digits (`..._check`) included."""
    spans: dict[str, Span] = {}
    for row, line in enumerate(_LINES[form]):
        words, column = line.split(), 0
        for name, width in zip(words[::2], words[1::2], strict=True):
            spans[name] = Span(row, column, column + int(width))
            column += int(width)
    return MappingProxyType(spans)


@cache
def check_rules(form: str, overflow: int = 0) -> tuple[CheckRule, ...]:
    """Every check digit of `form`: document_number, birth, expiry, optional (TD3), composite (not on visas).

    `overflow` is how many characters of a long document number run on into the optional data, 0 to
    `longest_overflow(form)`: the number's own place of the digit holds a filler then, the digit stands behind
    the last character and a filler behind it (Doc 9303-5 section 4.2.4 note, 9303-6 the same). The composite
    digit does not change.
    """
    spans = field_spans(form)
    names = [name.removesuffix("_check") for name in spans if name.endswith("_check")]
    rules = (_rule(form, name) for name in names)
    return tuple(
        _long(rule, spans["optional"], overflow) if overflow and rule.name == "document_number" else rule
        for rule in rules
    )


def _rule(form: str, name: str) -> CheckRule:
    spans = field_spans(form)
    covered = [name]
    if name == "composite":
        outside = ("composite_check",) if form == "FRA" else _OUTSIDE_COMPOSITE
        covered = [field for field in spans if field not in outside]
    return CheckRule(
        name=name,
        cell=spans[f"{name}_check"].cells()[0],
        covers=tuple(cell for field in covered for cell in spans[field].cells()),
        may_be_blank=name in _MAY_BE_BLANK,
    )


def _long(rule: CheckRule, optional: Span, overflow: int) -> CheckRule:
    cells = optional.cells()
    return CheckRule(rule.name, cells[overflow], rule.covers + cells[:overflow], may_be_blank=False)


def longest_overflow(form: str) -> int:
    """Most characters of a document number behind the first nine; 0 where there are no long numbers."""
    if form not in ("TD1", "TD2"):
        return 0
    optional = field_spans(form)["optional"]
    return optional.end - optional.start - 2  # the digit and a filler follow


@cache
def unchecked_fields(form: str) -> tuple[str, ...]:
    """The fields of `form` that no check digit covers, in reading order."""
    covered = {cell for rule in check_rules(form) for cell in rule.covers}
    return tuple(
        name
        for name, span in field_spans(form).items()
        if not name.endswith("_check") and not covered.issuperset(span.cells())
    )


def check_digit(text: str) -> str:
    """The check digit ("0" to "9") of an MRZ `text`; MalformedCardData outside A-Z, 0-9 and <."""
    return str(sum(value(character) * WEIGHTS[place % 3] for place, character in enumerate(text)) % 10)


def value(character: str) -> int:
    """What one character weighs: a filler 0, a digit itself, A 10 to Z 35 (Doc 9303-3 section 4.9)."""
    if character == "<":
        return 0
    if "0" <= character <= "9":
        return ord(character) - ord("0")
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 10
    raise MalformedCardData("a character outside A-Z, 0-9 and < in a machine readable zone")
