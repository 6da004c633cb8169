"""`shekara chip read`: one chip read and judged, with its steps, its verdict and, if asked for, its files."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import entry_points, version
from pathlib import Path
from threading import Event
from typing import Any

from card_io.emrtd.reader import Progress, ReadStep
from card_io.emrtd.report import GROUPS, InspectionReport
from card_io.errors import Cancelled
from crypto.trust import Check, Outcome, TrustStore
from kiosk import drivers
from kiosk.bootstrap.home import Home, open_home, trust_directories
from kiosk.cli import chip_evidence
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import label, text
from kiosk.workflow.chip_reading import ChipInspection, ChipRequest, chip_request, read_chip

EXIT_NO, EXIT_ERROR, EXIT_INTERRUPTED = 1, 3, 130
WAIT_SECONDS = 30.0
_SIGNS = {
    Outcome.SUCCESSFUL: "+",
    Outcome.FAILED: "!",
    Outcome.UNDETERMINED: "?",
    Outcome.NOT_SUPPORTED: "-",
    Outcome.ABORTED: "x",
}


class ChipCommand:
    """Exit status: 0 the overall verdict is successful, 1 it is not, 3 the read ended with an error."""

    name = "chip"
    help = "read a passport chip: steps, verdict, files"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        read = actions.add_parser("read", help="read the chip on a reader and judge it")
        read.add_argument(
            "--reader",
            required=True,
            metavar="NAME|URI",
            help="(part of) a PC/SC reader's name, or a device: pcsc:NAME, sim:FILE.json",
        )
        read.add_argument(
            "--mrz", default="", metavar="LINES", help=r"the printed zone; between lines: \n / , or space"
        )
        read.add_argument("--can", default="", metavar="DIGITS", help="the card access number")
        read.add_argument(
            "--doc",
            default="",
            metavar="NUMBER",
            help="document number: with --birth and --expiry the chip's key, else what DG1 must say",
        )
        read.add_argument("--birth", default="", metavar="YYMMDD")
        read.add_argument("--expiry", default="", metavar="YYMMDD")
        read.add_argument("--trust", type=Path, metavar="DIR", help="a trust directory instead of the home's")
        read.add_argument(
            "--out", type=Path, metavar="DIR", help="write the files as read, portrait, report, log"
        )
        read.add_argument(
            "--force", action="store_true", help="with --out: into a directory with files in it"
        )
        read.add_argument(
            "--wait",
            type=_seconds,
            default=WAIT_SECONDS,
            metavar="SECONDS",
            help="for a document (default: 30)",
        )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        request = chip_request(
            mrz=args.mrz, number=args.doc, birth=args.birth, expiry=args.expiry, can=args.can
        )
        home = _home(args.home)
        store, now = _store(args.trust, args.home), datetime.now(UTC)
        slot = drivers.open_slot(_uri(args.reader), lab=home is None or home.lab)
        if args.out is not None:
            chip_evidence.prepare(args.out, force=args.force)
        language = args.language or "en"
        voice = _Steps(language)
        with _interruptible() as cancel:
            done = read_chip(
                slot,
                request,
                store=store,
                random=secrets.token_bytes,
                now=lambda: datetime.now(UTC),
                timeout=args.wait,
                cancel=cancel,
                on_progress=voice.told,
            )
        voice.finish(done)
        answer = _answer(done, request, store, now, language)
        if args.out is not None:
            names, portraits = chip_evidence.write(
                args.out, done, answer, transaction=secrets.token_hex(16), software=version("shekara")
            )
            answer |= {"out": str(args.out), "written": names, "portraits": portraits}
        out.result(answer)
        _say(done, answer, out, language)
        return _status(done)


def _seconds(given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number of seconds from 0 to 3600")
    return value


def _home(path: Path | None) -> Home | None:
    """The home if there is one: a chip can be read without."""
    try:
        return open_home(path) if path is not None else None
    except KioskError as error:
        if error.code is not ErrorCode.HOME_MISSING:
            raise
        return None


def _store(named: Path | None, home: Path | None) -> TrustStore:
    """The named directory, else the home's; an empty store where there is neither."""
    if named is not None and not named.is_dir():
        raise KioskError(ErrorCode.USAGE, f"--trust: {named}: no such directory")
    directories = (named,) if named is not None else trust_directories(home) if home is not None else ()
    return TrustStore.from_directory(*directories, loaded_at=datetime.now(UTC))


def _uri(reader: str) -> str:
    """A URI if its scheme has a driver, else the name of a PC/SC reader (which may hold a colon)."""
    scheme, colon, _ = reader.partition(":")
    known = colon and any(entry_points(group="kiosk.devices", name=scheme))
    return reader if known else f"pcsc:{reader}"


