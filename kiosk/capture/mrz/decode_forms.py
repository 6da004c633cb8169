"""Every way a zone can be laid out, as parts: their cells, weights and grammars (Doc 9303-4 to -7, FRA).

A part is a stretch of text with its own check digit or with none. Each cell weighs twice: in that digit
(`own`) and in the composite digit (`composite`); 0 where a digit does not cover it. A long document number of
TD1 and TD2 is a variant of its own for every length, since its digit stands elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from card_io.lds.mrz_codes import PASSPORT_KINDS
from card_io.lds.mrz_layout import (
    SHAPES,
    WEIGHTS,
    Cell,
    CheckRule,
    Span,
    check_rules,
    field_spans,
    longest_overflow,
)
from kiosk.capture.mrz import grammar
from kiosk.capture.mrz.grammar import Automaton
from kiosk.capture.mrz.prior import DIGITS, FILLER, LETTERS, Whole

KEY = ("document_number", "birth", "expiry")  # what opens a chip (Doc 9303-11 section 9.7.2)
# Share of each form among documents of its shape.
SHARES = {"TD1": 1.0, "TD2": 0.7, "TD3": 0.85, "MRVA": 0.15, "MRVB": 0.12, "FRA": 0.18}
LONG_SHARE = 0.06  # of TD1 and TD2, all lengths together
RUSSIAN_SHARE = 0.03  # of TD3: internal passports of Russia
RUSSIAN_DIGITS = 0.07  # share of digits in their names: seven letters of the alphabet are digits there
OTHER_SHAPE = "scores must be 3 x 30, 2 x 36 or 2 x 44 cells of 37 symbols"


@dataclass(frozen=True, eq=False)
class Part:
    """`cells` are flat indexes (row * columns + column); `digit` is that of the check digit, -1 without one.

    `blank`: a filler is a right digit where the whole part is filler.
    """

    name: str
    fields: tuple[str, ...]
    cells: Whole
    own: Whole
    composite: Whole
    automaton: Automaton
    digit: int
    digit_weight: int
    blank: bool

    @property
    def coupled(self) -> bool:
        """Whether any check digit covers it."""
        return self.digit >= 0 or bool(self.composite.any())


@dataclass(frozen=True, eq=False)
class Variant:
    """One layout: its parts, the cells of issuer and nationality (or none), the composite digit (or -1)."""

    form: str
    overflow: int
    share: float
    parts: tuple[Part, ...]
    states: Whole
    composite: int

    @property
    def shape(self) -> tuple[int, int]:
        return SHAPES[self.form]

    @property
    def digits(self) -> int:
        """How many check digits there are."""
        return sum(part.digit >= 0 for part in self.parts) + (self.composite >= 0)


def forms(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The forms of a shape (rows, columns); ValueError where there is none."""
    found = tuple(form for form, size in SHAPES.items() if size == tuple(shape))
    if not found:
        raise ValueError(OTHER_SHAPE)
    return found


def _flat(form: str, cells: tuple[Cell, ...]) -> Whole:
    columns = SHAPES[form][1]
    return np.array([cell.row * columns + cell.column for cell in cells], np.intp)


def _weights(form: str, rule: CheckRule | None) -> Whole:
    """Weight of every cell of the zone under one rule."""
    rows, columns = SHAPES[form]
    weights = np.zeros(rows * columns, np.intp)
    if rule is not None:
        weights[_flat(form, rule.covers)] = [WEIGHTS[place % 3] for place in range(len(rule.covers))]
    return weights


@cache
def variant(form: str, year: int | None, overflow: int = 0) -> Variant:
    """The usual layout of a form, or that with `overflow` characters of the number in the optional data.

    `year`: of today, or None.
    """
    longest = longest_overflow(form)
    share = SHARES[form]
    if longest:
        share *= LONG_SHARE / longest if overflow else 1 - LONG_SHARE
    return _variant(form, overflow, share, year)


@cache
def russian(year: int | None) -> Variant:
    """The internal passport of Russia, a TD3 of its own: PN, digits in names, no expiry."""
    usual = variant("TD3", year)
    automata = {
        "document_code": grammar.any_of("P", "N", broken=0.001),
        "name": grammar.name(39, RUSSIAN_DIGITS),
        "expiry": grammar.date(year, 0.97),
    }
    parts = (replace(part, automaton=automata.get(part.name, part.automaton)) for part in usual.parts)
    return replace(usual, share=usual.share * RUSSIAN_SHARE, parts=tuple(parts))


