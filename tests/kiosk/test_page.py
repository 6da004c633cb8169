"""The page and its portrait come out upright and whole, whichever way the document lies."""

import cv2
import numpy as np
import pytest

from kiosk.capture import page as pages
from kiosk.capture.bench import scene
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.layouts import LAYOUTS, Layout
from kiosk.capture.bench.pages import Page, draw_page
from kiosk.capture.bench.texts import SHAPES, compose
from kiosk.capture.mrz.reading import Grid
from kiosk.capture.page import FORMATS, PAGE_PIXELS_PER_MM, cut, straighten
from kiosk.ports import Image

SIZE = (1800, 1800)  # whole pages are in the picture
FORMS = ("TD1", "TD2", "TD3", "MRVA", "MRVB", "FRA")


def layout_of(form: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.form == form and not layout.upper_page)


def grid_of(page: Page, layout: Layout, matrix: np.ndarray) -> Grid:
    rows, columns = SHAPES[layout.form]
    left, top = page.corners[0]
    cells = np.array(
        [[page.pitch, 0, left + page.pitch / 2], [0, page.step, top + page.step / 2], [0, 0, 1.0]]
    )
    return Grid(matrix @ cells, columns, rows, page.step / page.pitch)


def shown(form: str, turns: int, target: float = 12.0) -> tuple[Image, Grid, Page, np.ndarray]:
    dice = Dice("crop", turns)
    layout = layout_of(form)
    page = draw_page(dice, layout, compose(dice, form), 24.0, {})
    view = scene.look(
        dice, page, SHAPES[form][1], target, SIZE, quarter_turns=turns, tilt=0.4, perspective=0.5
    )
    ground = np.full((SIZE[1], SIZE[0], 3), (60, 70, 80), np.uint8)
    picture = scene.lay(dice, ground, page, view)
    return picture, grid_of(page, layout, view.matrix), page, view.matrix


def likeness(straight: Image, page: Page) -> float:
    """Correlation of the straightened page with the page as it was drawn."""
    flat = cv2.resize(page.pixels, (straight.shape[1], straight.shape[0]), interpolation=cv2.INTER_AREA)
    one, other = (
        np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 4), np.float64)
        for picture in (straight, flat)
    )
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("form", FORMS)
def test_pages_come_out_upright(form: str, turns: int) -> None:
    picture, grid, page, _matrix = shown(form, turns)
    straight = straighten(picture, grid, form)
    size = FORMATS[form]
    expected = tuple(round(side * PAGE_PIXELS_PER_MM) for side in (size.height, size.width))
    assert straight.shape[:2] == expected
    assert likeness(straight, page) > 0.9


def test_visible_edges_correct_a_grid_that_is_a_little_off() -> None:
    picture, grid, page, _matrix = shown("TD3", 0, target=16.0)
    lean = np.eye(3)
    lean[0, 1] = 0.25  # the block leans a quarter of a pitch a line: two centimetres at the head of the page
    off = Grid(grid.matrix @ lean, grid.columns, grid.rows, grid.step)
    assert likeness(straighten(picture, off, "TD3"), page) > likeness(without_edges(picture, off), page)


def without_edges(picture: Image, grid: Grid) -> Image:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "_seen_edges", lambda _flat, _size: None)
        return straighten(picture, grid, "TD3")


def test_without_a_face_the_portrait_is_its_place() -> None:
    picture, grid, _page, _matrix = shown("TD3", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "find_faces", lambda _image: [])
        pieces = cut(picture, grid, "TD3")
    assert not pieces.face_found
    assert pieces.portrait is not None
    assert pieces.portrait.shape[:2] == (45 * PAGE_PIXELS_PER_MM, 35 * PAGE_PIXELS_PER_MM)


def test_a_face_is_cut_with_room_around_it() -> None:
    picture, grid, _page, _matrix = shown("TD3", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "find_faces", lambda _image: [(60, 200, 100, 100)])
        pieces = cut(picture, grid, "TD3")
    assert pieces.face_found
    assert pieces.portrait is not None
    assert pieces.portrait.shape[:2] == (185, 140)


def test_backs_of_cards_have_no_portrait() -> None:
    picture, grid, _page, _matrix = shown("TD1", 0)
    assert cut(picture, grid, "TD1").portrait is None
