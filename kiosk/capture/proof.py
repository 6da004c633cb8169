"""Reads a card's back again: the drawing before it is printed, the print in a picture of the camera."""

import cv2
import numpy as np

from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Reading
from kiosk.capture.symbols import Gray, read_qr
from kiosk.ports import Image


class PixelProof:
    """A `PrintProof`: the same reader that reads passports, and ZBar for the symbol. Used from one thread."""

    def __init__(self) -> None:
        self._reader = MrzReader()

    def read_back(self, back: Image) -> tuple[tuple[str, ...], str]:
        """MRZ lines and QR text of a back side (RGB pixels); empty where nothing was read."""
        gray = np.asarray(cv2.cvtColor(back, cv2.COLOR_RGB2GRAY), np.uint8)
        return self._lines(gray), _text(gray)

    def read_zone(self, frame: Image) -> tuple[str, ...]:
        """MRZ lines of a camera picture (BGR)."""
        return self._lines(_gray(frame))

    def read_symbol(self, frame: Image) -> str:
        """QR text of a camera picture (BGR); "" where none, or more than one, was read."""
        return _text(_gray(frame))

    def _lines(self, gray: Gray) -> tuple[str, ...]:
        reading = self._reader.read(gray)
        return reading.lines if isinstance(reading, Reading) else ()


def _gray(frame: Image) -> Gray:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)


def _text(gray: Gray) -> str:
    symbols = read_qr(gray)
    return symbols[0].payload.decode("ascii") if len(symbols) == 1 else ""
