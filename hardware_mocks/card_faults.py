"""Planned accidents for one reader slot: the card is pulled, falls silent, or its process is killed.

A fault waits for the n-th command that fits and strikes before it is carried out, in the middle (a torn
write) or after it is durable but unanswered. Kill tests of the product stand on these three moments.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from hardware_mocks.chip import Card

ACTIONS = ("remove", "kill", "mute")
MOMENTS = ("before", "during", "after")


class CardPulled(Exception):
    """The card has left the reader in the middle of a command."""


class CardMute(Exception):
    """The card never answers this command."""


@dataclass(frozen=True)
class CardFault:
    """Strike at the count-th command from now whose INS and P1P2 fit (None fits all).

    action: remove the card, kill the card process (SIGKILL), or never answer; when: before, during (UPDATE
    BINARY keeps half of its data) or after the command takes effect. ValueError for values outside these.
    """

    action: str
    when: str = "after"
    ins: int | None = None
    p1p2: int | None = None
    count: int = 1

    def __post_init__(self) -> None:
        if self.action not in ACTIONS or self.when not in MOMENTS:
            raise ValueError(f"unknown fault: {self.action} {self.when}")
        for value, least, most in ((self.ins, 0, 0xFF), (self.p1p2, 0, 0xFFFF), (self.count, 1, 1 << 31)):
            if value is not None and not (isinstance(value, int) and least <= value <= most):
                raise ValueError("a fault's command or count is out of range")

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> "CardFault":
        """A fault from the fields of a scenario or control message; TypeError for unknown fields."""
        return cls(**value)

    def fits(self, apdu: bytes) -> bool:
        """Whether the command is one this fault counts."""
        if self.ins is not None and apdu[1:2] != bytes([self.ins]):
            return False
        return self.p1p2 is None or apdu[2:4] == self.p1p2.to_bytes(2, "big")


class FaultPlan:
    """The faults armed on a slot, how slow its cards are, and what struck last."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.last_fault: str | None = None
        self._armed: list[tuple[CardFault, int]] = []
        self._lock = threading.Lock()

    def arm(self, fault: CardFault) -> None:
        with self._lock:
            self._armed.append((fault, fault.count))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    @property
    def armed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) | {"left": left} for fault, left in self._armed]

    def due(self, apdu: bytes) -> CardFault | None:
        """Count the command; the fault that strikes at it, which is then spent."""
        with self._lock:
            counted = [(fault, left - fault.fits(apdu)) for fault, left in self._armed]
            struck = [fault for fault, left in counted if left == 0]
            self._armed = [(fault, left) for fault, left in counted if left]
        return struck[0] if struck else None


def kill_own_process() -> NoReturn:
    """The power cut: no cleanup, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(137)


class FaultyCard:
    """A card seen through a slot's fault plan; apdus counts the commands that reached it."""

    def __init__(
        self,
        card: Card,
        plan: FaultPlan,
        kill: Callable[[], None] = kill_own_process,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """wait: spends the seconds a slow card takes (None: really); CardMute from it reaches the reader."""
        self.card = card
        self.apdus = 0
        self._since_power = 0
        self._plan = plan
        self._kill = kill
        self._wait = wait or threading.Event().wait

    def power_on(self) -> bytes:
        self._since_power = 0
        return self.card.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        """The card's answer; CardPulled or CardMute when a fault strikes instead."""
        self.apdus += 1
        self._since_power += 1
        if self._plan.delay:
            self._wait(self._plan.delay)
        fault = self._plan.due(apdu)
        if fault is None:
            return self._answer(apdu)
        self._strike(fault, apdu)
        raise CardMute if fault.action == "mute" else CardPulled

    def _answer(self, apdu: bytes) -> bytes:
        """What the chip says, by its own behaviour and in its own time."""
        behaviour = self.card.image.behaviour
        if self._since_power == behaviour.remove_at:
            raise CardPulled
        if 0 < behaviour.silent_at <= self._since_power:
            raise CardMute
        answer = self.card.transmit(apdu)
        if seconds := behaviour.seconds(apdu, answer):
            self._wait(seconds)
        return answer

    def _strike(self, fault: CardFault, apdu: bytes) -> None:
        if fault.when != "before":
            self.card.transmit(apdu, torn=fault.when == "during")
        self._plan.last_fault = f"{fault.action} {fault.when} command {self.apdus} ({apdu[:4].hex().upper()})"
        if fault.action == "kill":
            self._kill()
