"""Kind and size of a picture from its first bytes: JPEG (ITU-T T.81 annex B), JPEG 2000 (T.800 A and I).

Owns no pixels: pictures stay bytes in `card_io`. Unknown or broken headers give None, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JPEG, JPEG_2000 = "image/jpeg", "image/jp2"
_START: Final = b"\xff\xd8\xff"
_BOX: Final = b"\x00\x00\x00\x0cjP  "
_CODESTREAM: Final = b"\xff\x4f\xff\x51"
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # start of frame, all processes
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_END_MARKERS: Final = frozenset({0xD9, 0xDA})
_MAX_SEGMENTS: Final = 64
_HEADER_BOX, _IMAGE_HEADER = b"jp2h", b"ihdr"


@dataclass(frozen=True)
class ImageHeader:
    """Media type, and size in pixels (0: not found)."""

    mime: str
    width: int = 0
    height: int = 0


def image_header(data: bytes) -> ImageHeader | None:
    """What the first bytes of a picture say, None if it is neither JPEG nor JPEG 2000."""
    if data.startswith(_START):
        return ImageHeader(JPEG, *_jpeg_size(data))
    if data.startswith(_BOX):
        return ImageHeader(JPEG_2000, *_box_size(data))
    if data.startswith(_CODESTREAM):
        return ImageHeader(JPEG_2000, *_codestream_size(data))
    return None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of the first frame header."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if position + 9 > len(data) or data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker in _FRAMES:
            return _number(data, position + 7, 2), _number(data, position + 5, 2)
        if marker in _END_MARKERS:
            break
        fill = marker == 0xFF
        position += 1 if fill else 2 if marker in _STANDALONE else 2 + _number(data, position + 2, 2)
    return 0, 0


def _box_size(data: bytes) -> tuple[int, int]:
    """Width and height of the image header box, the first one in the JP2 header box."""
    position = 0
    for _ in range(_MAX_SEGMENTS):
        length, kind = _number(data, position, 4), data[position + 4 : position + 8]
        if kind == _HEADER_BOX and data[position + 12 : position + 16] == _IMAGE_HEADER:
            return _number(data, position + 20, 4), _number(data, position + 16, 4)
        if length < 8 or position + length >= len(data):
            break
        position += length
    return 0, 0


def _codestream_size(data: bytes) -> tuple[int, int]:
    """Extent of the reference grid less the offset of the image, in the SIZ marker segment."""
    width = _number(data, 8, 4) - _number(data, 16, 4)
    height = _number(data, 12, 4) - _number(data, 20, 4)
    return (width, height) if len(data) >= 24 and width > 0 and height > 0 else (0, 0)


def _number(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "big")
