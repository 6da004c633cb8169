"""What goes wrong on purpose, and when: at the begin or the end of a named step, once per home.

A fault is written down, durably, before it strikes, so that a restart after a kill does not meet
it again.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from hardware_mocks.durable import read_json, write_json

KILLS: Final = ("kill_kiosk", "kill_card", "kill_both")
CARDS: Final = ("remove_document", "remove_card", "mute_card", "tear_card", "swap_card")
PRINTER: Final = {
    "printer_media_empty": "media-empty",
    "printer_jam": "jam",
    "printer_ribbon": "ribbon",
    "printer_cover": "cover",
    "printer_offline": "offline",
    "printer_abort": "abort",
}
CAMERA: Final = {
    "camera_freeze": "freeze",
    "camera_blur": "blur",
    "camera_glare": "glare",
    "camera_disconnect": "disconnect",
}
ACTIONS: Final = (*KILLS, *CARDS, *PRINTER, *CAMERA)


@dataclass(frozen=True)
class Fault:
    """Strike at `moment` ("begin" or "done") of the step whose name fits the shell pattern `step`.

    `traveller` (from 1) and `occurrence` narrow it down; printer and camera faults are put right
    by an invisible hand after `seconds` (0: never). `count`: tear_card tears that UPDATE BINARY.
    swap_card puts the next blank in the place of the card in the encoder.
    """

    step: str
    action: str
    moment: str = "begin"
    traveller: int = 0
    occurrence: int = 1
    seconds: float = 1.0
    count: int = 1

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown action {self.action!r}")
        if self.moment not in ("begin", "done"):
            raise ValueError(f"unknown moment {self.moment!r}")
        if self.occurrence < 1 or self.count < 1 or self.seconds < 0:
            raise ValueError("occurrence and count start at 1, seconds at 0")

    def fits(self, step: str, moment: str, traveller: int) -> bool:
        """Whether this is one of the moments it waits for; traveller 0 is nobody."""
        return self.moment == moment and self.traveller in (0, traveller) and fnmatchcase(step, self.step)


class FaultLedger:
    """The scenario's faults and which of them this home has had."""

    def __init__(self, path: Path, scenario: str, faults: Sequence[Fault]) -> None:
        self._path = path
        self._scenario = scenario
        self._faults = tuple(faults)
        self._lock = threading.Lock()
        stored = read_json(path)
        record = stored if isinstance(stored, dict) and stored.get("scenario") == scenario else {}
        self._fired: set[int] = set(record.get("fired", []))
        self._seen: dict[int, int] = {}

    @property
    def fired(self) -> tuple[int, ...]:
        """Numbers of the faults that struck, in the scenario's order."""
        return tuple(sorted(self._fired))

    def strike(self, step: str, moment: str, traveller: int, act: Callable[[Fault], None]) -> None:
        """Let every fault that is due strike, each after it was written down."""
        for fault in self._due(step, moment, traveller):
            act(fault)

    def _due(self, step: str, moment: str, traveller: int) -> list[Fault]:
        due = []
        with self._lock:
            for index, fault in enumerate(self._faults):
                if index in self._fired or not fault.fits(step, moment, traveller):
                    continue
                self._seen[index] = self._seen.get(index, 0) + 1
                if self._seen[index] >= fault.occurrence:
                    self._fired.add(index)
                    due.append(fault)
            if due:
                write_json(self._path, {"scenario": self._scenario, "fired": sorted(self._fired)})
        # A kill ends everything: what else is due at that moment comes first.
        return sorted(due, key=lambda fault: fault.action in KILLS)
