"""OCR-B character pictures for matching, rendered once from the installed font (Doc 9303-3 4.4).

A cell is one pitch (2.54 mm) wide and one and a half high, its centre in the middle of the capitals.
Templates are unit vectors with zero mean, so that a dot product with a patch treated the same way
is the normalised correlation.
"""

import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from kiosk.errors import ErrorCode, KioskError

ALPHABET = string.ascii_uppercase + string.digits + "<"
PITCH = 16  # pixels per character in the canonical picture
CELL_HEIGHT = 24
ADVANCE = 0.723  # of the em: the font's fixed advance, which is printed as one pitch
MIDDLE = 0.36  # of the em: height of the cell's centre above the base line
FONT_PATHS = (
    Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf"),
    Path("/usr/local/share/fonts/OCRB.otf"),
    Path("/usr/share/fonts/OTF/OCRB.otf"),
)
SIZES = (0.9, 1.0, 1.1)  # glyph size against the pitch: printers differ
BLURS = (0.55, 1.0, 1.6)  # sigma in canonical pixels
_OVERSAMPLE = 4

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Templates:
    """One rendering of the alphabet: `vectors` is 37 x (CELL_HEIGHT * PITCH)."""

    size: float
    blur: float
    vectors: Float


def normalised(patches: Float) -> Float:
    """Rows made zero-mean and of unit length; flat rows stay zero."""
    centred = patches - patches.mean(axis=-1, keepdims=True)
    length = np.sqrt(np.einsum("...i,...i->...", centred, centred))[..., None]
    result: Float = centred / np.maximum(length, 1e-3)
    return result


def font_path() -> Path:
    """The OCR-B font file; DEPENDENCY_MISSING where none is installed."""
    for path in FONT_PATHS:
        if path.is_file():
            return path
    raise KioskError(ErrorCode.DEPENDENCY_MISSING, "font OCRB.otf (package fonts-ocr-b) is not installed")


@cache
def template_sets() -> tuple[Templates, ...]:
    """All renderings, sizes times blurs; made at the first call (some tens of milliseconds)."""
    return tuple(_render(size, blur) for size in SIZES for blur in BLURS)


def _render(size: float, blur: float) -> Templates:
    pixels = round(PITCH * _OVERSAMPLE / ADVANCE * size)
    font = ImageFont.truetype(str(font_path()), pixels, layout_engine=ImageFont.Layout.BASIC)
    cells = [_cell(font, character, blur) for character in ALPHABET]
    return Templates(size, blur, normalised(np.stack(cells)))


def _cell(font: ImageFont.FreeTypeFont, character: str, blur: float) -> Float:
    width, height = PITCH * _OVERSAMPLE, CELL_HEIGHT * _OVERSAMPLE
    picture = Pillow.new("L", (width, height), 0)
    base_line = height / 2 + MIDDLE * font.size
    ImageDraw.Draw(picture).text((width / 2, base_line), character, font=font, fill=255, anchor="ms")
    soft = cv2.GaussianBlur(np.asarray(picture, np.float32), (0, 0), blur * _OVERSAMPLE)
    small = cv2.resize(soft, (PITCH, CELL_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(-1)
