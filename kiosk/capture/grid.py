"""The character grid of an MRZ: one homography from (column, row) cells to frame pixels.

A band gives a first guess of pitch and offset by a comb over the ink profile; its neighbours are
found in the same comb; matched characters then pull the grid to where they really are.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.finder import Band, Gray
from kiosk.capture.glyphs import CELL_HEIGHT, PITCH, Templates, normalised

Float = NDArray[np.float32]
Double = NDArray[np.float64]

COLUMNS = (44, 36, 30)
ROWS = {44: 2, 36: 2, 30: 3}
MIN_COMB = 0.45  # contrast of characters against the gaps between them, in profile deviations
ROW_STEPS = (1.25, 3.3)  # line spacing in pitches: 4.23 mm on cards, 6.35 mm on passports
_MARGIN = 3  # cells kept around a warped line
_REACH = 9  # pitches looked at above and below a line
_PAPER = 21
_BEYOND = 14  # cells looked at past each end: a TD3 line cut in its fillers looks like a TD2 line
_PRINTED = 0.75  # correlation in every row


@dataclass(frozen=True, eq=False)
class Grid:
    """`matrix` maps cell centres (column, row), counted from 0, to frame pixels.

    `step` is the line spacing in pitches, so that a canonical picture keeps its proportions.
    """

    matrix: Double
    columns: int
    rows: int
    step: float

    def points(self, cells: NDArray[np.floating]) -> Double:
        """Frame pixels (n x 2) of cell coordinates (n x 2): column, row."""
        shaped = np.asarray(cells, np.float64).reshape(-1, 1, 2)
        return np.asarray(cv2.perspectiveTransform(shaped, self.matrix), np.float64).reshape(-1, 2)

    def corners(self) -> Double:
        """The outer corners of the printed lines, clockwise from the top left, frame pixels."""
        right, low, half = self.columns - 0.5, self.rows - 1, 0.5 / self.step
        box = ((-0.5, -half), (right, -half), (right, low + half), (-0.5, low + half))
        return self.points(np.array(box))

    def pitch(self) -> float:
        """Mean character pitch in frame pixels."""
        ends = self.points(np.array(((0.0, 0.0), (self.columns - 1.0, 0.0))))
        return float(np.hypot(*(ends[1] - ends[0]))) / (self.columns - 1)


@dataclass(frozen=True, eq=False)
class Match:
    """`scores` is cells x alphabet: the best correlation over small shifts, at most 1. `mean` is the
    mean over the cells of their best character."""

    grid: Grid
    scores: Float
    mean: float


def fit_line(gray: Gray, band: Band) -> tuple[Grid, ...]:
    """One-row grids that fit the band, best first; the comb tries every standard line length."""
    turn = _strip_transform(band)
    width = math.ceil(band.length / band.height * PITCH * 1.3)
    strip = cv2.warpAffine(gray, turn, (width, 2 * PITCH), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    profile = _profile(_ink(np.asarray(strip, np.uint8)))
    start, end = _extent(profile)
    fits = [fit for columns in COLUMNS if (fit := _comb(profile, start, end, columns)) is not None]
    fits.sort(key=lambda fit: -fit[0])
    return tuple(_line_grid(turn, centres) for _, centres in fits)


def _strip_transform(band: Band) -> Double:
    """Strip pixels to frame pixels; a strip is 1.3 times as long and twice as high as the band."""
    unit = band.height / PITCH
    cosine, sine = math.cos(band.angle) * unit, math.sin(band.angle) * unit
    half = math.ceil(band.length / band.height * PITCH * 1.3) / 2
    origin_x = band.x - cosine * half + sine * PITCH
    origin_y = band.y - sine * half - cosine * PITCH
    return np.array(((cosine, -sine, origin_x), (sine, cosine, origin_y)))


def _ink(strip: Gray) -> Float:
    """Darkness against the local paper, 0..1."""
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (_PAPER, _PAPER))
    paper = cv2.blur(cv2.dilate(strip, kernel), (_PAPER, _PAPER)).astype(np.float32)
    return np.asarray(np.clip(1 - strip / np.maximum(paper, 16), 0, 1), np.float32)


def _profile(ink: Float) -> Double:
    """Column means over the middle of the strip, lightly smoothed."""
    middle = ink[PITCH // 2 : PITCH // 2 + PITCH].mean(axis=0)
    return np.asarray(np.convolve(middle, (0.25, 0.5, 0.25), "same"), np.float64)


def _extent(profile: Double) -> tuple[float, float]:
    """First and last column of the run of print through the middle of the strip."""
    inked = np.convolve(profile, np.ones(2 * PITCH) / (2 * PITCH), "same")
    level = 0.35 * float(np.median(inked[len(inked) // 4 : -len(inked) // 4]))
    middle, empty = len(profile) // 2, np.flatnonzero(inked < level)
    before, after = empty[empty < middle], empty[empty > middle]
    start = float(before[-1]) if len(before) else 0.0
    end = float(after[0]) if len(after) else float(len(profile))
    return start + PITCH * 0.6, end - PITCH * 0.6


def _comb(profile: Double, start: float, end: float, columns: int) -> tuple[float, Double] | None:
    """Best (score, centres) of `columns` characters near start..end; coarse search, then fine."""
    pitch, middle = (end - start) / (columns - 0.3), (start + end) / 2
    guess = (pitch, middle, 0.0)
    reach = (0.06 * pitch, 1.2 * pitch, 0.4)
    for counts in ((21, 17, 3), (5, 5, 5)):
        axes = [at + span * np.linspace(-1, 1, n) for at, span, n in zip(guess, reach, counts, strict=True)]
        score = _comb_scores(profile, columns, *axes)
        best = np.unravel_index(int(np.argmax(score)), score.shape)
        guess = (float(axes[0][best[0]]), float(axes[1][best[1]]), float(axes[2][best[2]]))
        reach = (0.006 * pitch, 0.15 * pitch, 0.2)
    quality = float(score[best]) / max(float(profile.std()), 1e-3)
    if quality < MIN_COMB:
        return None
    return quality, _places(columns, *(np.array((value,)) for value in guess))[0, 0, 0, _inked(columns)]


def _places(columns: int, pitch: Double, middle: Double, bend: Double) -> Double:
    """Profile positions of gaps and centres in turn, with one empty cell before and after."""
    cell = np.arange(-1.5, columns + 0.6, 0.5) + 0.5 - columns / 2
    sag = 1 - (2 * cell / columns) ** 2
    bent = cell + bend[:, None] * sag
    place: Double = middle[None, :, None, None] + bent * pitch[:, None, None, None]
    return place


def _inked(columns: int) -> NDArray[np.bool_]:
    """Which of the places are characters."""
    inked = np.zeros(2 * columns + 5, bool)
    inked[3:-2:2] = True
    return inked


def _comb_scores(profile: Double, columns: int, pitch: Double, middle: Double, bend: Double) -> Double:
    """Ink at the characters less ink at the gaps and beyond the ends, for every combination."""
    fine = np.interp(np.arange(-2.0, len(profile) + 2, 0.5), np.arange(len(profile)), profile, 0.0, 0.0)
    index = np.rint((_places(columns, pitch, middle, bend) + 2) * 2).astype(np.intp)
    values = fine[np.clip(index, 0, len(fine) - 1)]
    weight = np.where(_inked(columns), 1 / columns, -1 / (columns + 5))
    weight[[0, 1, -2, -1]] -= 0.5
    scores: Double = values @ weight
    return scores


def _line_grid(turn: Double, centres: Double) -> Grid:
    """A one-row grid from character centres along a strip; rows one pitch apart for the time being."""
    columns = len(centres)
    pitch = (centres[-1] - centres[0]) / (columns - 1)
    known = (0, columns // 2, columns - 1)
    ends = np.array([(centres[column], PITCH + dy) for column in known for dy in (0.0, pitch)])
    cells = np.array([(column, dy) for column in known for dy in (0.0, 1.0)])
    frame = ends @ turn[:, :2].T + turn[:, 2]
    matrix, _ = cv2.findHomography(cells, frame)
    return Grid(np.asarray(matrix, np.float64), columns, 1, 1.0)


def find_rows(gray: Gray, line: Grid) -> Grid | None:
    """Extend a line to the whole block by looking for its comb above and below."""
    columns = line.columns
    size = ((columns + 2 * _MARGIN) * PITCH, 2 * _REACH * PITCH)
    picture = _warp(gray, line, (-_MARGIN, -float(_REACH)), size, 1.0)
    energy, phase = _row_energy(_ink(picture), columns)
    rows = _row_centres(energy, ROWS[columns])
    if rows is None:
        return None
    step = float(np.mean(np.diff(rows))) / PITCH
    slant = float(np.mean((np.diff(phase[rows]) + 0.5) % 1 - 0.5))  # pitches to the right per row
    seed = int(np.argmin(np.abs(np.array(rows) - _REACH * PITCH)))
    start = float(phase[rows[seed]]) - seed * slant
    shift = np.array(((1, slant, start), (0, step, rows[0] / PITCH - _REACH), (0, 0, 1)))
    return Grid(line.matrix @ shift, columns, ROWS[columns], step)


def _row_energy(ink: Float, columns: int) -> tuple[Double, Double]:
    """Per picture row: contrast of the comb at its best phase, and that phase, -0.5..0.5 pitches."""
    left = _MARGIN * PITCH
    fold = ink[:, left : left + columns * PITCH].reshape(len(ink), columns, PITCH).mean(axis=1)
    smooth = cv2.blur(fold, (1, PITCH)).astype(np.float64)
    smooth = (np.roll(smooth, 1, axis=1) + smooth + np.roll(smooth, -1, axis=1)) / 3
    contrast = smooth - 0.8 * np.roll(smooth, PITCH // 2, axis=1)
    return contrast.max(axis=1), (contrast.argmax(axis=1) + 0.5) / PITCH - 0.5


def _row_centres(energy: Double, rows: int) -> list[int] | None:
    """`rows` evenly spaced maxima of the row energy with the middle of the picture among them."""
    middle = len(energy) // 2
    seed = middle - PITCH // 2 + int(np.argmax(energy[middle - PITCH // 2 : middle + PITCH // 2]))
    best: tuple[float, list[int]] | None = None
    for step in range(int(ROW_STEPS[0] * PITCH), int(ROW_STEPS[1] * PITCH)):
        for place in range(rows):
            found = [seed + (row - place) * step for row in range(rows)]
            if found[0] < PITCH or found[-1] >= len(energy) - PITCH:
                continue
            low = min(energy[row] for row in found)
            between = max(energy[row + step // 2] for row in found[:-1])
            score = float(low - max(between, 0.0))
            if best is None or score > best[0]:
                best = (score, found)
    return best[1] if best and best[0] > 0.25 * energy[seed] else None


def block_picture(gray: Gray, grid: Grid) -> Gray:
    """The printed lines as an upright picture, PITCH pixels per character."""
    height = math.ceil(((grid.rows - 1) * grid.step + 1) * PITCH)
    return _warp(gray, grid, (0.0, -0.5 / grid.step), (grid.columns * PITCH, height), grid.step)


def _warp(gray: Gray, grid: Grid, origin: tuple[float, float], size: tuple[int, int], step: float) -> Gray:
    """Canonical picture of the grid: PITCH pixels per column, `step` pitches per row."""
    scale = np.array(((1 / PITCH, 0, origin[0]), (0, 1 / (PITCH * step), origin[1]), (0, 0, 1)))
    centre = np.array(((1, 0, -0.5 + 0.5 / PITCH), (0, 1, 0.5 / (PITCH * step)), (0, 0, 1)))
    matrix = grid.matrix @ centre @ scale
    picture = cv2.warpPerspective(gray, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(picture, np.uint8)


def match(gray: Gray, grid: Grid, templates: Templates, reach: int, stride: int) -> tuple[Match, Double]:
    """Correlate every cell with every character over shifts up to `reach` pixels.

    Returns the scores and the best shift (dx, dy) of each cell in canonical pixels.
    """
    patches, shifts = _patches(gray, grid, reach, stride)
    scores = normalised(patches) @ templates.vectors.T  # cells x shifts x alphabet
    by_shift = scores.max(axis=2)
    best = by_shift.argmax(axis=1)
    result = scores.max(axis=1)
    return Match(grid, result, float(by_shift.max(axis=1).mean())), shifts[best]


def _patches(gray: Gray, grid: Grid, reach: int, stride: int) -> tuple[Float, Double]:
    """All shifted cell pictures: cells x shifts x (CELL_HEIGHT * PITCH), and the shifts."""
    row_height = grid.step * PITCH
    pad = CELL_HEIGHT / 2 + reach + 1
    height = math.ceil((grid.rows - 1) * row_height + 2 * pad)
    size = ((grid.columns + 2) * PITCH, height)
    picture = _warp(gray, grid, (-1.0, -pad / row_height), size, grid.step)
    steps = range(-reach, reach + 1, stride)
    views = np.lib.stride_tricks.sliding_window_view(picture, (CELL_HEIGHT, PITCH))
    dy, dx = (np.array(axis) for axis in zip(*((y, x) for y in steps for x in steps), strict=True))
    left = (np.arange(grid.columns) + 1) * PITCH
    top = np.rint(pad + np.arange(grid.rows) * row_height - CELL_HEIGHT / 2).astype(int)
    rows = np.repeat(top, grid.columns)[:, None] + dy
    columns = np.tile(left, grid.rows)[:, None] + dx
    cells = 255.0 - views[rows, columns].astype(np.float32)
    flat = cells.reshape(len(rows), len(dx), CELL_HEIGHT * PITCH)
    return flat, np.stack((dx, dy), axis=1).astype(np.float64)


def grown(gray: Gray, grid: Grid, templates: Templates) -> Grid | None:
    """The grid with every further character of its lines; None when no format has such lines."""
    shift = np.array(((1, 0, -_BEYOND), (0, 1, 0), (0, 0, 1)))
    wide = Grid(grid.matrix @ shift, grid.columns + 2 * _BEYOND, grid.rows, grid.step)
    scores = match(gray, wide, templates, 1, 1)[0].scores.max(axis=1).reshape(grid.rows, -1).min(axis=0)
    printed = scores > _PRINTED
    before = _run(printed[:_BEYOND][::-1])
    after = _run(printed[-_BEYOND:])
    columns = grid.columns + before + after
    if ROWS.get(columns) != grid.rows:
        return None
    shift[0, 2] = -before
    return Grid(grid.matrix @ shift, columns, grid.rows, grid.step)


def _run(flags: NDArray[np.bool_]) -> int:
    """How many are true before the first false."""
    return len(flags) if flags.all() else int(np.argmin(flags))


@cache
def _cells(columns: int, rows: int) -> Double:
    return np.array([(c, r) for r in range(rows) for c in range(columns)], np.float64)


def pull(found: Match, shifts: Double) -> Grid:
    """Move the grid to where its characters were found; cells that match badly do not count."""
    grid = found.grid
    cells = _cells(grid.columns, grid.rows)
    moved = cells + shifts / np.array((PITCH, PITCH * grid.step))
    sure = found.scores.max(axis=1) > 0.5
    if sure.sum() < 12:
        return grid
    change, _ = cv2.findHomography(cells[sure], moved[sure], cv2.RANSAC, 0.12)
    if change is None:
        return grid
    return Grid(grid.matrix @ change, grid.columns, grid.rows, grid.step)
