"""The page and the portrait on it, cut out of a frame by the MRZ's grid.

The grid and the geometry of the format say where the page's edges must be (Doc 9303-4 to -7); edges that
can be seen near by correct them, because a zone at the foot of the page says little about its head.

Faces are found by the Haar cascade of OpenCV 4 (see `kiosk.capture.faces`): it is part of the pinned package
and needs no model file whose origin and licence would have to be proven. Where it finds none (glare, a drawn
specimen) the place where the format has the portrait is cut out instead, and the answer says so.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.faces import Rect, find_faces
from kiosk.capture.mrz.reading import Grid
from kiosk.ports import Image

PITCH_MM = 2.54  # Doc 9303-3 4.4
PAGE_PIXELS_PER_MM = 8
PORTRAIT_MARGINS = (0.2, 0.45, 0.2, 0.4)  # left, top, right, bottom around a face, in face sizes
REACH = 5.0  # mm around an expected edge in which the real one is looked for
EDGE_STEP = 18.0  # grey levels between page and what it lies on
PROFILES = 24  # looks across an edge
AGREEING = 0.6  # share of them that must see the same straight line
NEAR = 0.6  # mm between a look and that line

Double = NDArray[np.float64]


@dataclass(frozen=True)
class PageFormat:
    """Millimetres: size of the page, left edge to first character cell, bottom to lowest line, and the
    portrait's place (left, top, width, height), None on a side without one."""

    width: float
    height: float
    left: float
    bottom: float
    portrait: tuple[float, float, float, float] | None


# Zone V: Doc 9303-4 figure 2 (TD3), -6 (TD2), -7 (visas). TD1 carries the MRZ on its back: Doc 9303-5.
FORMATS = {
    "TD3": PageFormat(125.0, 88.0, 6.0, 9.4, (4.0, 17.0, 35.0, 45.0)),
    "TD2": PageFormat(105.0, 74.0, 6.0, 9.4, (4.0, 11.0, 30.0, 38.0)),
    "TD1": PageFormat(85.6, 53.98, 5.0, 7.27, None),
    "MRVA": PageFormat(120.0, 80.0, 4.0, 9.4, (4.0, 12.0, 32.0, 42.0)),
    "MRVB": PageFormat(105.0, 74.0, 4.0, 9.4, (4.0, 11.0, 30.0, 38.0)),
    "FRA": PageFormat(105.0, 74.0, 6.0, 9.4, (4.0, 11.0, 30.0, 38.0)),
}


@dataclass(frozen=True, eq=False)
class Cut:
    """BGR pictures. `portrait` is None on a side without one; `face_found`: by a face, not by its place."""

    page: Image
    portrait: Image | None
    face_found: bool


def cut(image: Image, grid: Grid, form: str) -> Cut:
    """Page and portrait of the document whose zone of format `form` lies on `grid` in `image` (BGR)."""
    page = straighten(image, grid, form)
    place = FORMATS[form].portrait
    if place is None:
        return Cut(page, None, False)
    above = np.ascontiguousarray(page[: round(page.shape[0] * 0.75)])
    faces = find_faces(above)
    if faces:
        return Cut(page, _around(above, faces[0]), True)
    left, top, width, height = (round(value * PAGE_PIXELS_PER_MM) for value in place)
    return Cut(page, np.ascontiguousarray(page[top : top + height, left : left + width]), False)


