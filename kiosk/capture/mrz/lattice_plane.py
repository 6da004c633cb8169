"""A lattice of character cells in a picture: one homography for all cell centres, and the page's bow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.reading import Grid

Floats = NDArray[np.float64]

SCALE = 100.0  # pixels per unit in the equations
PULL = (2.0, 0.2)  # of the perspective across the lines, and of the bow, to none: noise over what is usual
ANCHOR = 0.03  # weight of where a cell was, beside the mean weight of where it is seen
FEWEST = 8  # cells seen, for a grid to be refined


@dataclass(frozen=True, eq=False)
class Lattice:
    """Cells (column, row) to pixels from the origin; the bow adds `bow` · (t² - 1/3), t = ±1 at the ends."""

    matrix: Floats
    bow: Floats  # pixels, x and y
    middle: float
    half: float

    def bowed(self, columns: Floats) -> Floats:
        t = np.clip((columns - self.middle) / self.half, -1.2, 1.2)
        return np.asarray((t * t - 1 / 3)[..., None] * self.bow, np.float64)

    def points(self, cells: Floats) -> Floats:
        return mapped(self.matrix, cells)

    def cells(self, points: Floats) -> Floats:
        back: Floats = np.asarray(np.linalg.inv(self.matrix), np.float64)
        if not self.bow.any():
            return mapped(back, points)
        return mapped(back, points - self.bowed(mapped(back, points)[:, 0]))

    def moved(self, start: int, top: int) -> "Lattice":
        """The lattice counted from another cell."""
        move = np.array(((1.0, 0, start), (0, 1, top), (0, 0, 1)))
        return Lattice(self.matrix @ move, self.bow, self.middle - start, self.half)

    def step(self, line: float) -> float:
        """Line spacing in pitches at the middle column of a line, across the lines."""
        middle = self.middle
        places: Floats = np.array(((middle, line), (middle + 1, line), (middle, line + 1)))
        here, right, below = mapped(self.matrix, places)
        along, down = right - here, below - here
        squared = float(along @ along)
        return abs(float(along[0] * down[1] - along[1] * down[0])) / squared if squared > 0 else 0.0


def mapped(matrix: Floats, points: Floats) -> Floats:
    three = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(three[:, :2] / np.where(np.abs(three[:, 2:]) < 1e-9, 1e-9, three[:, 2:]), np.float64)


def solved(
    cells: Floats, points: Floats, weights: Floats, bowed: bool, ends: tuple[float, float] | None = None
) -> Lattice | None:
    """The homography, and with `bowed` the bow across it, by weighted least squares; None if undetermined."""
    low, high = ends or (float(cells[:, 0].min()), float(cells[:, 0].max()))
    middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
    level = float(cells[:, 1].mean())
    t, r = (cells[:, 0] - middle) / half, cells[:, 1] - level
    x, y = points.T / SCALE
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
    stiff[7:] = PULL[: len(stiff) - 7]
    try:
        found = np.linalg.solve(trusted.T @ table + np.diag(stiff), trusted.T @ values)
    except np.linalg.LinAlgError:
        return None
    back = np.array(((1 / half, 0, -middle / half), (0, 1, -level), (0, 0, 1)))
    matrix = np.diag((SCALE, SCALE, 1.0)) @ np.append(found[:8], 1.0).reshape(3, 3) @ back
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        return None
    bow = normal * found[8] * SCALE if bowed else np.zeros(2)
    return Lattice(matrix, bow, middle, half)


def refine(grid: Grid, offsets_observed: NDArray[np.floating], weights: NDArray[np.floating]) -> Grid:
    """The grid moved to where its characters were seen.

    `offsets_observed` (rows x columns x 2, pixels) is what is seen less `grid.points`; `weights` (rows x
    columns) is 0 for a cell that was not seen. Cells far from the others' homography lose their say. Too
    few cells seen give the same grid.
    """
    places = np.stack(np.meshgrid(np.arange(grid.columns), np.arange(grid.rows)), axis=-1)
    cells: Floats = places.reshape(-1, 2).astype(np.float64)
    before = grid.points(cells)
    origin = before.mean(axis=0)
    offsets = np.asarray(offsets_observed, np.float64).reshape(-1, 2)
    given = np.asarray(weights, np.float64).reshape(-1)
    good = np.isfinite(offsets).all(axis=1) & (given > 0) & np.isfinite(given)
    if np.count_nonzero(good) < FEWEST:
        return grid
    seen, trust = (before + offsets)[good] - origin, given[good]
    anchor = np.full(len(cells), ANCHOR * float(trust.mean()))
    lattice, share = None, np.ones(len(seen))
    for _ in range(4):
        lattice = solved(
            np.concatenate((cells[good], cells)),
            np.concatenate((seen, before - origin)),
            np.concatenate((trust * share, anchor)),
            bowed=False,
            ends=(0.0, grid.columns - 1.0),
        )
        if lattice is None:
            return grid
        share = _shares(lattice.points(cells[good]) - seen, grid.pitch())
    return _refined(grid, lattice, origin) if lattice is not None else grid


def _refined(grid: Grid, lattice: Lattice, origin: Floats) -> Grid:
    moved = np.array(((1, 0, origin[0]), (0, 1, origin[1]), (0, 0, 1))) @ lattice.matrix
    return Grid(moved, grid.columns, grid.rows, lattice.step((grid.rows - 1) / 2))


def _shares(away: Floats, pitch: float) -> Floats:
    """Tukey's weights of residuals (n x 2, pixels): 4.7 robust deviations away there is nothing left."""
    far = np.hypot(away[:, 0], away[:, 1])
    reach = max(4.7 * 1.2 * float(np.median(far)), 0.1 * pitch)
    return np.asarray(np.clip(1 - (far / reach) ** 2, 0, None) ** 2, np.float64)
