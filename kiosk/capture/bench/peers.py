"""MRZ readers side by side on the same files in the same run, ours first; and what a fresh process costs.

Owns where the peers are found and what is counted. Times cover reading the file and the zone, for ours and
for the peers alike.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from kiosk.capture.bench.measure import Answer, Row, count, judge, times
from kiosk.capture.bench.synthetic import Sample, Truth
from kiosk.capture.bench.workers import ONE_THREAD, Peer, Worker, one_core
from kiosk.errors import ErrorCode, KioskError

PEERS = ("passporteye", "tesseract")
_OURS = "import sys; from kiosk.capture.mrz_files import serve; serve(sys.stdin.buffer, sys.stdout)"
_LOAD_READER = "from kiosk.capture.mrz.reader import MrzReader; MrzReader()"
_LOAD_OPENCV = "import cv2"


OURS = Peer("ours", (sys.executable, "-c", _OURS))


def peer_named(
    name: str, *, python: str | None = None, tessdata: Path | None = None, tesseract: Path | None = None
) -> Peer:
    """A known peer. `python` is the one that has PassportEye, `tessdata` the directory of the model `mrz`,
    `tesseract` the program where it is not on the PATH."""
    if name not in PEERS:
        raise KioskError(ErrorCode.USAGE, f"peer {name!r} is none of {', '.join(PEERS)}")
    environment = {}
    if tessdata is not None:
        environment["TESSDATA_PREFIX"] = str(tessdata)
    if tesseract is not None:
        environment["PATH"] = f"{tesseract.absolute().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    own = python if name == "passporteye" and python else sys.executable
    return Peer(name, (own, str(Path(__file__).with_name("peer_worker.py")), name), environment)


@dataclass
class Tally:
    """What one reader made of all frames. `peak` is kilobytes resident, with its children's largest."""

    name: str
    rows: list[Row] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)  # seconds a frame with an MRZ
    errors: int = 0
    peak: int = 0

    def add(self, truth: Truth, answer: Mapping[str, Any]) -> None:
        lines = tuple(str(line) for line in answer.get("lines", ()))
        certain = answer.get("certain")
        claim = certain if isinstance(certain, bool) else None
        self.rows.append(judge(truth, Answer(lines, claim), float(answer.get("t", 0.0))))
        if truth.lines:
            self.processor.append(float(answer.get("cpu", 0.0)))
        self.errors += bool(answer.get("err"))
        kilobytes = (int(answer.get(key, 0)) for key in ("rss_self_kb", "rss_child_kb"))
        self.peak = max(self.peak, *kilobytes)

    def to_json(self) -> dict[str, Any]:
        """Counts, seconds a frame with an MRZ, and the peak in megabytes."""
        without = [row for row in self.rows if not row.has_mrz]
        return {
            "name": self.name,
            **count(self.rows).to_json(),
            "no_mrz_frames": len(without),
            "no_mrz_output": sum(row.output for row in without),
            "errors": self.errors,
            "seconds": times([row.seconds for row in self.rows if row.has_mrz]),
            "processor_seconds": times(self.processor),
            "peak_mb": round(self.peak / 1024),
        }


@dataclass(frozen=True)
class Comparison:
    """Ours first, then the peers that ran; and why the others did not."""

    tallies: tuple[Tally, ...]
    missing: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        readers = [tally.to_json() for tally in self.tallies]
        for reader in readers:
            for name, ratio in (("seconds", "times_ours"), ("processor_seconds", "processor_times_ours")):
                ours, theirs = (one[name].get("median", 0.0) for one in (readers[0], reader))
                reader[ratio] = round(theirs / ours, 2) if ours and theirs else None
        return {"readers": readers, "missing": dict(self.missing)}


def side_by_side(
    peers: Sequence[Peer], files: Iterable[tuple[Path, Truth]], told: Callable[[int], None] = lambda _: None
) -> Comparison:
    """Every reader on every file, one after the other; the first file once more beforehand, not counted.
    `told` hears how many files are done."""
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        missing: dict[str, str] = {}
        for peer in (OURS, *peers):
            try:
                workers[peer.name] = Worker(peer)
            except KioskError as error:
                if peer is OURS:
                    raise
                missing[peer.name] = error.detail.partition(": ")[2]
            else:
                stack.callback(workers[peer.name].close)
        tallies = {name: Tally(name) for name in workers}
        for number, (path, truth) in enumerate(files):
            for name, worker in workers.items():
                if not number:
                    worker.ask(path)
                tallies[name].add(truth, worker.ask(path))
            told(number + 1)
    return Comparison(tuple(tallies.values()), missing)


def written(samples: Iterable[Sample], directory: Path) -> Iterator[tuple[Path, Truth]]:
    """Samples as files that cost every reader next to nothing to open: BMP. Each lives until the next."""
    path = directory / "frame.bmp"
    for sample in samples:
        if not cv2.imwrite(str(path), sample.image):
            raise KioskError(ErrorCode.IMAGE_UNREADABLE, "the picture cannot be encoded")
        yield path, sample.truth


def fresh(rounds: int) -> dict[str, Any]:
    """Seconds of a new Python that loads our reader, and of one that imports OpenCV only: medians of `rounds`
    of each, taken in turn on one core after one of each that is not counted; by the clock and on the
    processor."""
    programs = {"reader": _LOAD_READER, "opencv": _LOAD_OPENCV}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    with one_core():
        for _ in range(rounds + 1):
            for name, program in programs.items():
                taken[name].append(_run(program))
    result: dict[str, Any] = {"rounds": rounds}
    for place, kind in enumerate(("seconds", "processor_seconds")):
        medians = {
            name: statistics.median(one[place] for one in seconds[1:]) for name, seconds in taken.items()
        }
        result |= {f"{name}_{kind}": round(median, 4) for name, median in medians.items()}
        result[f"{kind}_ratio"] = round(medians["reader"] / medians["opencv"], 2)
    return result


def _run(program: str) -> tuple[float, float]:
    """Seconds by the clock and on the processor."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **ONE_THREAD}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, worked


_HEAD = (
    *("exact %", "key %", "silent", "wrong", "none"),
    *("median s", "p95 s", "max s", "x ours", "CPU s", "x ours", "MB"),
)


def _seconds(taken: Mapping[str, float], name: str) -> str:
    return f"{taken[name]:.3f}" if taken else "-"


def lines_of(comparison: Mapping[str, Any]) -> list[str]:
    """The comparison as a table for people."""
    lines = ["", f"{'reader':14}" + "".join(f"{title:>9}" for title in _HEAD)]
    for reader in comparison["readers"]:
        cells = (
            *(reader[name] for name in ("exact_percent", "key_percent", "silent", "key_wrong")),
            f"{reader['no_mrz_output']}/{reader['no_mrz_frames']}",
            *(_seconds(reader["seconds"], name) for name in ("median", "p95", "max")),
            reader["times_ours"] or "-",
            _seconds(reader["processor_seconds"], "median"),
            reader["processor_times_ours"] or "-",
            reader["peak_mb"],
        )
        lines.append(f"{reader['name']:14}" + "".join(f"{cell:>9}" for cell in cells))
    lines += [f"{name:14} missing: {reason}" for name, reason in comparison["missing"].items()]
    return lines
