"""Simulated live streams repeat, move and come to rest; the measure tells what a reader did with them."""

import argparse
import io
import json

import numpy as np
import pytest

from kiosk.capture.bench import stream as streams
from kiosk.capture.bench.stream import LIMIT, Outcome, Stream, report, smeared, table, watch
from kiosk.cli import bench_stream
from kiosk.cli.bench_stream import STREAM
from kiosk.cli.command import Output
from kiosk.ports import Frame, Guidance, Hint, Image, PageScan


@pytest.fixture(scope="module")
def shown() -> Stream:
    return Stream(5, 3)


def test_a_stream_is_the_same_every_time(shown: Stream) -> None:
    number = round(shown.hand.steady * shown.fps)
    again = Stream(5, 3)
    assert again.lines == shown.lines
    assert np.array_equal(again.frame(number).image, shown.frame(number).image)
    assert shown.frame(number).image.shape == (960, 1280, 3)
    assert Stream(5, 4).lines != shown.lines


def test_the_desk_is_empty_then_the_hand_slows_down(shown: Stream) -> None:
    hand = shown.hand
    places = [hand.at(hand.enters + share * (hand.steady - hand.enters))[:2, 2] for share in (0, 0.5, 1)]
    away = [float(np.hypot(*place)) for place in places]
    assert away[0] > away[1] > 3 * away[2]
    late = [hand.at(hand.steady + seconds) for seconds in (0.0, 0.03, 0.06, 1.0)]
    spread = np.ptp([place[:2, 2] for place in late], axis=0)
    assert (spread < 15).all()
    assert (spread > 0).any()  # the tremor stays


def test_motion_smears_along_its_direction() -> None:
    dot = np.zeros((41, 41, 3), np.uint8)
    dot[20, 20] = 255
    seen = smeared(dot, np.array([12.0, 0.0]))[:, :, 0] > 0
    assert seen[20].sum() >= 11
    assert seen.sum() == seen[20].sum()
    assert smeared(dot, np.zeros(2)) is dot


class Steps:
    """A clock that advances by `seconds` at every reading."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


class Late:
    """A page reader that knows the text, and gives it `after` seconds of the stream."""

    def __init__(self, lines: tuple[str, ...], after: float, *, certain: bool = True) -> None:
        self.lines, self.after, self.certain = lines, after, certain
        self.seen: list[int] = []

    def restart(self) -> None:
        self.seen.clear()

    def read(self, frame: Frame) -> PageScan | Guidance:
        self.seen.append(frame.sequence)
        if frame.at < self.after:
            return Guidance(Hint.HOLD_STILL)
        return PageScan(self.lines, 1.0, (), (), b"", b"", certain=self.certain)


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch, shown: Stream) -> Stream:
    """The stream with frames that cost nothing to draw."""
    picture: Image = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr(
        streams.Stream, "frame", lambda self, number: Frame(picture, number, number / self.fps)
    )
    return shown


def test_the_clock_is_the_readers_own_and_frames_are_lost_meanwhile(blank: Stream) -> None:
    quick, slow = Late(blank.lines, blank.hand.steady + 0.1), Late(blank.lines, blank.hand.steady + 0.1)
    near = watch(blank, quick, Steps(0.001))
    far = watch(blank, slow, Steps(0.25))
    assert quick.seen == list(range(len(quick.seen)))
    assert near.dropped == 0
    assert near.after_steady == pytest.approx(0.1, abs=1 / blank.fps + 0.002)
    assert near.exact
    assert near.key
    assert near.certain
    assert all(later - earlier >= 3 for earlier, later in zip(slow.seen[1:], slow.seen[2:], strict=False))
    assert far.dropped == slow.seen[-1] + 1 - len(slow.seen)
    assert far.after_steady is not None
    assert far.after_steady >= 0.25
    assert far.hints == {Hint.HOLD_STILL: len(slow.seen) - 1}


def test_a_stream_without_a_result_ends(blank: Stream) -> None:
    none = watch(blank, Late(blank.lines, 1e9), Steps(0.1))
    assert none.after_steady is None
    assert not none.exact
    assert none.frames <= (blank.ends + 1) * blank.fps


def test_wrong_results_are_told_apart(blank: Stream) -> None:
    first = blank.lines[0]
    name = (first[:-1] + ("A" if first[-1] != "A" else "B"), *blank.lines[1:])
    rows = [
        watch(blank, Late(blank.lines, blank.hand.steady), Steps(0.01)),
        watch(blank, Late(("X" * 44, "Y" * 44), blank.hand.steady), Steps(0.01)),
        watch(blank, Late(name, 0.0, certain=False), Steps(0.01)),
        watch(blank, Late(blank.lines, 1e9), Steps(0.1)),
    ]
    summary = report(rows)
    assert (summary["streams"], summary["exact"], summary["wrong"], summary["none"]) == (4, 1, 2, 1)
    assert (summary["wrong_certain"], summary["wrong_key_certain"]) == (1, 1)
    assert summary["seconds_after_steady"]["p95"] == LIMIT
    assert summary["streams_with_hint"]["HOLD_STILL"] == 3
    json.dumps(summary)
    assert any("no result in 5 s 1 (25.0 %)" in line for line in table(summary))
    assert report([])["streams"] == 0
    assert table(report([]))


def test_the_command_prints_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def watched(stream: Stream, _reader: object) -> Outcome:
        return Outcome(
            stream.name, "TD3", "TD3-01", 14.0, 20.0, 0.2, True, True, True, 9, 1, {}, (0.05,)
        )  # fmt: skip

    monkeypatch.setattr(bench_stream, "watch", watched)
    parser = argparse.ArgumentParser()
    STREAM.configure(parser)
    text = io.StringIO()
    out = Output(as_json=True, stream=text)
    assert STREAM.run(parser.parse_args(["--streams", "2", "--seed", "8", "--rows"]), out) == 0
    out.finish()
    answer = json.loads(text.getvalue())
    assert (answer["seed"], answer["streams"], answer["exact"]) == (8, 2, 2)
    assert [row["name"] for row in answer["rows"]] == ["8-stream-0000", "8-stream-0001"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--streams", "many"])
