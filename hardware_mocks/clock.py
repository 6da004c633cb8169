"""The scenario's clock and randomness: both stand still unless the flow moves them."""

import hashlib
import secrets
import threading
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from hardware_mocks.chip import SeededRandom
from hardware_mocks.durable import read_json, write_json
from hardware_mocks.scenario import ClockPlan


class SystemClock:
    """The machine's time; steps take as long as they take."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def step(self, name: str) -> None:
        """Nothing to do: time passes by itself."""


class ScenarioClock:
    """Constant between steps; kept on disk, so that it never goes back after a restart."""

    def __init__(self, path: Path, plan: ClockPlan, start: datetime) -> None:
        self._path = path
        self._plan = plan
        self._start = start
        self._lock = threading.Lock()
        stored = read_json(path)
        self._passed = float(stored["passed"]) if isinstance(stored, dict) else 0.0

    def now(self) -> datetime:
        with self._lock:
            return self._start + timedelta(seconds=self._passed)

    def step(self, name: str) -> None:
        """A step begins: move on by what the scenario gives it."""
        own = (seconds for pattern, seconds in self._plan.steps.items() if fnmatchcase(name, pattern))
        with self._lock:
            self._passed += next(own, self._plan.seconds_per_step)
            write_json(self._path, {"passed": self._passed})


def randomness(seed: str | None, boot: int) -> "RandomSource":
    """Random bytes that repeat for the same seed and number of starts; None: the system's."""
    if seed is None:
        return RandomSource(None)
    return RandomSource(SeededRandom(hashlib.sha256(f"shekara desk/{seed}/{boot}".encode()).digest(), 0))


class RandomSource:
    """RandomBytes for any thread."""

    def __init__(self, stream: SeededRandom | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, size: int) -> bytes:
        if self._stream is None:
            return secrets.token_bytes(size)
        with self._lock:
            return self._stream(size)
