"""A document page drawn flat: ground, visual zone, whatever stands around the MRZ, and the MRZ itself."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench import ink
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Mask, Pixels
from kiosk.capture.bench.layouts import PITCH, Layout
from kiosk.capture.bench.texts import SHAPES, Print

_CAPTIONS = (
    "Surname / Nom",
    "Given names",
    "Nationality",
    "Date of birth",
    "Sex",
    "Place of birth",
    "Authority",
)
_TEXT = "the bearer of this document is requested to allow pass freely without let or hindrance and"
_WORDS = _TEXT.split()


@dataclass(frozen=True)
class Page:
    """Pixels and, in pixels, the MRZ block's corners (cells, clockwise from its top left) and pitch."""

    pixels: Pixels
    corners: NDArray[np.float64]  # 4 x 2
    pitch: float
    step: float


def draw_page(
    dice: Dice, layout: Layout, text: Print | None, pitch: float, strengths: dict[str, float]
) -> Page:
    """Draw at `pitch` pixels per character; without `text` the zone stays empty paper.

    `strengths` (0 to 1) of what happens on paper: pitch, wear, stamp, hologram.
    """
    scale = pitch / PITCH
    width, height = round(layout.width * scale), round(layout.height * scale)
    pixels: Pixels = np.full((height, width, 3), layout.paper, np.uint8)
    rows, columns = SHAPES[layout.form]
    printed = pitch * (1 + dice.around(0.06) * strengths.get("pitch", 0.0))
    top = height - (layout.bottom + (rows - 1) * layout.step) * scale
    left = layout.left * scale
    if left + columns * printed > width - 0.5 * pitch:
        left = max(0.3 * pitch, width - 0.5 * pitch - columns * printed)
    zone = top - layout.step * scale * 0.75
    _ground(dice, layout, pixels, scale, zone)
    _visual(dice, layout, pixels, scale, zone, text)
    _surround(dice, layout, pixels, scale, (left, top - 0.5 * layout.step * scale, columns * printed))
    if text is not None:
        _zone(dice, layout, pixels, text, (left, top, printed), strengths)
    _over(dice, pixels, strengths, scale, (left, top))
    half = layout.step * scale / 2
    bottom = top + (rows - 1) * layout.step * scale + half
    right = left + columns * printed
    corners = np.array([(left, top - half), (right, top - half), (right, bottom), (left, bottom)], np.float64)
    return Page(pixels, corners, printed, layout.step * scale)


def _ground(dice: Dice, layout: Layout, pixels: Pixels, scale: float, zone: float) -> None:
    plain = pixels.copy()
    ink.guilloche(dice, pixels, layout.ink, layout.guilloche, scale)
    for _ in range(dice.whole(0, 2)):
        centre = (dice.between(0, pixels.shape[1]), dice.between(0, pixels.shape[0]))
        ink.rosette(dice, pixels, layout.ink, centre, dice.between(8, 24) * scale)
    below = slice(max(0, round(zone)), None)
    share = layout.under_mrz
    mixed = plain[below] * (1 - share) + pixels[below] * share + layout.band
    pixels[below] = np.clip(mixed, 0, 255).astype(np.uint8)


def _visual(
    dice: Dice, layout: Layout, pixels: Pixels, scale: float, zone: float, text: Print | None
) -> None:
    face = "serif" if layout.serif else "sans"
    width = pixels.shape[1]
    dark = (40, 30, 30)
    title = dice.pick(("REPUBLIC OF UTOPIA", "UTOPIA", "RESIDENCE PERMIT", "PASSPORT / PASSEPORT", "VISA"))
    if layout.visual != "back":
        ink.write(pixels, title, (4 * scale, 7 * scale), "bold", 4.2 * scale, layout.ink)
    left, right = 4 * scale, width - 4 * scale
    room = zone - 11 * scale
    if layout.visual in ("left", "right") and room > 12 * scale:
        tall = min(42 * scale, room * 0.9)
        wide = tall * 0.78
        x = left if layout.visual == "left" else right - wide
        ink.portrait(dice, pixels, (int(x), int(10 * scale), int(wide), int(tall)))
        left, right = (left + wide + 3 * scale, right) if layout.visual == "left" else (left, right - wide)
    step = {"dense": 2.6, "back": 3.4, "sparse": 8.0}.get(layout.visual, 6.4) * scale
    y = 11 * scale
    while y < zone - 1.5 * scale:
        _field(dice, layout, pixels, (left, y, right), scale, face, text)
        y += step
    if layout.bearer and zone > 16 * scale:
        number = dice.letters("ABCDEFGHKMNP", 2) + dice.letters("0123456789", 7)
        mask = ink.ocr_mask(
            (pixels.shape[0], width),
            [(number, width - 30 * scale, 8 * scale)],
            PITCH * scale,
            cut="round",
            size=0.95,
        )
        ink.blend(pixels, dark, mask)


