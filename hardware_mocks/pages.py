"""Draws the data page of a specimen passport (TD3, 125 x 88 mm, Doc 9303-4) at 300 dpi.

Zones as in Doc 9303-4: header, portrait at the left, personal and document data, and the machine
readable zone of two lines of OCR-B at 10 characters per 25.4 mm. State designs are invented
(`states.toml`) and every page says SPECIMEN.
"""

import math
import random
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from hardware_mocks.drawing import Colour, Point, font, has_font, mix, smooth

DPI = 300
PAGE_MM = (125.0, 88.0)
MRZ_PITCH_MM = 2.54
MRZ_LEFT_MM = 6.6
MRZ_CENTRES_MM = (72.6, 79.0)  # of the two lines, from the top edge
PORTRAIT_MM = (6.0, 17.0, 35.0, 45.0)  # left, top, width, height
_OVER = 2  # drawn larger, then reduced
_PX = DPI / 25.4 * _OVER
_TEXT: Colour = (28, 28, 34)


@dataclass(frozen=True)
class PageText:
    """All that a page says. Dates are already in the page's wording."""

    state: str
    document_code: str
    number: str
    surname: str
    given_names: str
    national_name: str
    personal_number: str
    birth: str
    sex: str
    birth_place: str
    issued: str
    expiry: str
    authority: str
    mrz_lines: tuple[str, ...]


@lru_cache(maxsize=1)
def _states() -> dict[str, Any]:
    return tomllib.loads(resources.files("hardware_mocks").joinpath("states.toml").read_text("utf-8"))


def state_design(state: str) -> dict[str, Any]:
    """Names, colours and ornament of a state's specimen; unlisted states get Utopia's."""
    states = _states()
    return dict(states.get(state, states["UTO"]))


def page_size() -> tuple[int, int]:
    """Width and height in pixels of a rendered page."""
    return round(PAGE_MM[0] / 25.4 * DPI), round(PAGE_MM[1] / 25.4 * DPI)


def render_page(text: PageText, portrait: Image.Image) -> Image.Image:
    """The page as RGB pixels at 300 dpi, square corners."""
    design = state_design(text.state)
    page = _background(text.state).copy()
    _portrait(page, portrait)
    _ghost(page, portrait, design)
    draw = ImageDraw.Draw(page)
    _header(draw, design)
    _fields(draw, text, design)
    _signature(draw, text)
    page = _overprint(page)
    _mrz(ImageDraw.Draw(page), text.mrz_lines)
    return page.resize(page_size(), Image.Resampling.LANCZOS)


def _px(mm: float) -> float:
    return mm * _PX


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return round(colour[0]), round(colour[1]), round(colour[2])


@lru_cache(maxsize=8)
def _background(state: str) -> Image.Image:
    """Paper, tints and fine lines: the same for every page of a state."""
    design = state_design(state)
    width, height = page_size()[0] * _OVER, page_size()[1] * _OVER
    left, right = (np.asarray(c, dtype=np.float32) for c in design["paper"])
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    share = np.clip(0.5 + 0.5 * np.sin((x * 1.3 + y * 0.7 - 0.5) * 3.1), 0, 1)
    page = Image.fromarray((left + (right - left) * share + 6).clip(0, 255).astype(np.uint8), "RGB")
    lines = Image.new("RGBA", page.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(lines)
    _waves(draw, design, width, _px(65))
    _rosette(draw, (_px(86), _px(38)), _px(25), design["folds"], tuple(design["ink"]), 62)
    _rosette(draw, (_px(14), _px(60)), _px(15), design["folds"] + 3, tuple(design["accent"]), 56)
    page.paste(lines, (0, 0), lines)
    _mrz_field(page, design)
    return page


def _waves(draw: ImageDraw.ImageDraw, design: dict[str, Any], width: int, height: float) -> None:
    """Families of interlaced waves whose spacing breathes: the guilloche ground."""
    folds, x = design["folds"], np.arange(0, width + 16, 16, dtype=np.float64)
    for family, colour in enumerate((design["ink"], design["accent"])):
        for k in range(110):
            phase = k * 0.21 + family * 1.7
            swell = np.sin(x / width * math.pi * (folds / 2) + phase)
            y = (
                (k - 3) * height / 104
                + _px(1.1) * swell
                + _px(2.2) * np.sin(x / width * 5.1 + family * 2.2 + k * 0.03)
            )
            points = [(px, py) for px, py in zip(x.tolist(), y.tolist(), strict=True) if py < height]
            if len(points) > 1:
                draw.line(points, fill=(*colour, 40), width=2)


def _rosette(
    draw: ImageDraw.ImageDraw, centre: Point, radius: float, folds: int, colour: tuple[int, ...], alpha: int
) -> None:
    t = np.linspace(0, 2 * math.pi, 1200)
    for ring in range(26):
        share = 0.22 + 0.78 * ring / 25
        depth = 0.20 * math.sin(0.6 + ring * 0.21)
        r = radius * share * (1 + depth * np.cos(folds * t + ring * 0.24))
        xs, ys = centre[0] + r * np.cos(t), centre[1] + r * np.sin(t)
        draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=(*colour, alpha), width=2)


