"""The measure: any MRZ reader over any set, counted and sorted by what was hard about the frames.

Exact means every line is what is printed. Key fields are number, birth and expiry with their check digits:
what opens the chip. Time is the reader's alone, picture in memory, one thread; what opening a file took
stands beside it.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import cv2
import numpy as np

from card_io.errors import MalformedCardData
from card_io.lds.mrz import parse
from kiosk.capture.bench.synthetic import Sample, Truth
from kiosk.capture.bench.texts import key_fields
from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Reading
from kiosk.ports import Frame, Image, PageReader, PageScan

BANDS = ((0.0, 8.0), (8.0, 12.0), (12.0, 18.0), (18.0, 26.0), (26.0, 42.0), (42.0, 100.0))
STRONG = 0.5  # from this strength on a degradation is counted as strong
CLEAN = "none of these"
P95 = 0.95


@dataclass(frozen=True)
class Answer:
    """What a reader made of one frame. `certain` is None where the reader makes no such claim."""

    lines: tuple[str, ...] = ()
    certain: bool | None = None


Reader = Callable[[Image], Answer]


@cache
def _shipped() -> MrzReader:
    return MrzReader()


def recogniser(image: Image) -> Answer:
    """The shipped reader on a picture, grey (height x width) or BGR."""
    gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    found = _shipped().read(gray)
    return Answer(found.lines, found.decoded.certain) if isinstance(found, Reading) else Answer()


def of_page_reader(reader: PageReader) -> Reader:
    """Any `PageReader`; hints count as no output."""

    def read(image: Image) -> Answer:
        colours = image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        scan = reader.read(Frame(image=colours, sequence=0, at=0.0))
        return Answer(scan.lines) if isinstance(scan, PageScan) else Answer()

    return read


@dataclass(frozen=True)
class Row:
    """One frame's outcome. `key_wrong`: lines came, but not the printed key fields."""

    name: str
    form: str
    layout: str
    px_per_char: float
    degradations: dict[str, float] = field(hash=False)
    has_mrz: bool
    output: bool
    exact: bool
    key: bool
    key_wrong: bool
    checks_agree: bool  # of the lines that came
    certain: bool | None
    seconds: float
    file_seconds: float = 0.0  # to open and decode its file, 0 where it came from none


@dataclass(frozen=True)
class Counts:
    """Sums over rows with an MRZ."""

    frames: int
    exact: int
    key: int
    key_wrong: int
    silent: int

    @property
    def exact_percent(self) -> float:
        return round(100 * self.exact / self.frames, 1) if self.frames else 0.0

    @property
    def key_percent(self) -> float:
        return round(100 * self.key / self.frames, 1) if self.frames else 0.0

    def to_json(self) -> dict[str, float]:
        return {**asdict(self), "exact_percent": self.exact_percent, "key_percent": self.key_percent}


def run(
    reader: Reader, samples: Iterable[Sample], *, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Row]:
    """Outcome by outcome, so that the caller can tell how far it is. OpenCV gets one thread meanwhile."""
    threads = cv2.getNumThreads()
    for sample in samples:
        cv2.setNumThreads(1)
        try:
            begun = clock()
            answer = reader(sample.image)
            seconds = clock() - begun
        finally:
            cv2.setNumThreads(threads)
        yield judge(sample.truth, answer, seconds, sample.file_seconds)


def judge(truth: Truth, answer: Answer, seconds: float, file_seconds: float = 0.0) -> Row:
    """Compare one answer with what is printed."""
    output, has_mrz = bool(answer.lines), bool(truth.lines)
    wanted = key_fields(truth.lines) if has_mrz else ()
    key = has_mrz and output and key_fields(answer.lines) == wanted
    return Row(
        name=truth.name,
        form=truth.form,
        layout=truth.layout,
        px_per_char=truth.px_per_char,
        degradations=dict(truth.degradations),
        has_mrz=has_mrz,
        output=output,
        exact=has_mrz and answer.lines == truth.lines,
        key=key,
        key_wrong=has_mrz and output and not key,
        checks_agree=output and _checks_agree(answer.lines),
        certain=answer.certain,
        seconds=seconds,
        file_seconds=file_seconds,
    )


def _checks_agree(lines: tuple[str, ...]) -> bool:
    try:
        return parse(lines).valid
    except MalformedCardData:
        return False


