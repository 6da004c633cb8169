"""The QR symbol of the seal: version, module and error correction by rule (Doc 9303-13 2.1, ISO/IEC 18004).

The smallest version that holds the text at level M; a higher level where that version has room. A module is
a whole number of printer dots: 0.339 mm, as recommended for inkjet, else 0.254 mm; never less.
"""

from dataclasses import dataclass

import numpy as np
import segno
from numpy.typing import NDArray
from PIL import Image

from kiosk.printing.pen import UM_PER_INCH

QUIET_MODULES = 4  # ISO/IEC 18004 5.3.8
LEVEL = "m"
MODULE_DOTS = {300: (4, 3), 600: (8, 6)}  # wanted, and smallest that a card printer holds


@dataclass(frozen=True)
class SymbolSize:
    """What a text needs: QR version, modules with the quiet zone, printer dots of a module."""

    version: int
    level: str
    modules: int
    dots: int

    def side_um(self, dpi: int) -> int:
        """Side of the printed symbol with its quiet zone, micrometres."""
        return round(self.modules * self.dots * UM_PER_INCH / dpi)


def size_of(text: str, side_px: int, dpi: int) -> SymbolSize:
    """The symbol for `text` in a field of `side_px`; ValueError when it cannot be printed there."""
    return _sized(_symbol(text), side_px, dpi)


def draw(text: str, side_px: int, dpi: int) -> Image.Image:
    """The symbol in pure black on white with its quiet zone, at most `side_px`. ValueError as `size_of`."""
    symbol = _symbol(text)
    size = _sized(symbol, side_px, dpi)
    rows = [list(row) for row in symbol.matrix_iter(scale=size.dots, border=QUIET_MODULES)]
    pixels: NDArray[np.uint8] = np.where(np.array(rows, np.uint8) > 0, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels, "L").convert("RGB")


def _symbol(text: str) -> segno.QRCode:
    try:
        return segno.make_qr(text, error=LEVEL, boost_error=True)
    except segno.DataOverflowError as error:
        raise ValueError("the code is too long for the symbol's field") from error


def _sized(symbol: segno.QRCode, side_px: int, dpi: int) -> SymbolSize:
    modules = int(symbol.symbol_size(border=QUIET_MODULES)[0])
    for dots in MODULE_DOTS[dpi]:
        if modules * dots <= side_px:
            return SymbolSize(int(symbol.version), str(symbol.error), modules, dots)
    raise ValueError("the code is too long for the symbol's field")
