"""What the first bytes of a picture file say: its kind, its size and what decoding it will take.

Owns the headers of JPEG (ITU-T T.81 annex B), PNG (ISO/IEC 15948 clauses 5 and 11) and WebP (RFC 9649
section 2), read before any decoder runs, so that memory is known beforehand. Names of files say nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_SEGMENTS = 100_000  # of one file; real ones have a few hundred
MAX_SCANS = 100  # of a progressive JPEG; encoders make about ten
_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (_PNG, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)


class Kind(StrEnum):
    """Formats that are read."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    WEBP = "WEBP"
    JPEG2000 = "JPEG2000"


@dataclass(frozen=True)
class Facts:
    """Size in pixels as stored, before any orientation.

    `planes` is the number of colour components; `stored` the bytes per pixel that a decoder must keep
    besides its output (the coefficients of a JPEG in several scans).
    """

    width: int
    height: int
    planes: int
    transparent: bool = False
    animated: bool = False
    deep: bool = False  # 16 bits a sample
    stored: float = 0.0


def kind_of(data: bytes) -> Kind | None:
    """By the first bytes alone."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    return next((Kind(name) for start, name in _STARTS if data.startswith(start)), None)


def jpeg_facts(data: bytes) -> Facts | None:
    """Of the frame header; None where there is none before the first scan, or too many scans follow."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return None
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker == 0x01 or 0xD0 <= marker <= 0xD7:  # stuffing, fill, no length
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD8, 0xD9, 0xDA):  # a second start, the end, the first scan: no frame header came
            return None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _frame_header(data, at + 4, length - 2, marker)
        at += 2 + max(2, length)
    return None


def _frame_header(data: bytes, at: int, length: int, marker: int) -> Facts | None:
    """T.81 B.2.2: precision, lines, samples per line, then three bytes for each component."""
    body = data[at : at + length]
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        return None
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    factors = [divmod(body[7 + 3 * number], 16) for number in range(body[5])]
    if not factors or any(low == 0 or high == 0 for high, low in factors):
        return None
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS:
        return None
    widest, tallest = max(high for high, _ in factors), max(low for _, low in factors)
    share = sum(high * low for high, low in factors) / (widest * tallest)
    several = marker not in (0xC0, 0xC1) or scans > 1
    return Facts(width, height, len(factors), stored=2 * share if several else 0.0)


def png_facts(data: bytes) -> Facts | None:
    """Of the header and the list of chunks; None unless it begins with IHDR and ends with IEND."""
    if data[12:16] != b"IHDR" or len(data) < 33:
        return None
    colour, at, transparent, animated = data[25], 8, data[25] in (4, 6), False
    for _ in range(MAX_SEGMENTS):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(name) < 4 or at + 12 + length > len(data):
            return None
        transparent |= name == b"tRNS"
        animated |= name == b"acTL"
        if name == b"IEND":
            width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
            planes = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 4)
            return Facts(width, height, planes, transparent, animated, data[24] == 16)
        at += 12 + length
    return None


def webp_facts(data: bytes) -> Facts | None:
    """Of the first chunk: VP8X (canvas and flags), VP8L or VP8."""
    name, body = data[12:16], data[20:32]
    if len(body) < 10:
        return None
    if name == b"VP8X":
        width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
        return Facts(width, height, 3, bool(body[0] & 0x10), bool(body[0] & 0x02))
    if name == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return Facts(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 3, bool(bits >> 28 & 1))
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return Facts(width, height, 3)
    return None
