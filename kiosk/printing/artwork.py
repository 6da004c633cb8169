"""The card's ground: sky, steppe, sun and guilloche, all drawn from formulas.

Nothing here carries data. Pictures are made once per resolution and kept.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kiosk.printing import layout
from kiosk.printing.pen import UM_PER_INCH, Colour

SKY: Colour = (226, 240, 248)
HAZE: Colour = (250, 251, 247)
SAND: Colour = (247, 240, 221)
BLUE: Colour = (0, 108, 148)  # steppe blue
DEEP: Colour = (6, 62, 98)
GOLD: Colour = (214, 164, 62)
FLAX: Colour = (92, 158, 190)

Floats = NDArray[np.float64]


def size_px(dpi: int) -> tuple[int, int]:
    """Card size in pixels: 1011 x 638 at 300 dpi."""
    width, height = (round(side * dpi / UM_PER_INCH) for side in layout.CARD)
    return width, height


@lru_cache(maxsize=2)
def front_ground(dpi: int) -> Image.Image:
    """Front: header band, sun behind the fields, waves, horizon."""
    picture = _paper(dpi)
    overlay, draw, unit = _overlay(picture, dpi)
    _waves(draw, unit, (11.0, 54.0), FLAX, 62, count=46)
    _waves(draw, unit, (11.0, 54.0), GOLD, 52, count=30, phase=1.9)
    _rosette(draw, unit, (59.0, 31.0), 19.5, 12, BLUE, 50)
    _rosette(draw, unit, (59.0, 31.0), 9.0, 16, GOLD, 60)
    _hills(draw, unit)
    picture.paste(overlay, (0, 0), overlay)
    _header(picture, dpi)
    return picture


@lru_cache(maxsize=2)
def back_ground(dpi: int) -> Image.Image:
    """Back: waves and a rosette above, nearly plain paper under the MRZ."""
    picture = _paper(dpi)
    overlay, draw, unit = _overlay(picture, dpi)
    _waves(draw, unit, (0.0, 31.0), FLAX, 60, count=34)
    _waves(draw, unit, (0.0, 31.0), GOLD, 52, count=22, phase=2.4)
    _rosette(draw, unit, (45.0, 16.0), 14.0, 12, BLUE, 36)
    picture.paste(overlay, (0, 0), overlay)
    top = round(layout.MRZ_ZONE_TOP * dpi / UM_PER_INCH)
    zone = picture.crop((0, top, *picture.size))
    picture.paste(Image.blend(zone, Image.new("RGB", zone.size, (252, 253, 252)), 0.82), (0, top))
    line = ImageDraw.Draw(picture)
    line.rectangle((0, top - unit * 0.22, picture.width, top), fill=BLUE)
    line.rectangle((0, 0, picture.width, unit * 1.1), fill=BLUE)
    line.rectangle((0, unit * 1.1, picture.width, unit * 1.35), fill=GOLD)
    return picture


def _paper(dpi: int) -> Image.Image:
    """Sky above, haze in the middle, sand below."""
    width, height = size_px(dpi)
    y = np.linspace(0, 1, height)[:, None, None]
    x = np.linspace(0, 1, width)[None, :, None]
    place = np.clip(y + 0.10 * np.sin(x * math.pi * 1.3), 0, 1)
    sky, haze, sand = (np.array(colour, float) for colour in (SKY, HAZE, SAND))
    upper = sky + (haze - sky) * np.clip(place / 0.6, 0, 1)
    pixels = upper + (sand - haze) * np.clip((place - 0.6) / 0.4, 0, 1)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")


def _overlay(picture: Image.Image, dpi: int) -> tuple[Image.Image, ImageDraw.ImageDraw, float]:
    overlay = Image.new("RGBA", picture.size, (255, 255, 255, 0))
    return overlay, ImageDraw.Draw(overlay), dpi * 1000 / UM_PER_INCH


def _stroke(draw: ImageDraw.ImageDraw, x: Floats, y: Floats, colour: Colour, alpha: int, unit: float) -> None:
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    draw.line(points, fill=(*colour, alpha), width=max(1, round(unit * 0.085)))


def _waves(
    draw: ImageDraw.ImageDraw,
    unit: float,
    span: tuple[float, float],
    colour: Colour,
    alpha: int,
    *,
    count: int,
    phase: float = 0.0,
) -> None:
    """Interlaced lines whose spacing breathes, between two heights in millimetres."""
    x = np.linspace(-1, 87, 360)
    for index in range(count):
        share = index / (count - 1)
        swell = np.sin(x / 13.0 + phase + share * 5.0) * np.sin(x / 31.0 + phase)
        y = span[0] + (span[1] - span[0]) * share + 2.6 * swell + 0.8 * np.sin(x / 5.3 + share * 9 + phase)
        inside = np.clip(y, span[0], span[1])
        _stroke(draw, x * unit, inside * unit, colour, alpha, unit)


def _rosette(
    draw: ImageDraw.ImageDraw,
    unit: float,
    centre: tuple[float, float],
    radius: float,
    folds: int,
    colour: Colour,
    alpha: int,
) -> None:
    """A sun of interlaced closed curves."""
    turn = np.linspace(0, 2 * math.pi, 1440)
    for ring in range(18):
        share = ring / 17
        reach = radius * (0.34 + 0.66 * share)
        depth = 0.10 + 0.10 * math.sin(share * math.pi)
        curve = reach * (1 + depth * np.cos(folds * turn + share * 4.4))
        x, y = centre[0] + curve * np.cos(turn), centre[1] + curve * np.sin(turn)
        _stroke(draw, x * unit, y * unit, colour, alpha, unit)


def _hills(draw: ImageDraw.ImageDraw, unit: float) -> None:
    """The steppe's horizon along the lower edge."""
    x = np.linspace(-1, 87, 240)
    for level, (height, colour, alpha) in enumerate(((48.7, GOLD, 90), (50.1, FLAX, 170), (51.7, BLUE, 235))):
        y = height + 0.9 * np.sin(x / 11.0 + level * 2.1) + 0.5 * np.sin(x / 4.7 + level)
        points = [(px * unit, py * unit) for px, py in zip(x.tolist(), y.tolist(), strict=True)]
        draw.polygon([*points, (88 * unit, 56 * unit), (-2 * unit, 56 * unit)], fill=(*colour, alpha))


