"""The synthetic hard set: camera frames of invented documents with truth, and frames without any MRZ.

Frame `index` of seed `seed` is the same bytes every time (same fonts, numpy, Pillow and OpenCV). Each frame
has a layout, a size in the picture and a few degradations, whose strengths are recorded so that failures
can be sorted. Never train on these seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench import lens, nothing, scene
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels
from kiosk.capture.bench.layouts import LAYOUTS, Layout
from kiosk.capture.bench.pages import Page, draw_page
from kiosk.capture.bench.texts import SHAPES, Print, compose

FRAME = (1280, 960)
STILL = (2560, 1920)  # a still photograph: the only way to 42 and more pixels per character
SETS = {"synthetic": FRAME, "stills": STILL}
# What may happen on paper, between camera and page, and in the camera.
PAPER = ("wear", "stamp", "hologram", "pitch")
VIEW = ("tilt", "perspective")
CAMERA = ("glare", "light", "exposure", "blur", "motion", "noise", "jpeg")
DEGRADATIONS = (*PAPER, *VIEW, *CAMERA)
# Traits of layout and print, recorded beside them with a strength.
TRAITS = ("sideways", "upside_down", "misprint", "guilloche", "frame", "tight", "thin")
_SIZES = (
    ((6.0, 8.0), 0.05),
    ((8.0, 12.0), 0.2),
    ((12.0, 18.0), 0.3),
    ((18.0, 26.0), 0.3),
    ((26.0, 60.0), 0.15),
)
_STILL_SIZES = (((16.0, 30.0), 0.3), ((30.0, 44.0), 0.35), ((44.0, 62.0), 0.35))
_HOW_MANY = ((0, 0.08), (1, 0.17), (2, 0.25), (3, 0.25), (4, 0.15), (5, 0.1))
_TURNS = ((0, 0.64), (1, 0.12), (2, 0.12), (3, 0.12))


@dataclass(frozen=True)
class Truth:
    """What is printed in a frame. `lines` is () where there is no MRZ, or none that is whole.

    `corners` are the block's (x, y), clockwise from the top left of the text as it is read; `turned` counts
    quarter turns; `degradations` maps a name of DEGRADATIONS or TRAITS to its strength, 0 < s <= 1.
    """

    name: str
    form: str
    layout: str
    lines: tuple[str, ...]
    misprinted: tuple[str, ...] = ()
    px_per_char: float = 0.0
    turned: int = 0
    corners: tuple[tuple[float, float], ...] = ()
    degradations: Mapping[str, float] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """As `truth.json` of a directory holds it."""
        return {
            "file": f"{self.name}.png",
            "type": self.form,
            "layout": self.layout,
            "lines": list(self.lines),
            "check_digits_valid": not self.misprinted,
            "misprinted": list(self.misprinted),
            "px_per_char": self.px_per_char,
            "turned": self.turned,
            "corners": [list(corner) for corner in self.corners],
            "degradations": dict(self.degradations),
        }


@dataclass(frozen=True, eq=False)
class Sample:
    """A frame (height x width x 3, BGR; height x width, grey, from a file) and its truth."""

    image: Pixels = field(repr=False)
    truth: Truth
    file_seconds: float = 0.0  # what opening and decoding its file took


def make(seed: int, index: int, size: tuple[int, int] = FRAME) -> Sample:
    """Frame `index` of the set `seed`: a document with an MRZ, whole in the picture."""
    dice = Dice("frame", seed, index, *size)
    layout = _layout_of(seed, index)
    low, high = dice.weighted(_SIZES if size == FRAME else _STILL_SIZES)
    target = dice.between(low, high)
    turned = dice.weighted(_TURNS)
    strengths = _strengths(dice, target)
    text = compose(dice, layout.form, misprint=dice.chance(0.05))
    page, view = document(dice, layout, text, target, size, turned, strengths)
    picture = scene.lay(dice, scene.desk(dice, size), page, view)
    if dice.chance(0.3):
        scene.thumb(dice, picture, page, view)
    picture = photograph(dice, picture, view.corners, view.px_per_char, strengths)
    truth = Truth(
        name=f"{seed}-{index:05}",
        form=layout.form,
        layout=layout.name,
        lines=text.lines,
        misprinted=text.misprinted,
        px_per_char=round(view.px_per_char, 2),
        turned=turned,
        corners=tuple((round(float(x), 1), round(float(y), 1)) for x, y in view.corners),
        degradations={**strengths, **_traits(layout, text, turned)},
    )
    return Sample(picture, truth)


def make_without(seed: int, index: int, size: tuple[int, int] = FRAME) -> Sample:
    """Frame `index` without an MRZ: a desk, a face, a page of text, another card, a slip, a cut-off zone."""
    dice = Dice("nothing", seed, index, *size)
    kind = nothing.KINDS[index % len(nothing.KINDS)]
    strengths = _strengths(dice, 20.0)
    picture = _cut_off(dice, size, strengths) if kind == "cut" else nothing.draw(dice, kind, size)
    middle = np.array([(size[0] * 0.2, size[1] * 0.6), (size[0] * 0.8, size[1] * 0.7)], np.float64)
    picture = photograph(dice, picture, middle, 16.0, strengths)
    truth = Truth(f"{seed}-none-{index:05}", "NONE", kind, (), degradations=strengths)
    return Sample(picture, truth)


def document(
    dice: Dice,
    layout: Layout,
    text: Print | None,
    target: float,
    size: tuple[int, int],
    turned: int,
    strengths: Mapping[str, float],
) -> tuple[Page, scene.View]:
    """A page drawn a little larger than it will be seen, and where it will be seen."""
    page = draw_page(dice, layout, text, min(64.0, max(20.0, target * 1.3)), dict(strengths))
    if layout.upper_page:
        page = _opened(dice, page)
    columns = SHAPES[layout.form][1]
    view = scene.look(
        dice,
        page,
        columns,
        target,
        size,
        quarter_turns=turned,
        tilt=strengths.get("tilt", 0.0),
        perspective=strengths.get("perspective", 0.0),
    )
    return page, view


def photograph(
    dice: Dice,
    picture: Pixels,
    corners: NDArray[np.float64],
    px_per_char: float,
    strengths: Mapping[str, float],
) -> Pixels:
    """Light, lens, sensor and file, in that order."""
    if "light" in strengths:
        picture = lens.light(dice, picture, strengths["light"])
    if "glare" in strengths:
        picture = lens.glare(dice, picture, corners, strengths["glare"])
    if "exposure" in strengths:
        picture = lens.exposure(dice, picture, strengths["exposure"])
    if "blur" in strengths:
        picture = lens.blur(picture, strengths["blur"], px_per_char)
    if "motion" in strengths:
        picture = lens.motion(dice, picture, strengths["motion"], px_per_char)
    picture = lens.noise(dice, picture, strengths.get("noise", 0.0))
    return lens.jpeg(picture, strengths.get("jpeg", 0.0))


def _layout_of(seed: int, index: int) -> Layout:
    """Every layout once in a run of as many frames as there are layouts, in an order of the run's own."""
    run, place = divmod(index, len(LAYOUTS))
    return Dice("order", seed, run).some(LAYOUTS, len(LAYOUTS))[place]