def _mrz_field(page: Image.Image, design: dict[str, Any]) -> None:
    """The lower zone: nearly plain paper under a hair line of micro text."""
    top = round(_px(65.2))
    zone = page.crop((0, top, page.width, page.height))
    paper = Image.new("RGB", zone.size, _rgb(mix(tuple(design["paper"][0]), (252, 252, 250), 0.72)))
    page.paste(Image.blend(zone, paper, 0.86), (0, top))
    draw = ImageDraw.Draw(page)
    micro = font("regular", _px(0.95))
    draw.text(
        (_px(2), top - _px(0.9)),
        "SPECIMENNOTATRAVELDOCUMENT" * 12,
        font=micro,
        fill=_rgb(tuple(design["ink"])),
    )


def _portrait(page: Image.Image, portrait: Image.Image) -> None:
    left, top, width, height = (_px(v) for v in PORTRAIT_MM)
    picture = portrait.resize((round(width), round(height)), Image.Resampling.BICUBIC)
    edge = Image.new("L", picture.size, 0)
    ImageDraw.Draw(edge).rounded_rectangle(
        (4, 4, picture.width - 5, picture.height - 5), radius=_px(1.2), fill=255
    )
    page.paste(picture, (round(left), round(top)), edge.filter(ImageFilter.GaussianBlur(3)))


def _ghost(page: Image.Image, portrait: Image.Image, design: dict[str, Any]) -> None:
    """The second, small portrait in the state's ink."""
    size = (round(_px(13.2)), round(_px(17.0)))
    grey = np.asarray(portrait.convert("L").resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    oval = np.clip((1.0 - (x / 0.96) ** 2 - (y / 0.98) ** 2) * 6, 0, 1)
    cover = (np.clip((225 - grey) / 190, 0, 1) * oval * 150).astype(np.uint8)
    ink = Image.new("RGB", size, _rgb(tuple(design["ink"])))
    page.paste(ink, (round(_px(106.4)), round(_px(46.6))), Image.fromarray(cover, "L"))


def _text(
    draw: ImageDraw.ImageDraw, at_mm: Point, text: str, size_mm: float, *, face: str = "regular",
    colour: Colour = _TEXT, anchor: str = "ls", fit_mm: float = 0.0,
) -> None:  # fmt: skip
    """One line; text with ideographs takes the CJK font, too long a text is set narrower."""
    if any(ord(c) > 0x2E7F for c in text):
        if not has_font("cjk"):
            return
        face = "cjk"
    size = _px(size_mm)
    while fit_mm and font(face, size).getlength(text) > _px(fit_mm) and size > _px(1.4):
        size *= 0.96
    draw.text((_px(at_mm[0]), _px(at_mm[1])), text, font=font(face, size), fill=_rgb(colour), anchor=anchor)


def _header(draw: ImageDraw.ImageDraw, design: dict[str, Any]) -> None:
    ink: Colour = tuple(design["ink"])
    national, english = design["names"]
    _emblem(draw, (_px(11.2), _px(8.6)), _px(4.9), design)
    _text(draw, (18.4, 7.9), national, 3.5, face="bold", colour=ink, fit_mm=58)
    _text(draw, (18.4, 12.0), english, 3.1, colour=ink, fit_mm=58)
    words = [w for w in dict.fromkeys(design["passport"]) if has_font("cjk") or ord(w[0]) < 0x2E80]
    _text(draw, (119, 7.9), " / ".join(words), 3.6, face="bold", colour=ink, anchor="rs", fit_mm=40)
    _text(draw, (119, 12.0), "SPECIMEN · NOT A TRAVEL DOCUMENT", 2.1, colour=(176, 36, 44), anchor="rs")
    draw.line(
        [(_px(6), _px(14.2)), (_px(119), _px(14.2))], fill=_rgb(mix(ink, (255, 255, 255), 0.35)), width=4
    )


def _emblem(draw: ImageDraw.ImageDraw, centre: Point, radius: float, design: dict[str, Any]) -> None:
    """An invented ornament: two nested star polygons in a ring."""
    folds, ink, accent = design["folds"], _rgb(tuple(design["ink"])), _rgb(tuple(design["accent"]))
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=ink, width=5)
    for share, deep, colour in ((0.86, 0.46, ink), (0.56, 0.28, accent)):
        star = []
        for k in range(2 * folds):
            r = radius * (share if k % 2 == 0 else deep)
            star.append((x + r * math.sin(k * math.pi / folds), y - r * math.cos(k * math.pi / folds)))
        draw.polygon(star, fill=colour)
    draw.ellipse(
        (x - radius * 0.16, y - radius * 0.16, x + radius * 0.16, y + radius * 0.16), fill=(250, 246, 236)
    )


