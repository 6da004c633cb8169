"""`shekara bench`: the MRZ reader measured on seeded synthetic frames or on a directory of pictures, and on
live streams; the chip reader's commands and time; signing."""

import argparse
import itertools
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kiosk.capture.bench.folders import Folder, Keeper
from kiosk.capture.bench.measure import Row, recogniser, report, run, table
from kiosk.capture.bench.peers import PEERS, fresh, lines_of, peer_named, side_by_side, written
from kiosk.capture.bench.synthetic import SETS, Sample, Truth, make, make_without
from kiosk.capture.bench.workers import Peer
from kiosk.cli.bench_chip import CHIP
from kiosk.cli.bench_sod import SOD
from kiosk.cli.bench_stream import STREAM
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError

FRAMES = 300
NO_MRZ = 60
SEED = 9303
PEER_FRAMES = 48  # each layout once
NO_MRZ_SHARE = 6  # one frame without for so many with
FRESH_ROUNDS = 11
PROGRESS_SECONDS = 2.0
_OTHERS = (STREAM, CHIP, SOD)


class BenchCommand:
    """Measures; judges nothing: the exit status is 0 whatever the numbers are."""

    name = "bench"
    help = "measure the readers (pictures, live streams, chips) and signing"
    uses_home = False

    def configure(self, parser: argparse.ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="what", required=True)
        mrz = kinds.add_parser("mrz", help="the MRZ reader: exact lines, key fields, false output, time")
        mrz.add_argument(
            "--set",
            default="synthetic",
            metavar="SET",
            help=f"{', '.join(SETS)} or a directory of pictures with truth.json (default: synthetic)",
        )
        mrz.add_argument("--frames", type=_number, help=f"frames with an MRZ (default: {FRAMES}, or all)")
        mrz.add_argument("--no-mrz", type=_number, default=NO_MRZ, help=f"frames without (default: {NO_MRZ})")
        mrz.add_argument("--seed", type=_number, default=SEED, help=f"of a synthetic set (default: {SEED})")
        mrz.add_argument("--save", type=Path, metavar="DIR", help="keep the frames and their truth.json")
        mrz.add_argument("--rows", action="store_true", help="with --json: every frame's outcome, too")
        _configure_peers(mrz)
        for other in _OTHERS:
            other.configure(kinds.add_parser(other.name, help=other.help))

    def run(self, args: argparse.Namespace, out: Output) -> int:
        for other in _OTHERS:
            if args.what == other.name:
                return other.run(args, out)
        peers = _peers(args)
        self._measure(args, out)
        if peers is not None:
            _compare(args, peers, out)
        if args.fresh is not None:
            cost = fresh(max(1, args.fresh))
            out.result({"fresh": cost})
            for kind in ("seconds", "processor_seconds"):
                out.say(
                    f"fresh process, {kind.replace('_', ' ')}: reader {cost[f'reader_{kind}']}, OpenCV alone "
                    f"{cost[f'opencv_{kind}']}, ratio {cost[f'{kind}_ratio']} (medians of {cost['rounds']})"
                )
        return 0

    def _measure(self, args: argparse.Namespace, out: Output) -> None:
        samples, total = _samples(args)
        keeper = Keeper(args.save) if args.save else None
        rows: list[Row] = []
        progress = _Progress(out, total)
        for row in run(recogniser, _kept(samples, keeper)):
            rows.append(row)
            progress.told(len(rows))
        if keeper is not None:
            keeper.finish()
        summary = report(rows)
        out.result({"set": args.set, "seed": args.seed, **summary})
        if args.rows:
            out.result({"rows": [vars(row) for row in rows]})
        for line in table(summary):
            out.say(line)


