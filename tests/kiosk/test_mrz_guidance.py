"""What the guidance says of pictures whose trouble is known, and where it points."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.capture.bench import scene
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.layouts import LAYOUTS
from kiosk.capture.bench.pages import draw_page
from kiosk.capture.bench.texts import SHAPES, compose
from kiosk.capture.mrz.evidence import Evidence
from kiosk.capture.mrz.guidance import explain, moved, small
from kiosk.capture.mrz.reading import Gray
from kiosk.ports import Hint

SIZE = (1280, 960)
LAYOUT = next(layout for layout in LAYOUTS if layout.form == "TD3" and not layout.upper_page)


def photographed(target: float = 20.0, turns: int = 0) -> tuple[Gray, Evidence]:
    """A sharp, well lit page and what a reader would know that found its zone."""
    dice = Dice("guidance", 1)
    text = compose(dice, LAYOUT.form)
    page = draw_page(dice, LAYOUT, text, max(20.0, target), {})
    columns = SHAPES[LAYOUT.form][1]
    view = scene.look(dice, page, columns, target, SIZE, quarter_turns=turns, tilt=0.0, perspective=0.0)
    picture = scene.lay(dice, np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), page, view)
    gray: Gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    return gray, found(view.corners, view.px_per_char)


def found(corners: NDArray[np.float64], pitch: float) -> Evidence:
    return Evidence(tuple((float(x), float(y)) for x, y in corners), pitch, 0.9)


def test_a_good_picture_is_to_be_held_still() -> None:
    gray, evidence = photographed()
    said = explain(gray, evidence)
    assert said.hint is Hint.HOLD_STILL
    assert said.region == evidence.corners


def test_blur_and_darkness_and_glare_at_the_zone() -> None:
    gray, evidence = photographed()
    assert explain(np.asarray(cv2.GaussianBlur(gray, (0, 0), 5), np.uint8), evidence).hint is Hint.BLURRED
    assert explain((gray * 0.2).astype(np.uint8), evidence).hint is Hint.TOO_DARK
    middle = np.array(evidence.corners).mean(axis=0)
    cv2.ellipse(gray, (round(middle[0]), round(middle[1])), (120, 40), 0, 0, 360, 255, -1)
    said = explain(gray, evidence)
    assert said.hint is Hint.GLARE
    assert said.region == evidence.corners


def test_too_far_too_close_and_cut_off() -> None:
    gray, evidence = photographed(target=8.0)
    assert explain(gray, evidence).hint is Hint.TOO_FAR
    gray, evidence = photographed()
    corners = np.array(evidence.corners)
    assert explain(gray, found(corners - (corners[0, 0] + 30, 0), 20.0)).hint is Hint.CUT_OFF
    wide = (corners - corners.mean(axis=0)) * 1.6 + (640, 480)
    assert explain(gray, found(wide, 32.0)).hint is Hint.TOO_CLOSE
    assert explain(gray, Evidence(span=1250.0)).hint is Hint.TOO_CLOSE


@pytest.mark.parametrize(("turns", "hint"), [(1, Hint.UPSIDE_DOWN), (2, Hint.UPSIDE_DOWN)])
def test_turned_pages_are_named_only_when_nothing_else_is_wrong(turns: int, hint: Hint) -> None:
    gray, evidence = photographed(target=16.0, turns=turns)
    assert explain(gray, evidence).hint is hint
    assert explain(np.asarray(cv2.GaussianBlur(gray, (0, 0), 5), np.uint8), evidence).hint is Hint.BLURRED


def test_a_page_seen_aslant_or_askew_is_tilted() -> None:
    gray, evidence = photographed(target=14.0)
    corners = np.array(evidence.corners)
    middle = corners.mean(axis=0)
    turn = np.deg2rad(35)
    spin = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    matrix = np.hstack([spin, (middle - spin @ middle)[:, None]])
    askew = np.asarray(cv2.warpAffine(gray, matrix, SIZE), np.uint8)
    assert explain(askew, found((corners - middle) @ spin.T + middle, 14.0)).hint is Hint.TILTED
    lean = corners.copy()
    lean[0, 1] -= 40
    assert explain(gray, found(lean, 14.0)).hint is Hint.TILTED


def test_without_a_zone_the_picture_itself_is_judged() -> None:
    gray, _evidence = photographed()
    nothing = Evidence()
    assert explain(np.full((960, 1280), 90, np.uint8), nothing).hint is Hint.NO_DOCUMENT
    assert explain(np.full((960, 1280), 12, np.uint8), nothing).hint is Hint.TOO_DARK
    page = gray[: round(gray.shape[0] * 0.6)]
    assert explain(np.asarray(cv2.GaussianBlur(page, (0, 0), 9), np.uint8), nothing).hint is Hint.BLURRED
    burnt = gray.copy()
    cv2.circle(burnt, (500, 400), 160, 255, -1)
    said = explain(burnt, nothing)
    assert said.hint is Hint.GLARE
    assert said.region == ((340.0, 240.0), (661.0, 240.0), (661.0, 561.0), (340.0, 561.0))


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (40, 60)])
def test_tiny_pictures_get_a_hint(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 128, np.uint8)
    assert explain(picture, Evidence()).hint in Hint
    assert explain(picture, Evidence(((0, 0), (0, 0), (0, 0), (0, 0)), 0.0, 1.0)).hint in Hint


def test_movement_is_seen_and_noise_is_not() -> None:
    gray, _evidence = photographed()
    noise = np.random.default_rng(1).normal(0, 6, gray.shape)
    noisy = np.clip(gray + noise, 0, 255).astype(np.uint8)
    assert moved(small(gray), small(noisy)) < 1.5
    assert moved(small(gray), small(np.roll(gray, 40, axis=1))) > 3.0
    assert moved(None, small(gray)) == 0.0