def straighten(image: Image, grid: Grid, form: str) -> Image:
    """The page upright at PAGE_PIXELS_PER_MM, whichever way it lies in `image`."""
    size = FORMATS[form]
    corners = _corners(size)
    to_frame = _to_frame(grid, size)
    seen = _seen_edges(_flattened(image, to_frame, size, REACH), size)
    if seen is not None:
        corners = seen
    frame = cv2.perspectiveTransform(corners.reshape(-1, 1, 2), to_frame).reshape(-1, 2)
    target = _corners(size) * PAGE_PIXELS_PER_MM
    matrix = cv2.getPerspectiveTransform(frame.astype(np.float32), target.astype(np.float32))
    width, height = (round(side * PAGE_PIXELS_PER_MM) for side in (size.width, size.height))
    return np.asarray(cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def _corners(size: PageFormat) -> Double:
    return np.array(((0, 0), (size.width, 0), (size.width, size.height), (0, size.height)), np.float64)


def _to_frame(grid: Grid, size: PageFormat) -> Double:
    """Page millimetres to frame pixels."""
    step = grid.step * PITCH_MM
    lowest = size.height - size.bottom
    to_cells = np.array(
        (
            (1 / PITCH_MM, 0.0, -size.left / PITCH_MM - 0.5),
            (0.0, 1 / step, grid.rows - 1 - lowest / step),
            (0.0, 0.0, 1.0),
        )
    )
    return np.asarray(grid.matrix @ to_cells, np.float64)


def _flattened(image: Image, to_frame: Double, size: PageFormat, margin: float) -> Double:
    """The expected page and `margin` mm around it, grey, at 4 pixels per mm."""
    scale = np.array(((0.25, 0.0, -margin), (0.0, 0.25, -margin), (0.0, 0.0, 1.0)))
    shape = (round((size.width + 2 * margin) * 4), round((size.height + 2 * margin) * 4))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    flat = cv2.warpPerspective(image, to_frame @ scale, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY), (0, 0), 1.5), np.float64)


def _seen_edges(flat: Double, size: PageFormat) -> Double | None:
    """The page's corners (mm, in expected page coordinates) where edges can be seen; None if none can.

    An edge that cannot be seen stays where the grid puts it.
    """
    band = round(2 * REACH * 4)
    wide, high = size.width, size.height
    # Each line as (slope, offset) of across = slope * along + offset, in mm.
    sides = (
        (_edge(flat[:band]), 0.0),
        (_edge(flat[-band:][::-1]), high),
        (_edge(flat[:, :band].T), 0.0),
        (_edge(flat[:, -band:][:, ::-1].T), wide),
    )
    if all(line is None for line, _expected in sides):
        return None
    top, bottom, left, right = (
        (0.0, far) if line is None else (line if far == 0.0 else (-line[0], far - line[1]))
        for line, far in sides
    )
    return np.array(
        [_meet(row, column) for row, column in ((top, left), (top, right), (bottom, right), (bottom, left))]
    )


def _edge(band: Double) -> tuple[float, float] | None:
    """(slope, offset) in mm of a straight edge in a band whose outer side is its first row; offset 0 is the
    expected place, the band's middle row. None where too few looks agree."""
    columns = np.linspace(0.06, 0.94, PROFILES) * (band.shape[1] - 1)
    looks = band[:, columns.astype(int)]
    steps = np.abs(looks[4:] - looks[:-4])
    best = steps.argmax(axis=0)
    strong = steps[best, np.arange(PROFILES)] > EDGE_STEP
    along = columns / 4 - REACH
    across = (best + 2) / 4 - REACH
    if strong.sum() < AGREEING * PROFILES:
        return None
    along, across = along[strong], across[strong]
    one, other = np.triu_indices(len(along), 1)
    slope = float(np.median((across[other] - across[one]) / (along[other] - along[one])))
    offset = float(np.median(across - slope * along))
    agreeing = np.abs(across - slope * along - offset) < NEAR
    if agreeing.sum() < AGREEING * PROFILES:
        return None
    slope, offset = (float(value) for value in np.polyfit(along[agreeing], across[agreeing], 1))
    return slope, offset


def _meet(row: tuple[float, float], column: tuple[float, float]) -> tuple[float, float]:
    """Where y = a x + b meets x = c y + d."""
    (a, b), (c, d) = row, column
    y = (a * d + b) / (1 - a * c)
    return c * y + d, y


def _around(page: Image, face: Rect) -> Image:
    x, y, width, height = face
    left, top, right, bottom = PORTRAIT_MARGINS
    x0, y0 = max(0, round(x - left * width)), max(0, round(y - top * height))
    x1, y1 = round(x + (1 + right) * width), round(y + (1 + bottom) * height)
    return np.ascontiguousarray(page[y0:y1, x0:x1])
