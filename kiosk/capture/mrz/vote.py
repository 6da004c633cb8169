"""The vote over frames that show the same zone: which frames count together, and what they say together."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from kiosk.capture.mrz.reading import Decoded, Grid, LogProbabilities, Reading

Judge = Callable[[Sequence[Reading]], Decoded]

SURE = 0.9  # probability from which a character contradicts another frame
CONTRADICTIONS = 3  # more sure characters that differ: another document
ALIKE = 0.25  # share of characters that may differ at all
SHIFT = 0.5  # of the zone's length between two readings: more is another document


def same_zone(before: Reading, now: Reading) -> bool:
    """Whether two readings in a row are of one document: same shape, place near by, text alike.

    A misread character is seldom sure, a character of another document mostly is; so sure characters that
    differ count, and unsure ones only in bulk.
    """
    if (before.grid.columns, before.grid.rows) != (now.grid.columns, now.grid.rows):
        return False
    return _near(before.grid, now.grid) and _alike(before.decoded, now.decoded)


def _near(before: Grid, now: Grid) -> bool:
    shift = float(np.linalg.norm(now.corners().mean(axis=0) - before.corners().mean(axis=0)))
    return shift < SHIFT * max(before.pitch(), now.pitch()) * now.columns


def _alike(before: Decoded, now: Decoded) -> bool:
    cells = [
        (one != other, min(p, q))
        for lines in zip(before.lines, now.lines, before.characters, now.characters, strict=True)
        for one, other, p, q in zip(*lines, strict=True)
    ]
    differing = [sure for differs, sure in cells if differs]
    sure = sum(value >= SURE for value in differing)
    return sure <= CONTRADICTIONS and len(differing) <= ALIKE * len(cells)


def by_scores(
    combine: Callable[[Sequence[LogProbabilities]], LogProbabilities],
    decode: Callable[[LogProbabilities], Decoded | None],
) -> Judge:
    """Add the evidence for every character over the frames, then decode once.

    Where the sum of several readings is none, the newest stands, without being certain.
    """

    def judge(readings: Sequence[Reading]) -> Decoded:
        newest, before = readings[-1].decoded, readings[-2:][0].decoded
        if len(readings) == 1 or (newest.certain and before.certain and newest.lines == before.lines):
            return newest  # adding them up would say the same, and costs another decoding
        found = decode(combine([reading.scores for reading in readings]))
        return replace(newest, certain=False) if found is None else found

    return judge
