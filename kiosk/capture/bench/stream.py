"""Simulated live streams: an empty desk, a document brought in by hand, held still, and a camera that adapts.

Stream `index` of seed `seed` is the same every time. The hand comes in smoothly, with sway that dies down and
a tremor that stays (8 to 12 Hz, the usual one); blur follows the speed of the zone while the shutter is open;
focus and exposure settle after the page came in. `watch` runs a page reader on it by a simulated clock: each
frame costs the time that reading it took, and frames that arrive meanwhile are lost, as at the desk.
"""

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench import lens, scene
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels
from kiosk.capture.bench.layouts import LAYOUTS, Layout
from kiosk.capture.bench.synthetic import FRAME, document
from kiosk.capture.bench.texts import Print, compose, key_fields
from kiosk.ports import Frame, Guidance, Hint, PageReader, PageScan

LIMIT = 5.0  # seconds after the document is steady at which a stream ends without a result
P95 = 0.95
_TURNS = ((0, 0.8), (1, 0.06), (2, 0.08), (3, 0.06))

Double = NDArray[np.float64]


@dataclass(frozen=True)
class Sway:
    """A sum of sinusoids: (amplitude in pixels, frequency in Hz, phase) for x, y and turn."""

    waves: tuple[tuple[tuple[float, float, float], ...], ...]

    def at(self, seconds: float) -> Double:
        """x and y in pixels, turn in thousandths of a radian."""
        return np.array(
            [sum(a * math.sin(2 * math.pi * f * seconds + p) for a, f, p in axis) for axis in self.waves]
        )


@dataclass(frozen=True)
class Hand:
    """How the document moves: in from `start` (pixels away), steady from `steady` seconds on."""

    enters: float
    steady: float
    start: tuple[float, float]
    sway: Sway
    tremor: Sway

    def at(self, seconds: float) -> Double:
        """Homography from the frame as it would be seen at rest to the frame at that moment."""
        part = min(1.0, max(0.0, (seconds - self.enters) / (self.steady - self.enters)))
        left = 1 - part**3 * (10 - 15 * part + 6 * part**2)  # least jerk: how hands reach (Flash, Hogan 1985)
        x, y, turn = left * self.sway.at(seconds) + self.tremor.at(seconds)
        x, y = x + left * self.start[0], y + left * self.start[1]
        angle, (width, height) = turn / 1000, FRAME
        cos, sin = math.cos(angle), math.sin(angle)
        middle = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
        spin = np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])
        result: Double = middle @ spin @ np.linalg.inv(middle)
        return result


class Stream:
    """One document brought to the camera. `frame` draws a picture of any moment."""

    def __init__(self, seed: int, index: int) -> None:
        dice = Dice("stream", seed, index)
        self.name = f"{seed}-stream-{index:04}"
        self.fps = dice.between(15, 30)
        self.layout: Layout = LAYOUTS[Dice("stream order", seed, index).whole(0, len(LAYOUTS) - 1)]
        self.text: Print = compose(dice, self.layout.form, misprint=dice.chance(0.05))
        strengths = {"tilt": dice.between(0, 0.6), "perspective": dice.between(0, 0.5)}
        target = dice.between(11, 22)
        self._page, self._rest = document(
            dice, self.layout, self.text, target, FRAME, dice.weighted(_TURNS), strengths
        )
        self.px_per_char = round(self._rest.px_per_char, 2)
        self._ground = scene.desk(dice, FRAME)
        self.hand = _hand(dice)
        self._shutter = dice.between(1 / 200, 1 / 60)
        self._focus = (dice.between(0.0, 0.2) * self.px_per_char, dice.between(0.12, 0.4))
        self._gain = (dice.around(0.35), dice.between(0.1, 0.4))
        self._gain_field, self._lamp = _lighting(dice, self._rest.corners)
        self._noise, self._jpeg = dice.between(0, 0.6), dice.between(0.1, 0.7)
        self._key = (seed, index)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is printed."""
        return self.text.lines

    @property
    def ends(self) -> float:
        """Seconds from the first frame on."""
        return self.hand.steady + LIMIT

    def frame(self, number: int) -> Frame:
        """Frame `number`, taken at number / fps seconds; the same one every time."""
        seconds = number / self.fps
        picture = self._ground if seconds < self.hand.enters else self._seen(seconds)
        picture = self._lit(picture, max(0.0, seconds - self.hand.enters))
        dice = Dice("stream frame", *self._key, number)
        picture = lens.noise(dice, picture, self._noise)
        return Frame(lens.jpeg(picture, self._jpeg), number, seconds)

    def _seen(self, seconds: float) -> Pixels:
        matrix = self.hand.at(seconds) @ self._rest.matrix
        corners = scene.project(self.hand.at(seconds), self._rest.corners)
        view = scene.View(matrix, corners, self._rest.px_per_char)
        picture = scene.lay(Dice("stream shadow", *self._key), self._ground, self._page, view)
        blurred, settle = self._focus
        sigma = 0.3 + blurred * math.exp(-max(0.0, seconds - self.hand.enters) / settle)
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
        return smeared(picture, self._speed(seconds) * self._shutter)

    def _speed(self, seconds: float) -> Double:
        """Of the zone's middle, pixels per second."""
        middle = self._rest.corners.mean(axis=0)[None]
        before, after = (scene.project(self.hand.at(seconds + d), middle)[0] for d in (-0.005, 0.005))
        speed: Double = (after - before) / 0.01
        return speed

    def _lit(self, picture: Pixels, since: float) -> Pixels:
        off, settle = self._gain
        gain = self._gain_field * np.float32(1 + off * math.exp(-since / settle))
        lit = picture * gain
        return np.asarray(np.clip(lit + (255 - lit) * self._lamp, 0, 255), np.uint8)


