"""Picture files for the MRZ reader: any common format to grey pixels, in bounded memory.

Owns the choice of decoder, the orientation of the EXIF tag (JEITA CP-3451, tag 0x0112), paper white behind
what is transparent, and the way back to the file's own pixels. JPEG, PNG, BMP and still WebP take OpenCV's
fast path to grey; the rest goes through Pillow. Of several pictures in one file the first is read.
"""

import io
import math
import os
import stat
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.picture_headers import Facts, Kind, jpeg_facts, kind_of, png_facts, webp_facts
from kiosk.errors import ErrorCode, KioskError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

MAX_BYTES = 128 * 1024 * 1024  # of a file
MAX_PIXELS = 200_000_000  # of a file, whatever its format
BUDGET = 320 * 1024 * 1024  # bytes: the file and all that its decoder keeps
READ_PIXELS = 12_000_000  # what the reader gets at most: a page of 10 pixels per character is kept whole
READ_SIDE = 8192  # and per side: OpenCV's warps take no more than 32767
_BAND = 2_000_000  # pixels converted at a time
_ORIENTATION = 0x0112
# What Pillow lets out on damaged input, as found by flipping bytes.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    OverflowError,
    IndexError,
    KeyError,
    AttributeError,
    ZeroDivisionError,
    EOFError,
    MemoryError,
    struct.error,
)

Gray = NDArray[np.uint8]  # height x width
Points = NDArray[np.float64]  # n x 2: x, y


@dataclass(frozen=True, eq=False)
class Picture:
    """Grey pixels upright by their EXIF tag, and the size of the whole picture seen the same way."""

    pixels: Gray = field(repr=False)
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of the file per pixel here; 1 unless it was too large to be read whole."""
        return float(self.width / self.pixels.shape[1])

    def original(self, points: Points) -> Points:
        """Pixels of the file (n x 2: x, y) for pixels here; centres of pixels are whole numbers."""
        factors = np.array((self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]))
        return np.asarray((points + 0.5) * factors - 0.5, np.float64)


def load_picture(path: Path) -> Picture:
    """The picture of a file; IMAGE_UNREADABLE for what is none, IMAGE_TOO_LARGE beyond the limits."""
    return decode_picture(file_bytes(path))


def file_bytes(path: Path) -> bytes:
    """All bytes of a regular file of at most MAX_BYTES. Never waits for a pipe or a device."""
    try:
        _check_file(path.stat())
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(number, "rb") as file:  # noqa: PTH123 - of a descriptor
            _check_file(os.fstat(number))
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise _unreadable(reason or type(error).__name__) from error
    if len(data) > MAX_BYTES:
        raise _too_large("bytes")
    return data


def _check_file(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable("not a file")
    if status.st_size > MAX_BYTES:
        raise _too_large("bytes")


def decode_picture(data: bytes) -> Picture:
    """The same of a file's bytes."""
    kind = kind_of(data)
    if kind is None:
        raise _unreadable("no picture format" if data else "empty")
    decoders: dict[Kind, Callable[[bytes], Picture]] = {
        Kind.JPEG: _jpeg,
        Kind.PNG: _png,
        Kind.WEBP: _webp,
        Kind.BMP: _bmp,
    }
    decoder = decoders.get(kind)
    return decoder(data) if decoder else _by_pillow(data, kind)


def _jpeg(data: bytes) -> Picture:
    facts = _known(jpeg_facts(data))
    if facts.planes == 4:  # CMYK or YCCK, whose polarity depends on the Adobe marker
        return _by_pillow(data, Kind.JPEG, facts.stored)
    step = 1
    while step < 8 and facts.width * facts.height >= READ_PIXELS * (2 * step) ** 2:
        step *= 2
    _check(data, facts, facts.stored + 2 / step**2)
    flags = {
        1: cv2.IMREAD_GRAYSCALE,
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    }
    gray = np.asarray(_by_opencv(data, flags[step]), np.uint8)
    turned = (gray.shape[1] > gray.shape[0]) != (facts.width > facts.height)
    width, height = (facts.height, facts.width) if turned else (facts.width, facts.height)
    return _shrunk(gray, width, height)


def _png(data: bytes) -> Picture:
    return _flat(data, Kind.PNG, _known(png_facts(data)))


