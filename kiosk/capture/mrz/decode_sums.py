"""Exact sums over all texts of a part, sorted by their check digit residues.

A text's weighted sums modulo 10, `o` in its own check digit and `c` in the composite one, decide which digits
are right (Doc 9303-3 section 4.9). Their joint distribution is computed by its Fourier transform over
Z10 x Z10: there each cell is one factor, so one forward and one backward run over the cells give every sum
that is asked for, without a loop over residues. Rounding is relative to the whole mass (1e-15), far below
the share of misprints.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.decode_forms import Part
from kiosk.capture.mrz.grammar import CLASS_OF, CLASSES
from kiosk.capture.mrz.prior import (
    EMPTY_DIGIT,
    INDEX,
    KINDS,
    RESIDUES,
    WRONG,
    Floats,
    Whole,
    wrong_symbol,
)

Complex = NDArray[np.complex128]
FILLED = INDEX["<"]
RATES: Floats = np.array(WRONG)
MEANT = 2  # the kind whose composite digit is made from the right digits
TINY = 1e-300
_TURN = np.exp(2j * np.pi * np.outer(np.arange(10), np.arange(10)) / 10)  # residue x frequency
_TEN: Whole = np.arange(10)
_BEFORE: Whole = (np.arange(10)[:, None] - np.arange(10)[None, :]) % 10  # [c, d] -> c - d
_AFTER: Whole = (np.arange(10)[:, None] + np.arange(10)[None, :]) % 10


@cache
def _sorting() -> Floats:
    """37 x 70: which class and residue a symbol belongs to."""
    table = np.zeros((len(CLASS_OF), len(CLASSES) * 10))
    table[np.arange(len(CLASS_OF)), CLASS_OF * 10 + RESIDUES] = 1.0
    return table


@dataclass(frozen=True, eq=False)
class Plan:
    """What does not depend on the picture: frequencies, one of each conjugate pair, and the way back.

    `bins`: n x f, which tenth of a turn per unit; `back`: f x 100, real part of (values @ back) are sums by
    residue pair; `steps`: n x 7 x (S * S), complex for more than one frequency. `chances` and `after`
    are the automaton's (n x S x 7) for use outside of arrays.
    """

    bins: Whole
    back: Complex
    steps: NDArray[np.float64] | Complex
    logs: Floats
    within: Floats
    chances: list[list[list[float]]]
    after: list[list[list[int]]]


@cache
def plan(part: Part) -> Plan:
    """The plan of a part (kept for good: parts are few)."""
    pairs = _frequencies(bool(part.own.any()), bool(part.composite.any()))
    bins = (np.outer(part.own, pairs[:, 0]) + np.outer(part.composite, pairs[:, 1])) % 10
    own, composite = np.divmod(np.arange(100), 10)
    angle = (np.outer(pairs[:, 0], own) + np.outer(pairs[:, 1], composite)) % 10
    twice = np.where(((-pairs) % 10 == pairs).all(axis=1), 1.0, 2.0)
    used = (10 if pairs[:, 0].any() else 1) * (10 if pairs[:, 1].any() else 1)
    back = np.conj(_TURN[1, angle]) * twice[:, None] / used
    if not pairs[:, 0].any():
        back[:, 10:] = 0
    if not pairs[:, 1].any():
        back[:, composite != 0] = 0
    steps = part.automaton.steps.reshape(part.automaton.length, len(CLASSES), -1)
    if len(pairs) > 1:
        steps = steps.astype(np.complex128)
    logs, after = part.automaton.classes(), part.automaton.after.tolist()
    return Plan(bins, back, steps, logs, np.log(part.automaton.within), np.exp(logs).tolist(), after)


def _frequencies(own: bool, composite: bool) -> Whole:
    """Pairs (own, composite), (0, 0) first; of a pair and its negative only one."""
    pairs = [(f, g) for f in range(10 if own else 1) for g in range(10 if composite else 1)]
    return np.array([pair for pair in pairs if pair <= ((-pair[0]) % 10, (-pair[1]) % 10)], np.intp)


@dataclass(frozen=True, eq=False)
class Sums:
    """Forward (n + 1 x f x S) and backward sums of one part, and `table`: 10 x 10 masses by residue pair."""

    part: Part
    cells: Floats
    forward: NDArray[np.float64] | Complex
    backward: NDArray[np.float64] | Complex
    table: Floats

    @property
    def mass(self) -> float:
        """Probability of the part's evidence, check digits aside."""
        return max(float(self.forward[-1, 0].real.sum()), TINY)

    @cached_property
    def alone(self) -> Floats:
        """n x 37: probability of every symbol of every cell without the help of check digits."""
        automaton = self.part.automaton
        before, behind = self.forward[:-1, 0].real, self.backward[1:, 0].real
        kinds = np.matmul(np.matmul(before[:, None, None], automaton.steps)[:, :, 0], behind[..., None])
        values = self.cells * automaton.within * kinds[:, CLASS_OF, 0]
        return np.asarray(values / np.maximum(values.sum(axis=1, keepdims=True), TINY), np.float64)

    def of_text(self, text: Whole, worth: Floats) -> Floats:
        """Mass of every cell's symbol (n) where a text with residues (o, c) is worth `worth[o, c]`."""
        automaton, ready = self.part.automaton, plan(self.part)
        places = np.arange(automaton.length)
        steps = automaton.steps[places, CLASS_OF[text]]
        paths = (np.matmul(self.forward[:-1], steps) * self.backward[1:]).sum(axis=2)
        turned = paths * _TURN[RESIDUES[text][:, None], ready.bins]
        totals = (turned @ (ready.back @ worth.ravel())).real
        return np.asarray(totals * self.cells[places, text] * automaton.within[places, text], np.float64)


