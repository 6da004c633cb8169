"""Scenario files: what they may say, and how faults are kept from striking twice."""

import contextlib
import copy
import tomllib
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_mocks.clock import ScenarioClock, randomness
from hardware_mocks.faults import Fault, FaultLedger
from hardware_mocks.scenario import ClockPlan, load_scenario, parse_scenario
from kiosk.errors import ErrorCode, KioskError

DEMO = tomllib.loads(resources.files("hardware_mocks").joinpath("scenarios/demo.toml").read_text("utf-8"))


def demo() -> dict[str, Any]:
    return copy.deepcopy(DEMO)


def refused(table: dict[str, Any]) -> str:
    with pytest.raises(KioskError) as caught:
        parse_scenario(table)
    assert caught.value.code is ErrorCode.SCENARIO_INVALID
    return caught.value.detail


def test_the_shipped_scenario_has_the_travellers_it_promises() -> None:
    plan = load_scenario(None)
    states = {t.passport.state for t in plan.traveller}
    assert {"UZB", "KGZ", "TJK", "RUS", "CHN"} <= states
    assert len(plan.traveller) >= 6
    assert any(t.passport.expiry < plan.first_day for t in plan.traveller)
    assert any(t.passport.tamper == "DG2" for t in plan.traveller)
    assert any(t.passport.bac and not t.passport.pace for t in plan.traveller)
    assert any(t.stay and t.expect.end == "REFUSED" for t in plan.traveller)


def test_stays_count_back_from_the_first_day() -> None:
    plan = load_scenario(None)
    traveller = next(t for t in plan.traveller if t.stay)
    stays = traveller.rehearsal(date(2026, 11, 23)).stays
    assert (stays[0].entered, stays[0].left) == (date(2026, 6, 6), date(2026, 7, 5))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("colour",), 1, "unknown key 'colour'"),
        (("seed",), 5, "scenario.seed: not a str"),
        (("traveller",), [], "traveller: nobody comes"),
        (("clock", "start"), datetime(2026, 1, 1), "clock.start"),  # noqa: DTZ001
        (("clock", "seconds_per_step"), "2", "clock.seconds_per_step"),
        (("box", "blanks"), 0, "box.blanks"),
        (("traveller", 0, "person", "sex"), "male", "traveller[0].person.sex"),
        (("traveller", 0, "passport", "expiry"), date(2001, 1, 1), "traveller[0].passport"),
        (("traveller", 0, "passport", "tamper"), "DG9", "tamper"),
        (("traveller", 0, "decision"), "maybe", "decision"),
        (("traveller", 0, "expect"), {"end": "LOST"}, "expect.end"),
        (("traveller", 0, "person"), {"surname": "X"}, "is missing"),
        (("fault",), [{"step": "print", "action": "explode"}], "explode"),
        (("fault",), [{"step": "print", "action": "kill_kiosk", "moment": "later"}], "later"),
    ],
)
def test_mistakes_are_refused_with_their_place(path: tuple[Any, ...], value: object, place: str) -> None:
    table = demo()
    target: Any = table
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    assert place in refused(table)


def test_a_file_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    for path in (broken, tmp_path / "absent.toml"):
        with pytest.raises(KioskError) as caught:
            load_scenario(path)
        assert caught.value.code is ErrorCode.SCENARIO_INVALID


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["name", "clock", "traveller", "fault", "box", "printer"]),
    values,
)
def test_whatever_stands_there_is_read_or_refused(key: str, value: Any) -> None:
    table = demo()
    table[key] = value
    with contextlib.suppress(KioskError):
        parse_scenario(table)


def test_a_fault_strikes_once_per_home_and_is_written_down_first(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    faults = [Fault("personalise/write:*", "kill_kiosk", occurrence=2), Fault("print", "printer_jam")]
    struck: list[str] = []

    def act(fault: Fault) -> None:
        assert path.exists()
        struck.append(fault.action)

    ledger = FaultLedger(path, "s", faults)
    ledger.strike("personalise/write:DG1", "begin", 1, act)
    ledger.strike("personalise/write:DG2", "done", 1, act)
    assert struck == []
    ledger.strike("personalise/write:DG2", "begin", 1, act)
    again = FaultLedger(path, "s", faults)
    for _ in range(3):
        again.strike("personalise/write:DG2", "begin", 1, act)
        again.strike("print", "begin", 1, act)
    assert struck == ["kill_kiosk", "printer_jam"]
    assert FaultLedger(path, "another scenario", faults).fired == ()


def test_kills_come_last_and_only_for_their_traveller(tmp_path: Path) -> None:
    faults = [Fault("print", "kill_both", traveller=2), Fault("print", "printer_jam", traveller=2)]
    ledger = FaultLedger(tmp_path / "faults.json", "s", faults)
    struck: list[str] = []
    ledger.strike("print", "begin", 1, lambda fault: struck.append(fault.action))
    assert struck == []
    ledger.strike("print", "begin", 2, lambda fault: struck.append(fault.action))
    assert struck == ["printer_jam", "kill_both"]


def test_the_clock_stands_between_steps_and_survives_a_restart(tmp_path: Path) -> None:
    start = datetime(2026, 11, 23, 4, tzinfo=UTC)
    plan = ClockPlan(start, 2.0, {"print": 30.0, "personalise/*": 1.0})
    clock = ScenarioClock(tmp_path / "clock.json", plan, start)
    assert clock.now() == clock.now() == start
    for step in ("page", "print", "personalise/write:DG2"):
        clock.step(step)
    assert (clock.now() - start).total_seconds() == 33.0
    assert ScenarioClock(tmp_path / "clock.json", plan, start).now() == clock.now()


def test_randomness_repeats_for_seed_and_start_only() -> None:
    assert randomness("a", 1)(40) == randomness("a", 1)(40)
    assert randomness("a", 1)(40) != randomness("a", 2)(40)
    assert randomness(None, 1)(40) != randomness(None, 1)(40)
