"""Samples for the three networks, cut from training pages seen by a made-up camera.

finder: a whole frame at the finder's size; block: the roughly straightened zone; line: one line's strip.
Targets are in the layouts that `kiosk.capture.mrz.networks` reads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.reading import SYMBOLS, Gray, Grid
from kiosk.capture.mrz.straighten import (
    BEYOND,
    BLOCK_PITCH,
    BLOCK_SIZE,
    LINE_HEIGHT,
    PITCH,
    block_matrix,
    sample,
    strip_matrix,
    strip_size,
)
from kiosk.capture.mrz.training.camera import Float, Random, degraded
from kiosk.capture.mrz.training.paper import PAGE_PITCH, ZONE_PITCH, Sheet, cells_to, rotation

REJECT = len(SYMBOLS)  # class of a strip cell that shows no character of a line read upright
IGNORED = -1
BLOCK_STRIDE = 4
FINDER_STRIDE = 4  # of the mask; direction and pitch at twice that
Double = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """A zone as a camera shows it: pixels, and the grid that maps cells to them."""

    gray: Gray
    grid: Grid
    pitch: float


def _project(matrix: NDArray[np.floating[Any]], points: NDArray[np.floating[Any]]) -> Double:
    shaped = points.reshape(-1, 1, 2)
    return np.asarray(cv2.perspectiveTransform(shaped, matrix), np.float64).reshape(-1, 2)


def seen(random: Random, sheet: Sheet, low: float = 5.6, high: float = 30.0) -> View:
    """The zone's surroundings at a random size, tilt and perspective."""
    pitch = float(np.exp(random.uniform(math.log(low), math.log(high))))
    middle = sheet.zone_corners.mean(axis=0)
    angle = math.radians(float(np.clip(random.normal(0, 5), -16, 16)))
    stretch = math.exp(float(np.clip(random.normal(0, 0.03), -0.1, 0.1)))
    scale = pitch / ZONE_PITCH
    length = sheet.columns * pitch
    strength = random.uniform(0, 0.4) if random.random() < 0.5 else 0.0
    to = random.uniform(0, 2 * math.pi)
    lean = np.array(
        [[1, 0, 0], [0, 1, 0], [strength * math.cos(to) / length, strength * math.sin(to) / length, 1]]
    )
    shear = np.array([[stretch, random.normal(0, 0.015), 0], [0, 1 / stretch, 0], [0, 0, 1]])
    centre = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    matrix = lean @ rotation(angle, scale) @ shear @ centre
    height, width = sheet.zone.shape
    edges = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    there = _project(matrix, edges)
    corners = _project(matrix, sheet.zone_corners)
    room = (AROUND_SEEN * pitch, AROUND_SEEN * pitch)
    low_corner = np.maximum(there.min(axis=0), corners.min(axis=0) - room)
    high_corner = np.minimum(there.max(axis=0), corners.max(axis=0) + room)
    matrix = np.array([[1, 0, -low_corner[0]], [0, 1, -low_corner[1]], [0, 0, 1]]) @ matrix
    size = np.ceil(high_corner - low_corner).astype(int)
    source = sheet.zone
    if scale < 0.87:
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.42 / scale), np.uint8)
    flat = cv2.warpPerspective(
        source,
        matrix,
        (max(16, int(size[0])), max(16, int(size[1]))),
        borderMode=cv2.BORDER_REPLICATE if random.random() < 0.5 else cv2.BORDER_REFLECT,
    )
    picture = _bowed(random, np.asarray(flat, np.float32), pitch)
    gray = degraded(random, picture, pitch)
    placed = _project(matrix, sheet.zone_corners)
    grid = Grid(cells_to(placed, sheet.rows, sheet.columns), sheet.columns, sheet.rows, sheet.step)
    return View(gray, grid, pitch)


AROUND_SEEN = 4.0


