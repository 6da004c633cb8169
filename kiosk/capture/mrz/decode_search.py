"""Likely texts of every part and likely zones made of them: the list that exact sums then weigh.

A part's list holds the likeliest text and every change of one, two or three of its doubtful characters; each
is scored exactly. Zones are put together part by part, keeping the best, and the composite digit closes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from kiosk.capture.mrz.decode_sums import FILLED, RATES, TINY, Plan, Sums, plan
from kiosk.capture.mrz.grammar import CLASS_OF, Automaton
from kiosk.capture.mrz.prior import DIGITS, EMPTY_DIGIT, KINDS, RESIDUES, Floats, Whole, wrong_symbol

CHANGES = (24, 24, 9)  # how many doubtful characters may change alone, two at once, three at once
FEW_CHANGES = (10, 10, 0)  # where no check digit can ask for an unlikely text
NO_CHANGES = (0, 0, 0)
DEPTH = 18.0  # natural logarithm: texts this much less likely than the best of their part are dropped
NEAREST = float(np.exp(-DEPTH))
KEPT = 48  # texts kept of a part
BEAM = 256  # zones kept while parts are added
SEEN_DIGITS = 3  # likeliest symbols of a check digit's cell that are tried besides the right one
WRONG_COST = 6.0  # natural logarithm, roughly: what a wrong digit costs while lists are cut


@dataclass(frozen=True, eq=False)
class Texts:
    """Likely texts of one part: `symbols` (m x cells), log mass, own and composite residues."""

    symbols: Whole
    score: Floats
    own: Whole
    residue: Whole


@dataclass(frozen=True, eq=False)
class Choices:
    """Likely texts with their check digits.

    `wrong` counts digits that do not agree; `residue` is m x 2: composite residue with the digit as printed,
    and with the right one.
    """

    cells: Whole
    symbols: Whole
    score: Floats
    wrong: Whole
    residue: Whole


@dataclass(frozen=True, eq=False)
class Zones:
    """Likely zones, likeliest first: symbols (m x all cells) and the logarithm of their joint mass."""

    symbols: Whole
    score: Floats


@cache
def _changes(counts: tuple[int, int, int]) -> Whole:
    """Sets of changes (rows of three indexes, -1 for none), the empty set first."""
    rows = [(-1, -1, -1), *((one, -1, -1) for one in range(counts[0]))]
    rows += [(*pair, -1) for pair in combinations(range(counts[1]), 2)]
    return np.array(rows + list(combinations(range(counts[2]), 3)), np.intp)


def score(automaton: Automaton, ready: Plan, logs: Floats, symbols: Whole) -> Floats:
    """Log prior and evidence of texts (m x n); `logs` is the log evidence of the cells, n x 37."""
    places = np.arange(automaton.length)
    total = (logs + ready.within)[places, symbols].sum(axis=1)
    kinds = CLASS_OF[symbols].T
    state = np.zeros(len(symbols), np.intp)
    for place, kind in enumerate(kinds):
        total += ready.logs[place][state, kind]
        state = automaton.after[place][state, kind]
    return np.asarray(total, np.float64)


def score_one(automaton: Automaton, ready: Plan, cells: Floats, text: Whole) -> float:
    """As `score`, of one text and not in logarithms; `cells` is the evidence, n x 37."""
    places = np.arange(automaton.length)
    kinds = CLASS_OF[text].tolist()
    state, chance = 0, float((cells[places, text] * automaton.within[places, text]).prod())
    for place, kind in enumerate(kinds):
        chance *= ready.chances[place][state][kind]
        state = ready.after[place][state][kind]
    return chance


def likely_texts(sums: Sums, *, plain: bool = False) -> Texts:
    """The list of one part, likeliest first; with `plain` only the text that is likeliest by itself."""
    part, ready = sums.part, plan(sums.part)
    counts = NO_CHANGES if plain else CHANGES if part.coupled else FEW_CHANGES
    symbols = _proposed(sums.alone, counts)
    scores = score(part.automaton, ready, np.log(sums.cells), symbols)
    order = np.argsort(-scores, kind="stable")
    symbols, scores = symbols[order], scores[order]
    residues = RESIDUES[symbols]
    return Texts(symbols, scores, residues @ part.own % 10, residues @ part.composite % 10)


def _proposed(alone: Floats, counts: tuple[int, int, int]) -> Whole:
    """The likeliest symbols and their changes; `alone` is n x 37."""
    best = alone.argmax(axis=1)
    if counts == NO_CHANGES:
        return np.asarray(best[None], np.intp)
    odds = alone / np.maximum(alone.max(axis=1, keepdims=True), TINY)
    odds[np.arange(len(best)), best] = 0.0
    near = np.flatnonzero(odds > NEAREST)  # the others cost more than DEPTH alone
    likeliest = near[np.argsort(-odds.ravel()[near], kind="stable")][: max(counts)]
    if not len(likeliest):
        return np.asarray(best[None], np.intp)
    place, symbol = np.divmod(likeliest, odds.shape[1])
    one, two, three = (min(count, len(likeliest)) for count in counts)
    sets = _changes((one, two, three))
    costs = np.append(-np.log(odds[place, symbol] + TINY), 0.0)
    sets = sets[costs[sets].sum(axis=1) < DEPTH]
    where = np.where(sets < 0, -1 - np.arange(3), place[sets])
    apart = (where[:, 0] != where[:, 1]) & (where[:, 1] != where[:, 2]) & (where[:, 0] != where[:, 2])
    sets = sets[apart]
    texts = np.repeat(best[None], len(sets), axis=0)
    for column in sets.T:
        rows = np.flatnonzero(column >= 0)
        texts[rows, place[column[rows]]] = symbol[column[rows]]
    return texts


def with_digits(sums: Sums, texts: Texts, seen: Floats | None) -> Choices:
    """Texts with their check digit: the right one and those that the cell shows (`seen`, 37)."""
    part = sums.part
    if seen is None:
        none = np.zeros(len(texts.score), np.intp)
        twice = np.repeat(texts.residue[:, None], 2, axis=1)
        return _cut(Choices(part.cells, texts.symbols, texts.score, none, twice))
    shown = np.argsort(-seen, kind="stable")[:SEEN_DIGITS]
    digits = np.concatenate((texts.own[:, None], np.repeat(shown[None], len(texts.own), axis=0)), axis=1)
    blank = (texts.symbols == FILLED).all(axis=1)[:, None] & part.blank
    right = (digits == texts.own[:, None]) | (blank & (digits == FILLED))
    doubled = right & (digits == texts.own[:, None])
    doubled[:, 0] = False
    chance = np.where(right, 1.0, wrong_symbol()[digits])
    chance = np.where(blank & right, np.where(digits == FILLED, EMPTY_DIGIT, 1 - EMPTY_DIGIT), chance)
    scores = texts.score[:, None] + np.log(seen[digits] * chance)
    scores[doubled] = -np.inf
    meant = np.where(right, digits, texts.own[:, None])
    added = part.digit_weight * RESIDUES[np.stack((digits, meant), axis=2)]
    residue = (texts.residue[:, None, None] + added) % 10
    row = np.repeat(np.arange(len(texts.own)), digits.shape[1])
    return _cut(
        Choices(
            cells=np.append(part.cells, part.digit),
            symbols=np.concatenate((texts.symbols[row], digits.reshape(-1, 1)), axis=1),
            score=scores.ravel(),
            wrong=(~right).astype(np.intp).ravel(),
            residue=residue.reshape(-1, 2),
        )
    )


def _cut(choices: Choices) -> Choices:
    worth = choices.score - WRONG_COST * choices.wrong
    order = np.argsort(-worth, kind="stable")[:KEPT]
    order = order[worth[order] > worth[order[0]] - DEPTH]
    return Choices(
        choices.cells,
        choices.symbols[order],
        choices.score[order],
        choices.wrong[order],
        choices.residue[order],
    )


def likely_zones(parts: Sequence[Choices], cells: int, composite: int, seen: Floats, digits: int) -> Zones:
    """Zones made of the parts' choices; `composite` is that digit's cell (or -1), `seen` all evidence."""
    total, wrong = np.zeros(1), np.zeros(1, np.intp)
    residue, taken = np.zeros((1, 2), np.intp), np.zeros((1, 0), np.intp)
    for part in parts:
        joint = total[:, None] + part.score
        missed = wrong[:, None] + part.wrong
        old, new = np.divmod(_best(joint - WRONG_COST * missed, BEAM), len(part.score))
        total, wrong = joint[old, new], missed[old, new]
        residue = (residue[old] + part.residue[new]) % 10
        taken = np.concatenate((taken[old], new[:, None]), axis=1)
    symbols = np.zeros((len(total), cells), np.intp)
    for column, part in enumerate(parts):
        symbols[:, part.cells] = part.symbols[taken[:, column]]
    if composite < 0:
        total = total + np.log(_worth(wrong[:, None], digits) @ np.array(KINDS))
    else:
        old, shown, total = _closed(total, wrong, residue, seen[composite], digits)
        symbols = symbols[old]
        symbols[:, composite] = shown
    order = np.argsort(-total, kind="stable")
    return Zones(symbols[order], total[order])


def _closed(
    total: Floats, wrong: Whole, residue: Whole, seen: Floats, digits: int
) -> tuple[Whole, Whole, Floats]:
    """Zones with their composite digit: which zone, which symbol, and the logarithm of the joint mass."""
    tried = np.arange(len(seen)) < len(DIGITS)
    tried[np.argsort(-seen, kind="stable")[:SEEN_DIGITS]] = True
    shown = np.flatnonzero(tried)
    misses = shown[None, :, None] != residue[:, None, (0, 0, 1, 0)]  # zone x symbol x kind of document
    chance = np.where(misses, wrong_symbol()[shown][None, :, None], 1.0)
    worth = (_worth(wrong[:, None, None] + misses, digits) * chance) @ np.array(KINDS)
    joint = total[:, None] + np.log(seen[shown] * worth)
    old, new = np.divmod(_best(joint, BEAM), len(shown))
    return old, shown[new], joint[old, new]


def _worth(wrong: Whole, digits: int) -> Floats:
    """Probability of one given set of wrong digits, by its size, for each kind of document (last axis)."""
    return np.asarray(RATES**wrong * (1 - RATES) ** (digits - wrong), np.float64)


def _best(values: Floats, count: int) -> Whole:
    """Flat indexes of the largest values, in no order, none DEPTH below the largest."""
    flat = values.ravel()
    near = np.flatnonzero(flat > flat.max() - DEPTH)
    if len(near) <= count:
        return np.asarray(near, np.intp)
    return np.asarray(near[np.argpartition(-flat[near], count)[:count]], np.intp)