def _hand(dice: Dice) -> Hand:
    enters = dice.between(0.2, 1.5)
    angle = dice.between(0, 2 * math.pi)
    start = (1400 * math.cos(angle), 1100 * math.sin(angle))
    sway = tuple(
        tuple(
            (reach * dice.between(0.2, 1.0) / (n + 1), dice.between(0.4, 1.2) * (n + 1), dice.between(0, 6.3))
            for n in range(3)
        )
        for reach in (70.0, 70.0, 120.0)
    )
    tremor = tuple(
        (
            (dice.between(0.1, reach), dice.between(8, 12), dice.between(0, 6.3)),
            (dice.between(0.2, 3 * reach), dice.between(0.2, 0.8), dice.between(0, 6.3)),
        )
        for reach in (0.5, 0.5, 0.8)
    )
    return Hand(enters, enters + dice.between(0.7, 1.8), start, Sway(sway), Sway(tremor))


def _lighting(dice: Dice, corners: Double) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brightness of every pixel, and the share of a lamp's reflection over it: both stay where they are."""
    width, height = FRAME
    white: Pixels = np.full((height, width, 3), 255, np.uint8)
    gain = lens.light(dice, white, dice.between(0.0, 0.6))[:, :, :1] / np.float32(255)
    lamp: NDArray[np.floating] = np.zeros((height, width, 1), np.float32)
    if dice.chance(0.25):
        black = np.zeros((height, width, 3), np.uint8)
        lamp = lens.glare(dice, black, corners, dice.between(0.1, 0.7))[:, :, :1] / np.float32(255)
    return np.asarray(gain, np.float32), np.asarray(lamp, np.float32)


def smeared(picture: Pixels, move: Double) -> Pixels:
    """Moved by (x, y) pixels while the shutter was open."""
    length = float(np.hypot(*move))
    if length < 0.3:
        return picture
    length = min(length, 60.0)
    size = 2 * math.ceil(length / 2) + 1
    unit = move / np.hypot(*move)
    kernel = np.zeros((size, size), np.float32)
    for part in np.linspace(-0.5, 0.5, 4 * size):
        x, y = size // 2 + part * length * unit
        kernel[min(size - 1, max(0, round(y))), min(size - 1, max(0, round(x)))] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


@dataclass(frozen=True)
class Outcome:
    """What a reader made of one stream. `after_steady` (seconds, negative: before) is None without a result.

    `hints` counts the frames that showed each; `reading` are the seconds that each frame took.
    """

    name: str
    form: str
    layout: str
    px_per_char: float
    fps: float
    after_steady: float | None
    exact: bool
    key: bool
    certain: bool
    frames: int
    dropped: int
    hints: dict[str, int] = field(hash=False)
    reading: tuple[float, ...] = field(repr=False)


