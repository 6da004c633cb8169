"""A picture file with a seal on it: the payloads of its symbols and, if there is one, the printed zone."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Reading
from kiosk.capture.picture_files import load_picture
from kiosk.capture.symbols import Symbol, read_symbols
from kiosk.errors import ErrorCode, KioskError


@dataclass(frozen=True)
class SealPicture:
    """Symbols in the order they were found; `lines` of the printed zone, `certain` as of the MRZ reader."""

    symbols: tuple[Symbol, ...]
    lines: tuple[str, ...] = ()
    certain: bool = False


def read_seal_picture(path: Path, *, zone: bool = True) -> SealPicture:
    """IMAGE_UNREADABLE, IMAGE_TOO_LARGE as of `load_picture`; DEPENDENCY_MISSING without a decoder."""
    picture = load_picture(path)
    try:
        symbols = read_symbols(picture.pixels)
        outcome = MrzReader().read(picture.pixels) if zone and symbols else None
    except (cv2.error, MemoryError) as error:
        raise KioskError(ErrorCode.INTERNAL, f"reader: {type(error).__name__}") from error
    if not isinstance(outcome, Reading):
        return SealPicture(symbols)
    return SealPicture(symbols, outcome.lines, outcome.decoded.certain)
