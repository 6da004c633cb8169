"""Pictures as bytes and as pixels: bounded decoding of JPEG, JPEG 2000 and PNG, and encoding.

A size is believed from headers alone and refused before any decoder makes room for it: of JPEG the frame
header (ITU-T T.81 B.2.2), of JPEG 2000 the codestream's own SIZ segment (T.800 A.5.1), because the box around
it may say something else.
"""

import io
import struct
import warnings

import cv2
import numpy as np
from PIL import Image as Pillow

from kiosk.capture.picture_headers import Kind, jpeg_facts, kind_of
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Image

MAX_SIDE = 8192  # pixels
MAX_PIXELS = 24_000_000
MAX_BYTES = 32 * 1024 * 1024
FORMATS = ("JPEG", "JPEG2000", "PNG")
JPEG_QUALITY = 90
_SIZ = b"\xff\x4f\xff\x51"  # start of codestream and the marker of the segment that must follow it
_MAX_COMPONENTS, _MAX_TILES, _MAX_DEPTH = 4, 4096, 16
# What the decoders let out on damaged input, as found by flipping bytes.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, OverflowError, IndexError, KeyError)


def decode_image(data: bytes, most: int = MAX_PIXELS) -> Image:
    """BGR pixels of a JPEG, JPEG 2000 or PNG file of at most `most` pixels.

    IMAGE_UNREADABLE for anything else, IMAGE_TOO_LARGE beyond the limits.
    """
    if not data:
        raise _unreadable("empty")
    if len(data) > MAX_BYTES:
        raise _too_large("bytes")
    _check_headers(data, most)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the decoder's remarks on odd but readable files
            with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture.size, most)
                pixels = np.asarray(picture.convert("RGB"), np.uint8)
    except (*_DECODER_ERRORS, struct.error, EOFError, MemoryError, Pillow.DecompressionBombError) as error:
        raise _unreadable(f"decoder: {type(error).__name__}") from error
    return np.ascontiguousarray(pixels[:, :, ::-1])


def encode_jpeg(image: Image, quality: int = JPEG_QUALITY) -> bytes:
    """JPEG file of BGR pixels (height x width x 3)."""
    return _encode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))


def encode_png(image: Image) -> bytes:
    """PNG file of BGR pixels (height x width x 3)."""
    return _encode(".png", image, ())


def _encode(suffix: str, image: Image, options: tuple[int, ...]) -> bytes:
    good, data = cv2.imencode(suffix, image, options)
    if not good:
        raise KioskError(ErrorCode.IMAGE_UNREADABLE, "the picture cannot be encoded")
    return bytes(data)


def _check_headers(data: bytes, most: int) -> None:
    kind = kind_of(data)
    if kind is Kind.JPEG:
        facts = jpeg_facts(data)
        if facts is None:
            raise _unreadable("header")
        _check_size((facts.width, facts.height), most)
    elif kind is Kind.JPEG2000:
        _check_codestream(data, most)


def _check_codestream(data: bytes, most: int) -> None:
    """T.800 A.5.1: grid and offset, tile and offset, then the components with three bytes each."""
    at = data.find(_SIZ)
    if at < 0 or len(data) < at + 42:
        raise _unreadable("codestream")
    right, bottom, left, top, across, down, tile_left, tile_top = struct.unpack_from(">8I", data, at + 8)
    components = int.from_bytes(data[at + 40 : at + 42], "big")
    if not (left < right and top < bottom and across and down and 1 <= components <= _MAX_COMPONENTS):
        raise _unreadable("codestream")
    depths = data[at + 42 : at + 42 + 3 * components : 3]
    if any((depth & 0x7F) >= _MAX_DEPTH for depth in depths):
        raise _unreadable("codestream")
    _check_size((right - left, bottom - top), most)
    tiles = -(-(right - tile_left) // across) * -(-(bottom - tile_top) // down)
    if tiles > _MAX_TILES:
        raise _too_large("tiles")


def _check_size(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width <= 0 or height <= 0:
        raise _unreadable("no pixels")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > most:
        raise _too_large("pixels")


def _unreadable(detail: str) -> KioskError:
    return KioskError(ErrorCode.IMAGE_UNREADABLE, detail)


def _too_large(detail: str) -> KioskError:
    return KioskError(ErrorCode.IMAGE_TOO_LARGE, f"too many {detail}")
