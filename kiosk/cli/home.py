"""`shekara home`: make and describe a home directory."""

import argparse
import secrets
from datetime import UTC, datetime

from kiosk.bootstrap.home import Home, create_lab_home, create_production_home, open_home
from kiosk.cli.command import Output
from kiosk.settings import load_settings


class HomeCommand:
    """Create (lab or production) or show the directory that holds all local state."""

    name = "home"
    help = "make or describe the directory that holds all local state"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a home; its world is fixed for ever")
        create.add_argument("--world", choices=("lab", "production"), default="lab")
        actions.add_parser("show", help="world, station and places")

    def run(self, args: argparse.Namespace, out: Output) -> int:
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


COMMAND = HomeCommand()
