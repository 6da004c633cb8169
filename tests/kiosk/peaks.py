"""Seeded pictures of what a network sees of a zone: character centres under a homography, with its faults."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LINES = {30: 3, 36: 2, 44: 2}
SIZE = (720, 200)


@dataclass(frozen=True)
class Faults:
    """Shares of cells unless told otherwise."""

    missing: float = 0.0
    runs: int = 0  # stamps over 6 to 8 neighbours of one row
    jitter: float = 0.03  # standard deviation, pitches
    spurious: float = 0.0
    texts: int = 0  # other printed lines above and below
    similar: bool = False  # another number in OCR-B above
    frame: bool = False  # a box round the block
    double: float = 0.0
    bow: float = 0.0  # pitches over the line
    perspective: float = 1.1  # most ratio of the pitches at both ends
    turn: float = 2.0  # degrees at most
    scale: float = 0.05
    lost_row: bool = False
    cut: int = 0  # columns cut off by the edge of the picture


@dataclass(frozen=True, eq=False)
class Block:
    """`centres` are the true ones, rows x columns x 2."""

    columns: int
    centres: Floats
    peaks: NDArray[np.float32]
    size: tuple[int, int]
    pitch: float


def block(rng: np.random.Generator, faults: Faults, columns: int = 0) -> Block:
    """One picture with a zone of `columns` (0: any format)."""
    columns = columns or int(rng.choice((30, 36, 44)))
    rows = LINES[columns]
    step = float(rng.uniform(1.2, 2.6 if rows == 2 else 2.0))
    matrix = _homography(rng, faults, columns)
    lines = (np.arange(rows) - (rows - 1) / 2) * step
    centres = _placed(matrix, np.stack(np.meshgrid(np.arange(columns) - (columns - 1) / 2, lines), -1))
    t = np.linspace(-1, 1, columns)
    pitch = float(np.mean(np.hypot(*np.diff(centres, axis=1).reshape(-1, 2).T)))
    bow = faults.bow * pitch * rng.choice((-1, 1)) * rng.uniform(0.5, 1)
    centres[..., 1] += bow * (t * t)
    low, high = centres.reshape(-1, 2).min(axis=0), centres.reshape(-1, 2).max(axis=0)
    margin = np.array((2.5 * pitch, 4 * pitch))
    centres -= low - margin
    size = np.ceil(high - low + 2 * margin)
    peaks = _seen(rng, faults, centres, pitch)
    peaks = np.concatenate((peaks, _clutter(rng, faults, centres, pitch, size)))
    if faults.cut:
        peaks, centres, size = _cut(rng, faults.cut, peaks, centres, size)
    inside = ((peaks[:, :2] >= 0) & (peaks[:, :2] < size)).all(axis=1)
    seen = rng.permutation(peaks[inside]).astype(np.float32)
    return Block(columns, centres, seen, (int(size[0]), int(size[1])), pitch)


def _homography(rng: np.random.Generator, faults: Faults, columns: int) -> Floats:
    pitch = 12 * (1 + rng.uniform(-faults.scale, faults.scale))
    turn = np.radians(rng.uniform(-faults.turn, faults.turn))
    tilt = (np.sqrt(faults.perspective) - 1) / (np.sqrt(faults.perspective) + 1) * 2 / columns
    along, across = rng.uniform(-tilt, tilt, 2)
    slant = rng.uniform(-0.08, 0.08) * min(1.0, faults.turn / 6)
    turned = np.array(((np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
    sheared = np.array(((1, slant, 0), (0, 1, 0), (along, across, 1)))
    matrix: Floats = np.diag((pitch, pitch, 1.0)) @ turned @ sheared
    return matrix


def _placed(matrix: Floats, points: Floats) -> Floats:
    three = points @ matrix[:, :2].T + matrix[:, 2]
    placed: Floats = three[..., :2] / three[..., 2:]
    return placed


def _seen(rng: np.random.Generator, faults: Faults, centres: Floats, pitch: float) -> Floats:
    rows, columns = centres.shape[:2]
    there = rng.random((rows, columns)) >= faults.missing
    ends = [0, 1]  # both rows covered at one end could not be told from a cut-off block
    for _ in range(faults.runs):
        length = int(rng.integers(6, 9))
        start = int(rng.integers(length, columns - 2 * length + 1))
        if ends and rng.random() < 0.67:
            start = (0, columns - length)[ends.pop(int(rng.integers(len(ends))))]
        there[rng.integers(rows), start : start + length] = False
    if faults.lost_row:
        there[rng.integers(rows)] = False
    at = centres[there]
    again = at[rng.random(len(at)) < faults.double]
    again = again + rng.uniform(-0.3, 0.3, again.shape) * pitch
    at = np.concatenate((at + rng.normal(0, faults.jitter * pitch, at.shape), again))
    return np.column_stack((at, rng.uniform(0.4, 1.0, len(at))))


def _clutter(rng: np.random.Generator, faults: Faults, centres: Floats, pitch: float, size: Floats) -> Floats:
    rows, columns = centres.shape[:2]
    count = int(faults.spurious * rows * columns)
    found = [rng.uniform((0, 0), size, (count, 2))]
    for index in range(faults.texts):
        base = centres[0] - (0, 1.4 * pitch) if index % 2 == 0 else centres[-1] + (0, 1.4 * pitch)
        drop = rng.uniform(0, 1.2) * pitch * (-1 if index % 2 == 0 else 1)
        x = base[0, 0] + np.cumsum(
            rng.uniform(0.5, 1.2, int(rng.integers(6, 40))) * pitch * rng.uniform(0.5, 0.9)
        )
        found.append(np.column_stack((x, np.interp(x, base[:, 0], base[:, 1]) + drop)))
    if faults.similar:
        length = int(rng.integers(6, 12))
        near = rng.uniform(0.9, 1.1) * (centres[0, 1:length] - centres[0, : length - 1])
        start = centres[0, 0] + (rng.uniform(0, 0.6) * size[0], -rng.uniform(1.5, 3.0) * pitch)
        found.append(start + np.cumsum(near, axis=0))
    if faults.frame:
        sides = [centres[:, 0] + (centres[:, 0] - centres[:, 1]) * rng.uniform(1.0, 2.2), None]
        sides[1] = centres[:, -1] + (centres[:, -1] - centres[:, -2]) * rng.uniform(1.0, 2.2)
        found.extend(side[rng.random(rows) < 0.5] for side in sides if side is not None)
        top = centres[0] - (0, rng.uniform(1.0, 1.5) * pitch)
        found.append(top[rng.random(columns) < 0.2] + (rng.uniform(0, pitch), 0))
    at = np.concatenate(found)
    return np.column_stack((at, rng.uniform(0.2, 0.8, len(at))))


def _cut(
    rng: np.random.Generator, cut: int, peaks: Floats, centres: Floats, size: Floats
) -> tuple[Floats, Floats, Floats]:
    """The picture ends between two columns, on the left or on the right."""
    if rng.random() < 0.5:
        edge = centres[:, cut - 1 : cut + 1, 0].mean()
        move = np.array((edge, 0.0))
        peaks = np.column_stack((peaks[:, :2] - move, peaks[:, 2]))
        return peaks, centres - move, size - move
    edge = centres[:, -cut - 1 : centres.shape[1] - cut + 1, 0].mean()
    return peaks, centres, np.array((edge, size[1]))
