"""Frontal faces in a picture: the Haar cascade that ships with OpenCV 4."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Image

WORK_SIDE = 640  # pixels of the longer side while searching
SMALLEST = 0.08  # of the shorter side
_CASCADE = "haarcascade_frontalface_default.xml"

Rect = tuple[int, int, int, int]


@cache
def _detector() -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / _CASCADE
    detector = cv2.CascadeClassifier(str(path)) if path.is_file() else None
    if detector is None or detector.empty():
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, f"OpenCV without {_CASCADE}")
    return detector


def find_faces(image: Image) -> list[Rect]:
    """Faces as (x, y, width, height) in pixels of `image` (BGR), largest first."""
    height, width = image.shape[:2]
    scale = min(1.0, WORK_SIDE / max(height, width))
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = _detect(small) or _detect(cv2.equalizeHist(small))  # the second helps in poor light
    rects = [_scaled(rect, scale) for rect in found]
    return sorted(rects, key=lambda rect: -rect[2] * rect[3])


def _detect(gray: cv2.typing.MatLike) -> list[list[int]]:
    smallest = max(20, int(SMALLEST * min(gray.shape)))
    found = np.asarray(_detector().detectMultiScale(gray, 1.1, 4, minSize=(smallest, smallest)), int)
    rects: list[list[int]] = found.reshape(-1, 4).tolist()
    return rects


def _scaled(rect: list[int], scale: float) -> Rect:
    x, y, width, height = (round(value / scale) for value in rect)
    return x, y, width, height
