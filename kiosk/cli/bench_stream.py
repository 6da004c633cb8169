"""`shekara bench stream`: the page reader of the desk measured on seeded, simulated live streams."""

import argparse
import time

from kiosk.capture.bench.stream import Outcome, Stream, report, table, watch
from kiosk.capture.reader import PixelPageReader
from kiosk.cli.command import Output

STREAMS = 20
SEED = 9303
PROGRESS_SECONDS = 2.0


class StreamBench:
    """One kind of measurement of `shekara bench`; judges nothing."""

    name = "stream"
    help = "live streams: seconds from a steady document to its text, hints, wrong results"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--streams", type=_number, default=STREAMS, help=f"how many (default: {STREAMS})")
        parser.add_argument("--seed", type=_number, default=SEED, help=f"of the streams (default: {SEED})")
        parser.add_argument("--rows", action="store_true", help="with --json: every stream's outcome, too")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        reader = PixelPageReader()
        rows: list[Outcome] = []
        told = time.monotonic()
        for index in range(args.streams):
            rows.append(watch(Stream(args.seed, index), reader))
            if time.monotonic() - told >= PROGRESS_SECONDS:
                out.say(f"{len(rows)} of {args.streams} streams")
                told = time.monotonic()
        summary = report(rows)
        out.result({"seed": args.seed, **summary})
        if args.rows:
            out.result({"rows": [vars(row) for row in rows]})
        for line in table(summary):
            out.say(line)
        return 0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


STREAM = StreamBench()
