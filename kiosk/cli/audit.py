"""`shekara audit`: show the audit log and check its chain."""

import argparse

from kiosk.cli.command import Output
from kiosk.cli.stored import opened_store


class AuditCommand:
    """Exit status 1 when the chain is broken."""

    name = "audit"
    help = "show the audit log, or check its hash chain and signatures"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="all entries")
        actions.add_parser("check", help="verify the whole chain")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        with opened_store(args.home) as store:
            if args.action == "check":
                fault = store.check_audit()
                count = len(store.audit_entries())
                out.result(
                    {
                        "whole": fault is None,
                        "entries": count,
                        "fault": None
                        if fault is None
                        else {"sequence": fault.sequence, "fault": fault.fault},
                    }
                )
                out.say(
                    f"{count} entries, the chain is whole"
                    if fault is None
                    else f"broken at entry {fault.sequence}: {fault.fault}"
                )
                return 0 if fault is None else 1
            entries = store.audit_entries()
        out.result(
            {
                "entries": [
                    {
                        "sequence": e.sequence,
                        "at": e.at.isoformat(),
                        "actor": e.actor,
                        "action": e.action,
                        "case_id": e.case_id,
                        "details": dict(e.details),
                        "hash": e.hash,
                    }
                    for e in entries
                ]
            }
        )
        for e in entries:
            out.say(f"{e.sequence:5} {e.at:%Y-%m-%d %H:%M:%S} {e.actor:14} {e.action:20} {e.case_id[:8]}")
        return 0


COMMAND = AuditCommand()
