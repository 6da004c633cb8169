"""From noisy character centres to the zone's grid: rows joined, columns counted, one homography fitted.

Doc 9303-3 section 4.3: 3 lines of 30, 2 of 36 or 2 of 44 characters at one pitch, every cell printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.lattice_plane import Lattice, solved
from kiosk.capture.mrz.lattice_rows import Floats, Row, find_rows
from kiosk.capture.mrz.lattice_windows import (
    BEYOND,
    HYPOTHESES,
    LINES,
    NEAR,
    SPACING,
    Peaks,
    Window,
    windows_on,
    worths,
)
from kiosk.capture.mrz.reading import Grid

MOST = 400  # peaks looked at
TRIED = 4  # lattices fitted per call
CLEAR = 0.35  # worth of a window that ends the search among its rows
LEAST_SCORE = 0.28
FLAT = 0.45  # least ratio of distances from the camera
STEEP = 0.5  # most slant of the columns, pitches per pitch
SLANT = 0.3  # usual slant of the columns, pitches per pitch


@dataclass(frozen=True, eq=False)
class Fit:
    """A grid and its evidence. `found` and `outside` are shares of cells: of the block, and of the columns
    just beyond its ends; `residual` is the rms distance of peaks from their cells in pitches.

    `offsets` (rows x columns x 2, pixels) is what the bow of the page adds to the grid's points.
    """

    grid: Grid
    score: float
    found: float
    outside: float
    residual: float
    offsets: Floats

    def centres(self) -> Floats:
        """Cell centres with the bow, rows x columns x 2, picture pixels."""
        columns, rows = self.grid.columns, self.grid.rows
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        points = self.grid.points(cells.reshape(-1, 2).astype(np.float64))
        return points.reshape(rows, columns, 2) + self.offsets


def fit(peaks: NDArray[np.float32], size: tuple[int, int] | None = None) -> list[Fit]:
    """At most three grids, best first, for peaks n x 3 (x, y in picture pixels, score 0 to 1).

    With `size` (width, height of the picture) a block that may run on beyond the picture is refused.
    """
    clean = _cleaned(peaks, size)
    if clean is None:
        return []
    windows: list[Window] = []
    used: list[set[int]] = []
    for group, shifts in _joined_groups(find_rows(clean.points, clean.weights)):
        numbers = {id(row) for row in group}
        if any(numbers <= other for other in used):
            continue  # two rows of three that fit
        lattice = _lattice(clean, group, shifts)
        laid = list(windows_on(clean, lattice, len(group))) if lattice is not None else []
        used.extend([numbers] if any(window.worth > CLEAR for window in laid) else [])
        windows.extend(laid)
    windows.sort(key=lambda window: -window.worth)
    return _fits(clean, windows[: HYPOTHESES + 1])


def _fits(peaks: Peaks, windows: list[Window]) -> list[Fit]:
    """The windows fitted; those on one lattice start from the first one's fit."""
    fits: list[Fit] = []
    known: dict[tuple[int, int, int], tuple[int, Lattice]] = {}
    for window in windows:
        place = (id(window.lattice), window.columns, window.top)
        start, first = known.get(place, (None, None))
        if first is None or start is None:
            lattice = _fitted(peaks, window)
        else:
            moved = first.moved(window.start - start, 0)
            lattice = _refitted(peaks, moved, window.columns, LINES[window.columns], bool(first.bow.any()))
        made = (
            _measured(peaks, lattice, window.columns, LINES[window.columns]) if lattice is not None else None
        )
        if lattice is None or made is None:
            continue
        known.setdefault(place, (window.start, lattice))
        if not any(_same(made, other) for other in fits):
            fits.append(made)
    return sorted(fits, key=lambda made: -made.score)[:HYPOTHESES]


def _cleaned(peaks: NDArray[np.float32], size: tuple[int, int] | None) -> Peaks | None:
    table = np.asarray(peaks, np.float64).reshape(-1, 3)
    table = table[np.isfinite(table).all(axis=1) & (np.abs(table[:, :2]) < 1e5).all(axis=1)]
    if len(table) > MOST:
        table = table[np.argpartition(-table[:, 2], MOST)[:MOST]]
    origin = np.median(table[:, :2], axis=0) if len(table) else np.zeros(2)
    table = table[(np.abs(table[:, :2] - origin) < 1500).all(axis=1)]
    if not len(table):
        return None
    return Peaks(table[:, :2] - origin, np.clip(table[:, 2], 0.1, 1.0), origin, size)


# Rows to lattices


