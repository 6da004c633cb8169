"""Flat pages to train on: layouts, prints and papers of every kind, wider than the bench's, other seeds.

A page is kept twice: small for the finder, and the surroundings of its zone at ZONE_PITCH for the readers.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench import nothing
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels, write
from kiosk.capture.bench.layouts import PITCH, SIZES, Layout
from kiosk.capture.bench.pages import Page, draw_page
from kiosk.capture.bench.texts import SHAPES, Print, compose
from kiosk.capture.mrz.reading import SYMBOLS, Gray

ZONE_PITCH = 28.0  # pixels per character of the kept zone
PAGE_PITCH = 16.0  # of the kept page
AROUND = 4.0  # pitches kept around the zone
_FORMS = (("TD1", 3.0), ("TD2", 1.2), ("TD3", 3.2), ("MRVA", 1.0), ("MRVB", 0.8), ("FRA", 0.8))
_LETTERS = SYMBOLS[10:36]
_DIGITS = SYMBOLS[:10]


@dataclass(frozen=True, eq=False)
class Sheet:
    """One page. Corners are pixel coordinates (x, y) of the block's outer cell corners, clockwise."""

    lines: tuple[str, ...]
    rows: int
    columns: int
    step: float  # line spacing in pitches
    zone: Gray
    zone_corners: NDArray[np.float64]
    page: Gray
    page_corners: NDArray[np.float64]


def sheet(seed: int, index: int) -> Sheet:
    """Page `index` of the training pool `seed`."""
    dice = Dice("training page", seed, index)
    form = dice.weighted(_FORMS)
    layout = _layout(dice, form)
    text = _text(dice, form)
    strengths = {
        name: dice.between(0.2, 1.0)
        for name, share in (("wear", 0.18), ("stamp", 0.15), ("hologram", 0.12), ("pitch", 0.25))
        if dice.chance(share)
    }
    page = draw_page(dice, layout, text, ZONE_PITCH, strengths)
    if dice.chance(0.15):
        _overprint(dice, page)
    return _kept(dice, page, text)