def watch(stream: Stream, reader: PageReader, clock: Callable[[], float] = time.perf_counter) -> Outcome:
    """Run one stream to its first result or its end; OpenCV gets one thread while the reader works."""
    reader.restart()
    now, last, dropped = 0.0, -1, 0
    hints: Counter[str] = Counter()
    reading: list[float] = []
    while True:
        number = max(last + 1, math.floor(now * stream.fps))  # the newest, or the next one
        dropped += number - last - 1
        now, last = max(now, number / stream.fps), number
        if now > stream.ends:
            return _outcome(stream, None, 0.0, (hints, reading, dropped))
        found, seconds = _timed(reader, stream.frame(number), clock)
        reading.append(seconds)
        now += seconds
        if isinstance(found, PageScan):
            return _outcome(stream, found, now, (hints, reading, dropped))
        hints[found.hint] += 1


def _timed(reader: PageReader, frame: Frame, clock: Callable[[], float]) -> tuple[PageScan | Guidance, float]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        begun = clock()
        found = reader.read(frame)
        return found, clock() - begun
    finally:
        cv2.setNumThreads(threads)


def _outcome(
    stream: Stream, scan: PageScan | None, at: float, seen: tuple[Counter[str], list[float], int]
) -> Outcome:
    hints, reading, dropped = seen
    lines = scan.lines if scan else ()
    return Outcome(
        name=stream.name,
        form=stream.layout.form,
        layout=stream.layout.name,
        px_per_char=stream.px_per_char,
        fps=round(stream.fps, 1),
        after_steady=None if scan is None else round(at - stream.hand.steady, 4),
        exact=lines == stream.lines,
        key=bool(lines) and key_fields(lines) == key_fields(stream.lines),
        certain=scan is not None and scan.certain,
        frames=len(reading),
        dropped=dropped,
        hints=dict(hints),
        reading=tuple(reading),
    )


def report(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Everything in numbers, JSON-ready. A stream without a right result counts with LIMIT seconds."""
    rows = list(outcomes)
    right = [row for row in rows if row.exact and row.after_steady is not None]
    wrong = [row for row in rows if row.after_steady is not None and not row.exact]
    key_wrong = [row for row in wrong if not row.key]
    waits = [max(0.0, row.after_steady or 0.0) if row.exact else LIMIT for row in rows]
    hints = Counter(hint for row in rows for hint in row.hints)
    return {
        "streams": len(rows),
        "exact": len(right),
        "exact_certain": sum(row.certain for row in right),
        "wrong": len(wrong),
        "wrong_certain": sum(row.certain for row in wrong),
        "wrong_key": len(key_wrong),
        "wrong_key_certain": sum(row.certain for row in key_wrong),
        "none": sum(row.after_steady is None for row in rows),
        "none_percent": _percent(sum(row.after_steady is None for row in rows), len(rows)),
        "before_steady": sum((row.after_steady or 0.0) < 0 for row in right),
        "seconds_after_steady": _spread(waits),
        "reading_seconds": _spread([seconds for row in rows for seconds in row.reading]),
        "frames_dropped_percent": _percent(
            sum(row.dropped for row in rows), sum(row.dropped + row.frames for row in rows)
        ),
        "streams_with_hint": {hint.value: hints[hint] for hint in Hint if hints[hint]},
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[math.ceil(P95 * len(ordered)) - 1], 3),
        "max": round(ordered[-1], 3),
    }


def table(summary: dict[str, Any]) -> list[str]:
    """The report as lines of text."""
    waits, reading = summary["seconds_after_steady"], summary["reading_seconds"]
    lines = [
        f"streams {summary['streams']}: exact {summary['exact']} (certain {summary['exact_certain']}), "
        f"no result in {LIMIT:.0f} s {summary['none']} ({summary['none_percent']} %)",
        f"wrong results: {summary['wrong']} (called certain {summary['wrong_certain']}), wrong key fields "
        f"{summary['wrong_key']} (called certain {summary['wrong_key_certain']})",
    ]
    for title, part in (("seconds from steady to the right text", waits), ("seconds a frame", reading)):
        if part:
            lines.append(f"{title}: median {part['p50']:.3f}, p95 {part['p95']:.3f}, max {part['max']:.3f}")
    lines.append(f"frames lost while reading: {summary['frames_dropped_percent']} %")
    shown = ", ".join(f"{hint} {count}" for hint, count in summary["streams_with_hint"].items())
    lines.append(f"streams that showed a hint: {shown or 'none'}")
    return lines