def sums(part: Part, evidence: Floats) -> Sums:
    """Run over the cells of `part`; `evidence` is all cells x 37."""
    ready, automaton = plan(part), part.automaton
    cells = evidence[part.cells]
    kinds = ((cells * automaton.within) @ _sorting()).reshape(len(cells), len(CLASSES), 10)
    size = automaton.states
    if ready.bins.shape[1] == 1:
        sorted_in = kinds.sum(axis=2)[:, None, :]
    else:
        sorted_in = (kinds @ _TURN)[np.arange(len(cells))[:, None], :, ready.bins]
    moves = np.matmul(sorted_in, ready.steps).reshape(len(cells), -1, size, size)
    forward, backward = _run(moves)
    table = np.maximum((forward[-1].sum(axis=1) @ ready.back).real.reshape(10, 10), 0.0)
    return Sums(part, cells, forward, backward, table)


def _run(
    moves: NDArray[np.float64] | Complex,
) -> tuple[NDArray[np.float64] | Complex, NDArray[np.float64] | Complex]:
    """Forward and backward products of `moves` (n x f x S x S), both in one pass."""
    length, bins, size, _ = moves.shape
    both = np.concatenate((moves, moves[::-1].swapaxes(2, 3)), axis=1)
    states = np.zeros((length + 1, 2 * bins, size), moves.dtype)
    states[0, :bins, 0] = 1.0
    states[0, bins:] = 1.0
    for place in range(length):
        np.matmul(states[place][:, None], both[place], out=states[place + 1][:, None])
    return states[:, :bins], states[::-1, bins:]


@dataclass(frozen=True, eq=False)
class Link:
    """How a part meets its check digit: `seen` is the evidence of that cell (37), None without a digit."""

    weight: int
    seen: Floats | None
    blank: float  # probability mass of the part all filler, where a filler digit is right then, else 0

    def outcomes(self, table: Floats) -> Floats:
        """Kinds of documents x 10, by composite residue with the digit; `table`: masses 10 x 10."""
        if self.seen is None:
            return np.repeat(table[:1], len(KINDS), axis=0)
        wrong, by_value = self._wrong
        shifted = _before(self.weight)
        aligned = table.T[shifted, _TEN]
        chances = aligned @ np.stack((self.seen[:10], wrong[:10], wrong.sum() - wrong[:10]), axis=1)
        right, meant = chances[:, 0], chances[:, 2]
        printed = table.sum(axis=0)[shifted] @ by_value - chances[:, 1]
        if self.blank:
            right[0] += self.blank * self._turned_blank()
            printed[0] -= self.blank * wrong[FILLED]
            meant[0] -= self.blank * wrong[FILLED]
        kinds = RATES[:, None] * np.stack((printed, printed, meant, printed)) + (1 - RATES)[:, None] * right
        return np.asarray(np.maximum(kinds, 0.0), np.float64)

    def worth(self, outside: Floats) -> Floats:
        """10 x 10: what a text with residues (o, c) is worth, given kinds of documents x 10 outside it."""
        if self.seen is None:
            return np.broadcast_to(outside.sum(axis=0), (10, 10))
        wrong, by_value = self._wrong
        shifted = outside[:, _after(self.weight)]  # kind, c, d
        right = (1 - RATES)[:, None, None] * self.seen[:10] * shifted
        missed = RATES[:, None, None] * ((shifted @ by_value)[:, :, None] - shifted * wrong[:10])
        missed[MEANT] = RATES[MEANT] * shifted[MEANT] * (wrong.sum() - wrong[:10])
        total: Floats = (right + missed).sum(axis=0).T
        return total

    def blank_worth(self, outside: Floats) -> float:
        """What has to be added to `worth[0, 0]` for the text of fillers alone."""
        if self.seen is None or not self.blank:
            return 0.0
        missed = wrong_symbol()[FILLED] * self.seen[FILLED]
        return float(((1 - RATES) * self._turned_blank() - RATES * missed) @ outside[:, 0])

    @cached_property
    def _wrong(self) -> tuple[Floats, Floats]:
        """Evidence of every symbol as a wrong digit (37), and its sum by residue (10)."""
        assert self.seen is not None
        wrong = wrong_symbol() * self.seen
        return wrong, np.asarray(np.bincount(RESIDUES, weights=wrong, minlength=10), np.float64)

    def _turned_blank(self) -> float:
        assert self.seen is not None
        return float(EMPTY_DIGIT * (self.seen[FILLED] - self.seen[0]))


@cache
def _before(weight: int) -> Whole:
    """[c, d]: composite residue before digit d was added to reach c."""
    return np.asarray(_BEFORE[:, _TEN * weight % 10], np.intp)


@cache
def _after(weight: int) -> Whole:
    """[c, d]: composite residue after digit d is added to c."""
    return np.asarray(_AFTER[:, _TEN * weight % 10], np.intp)


def composite_worth(seen: Floats | None) -> Floats:
    """Kinds of documents x 10: what the composite digit's cell (37) says of each residue."""
    if seen is None:
        return np.ones((len(KINDS), 10))
    wrong = wrong_symbol() * seen
    missed = wrong.sum() - wrong[:10]
    return np.asarray((1 - RATES)[:, None] * seen[:10] + RATES[:, None] * missed, np.float64)


def convolve(first: Floats, second: Floats) -> Floats:
    """Sum over residues that add up: kinds of documents x 10 each."""
    return np.asarray(np.matmul(first[:, _BEFORE], second[..., None])[..., 0], np.float64)


def correlate(others: Floats, digit: Floats) -> Floats:
    """Worth of a residue, given the others' and the composite digit's worth: kinds of documents x 10."""
    return np.asarray(np.matmul(digit[:, _AFTER], others[..., None])[..., 0], np.float64)
