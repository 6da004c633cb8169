"""Kill -9 at every named step, over and over: one live card, every blank accounted for, nothing stuck.

One home meets all the kills of a chain, each in a run of its own, until a run comes through.
"""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from card_io.perso.personaliser import Step
from card_io.perso.profile import Profile
from hardware_mocks.chip_memory import CardImage
from kiosk.bootstrap.home import open_home
from kiosk.bootstrap.kiosk import open_home_store
from kiosk.domain.cases import BlankDrawn, CardHandedOver, Stage
from kiosk.domain.stock import BlankState
from kiosk.workflow.flow import replay

sys.path.insert(0, str(Path(__file__).parent))
from desk_runs import Run, shekara, write_scenario

pytestmark = pytest.mark.timeout(1200)  # many runs, each a process of its own

PROFILE = Profile.load("iso7816")
FLOW = (
    "open", "page", "chip", "stay", "declaration", "decision", "reserve", "blank", "personalise",
    "print", "print/send", "check", "hand-over",
)  # fmt: skip
WRITES = tuple(f"write:{file.name}" for file in PROFILE.files)
PERSONALISATION = (
    *(str(step) for step in Step if step is not Step.WRITE),
    *WRITES,
)


def fault(step: str, moment: str, action: str) -> str:
    return f'[[fault]]\nstep = "{step}"\nmoment = "{moment}"\naction = "{action}"\n'


def chain(steps: tuple[str, ...], action: str) -> str:
    return "".join(fault(step, moment, action) for step in steps for moment in ("begin", "done"))


def run_to_the_end(tmp_path: Path, scenario: Path, kills: int, *options: str) -> tuple[Run, int]:
    """Start again after each kill; returns the run that came through and how many did not."""
    lost = 0
    while True:
        done = shekara(
            "demo", "--home", str(tmp_path / "home"), "--scenario", str(scenario),
            "--out", str(tmp_path / "out"), "--no-registry", *options,
        )  # fmt: skip
        if done.status == 0:
            return done, lost
        assert done.status in (-9, 1), f"{done.status} {done.answer} {done.errors[-2000:]}"
        lost += 1
        assert lost <= kills, f"the home did not recover: {done.status} {done.answer} {done.errors[-2000:]}"


def check_books(home_path: Path) -> None:
    """At most one live card per traveller, every drawn blank accounted for, the audit chain whole."""
    home = open_home(home_path)
    store = open_home_store(home)
    try:
        assert store.check_audit() is None
        handed_over: list[str] = []
        drawn: set[str] = set()
        for row in store.cases():
            events = store.events(row.case_id)
            case = replay(events)
            assert case.stage in (Stage.CARD_ACTIVE, Stage.SYNCED)
            assert sum(job.live for job in case.jobs) == 1
            drawn |= {event.chip_serial for event in events if isinstance(event, BlankDrawn)}
            handed_over += [case.id for event in events if isinstance(event, CardHandedOver)]
            assert case.job is not None
            assert store.blank_state(case.job.chip_serial) is BlankState.ISSUED
        assert len(handed_over) == len(set(handed_over))
        counts = store.stock_counts()
        assert counts.get(BlankState.IN_JOB, 0) == 0
        assert sum(counts.get(s, 0) for s in (BlankState.ISSUED, BlankState.SPOILED)) == len(drawn)
        states = [store.blank_state(serial) for serial in drawn]
        check_chips(home_path, states.count(BlankState.ISSUED))
    finally:
        store.close()


def steps_taken(home_path: Path) -> set[str]:
    """Every step that the runs of a home logged."""
    lines = (home_path / "logs" / "kiosk.log").read_text(encoding="utf-8").splitlines()
    return {record["step"] for record in map(json.loads, lines) if record["event"] == "step"}


def check_chips(home_path: Path, issued: int) -> None:
    """Ask the chips themselves: as many are locked with data as cards were issued."""
    images = [CardImage.load(path) for path in sorted((home_path / "sim").rglob("cards/*.json"))]
    locked = [image for image in images if "app/0101" in image.files and image.life_cycle == "operational"]
    assert len(locked) == issued
    assert len({hashlib.sha256(image.files["app/0101"]).digest() for image in locked}) == issued


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps", [FLOW, tuple(f"personalise/{name}" for name in PERSONALISATION)], ids=["flow", "personalisation"]
)
def test_power_cut_at_every_step(tmp_path: Path, steps: tuple[str, ...]) -> None:
    """Kiosk and chips lose power together, at the begin and at the end of each step."""
    scenario = write_scenario(tmp_path / "kill.toml", chain(steps, "kill_kiosk"))
    done, lost = run_to_the_end(tmp_path, scenario, 2 * len(steps), "--in-process")
    assert lost == 2 * len(steps)
    assert done.answer["all_as_expected"] is True
    check_books(tmp_path / "home")
    known = {*FLOW, *(f"personalise/{name}" for name in PERSONALISATION)}
    assert steps_taken(tmp_path / "home") == known  # a new step must be killed too


@pytest.mark.slow
@pytest.mark.pcsc
@pytest.mark.parametrize("action", ["kill_kiosk", "kill_card", "kill_both"])
def test_kills_over_the_real_stack(tmp_path: Path, action: str) -> None:
    """The same over pcscd: kiosk alone, the card process alone, both."""
    steps = ("personalise/write:DG2", "personalise/lock", "personalise/final-verify", "check")
    faults = "".join(fault(step, "begin", action) for step in steps)
    scenario = write_scenario(tmp_path / "kill.toml", faults)
    done, _ = run_to_the_end(tmp_path, scenario, len(steps))
    assert done.answer["all_as_expected"] is True
    check_books(tmp_path / "home")


@pytest.mark.campaign
@pytest.mark.parametrize("action", ["kill_kiosk", "kill_card", "kill_both"])
@pytest.mark.parametrize(
    "steps", [FLOW, tuple(f"personalise/{name}" for name in PERSONALISATION)], ids=["flow", "personalisation"]
)
def test_the_whole_campaign(tmp_path: Path, steps: tuple[str, ...], action: str) -> None:
    """Every named step, begin and end, each way to die, over pcscd."""
    scenario = write_scenario(tmp_path / "kill.toml", chain(steps, action))
    done, lost = run_to_the_end(tmp_path, scenario, 2 * len(steps))
    print(f"{action}: {lost} runs cut off")
    assert done.answer["all_as_expected"] is True
    check_books(tmp_path / "home")
