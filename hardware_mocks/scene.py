"""What the desk's camera sees: a desk mat, and on it, or not, a passport page or a printed card.

The page lies a little turned and tilted, differently for each seed, under uneven light; each frame
has its own sensor noise and a tremble of a fraction of a pixel. 1280 x 960, about 8.5 px per mm.
"""

import io
import math
import random
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from hardware_mocks.drawing import Array, Point, font

FRAME_SIZE = (1280, 960)
PAGE_WIDTH_PX = 1080  # of the 125 mm page in the frame, before tilt
PAGE_MM, CARD_MM = 125.0, 85.6  # Doc 9303-4, 9303-5: widths
CARD_RATIO = 1.5  # cards are wider for their height than pages
CORNER_MM = 3.18  # Doc 9303-3: radius of the corners
_QUALITY = 88
_NOISE = 2.4  # standard deviation of the sensor noise, grey levels


@dataclass(frozen=True)
class Placement:
    """How a page lies: its middle in the frame, turn in degrees, width in pixels, tilt as relative
    shortening of the far and the right edge."""

    x: float
    y: float
    turn: float
    width: float
    tilt_x: float
    tilt_y: float

    def moved(self, dx: float, dy: float, turn: float = 0.0) -> "Placement":
        return Placement(self.x + dx, self.y + dy, self.turn + turn, self.width, self.tilt_x, self.tilt_y)


def placement(seed: str) -> Placement:
    """Where a careful traveller lays the page: near the middle, within a few degrees."""
    draw = random.Random(f"placement/{seed}")
    return Placement(
        x=FRAME_SIZE[0] / 2 + draw.uniform(-24, 24),
        y=FRAME_SIZE[1] / 2 + draw.uniform(-20, 20),
        turn=draw.uniform(-2.6, 2.6),
        width=PAGE_WIDTH_PX + draw.uniform(-40, 30),
        tilt_x=draw.uniform(-0.018, 0.018),
        tilt_y=draw.uniform(-0.018, 0.018),
    )


def lay(page: Image.Image, seed: str) -> Placement:
    """Where that page lies: a card (85.6 x 54 mm) takes its smaller share of the same picture."""
    place = placement(seed)
    if page.width < CARD_RATIO * page.height:
        return place
    return replace(place, width=place.width * CARD_MM / PAGE_MM)


def corners(place: Placement, page: tuple[int, int]) -> list[Point]:
    """The page's corners in the frame, clockwise from its top left."""
    half_w, half_h = place.width / 2, place.width / 2 * page[1] / page[0]
    c, s = math.cos(math.radians(place.turn)), math.sin(math.radians(place.turn))
    points = []
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x = sx * half_w * (1 + place.tilt_y * sy)
        y = sy * half_h * (1 + place.tilt_x * sx)
        points.append((place.x + x * c - y * s, place.y + x * s + y * c))
    return points


def _perspective(target: list[Point], size: tuple[int, int]) -> list[float]:
    """Coefficients that take frame pixels to page pixels, as Pillow's PERSPECTIVE wants them."""
    source = [(0, 0), (size[0], 0), (size[0], size[1]), (0, size[1])]
    rows, right = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        right += [u, v]
    return [float(k) for k in np.linalg.solve(np.array(rows, dtype=float), np.array(right, dtype=float))]


