"""`shekara mrz read` and `shekara mrz serve`: machine readable zones of picture files.

Exit status of `read`: 0 when every picture gave lines, 3 when one gave none or is no picture.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import label, text

if TYPE_CHECKING:
    from kiosk.capture.mrz_files import FileReader

EXIT_NOT_READ = 3


class ReadCommand:
    """Prints the lines of each picture; what went wrong with one stands on standard error."""

    name = "read"
    help = "print the lines of each picture's zone (exit status 3 if one has none)"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("images", nargs="+", metavar="IMAGE", help="a picture file of any common format")
        parser.add_argument(
            "--keys", action="store_true", help="with --json: what may open the chip, likeliest first"
        )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        from kiosk.capture.mrz_files import FileReader

        reader = FileReader()
        language = getattr(args, "language", None) or "en"
        good = [_told(reader, name, args, out, language) for name in args.images]
        return 0 if all(good) else EXIT_NOT_READ


def _told(reader: "FileReader", name: str, args: argparse.Namespace, out: Output, language: str) -> bool:
    """Read one file and say what it gave; whether it gave lines."""
    from kiosk.capture.mrz_files import as_json, quiet_decoders

    shown = os.fsencode(name).decode("utf-8", "replace")
    try:
        with quiet_decoders():
            answer = reader.read(Path(name))
    except KioskError as error:
        message = text(str(error.code), language)
        told = {"code": str(error.code), "text": message.text, "advice": message.advice}
        out.line({"file": shown, "lines": [], "error": {**told, "detail": error.detail}})
        out.trouble(f"{shown}: {message.text} ({error.detail}) [{error.code}]\n{message.advice}")
        return False
    values = as_json(answer, keys=args.keys)
    out.line({"file": shown, **values})
    if not answer.lines:
        missed = text(ErrorCode.MRZ_NOT_FOUND, language).text
        hint = label(values["hint"], language)
        out.trouble(f"{shown}: {missed} [{ErrorCode.MRZ_NOT_FOUND}]\n{hint}")
    elif not out.json:
        _print_lines(shown if len(args.images) > 1 else "", answer.lines, out)
    return bool(answer.lines)


def _print_lines(heading: str, lines: tuple[str, ...], out: Output) -> None:
    for line in (*((f"{heading}:",) if heading else ()), *lines):
        out.say(line)


class ServeCommand:
    """A worker for benches and other programs: JSON lines on standard output and nothing else there."""

    name = "serve"
    help = "worker: one picture path per line of standard input, one JSON line back"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """No options of its own."""

    def run(self, args: argparse.Namespace, out: Output) -> int:  # noqa: ARG002
        from kiosk.capture.mrz_files import serve

        serve(sys.stdin.buffer, sys.stdout)
        out.silent()
        return 0


READ, SERVE = ReadCommand(), ServeCommand()