def _variant(form: str, overflow: int, share: float, year: int | None) -> Variant:
    rules = {rule.name: rule for rule in check_rules(form, overflow)}
    spans, composite = field_spans(form), rules.get("composite")
    weights = _weights(form, composite)
    parts = []
    for name, span in spans.items():
        if name.endswith("_check") or (form != "FRA" and name in ("issuer", "nationality")):
            continue
        if overflow and name == "optional":
            continue
        long_number = overflow > 0 and name == "document_number"
        span_cells = span.cells()
        automaton = _automaton(form, name, span, year)
        if long_number:
            span_cells += _behind(spans, overflow)
            automaton = _long_number(len(spans["optional"].cells()), overflow)
        rule = rules.get(name)
        cells = _flat(form, span_cells)
        digit = -1 if rule is None else int(_flat(form, (rule.cell,))[0])
        parts.append(
            Part(
                name=name,
                fields=("document_number", "optional") if long_number else (name,),
                cells=cells,
                own=_weights(form, rule)[cells],
                composite=weights[cells],
                automaton=automaton,
                digit=digit,
                digit_weight=0 if digit < 0 else int(weights[digit]),
                blank=rule is not None and rule.may_be_blank,
            )
        )
    states = () if form == "FRA" else (*spans["issuer"].cells(), *spans["nationality"].cells())
    place = -1 if composite is None else int(_flat(form, (composite.cell,))[0])
    return Variant(form, overflow, share, tuple(parts), _flat(form, states), place)


def _behind(spans: Mapping[str, Span], overflow: int) -> tuple[Cell, ...]:
    """The cells behind the first nine of a long number, without its digit."""
    optional = spans["optional"].cells()
    return (*spans["document_number_check"].cells(), *optional[:overflow], *optional[overflow + 1 :])


def _long_number(optional: int, overflow: int) -> Automaton:
    filler = grammar.any_of(FILLER)
    rest = optional - overflow - 2
    tail = (filler, grammar.optional(rest)) if rest else (filler,)
    return grammar.join(grammar.unbroken(9), filler, grammar.unbroken(overflow), *tail)


def _automaton(form: str, name: str, span: Span, year: int | None) -> Automaton:
    length = span.end - span.start
    if name == "document_code":
        return _code(form)
    if name == "sex":
        return grammar.weighed((("MF", 0.93), (FILLER, 0.06), ("X", 0.01)), 0.002)
    if name == "birth":
        return grammar.date(None, 0.02)
    if name == "expiry":
        return grammar.date(year, 0.01)
    if name == "issuer":
        return grammar.any_of(*"FRA", broken=0.001)
    if name == "document_number":
        return _french_number() if form == "FRA" else grammar.number(length)
    if name == "given_names":
        return grammar.french_given(length)
    if name in ("name", "surname"):
        return grammar.name(length)
    if name in ("department", "office"):
        return grammar.office(length)
    return grammar.optional(length)


def _french_number() -> Automaton:
    """Year and month of issue, department (2A and 2B are Corsica), serial."""
    digits = grammar.any_of(DIGITS)
    month = grammar.date(None, 0.002)
    first = Automaton(month.steps[:4], month.within[:4], month.after[:4])
    corsica = grammar.weighed(((DIGITS, 0.97), ("AB", 0.02), (LETTERS, 0.01)), 0.002)
    last = grammar.weighed(((DIGITS, 0.93), (LETTERS, 0.07)), 0.002)  # K stands for no department
    return grammar.join(first, digits, corsica, last, *([digits] * 5))


def _code(form: str) -> Automaton:
    """Document codes (Doc 9303-4 to -7 sections 4.2.2.1)."""
    if form == "FRA":
        return grammar.any_of("I", "D", broken=0.001)
    firsts = {"TD1": "IAC", "TD2": "IAC", "TD3": "P", "MRVA": "V", "MRVB": "V"}[form]
    rare = {"TD1": 0.03, "TD2": 0.03, "TD3": 0.005}.get(form, 0.0005)
    first = grammar.weighed(((firsts, 1 - rare), (LETTERS.replace("V", ""), rare)), 0.0002)
    second = grammar.weighed(((FILLER, 0.5), (LETTERS, 0.5)), 0.004)
    if form == "TD3":  # the letters of Doc 9303-4 section 4.4, and N of the Russian internal passport
        others = "".join(letter for letter in LETTERS if letter not in PASSPORT_KINDS + "PN")
        kinds = ((FILLER, 0.55), (PASSPORT_KINDS + "PN", 0.4), (others, 0.05))
        second = grammar.weighed(kinds, 0.001)
    return grammar.join(first, second)