@lru_cache(maxsize=1)
def _mat() -> Image.Image:
    """The desk: a dark cutting-mat surface with a printed frame that says where to lay the page."""
    width, height = FRAME_SIZE
    rng = np.random.default_rng(7)
    fine = rng.normal(0, 3.0, (height, width, 1))
    coarse = Image.fromarray(rng.integers(0, 255, (30, 40), dtype=np.uint8)).resize(
        FRAME_SIZE, Image.Resampling.BICUBIC
    )
    base = np.array([52.0, 58.0, 64.0]) + fine + (np.asarray(coarse, dtype=float)[..., None] - 127) * 0.03
    mat = Image.fromarray(base.clip(0, 255).astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(mat)
    box = (64, 70, width - 64, height - 70)
    for x, sx in ((box[0], 1), (box[2], -1)):
        for y, sy in ((box[1], 1), (box[3], -1)):
            draw.line([(x, y + 70 * sy), (x, y), (x + 70 * sx, y)], fill=(150, 160, 168), width=4)
    draw.text(
        (width / 2, height - 36), "SHEKARA · LAB", font=font("bold", 24), fill=(112, 122, 130), anchor="mm"
    )
    return mat


@lru_cache(maxsize=1)
def _light() -> Array:
    """Lamp at the upper left: brightest there, darker in the corners."""
    y, x = np.mgrid[-1 : 1 : FRAME_SIZE[1] * 1j, -1 : 1 : FRAME_SIZE[0] * 1j]
    fall = 1.02 - 0.055 * (x + 0.3) ** 2 - 0.06 * (y + 0.25) ** 2 - 0.03 * x
    tint = np.array([1.0, 0.992, 0.972])
    return np.asarray(fall[..., None] * tint, dtype=np.float32)


@lru_cache(maxsize=4)
def _corner_mask(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    width = CARD_MM if size[0] >= CARD_RATIO * size[1] else PAGE_MM
    radius = CORNER_MM / width * size[0]
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=radius, fill=255)
    return mask


def compose(page: Image.Image | None, place: Placement, motion: float = 0.0) -> Image.Image:
    """The scene before lens and sensor; `motion` smears the page by that many pixels up and down."""
    scene = _mat().copy()
    if page is None:
        return scene
    coefficients = _perspective(corners(place, page.size), page.size)
    warped = page.transform(FRAME_SIZE, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    mask = _corner_mask(page.size).transform(
        FRAME_SIZE, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
    )
    if motion:
        warped, mask = (layer.filter(ImageFilter.BoxBlur((0, motion))) for layer in (warped, mask))
    shadow = Image.new("L", FRAME_SIZE, 0)
    shadow.paste(mask.point([round(v * 0.55) for v in range(256)]), (9, 11))
    scene.paste((10, 12, 16), (0, 0), shadow.filter(ImageFilter.BoxBlur(7)))
    scene.paste(warped, (0, 0), mask)
    return scene


def expose(scene: Image.Image, noise_seed: int, *, blur: float = 0.55, glare: bool = False) -> bytes:
    """Lens, light and sensor: the JPEG of one frame."""
    pixels = np.asarray(scene.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32) * _light()
    if glare:
        y, x = np.mgrid[0 : FRAME_SIZE[1], 0 : FRAME_SIZE[0]].astype(np.float32)
        spot = np.exp(-(((x - 700) / 260) ** 2) - ((y - 720) / 90) ** 2)
        pixels = pixels + (spot * 230)[..., None]
    rng = np.random.default_rng(noise_seed)
    grain = rng.standard_normal((FRAME_SIZE[1], FRAME_SIZE[0], 1), dtype=np.float32) * np.float32(_NOISE)
    out = io.BytesIO()
    frame = Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8), "RGB")
    frame.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def still(
    page: Image.Image | None, seed: str, index: int, *, blur: float = 0.55, glare: bool = False
) -> bytes:
    """Frame number `index` of a page that lies still: the same seed and index, the same bytes."""
    draw = random.Random(f"frame/{seed}/{index}")
    place = placement(seed) if page is None else lay(page, seed)
    place = place.moved(draw.uniform(-0.4, 0.4), draw.uniform(-0.4, 0.4), draw.uniform(-0.02, 0.02))
    return expose(compose(page, place), draw.getrandbits(32), blur=blur, glare=glare)


def arriving(page: Image.Image, seed: str, index: int, count: int) -> bytes:
    """Frame `index` of `count` in which a hand pushes the page into place from below."""
    left = 1.0 - (index + 1) / (count + 1)
    place = lay(page, seed).moved(60 * left, 620 * left**1.5, 7 * left)
    return expose(compose(page, place, motion=3 + 12 * left), index)
