"""Why a picture gave no reading: the hint that helps the person who holds the document, and where.

Depends on pixels and an `Evidence` only. A reader that reads in all four orientations never needs a page
turned to read it, so UPSIDE_DOWN is the last resort: said only where nothing else explains the failure.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.evidence import Evidence
from kiosk.capture.mrz.reading import Gray
from kiosk.ports import Corners, Guidance, Hint

TEXT_SCORE = 0.62  # from here on what was found counts as a poorly seen MRZ
FAR_PITCH = 10.0  # pixels per character
CLOSE_PITCH = 62.0
CLOSE_SHARE = 0.95  # of the picture's side along the lines
EDGE = 2.0  # pixels: closer to the border the zone counts as cut off
TURN = 25.0  # degrees off the nearest axis
LEAN = 1.35  # one end of the zone against the other
GLARE_SHARE = 0.04  # of the zone, or of the picture, burnt out
SOFT_EDGES = 0.09  # steepest edges of legible print are steeper: shares of the paper's level per pixel
SOFT_PICTURE = 14.0  # the same of a whole picture, grey levels per pixel
DARK_PAPER = 60  # grey level of the lightest part of the zone
DARK_PICTURE = 32
STILL = 3.0  # grey levels between two small pictures: more is movement
PITCH = 16  # pixels per character of the straightened zone
_COARSE = 320  # pixels of the longer side when looking for lines of print
_FAINT_INK = 24
_BURNT = 250
_PAGE_CONTRAST = 35.0
_SMALL = (160, 120)
_COLUMNS = 44  # of the longest lines
_LONGEST = 60  # characters in a straightened zone, at most

Points = NDArray[np.float64]


def explain(gray: Gray, evidence: Evidence) -> Guidance:
    """Why nothing could be read in `gray` (height x width, 8 bit)."""
    if evidence.span > CLOSE_SHARE * gray.shape[1]:
        return Guidance(Hint.TOO_CLOSE, evidence.corners)
    if not evidence.corners or evidence.score < TEXT_SCORE:
        return _without_text(gray)
    corners = np.array(evidence.corners, np.float64)
    hint = _out_of_place(gray, corners, evidence.pitch) or _poorly_seen(gray, corners, evidence.pitch)
    return Guidance(hint or _turned(corners) or Hint.HOLD_STILL, evidence.corners)


def longest_print(gray: Gray) -> float:
    """Length of the longest line of print, along either side of the picture, in pixels; 0 without any."""
    scale = max(gray.shape) / _COARSE
    size = (max(1, round(gray.shape[1] / scale)), max(1, round(gray.shape[0] / scale)))
    coarse = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    ink = cv2.morphologyEx(coarse, cv2.MORPH_BLACKHAT, np.ones((9, 9), np.uint8))
    dark = np.asarray(ink > max(_FAINT_INK, int(ink.max()) // 3), np.uint8)
    longest = 0
    for picture in (dark, np.ascontiguousarray(dark.T)):
        joined = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((1, 13), np.uint8))
        opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((2, 25), np.uint8))
        stats = cv2.connectedComponentsWithStats(opened)[2][1:]
        lines = stats[stats[:, cv2.CC_STAT_WIDTH] > 6 * stats[:, cv2.CC_STAT_HEIGHT], cv2.CC_STAT_WIDTH]
        longest = max(longest, int(lines.max(initial=0)))
    return float(longest * scale)


def moved(before: Gray | None, now: Gray) -> float:
    """Mean change in grey levels between two pictures made by `small`; 0 without a picture before."""
    if before is None or before.shape != now.shape:
        return 0.0
    return float(cv2.absdiff(before, now).mean())


def small(gray: Gray) -> Gray:
    """A picture of 160 x 120 that shows movement, but no noise."""
    shrunk = cv2.resize(gray, _SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(shrunk, (0, 0), 1.0), np.uint8)


def shows_page(gray: Gray) -> bool:
    """Whether a light sheet lies on something darker."""
    shrunk = cv2.resize(gray, _SMALL, interpolation=cv2.INTER_AREA)
    _level, mask = cv2.threshold(shrunk, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    share = float((mask > 0).mean())
    if not 0.12 < share < 0.97:
        return False
    return float(shrunk[mask > 0].mean() - shrunk[mask == 0].mean()) > _PAGE_CONTRAST


def sharpness(gray: Gray) -> float:
    """Steepness of the steepest half per cent of edges, noise smoothed away: grey levels per pixel."""
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.0)
    slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)) / 8
    return float(np.percentile(slope, 99.5))


def _out_of_place(gray: Gray, corners: Points, pitch: float | None) -> Hint | None:
    """Too far, too close, cut off."""
    size = np.array((gray.shape[1], gray.shape[0]), np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    outside = bool((low < EDGE).any() or (high > size - EDGE).any())
    along = int(np.argmax(high - low))
    fills = high[along] - low[along] > CLOSE_SHARE * size[along]
    if fills or (pitch is not None and pitch > CLOSE_PITCH):
        return Hint.TOO_CLOSE
    if outside:  # lines that would not fit are not helped by moving the page
        wide = pitch is not None and pitch * _COLUMNS > size[along]
        return Hint.TOO_CLOSE if wide else Hint.CUT_OFF
    return Hint.TOO_FAR if pitch is not None and pitch < FAR_PITCH else None


def _poorly_seen(gray: Gray, corners: Points, pitch: float | None) -> Hint | None:
    """Too dark, glare, blurred: by the pixels of the zone itself."""
    zone = _straight(gray, corners, pitch)
    paper = float(np.percentile(zone, 95))
    if paper < DARK_PAPER:
        return Hint.TOO_DARK
    if float((zone >= _BURNT).mean()) > GLARE_SHARE:
        return Hint.GLARE
    return Hint.BLURRED if sharpness(zone) < SOFT_EDGES * paper else None


def _straight(gray: Gray, corners: Points, pitch: float | None) -> Gray:
    """The zone upright, about PITCH pixels per character."""
    length = float(np.linalg.norm(corners[1] - corners[0]))
    depth = float(np.linalg.norm(corners[3] - corners[0]))
    scale = PITCH / max(pitch or length / 40, 1.0)
    width = int(np.clip(length * scale, PITCH, _LONGEST * PITCH))
    height = int(np.clip(depth * scale, PITCH, 10 * PITCH))
    ends = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), ends)
    return np.asarray(cv2.warpPerspective(gray, matrix, (width, height)), np.uint8)


def _turned(corners: Points) -> Hint | None:
    """Tilted or aslant; else not upright."""
    top, bottom = corners[1] - corners[0], corners[2] - corners[3]
    ends = np.linalg.norm((corners[3] - corners[0], corners[2] - corners[1]), axis=1)
    lines = np.linalg.norm((top, bottom), axis=1)
    angle = float(np.degrees(np.arctan2(*(top + bottom)[::-1])))
    if max(ends.max() / max(ends.min(), 1.0), lines.max() / max(lines.min(), 1.0)) > LEAN:
        return Hint.TILTED
    if abs((angle + 45) % 90 - 45) > TURN:
        return Hint.TILTED
    return Hint.UPSIDE_DOWN if abs(angle) > 45 else None


def _without_text(gray: Gray) -> Guidance:
    if float(np.percentile(gray, 99)) < DARK_PICTURE:
        return Guidance(Hint.TOO_DARK)
    if not shows_page(gray):
        return Guidance(Hint.NO_DOCUMENT)
    if float((gray >= _BURNT).mean()) > GLARE_SHARE:
        return Guidance(Hint.GLARE, _brightest(gray))
    return Guidance(Hint.BLURRED if sharpness(gray) < SOFT_PICTURE else Hint.NO_DOCUMENT)


def _brightest(gray: Gray) -> Corners:
    """The box around the largest burnt spot."""
    mask = (gray >= _BURNT).astype(np.uint8)
    _count, _labels, stats, _centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    spot = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    left, top, width, height = (float(value) for value in spot[:4])
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)
