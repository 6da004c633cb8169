"""Training samples: what targets say is where they say it is. Learning itself where PyTorch is there."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.capture.mrz.reading import SYMBOLS
from kiosk.capture.mrz.straighten import BEYOND, BLOCK_SIZE, LINE_HEIGHT, strip_size
from kiosk.capture.mrz.training import pool, samples
from kiosk.capture.mrz.training.paper import Sheet, cells_to, empty, sheet

SEED = 31


@cache
def page(index: int) -> Sheet:
    return sheet(SEED, index)


def test_pages_are_the_same_every_time() -> None:
    again = sheet(SEED, 0)
    assert again.lines == page(0).lines
    assert (again.zone == page(0).zone).all()
    assert (again.page == page(0).page).all()


@pytest.mark.parametrize("index", range(6))
def test_ink_is_where_the_corners_say(index: int) -> None:
    drawn = page(index)
    cells = cells_to(drawn.zone_corners, drawn.rows, drawn.columns)
    assert drawn.zone_corners.min() > 0
    letters = [
        (c, r) for r, line in enumerate(drawn.lines) for c, sign in enumerate(line) if sign in "BEHMN8"
    ]
    inside = cv2.perspectiveTransform(np.array([letters], np.float64), cells)[0]
    between = cv2.perspectiveTransform(np.array([letters], np.float64) + np.array([0.5, 0.0]), cells)[0]
    pitch = float(np.ptp(drawn.zone_corners[:2, 0])) / drawn.columns

    def darkness(points: np.ndarray) -> float:
        reach = max(2, int(0.3 * pitch))
        return float(
            np.mean(
                [
                    drawn.zone[int(y) - reach : int(y) + reach, int(x) - 1 : int(x) + 2].mean()
                    for x, y in points
                ]
            )
        )

    assert darkness(inside) < darkness(between)


@pytest.mark.parametrize("seed", range(6))
def test_line_targets(seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = page(seed)
    pictures, classes, offsets = samples.lines(random, drawn, drawn.columns)
    assert pictures.shape == (drawn.rows, *strip_size(drawn.columns)[::-1])
    assert pictures.shape[1] == LINE_HEIGHT
    assert classes.shape == (drawn.rows, drawn.columns + 2 * BEYOND)
    assert offsets.shape == (drawn.rows, 2, drawn.columns + 2 * BEYOND)
    for line, row in zip(drawn.lines, classes, strict=True):
        text = "".join("#" if k == samples.REJECT else "?" if k < 0 else SYMBOLS[k] for k in row)
        kept = text.strip("#?")
        if kept:
            assert len(kept) >= drawn.columns - 3
            start = next(s for s in range(-3, 4) if _agrees(kept, line, s))
            assert abs(start) <= 3


def _agrees(kept: str, line: str, start: int) -> bool:
    pairs = [(sign, line[i + start]) for i, sign in enumerate(kept) if 0 <= i + start < len(line)]
    return all(sign in ("?", wanted) for sign, wanted in pairs)


@pytest.mark.parametrize("seed", range(6))
def test_block_targets(seed: int) -> None:
    drawn = page(seed)
    picture, target = samples.block(np.random.default_rng(seed), drawn)
    assert picture.shape == BLOCK_SIZE[::-1]
    assert target.shape == (5, BLOCK_SIZE[1] // 4, BLOCK_SIZE[0] // 4)
    counted = int((target[4] > 0).sum())
    assert 0.4 * drawn.rows * drawn.columns < counted <= drawn.rows * drawn.columns
    assert min(target[0].max(), target[1].max()) == 0  # one way up or the other
    assert float(np.abs(target[2:4]).max()) <= 0.5


@pytest.mark.parametrize("seed", range(12))
def test_frame_targets(seed: int) -> None:
    pages, blanks = [page(index) for index in range(4)], [empty(SEED, 0)]
    picture, target = samples.frame(np.random.default_rng(seed), pages, blanks, (640, 480))
    assert picture.shape == (480, 640)
    assert target.shape == (5, 120, 160)
    zone = target[4] > 0
    assert (zone == (target[0] > 0)).all()
    if zone.any():
        assert np.abs(np.hypot(target[1], target[2])[zone] - 1).max() < 1e-3
        pitch = 8 * 2 ** target[3][zone]
        assert pitch.min() > 1.5
        assert pitch.max() < 60


def test_nothing_is_nothing() -> None:
    random = np.random.default_rng(0)
    blank = empty(SEED, 0)
    assert blank.shape == (480, 640)
    assert not samples.block_nothing(random, blank)[1].any()
    assert samples.lines_nothing(random, blank, 3, 30).shape == (3, *strip_size(30)[::-1])


def test_a_pool_is_drawn_once(tmp_path: Path) -> None:
    told: list[str] = []
    first = pool.load_or_draw(tmp_path / "pages", SEED, 2, 1, 1, told.append)
    again = pool.load_or_draw(tmp_path / "pages", SEED, 2, 1, 1, told.append)
    assert [drawn.lines for drawn in first[0]] == [drawn.lines for drawn in again[0]]
    assert first[0][0].lines == page(0).lines


@pytest.mark.parametrize("name", ["finder", "centres", "lines"])
def test_networks_learn_and_are_written(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra for training only")
    pytest.importorskip("onnx", reason="an extra for training only")
    from kiosk.capture.mrz.training.train import train

    pages = ([page(index) for index in range(4)], [empty(SEED, 0)])
    result = train(name, pages, pages, tmp_path, 2, lambda _text: None)
    assert result
    net = cv2.dnn.readNetFromONNX(str(tmp_path / f"{name}.onnx"))
    assert not net.empty()