def _configure_peers(mrz: argparse.ArgumentParser) -> None:
    mrz.add_argument(
        "--peers", metavar="NAMES", help=f"other readers on the same frames, as installed: {', '.join(PEERS)}"
    )
    mrz.add_argument(
        "--peer-frames", type=_number, default=PEER_FRAMES, metavar="N", help="frames of the set for them"
    )
    mrz.add_argument(
        "--passporteye-python",
        default=os.environ.get("SHEKARA_PASSPORTEYE_PYTHON"),
        metavar="PATH",
        help="the Python that has PassportEye (default: SHEKARA_PASSPORTEYE_PYTHON)",
    )
    mrz.add_argument("--tesseract", type=Path, metavar="PATH", help="the program, if not on the PATH")
    mrz.add_argument("--tessdata", type=Path, metavar="DIR", help="where the peers' model `mrz` is")
    mrz.add_argument(
        "--peer-worker",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another reader that speaks the worker protocol of `shekara mrz serve`",
    )
    mrz.add_argument(
        "--fresh",
        type=_number,
        nargs="?",
        const=FRESH_ROUNDS,
        metavar="ROUNDS",
        help="time to load the reader in a new process, beside OpenCV alone",
    )


def _peers(args: argparse.Namespace) -> list[Peer] | None:
    """Those that were asked for; None where no comparison was."""
    if args.peers is None and not args.peer_worker:
        return None
    names = [name.strip() for name in (args.peers or "").split(",") if name.strip()]
    known = [
        peer_named(name, python=args.passporteye_python, tessdata=args.tessdata, tesseract=args.tesseract)
        for name in names
    ]
    return [*known, *map(_other, args.peer_worker)]


def _other(text: str) -> Peer:
    name, _, command = text.partition("=")
    if not name or not command.strip():
        raise KioskError(ErrorCode.USAGE, "--peer-worker: NAME=COMMAND")
    return Peer(name, tuple(shlex.split(command)))


def _compare(args: argparse.Namespace, peers: list[Peer], out: Output) -> None:
    with tempfile.TemporaryDirectory() as directory:
        progress = _Progress(out)
        comparison = side_by_side(peers, _files(args, Path(directory)), progress.told).to_json()
    out.result({"side_by_side": comparison})
    for line in lines_of(comparison):
        out.say(line)


def _files(args: argparse.Namespace, directory: Path) -> Iterator[tuple[Path, Truth]]:
    """The first frames of the same set, as files."""
    if args.set not in SETS:
        return Folder(Path(args.set)).files(args.peer_frames)
    without = min(args.no_mrz, args.peer_frames // NO_MRZ_SHARE)
    return written(_synthetic(args, args.peer_frames, without), directory)


class _Progress:
    """Says now and then how many frames are done."""

    def __init__(self, out: Output, total: int = 0) -> None:
        self._out = out
        self._of = f" of {total}" if total else ""
        self._last = time.monotonic()

    def told(self, done: int) -> None:
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._out.say(f"{done}{self._of} frames")
            self._last = time.monotonic()


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _synthetic(args: argparse.Namespace, frames: int, without: int) -> Iterator[Sample]:
    size = SETS[args.set]
    return itertools.chain(
        (make(args.seed, index, size) for index in range(frames)),
        (make_without(args.seed, index, size) for index in range(without)),
    )


def _samples(args: argparse.Namespace) -> tuple[Iterator[Sample], int]:
    if args.set in SETS:
        frames = FRAMES if args.frames is None else args.frames
        return _synthetic(args, frames, args.no_mrz), frames + args.no_mrz
    path = Path(args.set)
    if not path.is_dir():
        raise KioskError(ErrorCode.USAGE, f"--set: neither {', '.join(SETS)} nor a directory")
    folder = Folder(path)
    return folder.samples(args.frames), len(folder) if args.frames is None else min(len(folder), args.frames)


def _kept(samples: Iterator[Sample], keeper: Keeper | None) -> Iterator[Sample]:
    for sample in samples:
        if keeper is not None:
            keeper.keep(sample)
        yield sample


COMMAND = BenchCommand()
