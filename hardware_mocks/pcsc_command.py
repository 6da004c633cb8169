"""`shekara sim pcsc [--document PATH] [--blank PATH] [--json] -- COMMAND…`: a program with virtual readers.

Starts a stack, puts the given card images on the readers, runs the command with the environment it needs,
and cleans up. Exit code: the command's own (128 + signal when a signal ended it); 2 wrong use, 3 the stack
cannot run here, 4 a card could not be inserted, 127 no such command.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardware_mocks.chip import CardImage, ImageError, blank_image
from hardware_mocks.pcsc_stack import PcscStack, StackError, StackUnavailable

EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_CARD, EXIT_NOT_FOUND = 2, 3, 4, 127
ADVICE = {
    EXIT_USAGE: "Give the command to run after --, and a folder that can be written.",
    EXIT_UNAVAILABLE: "Install the packages pcscd and vsmartcard-vpcd, or run as root.",
    EXIT_CARD: "Give a card image that the simulator wrote.",
    EXIT_NOT_FOUND: "Check the name of the command after --.",
}
CODES = {
    EXIT_USAGE: "SIM_USAGE",
    EXIT_UNAVAILABLE: "SIM_PCSC_UNAVAILABLE",
    EXIT_CARD: "SIM_CARD_IMAGE",
    EXIT_NOT_FOUND: "SIM_COMMAND_NOT_FOUND",
}


class CommandFailed(Exception):
    """The command cannot run: exit code and reason."""

    def __init__(self, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `shekara sim pcsc`."""
    parser.add_argument("--document", type=Path, metavar="PATH", help="card image on the document reader")
    parser.add_argument(
        "--blank",
        type=Path,
        metavar="PATH",
        help="card image on the encoder; if missing, a new blank",
    )
    parser.add_argument(
        "--json", action="store_true", dest="as_json", help="one JSON document on standard output"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(
        prog="shekara sim pcsc", description="Run a command with virtual readers."
    )
    add_arguments(parser)
    options = parser.parse_args(argv)
    return run_pcsc(options.command, document=options.document, blank=options.blank, as_json=options.as_json)


def run_pcsc(
    command: Sequence[str],
    *,
    document: Path | None = None,
    blank: Path | None = None,
    as_json: bool = False,
) -> int:
    """Run command (a leading "--" is dropped) in a stack; its exit code, or one of this module's.

    With as_json the command's output goes to standard error and standard output is one JSON document.
    """
    words = list(command[command[:1] == ["--"] :])
    try:
        report = _run(words, {"document": document, "blank": blank}, as_json=as_json)
    except CommandFailed as error:
        _complain(error, as_json=as_json)
        return error.exit_code
    if as_json:
        sys.stdout.write(json.dumps(report) + "\n")
    exit_code: int = report["exit_code"]
    return exit_code


def _run(words: list[str], images: Mapping[str, Path | None], *, as_json: bool) -> dict[str, Any]:
    if not words:
        raise CommandFailed(EXIT_USAGE, "no command given")
    given = {slot: path for slot, path in images.items() if path is not None}
    _check_images(given)
    with tempfile.TemporaryDirectory(prefix="shekara-pcsc-") as folder, _stack(Path(folder)) as stack:
        for slot, path in given.items():
            _insert(stack, slot, path)
        variables = {f"SHEKARA_READER_{slot.upper()}": name for slot, name in stack.readers.items()}
        exit_code = _execute(words, {**stack.environment, **variables}, quiet=as_json)
        cards = {slot: str(path) for slot, path in given.items()}
        return {
            "exit_code": exit_code,
            "readers": dict(stack.readers),
            "cards": cards,
            "environment": dict(stack.environment),
        }


@contextmanager
def _stack(folder: Path) -> Iterator[PcscStack]:
    try:
        stack = PcscStack.start(folder)
    except StackUnavailable as error:
        raise CommandFailed(EXIT_UNAVAILABLE, error.reason) from error
    with stack:
        yield stack


def _check_images(given: Mapping[str, Path]) -> None:
    for slot, path in given.items():
        try:
            if slot == "blank" and not path.exists():
                blank_image(secrets.randbits(32)).save(path)
                sys.stderr.write(f"new blank card: {path}\n")
            CardImage.load(path)
        except (OSError, ImageError) as error:
            raise CommandFailed(EXIT_CARD, f"{path}: {error}") from error


def _insert(stack: PcscStack, slot: str, path: Path) -> None:
    try:
        stack.insert(slot, path)
    except StackError as error:
        raise CommandFailed(EXIT_CARD, f"{path}: {error}") from error


def _execute(words: list[str], variables: Mapping[str, str], *, quiet: bool) -> int:
    try:
        child = subprocess.Popen(words, env={**os.environ, **variables}, stdout=2 if quiet else None)
    except OSError as error:
        raise CommandFailed(EXIT_NOT_FOUND, f"{words[0]}: {error.strerror}") from error
    with _signals_to(child):
        code = child.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _signals_to(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ctrl-C reaches the command by itself; a polite end is passed on; we stay to clean up."""

    def forward(number: int, _: object) -> None:
        child.send_signal(number)

    old = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
    }
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _complain(error: CommandFailed, *, as_json: bool) -> None:
    code, advice = CODES[error.exit_code], ADVICE[error.exit_code]
    if as_json:
        value = {"error": {"code": code, "text": str(error), "advice": advice}}
        sys.stdout.write(json.dumps(value) + "\n")
    else:
        sys.stderr.write(f"{error}\n{advice}\n")


if __name__ == "__main__":
    raise SystemExit(main())