def _joined_groups(rows: list[Row]) -> list[tuple[tuple[Row, ...], tuple[int, ...]]]:
    """Rows that go together and their shifts, most peaks first."""
    found = [(worth, group, shifts) for group in _groups(rows) for worth, shifts in (_joined(group),)]
    found.sort(key=lambda each: -each[0])
    return [(group, shifts) for worth, group, shifts in found[:TRIED] if worth > 0]


def _lattice(peaks: Peaks, group: tuple[Row, ...], shifts: tuple[int, ...]) -> Lattice | None:
    """The lattice through the members of a group of rows."""
    lines = [np.full(len(row.columns), line) for line, row in enumerate(group)]
    columns = [row.columns - shift for row, shift in zip(group, shifts, strict=True)]
    cells = np.stack((np.concatenate(columns), np.concatenate(lines)), axis=1).astype(np.float64)
    members = np.concatenate([row.members for row in group])
    return solved(cells, peaks.points[members], peaks.weights[members], bowed=False)


def _groups(rows: list[Row]) -> Iterator[tuple[Row, ...]]:
    """Two or three rows of one pitch, evenly spaced."""
    after: dict[int, list[tuple[int, float]]] = {}
    for i, upper in enumerate(rows):
        gaps = ((j, _gap(upper, rows[j])) for j in range(i + 1, len(rows)))
        after[i] = [(j, gap) for j, gap in gaps if gap is not None]
        yield from ((upper, rows[j]) for j, _ in after[i])
    for i, j, k in ((a, b, c) for a in after for b, _ in after[a] for c, _ in after[b]):
        first, second = dict(after[i])[j], dict(after[j])[k]
        if max(first, second) < 1.25 * min(first, second):
            yield rows[i], rows[j], rows[k]


def _gap(upper: Row, lower: Row) -> float | None:
    """Spacing in pitches of two rows that may be neighbours (or next but one)."""
    x = _middle(upper, lower)
    pitch = (upper.pitch(x) + lower.pitch(x)) / 2
    if abs(upper.pitch(x) - lower.pitch(x)) > 0.08 * pitch or abs(upper.slope(x) - lower.slope(x)) > 0.08:
        return None
    gap = (lower.height(x) - upper.height(x)) / float(np.hypot(1, upper.slope(x))) / pitch
    return gap if SPACING[0] < gap < 2 * SPACING[1] else None


def _middle(upper: Row, lower: Row) -> float:
    """x in the middle of what two rows have in common."""
    centre = 0.0
    for row in (upper, lower):
        a, b, e = row.ratio
        u = (float(row.columns.min()) + float(row.columns.max())) / 2
        centre += 50 * (u - b) / (a - u * e)
    return centre


def _joined(group: tuple[Row, ...]) -> tuple[float, tuple[int, ...]]:
    """What every row's columns must be lowered by to start together, and the worth of that."""
    steps: list[list[tuple[int, float]]] = []
    for upper, lower in pairwise(group):
        x, slope = _middle(upper, lower), upper.slope(_middle(upper, lower))
        drop = lower.height(x) - upper.height(x)
        shift = lower.column(x - slope * drop / (1 + slope * slope)) - upper.column(x)
        near = int(np.floor(shift))
        gap = drop / upper.pitch(x)
        choices = [(k, (k - shift) / gap) for k in (near, near + 1)]
        steps.append([each for each in choices if abs(each[1]) < STEEP])
    best, found = -1e9, (0,) * len(group)
    for choice in product(*steps):
        slants = [slant for _, slant in choice]
        shifts = tuple(int(k) for k in np.cumsum([0, *(k for k, _ in choice)]))
        worth = max(_spans(group, shifts)) - 4 * max((slant / SLANT) ** 2 for slant in slants)
        if worth - 60 * (max(slants) - min(slants)) ** 2 > best:
            best, found = worth, shifts
    return best, found


def _spans(group: tuple[Row, ...], shifts: tuple[int, ...]) -> list[float]:
    """The worth of the best window of every format on these rows."""
    low = min(int(row.columns.min()) - shift for row, shift in zip(group, shifts, strict=True))
    high = max(int(row.columns.max()) - shift for row, shift in zip(group, shifts, strict=True))
    seen = np.zeros((len(group), high - low + 1), np.int64)
    for line, (row, shift) in enumerate(zip(group, shifts, strict=True)):
        seen[line, row.columns - shift - low] = 1
    wide = [columns for columns, lines in LINES.items() if lines >= len(group)]
    return [float(worths(seen, columns).max()) for columns in wide]


# The final fit