@contextmanager
def _interruptible() -> Iterator[Event]:
    """Ctrl-C stops at the next step or block; a second one stops at once."""
    cancel = Event()

    def stop(_number: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: somebody else listens to the keyboard
        yield cancel
        return
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


class _Steps:
    """Tells the steps on standard error while they go on; on a terminal with the bytes of the file."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._phase: ReadStep | None = None
        self._live = sys.stderr.isatty()

    def told(self, progress: Progress) -> None:
        """One line for a step, and on a terminal one that grows."""
        if progress.phase is not self._phase:
            self._phase = progress.phase
            self._line(f"{label(progress.phase, self._language)} …")
        elif self._live and progress.total:
            print(f"\r  {progress.file} {progress.done}/{progress.total}\x1b[K", end="\r", file=sys.stderr)

    def finish(self, done: ChipInspection) -> None:
        """How every step ended and how long it took."""
        for step in done.read.steps:
            code = f" [{step.problem}]" if step.problem is not None else ""
            name = label(step.step, self._language)
            self._line(f"{step.seconds:7.3f} s  {label(step.outcome, self._language)}: {name}{code}")

    def _line(self, line: str) -> None:
        print(f"{line}\x1b[K" if self._live else line, file=sys.stderr, flush=True)


def _answer(
    done: ChipInspection, request: ChipRequest, store: TrustStore, now: datetime, language: str
) -> dict[str, Any]:
    read, access = done.read, done.read.access
    answer: dict[str, Any] = {
        **done.report.to_json(),
        "compared_with_page": request.optical is not None,
        "document_number_fits": done.number_fits,
        "access": None
        if access is None
        else {
            "protocol": access.protocol,
            "parameters": access.parameters,
            "fallback": access.fallback,
            "pace_problem": access.pace_problem,
            "refused": list(access.refused),
        },
        "steps": [
            {
                "step": str(step.step),
                "outcome": str(step.outcome),
                "problem": step.problem,
                "milliseconds": round(step.seconds * 1000, 1),
            }
            for step in read.steps
        ],
        "files": {name: len(data) for name, data in chip_evidence.raw_files(read).items()},
        "file_problems": {name: str(code) for name, code in read.file_problems.items()},
        "not_read_without_authorisation": [f"DG{number}" for number in sorted(read.protected_groups)],
        "block_size": read.block.size,
        "timing": {"read_seconds": round(done.seconds, 4), **vars(done.traffic)},
        "trust": _trust(store, now),
        "aborted": read.aborted,
    }
    if done.problem is not None:
        answer["error"] = _error(str(done.problem.code), done.problem.detail, language)
    elif done.number_fits is False:
        answer["error"] = _error(ErrorCode.DOCUMENT_NUMBER_DIFFERS, "", language)
    return answer


def _error(code: str, detail: str, language: str) -> dict[str, str]:
    message = text(code, language)
    return {"code": code, "text": message.text, "advice": message.advice, "detail": detail}


def _trust(store: TrustStore, now: datetime) -> dict[str, Any]:
    """How much there is to trust in, and how old the newest and the oldest of it is."""
    ages = [(now - (item.signed_at or item.brought)).days for item in store.sources]
    return {
        "authorities": len(store),
        "revocation_lists": len(store.revocation_lists),
        "newest_days": min(ages, default=None),
        "oldest_days": max(ages, default=None),
        "unreadable": [name for name, _ in store.rejected],
    }


def _status(done: ChipInspection) -> int:
    if isinstance(done.problem, Cancelled):
        return EXIT_INTERRUPTED
    if done.problem is not None:
        return EXIT_ERROR
    successful = done.report.overall is Outcome.SUCCESSFUL and done.number_fits is not False
    return 0 if successful else EXIT_NO


def _say(done: ChipInspection, answer: Mapping[str, Any], out: Output, language: str) -> None:
    if out.json:
        return
    report, access = done.report, done.read.access
    out.say(f"{_SIGNS[report.overall]} {label(report.overall, language)}")
    for name in GROUPS:
        _say_group(report, name, out, language)
    if access is not None:
        out.say(f"  {access.protocol} {access.parameters}".rstrip())
    timing, trust = answer["timing"], answer["trust"]
    out.say("  " + ", ".join(f"{name} {size}" for name, size in answer["files"].items()))
    traffic = f"{timing['commands']} APDU, {timing['sent']} + {timing['received']} B"
    out.say(f"  {traffic}, {timing['read_seconds']:.3f} s")
    out.say(f"  CSCA {trust['authorities']}, CRL {trust['revocation_lists']}, {_days(trust)}")
    if "out" in answer:
        out.say(f"  {answer['out']}: {', '.join(answer['written'])}")
    if "error" in answer:
        error = answer["error"]
        detail = f" ({error['detail']})" if error["detail"] else ""
        out.trouble(f"{error['text']}{detail} [{error['code']}]\n{error['advice']}")


def _days(trust: Mapping[str, Any]) -> str:
    if trust["newest_days"] is None:
        return "-"
    return f"{trust['newest_days']}-{trust['oldest_days']} d"


def _say_group(report: InspectionReport, name: str, out: Output, language: str) -> None:
    outcome = report.outcome(name)
    out.say(f"  {_SIGNS[outcome]} {label(name, language)}: {label(outcome, language)}")
    for item in report.groups[name]:
        out.say(f"    {_SIGNS[item.outcome]} {label(item.name, language)}: {label(item.outcome, language)}")
        _say_findings(item, out, language)


def _say_findings(item: Check, out: Output, language: str) -> None:
    for finding in item.findings:
        message = text(str(finding.reason), language)
        detail = f" ({finding.detail})" if finding.detail else ""
        out.say(f"        {message.text}{detail} [{finding.reason}]")
        if item.outcome is not Outcome.SUCCESSFUL:
            out.say(f"        {message.advice}")


COMMAND = ChipCommand()
