"""`shekara demo`: the main job without a window, on simulated devices, by the same workflow code.

Runs the travellers of a scenario, writes what each step left behind, prints a table of steps, and
ends with status 0 only if every issued card verified and every traveller ended as the scenario says.
"""

import argparse
import json
import secrets
from pathlib import Path
from typing import Any

from kiosk.bootstrap.home import create_lab_home
from kiosk.bootstrap.kiosk import Kiosk, open_kiosk
from kiosk.bootstrap.rehearsal import scenario_basis
from kiosk.cli.command import Output, queue_facts
from kiosk.cli.evidence import write_evidence
from kiosk.cli.rehearse import Outcome, Rehearsal
from kiosk.domain.roles import Role
from kiosk.errors import ErrorCode, KioskError

OPERATOR = "tester"


class DemoCommand:
    """The headless main job."""

    name = "demo"
    help = "run the whole flow without a window, on simulated devices, and write its evidence"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--scenario", type=Path, metavar="FILE", help="TOML scenario (default: ours)")
        parser.add_argument("--travellers", type=int, metavar="N", help="only the first N travellers")
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="where to write (default: ./shekara-demo)"
        )
        parser.add_argument(
            "--in-process", action="store_true", help="simulated link in process instead of the PC/SC stack"
        )
        parser.add_argument("--no-registry", action="store_true", help="leave the registry stopped")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        target = args.out or _free(Path("shekara-demo"))
        home = args.home if args.home_given else target / "home"
        basis = scenario_basis(args.scenario)
        if not (home / "home.toml").exists():
            out.say(f"making a lab home in {home}")
            create_lab_home(home, random=secrets.token_bytes, seed=basis.seed, now=basis.start)
        kiosk = open_kiosk(
            home,
            scenario=args.scenario,
            in_process=args.in_process,
            embedded_registry=not args.no_registry,
            say=lambda what: out.say(f"starting {what}"),
        )
        try:
            return self._rehearse(kiosk, basis.name, args.travellers, target, out)
        finally:
            kiosk.close()

    def _rehearse(self, kiosk: Kiosk, name: str, travellers: int | None, target: Path, out: Output) -> int:
        if kiosk.desk is None:
            raise KioskError(ErrorCode.WORLD_REFUSED, "the demo needs a lab home with simulated devices")
        for code, detail in kiosk.notices:
            out.say(f"note: {code} {detail}")
        out.say(f"scenario {name}, link {kiosk.desk.link}, registry {_registry_word(kiosk)}")
        target.mkdir(parents=True, exist_ok=True)
        rehearsal = Rehearsal(kiosk, kiosk.session(OPERATOR, Role.TESTER), target)
        outcomes = rehearsal.run(travellers)
        report = kiosk.deliver()
        queue = kiosk.store.queue()
        summary = _summary(name, kiosk, outcomes)
        summary["queue"] = queue_facts(queue)
        summary["delivery_problem"] = report.problem
        fault = kiosk.store.check_audit()
        summary["audit_whole"] = fault is None
        write_evidence(kiosk, outcomes, target, summary)
        for line in table(outcomes):
            out.say(line)
        out.say(
            f"queue: {queue.cases} case(s) waiting with {queue.waiting} messages, {queue.sent} sent, "
            f"{queue.refused} refused"
        )
        out.say(f"files in {target}")
        out.result(summary)
        good = all(outcome.as_expected for outcome in outcomes) and fault is None and queue.refused == 0
        return 0 if good else 1


def _registry_word(kiosk: Kiosk) -> str:
    return "running" if kiosk.registry.reachable() else "not reachable"


def _free(base: Path) -> Path:
    """`base`, or the first `base-N` that does not exist: nothing is ever overwritten."""
    candidates = (base if n == 1 else base.with_name(f"{base.name}-{n}") for n in range(1, 10_000))
    return next(path for path in candidates if not path.exists())


def _summary(name: str, kiosk: Kiosk, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "scenario": name,
        "link": kiosk.desk.link if kiosk.desk else "",
        "notices": [code for code, _ in kiosk.notices],
        "travellers": [outcome.to_json() for outcome in outcomes],
        "all_as_expected": all(outcome.as_expected for outcome in outcomes),
    }


def table(outcomes: list[Outcome]) -> list[str]:
    """A fixed-width table: one row a step, one column a traveller, seconds in the cells."""
    names = list(dict.fromkeys(step for outcome in outcomes for step in outcome.seconds))
    width = max([len(name) for name in names] + [10])
    head = " " * width + "".join(f"{f'#{outcome.number}':>9}" for outcome in outcomes)
    rows = [head]
    for name in names:
        cells = (f"{o.seconds[name]:9.2f}" if name in o.seconds else f"{'–':>9}" for o in outcomes)
        rows.append(f"{name:{width}}" + "".join(cells))
    rows.append(f"{'total':{width}}" + "".join(f"{sum(o.seconds.values()):9.2f}" for o in outcomes))
    rows.append("")
    for o in outcomes:
        mark = "ok " if o.as_expected else "BAD"
        reasons = ", ".join(o.reasons) or "–"
        rows.append(f"{mark} #{o.number} {o.name}: verdict {o.verdict}, end {o.end}, {reasons}")
        if o.problem:
            rows.append(f"       problem: {o.problem}")
    return rows


def load_summary(target: Path) -> dict[str, Any]:
    """The summary a demo wrote."""
    loaded: dict[str, Any] = json.loads((target / "summary.json").read_text(encoding="utf-8"))
    return loaded


COMMAND = DemoCommand()
