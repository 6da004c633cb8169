"""Decodes PWG Raster (PWG 5102.4): what the simulated printer received, as pictures.

Written from the format's description for the printer's side; the product's encoder is its own.
8-bit sRGB and 8-bit grey pages are read. PwgError for anything else.
"""

import struct
from typing import Final

import numpy as np
from PIL import Image

SYNC: Final = b"RaS2"
HEADER: Final = 1796
MAX_PIXELS: Final = 40_000_000
MAX_PAGES: Final = 8
_SRGB, _SGRAY = 19, 18  # cupsColorSpace
# Offsets in the page header (PWG 5102.4 table 1)
_RESOLUTION, _WIDTH, _HEIGHT = 276, 372, 376
_BITS_PER_COLOUR, _BITS_PER_PIXEL, _BYTES_PER_LINE, _COLOUR_ORDER, _COLOUR_SPACE = 384, 388, 392, 396, 400


class PwgError(ValueError):
    """Not PWG Raster, or a kind of page this printer does not print."""


def decode(data: bytes) -> tuple[Image.Image, ...]:
    """The pages as pictures, with their resolution in `info["dpi"]`."""
    if data[:4] != SYNC:
        raise PwgError("no RaS2 at the start")
    pages: list[Image.Image] = []
    at = 4
    while at < len(data):
        if len(pages) == MAX_PAGES:
            raise PwgError("too many pages")
        picture, at = _page(data, at)
        pages.append(picture)
    if not pages:
        raise PwgError("no page")
    return tuple(pages)


def _number(header: bytes, offset: int) -> int:
    return int(struct.unpack_from(">I", header, offset)[0])


def _page(data: bytes, at: int) -> tuple[Image.Image, int]:
    header = data[at : at + HEADER]
    if len(header) < HEADER or not header.startswith(b"PwgRaster\0"):
        raise PwgError("a page header is missing or cut off")
    width, height, line = (_number(header, o) for o in (_WIDTH, _HEIGHT, _BYTES_PER_LINE))
    depth = _number(header, _BITS_PER_PIXEL) // 8
    space = _number(header, _COLOUR_SPACE)
    if (depth, space) not in ((3, _SRGB), (1, _SGRAY)) or _number(header, _BITS_PER_COLOUR) != 8:
        raise PwgError("neither 8-bit sRGB nor 8-bit grey")
    if _number(header, _COLOUR_ORDER) != 0 or line != width * depth:
        raise PwgError("colours not interleaved")
    if not 0 < width * height <= MAX_PIXELS:
        raise PwgError("a page of no size, or too large")
    pixels, at = _lines(data, at + HEADER, height, line, depth)
    shaped = pixels.reshape(height, width, depth) if depth == 3 else pixels.reshape(height, width)
    picture = Image.fromarray(shaped).convert("RGB")
    picture.info["dpi"] = (_number(header, _RESOLUTION), _number(header, _RESOLUTION + 4))
    return picture, at


def _lines(
    data: bytes, at: int, height: int, line: int, depth: int
) -> tuple["np.ndarray[tuple[int], np.dtype[np.uint8]]", int]:
    """All lines of a page: each with a repeat count, packed as in PackBits over whole pixels."""
    rows: list[bytes] = []
    while len(rows) < height:
        if at >= len(data):
            raise PwgError("the page is cut off")
        repeat = data[at] + 1
        row, at = _line(data, at + 1, line, depth)
        rows.extend([row] * min(repeat, height - len(rows)))
    return np.frombuffer(b"".join(rows), dtype=np.uint8), at


def _line(data: bytes, at: int, line: int, depth: int) -> tuple[bytes, int]:
    out = bytearray()
    while len(out) < line:
        if at >= len(data):
            raise PwgError("a line is cut off")
        code = data[at]
        at += 1
        if code == 128:  # the rest of the line is blank
            out += b"\xff" * (line - len(out))
            break
        count = code + 1 if code < 128 else 257 - code
        size = depth if code < 128 else depth * count
        part = data[at : at + size]
        if len(part) < size:
            raise PwgError("a line is cut off")
        at += size
        out += part * count if code < 128 else part
    if len(out) != line:
        raise PwgError("a line longer than the page is wide")
    return bytes(out), at
