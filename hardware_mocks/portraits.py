"""Invented faces: procedural drawings in passport pose, one for each seed.

Front view, neutral, shoulders, even grey background; crown to chin is about 70 % of the height as
Doc 9303-9 (portrait guidelines) wants it. Nobody real was drawn: every proportion is a random
number. Same look, same pixels, same JPEG bytes.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from hardware_mocks import bust
from hardware_mocks import hair as barber
from hardware_mocks.drawing import Canvas, Colour, Point, ellipse, mix, smooth
from kiosk.domain.documents import Sex

WIDTH, HEIGHT = 420, 540  # 35 x 45 mm at 305 dpi
_SCALE = 2  # drawn larger, then reduced
_JPEG_QUALITY = 84

SKIN: tuple[Colour, ...] = (
    (243, 211, 186),
    (233, 194, 163),
    (222, 180, 145),
    (206, 160, 124),
    (188, 139, 104),
    (164, 117, 86),
)
HAIR: tuple[Colour, ...] = ((28, 24, 24), (44, 33, 28), (66, 47, 36), (104, 76, 52), (150, 118, 80))
IRIS: tuple[Colour, ...] = ((62, 40, 26), (84, 56, 34), (102, 82, 46), (92, 110, 104), (74, 98, 122))
CLOTH: tuple[Colour, ...] = (
    (44, 52, 68),
    (62, 66, 72),
    (88, 44, 48),
    (52, 76, 68),
    (108, 96, 82),
    (38, 42, 46),
    (118, 126, 138),
)


@dataclass(frozen=True)
class Look:
    """What is asked of a face; None and "" leave it to the seed.

    `skin` and `hair_colour` index the palettes; `eyes` is "round", "almond" or "narrow"; `hair`
    is a style of `hardware_mocks.hair`.
    """

    seed: str
    sex: Sex = Sex.UNSPECIFIED
    age: int = 35
    scarf: bool = False
    skin: int | None = None
    hair_colour: int | None = None
    eyes: str = ""
    hair: str = ""
    beard: str | None = None  # "", "stubble", "moustache", "beard"


@dataclass
class Face:
    """A look with every number fixed. Lengths in drawing pixels (twice the picture's)."""

    look: Look
    draw: random.Random
    canvas: Canvas
    male: bool
    skin: Colour
    hair: Colour
    cloth: Colour
    age: float  # 0 young .. 1 old
    cx: float = WIDTH * _SCALE / 2
    top: float = 118.0
    chin: float = 874.0
    half: float = 250.0
    jaw: float = 0.84
    eye_y: float = 498.0
    eye_x: float = 110.0
    iris: Colour = IRIS[0]
    outline: list[Point] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """A point from face coordinates: x from the middle in half widths, y in pixels."""
        return (self.cx + x * self.half, y)

    def mirrored(self, right: Sequence[Point]) -> list[Point]:
        """A closed outline from its right half, top to bottom, in face coordinates."""
        return [self.at(x, y) for x, y in right] + [self.at(-x, y) for x, y in reversed(right) if x]


def _face(look: Look) -> Face:
    draw = random.Random(f"portrait/{look.seed}")
    male = look.sex is Sex.MALE or (look.sex is Sex.UNSPECIFIED and draw.random() < 0.5)
    age = min(1.0, max(0.0, (look.age - 20) / 50))
    skin = SKIN[draw.randrange(len(SKIN) - 1) if look.skin is None else look.skin]
    hair = HAIR[draw.choice((0, 0, 1, 1, 2, 3)) if look.hair_colour is None else look.hair_colour]
    hair = mix(hair, (176, 174, 170), max(0.0, age - 0.45) * 1.5)
    backdrop = draw.uniform(204, 216)
    canvas = Canvas(WIDTH * _SCALE, HEIGHT * _SCALE, (backdrop, backdrop + 2, backdrop + 5))
    face = Face(look, draw, canvas, male, skin, hair, draw.choice(CLOTH), age)
    face.half = draw.uniform(246, 262) if male else draw.uniform(236, 250)
    face.jaw = draw.uniform(0.82, 0.90) if male else draw.uniform(0.74, 0.82)
    face.eye_x = face.half * draw.uniform(0.425, 0.45)
    face.eye_y = draw.uniform(490, 504)
    face.iris = IRIS[draw.randrange(2 if hair[0] < 60 else len(IRIS))]
    face.chin = draw.uniform(868, 884) if male else draw.uniform(856, 870)
    return face


def _outline(face: Face) -> list[Point]:
    jaw, chin = face.jaw, face.chin
    tip = face.draw.uniform(0.26, 0.34) if face.male else face.draw.uniform(0.20, 0.26)
    right = [
        (0.0, face.top + 10),
        (0.46, face.top + 38),
        (0.83, 272),
        (0.985, 420),
        (0.99, 540),
        (0.95, 640),
        (jaw, 744),
        (0.56, chin - 52),
        (tip, chin - 10),
        (0.0, chin),
    ]
    return smooth(face.mirrored(right))


def _background(face: Face) -> None:
    y = np.linspace(1.03, 0.93, face.canvas.height, dtype=np.float32)[:, None, None]
    face.canvas.pixels *= y
    face.canvas.shade(ellipse(face.cx + 40, 620, 420, 560), (0.94, 0.94, 0.945), 0.8, 90)


def _skin(face: Face) -> None:
    """The face's plane with its light: from the front, a little from the left."""
    c, skin = face.canvas, face.skin
    face.outline = _outline(face)
    c.fill(face.outline, skin)
    c.clip(face.outline, 2)
    dark: Colour = (0.74, 0.66, 0.61)
    edge = [
        (0.80, 250),
        (1.1, 300),
        (1.1, 700),
        (0.7, 900),
        (0.30, 905),
        (0.60, 800),
        (0.84, 640),
        (0.90, 470),
    ]
    c.shade([face.at(x, y) for x, y in edge], dark, 0.75, 30)
    c.shade([face.at(-x, y) for x, y in edge], dark, 0.50, 30)
    c.shade(ellipse(face.cx, face.chin + 6, face.half * 0.6, 34), dark, 0.7, 20)
    c.shade(ellipse(face.cx - 20, 330, face.half * 0.55, 92), (1.075, 1.065, 1.05), 0.9, 44)
    for side in (-1, 1):
        c.shade(ellipse(*face.at(side * 0.54, 606), 74, 52), (1.07, 1.06, 1.05), 0.9, 26)
        blush = 0.20 if face.male else 0.42
        c.fill(ellipse(*face.at(side * 0.56, 650), 70, 46), (206, 104, 92), blush * 0.5, 30)
        c.shade(ellipse(*face.at(side * 0.44, face.eye_y - 4), 86, 48), (0.78, 0.70, 0.67), 0.75, 22)
        c.shade(ellipse(*face.at(side * 0.16, face.eye_y + 4), 20, 50), (0.80, 0.72, 0.68), 0.6, 13)
    c.shade(ellipse(face.cx, 822, 62, 34), (1.06, 1.05, 1.04), 0.9, 18)
    c.clip(None)


def _eye(face: Face, side: int) -> None:
    c, eyes = face.canvas, face.look.eyes or "almond"
    x0, y0 = face.cx + side * face.eye_x, face.eye_y
    wide = face.half * 0.212
    high = {"round": 23.0, "almond": 20.5, "narrow": 16.5}[eyes]
    lift = {"round": 0.0, "almond": 3.0, "narrow": 6.0}[eyes]
    upper = [(-wide, 5), (-wide * 0.55, -high * 0.72), (0, -high), (wide * 0.55, -high * 0.82), (wide, -lift)]
    lower = [(wide * 0.55, high * 0.60), (0, high * 0.78), (-wide * 0.55, high * 0.62)]

    def place(pts: Sequence[Point]) -> list[Point]:
        return [(x0 + side * x, y0 + y) for x, y in pts]

    shape = smooth(place(upper + lower), samples=8)
    c.shade(
        smooth(place([(x, y - 12) for x, y in upper] + [(x, y + 10) for x, y in lower])),
        (0.84, 0.77, 0.74),
        0.8,
        8,
    )
    c.fill(shape, (236, 232, 228))
    c.clip(shape, 1.2)
    iris = face.iris
    c.fill(ellipse(x0, y0 - 2, 24, 24), mix(iris, (0, 0, 0), 0.45), 1, 1)
    c.fill(ellipse(x0, y0 - 2, 20, 20), iris, 1, 2)
    c.shade(ellipse(x0, y0 + 8, 13, 8), (1.5, 1.45, 1.4), 0.6, 4)
    c.fill(ellipse(x0, y0 - 2, 10, 10), (10, 9, 10), 1, 1)
    c.shade(
        place([(-wide, -40), (wide, -40), (wide, -high * 0.35), (-wide, -high * 0.35)]),
        (0.55, 0.52, 0.52),
        0.8,
        6,
    )
    c.fill(ellipse(x0 - 7, y0 - 9, 4.5, 4.5), (255, 255, 255), 0.95, 1)
    c.clip(None)
    lash = smooth(place(upper), closed=False)
    c.line(lash, (34, 24, 22), 6 if face.male else 8, 0.92, 1.2)
    if not face.male:
        c.line([*place([(wide * 0.7, -high * 0.55), (wide * 1.14, -lift - 8)])], (34, 24, 22), 6, 0.8, 1.5)
    c.line(smooth(place(lower), closed=False), mix(face.skin, (96, 44, 36), 0.62), 3, 0.7, 1.2)
    crease = [(x * 1.04, y - (9 if eyes == "narrow" else 15)) for x, y in upper[1:]]
    c.line(smooth(place(crease), closed=False), mix(face.skin, (90, 48, 38), 0.6), 4, 0.75, 1.8)
    c.fill(ellipse(x0 - side * (wide - 4), y0 + 5, 6, 5), (204, 138, 124), 0.8, 2)
    if face.age > 0.3:
        bag = [(x * 1.0, y + 16) for x, y in lower]
        c.line(smooth(place(bag), closed=False), mix(face.skin, (96, 52, 44), 0.5), 5, 0.6 * face.age, 4)


def _brow(face: Face, side: int) -> None:
    c, d = face.canvas, random.Random(f"brow/{face.look.seed}")
    thick = d.uniform(17, 23) if face.male else d.uniform(10, 14)
    arch = d.uniform(8, 16) if face.male else d.uniform(14, 24)
    y = face.eye_y - (58 if face.male else 66)
    x = face.eye_x
    spine = [(x - 66, y + 8), (x - 20, y - arch * 0.6), (x + 28, y - arch), (x + 78, y + 10)]
    half = [thick * 0.5, thick * 0.56, thick * 0.46, 2.0]
    over = [(px, py - h) for (px, py), h in zip(spine, half, strict=True)]
    under = [(px, py + h) for (px, py), h in zip(spine, half, strict=True)]
    tone = mix(face.hair, (20, 14, 12), 0.25)
    shape = smooth([(face.cx + side * px, py) for px, py in over + under[::-1]])
    c.fill(shape, tone, 0.62, 3.5)
    for _ in range(46):
        t = d.random() * 2.9
        i, f = int(t), t - int(t)
        px = spine[i][0] + (spine[i + 1][0] - spine[i][0]) * f
        py = spine[i][1] + (spine[i + 1][1] - spine[i][1]) * f + d.uniform(-0.5, 0.5) * thick * (1 - 0.25 * t)
        stroke = [
            (face.cx + side * px, py + 3),
            (face.cx + side * (px + d.uniform(9, 16)), py - d.uniform(0, 7)),
        ]
        c.line(stroke, tone, 2, 0.6, 0.8)


def _nose(face: Face) -> None:
    c, d = face.canvas, face.draw
    wide = d.uniform(50, 60) if face.male else d.uniform(43, 50)
    y = d.uniform(648, 664)
    dark = mix(face.skin, (96, 46, 34), 0.75)
    c.shade(
        [(face.cx + 14, 470), (face.cx + 32, y - 40), (face.cx + 52, y + 2), (face.cx + 20, y - 20)],
        (0.82, 0.75, 0.71),
        0.75,
        11,
    )
    c.shade(
        [(face.cx - 18, 480), (face.cx - 34, y - 40), (face.cx - 50, y), (face.cx - 22, y - 20)],
        (0.88, 0.82, 0.79),
        0.6,
        11,
    )
    c.shade(ellipse(face.cx - 4, 560, 10, 96), (1.12, 1.10, 1.08), 0.9, 8)
    c.shade(ellipse(face.cx - 3, y - 22, 22, 18), (1.13, 1.11, 1.09), 0.9, 9)
    c.shade(ellipse(face.cx, y + 18, wide * 0.9, 12), (0.74, 0.64, 0.60), 0.85, 9)
    for side in (-1, 1):
        wing = [(wide - 6, y - 34), (wide + 6, y - 10), (wide - 2, y + 10), (wide - 18, y + 12)]
        c.line(smooth([(face.cx + side * px, py) for px, py in wing], closed=False), dark, 5, 0.6, 3)
        c.fill(
            ellipse(face.cx + side * wide * 0.46, y + 8, 13, 6.5, turn=-side * 14),
            mix(dark, (30, 12, 10), 0.6),
            0.85,
            2.5,
        )


def _mouth(face: Face) -> None:
    c, d = face.canvas, face.draw
    wide = d.uniform(88, 98) if face.male else d.uniform(80, 90)
    full = d.uniform(13, 18) if face.male else d.uniform(17, 23)
    y = d.uniform(738, 750)
    red = mix(face.skin, (170, 70, 70) if face.male else (190, 62, 74), 0.50 if face.male else 0.66)

    def p(pts: Sequence[Point]) -> list[Point]:
        return [(face.cx + a, y + b) for a, b in pts]

    upper = [
        (-wide, 2),
        (-34, -full * 0.85),
        (-11, -full),
        (0, -full * 0.78),
        (11, -full),
        (34, -full * 0.85),
        (wide, 2),
    ]
    seam = [(wide, 2), (36, 3), (10, 1), (0, 4), (-10, 1), (-36, 3), (-wide, 2)]
    lower = [(-wide, 2), (-48, full * 0.95), (0, full * 1.4), (48, full * 0.95), (wide, 2)]
    c.shade(ellipse(face.cx, y - 42, 13, 26), (0.88, 0.82, 0.79), 0.6, 7)
    c.fill(smooth(p(lower), closed=False) + smooth(p(seam), closed=False), red, 0.9, 2.5)
    c.fill(
        smooth(p(upper), closed=False) + smooth(p(seam), closed=False), mix(red, (90, 24, 30), 0.22), 0.9, 2.5
    )
    c.shade(ellipse(face.cx - 6, y + full * 0.72, 34, 6), (1.16, 1.16, 1.16), 0.8, 5)
    c.line(smooth(p(seam), closed=False), mix(red, (40, 10, 14), 0.72), 5, 0.9, 1.6)
    c.shade(ellipse(face.cx, y + full * 1.4 + 20, 54, 13), (0.80, 0.72, 0.68), 0.8, 9)
    for side in (-1, 1):
        c.shade(ellipse(face.cx + side * (wide + 4), y + 3, 11, 9), (0.76, 0.68, 0.64), 0.7, 5)


def _years(face: Face) -> None:
    """Folds and lines of age."""
    c, tone = face.canvas, mix(face.skin, (88, 46, 36), 0.6)
    fold = 0.16 + 0.62 * face.age
    for side in (-1, 1):
        path = [(0.235, 668), (0.33, 706), (0.385, 752), (0.37, 786)]
        c.line(smooth([face.at(side * x, y) for x, y in path], closed=False), tone, 6, fold * 0.55, 5)
        if face.age > 0.5:
            for k in range(3):
                foot = [(0.70, 490 + 10 * k), (0.78, 482 + 20 * k)]
                c.line([face.at(side * x, y) for x, y in foot], tone, 3, 0.35 * face.age, 2)
    for k in range(3 if face.age > 0.45 else 0):
        y = 318 + 34 * k
        wave = [(-0.5, y + 5), (-0.2, y - 3), (0.1, y + 2), (0.48, y - 2)]
        c.line(smooth([face.at(x, py) for x, py in wave], closed=False), tone, 4, 0.20 * face.age, 4)


def _grain(face: Face) -> Image.Image:
    """Reduce, then give the picture the slight softness and grain of a photograph."""
    small = face.canvas.image().resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small = small.filter(ImageFilter.GaussianBlur(0.55))
    rng = np.random.default_rng(face.draw.getrandbits(64))
    noise = rng.normal(0.0, 1.6, (HEIGHT, WIDTH, 1)) + rng.normal(0.0, 0.6, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(np.asarray(small) + noise, 0, 255).astype(np.uint8), "RGB")


@lru_cache(maxsize=64)
def portrait(look: Look) -> Image.Image:
    """The picture, 420 x 540 RGB. Do not change the returned image: it is shared."""
    face = _face(look)
    style = barber.choose(face)
    _background(face)
    barber.behind(face, style)
    bust.shoulders(face)
    bust.ears(face)
    _skin(face)
    barber.beard(face)
    for side in (-1, 1):
        _eye(face, side)
        _brow(face, side)
    _nose(face)
    _mouth(face)
    _years(face)
    barber.front(face, style)
    return _grain(face)


@lru_cache(maxsize=64)
def portrait_jpeg(look: Look) -> bytes:
    """The picture as the JPEG that goes into DG2 (about 20 kB)."""
    out = io.BytesIO()
    portrait(look).save(out, "JPEG", quality=_JPEG_QUALITY, dpi=(305, 305))
    return out.getvalue()