def _kept(dice: Dice, page: Page, text: Print) -> Sheet:
    gray = np.asarray(cv2.cvtColor(page.pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    around = round(AROUND * page.pitch)
    level = dice.pick((255, 0, dice.whole(0, 255)))
    padded = cv2.copyMakeBorder(gray, *(around,) * 4, cv2.BORDER_CONSTANT, value=(level,))
    corners = page.corners - 0.5
    low = np.floor(corners.min(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0)).astype(int)
    zone = padded[low[1] : high[1] + 2 * around, low[0] : high[0] + 2 * around]
    factor = PAGE_PITCH / page.pitch
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    columns = len(text.lines[0])
    return Sheet(
        lines=text.lines,
        rows=len(text.lines),
        columns=columns,
        step=page.step / page.pitch,
        zone=np.ascontiguousarray(zone, np.uint8),
        zone_corners=corners - low + around,
        page=np.asarray(small, np.uint8),
        page_corners=page.corners * factor - 0.5,
    )


def _layout(dice: Dice, form: str) -> Layout:
    width, height = SIZES[form]
    columns = SHAPES[form][1]
    room = width - columns * PITCH
    paper = dice.whole(150, 254)
    tint = [min(255, max(90, paper + dice.whole(-25, 25))) for _ in range(3)]
    dark = dice.weighted(((False, 9.0), (True, 1.0)))
    level = dice.whole(0, 50) if dice.chance(0.75) else dice.whole(40, max(60, min(tint) - 60))
    return Layout(
        name="training",
        form=form,
        width=width + dice.around(2.0),
        height=height + dice.around(3.0),
        left=min(room - 1.0, dice.between(2.0, 8.0)),
        bottom=dice.between(3.6, 9.5),
        step=dice.weighted(
            ((4.23, 2.0), (dice.between(3.2, 4.4), 2.0), (dice.between(4.4, 6.5), 1.5), (6.35, 1.5))
        ),
        cut=dice.pick(("round", "round", "sharp")),
        size=dice.between(0.88, 1.08),
        gain=dice.pick((0.0, dice.between(-0.035, 0.0), dice.between(0.0, 0.09))),
        paper=(tint[0], tint[1], tint[2]),
        ink=(dice.whole(40, 200), dice.whole(40, 200), dice.whole(40, 200)),
        print_level=0 if dark else level,
        guilloche=dice.between(0.0, 1.0),
        under_mrz=dice.weighted(((0.0, 2.0), (dice.between(0.2, 1.0), 3.0), (1.0, 2.0))),
        band=dice.pick((0, 0, 0, dice.whole(-20, 24))),
        frame=dice.weighted((("", 4.0), ("box", 1.5), ("rule", 2.0), ("text", 2.0))),
        visual=dice.pick(("left", "left", "right", "back", "dense", "sparse")),
        serif=dice.chance(0.3),
        micro=dice.chance(0.25),
        bearer=dice.chance(0.25),
        upper_page=False,
    )


def _text(dice: Dice, form: str) -> Print:
    """Half the pages read like documents; the others have any characters, so that none is rare."""
    text = compose(dice, form, misprint=dice.chance(0.1))
    if dice.chance(0.45):
        return text
    return Print(tuple(_scrambled(dice, line) for line in text.lines), (), text.surname, text.given_names)


def _scrambled(dice: Dice, line: str) -> str:
    """Any characters of the alphabet in runs of a class, the fillers at the end mostly kept."""
    kept = len(line.rstrip("<")) if dice.chance(0.5) else len(line)
    out = ""
    while len(out) < kept:
        kind = dice.weighted(
            ((_LETTERS, 4.0), (_DIGITS, 3.0), (SYMBOLS, 3.0), ("<", 0.7), ("0O", 0.4), ("1I", 0.3))
        )
        out += dice.letters(kind, dice.whole(1, 9))
    return out[:kept] + line[kept:]


def _overprint(dice: Dice, page: Page) -> None:
    """SPECIMEN across the page, see-through."""
    height, width = page.pixels.shape[:2]
    layer: Pixels = np.full((height, width, 3), 255, np.uint8)
    size = dice.between(0.06, 0.16) * width
    word = dice.pick(("SPECIMEN", "SAMPLE", "VOID", "UTOPIA", "COPY"))
    at = (dice.between(0.1, 0.5) * width, dice.between(0.3, 0.95) * height)
    colour = (dice.whole(60, 190), dice.whole(60, 190), dice.whole(120, 230))
    write(layer, word, at, dice.pick(("sans", "bold", "serif")), size, colour)
    turn = cv2.getRotationMatrix2D((at[0] + size * 2, at[1]), dice.between(-60, 60), 1.0)
    turned = cv2.warpAffine(layer, turn, (width, height), borderValue=(255, 255, 255))
    np.copyto(page.pixels, (page.pixels.astype(np.uint16) * np.asarray(turned) // 255).astype(np.uint8))


def empty(seed: int, index: int) -> Gray:
    """A picture of 640 x 480 without any MRZ."""
    dice = Dice("training nothing", seed, index)
    kinds = [kind for kind in nothing.KINDS if kind != "cut"]
    picture = nothing.draw(dice, dice.pick(kinds), (1280, 960))
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, (640, 480), interpolation=cv2.INTER_AREA), np.uint8)


def cells_to(corners: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Homography from (column, row) cell centres to the pixels in which `corners` are given."""
    cells = np.array(
        [(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)], np.float32
    )
    matrix = cv2.getPerspectiveTransform(cells, corners.astype(np.float32))
    return np.asarray(matrix, np.float64)


def rotation(angle: float, scale: float = 1.0) -> NDArray[np.float64]:
    """3 x 3, about the origin, radians."""
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