def _fields(draw: ImageDraw.ImageDraw, text: PageText, design: dict[str, Any]) -> None:
    """Captions in small ink, values in black, on a fixed grid of rows."""
    rows: list[list[tuple[float, str, str, float]]] = [
        [(45, "Type", text.document_code.replace("<", ""), 12), (60, "Code of State", text.state, 20),
         (86, "Passport No.", text.number, 33)],
        [(45, "Surname", text.surname, 72)],
        [(45, "Given names", text.given_names, 72)],
        [(45, "Name in national characters", text.national_name, 58)],
        [(45, "Nationality", _nationality(design), 38.5), (86, "Personal No.", text.personal_number, 33)],
        [(45, "Date of birth", text.birth, 24), (71, "Sex", text.sex, 6),
         (79, "Place of birth", text.birth_place, 25)],
        [(45, "Date of issue", text.issued, 24), (71, "Authority", text.authority, 33)],
        [(45, "Date of expiry", text.expiry, 24), (71, "Holder’s signature", "", 33)],
    ]  # fmt: skip
    ink = mix(tuple(design["ink"]), _TEXT, 0.15)
    y = 17.4
    for row in rows:
        for x, caption, value, width in row:
            if caption != "Holder’s signature" and not (value and _printable(value)):
                continue
            _text(draw, (x, y), caption, 1.55, colour=ink)
            bold = "bold" if caption == "Passport No." else "regular"
            _text(draw, (x, y + 3.15), value, 2.95, face=bold, fit_mm=width)
        y += 5.95


def _printable(text: str) -> bool:
    return has_font("cjk") or all(ord(c) <= 0x2E7F for c in text)


def _nationality(design: dict[str, Any]) -> str:
    full: str = design["nationality"]
    return full if _printable(full) else full.split(" / ")[-1]


def _signature(draw: ImageDraw.ImageDraw, text: PageText) -> None:
    """A scribble of the holder's own."""
    rng = random.Random(f"signature/{text.number}/{text.surname}")
    x, y = 73.0, 62.8
    points: list[Point] = [(_px(x), _px(y + 0.6))]
    for k in range(rng.randint(13, 17)):
        x += rng.uniform(0.7, 2.3)
        swing = rng.uniform(0.9, 2.2) * (1.3 if k < 2 else 0.75)
        points.append((_px(x - rng.uniform(0, 1.2)), _px(y - (swing if k % 2 == 0 else -swing * 0.35))))
    draw.line(smooth(points, closed=False, samples=14), fill=(34, 44, 96), width=6, joint="curve")


def _overprint(page: Image.Image) -> Image.Image:
    """SPECIMEN across the data, pale enough to read through it."""
    layer = Image.new("L", (round(_px(76)), round(_px(24))), 0)
    ImageDraw.Draw(layer).text(
        (layer.width / 2, layer.height / 2), "SPECIMEN", font=font("bold", _px(14.2)), fill=58, anchor="mm"
    )
    layer = layer.rotate(16, resample=Image.Resampling.BICUBIC, expand=True)
    red = Image.new("RGB", layer.size, (196, 30, 46))
    page.paste(red, (round(_px(43)), round(_px(39) - layer.height / 2)), layer)
    return page


def _mrz(draw: ImageDraw.ImageDraw, lines: tuple[str, ...]) -> None:
    """Each character on its own place of the grid, so that the pitch is exact."""
    face = font("ocr-b", mrz_em())
    for line, centre in zip(lines, MRZ_CENTRES_MM, strict=False):
        for k, letter in enumerate(line):
            x = _px(MRZ_LEFT_MM + (k + 0.5) * MRZ_PITCH_MM)
            _glyph(draw, x, _px(centre), letter, face)


@lru_cache(maxsize=1)
def mrz_em() -> float:
    """Font size at which OCR-B's own advance is the pitch of 2.54 mm."""
    return 1000.0 * _px(MRZ_PITCH_MM) / font("ocr-b", 1000.0).getlength("0")


def _glyph(draw: ImageDraw.ImageDraw, x: float, middle: float, letter: str, face: Any) -> None:
    ascent = -face.getbbox("H", anchor="ls")[1]
    left = x - face.getlength(letter) / 2
    draw.text((left, middle + ascent / 2), letter, font=face, fill=(16, 16, 18), anchor="ls")
