"""Canonical views of a picture, zones of the finder, and what the networks show, against drawn truth."""

import math
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kiosk.capture.bench.synthetic import Sample, make, make_without
from kiosk.capture.mrz import networks
from kiosk.capture.mrz import reader as reader_module
from kiosk.capture.mrz.blocks import find_grids, show
from kiosk.capture.mrz.centres import find_centres
from kiosk.capture.mrz.finder import Zone, find_zones, find_zones_closer
from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import SYMBOLS, Gray, Grid, Missed, Reading
from kiosk.capture.mrz.straighten import (
    BEYOND,
    BLOCK_PITCH,
    BLOCK_SIZE,
    LINE_HEIGHT,
    PITCH,
    block_matrix,
    folded,
    sample,
    stacked,
    strip_matrix,
    strip_size,
    strips,
)
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Hint

SEED = 414  # of no set that is measured


@cache
def nets() -> Networks:
    return Networks()


@cache
def shot(index: int) -> Sample:
    return make(SEED, index)


def gray(picture: Sample) -> Gray:
    return np.asarray(cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY), np.uint8)


def truth_grid(picture: Sample) -> Grid:
    rows, columns = len(picture.truth.lines), len(picture.truth.lines[0])
    corners = np.array(picture.truth.corners, np.float32) - np.float32(0.5)
    box = [(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)]
    matrix = cv2.getPerspectiveTransform(np.array(box, np.float32), corners)
    side = np.linalg.norm(corners[3] - corners[0]) / rows
    return Grid(np.asarray(matrix, np.float64), columns, rows, float(side / picture.truth.px_per_char))


def spots(places: list[tuple[float, float]]) -> Gray:
    """A dark picture with a soft light spot at every place."""
    ys, xs = np.mgrid[0:200, 0:900].astype(np.float64)
    light = sum(np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18) for x, y in places)
    return np.asarray(np.clip(255 * np.asarray(light), 0, 255), np.uint8)


def brightest(picture: Gray) -> tuple[int, int]:
    y, x = np.unravel_index(int(np.argmax(picture)), picture.shape)
    return int(x), int(y)


@pytest.mark.parametrize("column", [0, 7, 29])
def test_a_strip_has_every_cell_in_its_place(column: int) -> None:
    matrix = np.array([[24.0, 1.0, 60.0], [0.5, 40.0, 50.0], [0, 0, 1]])
    grid = Grid(matrix, 30, 3, 40 / 24)
    x, y = grid.points(np.array([(column, 1)]))[0]
    strip = sample(spots([(x, y)]), strip_matrix(grid, 1), strip_size(30))
    assert strip.shape == (LINE_HEIGHT, (30 + 2 * BEYOND) * PITCH)
    at = brightest(strip)
    assert abs(at[0] - ((column + BEYOND + 0.5) * PITCH - 0.5)) <= 1
    assert abs(at[1] - (LINE_HEIGHT - 1) / 2) <= 1


@pytest.mark.parametrize("degrees", [0, 37, 90, 180, 250])
def test_a_block_picture_is_cut_about_its_middle(degrees: int) -> None:
    angle = math.radians(degrees)
    ahead = (450 + 36 * math.cos(angle), 100 + 36 * math.sin(angle))
    block = sample(spots([ahead]), block_matrix((450.0, 100.0), angle, 9.0), BLOCK_SIZE)
    at = brightest(block)
    assert abs(at[0] - ((BLOCK_SIZE[0] - 1) / 2 + 4 * BLOCK_PITCH)) <= 1
    assert abs(at[1] - (BLOCK_SIZE[1] - 1) / 2) <= 1


def test_fine_stripes_do_not_alias() -> None:
    stripes = np.zeros((1600, 1600), np.uint8)
    stripes[:, ::2] = 255
    small = sample(stripes, np.diag([9.7, 9.7, 1.0]), (160, 160))
    assert small.min() > 100
    assert small.max() < 156


def test_a_piece_outside_the_picture_repeats_its_edge() -> None:
    flat = np.full((40, 60), 77, np.uint8)
    assert (sample(flat, block_matrix((900.0, -300.0), 0.3, 12.0), BLOCK_SIZE) == 77).all()


def test_network_input_has_no_mean_and_even_spread() -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (4, 32, 920), dtype=np.uint8)
    values = folded(pictures, 4)
    assert values.shape == (4, 16, 8, 230)
    assert np.abs(values.mean(axis=(1, 2, 3))).max() < 1e-3
    assert np.abs(values.std(axis=(1, 2, 3)) - 1).max() < 0.1
    assert (folded(np.full((1, 32, 40), 9, np.uint8), 4) == 0).all()


def test_squares_of_pixels_become_channels_and_strips_stand_below_each_other() -> None:
    pictures = np.random.default_rng(4).integers(0, 256, (3, 32, 40), dtype=np.uint8)
    apart, below = folded(pictures, 2), stacked(pictures)
    assert below.shape == (1, 4, 48, 20)
    for number, picture in enumerate(pictures):
        plain = (picture - picture.mean()) / (picture.std() + 4)
        for channel, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            wanted = plain[row::2, column::2]
            assert apart[number, channel] == pytest.approx(wanted, abs=1e-4)
            assert below[0, channel, number * 16 : (number + 1) * 16] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("index", range(8))
def test_the_finder_sees_the_zone(index: int) -> None:
    picture = shot(index)
    zones = find_zones(gray(picture), nets())
    assert zones
    middle = np.array(picture.truth.corners).mean(axis=0)
    best = min(zones, key=lambda zone: math.dist(zone.middle, middle))
    assert math.dist(best.middle, middle) < 6 * picture.truth.px_per_char
    assert 0.6 < best.pitch / picture.truth.px_per_char < 1.6
    assert len(best.corners()) == 4


