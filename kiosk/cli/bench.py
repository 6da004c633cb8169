"""`shekara bench mrz`: the MRZ reader measured on seeded synthetic frames or on a directory of pictures."""

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from kiosk.capture.bench.folders import Folder, Keeper
from kiosk.capture.bench.measure import Row, recogniser, report, run, table
from kiosk.capture.bench.synthetic import SETS, Sample, make, make_without
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError

FRAMES = 300
NO_MRZ = 60
SEED = 9303
PROGRESS_SECONDS = 2.0


class BenchCommand:
    """Measures; judges nothing: the exit status is 0 whatever the numbers are."""

    name = "bench"
    help = "measure the readers on synthetic frames or on pictures with known text"
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

    def run(self, args: argparse.Namespace, out: Output) -> int:
        samples, total = _samples(args)
        keeper = Keeper(args.save) if args.save else None
        rows: list[Row] = []
        told = time.monotonic()
        for row in run(recogniser, _kept(samples, keeper)):
            rows.append(row)
            if time.monotonic() - told >= PROGRESS_SECONDS:
                out.say(f"{len(rows)} of {total} frames")
                told = time.monotonic()
        if keeper is not None:
            keeper.finish()
        summary = report(rows)
        out.result({"set": args.set, "seed": args.seed, **summary})
        if args.rows:
            out.result({"rows": [vars(row) for row in rows]})
        for line in table(summary):
            out.say(line)
        return 0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _samples(args: argparse.Namespace) -> tuple[Iterator[Sample], int]:
    if args.set in SETS:
        size = SETS[args.set]
        frames = FRAMES if args.frames is None else args.frames
        return itertools.chain(
            (make(args.seed, index, size) for index in range(frames)),
            (make_without(args.seed, index, size) for index in range(args.no_mrz)),
        ), frames + args.no_mrz
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
