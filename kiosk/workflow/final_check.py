"""The final check's eyes: the printed card before the camera, and what differs from chip and case.

What was expected needs one frame: nothing else can look like it by chance. Another reading counts against the
card only when it came three times, so that a misread frame spoils nothing.
"""

import time
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event as CancelEvent
from typing import Generic, TypeVar

from crypto.errors import MalformedData
from crypto.seals import parse_seal, read_card_seal, seal_bytes, verify_seal
from crypto.trust import TrustStore
from kiosk.domain.card import CardJob
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.card_data import seal_values
from kiosk.workflow.desk import Desk

LOOK_TIMEOUT = 30.0
FRAME_TIMEOUT = 5.0
ENOUGH = 3
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Printed:
    """What the camera read on the card: the zone's lines and the text of the symbol."""

    lines: tuple[str, ...]
    text: str


def look(desk: Desk, expected: tuple[str, ...], text: str, cancel: CancelEvent | None) -> Printed:
    """Reads the printed card until zone and seal are as expected, or read differently thrice.

    Raises FINAL_CHECK_UNREADABLE after LOOK_TIMEOUT, CANCELLED, CAMERA_*.
    """
    zone, symbol = _Votes[tuple[str, ...]](expected), _Votes[str](text)
    deadline = time.monotonic() + LOOK_TIMEOUT
    while not (zone.settled and symbol.settled):
        if cancel is not None and cancel.is_set():
            raise KioskError(ErrorCode.CANCELLED)
        frame = desk.camera.read(FRAME_TIMEOUT)
        if not symbol.settled and (found := desk.proof.read_symbol(frame.image)):
            symbol.add(found)
        if not zone.settled and (lines := desk.proof.read_zone(frame.image)):
            zone.add(lines)
        missing = [name for name, vote in (("zone", zone), ("seal", symbol)) if not vote.settled]
        if missing and time.monotonic() >= deadline:
            raise KioskError(ErrorCode.FINAL_CHECK_UNREADABLE, ", ".join(missing))
    return Printed(zone.value, symbol.value)


class _Votes(Generic[T]):
    """Readings of one thing: the expected one settles it at once, another one when it comes often."""

    def __init__(self, expected: T) -> None:
        self._expected = expected
        self._seen: Counter[T] = Counter()

    @property
    def settled(self) -> bool:
        return self._expected in self._seen or any(count >= ENOUGH for count in self._seen.values())

    @property
    def value(self) -> T:
        """What settled it."""
        return self._expected if self._expected in self._seen else self._seen.most_common(1)[0][0]

    def add(self, reading: T) -> None:
        self._seen[reading] += 1


def differences(
    job: CardJob, printed: Printed, files: Mapping[str, bytes], trust: TrustStore, now: datetime
) -> tuple[str, ...]:
    """Names of what does not agree: "zone" and "seal" as printed, "chip" against the seal; () for none."""
    found = [] if printed.lines == job.card.mrz_lines else ["zone"]
    sod = files.get("EF.SOD", b"")
    try:
        data = seal_bytes(printed.text)
        verdict = verify_seal(data, trust, now=now)
        if not verdict.valid:
            return (*found, f"seal {verdict.sub}")
        sealed = read_card_seal(parse_seal(data))
    except MalformedData:
        return (*found, "seal")
    wanted = seal_values(job.card, sod)
    if sealed.chip != wanted.chip:
        found.append("chip")
    if (sealed.mrz_lines, sealed.passport_number, sealed.stay_until, sealed.category, sealed.post) != (
        wanted.mrz_lines,
        wanted.passport_number,
        wanted.stay_until,
        wanted.category,
        wanted.post,
    ):
        found.append("seal")
    return tuple(found)
