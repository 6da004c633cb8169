"""`shekara sim`: the simulators on the command line, for testers."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from hardware_mocks import scene
from hardware_mocks.chip import CardImage, ImageError
from hardware_mocks.chip_command import list_chips, write_chip
from hardware_mocks.documents import Specimen
from hardware_mocks.pcsc_command import run_pcsc
from hardware_mocks.scenario import Scenario, load_scenario
from kiosk.errors import ErrorCode, KioskError


class Output(Protocol):
    """The command host's voice, as far as it is used here."""

    json: bool

    def say(self, text: str = "") -> None: ...

    def result(self, values: Mapping[str, Any]) -> None: ...


class SimCommand:
    """Runs programs with virtual readers, writes specimen pictures, describes scenarios and cards."""

    name = "sim"
    help = "simulated readers, specimen documents, scenarios and card files"

    def __init__(self) -> None:
        self._actions: dict[str, Callable[[argparse.Namespace, Output], int]] = {
            "pcsc": _pcsc,
            "page": _page,
            "scenario": _scenario,
            "card": _card,
            "chip": _chip,
        }

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        pcsc = actions.add_parser("pcsc", help="run a command with two virtual PC/SC readers up")
        pcsc.add_argument("--document", type=Path, metavar="FILE", help="card image on the document reader")
        pcsc.add_argument(
            "--blank", type=Path, metavar="FILE", help="card image in the encoder (made if absent)"
        )
        pcsc.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
        page = actions.add_parser("page", help="write the picture of a traveller's passport page")
        page.add_argument("target", type=Path, metavar="FILE", help="a .png or .jpg file")
        page.add_argument("--traveller", type=int, default=1, metavar="N", help="which traveller, from 1")
        page.add_argument("--frame", action="store_true", help="as the camera sees it, not the flat page")
        page.add_argument("--scenario", type=Path, metavar="FILE", help="TOML scenario (default: ours)")
        scenario = actions.add_parser("scenario", help="check a scenario file and list its travellers")
        scenario.add_argument("file", type=Path, nargs="?", metavar="FILE", help="default: ours")
        card = actions.add_parser("card", help="describe a card image, without its secrets")
        card.add_argument("file", type=Path, metavar="FILE")
        chip = actions.add_parser("chip", help="make a passport chip's card image; alone: list them")
        chip.add_argument("kind", nargs="?", metavar="KIND|TOML", help="a shipped kind or a file of yours")
        chip.add_argument("target", nargs="?", type=Path, metavar="FILE", help="the card image to write")
        chip.add_argument("--lab", type=Path, metavar="DIR", help="lab PKI that signs (made if absent)")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        return self._actions[args.action](args, out)


def _pcsc(args: argparse.Namespace, out: Output) -> int:
    report = run_pcsc(args.program, document=args.document, blank=args.blank, quiet=out.json)
    out.result(report)
    return int(report["exit_code"])


def _page(args: argparse.Namespace, out: Output) -> int:
    plan = load_scenario(args.scenario)
    if not 1 <= args.traveller <= len(plan.traveller):
        raise KioskError(ErrorCode.USAGE, f"the scenario has travellers 1 to {len(plan.traveller)}")
    specimen = _specimen(plan, args.traveller - 1)
    picture = specimen.page()
    try:
        if args.frame:
            args.target.write_bytes(scene.still(picture, specimen.key, 0))
        else:
            picture.save(args.target, dpi=(300, 300))
    except (OSError, ValueError) as error:
        raise KioskError(ErrorCode.USAGE, f"{args.target}: {error}") from error
    out.say(f"{args.target}: specimen passport of traveller {args.traveller}")
    out.result({"file": str(args.target), "mrz": list(specimen.lines)})
    return 0


def _specimen(plan: Scenario, index: int) -> Specimen:
    return Specimen(plan.traveller[index], f"{plan.seed}/{index}")


def _scenario(args: argparse.Namespace, out: Output) -> int:
    plan = load_scenario(args.file)
    start = plan.clock.start
    out.say(f"{plan.name}: seed {plan.seed}, begins {start.isoformat()}, {len(plan.fault)} faults")
    rows = []
    for index, traveller in enumerate(plan.traveller):
        person, passport, expect = traveller.person, traveller.passport, traveller.expect
        out.say(f"{index + 1:3} {passport.state} {person.surname}, {person.given_names}: {traveller.title}")
        out.say(f"      expected {' '.join(filter(None, (expect.end, expect.reason)))}")
        rows.append({"title": traveller.title, "end": expect.end, "reason": expect.reason})
    out.result({"name": plan.name, "seed": plan.seed, "start": start.isoformat(), "travellers": rows})
    return 0


def _card(args: argparse.Namespace, out: Output) -> int:
    try:
        image = CardImage.load(args.file)
    except (OSError, ImageError) as error:
        raise KioskError(ErrorCode.USAGE, f"{args.file}: {error}") from error
    files = {name: len(content) for name, content in sorted(image.files.items())}
    out.say(f"{image.kind} card {image.serial}, {image.life_cycle}")
    for name, size in files.items():
        out.say(f"  {name}  {size:6} octets")
    out.result({"serial": image.serial, "kind": image.kind, "life_cycle": image.life_cycle, "files": files})
    return 0


def _chip(args: argparse.Namespace, out: Output) -> int:
    if args.kind is None:
        chips = list_chips()
        for name, text in chips.items():
            out.say(f"{name:24} {text}")
        out.result({"kinds": chips})
        return 0
    if args.target is None:
        raise KioskError(ErrorCode.USAGE, "where to? Name the card image to write")
    values = write_chip(args.kind, args.target, args.lab)
    out.say(f"{args.target}: {values['name']}")
    for line in values["mrz"]:
        out.say(f"  {line}")
    if values["can"]:
        out.say(f"  CAN {values['can']}")
    if values["trust"]:
        out.say(f"  trust {values['trust']}")
    out.result(values)
    return 0


COMMAND = SimCommand()
