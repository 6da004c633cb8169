"""Issuer and nationality together: two of the known codes, often the same one (Doc 9303-3 section 5)."""

from dataclasses import dataclass

import numpy as np

from kiosk.capture.mrz.decode_search import Choices
from kiosk.capture.mrz.decode_sums import TINY
from kiosk.capture.mrz.prior import (
    SAME_STATE,
    UNKNOWN_STATE,
    Floats,
    Whole,
    states,
)

TAKEN = 6  # codes tried in each place, and pairs kept
# Symbols of codes that are not on the list: letters, fillers, rarely digits.
FREE: Floats = np.array([0.001] * 10 + [0.89 / 26] * 26 + [0.1])


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
        codes, shares = states()
        looks = np.stack((self.seen[:3].argmax(axis=1), self.seen[3:].argmax(axis=1)))
        sides = (_listed(self.seen[None, :3], codes)[0], _listed(self.seen[None, 3:], codes)[0])
        tried = np.unique(
            np.concatenate([np.argsort(-side * shares, kind="stable")[:TAKEN] for side in sides])
        )
        texts = np.unique(np.concatenate((codes[tried], looks)), axis=0)
        places = np.arange(3)
        known = (codes[None] == texts[:, None]).all(axis=2) @ shares
        prior = (1 - UNKNOWN_STATE) * known + UNKNOWN_STATE * FREE[texts].prod(axis=1)
        seen = [self.seen[offset + places, texts].prod(axis=1) for offset in (0, 3)]
        joint = (1 - SAME_STATE) * np.outer(prior, prior) + SAME_STATE * np.diag(prior)
        score = np.log(np.maximum(joint * np.outer(*seen), TINY)).ravel()
        order = np.argsort(-score, kind="stable")[:TAKEN]
        left, right = np.divmod(order, len(texts))
        symbols = np.concatenate((texts[left], texts[right]), axis=1)
        none = np.zeros(len(order), np.intp)
        return Choices(self.cells, symbols, score[order], none, np.zeros((len(order), 2), np.intp))


def _listed(seen: Floats, codes: Whole) -> Floats:
    """m x codes: evidence of every known code, from m x 3 x 37."""
    return np.asarray(seen[:, 0, codes[:, 0]] * seen[:, 1, codes[:, 1]] * seen[:, 2, codes[:, 2]], np.float64)


def _free(seen: Floats, other: Floats | None = None) -> Floats:
    """Evidence of any three symbols, the same in both places where two are given."""
    both = seen if other is None else seen * other
    return np.asarray((both @ FREE).prod(axis=1), np.float64)
