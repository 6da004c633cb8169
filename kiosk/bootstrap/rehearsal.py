"""Finds the rehearsal desk, if one is installed: simulated devices and travellers for a lab home."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RehearsalDesk


@dataclass(frozen=True)
class Basis:
    """What a lab home must be made from so that a scenario repeats: its seed and its clock."""

    name: str
    seed: str
    start: datetime


def _provider() -> Any:
    for entry in entry_points(group="kiosk.rehearsal"):
        return entry.load()
    raise KioskError(ErrorCode.DEVICE_UNKNOWN, "no rehearsal desk is installed")


def scenario_basis(scenario: Path | None) -> Basis:
    """Name, seed and start of a scenario file (None: the one that ships). SCENARIO_INVALID."""
    name, seed, start = _provider().basis(scenario)
    return Basis(name, seed, start)


def open_rehearsal(home: Path, scenario: Path | None, *, in_process: bool) -> RehearsalDesk:
    """Start the simulated devices over what the home's last run left in them."""
    return cast(RehearsalDesk, _provider().open(home, scenario, in_process=in_process))