def _field(
    dice: Dice,
    layout: Layout,
    pixels: Pixels,
    at: tuple[float, float, float],
    scale: float,
    face: str,
    text: Print | None,
) -> None:
    left, y, right = at
    if layout.visual in ("dense", "back"):
        words = " ".join(dice.some(_WORDS, 8)) * 2
        count = max(4, int((right - left) / (1.15 * scale)))
        ink.write(pixels, words[:count], (left, y), face, 2.1 * scale, (60, 50, 50))
        return
    names = (text.surname, text.given_names) if text is not None else ("NOMEN", "NESCIO")
    values = (*names, dice.letters("ABCDEFGHIKLMN", 6), f"{dice.whole(1, 28):02} JUN 19{dice.whole(50, 99)}")
    ink.write(pixels, dice.pick(_CAPTIONS), (left, y), face, 1.7 * scale, (110, 90, 80))
    ink.write(pixels, dice.pick(values)[:24], (left, y + 3.0 * scale), face, 3.2 * scale, (30, 25, 25))


def _surround(
    dice: Dice, layout: Layout, pixels: Pixels, scale: float, zone: tuple[float, float, float]
) -> None:
    """A frame, a rule or text right at the MRZ: what hides bands from a finder."""
    left, top, length = zone
    height, width = pixels.shape[:2]
    thick = max(1, round(0.25 * scale))
    near = round(top - dice.between(0.2, 0.9) * scale)
    if layout.frame == "box":
        box = (round(max(1, left - 1.2 * scale)), near)
        far = (round(min(width - 2, left + length + 1.2 * scale)), round(height - 1.5 * scale))
        cv2.rectangle(pixels, box, far, (60, 50, 40), thick)
    elif layout.frame == "rule":
        cv2.line(pixels, (0, near), (width, near), (70, 60, 50), thick * 2)
    elif layout.frame == "text":
        line = " ".join(dice.some(_WORDS, 9)).upper()
        ink.write(pixels, line[:60], (left, near), "sans", 2.4 * scale, (60, 50, 50))
    if layout.micro:
        ink.write(pixels, "UTOPIA" * 40, (0, near - 0.5 * scale), "sans", 1.0 * scale, layout.ink)


def _zone(
    dice: Dice,
    layout: Layout,
    pixels: Pixels,
    text: Print,
    place: tuple[float, float, float],
    strengths: dict[str, float],
) -> None:
    left, top, pitch = place
    scale_step = layout.step * pixels.shape[0] / layout.height
    rows = [(line, left, top + row * scale_step) for row, line in enumerate(text.lines)]
    shape = (pixels.shape[0], pixels.shape[1])
    mask = ink.ocr_mask(shape, rows, pitch, cut=layout.cut, size=layout.size)
    mask = ink.thicken(mask, layout.gain * pitch)
    if wear := strengths.get("wear", 0.0):
        mask = _worn(dice, mask, wear, pitch)
    level = layout.print_level
    ink.blend(pixels, (level, level, level), mask)


def _worn(dice: Dice, mask: Mask, strength: float, pitch: float) -> Mask:
    """Print rubbed off in patches and scratched; every character keeps a third of its ink."""
    height, width = mask.shape
    coarse = dice.field((max(2, int(height / pitch)), max(2, int(width / pitch))), 1.0)
    patches = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    left = np.clip(1.0 - 0.55 * strength * np.clip(patches, 0, 1.3), 0.3, 1.0)
    scratches = np.zeros((height, width), np.uint8)
    for _ in range(round(8 * strength)):
        start = (dice.whole(0, width), dice.whole(0, height))
        end = (
            start[0] + dice.whole(-width // 4, width // 4),
            start[1] + dice.whole(-height // 5, height // 5),
        )
        cv2.line(scratches, start, end, 255, max(1, round(pitch * 0.06)), cv2.LINE_AA)
    kept = left * (1 - scratches.astype(np.float32) / 255 * 0.7)
    return np.asarray(mask * kept, np.float32)


def _over(
    dice: Dice, pixels: Pixels, strengths: dict[str, float], scale: float, at: tuple[float, float]
) -> None:
    """Stamps and holograms that reach into the MRZ."""
    height, width = pixels.shape[:2]
    for name, draw, low, high in (("stamp", ink.stamp, 9.0, 17.0), ("hologram", ink.hologram, 12.0, 30.0)):
        if strength := strengths.get(name, 0.0):
            centre = (dice.between(0.15, 0.85) * width, at[1] - dice.between(-4.0, 8.0) * scale)
            draw(dice, pixels, (centre[0], min(height, centre[1])), dice.between(low, high) * scale, strength)
