"""`shekara sync`: the queue to the registry, and one round of delivery."""

import argparse

from kiosk.bootstrap.kiosk import deliver_now
from kiosk.cli.command import Output, queue_facts
from kiosk.cli.stored import opened_store


class SyncCommand:
    """Show the queue, or send what waits now."""

    name = "sync"
    help = "show the queue to the registry, or deliver what waits"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("queue", help="how many messages wait")
        actions.add_parser("deliver", help="send all that waits; exit status 1 when something still does")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        if args.action == "queue":
            with opened_store(args.home) as store:
                queue = store.queue()
            facts = queue_facts(queue)
            out.result(facts)
            out.say(" ".join(f"{name}={value}" for name, value in facts.items()))
            return 0
        report = deliver_now(args.home)
        out.result(
            {
                "sent": report.sent,
                "waiting": report.waiting,
                "refused": report.refused,
                "problem": report.problem,
            }
        )
        out.say(f"sent={report.sent} waiting={report.waiting} refused={report.refused} {report.problem}")
        return 0 if report.waiting == 0 else 1


COMMAND = SyncCommand()
