"""Printed rows among noisy character centres: points along one slightly bowed line at a steady pitch.

A row of equally spaced characters seen in perspective has its columns at u(x) = (a x + b) / (1 + e x).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOMINAL = 12.0  # pixels per character that the picture was straightened to
SLOPES = np.tan(np.radians(np.arange(-9.0, 9.1, 0.75)))
PITCHES = (8.0, 17.0)  # pixels at the middle of a row
BAND = 3.0  # height of a counting band, pixels; two neighbours are counted together
NEAR = 4.0  # a member is at most this far from its line, pixels
ON_COLUMN = 0.25  # a member on a column is at most this far from it, pitches
FEWEST = 10  # columns with a peak
LEANING = 1.6  # most bend of the columns that is tried, u = f t + g t²: g over half the width in 100 pixels
ROWS = 6  # rows that are looked for

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Row:
    """`members` are the peaks on the row's columns, `columns` their numbers (the origin is arbitrary).

    `curve` is y = curve · (1, s, s²) and `ratio` (a, b, e) is u = (a s + b) / (1 + e s), with s = x / 100.
    """

    members: Whole
    columns: Whole
    curve: Floats
    ratio: Floats

    def height(self, x: float) -> float:
        """y of the row's line."""
        s = x / 100
        return float(self.curve[0] + s * (self.curve[1] + s * self.curve[2]))

    def slope(self, x: float) -> float:
        """dy / dx of the row's line."""
        return float(self.curve[1] + 2 * self.curve[2] * x / 100) / 100

    def column(self, x: float) -> float:
        """The (fractional) column at x."""
        a, b, e = self.ratio
        return float((a * x / 100 + b) / (1 + e * x / 100))

    def pitch(self, x: float) -> float:
        """Pixels per column along the row at x."""
        a, b, e = self.ratio
        return float(100 * (1 + e * x / 100) ** 2 / (a - b * e)) * float(np.hypot(1.0, self.slope(x)))


def find_rows(points: Floats, weights: Floats) -> list[Row]:
    """The rows among points (n x 2, pixels, x about 0 in the middle), from top to bottom."""
    left = weights.copy()
    heights = points[:, 1] - SLOPES[:, None] * points[:, 0]
    bands = ((heights - heights.min()) / BAND).astype(np.int64)
    width = int(bands.max()) + 2
    flat = (bands + np.arange(len(SLOPES))[:, None] * width).ravel()
    rows: list[Row] = []
    for _ in range(ROWS):
        counts = np.bincount(flat, np.tile(left, len(SLOPES)), len(SLOPES) * width)
        best = int(np.argmax(counts[:-1] + counts[1:]))
        turn, band = divmod(best, width)
        middle = heights.min() + BAND * (band + 1)
        near = (np.abs(heights[turn] - middle) < 2 * BAND) & (left > 0)
        if np.count_nonzero(near) < FEWEST:
            break
        curve, members = _line(points, left, np.array((middle, 100 * SLOPES[turn], 0.0)))
        row = _steady(points, weights, curve, members) if len(members) >= FEWEST else None
        if row is not None:
            rows.append(row)
        left[members if len(members) else near] = 0.0
    return sorted(rows, key=lambda row: row.height(0.0))


def _line(points: Floats, weights: Floats, curve: Floats) -> tuple[Floats, Whole]:
    """The bowed line that most weight lies near, starting from `curve`, and its members."""
    s = points[:, 0] / 100
    powers = np.stack((np.ones_like(s), s, s * s), axis=1)
    for near, stiff in ((6.0, 1e6), (5.0, 3.0), (NEAR, 3.0)):
        away = points[:, 1] - powers @ curve
        trust = weights * np.clip(1 - (away / near) ** 2, 0, None)
        curve = _solved(powers, points[:, 1], trust, np.array((1e-6, 1e-6, stiff)))
    away = np.abs(points[:, 1] - powers @ curve)
    return curve, np.flatnonzero((away < NEAR) & (weights > 0))


def _solved(rows: Floats, values: Floats, weights: Floats, stiff: Floats) -> Floats:
    """Weighted least squares with a pull to zero."""
    trusted = rows * weights[:, None]
    return np.asarray(np.linalg.solve(trusted.T @ rows + np.diag(stiff), trusted.T @ values), np.float64)


def _steady(points: Floats, weights: Floats, curve: Floats, members: Whole) -> Row | None:
    """The members with their columns, or None if they stand at no steady pitch."""
    s, trust = points[members, 0] / 100, weights[members]
    u = _phases(s, trust)
    ratio = np.zeros(3)
    for near in (0.4, 0.3):
        n = np.rint(u)
        rows = np.stack((s, np.ones_like(s), -n * s), axis=1)
        ratio = _solved(rows, n, trust * np.clip(1 - ((u - n) / near) ** 2, 0, None), np.full(3, 1e-9))
        below = 1 + ratio[2] * s
        if below.min() < 0.5 or below.max() > 2.0:
            return None
        u = (ratio[0] * s + ratio[1]) / below
    on = np.abs(u - np.rint(u)) < ON_COLUMN
    columns = np.rint(u[on]).astype(np.int64)
    row = Row(members[on], columns, curve, ratio)
    if len(np.unique(columns)) < FEWEST or np.count_nonzero(on) < 0.55 * len(on):
        return None
    return row if PITCHES[0] * 0.8 < row.pitch(0.0) < PITCHES[1] * 1.25 else None


def _phases(s: Floats, weights: Floats) -> Floats:
    """Columns u = f t + g t² (less a constant) at the f and g for which most weight lies on whole numbers."""
    middle = (s.min() + s.max()) / 2
    half = max(float(s.max() - middle), 0.2)
    t = (s - middle) / half
    f = np.arange(100 * half / PITCHES[1], 100 * half / PITCHES[0], 0.28)
    reach = LEANING * half
    g = np.arange(-reach, reach + 0.25, 0.5)
    turn = np.complex64(2j * np.pi)
    linear = np.exp(turn * np.outer(f, t).astype(np.float32))
    square = np.exp(turn * np.outer(t * t, g).astype(np.float32)) * weights.astype(np.float32)[:, None]
    waves = linear @ square
    i, j = np.unravel_index(int(np.argmax(np.abs(waves))), waves.shape)
    start = float(np.angle(waves[i, j])) / (2 * np.pi)
    return np.asarray(f[i] * t + g[j] * t * t - start, np.float64)
