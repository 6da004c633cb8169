"""`shekara bench chip`: what reading a chip costs in commands, bytes, processor and line time."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from card_io.lds.mrz import parse
from crypto.trust import TrustStore
from kiosk import drivers
from kiosk.bootstrap.rehearsal import real_reader, specimen_chip
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RehearsalChip
from kiosk.workflow.bare_primitives import Bare, bare_primitives
from kiosk.workflow.chip_bench import BLOCKS, RATES, Run, line_seconds, measure, minimum

ROUNDS = 9
GROUP = 12  # P-256: where primitives are fastest, and the terminal's own work shows most
LINKS = ("pcsc", "in-process")


class ChipBench:
    """One kind of measurement of `shekara bench`. Exit status 1: more commands than the minimum."""

    name = "chip"
    help = (
        "reading a chip: commands beside the minimum, bytes, processor time beside bare primitives, line time"
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--rounds", type=_number, default=ROUNDS, help=f"the best counts (default: {ROUNDS})"
        )
        parser.add_argument(
            "--group",
            type=_number,
            default=GROUP,
            metavar="ID",
            help="domain parameters, 12: P-256, 13: brainpool",
        )
        parser.add_argument(
            "--links", default=",".join(LINKS), help="pcsc (virtual reader), in-process, or both"
        )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        links = [name.strip() for name in args.links.split(",") if name.strip()]
        if not links or not set(links) <= set(LINKS):
            raise KioskError(ErrorCode.USAGE, f"--links: {', '.join(LINKS)}")
        rows: list[dict[str, Any]] = []
        skipped: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="shekara-bench-") as folder:
            chip = specimen_chip(Path(folder), args.group)
            for link in links:
                try:
                    with _uri(link, chip, Path(folder)) as uri:
                        rows += _rows(link, uri, chip, max(1, args.rounds), out)
                except KioskError as error:
                    if error.code is not ErrorCode.STACK_UNAVAILABLE:
                        raise
                    skipped[link] = error.detail
        for link, reason in skipped.items():
            out.say(f"{link}: skipped: {reason}")
        least = all(row["commands"] == row["minimum"] for row in rows)
        out.result({"group": args.group, "rounds": args.rounds, "rows": rows, "skipped": skipped})
        out.result({"commands_are_the_minimum": least})
        return 0 if least else 1


@contextmanager
def _uri(link: str, chip: RehearsalChip, folder: Path) -> Iterator[str]:
    """Where the chip lies."""
    if link == "in-process":
        yield f"sim:{chip.image}"
        return
    with closing(real_reader(folder / "pcsc", chip.image)) as reader:
        os.environ.update(reader.environment)
        yield reader.uri


def _rows(link: str, uri: str, chip: RehearsalChip, rounds: int, out: Output) -> list[dict[str, Any]]:
    """One row for each block size; a first read warms up and is not counted."""
    slot, mrz = drivers.open_slot(uri, lab=True), parse(chip.lines)
    store = TrustStore.from_directory(chip.trust, loaded_at=datetime.now(UTC))
    found = []
    for name, block in BLOCKS.items():
        measure(slot, mrz, store, block)
        runs, bares, in_one_go = [], [], []
        for _ in range(rounds):
            runs.append(measure(slot, mrz, store, block))
            bares.append(bare_primitives(runs[-1], slot))
            in_one_go.append(bare_primitives(runs[-1]).total)
        run, bare = min(runs, key=lambda item: item.terminal), min(bares, key=lambda item: item.total)
        row = _row(link, name, block, run, bare)
        row["bare_in_one_go_cpu_ms"] = _ms(min(in_one_go))
        row["cpu_ratio_in_one_go"] = round(run.terminal / min(in_one_go), 2)
        row["wall_ms"] = _ms(min(item.wall for item in runs))
        found.append(row)
        _say(row, out)
    return found


def _row(link: str, name: str, block: int, run: Run, bare: Bare) -> dict[str, Any]:
    files, access = run.read.files, run.read.access
    return {
        "link": link,
        "block": name,
        "block_bytes": block,
        "access": f"{access.protocol} {access.parameters}" if access is not None else "",
        "files": {item: len(data) for item, data in files.items()},
        "commands": run.commands,
        "minimum": minimum(files, block),
        "bytes_sent": run.sent,
        "bytes_received": run.received,
        "terminal_cpu_ms": _ms(run.terminal),
        "reading_cpu_ms": _ms(run.reading),
        "judging_cpu_ms": _ms(run.terminal - run.reading),
        "transport_cpu_ms": _ms(run.transport),
        "bare_cpu_ms": {**{kind: _ms(value) for kind, value in vars(bare).items()}, "total": _ms(bare.total)},
        "cpu_ratio": round(run.terminal / bare.total, 2),
        "line_ms": {str(rate // 1000): _ms(line_seconds(run.exchanges, rate)) for rate in RATES},
    }


def _say(row: dict[str, Any], out: Output) -> None:
    line = ", ".join(f"{rate} kbit/s {value:.0f} ms" for rate, value in row["line_ms"].items())
    out.say(
        f"{row['link']:10} block {row['block']:>4}: {row['commands']} commands (minimum {row['minimum']}), "
        f"{row['bytes_sent']} + {row['bytes_received']} bytes, wall {row['wall_ms']:.1f} ms"
    )
    out.say(
        f"{'':10} terminal {row['terminal_cpu_ms']:.2f} ms (reading {row['reading_cpu_ms']:.2f}, judging "
        f"{row['judging_cpu_ms']:.2f}), bare primitives {row['bare_cpu_ms']['total']:.2f} ms, "
        f"ratio {row['cpu_ratio']:.2f} (in one go {row['bare_in_one_go_cpu_ms']:.2f} ms, "
        f"{row['cpu_ratio_in_one_go']:.2f})"
    )
    out.say(f"{'':10} line time: {line}")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


CHIP = ChipBench()
