"""Reads a drawn card back again before it goes to the printer: MRZ and QR symbol from the pixels."""

import cv2
import numpy as np
from pyzbar import pyzbar

from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Reading
from kiosk.ports import Image


class PixelProof:
    """A `PrintProof`: the same reader that reads passports, and ZBar for the symbol. Used from one thread."""

    def __init__(self) -> None:
        self._reader = MrzReader()

    def read_back(self, back: Image) -> tuple[tuple[str, ...], str]:
        """MRZ lines and QR text of a back side (RGB pixels); empty where nothing was read."""
        gray = np.asarray(cv2.cvtColor(back, cv2.COLOR_RGB2GRAY), np.uint8)
        reading = self._reader.read(gray)
        lines = reading.lines if isinstance(reading, Reading) else ()
        return lines, _qr_text(gray)


def _qr_text(gray: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    symbols = pyzbar.decode(gray, symbols=[pyzbar.ZBarSymbol.QRCODE])
    if len(symbols) != 1:
        return ""
    try:
        return str(symbols[0].data.decode("utf-8"))
    except UnicodeDecodeError:
        return ""
