"""Blocks of a format on a lattice: which columns and lines the zone can be, and what speaks against it.

Doc 9303-3 section 4.3: 3 lines of 30, 2 of 36 or 2 of 44 characters, every cell printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.lattice_plane import Floats, Lattice

LINES = {30: 3, 36: 2, 44: 2}  # Doc 9303-3 section 4.3
SPACING = (1.1, 2.8)  # between lines, in pitches
BEYOND = 3  # columns looked at on either side of the block
FAR = 8  # columns in which a longer line would show
DOUBT = 3.3  # a start is tried if it is worth this little less than the best
SURE = 0.28  # and counts for nothing beyond this
NEAR = 0.35  # a peak belongs to a cell within this, in pitches
# So many characters just beyond an end are part of a longer line: where there is no longer one, where
# there is one, and where a row is missing altogether.
RUNS_ON, SOMETHING, NOTHING = 2.5, 1.15, 0.3
EDGE = 2  # wholly empty columns at the ends
LEAST = 0.6  # share of the cells of the rows seen
LEAST_IN_ROW = 0.35
HYPOTHESES = 3
PLACES = 8  # starts looked at, best first


@dataclass(frozen=True, eq=False)
class Peaks:
    points: Floats  # n x 2, pixels from `origin`
    weights: Floats
    origin: Floats
    size: tuple[float, float] | None  # of the picture

    def shows(self, points: Floats) -> bool:
        """Whether all these points (pixels from `origin`) are in the picture."""
        if self.size is None:
            return True
        at = points + self.origin
        return bool(((at >= 0) & (at < np.array(self.size))).all())


@dataclass(frozen=True, eq=False)
class Window:
    """A block laid on a lattice: from column `start` and row `top`."""

    lattice: Lattice
    columns: int
    start: int
    top: int
    worth: float


def windows_on(peaks: Peaks, lattice: Lattice, rows: int) -> Iterator[Window]:
    """The blocks that may lie on a lattice of two or three seen rows."""
    step = lattice.step((rows - 1) / 2)
    if rows == 3:
        yield from _starts(peaks, lattice, step, (0, 1, 2), {30: (0,)})
    elif SPACING[0] < step < SPACING[1]:
        yield from _starts(peaks, lattice, step, (0, 1), {44: (0,), 36: (0,), 30: (-1, 0)})
    if rows == 2 and SPACING[0] < step / 2 < SPACING[1]:
        halved = Lattice(lattice.matrix @ np.diag((1, 0.5, 1)), lattice.bow, lattice.middle, lattice.half)
        yield from _starts(peaks, halved, step / 2, (0, 2), {30: (0,)})


def _starts(
    peaks: Peaks, lattice: Lattice, step: float, lines: tuple[int, ...], tops: dict[int, tuple[int, ...]]
) -> Iterator[Window]:
    low, mass = _masses(peaks, lattice, step, lines)
    laid = False
    for columns, starts in tops.items():
        if laid:
            return
        margin = columns + FAR
        wide = np.pad(mass, ((0, 0), (margin, margin)))
        values = worths(mass, columns)
        longest = columns == max(LINES) or len(lines) == 3
        good = np.argsort(-values, kind="stable")[:PLACES]
        for place in good[values[good] > values[good[0]] - DOUBT]:
            begin = int(place) + FAR
            if not _complete(wide[:, begin : begin + columns]):
                continue
            before, after = wide[:, begin - FAR : begin][:, ::-1], wide[:, begin + columns :][:, :FAR]
            most = RUNS_ON if longest else SOMETHING if LINES[columns] == len(lines) else NOTHING
            more = [_stands_beyond(beyond, most, peaks.size is not None) for beyond in (before, after)]
            if min(more) < 0:
                continue
            ends = (low + begin - margin - 1 - more[0], low + begin - margin + columns + more[1])
            for top in starts:
                if _shown(peaks, lattice, (top, top + LINES[columns] - 1), ends):
                    laid = True
                    worth = float(values[place]) / (columns * LINES[columns])
                    yield Window(lattice, columns, low + begin - margin, top, worth)


def _masses(peaks: Peaks, lattice: Lattice, step: float, lines: tuple[int, ...]) -> tuple[int, Floats]:
    """The first column with a peak, and how sure the peak of every cell from there is: 0 (none) to 1."""
    cells = lattice.cells(peaks.points)
    whole = np.rint(cells)
    away = np.hypot(cells[:, 0] - whole[:, 0], (cells[:, 1] - whole[:, 1]) * step)
    on = (away < NEAR) & np.isin(whole[:, 1], lines) & (np.abs(whole[:, 0] - lattice.middle) < 150)
    if not on.any():
        return 0, np.zeros((len(lines), 1))
    columns, weights = whole[on, 0].astype(np.int64), peaks.weights[on]
    low = int(columns.min())
    mass = np.zeros((len(lines), int(columns.max()) - low + 1))
    sure = np.minimum(weights / np.median(weights), 1) * np.clip(1 - (away[on] / SURE) ** 2, 0.01, 1)
    np.maximum.at(mass, (np.searchsorted(lines, whole[on, 1]), columns - low), sure)
    return low, mass


def _complete(mass: Floats) -> bool:
    """Whether a block has enough of its cells, and both its ends."""
    block = mass > 0
    counts = block.sum(axis=1)
    if counts.sum() < LEAST * block.size or counts.min() < LEAST_IN_ROW * block.shape[1]:
        return False
    some = np.flatnonzero(block.any(axis=0))
    return bool(some[0] + block.shape[1] - 1 - some[-1] <= EDGE)


def _stands_beyond(beyond: Floats, most: float, edges_known: bool) -> int:
    """In how many of the columns beyond an end, nearest first, something stands; -1 if the line runs on.

    One column with nothing after it is the side of a frame, if the picture shows that nothing comes after.
    """
    columns = beyond.sum(axis=0)
    if columns[:BEYOND].sum() < most and columns.sum() < 1.5 * most:
        return int(columns[0] > 0.5 and most < RUNS_ON)
    place = int(np.argmax(columns[:BEYOND]))
    alone = columns.sum() - columns[place] < NOTHING
    return place + 1 if edges_known and most > NOTHING and alone else -1


def _shown(peaks: Peaks, lattice: Lattice, lines: tuple[int, ...], columns: tuple[int, int]) -> bool:
    """Whether the picture shows the cells of these columns, beyond the ends of the block.

    Then nothing can be cut off: the page goes on for more than a column beyond the ends of a line.
    """
    ends = np.array([(column, line) for column in columns for line in lines], np.float64)
    return peaks.shows(lattice.points(ends))


def worths(seen: NDArray[np.generic], columns: int) -> Floats:
    """For blocks that start `columns` before the first column seen, and on: cells found less the
    empty ones by half and less those found just outside."""
    margin = columns + FAR
    sums = np.concatenate((np.zeros(margin + 1), np.cumsum(seen.sum(axis=0)), np.zeros(margin)))
    sums[len(sums) - margin :] = sums[len(sums) - margin - 1]
    starts = np.arange(FAR, len(sums) - columns - FAR)
    inside = sums[starts + columns] - sums[starts]
    around = sums[starts + columns + BEYOND] - sums[starts - BEYOND]
    return np.asarray(2.5 * inside - 0.5 * len(seen) * columns - around, np.float64)
