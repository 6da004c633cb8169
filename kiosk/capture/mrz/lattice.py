"""From noisy character centres to the zone's grid: rows joined, columns counted, one homography fitted.

Doc 9303-3 section 4.3: 3 lines of 30, 2 of 36 or 2 of 44 characters at one pitch, every cell printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.lattice_rows import Floats, Row, Whole, find_rows
from kiosk.capture.mrz.reading import Grid

LINES = {30: 3, 36: 2, 44: 2}  # Doc 9303-3 section 4.3
SPACING = (1.1, 2.8)  # between lines, in pitches
MOST = 400  # peaks looked at
HYPOTHESES = 3
TRIED = 4  # lattices fitted per call
BEYOND = 3  # columns looked at on either side of the block
DOUBT = 8.0  # a start is tried if it is worth this little less than the best
NEAR = 0.35  # a peak belongs to a cell within this, in pitches
RUNS_ON = (0.5, 1.15, 2.5)  # so many characters just beyond an end: no fit (a longer line)
EDGE = 2  # wholly empty columns at the ends
LEAST = 0.6  # share of the cells of the rows seen
LEAST_IN_ROW = 0.35
CONVERGING = 3.0  # pull of the perspective across the lines to none
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


@dataclass(frozen=True, eq=False)
class _Peaks:
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
class _Lattice:
    """Cells (column, row) to pixels from the origin; the bow is `bow` · (t² - 1/3), t = -1 and 1 at the ends."""

    matrix: Floats
    bow: Floats  # pixels, x and y
    middle: float
    half: float

    def bowed(self, columns: Floats) -> Floats:
        t = np.clip((columns - self.middle) / self.half, -1.2, 1.2)
        return np.asarray((t * t - 1 / 3)[..., None] * self.bow, np.float64)

    def points(self, cells: Floats) -> Floats:
        return _mapped(self.matrix, cells)

    def cells(self, points: Floats) -> Floats:
        back = np.linalg.inv(self.matrix)
        if not self.bow.any():
            return _mapped(back, points)
        return _mapped(back, points - self.bowed(_mapped(back, points)[:, 0]))


@dataclass(frozen=True, eq=False)
class _Window:
    """A block laid on a lattice: from column `start` and row `top`."""

    lattice: _Lattice
    columns: int
    start: int
    top: int
    worth: float


def fit(peaks: NDArray[np.float32], size: tuple[int, int] | None = None) -> list[Fit]:
    """At most three grids, best first, for peaks n x 3 (x, y in picture pixels, score 0 to 1).

    With `size` (width, height of the picture) a block that may run on beyond the picture is refused.
    """
    clean = _cleaned(peaks, size)
    if clean is None:
        return []
    windows: list[_Window] = []
    used: list[set[int]] = []
    for lattice, rows in _lattices(clean, find_rows(clean.points, clean.weights)):
        if not any(set(rows) <= other for other in used):
            laid = list(_windows(clean, lattice, len(rows)))
            used.extend([set(rows)] if laid else [])
            windows.extend(laid)
    windows.sort(key=lambda window: -window.worth)
    return _fits(clean, windows[: HYPOTHESES + 1])


def _fits(peaks: _Peaks, windows: list[_Window]) -> list[Fit]:
    """The windows fitted; those on one lattice start from the first one's fit."""
    fits: list[Fit] = []
    known: dict[tuple[int, int, int], tuple[int, _Lattice]] = {}
    for window in windows:
        place = (id(window.lattice), window.columns, window.top)
        start, first = known.get(place, (None, None))
        if first is None or start is None:
            lattice = _fitted(peaks, window)
        else:
            moved = _moved(first, window.start - start, 0)
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


def _cleaned(peaks: NDArray[np.float32], size: tuple[int, int] | None) -> _Peaks | None:
    table = np.asarray(peaks, np.float64).reshape(-1, 3)
    table = table[np.isfinite(table).all(axis=1) & (np.abs(table[:, :2]) < 1e5).all(axis=1)]
    if len(table) > MOST:
        table = table[np.argpartition(-table[:, 2], MOST)[:MOST]]
    if not len(table):
        return None
    origin = np.median(table[:, :2], axis=0)
    table = table[(np.abs(table[:, :2] - origin) < 1500).all(axis=1)]
    return _Peaks(table[:, :2] - origin, np.clip(table[:, 2], 0.1, 1.0), origin, size)


# Rows to lattices