def count(rows: Iterable[Row]) -> Counts:
    """Sums over those rows that have an MRZ."""
    chosen = [row for row in rows if row.has_mrz]
    return Counts(
        frames=len(chosen),
        exact=sum(row.exact for row in chosen),
        key=sum(row.key for row in chosen),
        key_wrong=sum(row.key_wrong for row in chosen),
        silent=sum(not row.output for row in chosen),
    )


def report(rows: list[Row]) -> dict[str, Any]:
    """Everything in numbers: totals, times and the breakdowns; JSON-ready."""
    without = [row for row in rows if not row.has_mrz]
    wrong = [row for row in rows if row.key_wrong]
    files = [row for row in rows if row.file_seconds]
    return {
        "total": count(rows).to_json(),
        "key_wrong_checks_agree": sum(row.checks_agree for row in wrong),
        "key_wrong_certain": sum(row.certain is True for row in wrong),
        "no_mrz_frames": len(without),
        "no_mrz_output": sum(row.output for row in without),
        "seconds": times([row.seconds for row in rows if row.has_mrz]),
        "seconds_no_mrz": times([row.seconds for row in without]),
        "seconds_of_files": times([row.file_seconds for row in files]),
        "seconds_with_files": times([row.seconds + row.file_seconds for row in files]),
        "by_format": _by(rows, lambda row: (row.form,)),
        "by_px_per_char": _by(rows, _band_of),
        "by_degradation": _by(rows, _degradations_of),
        "no_mrz_by_kind": {
            kind: {"frames": len(chosen), "output": sum(row.output for row in chosen)}
            for kind, chosen in _grouped(without, lambda row: (row.layout,)).items()
        },
    }


def times(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum; {} of none."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    return {
        "median": round(statistics.median(ordered), 4),
        "p95": round(ordered[round(P95 * (len(ordered) - 1))], 4),
        "max": round(ordered[-1], 4),
    }


Keys = Callable[[Row], Iterable[str]]


def _grouped(rows: Iterable[Row], keys: Keys) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        for key in keys(row):
            groups.setdefault(key, []).append(row)
    return dict(sorted(groups.items()))


def _by(rows: list[Row], keys: Keys) -> dict[str, dict[str, float]]:
    groups = _grouped([row for row in rows if row.has_mrz], keys)
    return {key: count(chosen).to_json() for key, chosen in groups.items()}


def _band_of(row: Row) -> Iterator[str]:
    """The band's name; frames of unknown size (directories without it) have one of their own."""
    if row.px_per_char <= 0:
        yield "unknown"
    for low, high in BANDS:
        if low < row.px_per_char <= high:
            yield f"{low:02.0f}-{high:02.0f}"


def _degradations_of(row: Row) -> Iterator[str]:
    """Each degradation a frame has, mild and strong apart; a frame counts once for each."""
    for name, strength in row.degradations.items():
        yield f"{name} {'strong' if strength >= STRONG else 'mild'}"
    if not row.degradations:
        yield CLEAN


_TIMES = {
    "with MRZ": "seconds",
    "without": "seconds_no_mrz",
    "to open its file": "seconds_of_files",
    "with its file": "seconds_with_files",
}


def table(summary: dict[str, Any]) -> list[str]:
    """The report as lines of text."""
    total = summary["total"]
    lines = [
        f"frames {total['frames']}: exact {total['exact_percent']} %, key fields {total['key_percent']} %, "
        f"silent {total['silent']}",
        f"wrong key fields delivered: {total['key_wrong']} (with agreeing check digits "
        f"{summary['key_wrong_checks_agree']}, called certain {summary['key_wrong_certain']})",
        f"frames without MRZ {summary['no_mrz_frames']}: output on {summary['no_mrz_output']}",
    ]
    for title, name in _TIMES.items():
        if taken := summary[name]:
            lines.append(
                f"seconds a frame {title}: median {taken['median']:.4f}, p95 {taken['p95']:.4f}, "
                f"max {taken['max']:.4f}"
            )
    for title in ("by_format", "by_px_per_char", "by_degradation"):
        lines += [
            "",
            f"{title.replace('_', ' '):24}{'frames':>7}{'exact %':>9}{'key %':>8}{'silent':>8}{'wrong':>7}",
        ]
        for name, part in summary[title].items():
            lines.append(
                f"{name:24}{part['frames']:7}{part['exact_percent']:9}{part['key_percent']:8}"
                f"{part['silent']:8}{part['key_wrong']:7}"
            )
    return lines
