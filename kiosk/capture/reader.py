"""The page reader of the desk: a frame to MRZ lines, the straightened page and the portrait on it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.faces import find_faces
from kiosk.capture.finder import Gray
from kiosk.capture.grid import Grid
from kiosk.capture.hints import shows_page
from kiosk.capture.images import encode_jpeg
from kiosk.capture.recogniser import MrzReading, read_mrz
from kiosk.ports import Frame, Hint, Image, PageScan

PITCH_MM = 2.54  # Doc 9303-3 4.4
PAGE_PIXELS_PER_MM = 8
TURNS = (180.0, 22.0, -22.0)  # degrees tried, one per frame, to tell a turned page from no page
MAYBE_TURNED = (Hint.NO_DOCUMENT, Hint.GLARE, Hint.HOLD_STILL)
PORTRAIT_MARGINS = (0.2, 0.45, 0.2, 0.4)  # left, top, right, bottom around a face, in face sizes


@dataclass(frozen=True)
class PageFormat:
    """Millimetres: size of the page, left edge to first character cell, bottom to lowest line."""

    width: float
    height: float
    left: float
    bottom: float


# TD3 and TD2: Doc 9303-4 and -6; TD1: Doc 9303-5 figure 6.
FORMATS = {
    44: PageFormat(125.0, 88.0, 6.0, 9.4),
    36: PageFormat(105.0, 74.0, 6.0, 9.4),
    30: PageFormat(85.6, 53.98, 5.0, 7.27),
}


class PixelPageReader:
    """A `PageReader` that works on the pixels alone. Used from one thread."""

    def __init__(self, *, pictures: bool = True) -> None:
        self._pictures = pictures

    def read(self, frame: Frame) -> PageScan | Hint:
        """Lines as printed, or what keeps the frame from being read."""
        gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
        reading = read_mrz(gray)
        if isinstance(reading, Hint):
            return _turned(gray, frame.sequence, reading) if reading in MAYBE_TURNED else reading
        page, portrait = _cut(frame.image, reading.grid) if self._pictures else (b"", b"")
        return PageScan(
            lines=reading.lines,
            confidence=round(reading.confidence, 4),
            doubtful=reading.doubtful,
            corners=_as_pairs(reading.grid.corners()),
            page=page,
            portrait=portrait,
        )


def _turned(gray: Gray, sequence: int, hint: Hint) -> Hint:
    """TILTED where the frame can be read once it is turned, else the hint as it was."""
    if not shows_page(gray):
        return hint
    turned = _rotated(gray, TURNS[sequence % len(TURNS)])
    return Hint.TILTED if isinstance(read_mrz(turned), MrzReading) else hint


def _rotated(gray: Gray, degrees: float) -> Gray:
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(gray, matrix, (width, height)), np.uint8)


def _as_pairs(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in points)


def straighten(image: Image, grid: Grid) -> Image:
    """The page upright at PAGE_PIXELS_PER_MM, by the MRZ's grid and the format's geometry."""
    form = FORMATS[grid.columns]
    step = grid.step * PITCH_MM
    lowest = form.height - form.bottom

    def cell(x: float, y: float) -> tuple[float, float]:
        return (x - form.left) / PITCH_MM - 0.5, grid.rows - 1 + (y - lowest) / step

    edges = ((0.0, 0.0), (form.width, 0.0), (form.width, form.height), (0.0, form.height))
    frame = grid.points(np.array([cell(x, y) for x, y in edges]))
    target = np.array(edges, np.float32) * PAGE_PIXELS_PER_MM
    matrix = cv2.getPerspectiveTransform(frame.astype(np.float32), target)
    size = (round(form.width * PAGE_PIXELS_PER_MM), round(form.height * PAGE_PIXELS_PER_MM))
    return np.asarray(cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def _cut(image: Image, grid: Grid) -> tuple[bytes, bytes]:
    page = straighten(image, grid)
    above = page[: round(page.shape[0] * 0.75)]
    faces = find_faces(np.ascontiguousarray(above))
    portrait = encode_jpeg(_portrait(above, faces[0])) if faces else b""
    return encode_jpeg(page), portrait


def _portrait(page: Image, face: tuple[int, int, int, int]) -> Image:
    x, y, width, height = face
    left, top, right, bottom = PORTRAIT_MARGINS
    x0, y0 = max(0, round(x - left * width)), max(0, round(y - top * height))
    x1, y1 = round(x + (1 + right) * width), round(y + (1 + bottom) * height)
    return np.ascontiguousarray(page[y0:y1, x0:x1])
