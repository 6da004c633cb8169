"""`shekara home`: make and describe a home directory, and its Latin spellings of names."""

import argparse
import secrets
from dataclasses import asdict
from datetime import UTC, datetime

from card_io.lds.transliteration import cyrillic_to_latin
from kiosk.bootstrap.home import Home, create_lab_home, create_production_home, open_home, write_spellings
from kiosk.cli.command import Output
from kiosk.settings import load_settings, load_spellings


class HomeCommand:
    """Create (lab or production) or show the directory that holds all local state."""

    name = "home"
    help = "make or describe the directory that holds all local state"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a home; its world is fixed for ever")
        create.add_argument("--world", choices=("lab", "production"), default="lab")
        actions.add_parser("show", help="world, station and places")
        spellings = actions.add_parser("spellings", help="Latin spellings of Cyrillic names")
        spellings.add_argument("--write", action="store_true", help="put the packaged file there, to edit it")
        spellings.add_argument("--try", dest="name", metavar="NAME", help="the proposal for a name")
        spellings.add_argument("--of", default="kk", metavar="LANGUAGE", help="of that name (default: kk)")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        if args.action == "spellings":
            return _spellings(args, out)
        home = self._create(args, out) if args.action == "create" else open_home(args.home)
        settings = load_settings(home.settings)
        facts = {
            "home": str(home.path),
            "world": home.world,
            "created": home.created.isoformat(),
            "station": settings.station.id,
            "database": str(home.database),
        }
        out.result(facts)
        for name, value in facts.items():
            out.say(f"{name:9} {value}")
        return 0

    @staticmethod
    def _create(args: argparse.Namespace, out: Output) -> Home:
        if args.world == "production":
            return create_production_home(args.home, random=secrets.token_bytes)
        return create_lab_home(
            args.home,
            random=secrets.token_bytes,
            seed=secrets.token_hex(16),
            now=datetime.now(UTC),
            say=lambda what: out.say(f"making {what}"),
        )


def _spellings(args: argparse.Namespace, out: Output) -> int:
    home = open_home(args.home)
    if args.write:
        write_spellings(home)
    spellings = load_spellings(home.spellings)
    if args.name:
        proposal = cyrillic_to_latin(args.name, args.of, spellings)
        out.result({"name": args.name, "language": args.of, "proposal": proposal})
        out.say(proposal)
        return 0
    own = home.spellings.exists()
    out.result({"file": str(home.spellings), "own": own, **asdict(spellings)})
    out.say(f"{home.spellings}{'' if own else ' (absent: as packaged)'}")
    for table, entries in asdict(spellings).items():
        for original, latin in entries.items():
            out.say(f"{table:8} {original} {latin}")
    return 0


COMMAND = HomeCommand()
