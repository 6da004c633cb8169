"""Simulated chips as black boxes: put one on a reader, read it as a kiosk would, and count what it took."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from card_io.apdu import Command, Link, Response
from card_io.emrtd.access import AccessKey
from card_io.emrtd.reader import ReadResult, read_document
from card_io.emrtd.report import InspectionReport, inspect
from card_io.lds import mrz
from card_io.lds.index import FILES
from crypto.pki_lab import LabPki
from crypto.trust import TrustStore
from hardware_mocks.chip import Card, CardImage
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import ChipPlan
from hardware_mocks.link import InProcessSlot

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STATE = "UT"  # Utopia, whose lab signs the shipped chips
DEADLINE = 3.0
# What a chip says that has nothing to hide, and what no station can do.
NO_NEWS = frozenset({"NOT_PERFORMED", "NOT_STATED", "CHIP_NOT_AUTHENTICATED"})


class Watched:
    """A link that keeps what was sent over it."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.atr = getattr(link, "atr", b"")
        self.commands: list[Command] = []

    def send(self, command: Command) -> Response:
        self.commands.append(command)
        return self.link.send(command)

    @property
    def pace_attempts(self) -> int:
        """Tokens sent, each of which tries a password: the last command of a chain."""
        return sum(command.ins == 0x86 and command.cla == 0 for command in self.commands)

    @property
    def bac_attempts(self) -> int:
        return sum(command.ins == 0x82 for command in self.commands)


@dataclass
class Reading:
    """One read of one chip; `waits` are the seconds it kept the reader waiting."""

    plan: ChipPlan
    image: CardImage
    result: ReadResult
    watched: Watched
    waits: list[float] = field(default_factory=list)

    @property
    def apdus(self) -> int:
        return len(self.watched.commands)

    def report(self, store: TrustStore, **options: Any) -> InspectionReport:
        """The verdict on what was read; the page says what the plan says."""
        options = {"optical": mrz.parse(self.plan.lines), "now": NOW, **options}
        return inspect(self.result, store=store, **options)

    def held(self, name: str) -> bytes | None:
        """That file in the chip's memory."""
        file = FILES[name]
        return self.image.files.get(f"{'mf' if file.in_mf else 'app'}/{file.fid:04X}")


def key_of(plan: ChipPlan) -> AccessKey:
    """The right MRZ."""
    return AccessKey(mrz.parse(plan.lines).access_information())


def wrong_key_of(plan: ChipPlan) -> AccessKey:
    """The MRZ of another document."""
    return AccessKey(mrz.parse(plan.lines).access_information().translate(bytes.maketrans(b"123", b"231")))


def made(plan: ChipPlan, lab: LabPki) -> CardImage:
    """The chip of a plan, signed."""
    return build_chip(plan, lab.signer(STATE))


def read_image(
    plan: ChipPlan,
    image: CardImage,
    key: AccessKey | None = None,
    *,
    seed: str = "terminal",
    wrap: Callable[[Link], Link] = lambda link: link,
    **options: Any,
) -> Reading:
    """Read a chip in a reader with a deadline, on a clock that only counts; the terminal's draws are seeded.

    `wrap` may put something between the chip and the terminal.
    """
    waits: list[float] = []
    slot = InProcessSlot("bench", deadline=DEADLINE, wait=waits.append)
    slot.insert(Card(image))
    with slot.connect() as link:
        watched = Watched(link)
        draws = random.Random(seed)
        options = {"groups": range(1, 17), **options}
        result = read_document(wrap(watched), key or key_of(plan), random=draws.randbytes, **options)
    return Reading(plan, image, result, watched, waits)


def news(report: InspectionReport) -> set[str]:
    """The reasons in a report that are about this chip."""
    return {reason for _, reason, _ in report.reasons()} - NO_NEWS
