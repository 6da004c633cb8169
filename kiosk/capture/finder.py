"""Where lines of dark, dense, fixed-height print lie in a frame: candidates for an MRZ line.

Works at several reduced scales so that characters of about 6 to 45 pixels pitch are covered, and
gives the longest thin bands first. It knows nothing of characters.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

WORK_WIDTHS = (800, 480, 1280)  # pixels; a pitch of 6..20 px at these is found
MAX_TILT = math.radians(14)
MIN_ASPECT = 9.0  # length to height of a band
BANDS_PER_SCALE = 10
_STROKE = 13  # px at working scale: no stroke of an MRZ character is wider
_LEVELS = (0.45, 0.28)


@dataclass(frozen=True)
class Band:
    """A thin dark band: centre (x, y), direction in radians, length and height, in frame pixels."""

    x: float
    y: float
    angle: float
    length: float
    height: float


def find_bands(gray: Gray) -> Iterator[Band]:
    """Candidates, likeliest first within each scale; lazily, so that a hit saves the other scales."""
    seen: list[Band] = []
    for width in WORK_WIDTHS:
        scale = width / gray.shape[1]
        if scale > 1.5:
            continue
        resized = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        energy = _stroke_energy(np.asarray(resized, np.uint8))
        for level in _LEVELS:
            for band in _bands(energy, level, scale):
                if not any(_same(band, other) for other in seen):
                    seen.append(band)
                    yield band


def _stroke_energy(gray: Gray) -> NDArray[np.float32]:
    """Horizontal contrast of thin dark strokes against their surroundings, 0..1 and more."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_STROKE, _STROKE))
    smooth = cv2.GaussianBlur(gray, (3, 3), 0)
    hat = cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, kernel).astype(np.float32)
    paper = cv2.GaussianBlur(cv2.dilate(smooth, kernel).astype(np.float32), (0, 0), 8)
    ink = hat / np.maximum(paper, 24.0)
    energy = np.abs(cv2.Sobel(ink, cv2.CV_32F, 1, 0, ksize=3))
    return np.asarray(cv2.boxFilter(energy, -1, (17, 3)), np.float32)


def _bands(energy: NDArray[np.float32], level: float, scale: float) -> list[Band]:
    high = float(np.percentile(energy, 99.0))
    mask = (energy > max(0.06, level * high)).astype(np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 25), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 31), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = [np.asarray(contour, np.int32) for contour in contours]
    found = [band for outline in outlines if (band := _band(outline, scale)) is not None]
    found.sort(key=lambda band: -band.length)
    return found[:BANDS_PER_SCALE]


def _band(contour: NDArray[np.int32], scale: float) -> Band | None:
    if len(contour) < 60:
        return None
    (x, y), (width, height), angle = cv2.minAreaRect(contour)
    if width < height:
        width, height, angle = height, width, angle - 90
    radians = math.radians((angle + 90) % 180 - 90)
    thickness = cv2.contourArea(contour) / max(width, 1.0)
    if thickness < 3 or width < MIN_ASPECT * thickness or abs(radians) > MAX_TILT:
        return None
    return Band(x / scale, y / scale, radians, width / scale, thickness / scale)


def _same(one: Band, other: Band) -> bool:
    near = math.hypot(one.x - other.x, one.y - other.y) < 0.6 * other.height
    return near and abs(one.length - other.length) < other.height
