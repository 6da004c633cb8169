"""Drawing tools of the simulated desk: fonts, smooth outlines, a soft-edged canvas, fine lines.

Owns everything that turns numbers into pixels; what is drawn is decided by `portraits`, `pages`
and `camera`. All of it is deterministic: the same calls give the same pixels.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kiosk.errors import ErrorCode, KioskError

Point = tuple[float, float]
Colour = tuple[float, float, float]
Array = NDArray[np.float32]

_NOTO = Path("/usr/share/fonts/truetype/noto")
_FONTS: dict[str, tuple[Path, str]] = {
    "regular": (_NOTO / "NotoSans-Regular.ttf", "fonts-noto-core"),
    "bold": (_NOTO / "NotoSans-Bold.ttf", "fonts-noto-core"),
    "italic": (_NOTO / "NotoSans-Italic.ttf", "fonts-noto-core"),
    "ocr-b": (Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf"), "fonts-ocr-b"),
    "cjk": (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), "fonts-noto-cjk"),
}
_CJK_FACE_SC = 2  # index of the simplified Chinese face in the collection


def has_font(name: str) -> bool:
    """Whether that font is installed (only "cjk" may be absent on a complete machine)."""
    return _FONTS[name][0].is_file()


@lru_cache(maxsize=128)
def font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """A font in pixels per em; DEPENDENCY_MISSING with the Debian package that holds it."""
    path, package = _FONTS[name]
    try:
        # Basic layout: the other engine depends on a system library, and pages must be the same everywhere.
        return ImageFont.truetype(
            str(path),
            size,
            index=_CJK_FACE_SC if name == "cjk" else 0,
            layout_engine=ImageFont.Layout.BASIC,
        )
    except OSError as error:
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, package) from error


def smooth(points: Sequence[Point], *, closed: bool = True, samples: int = 10) -> list[Point]:
    """A centripetal-looking Catmull-Rom curve through `points`."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0.0, 1.0, samples, endpoint=False)[:, None]
    curve: list[Point] = []
    for i in range(len(knots) - 3):
        a, b, c, d = knots[i : i + 4]
        part = 0.5 * (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        )
        curve.extend((float(x), float(y)) for x, y in part)
    if not closed:
        curve.append((float(points[-1][0]), float(points[-1][1])))
    return curve


def ellipse(x: float, y: float, rx: float, ry: float, *, turn: float = 0.0, count: int = 40) -> list[Point]:
    """Outline of an ellipse, turned by `turn` degrees."""
    angles = np.linspace(0.0, 2 * math.pi, count, endpoint=False)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return [
        (x + rx * math.cos(a) * c - ry * math.sin(a) * s, y + rx * math.cos(a) * s + ry * math.sin(a) * c)
        for a in angles
    ]


class Canvas:
    """RGB float pixels 0..255 that take shapes with soft edges. Coordinates are in pixels."""

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.width, self.height = width, height
        self.pixels: Array = np.empty((height, width, 3), dtype=np.float32)
        self.pixels[:] = colour
        self._clip: Array | None = None

    def clip(
        self, outline: Sequence[Point] | None, blur: float = 0.0, within: Sequence[Point] | None = None
    ) -> None:
        """Draw only inside `outline` (and `within`) until the next call."""
        self._clip = None if outline is None else self.mask(outline, blur)
        if self._clip is not None and within is not None:
            self._clip = self._clip * self.mask(within, blur / 3)

    def mask(self, outline: Sequence[Point], blur: float = 0.0) -> Array:
        """Coverage 0..1 of the whole canvas."""
        image = Image.new("L", (self.width, self.height))
        ImageDraw.Draw(image).polygon(list(outline), fill=255)
        if blur:
            image = image.filter(ImageFilter.GaussianBlur(blur))
        return np.asarray(image, dtype=np.float32) / 255.0

    def fill(self, outline: Sequence[Point], colour: Colour, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Lay `colour` over a shape."""
        self._lay(outline, colour, opacity, blur, width=0)

    def line(
        self, path: Sequence[Point], colour: Colour, width: float, opacity: float = 1.0, blur: float = 0.0
    ) -> None:
        """Draw an open path of that width."""
        self._lay(path, colour, opacity, blur, width=max(1, round(width)))

    def shade(
        self, outline: Sequence[Point], factor: Colour, opacity: float = 1.0, blur: float = 0.0
    ) -> None:
        """Multiply the pixels under a shape: below 1 darkens, above 1 lightens."""
        box = self._box(outline, blur)
        if box is None:
            return
        cover = self._cover(outline, box, opacity, blur, 0)[..., None]
        x0, y0, x1, y1 = box
        part = self.pixels[y0:y1, x0:x1]
        part *= 1.0 + cover * (np.asarray(factor, dtype=np.float32) - 1.0)

    def image(self) -> Image.Image:
        return Image.fromarray(np.clip(self.pixels + 0.5, 0, 255).astype(np.uint8), "RGB")

    def _lay(
        self, outline: Sequence[Point], colour: Colour, opacity: float, blur: float, *, width: int
    ) -> None:
        box = self._box(outline, blur + width)
        if box is None:
            return
        cover = self._cover(outline, box, opacity, blur, width)[..., None]
        x0, y0, x1, y1 = box
        part = self.pixels[y0:y1, x0:x1]
        part += cover * (np.asarray(colour, dtype=np.float32) - part)

    def _box(self, outline: Sequence[Point], margin: float) -> tuple[int, int, int, int] | None:
        xs, ys = [p[0] for p in outline], [p[1] for p in outline]
        pad = 3 * margin + 2
        x0, y0 = max(0, int(min(xs) - pad)), max(0, int(min(ys) - pad))
        x1, y1 = min(self.width, int(max(xs) + pad) + 1), min(self.height, int(max(ys) + pad) + 1)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def _cover(
        self,
        outline: Sequence[Point],
        box: tuple[int, int, int, int],
        opacity: float,
        blur: float,
        width: int,
    ) -> Array:
        x0, y0, x1, y1 = box
        image = Image.new("L", (x1 - x0, y1 - y0))
        moved = [(x - x0, y - y0) for x, y in outline]
        draw = ImageDraw.Draw(image)
        if width:
            draw.line(moved, fill=255, width=width, joint="curve")
        else:
            draw.polygon(moved, fill=255)
        if blur:
            image = image.filter(ImageFilter.GaussianBlur(blur))
        cover = np.asarray(image, dtype=np.float32) * np.float32(opacity / 255.0)
        return cover if self._clip is None else cover * self._clip[y0:y1, x0:x1]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with that share of `b`."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)
