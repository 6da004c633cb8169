"""`shekara case`: the cases of this desk and their stored events."""

import argparse

from kiosk.bootstrap.home import open_home
from kiosk.cli.command import Output
from kiosk.cli.stored import opened_store
from kiosk.domain.cases import event_to_json
from kiosk.errors import ErrorCode, KioskError


class CaseCommand:
    """List cases, or show the events of one."""

    name = "case"
    help = "list the cases of this desk, or show the events of one"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="newest first")
        listing.add_argument("--unfinished", action="store_true", help="only those that need something")
        show = actions.add_parser("show", help="all events of one case (personal data: in a lab home only)")
        show.add_argument("case_id")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        if args.action == "show" and not open_home(args.home).lab:
            raise KioskError(ErrorCode.ROLE_NOT_ALLOWED, "case data is shown at the desk, behind a login")
        with opened_store(args.home) as store:
            if args.action == "show":
                events = [event_to_json(event) for event in store.events(args.case_id)]
                out.result({"case_id": args.case_id, "events": events})
                for number, event in enumerate(events, 1):
                    out.say(f"{number:3} {event['at']} {event['by']:12} {event['kind']}")
                return 0
            rows = store.cases(unfinished_only=args.unfinished)
        out.result(
            {
                "cases": [
                    {"case_id": r.case_id, "stage": r.stage, "opened_at": r.opened_at.isoformat()}
                    for r in rows
                ]
            }
        )
        for row in rows:
            out.say(f"{row.case_id} {row.opened_at:%Y-%m-%d %H:%M} {row.stage}")
        return 0


COMMAND = CaseCommand()