def test_a_small_document_in_a_large_picture_is_looked_at_closer() -> None:
    picture = shot(0)
    large = np.full((3 * 960, 3 * 1280), 90, np.uint8)
    large[:960, 2 * 1280 :] = gray(picture)
    middle = np.array(picture.truth.corners).mean(axis=0) + np.array([2.0 * 1280, 0.0])
    zones = find_zones_closer(large, nets())
    assert min(math.dist(zone.middle, middle) for zone in zones) < 8 * picture.truth.px_per_char


@pytest.mark.parametrize("turned", [False, True])
def test_characters_are_found_whichever_way_up(turned: bool) -> None:
    picture = shot(3)
    grid = truth_grid(picture)
    ends = grid.points(np.array([(0, (grid.rows - 1) / 2), (grid.columns - 1, (grid.rows - 1) / 2)]))
    angle = math.atan2(*(ends[1] - ends[0])[::-1]) + (math.pi if turned else 0.0)
    middle = ends.mean(axis=0)
    matrix = block_matrix((float(middle[0]), float(middle[1])), angle, grid.pitch())
    centres = find_centres(gray(picture), matrix, nets())
    assert centres.upright > 0.8
    there = cv2.perspectiveTransform(centres.peaks[None, :, :2].astype(np.float64), centres.matrix)[0]
    cells = np.array([(c, r) for r in range(grid.rows) for c in range(grid.columns)], np.float64)
    apart = np.linalg.norm(grid.points(cells)[:, None] - there[None], axis=2).min(axis=1)
    assert float((apart < 0.25 * grid.pitch()).mean()) > 0.85


@pytest.mark.parametrize("index", range(8))
def test_grids_and_cells_show_what_is_printed(index: int) -> None:
    picture = shot(index)
    zones = find_zones(gray(picture), nets())
    shown = [
        show(gray(picture), grid, nets())
        for zone in zones
        for grid in find_grids(gray(picture), zone, nets())
    ]
    best = max(shown, key=lambda found: found.sure)
    assert best.scores.shape == (len(picture.truth.lines), len(picture.truth.lines[0]), len(SYMBOLS))
    assert np.abs(np.exp(best.scores).sum(axis=2) - 1).max() < 1e-3
    read = ["".join(SYMBOLS[k] for k in row) for row in best.scores.argmax(axis=2)]
    pairs = [
        pair
        for got, is_ in zip(read, picture.truth.lines, strict=True)
        for pair in zip(got, is_, strict=True)
    ]
    assert sum(got == is_ for got, is_ in pairs) / len(pairs) > 0.9
    assert best.beyond.mean() > 0.5


def test_a_grid_one_column_off_is_put_right() -> None:
    picture = shot(4)
    grid = truth_grid(picture)
    off = Grid(
        grid.matrix @ np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1.0]]), grid.columns, grid.rows, grid.step
    )
    shown = show(gray(picture), off, nets())
    apart = shown.grid.points(np.array([(0, 0)])) - grid.points(np.array([(0, 0)]))
    assert np.linalg.norm(apart) < 0.4 * grid.pitch()


def test_strips_of_all_rows() -> None:
    picture = shot(5)
    grid = truth_grid(picture)
    assert strips(gray(picture), grid).shape == (grid.rows, LINE_HEIGHT, (grid.columns + 2) * PITCH)


@pytest.mark.parametrize("index", range(8))
def test_nothing_is_read_where_there_is_none(index: int) -> None:
    assert isinstance(MrzReader().read(gray(make_without(SEED, index))), Missed)


def test_36_columns_at_the_edge_may_be_44() -> None:
    """A zone whose end is cut off by the picture is never called a shorter format."""
    index = next(number for number in range(200) if make_form(number) == ("TD3", 0))
    picture = shot(index)
    grid = truth_grid(picture)
    whole = gray(picture)
    found = MrzReader().read(whole)
    assert isinstance(found, Reading)
    for columns in (34, 35, 36, 37, 38):
        right = int(grid.points(np.array([(columns - 0.5, 0.5)]))[0, 0])
        cut = MrzReader().read(np.ascontiguousarray(whole[:, :right]))
        assert isinstance(cut, Missed)


@cache
def make_form(index: int) -> tuple[str, int]:
    truth = make(SEED, index).truth
    easy = not {"glare", "stamp", "tilt", "perspective", "motion"} & set(truth.degradations)
    return truth.form, truth.turned if easy and truth.px_per_char > 12 else -1


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90))))
@settings(max_examples=25, deadline=None)
def test_no_picture_of_any_shape_breaks_the_reader(picture: Gray) -> None:
    assert isinstance(cached_reader().read(picture), Missed)


def test_a_zone_without_characters_is_not_called_upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way up a zone stands is told by its characters; the finder alone guesses."""
    page = np.tile(np.linspace(120, 230, 800, dtype=np.uint8), (600, 1))
    page[280:320:4, 200:600] = 30  # print-like, but no characters
    zone = Zone((400.0, 300.0), math.pi - 0.05, 14.0, 380.0, 40.0, 50.0)
    monkeypatch.setattr(reader_module, "find_zones", lambda *_arguments: [zone])
    found = MrzReader().read(page)
    assert isinstance(found, Missed)
    assert found.region == zone.upright().corners()
    assert found.hint is not Hint.UPSIDE_DOWN
    assert zone.upright().corners()[0] == pytest.approx(zone.corners()[2])


@cache
def cached_reader() -> MrzReader:
    return MrzReader()


def test_a_missing_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "NAMES", ("no-such-network",))
    with pytest.raises(KioskError) as caught:
        Networks()
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING
