"""The synthetic set is the same every time and its truth holds; the measure counts right."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from card_io.lds.mrz import parse
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.folders import Folder, Keeper
from kiosk.capture.bench.layouts import COUNTS, LAYOUTS
from kiosk.capture.bench.measure import Answer, count, judge, of_page_reader, recogniser, report, run, table
from kiosk.capture.bench.nothing import KINDS
from kiosk.capture.bench.pages import draw_page
from kiosk.capture.bench.synthetic import (
    DEGRADATIONS,
    FRAME,
    STILL,
    TRAITS,
    Sample,
    Truth,
    make,
    make_without,
)
from kiosk.capture.bench.texts import FORMATS, SHAPES, compose, key_fields
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Frame, Guidance, Hint, Image, PageScan

SEED = 41


@cache
def frame(index: int) -> Sample:
    return make(SEED, index)


# What is printed


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("misprint", [False, True])
def test_printed_lines_parse_and_only_misprints_have_wrong_check_digits(form: str, misprint: bool) -> None:
    for number in range(60):
        text = compose(Dice("test", number), form, misprint=misprint)
        mrz = parse(text.lines)
        assert (len(text.lines), len(text.lines[0])) == SHAPES[form]
        assert mrz.format == form
        assert tuple(name for name, good in mrz.checks.items() if not good) == text.misprinted
        assert bool(text.misprinted) == misprint


def test_key_fields_are_number_birth_and_expiry_with_their_digits() -> None:
    td1 = (
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    )
    long = ("I<UTOD23145890<7349<<<<<<<<<<<", *td1[1:])
    french = ("IDFRALOISEAU<<<<<<<<<<<<<<<<<<<<<<<<", "970675K002774HERVE<<DJAMEL<7303216M4")
    assert key_fields(td1) == ("D231458907", "7408122", "1204159")
    assert "7349" in key_fields(long)[0]
    assert key_fields(french) == ("970675K002774", "7303216", "")
    assert key_fields(("IDFRA" + "?" * 31, "x" * 36)) != ()
    assert key_fields(("P<UTO",)) == ()


# The frames


def test_there_are_forty_layouts_and_more_and_all_differ() -> None:
    assert len(LAYOUTS) >= 40
    assert len({replace(layout, name="") for layout in LAYOUTS}) == len(LAYOUTS)
    assert set(COUNTS) == set(FORMATS)
    assert {layout.cut for layout in LAYOUTS} == {"round", "sharp"}


def test_a_frame_is_the_same_bytes_every_time_and_others_differ() -> None:
    again = make(SEED, 3)
    assert again.image.tobytes() == frame(3).image.tobytes()
    assert again.truth == frame(3).truth
    assert again.truth.degradations == frame(3).truth.degradations
    assert make_without(SEED, 2).image.tobytes() == make_without(SEED, 2).image.tobytes()
    assert make(SEED + 1, 3).image.tobytes() != frame(3).image.tobytes()
    assert frame(2).image.tobytes() != frame(3).image.tobytes()


@pytest.mark.parametrize("index", range(6))
def test_truth_of_a_frame_holds(index: int) -> None:
    sample, truth = frame(index), frame(index).truth
    assert sample.image.shape == (FRAME[1], FRAME[0], 3)
    assert sample.image.dtype == np.uint8
    assert (len(truth.lines), len(truth.lines[0])) == SHAPES[truth.form]
    corners = np.array(truth.corners)
    assert corners.min() >= 0
    assert (corners <= np.array(FRAME)).all()
    sides = np.linalg.norm(corners[[1, 2]] - corners[[0, 3]], axis=1)
    assert sides.mean() / len(truth.lines[0]) == pytest.approx(truth.px_per_char, abs=0.1)
    assert set(truth.degradations) <= {*DEGRADATIONS, *TRAITS}
    assert all(0 < strength <= 1 for strength in truth.degradations.values())
    assert ("upside_down" in truth.degradations) == (truth.turned == 2)


@pytest.mark.parametrize("index", range(4))
def test_print_is_where_the_truth_says(index: int) -> None:
    """The block, cut out by its corners, has darker strokes than its middle tone: there is print in it."""
    sample = frame(index)
    target = np.array([(0, 0), (600, 0), (600, 100), (0, 100)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(sample.truth.corners, np.float32), target)
    block = cv2.cvtColor(cv2.warpPerspective(sample.image, matrix, (600, 100)), cv2.COLOR_BGR2GRAY)
    profile = np.asarray(block, np.float64).mean(axis=1)
    gap = 100 // len(sample.truth.lines)
    assert profile[[0, 99]].mean() > profile[gap // 2] + 4  # paper at the edges, ink in the first line


def test_a_page_is_drawn_at_the_pitch_asked_for_and_stills_are_large() -> None:
    layout = next(one for one in LAYOUTS if one.form == "TD1")
    page = draw_page(Dice("test", 1), layout, compose(Dice("test", 2), "TD1"), 20.0, {})
    width = np.linalg.norm(page.corners[1] - page.corners[0]) / 30
    assert width == pytest.approx(page.pitch)
    still = make(SEED, 4, STILL)
    assert still.image.shape == (STILL[1], STILL[0], 3)
    assert 12 < still.truth.px_per_char < 64


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_frames_without_mrz_have_no_lines(index: int) -> None:
    sample = make_without(SEED, index)
    assert sample.image.shape == (FRAME[1], FRAME[0], 3)
    assert sample.truth.lines == ()
    assert sample.truth.layout == KINDS[index]


# The measure


def _truth(name: str, lines: tuple[str, ...], **more: float) -> Truth:
    return Truth(name, "TD3" if lines else "NONE", "x", lines, px_per_char=14.0, degradations=more)


TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
NAME_WRONG = (TD3[0].replace("ANNA", "ANHA"), TD3[1])
KEY_WRONG = (TD3[0], TD3[1].replace("L898902C3", "L898902G3"))


def test_outcomes_are_told_apart() -> None:
    exact = judge(_truth("a", TD3), Answer(TD3), 0.1)
    name = judge(_truth("b", TD3), Answer(NAME_WRONG), 0.1)
    key = judge(_truth("c", TD3), Answer(KEY_WRONG, certain=True), 0.1)
    silent = judge(_truth("d", TD3), Answer(), 0.1)
    assert (exact.exact, exact.key, exact.key_wrong, exact.checks_agree) == (True, True, False, True)
    assert (name.exact, name.key, name.key_wrong, name.checks_agree) == (False, True, False, True)
    assert (key.exact, key.key, key.key_wrong, key.checks_agree) == (False, False, True, False)
    assert (silent.exact, silent.key, silent.key_wrong, silent.output) == (False, False, False, False)
    assert (count([exact, name, key, silent]).exact_percent, count([]).exact_percent) == (25.0, 0.0)


def test_report_counts_a_fake_reader() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    truths = [_truth("a", TD3, blur=0.9), _truth("b", TD3, blur=0.2), _truth("c", TD3), _truth("d", ())]
    answers = iter([Answer(), Answer(TD3), Answer(KEY_WRONG, certain=True), Answer(TD3)])
    ticks = iter([0.0, 1.0, 1.0, 3.0, 3.0, 6.0, 6.0, 10.0])
    rows = list(run(lambda _: next(answers), (Sample(picture, t) for t in truths), clock=lambda: next(ticks)))
    summary = report(rows)
    total = summary["total"]
    assert (total["frames"], total["exact"], total["key"], total["key_wrong"], total["silent"]) == (
        3,
        1,
        1,
        1,
        1,
    )
    assert (summary["key_wrong_certain"], summary["key_wrong_checks_agree"]) == (1, 0)
    assert (summary["no_mrz_frames"], summary["no_mrz_output"]) == (1, 1)
    assert summary["seconds"] == {"median": 2.0, "p95": 3.0, "max": 3.0}
    assert summary["by_degradation"]["blur strong"]["exact"] == 0
    assert summary["by_degradation"]["blur mild"]["exact_percent"] == 100.0
    assert set(summary["by_degradation"]) == {"blur strong", "blur mild", "none of these"}
    assert summary["by_px_per_char"]["12-18"]["frames"] == 3
    assert summary["by_format"]["TD3"]["key_wrong"] == 1
    assert any(line.startswith("blur strong") for line in table(json.loads(json.dumps(summary))))


def test_a_page_reader_fits_the_measure() -> None:
    class Fake:
        def restart(self) -> None: ...

        def read(self, frame: Frame) -> PageScan | Guidance:
            return PageScan(TD3, 1.0, (), (), b"", b"") if frame.image.any() else Guidance(Hint.NO_DOCUMENT)

    read = of_page_reader(Fake())
    dark: Image = np.zeros((4, 4, 3), np.uint8)
    assert read(dark).lines == ()
    assert read(dark + np.uint8(1)).lines == TD3
    assert recogniser(np.zeros((960, 1280, 3), np.uint8)) == Answer()


# Directories


def test_a_kept_set_reads_back_the_same(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "set")
    for sample in (frame(0), make_without(SEED, 1)):
        keeper.keep(sample)
    keeper.finish()
    folder = Folder(tmp_path / "set")
    first, second = folder.samples()
    assert len(folder) == 2
    gray = cv2.cvtColor(frame(0).image, cv2.COLOR_BGR2GRAY)
    assert np.abs(first.image.astype(int) - gray).max() <= 2
    assert first.file_seconds > 0
    assert (first.truth.lines, first.truth.degradations) == (
        frame(0).truth.lines,
        frame(0).truth.degradations,
    )
    assert second.truth.lines == ()
    assert [sample.truth.name for sample in folder.samples(1)] == [frame(0).truth.name]
    with pytest.raises(KioskError):
        Keeper(tmp_path / "set")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"file": "a.png"}]', '[{"file": 3, "lines": []}]'])
def test_a_directory_without_a_proper_list_is_wrong_usage(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(KioskError) as caught:
        Folder(tmp_path)
    assert caught.value.code is ErrorCode.USAGE


def test_a_missing_picture_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text('[{"file": "../a.png", "lines": []}]')
    with pytest.raises(KioskError) as caught:
        list(Folder(tmp_path).samples())
    assert caught.value.code is ErrorCode.IMAGE_UNREADABLE