def _lattices(peaks: _Peaks, rows: list[Row]) -> Iterator[tuple[_Lattice, tuple[int, ...]]]:
    """Lattices of rows that go together, most peaks first, each with the numbers of its rows."""
    found = [(worth, group, shifts) for group in _groups(rows) for worth, shifts in (_joined(group),)]
    found.sort(key=lambda each: -each[0])
    for worth, group, shifts in found[:TRIED]:
        if worth <= 0:
            continue
        cells = np.concatenate(
            [
                np.stack((row.columns - shift, np.full(len(row.columns), line)), axis=1)
                for line, (row, shift) in enumerate(zip(group, shifts, strict=True))
            ]
        ).astype(np.float64)
        members = np.concatenate([row.members for row in group])
        lattice = _solved(cells, peaks.points[members], peaks.weights[members], bowed=False)
        if lattice is not None:
            yield lattice, tuple(rows.index(row) for row in group)


def _groups(rows: list[Row]) -> Iterator[tuple[Row, ...]]:
    """Two or three rows of one pitch, evenly spaced."""
    after: dict[int, list[tuple[int, float]]] = {}
    for i, upper in enumerate(rows):
        gaps = ((j, _gap(upper, rows[j])) for j in range(i + 1, len(rows)))
        after[i] = [(j, gap) for j, gap in gaps if gap is not None]
        yield from ((upper, rows[j]) for j, _ in after[i])
    for i, j, k in ((i, j, k) for i in after for j, _ in after[i] for k, _ in after[j]):
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
        steps.append([(k, (k - shift) / gap) for k in (near, near + 1)])
    best, found = -1e9, (0,) * len(group)
    for choice in product(*steps):
        slants = [slant for _, slant in choice]
        shifts = tuple(int(k) for k in np.cumsum([0, *(k for k, _ in choice)]))
        worth = max(_spans(group, shifts)) - 4 * max((slant / SLANT) ** 2 for slant in slants)
        if worth - 20 * (max(slants) - min(slants)) ** 2 > best:
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
    return [float(_worths(seen, columns).max()) for columns in wide]


def _worths(seen: NDArray[np.generic], columns: int) -> Floats:
    """For blocks that start `columns` + BEYOND before the first column seen, and on: cells found less the
    empty ones by half and less those found just outside."""
    margin = columns + BEYOND
    sums = np.concatenate((np.zeros(margin + 1), np.cumsum(seen.sum(axis=0)), np.zeros(margin)))
    sums[len(sums) - margin :] = sums[len(sums) - margin - 1]
    starts = np.arange(BEYOND, len(sums) - columns - BEYOND)
    inside = sums[starts + columns] - sums[starts]
    around = sums[starts + columns + BEYOND] - sums[starts - BEYOND]
    return np.asarray(2.5 * inside - 0.5 * len(seen) * columns - around, np.float64)


# Homography


def _mapped(matrix: Floats, points: Floats) -> Floats:
    three = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(three[:, :2] / np.where(np.abs(three[:, 2:]) < 1e-9, 1e-9, three[:, 2:]), np.float64)


def _solved(
    cells: Floats, points: Floats, weights: Floats, bowed: bool, ends: tuple[float, float] | None = None
) -> _Lattice | None:
    """The homography, and with `bowed` the bow across it, by weighted least squares; None if undetermined."""
    low, high = ends or (float(cells[:, 0].min()), float(cells[:, 0].max()))
    middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
    level = float(cells[:, 1].mean())
    t, r = (cells[:, 0] - middle) / half, cells[:, 1] - level
    scale = 100.0
    x, y = points.T / scale
    none, one = np.zeros_like(t), np.ones_like(t)
    across = np.stack((t, r, one, none, none, none, -x * t, -x * r), axis=1)
    down = np.stack((none, none, none, t, r, one, -y * t, -y * r), axis=1)
    normal = np.array((0.0, 1.0))
    if bowed:
        from_middle = x - x.mean()
        slope = float(from_middle @ y) / max(float(from_middle @ from_middle), 1e-9)
        normal = np.array((-slope, 1.0)) / np.hypot(slope, 1)
        square = t * t - 1 / 3
        across = np.column_stack((across, normal[0] * square))
        down = np.column_stack((down, normal[1] * square))
    table, values, trust = np.concatenate((across, down)), np.concatenate((x, y)), np.tile(weights, 2)
    trusted = table * trust[:, None]
    stiff = np.full(table.shape[1], 1e-7)
    stiff[7] = CONVERGING
    try:
        found = np.linalg.solve(trusted.T @ table + np.diag(stiff), trusted.T @ values)
    except np.linalg.LinAlgError:
        return None
    back = np.array(((1 / half, 0, -middle / half), (0, 1, -level), (0, 0, 1)))
    matrix = np.diag((scale, scale, 1.0)) @ np.append(found[:8], 1.0).reshape(3, 3) @ back
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        return None
    bow = normal * found[8] * scale if bowed else np.zeros(2)
    return _Lattice(matrix, bow, middle, half)