def _header(picture: Image.Image, dpi: int) -> None:
    """Zone I: a band of steppe blue that deepens to the left, closed by a golden line."""
    unit = dpi * 1000 / UM_PER_INCH
    height = round(layout.HEADER_HEIGHT * dpi / UM_PER_INCH)
    x = np.linspace(0, 1, picture.width)[None, :, None]
    deep, blue = np.array(DEEP, float), np.array(BLUE, float)
    row = deep + (blue - deep) * np.clip(x * 1.2, 0, 1)
    band = np.broadcast_to(row, (height, picture.width, 3)).astype(np.uint8)
    picture.paste(Image.fromarray(np.ascontiguousarray(band), "RGB"), (0, 0))
    overlay, draw, _ = _overlay(picture, dpi)
    _waves(draw, unit, (0.0, 10.6), (255, 255, 255), 20, count=12, phase=0.7)
    picture.paste(overlay, (0, 0), overlay)
    ImageDraw.Draw(picture).rectangle((0, height - unit * 0.35, picture.width, height), fill=GOLD)


def emblem(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """A sun of rays round an eightfold rosette: our own mark, no state's arms. Pixels."""
    for ray in range(24):
        angle = ray * math.pi / 12
        left, right = (_polar(centre, radius * 0.7, angle + side * 0.085) for side in (-1, 1))
        draw.polygon([_polar(centre, radius, angle), left, right], fill=colour)
    width = max(1, round(radius * 0.055))
    _ring(draw, centre, radius * 0.63, colour, width)
    turn = np.linspace(0, 2 * math.pi, 241)
    for shift in (0.0, math.pi / 8):
        reach = radius * (0.36 + 0.17 * np.cos(8 * (turn + shift)))
        x, y = centre[0] + reach * np.cos(turn), centre[1] + reach * np.sin(turn)
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=colour, width=width, joint="curve")
    _disc(draw, centre, radius * 0.12, colour)


def chip_symbol(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: Colour) -> None:
    """The 'chip inside' symbol (Doc 9303-9 2.3): two bars with a disc between them. Pixels."""
    x0, y0, x1, y1 = box
    height, middle = y1 - y0, (y0 + y1) / 2
    bar, gap = height * 0.34, height * 0.08
    draw.rectangle((x0, y0, x1, y0 + bar), fill=colour)
    draw.rectangle((x0, y1 - bar, x1, y1), fill=colour)
    centre, radius = ((x0 + x1) / 2, middle), height * 0.27
    ground = (12, 100, 138)
    _disc(draw, centre, radius + gap, ground)
    _disc(draw, centre, radius, colour)
    _disc(draw, centre, radius * 0.55, ground)


def _polar(centre: tuple[float, float], radius: float, angle: float) -> tuple[float, float]:
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _disc(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _ring(
    draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Colour, width: int
) -> None:
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
