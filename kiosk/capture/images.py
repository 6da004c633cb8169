"""Pictures as bytes and as pixels: bounded decoding of JPEG, JPEG 2000 and PNG, and JPEG encoding."""

import io
import struct
import warnings

import cv2
import numpy as np
from PIL import Image as Pillow

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Image

MAX_SIDE = 8192  # pixels
MAX_PIXELS = 24_000_000
MAX_BYTES = 32 * 1024 * 1024
FORMATS = ("JPEG", "JPEG2000", "PNG")
JPEG_QUALITY = 90
# What the decoders let out on damaged input, as found by flipping bytes.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, OverflowError, IndexError, KeyError)


def decode_image(data: bytes) -> Image:
    """BGR pixels of a JPEG, JPEG 2000 or PNG file; IMAGE_UNREADABLE for anything else or too large."""
    if not data or len(data) > MAX_BYTES:
        raise _unreadable("empty or too many bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the decoder's remarks on odd but readable files
            with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture.size)
                pixels = np.asarray(picture.convert("RGB"), np.uint8)
    except (*_DECODER_ERRORS, struct.error, EOFError, MemoryError, Pillow.DecompressionBombError) as error:
        raise _unreadable(f"decoder: {type(error).__name__}") from error
    return np.ascontiguousarray(pixels[:, :, ::-1])


def encode_jpeg(image: Image, quality: int = JPEG_QUALITY) -> bytes:
    """JPEG file of BGR pixels (height x width x 3)."""
    good, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not good:
        raise KioskError(ErrorCode.IMAGE_UNREADABLE, "the picture cannot be encoded")
    return bytes(data)


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise _unreadable("unreasonable size")


def _unreadable(detail: str) -> KioskError:
    return KioskError(ErrorCode.IMAGE_UNREADABLE, detail)
