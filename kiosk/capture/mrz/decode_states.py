"""Issuer and nationality together: two of the known codes, often the same one (Doc 9303-3 section 5)."""

from dataclasses import dataclass

import numpy as np

from kiosk.capture.mrz.decode_search import Choices
from kiosk.capture.mrz.decode_sums import TINY
from kiosk.capture.mrz.prior import (
    FILLER,
    INDEX,
    SAME_STATE,
    UNKNOWN_STATE,
    Floats,
    Whole,
    states,
)

TAKEN = 8  # codes tried in each place


@dataclass(frozen=True, eq=False)
class States:
    """`cells`: the six places; `seen`: their evidence (6 x 37)."""

    cells: Whole
    seen: Floats

    def mass(self, seen: Floats | None = None) -> Floats:
        """Probability of the evidence, for any number of evidences (m x 6 x 37)."""
        seen = self.seen[None] if seen is None else seen
        codes, shares = states()
        listed = np.stack([_listed(seen[:, :3], codes), _listed(seen[:, 3:], codes)])
        free = np.stack([_free(seen[:, :3]), _free(seen[:, 3:])])
        known = 1 - UNKNOWN_STATE
        both = known * (listed @ shares) + UNKNOWN_STATE * free
        same = known * ((listed[0] * listed[1]) @ shares) + UNKNOWN_STATE * _free(seen[:, :3], seen[:, 3:])
        return np.asarray((1 - SAME_STATE) * both[0] * both[1] + SAME_STATE * same, np.float64)

    def of_text(self, text: Whole) -> Floats:
        """Probability of each of the six symbols, then of either code and of both together (9)."""
        groups = ([0], [1], [2], [3], [4], [5], [0, 1, 2], [3, 4, 5], [0, 1, 2, 3, 4, 5])
        seen = np.repeat(self.seen[None], len(groups) + 1, axis=0)
        for row, group in enumerate(groups):
            for place in group:
                seen[row, place] = 0.0
                seen[row, place, text[place]] = self.seen[place, text[place]]
        masses = self.mass(seen)
        return np.asarray(masses[:-1] / max(float(masses[-1]), TINY), np.float64)

    def choices(self) -> Choices:
        """Likely pairs of codes: known ones, and the symbols as they look."""
        tried = [_tried(self.seen[:3], self.seen[3:]), _tried(self.seen[3:], self.seen[:3])]
        left, right = np.divmod(np.arange(len(tried[0]) * len(tried[1])), len(tried[1]))
        texts = np.unique(np.concatenate((tried[0][left], tried[1][right]), axis=1), axis=0)
        seen = np.zeros((len(texts), *self.seen.shape))
        places = np.arange(6)
        seen[np.arange(len(texts))[:, None], places, texts] = self.seen[places, texts]
        score = np.log(np.maximum(self.mass(seen), TINY))
        order = np.argsort(-score, kind="stable")[:TAKEN]
        none = np.zeros(len(order), np.intp)
        return Choices(self.cells, texts[order], score[order], none, np.zeros((len(order), 2), np.intp))


def _tried(seen: Floats, other: Floats) -> Whole:
    """Codes worth trying in one place: likely here or in the other place, and the symbols as they look."""
    codes, shares = states()
    best = [np.argsort(-_listed(side[None], codes)[0] * shares, kind="stable") for side in (seen, other)]
    chosen = np.unique(np.concatenate((best[0][:TAKEN], best[1][:2])))
    return np.concatenate((codes[chosen], seen.argmax(axis=1)[None]))


def _listed(seen: Floats, codes: Whole) -> Floats:
    """m x codes: evidence of every known code, from m x 3 x 37."""
    return np.asarray(seen[:, 0, codes[:, 0]] * seen[:, 1, codes[:, 1]] * seen[:, 2, codes[:, 2]], np.float64)


def _free(seen: Floats, other: Floats | None = None) -> Floats:
    """Evidence of any three letters or fillers, the same in both where two are given."""
    chances = np.full(37, 0.01 / 10)
    chances[10:36] = 0.89 / 26
    chances[INDEX[FILLER]] = 0.1
    both = seen if other is None else seen * other
    return np.asarray((both @ chances).prod(axis=1), np.float64)
