"""Finds the rehearsal desk, if one is installed: simulated devices and travellers for a lab home."""

from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import OutboxMessage, Registry, RehearsalChip, RehearsalDesk, RehearsalReader


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


def specimen_chip(directory: Path, parameter: int) -> RehearsalChip:
    """A chip for measurements, made below `directory`: PACE-GM and chip authentication in that group."""
    return cast(RehearsalChip, _provider().chip(directory, parameter))


def real_reader(directory: Path, image: Path) -> RehearsalReader:
    """A PC/SC reader with that chip on it; STACK_UNAVAILABLE with the reason where there can be none."""
    return cast(RehearsalReader, _provider().reader(directory, image))


def tell_past_stays(desk: RehearsalDesk, registry: Registry, station: str) -> None:
    """What other posts reported before: the registry must know it when the desk asks.

    Ids are fixed, so telling it again changes nothing; without a registry nothing is told.
    """
    if not any(traveller.stays for traveller in desk.travellers) or not registry.reachable():
        return
    for traveller in desk.travellers:
        for number, stay in enumerate(traveller.stays):
            days = [("ENTRY", stay.entered)] + ([("EXIT", stay.left)] if stay.left else [])
            for direction, day in days:
                message = _past_crossing(traveller.document_key, number, direction, day, station)
                registry.submit(message, desk.clock.now())


def _past_crossing(key: str, number: int, direction: str, day: date, station: str) -> OutboxMessage:
    message_id = f"past-{key}-{number}-{direction.lower()}"
    body = {
        "crossing_id": message_id,
        "station": station,
        "document_key": key,
        "direction": direction,
        "on": day.isoformat(),
        "until": None,
        "is_test": True,
    }
    return OutboxMessage(message_id, "crossing", "", body)
