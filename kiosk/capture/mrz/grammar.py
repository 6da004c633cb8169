"""The fields' grammars as small automata over symbol classes (Doc 9303-3 section 4, parts 4 to 7).

An automaton is deterministic: a text has one path, so its prior is one product and sums over all texts are
exact. Classes are the digits that dates tell apart, the letters and the filler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from kiosk.capture.mrz.prior import (
    DIGITS,
    FILLER,
    INDEX,
    LETTERS,
    Floats,
    Whole,
    name_letters,
    number_letters,
)
from kiosk.capture.mrz.reading import SYMBOLS

CLASSES = ("0", "1", "2", "3", "456789", LETTERS, FILLER)
CLASS_OF: Whole = np.array([next(n for n, group in enumerate(CLASSES) if s in group) for s in SYMBOLS])
BROKEN = 2e-3  # share of every position that follows no rule
BROKEN_DATE = 0.01  # the same in dates: specimens carry impossible ones
BROKEN_NAME = 2e-4  # and in names, where only the rule about digits keeps O and 0 apart
Rule = Mapping[str, tuple[float, int]]  # symbols: their probability together, and the state that follows


@dataclass(frozen=True, eq=False)
class Automaton:
    """`steps[i, c, s, t]`: probability of class c at position i in state s, if t is the state that follows.

    `within[i, symbol]` is the probability of a symbol given its class; `after[i, s, c]` the state that
    follows. The first state is 0. Shapes: n x 7 x S x S, n x 37, n x S x 7.
    """

    steps: Floats
    within: Floats
    after: Whole

    @property
    def length(self) -> int:
        return len(self.within)

    @property
    def states(self) -> int:
        return int(self.steps.shape[2])

    def classes(self) -> Floats:
        """n x S x 7: logarithm of the probability of a class in a state."""
        return np.asarray(np.log(np.maximum(self.steps.sum(axis=3), 1e-300)).transpose(0, 2, 1), np.float64)


def join(*parts: Automaton) -> Automaton:
    """One after the other; every part begins in its own first state."""
    size = max(part.states for part in parts)
    steps, after = [], []
    for part in parts:
        grow = size - part.states
        rows = np.pad(part.steps, ((0, 0), (0, 0), (0, grow), (0, grow)))
        follow = np.pad(part.after, ((0, 0), (0, grow), (0, 0)))
        follow[-1] = 0
        rows[-1] = np.concatenate(
            (rows[-1].sum(axis=2, keepdims=True), np.zeros((7, size, size - 1))), axis=2
        )
        steps.append(rows)
        after.append(follow)
    within = np.concatenate([part.within for part in parts])
    return Automaton(np.concatenate(steps), within, np.concatenate(after))


def _position(
    rules: Sequence[Rule], size: int, letters: Floats, broken: float
) -> tuple[Floats, Floats, Whole]:
    """One position: what each state says. Symbols that no rule names share `broken`."""
    steps, after = np.zeros((7, size, size)), np.zeros((size, 7), np.intp)
    within = np.concatenate((np.full(4, 1.0), np.full(6, 1 / 6), letters, np.ones(1)))
    even = np.bincount(CLASS_OF, minlength=7) / len(SYMBOLS)
    for state, rule in enumerate(rules):
        chances, follow = even * broken, np.full(7, next(iter(rule.values()))[1])
        total = sum(chance for chance, _ in rule.values())
        for symbols, (chance, goal) in rule.items():
            for symbol in symbols:
                kind = CLASS_OF[INDEX[symbol]]
                chances[kind] += (1 - broken) * chance / total / len(symbols)
                follow[kind] = goal
        steps[np.arange(7), state, follow] = chances
        after[state] = follow
    return steps, within, after


def _build(
    positions: Sequence[Sequence[Rule]], letters: Floats | None = None, broken: float = BROKEN
) -> Automaton:
    size = max(len(rules) for rules in positions)
    spread = np.full(26, 1 / 26) if letters is None else letters
    made = {id(rules): _position(rules, size, spread, broken) for rules in positions}
    parts = [made[id(rules)] for rules in positions]
    steps, within = np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
    return Automaton(steps, within, np.stack([part[2] for part in parts]))


@cache
def any_of(*groups: str, broken: float = 0.01) -> Automaton:
    """Positions without memory: each a group of symbols, even; the others share `broken`."""
    parts = []
    for group in groups:
        chosen = np.full(len(SYMBOLS), broken / len(SYMBOLS))
        for symbol in group:
            chosen[INDEX[symbol]] += (1 - broken) / len(group)
        parts.append(_symbols(chosen))
    return join(*parts)


def _symbols(chances: Floats) -> Automaton:
    """One position, one state, any distribution over the 37 symbols."""
    kinds = np.asarray(np.bincount(CLASS_OF, weights=chances, minlength=7), np.float64)
    within = chances / kinds[CLASS_OF]
    return Automaton(kinds.reshape(1, 7, 1, 1), within[None], np.zeros((1, 1, 7), np.intp))


@cache
def weighed(chances: tuple[tuple[str, float], ...], floor: float) -> Automaton:
    """One position: symbols with their weights, the rest sharing `floor`."""
    values = np.full(len(SYMBOLS), floor / len(SYMBOLS))
    total = sum(weight for _, weight in chances)
    for group, weight in chances:
        values[[INDEX[symbol] for symbol in group]] += (1 - floor) * weight / total / len(group)
    return _symbols(values)


@cache
def number(length: int) -> Automaton:
    """Document numbers: letters and digits, mostly digits, fillers at the end."""
    rules: tuple[Rule, ...] = (  # states: start, digit, letter, filler
        {DIGITS: (0.55, 1), LETTERS: (0.44, 2), FILLER: (0.01, 3)},
        {DIGITS: (0.91, 1), LETTERS: (0.05, 2), FILLER: (0.04, 3)},
        {DIGITS: (0.7, 1), LETTERS: (0.28, 2), FILLER: (0.02, 3)},
        {DIGITS: (0.06, 1), LETTERS: (0.02, 2), FILLER: (0.92, 3)},
    )
    return _build([rules] * length, number_letters())


@cache
def unbroken(length: int) -> Automaton:
    """The part of a long number that has no fillers."""
    rules: tuple[Rule, ...] = (
        {DIGITS: (0.6, 1), LETTERS: (0.4, 2)},
        {DIGITS: (0.92, 1), LETTERS: (0.08, 2)},
        {DIGITS: (0.7, 1), LETTERS: (0.3, 2)},
    )
    return _build([rules] * length, number_letters())


@cache
def optional(length: int) -> Automaton:
    """Optional data: empty, a personal number, or anything."""
    rules: tuple[Rule, ...] = (
        {DIGITS: (0.35, 1), LETTERS: (0.2, 2), FILLER: (0.45, 3)},
        {DIGITS: (0.9, 1), LETTERS: (0.04, 2), FILLER: (0.06, 3)},
        {DIGITS: (0.45, 1), LETTERS: (0.47, 2), FILLER: (0.08, 3)},
        {DIGITS: (0.02, 1), LETTERS: (0.01, 2), FILLER: (0.97, 3)},
    )
    return _build([rules] * length, number_letters())


@cache
def date(year: int | None, unknown: float) -> Automaton:
    """YYMMDD. `unknown`: how often month and day are fillers; `year`: of today, for an expiry, else None."""
    tens = {DIGITS: (1 - unknown / 10, 0), FILLER: (unknown / 10, 1)}
    if year is not None:
        near = "".join(dict.fromkeys(str((year + ahead) % 100 // 10) for ahead in (-8, 0, 6)))
        tens = {near: (0.8, 0), DIGITS: (0.2 - unknown / 10, 0), FILLER: (unknown / 10, 1)}
    blank: Rule = {FILLER: (1.0, 1)}
    known = 1 - unknown
    months: tuple[Rule, ...] = (
        {"0": (0.74 * known, 0), "1": (0.26 * known, 1), FILLER: (unknown, 2)},
        {FILLER: (1.0, 2)},
    )
    second: tuple[Rule, ...] = (
        {"123456789": (0.997, 0), "0": (0.003, 1)},  # 00 is used for unknown by some
        {"012": (1.0, 0)},
        {FILLER: (1.0, 1)},
    )
    days: tuple[Rule, ...] = (
        {"012": (0.92 * known, 0), "3": (0.08 * known, 1), FILLER: (unknown, 2)},
        {FILLER: (0.97, 2), "0": (0.03, 0)},
    )
    last: tuple[Rule, ...] = ({DIGITS: (1.0, 0)}, {"01": (1.0, 0)}, {FILLER: (1.0, 0)})
    return _build([(tens,), ({DIGITS: (1.0, 0)}, blank), months, second, days, last], broken=BROKEN_DATE)


@cache
def name(length: int, digit: float = 0.0001) -> Automaton:
    """PRIMARY<<SECONDARY: one filler between components, two between identifiers, fillers to the end.

    `digit`: how often a digit stands where a letter should.
    """
    letter = 1 - digit
    rules: tuple[Rule, ...] = (  # start; primary, 1 and 2 fillers; secondary, 1 filler; fillers to the end
        {LETTERS: (letter, 1), FILLER: (0.002, 2), DIGITS: (digit, 1)},
        {LETTERS: (0.86, 1), FILLER: (0.14, 2), DIGITS: (digit, 1)},
        {LETTERS: (0.25, 1), FILLER: (0.75, 3), DIGITS: (digit, 1)},
        {LETTERS: (0.92, 4), FILLER: (0.08, 6), DIGITS: (digit, 4)},
        {LETTERS: (0.84, 4), FILLER: (0.16, 5), DIGITS: (digit, 4)},
        {LETTERS: (0.4, 4), FILLER: (0.6, 6), DIGITS: (digit, 4)},
        {LETTERS: (0.003, 4), FILLER: (0.997, 6), DIGITS: (0.0001, 4)},
    )
    return _build([rules] * length, name_letters(), BROKEN_NAME)


@cache
def french_given(length: int) -> Automaton:
    """Given names of the French identity card of 1988, separated by one or two fillers."""
    rules: tuple[Rule, ...] = (
        {LETTERS: (0.998, 1), FILLER: (0.002, 2)},
        {LETTERS: (0.84, 1), FILLER: (0.16, 2)},
        {LETTERS: (0.25, 1), FILLER: (0.75, 3)},
        {LETTERS: (0.4, 1), FILLER: (0.6, 4)},
        {LETTERS: (0.003, 1), FILLER: (0.997, 4)},
    )
    return _build([rules] * length, name_letters(), BROKEN_NAME)


@cache
def office(length: int) -> Automaton:
    """Department and office of the French identity card: digits, or fillers, rarely a letter."""
    rules: tuple[Rule, ...] = (
        {DIGITS: (0.75, 1), FILLER: (0.25, 2)},
        {DIGITS: (0.97, 1), LETTERS: (0.02, 1), FILLER: (0.01, 2)},
        {DIGITS: (0.08, 1), FILLER: (0.92, 2)},
    )
    return _build([rules] * length, number_letters())
