"""Why a frame gave no reading: the hint that helps the person who holds the document."""

import cv2
import numpy as np

from kiosk.capture.finder import Gray
from kiosk.capture.grid import Match, block_picture
from kiosk.ports import Hint

TEXT_MATCH = 0.62  # mean correlation from which a block looks like a poorly seen MRZ
FAR_PITCH = 10.0  # frame pixels per character
CLOSE_SHARE = 0.95  # of the frame's width
GLARE_SHARE = 0.04  # of the block, or of the frame, burnt out
SOFT_EDGES = 14.0  # steepest edges of a frame in focus are well above (grey levels per pixel)
_BURNT = 250
_PAGE_CONTRAST = 35.0


def explain(gray: Gray, best: Match | None, widest: float) -> Hint:
    """`best` is the block that matched best, `widest` the longest band in frame pixels."""
    if widest > CLOSE_SHARE * gray.shape[1]:
        return Hint.TOO_CLOSE
    if best is None or best.mean < TEXT_MATCH:
        return _without_text(gray)
    if not _inside(gray, best):
        return Hint.TOO_CLOSE
    if best.grid.pitch() < FAR_PITCH:
        return Hint.TOO_FAR
    block = block_picture(gray, best.grid)
    if float((block >= _BURNT).mean()) > GLARE_SHARE:
        return Hint.GLARE
    return Hint.BLURRED if sharpness(block) < SOFT_EDGES else Hint.HOLD_STILL


def _without_text(gray: Gray) -> Hint:
    if not shows_page(gray):
        return Hint.NO_DOCUMENT
    if float((gray >= _BURNT).mean()) > GLARE_SHARE:
        return Hint.GLARE
    return Hint.BLURRED if sharpness(gray) < SOFT_EDGES else Hint.NO_DOCUMENT


def shows_page(gray: Gray) -> bool:
    """Whether a light sheet lies on something darker."""
    small = cv2.resize(gray, (160, 120), interpolation=cv2.INTER_AREA)
    _level, mask = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    share = float((mask > 0).mean())
    if not 0.12 < share < 0.97:
        return False
    return float(small[mask > 0].mean() - small[mask == 0].mean()) > _PAGE_CONTRAST


def sharpness(gray: Gray) -> float:
    """Steepness of the steepest half per cent of edges, noise smoothed away: grey levels per pixel."""
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.0)
    slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)) / 8
    return float(np.percentile(slope, 99.5))


def _inside(gray: Gray, match: Match) -> bool:
    height, width = gray.shape
    corners = match.grid.corners()
    return bool((corners >= 0).all() and (corners <= (width, height)).all())
