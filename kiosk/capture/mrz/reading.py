"""What reading one picture gives: a `Reading` or a `Missed`, and the values both are made of.

`lines` is what is printed, misprints included; anything repaired stands beside it as an alternative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.ports import Corners, Hint, KeyCandidate

__all__ = [
    "DOUBT",
    "SYMBOLS",
    "Candidate",
    "Corners",
    "Decoded",
    "Details",
    "FieldReading",
    "Gray",
    "Grid",
    "KeyCandidate",
    "LogProbabilities",
    "Missed",
    "Points",
    "Reading",
]

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"  # Doc 9303-3 section 4.3, in check digit order
DOUBT = 0.9  # a character with less probability than this is doubtful

Gray = NDArray[np.uint8]  # height x width
LogProbabilities = NDArray[np.float32]  # rows x columns x len(SYMBOLS), natural logarithm
Points = NDArray[np.float64]  # n x 2: x, y


@dataclass(frozen=True, eq=False)
class Grid:
    """`matrix` (3 x 3) maps cell centres (column, row), counted from 0, to picture pixels.

    `step` is the line spacing in pitches, so that a canonical picture keeps its proportions.
    """

    matrix: NDArray[np.float64]
    columns: int
    rows: int
    step: float

    def points(self, cells: NDArray[np.floating]) -> Points:
        """Picture pixels (n x 2) of cell coordinates (n x 2): column, row."""
        shaped = np.asarray(cells, np.float64).reshape(-1, 1, 2)
        return np.asarray(cv2.perspectiveTransform(shaped, self.matrix), np.float64).reshape(-1, 2)

    def corners(self) -> Points:
        """The outer corners of the printed lines, clockwise from the top left, picture pixels."""
        right, low, half = self.columns - 0.5, self.rows - 1, 0.5 / self.step
        box = ((-0.5, -half), (right, -half), (right, low + half), (-0.5, low + half))
        return self.points(np.array(box))

    def pitch(self) -> float:
        """Mean character pitch in picture pixels."""
        middle = (self.rows - 1) / 2
        ends = self.points(np.array(((0.0, middle), (self.columns - 1.0, middle))))
        return float(np.hypot(*(ends[1] - ends[0]))) / (self.columns - 1)


@dataclass(frozen=True)
class FieldReading:
    """One field as printed. `covered`: a check digit covers it; `agrees`: and that digit agrees."""

    text: str
    confidence: float
    covered: bool
    agrees: bool


@dataclass(frozen=True)
class Candidate:
    """Another way to read the zone and how likely it is that it is what is printed (0 to 1)."""

    lines: tuple[str, ...]
    probability: float


class Details(Protocol):
    """What stands behind a decoded zone; worked out only for those who ask."""

    def characters(self) -> tuple[tuple[float, ...], ...]: ...
    def fields(self) -> Mapping[str, FieldReading]: ...
    def alternatives(self) -> tuple[Candidate, ...]: ...
    def keys(self) -> tuple[KeyCandidate, ...]: ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """The decoder's part of a reading.

    `form` is TD1, TD2, TD3, MRVA, MRVB or FRA (the French identity card of 1988). `confidence` is the
    probability that all lines, and `key_confidence` that number, birth and expiry with their digits, are
    exactly what is printed. `certain`: key_confidence is above the calibrated threshold, all digits agree,
    and the key would be read so without them. `unchecked` names the fields that no check digit covers.
    """

    lines: tuple[str, ...]
    form: str
    confidence: float
    key_confidence: float
    certain: bool
    unchecked: tuple[str, ...]
    details: Details = field(repr=False)

    @cached_property
    def characters(self) -> tuple[tuple[float, ...], ...]:
        """The probability of every printed character, line by line."""
        return self.details.characters()

    @cached_property
    def fields(self) -> Mapping[str, FieldReading]:
        """Every field but check digits."""
        return self.details.fields()

    @cached_property
    def alternatives(self) -> tuple[Candidate, ...]:
        """The next likely readings; among them the likeliest whose digits all agree."""
        return self.details.alternatives()

    @cached_property
    def keys(self) -> tuple[KeyCandidate, ...]:
        """What may open the chip, likeliest first."""
        return self.details.keys()

    @property
    def doubtful(self) -> tuple[tuple[int, int], ...]:
        """(line, column) of every character below DOUBT."""
        return tuple(
            (row, column)
            for row, line in enumerate(self.characters)
            for column, value in enumerate(line)
            if value < DOUBT
        )


@dataclass(frozen=True, eq=False)
class Reading:
    """One picture read: the decoded text, where it stands, and the evidence for a vote over frames."""

    decoded: Decoded
    grid: Grid
    scores: LogProbabilities = field(repr=False)

    @property
    def lines(self) -> tuple[str, ...]:
        """As printed."""
        return self.decoded.lines


@dataclass(frozen=True)
class Missed:
    """Nothing readable: what would help, and the corners of what was found of the zone, if anything."""

    hint: Hint
    region: Corners = ()