# Windows of a format


def _windows(peaks: _Peaks, lattice: _Lattice, rows: int) -> Iterator[_Window]:
    """The blocks that may lie on a lattice of two or three seen rows."""
    step = _step(lattice.matrix, lattice.middle, (rows - 1) / 2)
    if rows == 3:
        yield from _starts(peaks, lattice, step, (0, 1, 2), {30: (0,)})
    elif SPACING[0] < step < SPACING[1]:
        yield from _starts(peaks, lattice, step, (0, 1), {44: (0,), 36: (0,), 30: (-1, 0)})
    if rows == 2 and SPACING[0] < step / 2 < SPACING[1]:
        halved = _Lattice(lattice.matrix @ np.diag((1, 0.5, 1)), lattice.bow, lattice.middle, lattice.half)
        yield from _starts(peaks, halved, step / 2, (0, 2), {30: (0,)})


def _starts(
    peaks: _Peaks, lattice: _Lattice, step: float, lines: tuple[int, ...], tops: dict[int, tuple[int, ...]]
) -> Iterator[_Window]:
    low, mass = _masses(peaks, lattice, step, lines)
    for columns, starts in tops.items():
        margin = columns + BEYOND
        wide = np.pad(mass, ((0, 0), (margin, margin)))
        worths = _worths(mass, columns)
        loose = 2 if columns == max(LINES) or len(lines) == 3 else 1 if LINES[columns] == 2 else 0
        good = np.argsort(-worths, kind="stable")[:HYPOTHESES]
        for place in good[worths[good] > worths[good[0]] - DOUBT]:
            begin = int(place) + BEYOND
            if not _complete(wide, begin, columns, RUNS_ON[loose]):
                continue
            ends = [begin - 1, begin + columns]
            if loose == 1:  # a character just beyond may be the last one before the picture's edge
                ends[0] -= int(wide[:, ends[0]].sum() > 0.8)
                ends[1] += int(wide[:, ends[1]].sum() > 0.8)
            worth = float(worths[place]) / (columns * LINES[columns])
            for top in starts:
                if _shown(
                    peaks, lattice, (top, top + LINES[columns] - 1), [low + end - margin for end in ends]
                ):
                    yield _Window(lattice, columns, low + begin - margin, top, worth)


def _masses(peaks: _Peaks, lattice: _Lattice, step: float, lines: tuple[int, ...]) -> tuple[int, Floats]:
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
    sure = np.minimum(weights / np.median(weights), 1) * (1 - (away[on] / NEAR) ** 2)
    np.maximum.at(mass, (np.searchsorted(lines, whole[on, 1]), columns - low), sure)
    return low, mass


def _complete(mass: Floats, begin: int, columns: int, most: float) -> bool:
    """Whether the block at `begin` has its cells, both its ends, and no text that runs on beyond them."""
    block = mass[:, begin : begin + columns] > 0
    counts = block.sum(axis=1)
    if counts.sum() < LEAST * block.size or counts.min() < LEAST_IN_ROW * columns:
        return False
    some = np.flatnonzero(block.any(axis=0))
    if some[0] + columns - 1 - some[-1] > EDGE:
        return False
    before, after = mass[:, begin - BEYOND : begin], mass[:, begin + columns : begin + columns + BEYOND]
    return bool(max(before.sum(), after.sum()) < most)


def _shown(peaks: _Peaks, lattice: _Lattice, lines: tuple[int, ...], columns: list[int]) -> bool:
    """Whether the picture shows the cells of these columns, beyond the ends of the block.

    Then nothing can be cut off: the page goes on for more than a column beyond the ends of a line.
    """
    ends = np.array([(column, line) for column in columns for line in lines], np.float64)
    return peaks.shows(lattice.points(ends))


def _step(matrix: Floats, column: float, line: float) -> float:
    """Line spacing in pitches at a place of the lattice, across the lines."""
    here, right, below = _mapped(matrix, np.array(((column, line), (column + 1, line), (column, line + 1))))
    along, down = right - here, below - here
    squared = float(along @ along)
    return abs(float(along[0] * down[1] - along[1] * down[0])) / squared if squared > 0 else 0.0


# The final fit


