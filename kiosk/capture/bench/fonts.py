"""The fonts of the generator: OCR-B cuts and Noto; DEPENDENCY_MISSING where one is not installed."""

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from kiosk.errors import ErrorCode, KioskError

_FOLDERS = (
    Path("/usr/share/fonts/opentype/ocr-b"),
    Path("/usr/share/fonts/truetype/noto"),
    Path("/usr/share/fonts/OTF"),
    Path("/usr/share/fonts/noto"),
    Path("/usr/local/share/fonts"),
)
_FILES = {
    "round": "OCRB.otf",
    "sharp": "OCRBS.otf",
    "sans": "NotoSans-Regular.ttf",
    "bold": "NotoSans-Bold.ttf",
    "serif": "NotoSerif-Regular.ttf",
}


@lru_cache(maxsize=256)
def load(face: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A face at a size in whole pixels; the basic layout engine, so that no system library matters."""
    for folder in _FOLDERS:
        if (path := folder / _FILES[face]).is_file():
            return ImageFont.truetype(str(path), pixels, layout_engine=ImageFont.Layout.BASIC)
    package = "fonts-ocr-b" if face in ("round", "sharp") else "fonts-noto-core"
    raise KioskError(ErrorCode.DEPENDENCY_MISSING, f"font {_FILES[face]} (package {package})")