def _strengths(dice: Dice, px_per_char: float) -> dict[str, float]:
    """A few degradations; small print gets them milder, or nobody could read it."""
    mildness = 0.4 if px_per_char < 8 else 0.65 if px_per_char < 12 else 1.0
    chosen = dice.some(DEGRADATIONS, dice.weighted(_HOW_MANY))
    return {name: round(dice.between(0.2, 1.0) * mildness, 3) for name in chosen}


def _traits(layout: Layout, text: Print, turned: int) -> dict[str, float]:
    found = {
        "sideways": 1.0 if turned in (1, 3) else 0.0,
        "upside_down": 1.0 if turned == 2 else 0.0,
        "misprint": 1.0 if text.misprinted else 0.0,
        "guilloche": round(layout.guilloche * layout.under_mrz, 3),
        "frame": 1.0 if layout.frame or layout.micro else 0.0,
        "tight": round(max(0.0, 4.23 - layout.step), 3) if layout.tight else 0.0,
        "thin": 1.0 if layout.gain < 0 else 0.0,
    }
    return {name: strength for name, strength in found.items() if strength > 0}


def _opened(dice: Dice, page: Page) -> Page:
    """The facing page above, as a passport lies open."""
    upper = nothing.text_page(
        dice, (page.pixels.shape[1], round(page.pixels.shape[0] * 0.7)), page.pitch * 0.7
    )
    upper[-round(page.pitch * 0.5) :] = (upper[-round(page.pitch * 0.5) :] * 0.75).astype(np.uint8)
    shifted = page.corners + np.array([0.0, upper.shape[0]])
    return Page(np.vstack([upper, page.pixels]), shifted, page.pitch, page.step)


def _cut_off(dice: Dice, size: tuple[int, int], strengths: Mapping[str, float]) -> Pixels:
    """A document pushed out of the picture along its lines: a fifth to a half of every line is missing."""
    layout = dice.pick(LAYOUTS)
    page, view = document(dice, layout, compose(dice, layout.form), dice.between(12, 26), size, 0, strengths)
    left, right = float(view.corners[:, 0].min()), float(view.corners[:, 0].max())
    missing = dice.between(0.2, 0.5) * (right - left)
    shift = -left - missing if dice.chance(0.5) else size[0] - right + missing
    matrix = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1]]) @ view.matrix
    moved = scene.View(matrix, view.corners + np.array([shift, 0.0]), view.px_per_char)
    return scene.lay(dice, scene.desk(dice, size), page, moved)
