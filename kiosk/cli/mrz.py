"""`shekara mrz`: the machine readable zone on the command line; one sub-command per object in `PARTS`."""

import argparse

from kiosk.cli.command import Command, Output
from kiosk.cli.mrz_read import READ, SERVE
from kiosk.cli.mrz_text import COMPOSE, PARSE

PARTS: tuple[Command, ...] = (READ, SERVE, PARSE, COMPOSE)


class MrzCommand:
    """Hands over to the sub-command of that name."""

    name = "mrz"
    help = "machine readable zones: read them from pictures, parse and compose their text"
    uses_home = False

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
        for part in PARTS:
            part.configure(parts.add_parser(part.name, help=part.help, description=part.help))

    def run(self, args: argparse.Namespace, out: Output) -> int:
        part = next(part for part in PARTS if part.name == args.part)
        return part.run(args, out)


COMMAND = MrzCommand()