def _bowed(random: Random, picture: Float, pitch: float) -> Float:
    """A page that does not lie quite flat: under a tenth of a character, which the grid does not follow."""
    if random.random() < 0.7:
        return picture
    height, width = picture.shape
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    waves = random.uniform(0.5, 1.5) * 2 * math.pi / width
    sag = np.sin(xs * waves + random.uniform(0, 6)) * np.float32(random.uniform(0, 0.1) * pitch)
    return np.asarray(
        cv2.remap(picture, xs, ys + sag.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


# Blocks: heat of upright and of inverted characters, and where in its cell a centre lies.


def block(random: Random, sheet: Sheet) -> tuple[Gray, Float]:
    """A block picture and its target: 5 x (height / 4) x (width / 4).

    Channels: upright centre, inverted centre, dx, dy (in strides, -0.5 to 0.5), and where dx, dy count.
    """
    view = seen(random, sheet)
    angle, pitch, middle = _estimate(random, view)
    inverted = random.random() < 0.2
    matrix = block_matrix(middle, angle + (math.pi if inverted else 0.0), pitch)
    picture = sample(view.gray, matrix, BLOCK_SIZE)
    columns, rows = np.meshgrid(np.arange(view.grid.columns), np.arange(view.grid.rows))
    cells = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    centres = _project(np.linalg.inv(matrix), view.grid.points(cells))
    return picture, _heat(centres, inverted)


def _estimate(random: Random, view: View) -> tuple[float, float, tuple[float, float]]:
    """Direction, pitch and middle as the finder would tell them, with its errors."""
    grid = view.grid
    ends = grid.points(np.array([(0, (grid.rows - 1) / 2), (grid.columns - 1, (grid.rows - 1) / 2)]))
    along = ends[1] - ends[0]
    pitch = float(np.hypot(*along)) / (grid.columns - 1)
    angle = math.atan2(along[1], along[0]) + math.radians(float(np.clip(random.normal(0, 2.0), -7, 7)))
    middle = ends.mean(axis=0) + random.normal(0, 0.6, 2) * pitch
    if random.random() < 0.15:  # part of the block only
        middle = middle + along / np.hypot(*along) * random.uniform(-8, 8) * pitch
    pitch *= math.exp(float(np.clip(random.normal(0, 0.09), -0.25, 0.25)))
    return angle, pitch, (float(middle[0]), float(middle[1]))


def _heat(centres: Double, inverted: bool) -> Float:
    width, height = BLOCK_SIZE[0] // BLOCK_STRIDE, BLOCK_SIZE[1] // BLOCK_STRIDE
    target = np.zeros((5, height, width), np.float32)
    places = (centres - (BLOCK_STRIDE - 1) / 2) / BLOCK_STRIDE
    nearest = np.rint(places).astype(int)
    inside = (nearest >= 0).all(axis=1) & (nearest < (width, height)).all(axis=1)
    places, nearest = places[inside], nearest[inside]
    xs, ys = nearest[:, 0], nearest[:, 1]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = xs + dx, ys + dy
            good = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            off = places[good] - np.stack([x[good], y[good]], axis=1)
            value = np.exp(-(off**2).sum(axis=1) / 0.5).astype(np.float32)
            np.maximum.at(target[1 if inverted else 0], (y[good], x[good]), value)
    target[2, ys, xs] = (places - nearest)[:, 0]
    target[3, ys, xs] = (places - nearest)[:, 1]
    target[4, ys, xs] = 1.0
    return target


def block_nothing(random: Random, empty: Gray) -> tuple[Gray, Float]:
    """A block picture of something else."""
    height, width = empty.shape
    pitch = float(np.exp(random.uniform(math.log(4), math.log(16))))
    middle = (float(random.uniform(0, width)), float(random.uniform(0, height)))
    picture = sample(empty, block_matrix(middle, random.normal(0, 0.5), pitch), BLOCK_SIZE)
    shape = (5, BLOCK_SIZE[1] // BLOCK_STRIDE, BLOCK_SIZE[0] // BLOCK_STRIDE)
    return picture, np.zeros(shape, np.float32)


# Lines: a class per cell, and where its character stands.


def lines(random: Random, sheet: Sheet, columns: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], Float]:
    """All strips of a page, cut or widened to `columns` cells at a random place.

    Pictures: rows x LINE_HEIGHT x width; classes: rows x (columns + 2 BEYOND); offsets (dx, dy) in pitches:
    rows x 2 x (columns + 2 BEYOND). Cells beyond the ends of a line are REJECT, one in eight lines is not
    upright or not a line at all, and REJECT throughout.
    """
    view = seen(random, sheet)
    start = int(random.integers(-1, max(0, sheet.columns - columns) + 2))
    jitter = _jitter(random, sheet.columns)
    spoilt = random.random() < 0.12
    inverted = spoilt and random.random() < 0.5
    pictures, classes, offsets = [], [], []
    for row in range(sheet.rows):
        lift = random.choice((-1, 1)) * random.uniform(0.45, 0.55) if spoilt and not inverted else 0.0
        moved = jitter @ np.array([[1, 0, start], [0, 1, lift], [0, 0, 1]])
        grid = Grid(view.grid.matrix @ moved, columns, sheet.rows, sheet.step)
        picture = sample(view.gray, strip_matrix(grid, row), strip_size(columns))
        cells = np.arange(-BEYOND, columns + BEYOND)
        there = _project(moved, np.stack([cells, np.full(len(cells), row)], axis=1).astype(np.float64))
        off = np.stack([np.rint(there[:, 0]) - there[:, 0], (row - there[:, 1]) * sheet.step])
        pictures.append(np.ascontiguousarray(picture[::-1, ::-1]) if inverted else picture)
        classes.append(_classes(sheet.lines[row], there[:, 0], spoilt))
        offsets.append(off)
    return np.stack(pictures), np.stack(classes), np.stack(offsets).astype(np.float32)


def _jitter(random: Random, columns: int) -> Double:
    """The grid's errors in cells: shift, scale, slope, and a little perspective along the line."""
    middle = columns / 2
    scale = 1 + float(np.clip(random.normal(0, 0.15 / middle), -0.4 / middle, 0.4 / middle))
    slope = float(np.clip(random.normal(0, 0.04 / middle), -0.12 / middle, 0.12 / middle))
    dx, dy = (float(value) for value in np.clip(random.normal(0, (0.1, 0.05)), (-0.3, -0.14), (0.3, 0.14)))
    lean = float(random.normal(0, 0.0001))
    centre = np.array([[1, 0, -middle], [0, 1, 0], [0, 0, 1]])
    change = np.array([[scale, 0, dx], [slope, 1, dy], [lean, 0, 1]])
    result: Double = np.linalg.inv(centre) @ change @ centre
    return result


def _classes(line: str, places: Double, spoilt: bool) -> NDArray[np.int64]:
    if spoilt:
        return np.full(len(places), REJECT, np.int64)
    index = np.rint(places).astype(int)
    inside = (index >= 0) & (index < len(line))
    symbols = np.array([SYMBOLS.index(letter) for letter in line])
    classes = np.where(inside, symbols[np.clip(index, 0, len(line) - 1)], REJECT)
    far = np.abs(places - index) > 0.38
    return np.where(far & inside, IGNORED, classes).astype(np.int64)


def lines_nothing(random: Random, empty: Gray, rows: int, columns: int) -> NDArray[np.uint8]:
    """Strips of something else; every cell is REJECT."""
    height, width = empty.shape
    pictures = []
    for _ in range(rows):
        pitch = float(np.exp(random.uniform(math.log(5), math.log(16))))
        middle = (float(random.uniform(0, width)), float(random.uniform(0, height)))
        matrix = block_matrix(middle, random.normal(0, 0.1), pitch * BLOCK_PITCH / PITCH)
        shift = np.array(
            [
                [1, 0, (BLOCK_SIZE[0] - strip_size(columns)[0]) / 2],
                [0, 1, (BLOCK_SIZE[1] - LINE_HEIGHT) / 2],
                [0, 0, 1],
            ]
        )
        pictures.append(sample(empty, matrix @ shift, strip_size(columns)))
    return np.stack(pictures)


# Frames for the finder.


def frame(
    random: Random, sheets: Sequence[Sheet], empties: Sequence[Gray], size: tuple[int, int]
) -> tuple[Gray, Float]:
    """A frame of `size` (width, height) and its target: 5 x (height / 4) x (width / 4).

    Channels: mask, cos and sin of the reading direction, log2(pitch / 8), and where those three count.
    """
    width, height = size
    target = np.zeros((5, height // FINDER_STRIDE, width // FINDER_STRIDE), np.float32)
    ground = _ground(random, empties, size)
    if random.random() < 0.12:
        return degraded(random, ground, 10.0), target
    sheet = sheets[int(random.integers(0, len(sheets)))]
    matrix, pitch = _place(random, sheet, size)
    picture = _laid(random, ground, sheet, matrix, pitch)
    _mask(target, sheet, matrix)
    return degraded(random, picture, pitch), target


def _ground(random: Random, empties: Sequence[Gray], size: tuple[int, int]) -> Float:
    width, height = size
    kind = random.random()
    if kind < 0.3:
        return np.full((height, width), random.choice((0, 255, random.uniform(0, 255))), np.float32)
    if kind < 0.45:
        coarse = random.standard_normal(
            (int(random.integers(2, 40)), int(random.integers(2, 40))), np.float32
        )
        field = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * random.uniform(4, 40)
        return np.asarray(np.clip(field + random.uniform(20, 230), 0, 255), np.float32)
    empty = empties[int(random.integers(0, len(empties)))]
    if random.random() < 0.5:
        empty = np.rot90(empty, int(random.integers(0, 4)))
    rows, columns = empty.shape
    scale = max(width / columns, height / rows) * random.uniform(1.0, 1.8)
    big = cv2.resize(empty, (math.ceil(columns * scale), math.ceil(rows * scale)))
    x, y = random.integers(0, big.shape[1] - width + 1), random.integers(0, big.shape[0] - height + 1)
    return np.asarray(big[y : y + height, x : x + width], np.float32)


def _place(random: Random, sheet: Sheet, size: tuple[int, int]) -> tuple[Double, float]:
    """Page pixels to frame pixels; mostly the whole zone is in the frame."""
    width, height = size
    turn = math.radians(90 * int(random.integers(0, 4))) if random.random() < 0.6 else 0.0
    angle = turn + math.radians(float(np.clip(random.normal(0, 7), -22, 22)))
    across = abs(math.cos(angle)) * width + abs(math.sin(angle)) * height
    largest = min(31.0, across / sheet.columns)
    if random.random() < 0.4:  # as scans are: the page fills the picture
        pitch = largest * random.uniform(0.72, 0.98)
    else:
        pitch = float(np.exp(random.uniform(math.log(2.8), math.log(max(3.0, largest * 0.98)))))
    scale = pitch / PAGE_PITCH
    middle = sheet.page_corners.mean(axis=0)
    strength = random.uniform(0, 0.4) if random.random() < 0.5 else 0.0
    to = random.uniform(0, 2 * math.pi)
    length = sheet.columns * pitch
    lean = np.array(
        [[1, 0, 0], [0, 1, 0], [strength * math.cos(to) / length, strength * math.sin(to) / length, 1]]
    )
    stretch = math.exp(float(np.clip(random.normal(0, 0.03), -0.1, 0.1)))
    shear = np.array([[stretch, 0, 0], [0, 1 / stretch, 0], [0, 0, 1]])
    centre = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    matrix = lean @ rotation(angle, scale) @ shear @ centre
    corners = _project(matrix, sheet.page_corners)
    low, high = -corners.min(axis=0), np.array(size) - corners.max(axis=0)
    if random.random() < 0.08:
        low, high = low - 0.2 * length, high + 0.2 * length  # partly outside
    shift = np.where(
        low < high, random.uniform(np.minimum(low, high), np.maximum(low, high)), (low + high) / 2
    )
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ matrix, pitch


def _laid(random: Random, ground: Float, sheet: Sheet, matrix: Double, pitch: float) -> Float:
    height, width = ground.shape
    page = sheet.page
    scale = pitch / PAGE_PITCH
    if scale < 0.87:
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.42 / scale), np.uint8)
    flat = cv2.warpPerspective(page, matrix, (width, height)).astype(np.float32)
    cover = (
        cv2.warpPerspective(np.full(page.shape, 255, np.uint8), matrix, (width, height)).astype(np.float32)
        / 255
    )
    if random.random() < 0.3:
        ground = ground * (1 - 0.5 * cv2.blur(cover, (15, 15)))
    mixed = np.asarray(ground * (1 - cover) + flat * cover, np.float32)
    if random.random() < 0.2:
        _drawn_over(random, mixed, _project(matrix, sheet.page_corners), pitch)
    return mixed


def _drawn_over(random: Random, picture: Float, corners: Double, pitch: float) -> None:
    """A frame that software or a hand drew round the zone, or bars beside it."""
    middle = corners.mean(axis=0)
    box = middle + (corners - middle) * random.uniform(1.02, 1.2)
    level = float(random.uniform(0, 255))
    thick = max(1, int(pitch * random.uniform(0.05, 0.3)))
    if random.random() < 0.6:
        cv2.polylines(picture, [np.rint(box).astype(np.int32)], True, level, thick, cv2.LINE_AA)
    else:
        start = np.rint(box[0]).astype(int)
        end = np.rint(box[random.integers(1, 4)]).astype(int)
        cv2.line(
            picture, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), level, thick, cv2.LINE_AA
        )


def _mask(target: Float, sheet: Sheet, matrix: Double) -> None:
    rows, columns = sheet.rows, sheet.columns
    corners = _project(matrix, sheet.page_corners)
    cells = cells_to(corners, rows, columns)
    height, width = target.shape[1:]
    zone = (corners - (FINDER_STRIDE - 1) / 2) / FINDER_STRIDE
    fine = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(fine, np.rint(zone * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    target[0] = fine
    ys, xs = np.nonzero(fine)
    if not len(xs):
        return
    points = np.stack([xs, ys], axis=1) * float(FINDER_STRIDE) + (FINDER_STRIDE - 1) / 2
    there = _project(np.linalg.inv(cells), points)
    half = np.array([0.5, 0.0])
    along = _project(cells, there + half) - _project(cells, there - half)
    pitch = np.maximum(np.hypot(along[:, 0], along[:, 1]), 0.5)
    target[1, ys, xs] = along[:, 0] / pitch
    target[2, ys, xs] = along[:, 1] / pitch
    target[3, ys, xs] = np.log2(pitch / 8)
    target[4, ys, xs] = 1.0