def _webp(data: bytes) -> Picture:
    return _flat(data, Kind.WEBP, _known(webp_facts(data)))


def _bmp(data: bytes) -> Picture:
    """Size from BITMAPINFOHEADER and its successors, or from the 16 bits of BITMAPCOREHEADER."""
    if len(data) < 26:
        raise _unreadable("no header")
    core = int.from_bytes(data[14:18], "little") == 12
    width, height = struct.unpack_from("<HH" if core else "<ii", data, 18)
    return _flat(data, Kind.BMP, Facts(abs(width), abs(height), 3))


def _flat(data: bytes, kind: Kind, facts: Facts) -> Picture:
    """Formats that OpenCV decodes at full size only, and without their transparency."""
    if facts.transparent or facts.animated:
        return _by_pillow(data, kind)
    _check(data, facts, 6 if facts.deep else 2)
    deep = cv2.IMREAD_ANYDEPTH if facts.deep else 0
    gray = _by_opencv(data, cv2.IMREAD_GRAYSCALE | deep)
    if sorted(gray.shape) != sorted((facts.width, facts.height)):
        raise _unreadable("another size than its header's")
    gray = _stretched(gray) if gray.dtype != np.uint8 else gray
    return _shrunk(np.asarray(gray, np.uint8), gray.shape[1], gray.shape[0])


def _by_opencv(data: bytes, flags: int) -> NDArray[np.generic]:
    """One channel, upright by the EXIF tag."""
    try:
        gray = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise _unreadable("decoder") from error
    if gray is None or gray.ndim != 2 or not gray.size:
        raise _unreadable("decoder")
    return np.asarray(gray)


def _by_pillow(data: bytes, kind: Kind, stored: float = 0.0) -> Picture:
    """`stored`: bytes a pixel that the decoder keeps besides the pixels."""
    from PIL import Image as Pillow  # 20 ms that few pictures need

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd but readable files
            with Pillow.open(io.BytesIO(data), formats=(str(kind),)) as picture:
                size = _prepare(data, picture, kind, stored)
                picture.load()
                gray, tag = _gray_bands(picture), _orientation(picture)
    except Pillow.DecompressionBombError as error:
        raise _too_large("pixels") from error
    except _DECODER_ERRORS as error:
        raise _unreadable(f"decoder: {type(error).__name__}") from error
    if kind is not Kind.TIFF:  # which Pillow turns itself
        gray = _upright(gray, tag)
    swapped = (gray.shape[1] > gray.shape[0]) != (size[0] > size[1])
    return _shrunk(gray, *(size[::-1] if swapped else size))


# Bytes a pixel that Pillow and its libraries keep, grey output included, as measured.
_KEPT = {Kind.PNG: 6, Kind.JPEG: 7, Kind.GIF: 6, Kind.WEBP: 17}
_PLANE_OF_JPEG2000 = 7
_TIFF_BITS, _TIFF_TURNED, _TIFF_ROWS, _TIFF_TILE = 258, 274, 278, (322, 323)  # TIFF 6.0 sections 8 and 15