def _fitted(peaks: Peaks, window: Window) -> Lattice | None:
    """The lattice of a window, counted from its first cell and refitted to all peaks near its cells."""
    columns, rows = window.columns, LINES[window.columns]
    lattice: Lattice | None = window.lattice.moved(window.start, window.top)
    for bowed in (False, True):
        lattice = _refitted(peaks, lattice, columns, rows, bowed) if lattice is not None else None
    if lattice is None:
        return None
    return _refitted(peaks, lattice, columns, rows, _is_bowed(peaks, lattice, columns, rows))


def _refitted(peaks: Peaks, lattice: Lattice, columns: int, rows: int, bowed: bool) -> Lattice | None:
    whole, away = _near(peaks, lattice, rows)
    use = (away < NEAR) & (whole[:, 0] >= 0) & (whole[:, 0] < columns)
    if np.count_nonzero(use) < columns:
        return None
    trust = peaks.weights[use] * (1 - (away[use] / NEAR) ** 2) ** 2
    return solved(whole[use], peaks.points[use], trust, bowed, (0.0, columns - 1.0))


def _near(peaks: Peaks, lattice: Lattice, rows: int) -> tuple[Floats, Floats]:
    """The nearest cell of every peak and how far it is in pitches (far: not in one of the rows)."""
    cells = lattice.cells(peaks.points)
    whole = np.rint(cells)
    step = lattice.step((rows - 1) / 2)
    away = np.hypot(cells[:, 0] - whole[:, 0], (cells[:, 1] - whole[:, 1]) * step)
    return whole, np.where((whole[:, 1] >= 0) & (whole[:, 1] < rows), away, 9.0)


def _is_bowed(peaks: Peaks, lattice: Lattice, columns: int, rows: int) -> bool:
    """Whether the bow is more than its own uncertainty (about 0.27 of the noise at 90 cells)."""
    _, away = _near(peaks, lattice, rows)
    noise = away[away < NEAR]
    doubt = float(np.sqrt(np.mean(noise**2))) / np.sqrt(0.18 * len(noise)) if len(noise) else 1.0
    middle = np.array((((columns - 1) / 2, 0.0), ((columns + 1) / 2, 0.0)))
    ends = lattice.points(middle)
    return float(np.hypot(*lattice.bow)) > 2 * doubt * float(np.hypot(*(ends[1] - ends[0])))


def _measured(peaks: Peaks, lattice: Lattice, columns: int, rows: int) -> Fit | None:
    """The fit with its evidence, in picture pixels; None if it convinces nobody."""
    whole, away = _near(peaks, lattice, rows)
    step = lattice.step((rows - 1) / 2)
    seen = np.zeros((rows, columns + 2 * BEYOND))
    use = (away < NEAR) & (whole[:, 0] >= -BEYOND) & (whole[:, 0] < columns + BEYOND)
    at = whole[use].astype(np.int64)
    seen[at[:, 1], at[:, 0] + BEYOND] = 1.0
    found = float(seen[:, BEYOND:-BEYOND].mean())
    outside = max(float(seen[:, :BEYOND].mean()), float(seen[:, -BEYOND:].mean()))
    residual = float(np.sqrt(np.mean(away[use] ** 2))) if use.any() else 1.0
    score = float(np.clip(found - 0.5 * outside - 2 * residual, 0, 1))
    if score < LEAST_SCORE or not _is_plausible(lattice, columns, rows):
        return None
    matrix = np.array(((1, 0, peaks.origin[0]), (0, 1, peaks.origin[1]), (0, 0, 1))) @ lattice.matrix
    offsets = np.broadcast_to(lattice.bowed(np.arange(float(columns))), (rows, columns, 2)).copy()
    return Fit(Grid(matrix, columns, rows, step), score, found, outside, residual, offsets)


def _is_plausible(lattice: Lattice, columns: int, rows: int) -> bool:
    """Whether this can be a page seen by a camera: spacing, perspective and slant as usual."""
    corners = np.array(((0, 0), (columns, 0), (0, rows), (columns, rows)), np.float64)
    depth = corners @ lattice.matrix[2, :2] + lattice.matrix[2, 2]
    here, right, below = lattice.points(corners[:3])
    along, down = (right - here) / columns, (below - here) / rows
    slant = abs(float(along @ down)) / float(along @ along)
    spacing = SPACING[0] < lattice.step((rows - 1) / 2) < SPACING[1]
    return bool(spacing and depth.min() > FLAT * depth.max() and slant < 1.5 * STEEP)


def _same(first: Fit, second: Fit) -> bool:
    """Whether two fits are one within half a pitch."""
    if first.grid.columns != second.grid.columns:
        return False
    away = np.abs(first.grid.corners() - second.grid.corners())
    return float(away.max()) < 0.5 * first.grid.pitch()
