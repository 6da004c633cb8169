"""PWG Raster (PWG 5102.4): the document format that IPP Everywhere printers take.

Writes 8-bit sRGB pages; each page is a 1796-byte header and lines packed as runs and literals.
"""

import itertools
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kiosk.ports import Image

SYNC = b"RaS2"
HEADER_BYTES = 1796
SRGB_8 = 19  # cupsColorSpace: sRGB
MIME_TYPE = "image/pwg-raster"
_HIGH_QUALITY = 5
_LONGEST_RUN = 128  # pixels
_LONGEST_REPEAT = 256  # equal lines
_POINTS_PER_INCH = 72


def encode(pages: Sequence[Image], dpi: int, *, media: str) -> bytes:
    """A two-sided document of RGB pages (height x width x 3), all of one size; `media` is its name."""
    parts = [SYNC]
    for page in pages:
        parts.append(_header(page, dpi, len(pages), media))
        parts.extend(_lines(page))
    return b"".join(parts)


def _header(page: Image, dpi: int, pages: int, media: str) -> bytes:
    """Table 1 of the standard; everything not named here is zero."""
    height, width = page.shape[:2]
    header = bytearray(HEADER_BYTES)

    def text(offset: int, value: str) -> None:
        data = value.encode("ascii")[:63]
        header[offset : offset + len(data)] = data

    def numbers(offset: int, *values: int) -> None:
        struct.pack_into(f">{len(values)}I", header, offset, *values)

    text(0, "PwgRaster")
    numbers(272, int(pages > 1))  # Duplex
    numbers(276, dpi, dpi)  # HWResolution
    numbers(340, 1)  # NumCopies
    points = (round(side * _POINTS_PER_INCH / dpi) for side in (width, height))
    numbers(352, *points)  # PageSize
    numbers(372, width, height)
    numbers(384, 8, 24, width * 3, 0, SRGB_8)  # bits per colour, per pixel, bytes per line, order, space
    numbers(420, 3)  # NumColors
    numbers(452, pages, 1, 1, 0, 0, width, height, 0, _HIGH_QUALITY)  # page count, transforms, image box
    text(1732, media)  # PageSizeName
    return bytes(header)


def _lines(page: Image) -> Iterator[bytes]:
    height = len(page)
    same = (page[1:] == page[:-1]).all(axis=(1, 2)) if height > 1 else np.zeros(0, bool)
    starts = [0, *(np.flatnonzero(~same) + 1).tolist(), height]
    for first, after in itertools.pairwise(starts):
        packed = pack_line(page[first])
        for left in range(after - first, 0, -_LONGEST_REPEAT):
            yield bytes((min(left, _LONGEST_REPEAT) - 1,)) + packed


def pack_line(pixels: NDArray[np.uint8]) -> bytes:
    """One line (width x 3): n-1 and a pixel for n equal ones, 257-n and n pixels for unequal ones."""
    width = len(pixels)
    changes = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=1)) + 1
    edges = [0, *changes.tolist(), width]
    data, out, literal = pixels.tobytes(), bytearray(), 0
    for first, after in itertools.pairwise(edges):
        if after - first == 1:
            continue  # stays part of the literal that began at `literal`
        _put_literal(out, data, literal, first)
        for left in range(after - first, 0, -_LONGEST_RUN):
            out.append(min(left, _LONGEST_RUN) - 1)
            out += data[first * 3 : first * 3 + 3]
        literal = after
    _put_literal(out, data, literal, width)
    return bytes(out)


def _put_literal(out: bytearray, data: bytes, first: int, after: int) -> None:
    while first < after:
        count = min(after - first, _LONGEST_RUN)
        out.append(257 - count if count > 1 else 0)
        out += data[first * 3 : (first + count) * 3]
        first += count