def _prepare(data: bytes, picture: "PillowImage", kind: Kind, stored: float) -> tuple[int, int]:
    """Check the size before pixels are made; large JPEG 2000 files are decoded at a lower resolution."""
    width, height = picture.size
    facts = Facts(width, height, len(picture.getbands()))
    if kind is Kind.TIFF:
        _check(data, facts, _kept_of_tiff(picture))
    elif kind is not Kind.JPEG2000:
        _check(data, facts, _KEPT[kind] + stored)
    else:
        level, kept = 0, _PLANE_OF_JPEG2000 * facts.planes
        while width * height >> 2 * level > max(1, min(BUDGET // kept, 4 * READ_PIXELS - 1)):
            level += 1
        _check(data, facts, kept / 4**level)
        setattr(picture, "reduce", level)  # noqa: B010 - an attribute of this format alone
    return width, height


def _kept_of_tiff(picture: "PillowImage") -> float:
    """Pillow's pixels, grey ones, one whole strip or tile, and the pixels again where they are turned."""
    tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    width, height = picture.size
    across, down = (tags.get(tag) for tag in _TIFF_TILE)
    piece = across * down if across and down else width * min(height, tags.get(_TIFF_ROWS, height))
    strip = piece * sum(tags.get(_TIFF_BITS, (1,))) / 8
    own = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}.get(picture.mode, 4)
    turned = own if tags.get(_TIFF_TURNED, 1) != 1 else 0
    return float(own + turned + 1.5 + strip / max(1, width * height))


def _gray_bands(picture: "PillowImage") -> Gray:
    """Grey pixels, band by band, so that no second picture of the same size is made."""
    from PIL import ImageChops

    width, height = picture.size
    gray = np.empty((height, width), np.uint8)
    rows = max(1, _BAND // width)
    extrema = picture.getextrema() if picture.mode[0] in "IF" else (0, 255)
    # Pillow takes every CMYK file for Adobe's, which store the complement; without their marker it is not so.
    plain_cmyk = picture.format == "JPEG" and picture.mode == "CMYK" and "adobe" not in picture.info
    for top in range(0, height, rows):
        band = picture.crop((0, top, width, min(height, top + rows)))
        gray[top : top + rows] = _gray_of(ImageChops.invert(band) if plain_cmyk else band, extrema)
    return gray


def _gray_of(band: "PillowImage", extrema: object) -> Gray:
    from PIL import Image as Pillow

    if band.mode[0] in "IF":
        return _stretched(np.asarray(band), extrema)
    if band.has_transparency_data:
        colours = band.convert("RGBA")
        paper = Pillow.new("RGBA", band.size, "white")
        return np.asarray(Pillow.alpha_composite(paper, colours).convert("L"), np.uint8)
    return np.asarray(band.getchannel(0) if band.mode == "LAB" else band.convert("L"), np.uint8)


def _stretched(deep: NDArray[np.generic], extrema: object = None) -> Gray:
    """8 bits of 16, 32 or floating point. What uses a small part of its range (12 bits in 16) is spread."""
    low, high = extrema if isinstance(extrema, tuple) else (float(deep.min()), float(deep.max()))
    if deep.dtype.kind == "u":
        full = 65535.0 if high > 65535 / 4 else max(1.0, high)
        return np.asarray(cv2.convertScaleAbs(np.asarray(deep, np.uint16), alpha=255 / full), np.uint8)
    span = float(high) - float(low)
    if not math.isfinite(span) or span <= 0:
        span = 1.0
    values = (np.nan_to_num(np.asarray(deep, np.float32)) - np.float32(low)) * np.float32(255 / span)
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _orientation(picture: "PillowImage") -> int:
    """1 to 8; 1 where the tag is absent or damaged."""
    try:
        tag = picture.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1
    return tag if isinstance(tag, int) and 1 <= tag <= 8 else 1


def _upright(gray: Gray, tag: int) -> Gray:
    """Undo what the tag says: 2, 4, 5 and 7 are mirrored, 5 to 8 lie on their side."""
    if tag in (5, 6, 7, 8):
        gray = gray.T
    if tag in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    if tag in (3, 4, 7, 8):
        gray = gray[::-1]
    return np.ascontiguousarray(gray)


def _shrunk(gray: Gray, width: int, height: int) -> Picture:
    """At most READ_PIXELS and READ_SIDE. `width` and `height` are the file's own, upright."""
    rows, columns = gray.shape
    factor = max(1.0, math.sqrt(rows * columns / READ_PIXELS), max(rows, columns) / READ_SIDE)
    if factor > 1:
        size = (max(1, int(columns / factor)), max(1, int(rows / factor)))
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Picture(np.ascontiguousarray(gray), width, height)


def _known(facts: Facts | None) -> Facts:
    if facts is None:
        raise _unreadable("header")
    return facts


def _check(data: bytes, facts: Facts, kept: float) -> None:
    """`kept` is the bytes a pixel that decoding takes."""
    pixels = facts.width * facts.height
    if pixels <= 0:
        raise _unreadable("no pixels")
    if pixels > MAX_PIXELS or len(data) + pixels * kept > BUDGET:
        raise _too_large("pixels")


def _unreadable(detail: str) -> KioskError:
    return KioskError(ErrorCode.IMAGE_UNREADABLE, detail)


def _too_large(detail: str) -> KioskError:
    return KioskError(ErrorCode.IMAGE_TOO_LARGE, f"too many {detail}")
