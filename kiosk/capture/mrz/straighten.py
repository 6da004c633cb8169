"""Pieces of a picture in canonical view, sampled alike in training and in use.

Coordinates are OpenCV's: the centre of the first pixel is (0, 0). Matrices map canonical pixels to picture
pixels, 3 x 3. Before sampling, the piece is halved by area until one canonical pixel is less than two
picture pixels, so that nothing aliases.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.reading import Gray, Grid

Matrix = NDArray[np.float64]

PITCH = 20  # canonical pixels per character in a line strip
LINE_HEIGHT = 32  # of a line strip
BEYOND = 1  # cells kept at each end of a line strip
BLOCK_PITCH = 12  # nominal pixels per character in a block picture
BLOCK_SIZE = (704, 128)  # of a block picture: width, height
MAX_HALVINGS = 5
FOLD, STRIP_FOLD = 4, 2  # squares of so many pixels are a network's input channels: frames and blocks, strips


def sample(gray: Gray, matrix: Matrix, size: tuple[int, int]) -> Gray:
    """The canonical picture (`size`: width, height) that `matrix` cuts out of `gray`; edges are repeated."""
    width, height = size
    edges = np.array([[(0, 0)], [(width, 0)], [(width, height)], [(0, height)]], np.float64)
    there = np.asarray(cv2.perspectiveTransform(edges, matrix)).reshape(-1, 2)
    low = np.floor(there.min(axis=0)).astype(int) - 4
    high = np.ceil(there.max(axis=0)).astype(int) + 5
    left, top = (int(value) for value in np.clip(low, 0, np.array(gray.shape[::-1]) - 1))
    right, bottom = (int(value) for value in np.minimum(high, gray.shape[::-1]))
    piece = gray[top : max(bottom, top + 1), left : max(right, left + 1)]
    move = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64) @ matrix
    area = cv2.contourArea(there.astype(np.float32))
    halvings = int(math.log2(max(1.0, math.sqrt(area / (width * height)) * 1.05)))
    for _ in range(min(halvings, MAX_HALVINGS)):
        if min(piece.shape) < 4:
            break
        piece = np.asarray(
            cv2.resize(
                piece[: piece.shape[0] & ~1, : piece.shape[1] & ~1],
                None,
                fx=0.5,
                fy=0.5,
                interpolation=cv2.INTER_AREA,
            ),
            np.uint8,
        )
        move = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ move
    return np.asarray(
        cv2.warpPerspective(
            piece, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def block_matrix(middle: tuple[float, float], angle: float, pitch: float) -> Matrix:
    """Block picture to picture: `angle` (radians) is the reading direction, `pitch` picture pixels."""
    scale = pitch / BLOCK_PITCH
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    half = ((BLOCK_SIZE[0] - 1) / 2, (BLOCK_SIZE[1] - 1) / 2)
    return np.array(
        [
            [cos, -sin, middle[0] - cos * half[0] + sin * half[1]],
            [sin, cos, middle[1] - sin * half[0] - cos * half[1]],
            [0, 0, 1],
        ]
    )


def strip_size(columns: int) -> tuple[int, int]:
    """Width and height of a line strip."""
    return (columns + 2 * BEYOND) * PITCH, LINE_HEIGHT


def strip_matrix(grid: Grid, row: int) -> Matrix:
    """Strip pixels of line `row` to picture pixels."""
    to_cells = np.array(
        [
            [1 / PITCH, 0, 0.5 / PITCH - 0.5 - BEYOND],
            [0, 1 / (PITCH * grid.step), row - (LINE_HEIGHT - 1) / 2 / (PITCH * grid.step)],
            [0, 0, 1],
        ]
    )
    result: Matrix = grid.matrix @ to_cells
    return result


def strips(gray: Gray, grid: Grid) -> NDArray[np.uint8]:
    """All lines: rows x LINE_HEIGHT x ((columns + 2 * BEYOND) * PITCH)."""
    size = strip_size(grid.columns)
    return np.stack([sample(gray, strip_matrix(grid, row), size) for row in range(grid.rows)])


def folded(pictures: NDArray[np.uint8], by: int) -> NDArray[np.float32]:
    """Network input of pictures (n x height x width): mean 0, spread 1 each.

    Squares of `by` x `by` pixels become channels: n x by² x height/by x width/by, rows of a square first.
    """
    count, height, width = pictures.shape
    squares = pictures.reshape(count, height // by, by, width // by, by).transpose(0, 2, 4, 1, 3)
    values = np.ascontiguousarray(squares).reshape(count, by * by, height // by, width // by)
    factors = [_factors(picture) for picture in pictures]
    out = np.empty(values.shape, np.float32)
    for number, (mean, spread) in enumerate(factors):
        np.subtract(values[number], mean, out=out[number], dtype=np.float32)
        out[number] *= 1 / spread
    return out


def _factors(picture: NDArray[np.uint8]) -> tuple[np.float32, np.float32]:
    mean, spread = cv2.meanStdDev(picture)
    return np.float32(mean[0, 0]), np.float32(spread[0, 0] + 4.0)


def stacked(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Network input of strips (n x height x width), each normalised, one below the other and folded by 2."""
    apart = folded(pictures, STRIP_FOLD)
    count, channels, height, width = apart.shape
    return np.ascontiguousarray(apart.transpose(1, 0, 2, 3)).reshape(1, channels, count * height, width)
