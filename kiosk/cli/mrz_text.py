"""`shekara mrz parse` and `shekara mrz compose`: the text of a machine readable zone, no pictures."""

import argparse
import sys

from card_io.errors import MalformedCardData
from card_io.lds.mrz import Mrz, parse
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError


class ParseCommand:
    """Prints fields and check digits; exit status 1 where a check digit is wrong."""

    name = "parse"
    help = "fields, check digits and findings of a zone given as text"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("text", nargs="+", metavar="TEXT", help="the lines, or - for standard input")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        mrz = _parsed(" ".join(args.text))
        out.result({"format": mrz.format, "lines": mrz.lines, "checks": dict(mrz.checks)})
        for line in mrz.lines:
            out.say(line)
        return 0 if mrz.valid else 1


def _parsed(text: str) -> Mrz:
    try:
        return parse(sys.stdin.read() if text == "-" else text)
    except MalformedCardData as error:
        raise KioskError(ErrorCode.MRZ_INVALID, error.detail) from error


PARSE = ParseCommand()
