"""From a zone the finder saw to grids of characters, and from a grid to what its cells show."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.centres import Centres, find_centres
from kiosk.capture.mrz.finder import Zone
from kiosk.capture.mrz.lattice import Fit, fit
from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reading import SYMBOLS, Gray, Grid, LogProbabilities
from kiosk.capture.mrz.straighten import BEYOND, BLOCK_PITCH, BLOCK_SIZE, Matrix, block_matrix, strips

FEW = 12  # peaks below which a block is given up
OFF_PITCH = 1.18  # a block seen at a pitch further than this from the nominal one is cut anew
GOOD_FIT = 0.93  # share of cells found from which a fit needs no second look
LOOKS = 3
SHIFTED = 0.09  # pitches; characters further from their cells are read again at the right place
SYMBOL_COUNT = len(SYMBOLS)

Float = NDArray[np.float32]
Double = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the cells of a grid show. `scores` is rows x columns x 37; `empty` (rows x columns) is the
    probability that a cell shows no upright character; `beyond` the same of the cells around each line."""

    grid: Grid
    scores: LogProbabilities
    empty: Float
    beyond: Float  # rows x 2
    offsets: Float  # rows x columns x 2, pitches

    @property
    def sure(self) -> float:
        """Mean probability of the best symbol, emptiness counted against it."""
        return float((np.exp(self.scores.max(axis=2)) * (1 - self.empty)).mean())


def find_grids(gray: Gray, zone: Zone, networks: Networks) -> Iterator[Grid]:
    """Grids of the zone's block in picture pixels, likeliest first; looks again where it was seen poorly."""
    matrix = block_matrix(zone.middle, zone.angle, zone.pitch)
    told: list[Fit] = []
    for look in range(LOOKS):
        centres = find_centres(gray, matrix, networks)
        fits = fit(centres.peaks, BLOCK_SIZE)
        best = fits[0] if fits else None
        if best is not None and (not told or best.found >= told[0].found):
            told, base = fits, centres.matrix
        again = _aim(centres, best) if look + 1 < LOOKS else None
        if again is None:
            break
        matrix = again
    for found in told:
        grid = found.grid
        yield Grid(base @ grid.matrix, grid.columns, grid.rows, grid.step)


def _aim(centres: Centres, best: Fit | None) -> Matrix | None:
    """Where to cut the next block picture, or None where another look would show nothing new."""
    if best is None:
        return _aim_at_peaks(centres)
    grid = best.grid
    ends = grid.points(np.array([(0, (grid.rows - 1) / 2), (grid.columns - 1, (grid.rows - 1) / 2)]))
    off = max(grid.pitch() / BLOCK_PITCH, BLOCK_PITCH / grid.pitch())
    slope = abs(ends[1, 1] - ends[0, 1]) / max(1.0, abs(ends[1, 0] - ends[0, 0]))
    if best.found >= GOOD_FIT and off < OFF_PITCH and slope < 0.05:
        return None
    if best.found >= 0.985:
        return None
    middle = np.array([(grid.columns - 1) / 2, (grid.rows - 1) / 2])
    half = np.array([(BLOCK_SIZE[0] - 1) / 2, (BLOCK_SIZE[1] - 1) / 2]) / BLOCK_PITCH
    low = middle - half / (1, grid.step)
    to_cells = np.array([[1 / BLOCK_PITCH, 0, low[0]], [0, 1 / (BLOCK_PITCH * grid.step), low[1]], [0, 0, 1]])
    result: Matrix = centres.matrix @ grid.matrix @ to_cells
    return result


def _aim_at_peaks(centres: Centres) -> Matrix | None:
    """Without a fit: the middle, slope and pitch of the peaks themselves."""
    points = centres.peaks[:, :2].astype(np.float64)
    if len(points) < FEW:
        return None
    middle = np.median(points, axis=0)
    apart = points[None, :, :] - points[:, None, :]
    near = (apart[:, :, 0] > 4) & (apart[:, :, 0] < 24) & (np.abs(apart[:, :, 1]) < 0.35 * apart[:, :, 0])
    steps = np.where(near, apart[:, :, 0], np.inf)
    nearest = steps.argmin(axis=1)
    known = np.isfinite(steps.min(axis=1))
    if known.sum() < FEW:
        return None
    moves = apart[np.arange(len(points)), nearest][known]
    pitch, rise = float(np.median(moves[:, 0])), float(np.median(moves[:, 1] / moves[:, 0]))
    if abs(rise) < 0.02 and 0.88 < pitch / BLOCK_PITCH < 1.14 and abs(middle[0] - BLOCK_SIZE[0] / 2) < 60:
        return None
    matrix = block_matrix((float(middle[0]), float(middle[1])), float(np.arctan(rise)), pitch)
    result: Matrix = centres.matrix @ matrix
    return result


def show(gray: Gray, grid: Grid, networks: Networks) -> Shown:
    """Read every cell; where characters stand off the middle of theirs, move the grid and read again."""
    shown = _shown(gray, grid, networks)
    moved = _moved(shown)
    return shown if moved is None else _better(shown, _shown(gray, moved, networks))


def _better(first: Shown, second: Shown) -> Shown:
    return second if second.sure >= first.sure else first


def _shown(gray: Gray, grid: Grid, networks: Networks) -> Shown:
    out = networks.lines(strips(gray, grid))
    logits, offsets = out[:, :, : SYMBOL_COUNT + 1], out[:, :, SYMBOL_COUNT + 1 :]
    logits = logits - logits.max(axis=2, keepdims=True)
    all_classes = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    empty = np.exp(all_classes[:, :, SYMBOL_COUNT])
    symbols = all_classes[:, :, :SYMBOL_COUNT]
    chances = np.exp(symbols) / np.exp(symbols).sum(axis=2, keepdims=True)
    hidden = empty[:, :, None]  # a cell that shows nothing says nothing about what was printed in it
    symbols = np.log(np.maximum(chances * (1 - hidden) + hidden / SYMBOL_COUNT, 1e-30))
    inner = slice(BEYOND, -BEYOND)
    return Shown(
        grid,
        np.ascontiguousarray(symbols[:, inner], np.float32),
        empty[:, inner],
        np.stack([empty[:, BEYOND - 1], empty[:, -BEYOND]], axis=1),
        offsets[:, inner],
    )


def _moved(shown: Shown) -> Grid | None:
    """The grid pulled to where its characters are; one column on where a whole line's end is beyond."""
    grid = shown.grid
    first, last = shown.empty[:, 0].mean(), shown.empty[:, -1].mean()
    before, after = shown.beyond.mean(axis=0)
    step = -1 if before < 0.5 < last else 1 if after < 0.5 < first else 0
    if step:
        matrix = grid.matrix @ np.array([[1, 0, step], [0, 1, 0], [0, 0, 1]])
        return Grid(matrix, grid.columns, grid.rows, grid.step)
    seen = shown.empty < 0.5
    if seen.sum() < 0.5 * seen.size:
        return None
    if float(np.sqrt((shown.offsets[seen] ** 2).sum(axis=1).mean())) < SHIFTED:
        return None
    rows, columns = np.nonzero(seen)
    cells = np.stack([columns, rows], axis=1).astype(np.float64)
    there = cells + shown.offsets[seen] / np.array([1.0, grid.step])
    change = np.asarray(cv2.findHomography(cells, there, 0)[0], np.float64)
    if change.shape != (3, 3):
        return None
    return Grid(grid.matrix @ change, grid.columns, grid.rows, grid.step)