def _fitted(peaks: _Peaks, window: _Window) -> _Lattice | None:
    """The lattice of a window, counted from its first cell and refitted to all peaks near its cells."""
    columns, rows = window.columns, LINES[window.columns]
    lattice: _Lattice | None = _moved(window.lattice, window.start, window.top)
    for bowed in (False, True):
        lattice = _refitted(peaks, lattice, columns, rows, bowed) if lattice is not None else None
    if lattice is None:
        return None
    return _refitted(peaks, lattice, columns, rows, _is_bowed(peaks, lattice, columns, rows))


def _moved(lattice: _Lattice, start: int, top: int) -> _Lattice:
    """The lattice counted from another cell."""
    move = np.array(((1.0, 0, start), (0, 1, top), (0, 0, 1)))
    return _Lattice(lattice.matrix @ move, lattice.bow, lattice.middle - start, lattice.half)


def _refitted(peaks: _Peaks, lattice: _Lattice, columns: int, rows: int, bowed: bool) -> _Lattice | None:
    whole, away = _near(peaks, lattice, columns, rows)
    use = (away < NEAR) & (whole[:, 0] >= 0) & (whole[:, 0] < columns)
    if np.count_nonzero(use) < columns:
        return None
    trust = peaks.weights[use] * (1 - (away[use] / NEAR) ** 2) ** 2
    return _solved(whole[use], peaks.points[use], trust, bowed, (0.0, columns - 1.0))


def _near(peaks: _Peaks, lattice: _Lattice, columns: int, rows: int) -> tuple[Floats, Floats]:
    """The nearest cell of every peak and how far it is in pitches (far: not in one of the rows)."""
    cells = lattice.cells(peaks.points)
    whole = np.rint(cells)
    step = _step(lattice.matrix, (columns - 1) / 2, (rows - 1) / 2)
    away = np.hypot(cells[:, 0] - whole[:, 0], (cells[:, 1] - whole[:, 1]) * step)
    return whole, np.where((whole[:, 1] >= 0) & (whole[:, 1] < rows), away, 9.0)


def _is_bowed(peaks: _Peaks, lattice: _Lattice, columns: int, rows: int) -> bool:
    """Whether the bow is more than its own uncertainty (about 0.27 of the noise at 90 cells)."""
    _, away = _near(peaks, lattice, columns, rows)
    noise = away[away < NEAR]
    doubt = float(np.sqrt(np.mean(noise**2))) / np.sqrt(0.18 * len(noise)) if len(noise) else 1.0
    middle = np.array((((columns - 1) / 2, 0.0), ((columns + 1) / 2, 0.0)))
    ends = lattice.points(middle)
    return float(np.hypot(*lattice.bow)) > 2 * doubt * float(np.hypot(*(ends[1] - ends[0])))


def _measured(peaks: _Peaks, lattice: _Lattice, columns: int, rows: int) -> Fit | None:
    """The fit with its evidence, in picture pixels; None if a cell would lie at infinity."""
    whole, away = _near(peaks, lattice, columns, rows)
    step = _step(lattice.matrix, (columns - 1) / 2, (rows - 1) / 2)
    seen = np.zeros((rows, columns + 2 * BEYOND))
    use = (away < NEAR) & (whole[:, 0] >= -BEYOND) & (whole[:, 0] < columns + BEYOND)
    at = whole[use].astype(np.int64)
    seen[at[:, 1], at[:, 0] + BEYOND] = 1.0
    found = float(seen[:, BEYOND:-BEYOND].mean())
    outside = max(float(seen[:, :BEYOND].mean()), float(seen[:, -BEYOND:].mean()))
    residual = float(np.sqrt(np.mean(away[use] ** 2))) if use.any() else 1.0
    matrix = np.array(((1, 0, peaks.origin[0]), (0, 1, peaks.origin[1]), (0, 0, 1))) @ lattice.matrix
    corners = np.array(((0, 0), (columns, 0), (0, rows), (columns, rows))) @ matrix[2, :2] + matrix[2, 2]
    if not (corners > 0.2 * corners.max()).all() or not SPACING[0] < step < SPACING[1]:
        return None
    offsets = np.broadcast_to(lattice.bowed(np.arange(float(columns))), (rows, columns, 2)).copy()
    score = float(np.clip(found - 0.5 * outside - residual, 0, 1))
    return Fit(Grid(matrix, columns, rows, step), score, found, outside, residual, offsets)


def _same(first: Fit, second: Fit) -> bool:
    """Whether two fits are one within half a pitch."""
    if first.grid.columns != second.grid.columns:
        return False
    away = np.abs(first.grid.corners() - second.grid.corners())
    return float(away.max()) < 0.5 * first.grid.pitch()
