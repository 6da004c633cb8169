"""Things printed on paper: guilloche, seals, stamps, holograms, portraits, and lines of OCR-B."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from kiosk.capture.bench import fonts
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.layouts import Colour

Pixels = NDArray[np.uint8]  # height x width x 3, BGR
Mask = NDArray[np.float32]  # height x width, 0 to 1
_ADVANCE = 0.723  # of the em, OCR-B
_MIDDLE = 0.36  # of the em above the base line


def blend(picture: Pixels, colour: Colour, mask: Mask) -> None:
    """Lay a colour over the picture where the mask says so, in place."""
    top, bottom = _span(np.asarray(mask.max(axis=1) > 0))
    part, covered = picture[top:bottom], np.ascontiguousarray(mask[top:bottom])
    if bottom > top:
        over = np.full_like(part, colour)
        part[:] = cv2.blendLinear(over, np.ascontiguousarray(part), covered, 1 - covered)


def _span(where: NDArray[np.bool_]) -> tuple[int, int]:
    """First true place and one behind the last; (0, 0) where none is true."""
    places = np.flatnonzero(where)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)


def guilloche(dice: Dice, picture: Pixels, ink: Colour, density: float, scale: float) -> None:
    """Families of waving lines over the whole picture; `scale` is pixels per millimetre."""
    height, width = picture.shape[:2]
    layer = np.zeros((height, width), np.uint8)
    xs = np.linspace(0, width, 60)
    for _ in range(dice.whole(1, 2)):
        gap = scale * (0.7 + 3.0 * (1 - density)) * dice.between(0.8, 1.4)
        tilt, waves = dice.around(0.5), dice.between(1.0, 6.0)
        swing, phase = gap * dice.between(0.6, 5.0), dice.between(0, 6)
        curve = swing * np.sin(xs / width * waves * 2 * math.pi + phase) + tilt * (xs - width / 2)
        reach = swing + abs(tilt) * width / 2
        starts = np.arange(-reach, height + reach, gap)
        lines = [np.stack([xs, curve + start], axis=1).astype(np.int32) for start in starts]
        cv2.polylines(layer, lines, False, 255, max(1, round(scale * 0.08)), cv2.LINE_AA)
    blend(picture, ink, layer.astype(np.float32) * (dice.between(0.25, 0.6) / 255))


def rosette(dice: Dice, picture: Pixels, ink: Colour, centre: tuple[float, float], radius: float) -> None:
    """A security rosette: an epicycloid of many turns."""
    turns = np.linspace(0, 2 * math.pi, 900)
    petals, depth = dice.whole(6, 18), dice.between(0.2, 0.6)
    layer = np.zeros(picture.shape[:2], np.uint8)
    for ring in np.linspace(0.25, 1.0, 6):
        reach = radius * ring * (1 - depth / 2 + depth / 2 * np.cos(turns * petals))
        points = np.stack([centre[0] + reach * np.cos(turns), centre[1] + reach * np.sin(turns)], axis=1)
        cv2.polylines(layer, [points.astype(np.int32)], True, 255, 1, cv2.LINE_AA)
    blend(picture, ink, layer.astype(np.float32) * (dice.between(0.3, 0.7) / 255))


def write(
    picture: Pixels,
    text: str,
    at: tuple[float, float],
    face: str,
    size: float,
    colour: Colour,
    anchor: str = "ls",
) -> None:
    """Text with its base line at `at`; `size` is the em in pixels."""
    font = fonts.load(face, max(4, round(size)))
    x, y = math.floor(at[0]), math.floor(at[1])
    bounds = font.getbbox(text, anchor=anchor)
    left, top = max(0, x + math.floor(bounds[0]) - 2), max(0, y + math.floor(bounds[1]) - 2)
    right, bottom = x + math.ceil(bounds[2]) + 3, y + math.ceil(bounds[3]) + 3
    part = picture[top : max(top, bottom), left : max(left, right)]
    if part.size == 0:
        return
    canvas = Pillow.fromarray(part)
    ImageDraw.Draw(canvas).text((at[0] - left, at[1] - top), text, colour, font, anchor=anchor)
    part[:] = np.asarray(canvas)


def ocr_mask(
    shape: tuple[int, int], rows: list[tuple[str, float, float]], pitch: float, *, cut: str, size: float
) -> Mask:
    """Ink of OCR-B rows (text, left edge, middle) at a pitch in pixels that need not be whole."""
    over = 2
    canvas = Pillow.new("L", (shape[1] * over, shape[0] * over), 0)
    draw = ImageDraw.Draw(canvas)
    font = fonts.load(cut, max(6, round(pitch * over / _ADVANCE * size)))
    for text, left, middle in rows:
        base = middle * over + _MIDDLE * font.size
        for place, letter in enumerate(text):
            draw.text(((left + (place + 0.5) * pitch) * over, base), letter, 255, font, anchor="ms")
    small = cv2.resize(np.asarray(canvas), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def thicken(mask: Mask, pixels: float) -> Mask:
    """Strokes wider (or, below 0, thinner) by about that many pixels on every side."""
    if abs(pixels) < 0.1:
        return mask
    soft = cv2.GaussianBlur(mask, (0, 0), 0.6 + abs(pixels))
    edge = 0.5 - 0.22 * pixels / (0.3 + abs(pixels))
    return np.asarray(np.clip((np.asarray(soft, np.float32) - edge) * 2.2 + 0.5, 0, 1), np.float32)


def portrait(dice: Dice, picture: Pixels, box: tuple[int, int, int, int]) -> None:
    """A drawn, invented face in a box (x, y, width, height)."""
    x, y, width, height = box
    level = dice.whole(120, 215)
    skin = (int(level * 0.72), int(level * 0.85), level)
    hair = dice.pick(((20, 20, 24), (30, 50, 80), (70, 100, 130), (110, 110, 112)))
    centre = (x + width // 2, y + int(height * 0.45))
    face = (max(2, int(width * 0.23)), max(2, int(height * 0.27)))
    cv2.rectangle(picture, (x, y), (x + width, y + height), dice.pick(((225, 222, 218), (235, 225, 205))), -1)
    shoulders = (centre[0], y + height)
    cv2.ellipse(picture, shoulders, (int(width * 0.45), int(height * 0.24)), 0, 180, 360, (90, 70, 60), -1)
    cv2.ellipse(
        picture, (centre[0], centre[1] - face[1] // 4), (face[0] + 4, face[1] + 2), 0, 0, 360, hair, -1
    )
    cv2.ellipse(picture, centre, face, 0, 0, 360, skin, -1)
    for side in (-1, 1):
        eye = (centre[0] + side * face[0] * 2 // 5, centre[1] - face[1] // 6)
        cv2.circle(picture, eye, max(1, face[0] // 8), (40, 40, 40), -1, cv2.LINE_AA)
    mouth = (centre[0], centre[1] + face[1] // 2)
    cv2.ellipse(picture, mouth, (face[0] // 3, max(1, face[1] // 12)), 0, 0, 180, (70, 70, 140), 2)


def stamp(dice: Dice, picture: Pixels, centre: tuple[float, float], radius: float, strength: float) -> None:
    """A rubber stamp of an invented post: ring or box with words, turned, patchy."""
    side = max(24, int(radius * 2.2))
    canvas = Pillow.new("L", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    thick, middle = max(1, side // 40), side / 2
    if dice.chance(0.6):
        draw.ellipse((thick, thick, side - thick, side - thick), outline=255, width=thick)
        draw.ellipse((side * 0.2, side * 0.2, side * 0.8, side * 0.8), outline=200, width=max(1, thick // 2))
    else:
        draw.rectangle((thick, side * 0.25, side - thick, side * 0.75), outline=255, width=thick)
    words = (
        dice.pick(("ENTRY", "EXIT", "CONTROL")),
        f"{dice.whole(1, 28):02} {dice.whole(1, 12):02} 2{dice.whole(0, 9)}",
    )
    for line, word in enumerate(words):
        font = fonts.load("bold", max(6, side // 8))
        draw.text((middle, middle + (line - 0.5) * side * 0.16), word, 255, font, anchor="mm")
    turned = np.asarray(canvas.rotate(dice.around(60.0)), np.float32) / np.float32(255)
    patchy = cv2.GaussianBlur(dice.field((side, side), 1.0), (0, 0), side / 25) * (side / 25)
    ink = turned * np.clip(0.75 + 0.5 * patchy, 0.2, 1.0) * (0.3 + 0.5 * strength)
    x, y = int(centre[0] - middle), int(centre[1] - middle)
    left, top = max(0, x), max(0, y)
    right, bottom = min(picture.shape[1], x + side), min(picture.shape[0], y + side)
    if right <= left or bottom <= top:
        return
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    mask = np.asarray(ink, np.float32)[top - y : bottom - y, left - x : right - x]
    colour = np.array(dice.pick(((150, 60, 40), (60, 50, 170), (110, 60, 120), (70, 110, 50))), np.float32)
    # Stamp ink is see-through: black print stays black below it.
    tinted = part * (1 - mask[:, :, None] * (1 - colour / 255))
    picture[top:bottom, left:right] = tinted.astype(np.uint8)


def hologram(
    dice: Dice, picture: Pixels, centre: tuple[float, float], radius: float, strength: float
) -> None:
    """A shining patch: rainbow bands and fine lines that lighten what lies below."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy = xs - centre[0], ys - centre[1]
    far = np.sqrt(dx**2 + dy**2) / radius
    angle = dice.between(0, math.pi)
    along = (dx * math.cos(angle) + dy * math.sin(angle)) / radius
    rays = 0.5 + 0.5 * np.sin(along * dice.between(14, 40) + 3 * np.sin(far * dice.between(3, 9)))
    alpha = np.clip(1.15 - far, 0, 1) * rays * (0.2 + 0.4 * strength)
    phases = np.array([0.0, 2.1, 4.2], np.float32)
    shine = 190 + 65 * np.sin(along[:, :, None] * 5 + phases)
    picture[:] = (picture * (1 - alpha[:, :, None]) + shine * alpha[:, :, None]).astype(np.uint8)
