"""The inspection of one traveller as the window sees it: what runs, what is known, what went wrong."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Event
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from kiosk.domain.cases import Case, DecisionOutcome, Stage
from kiosk.domain.documents import Declaration
from kiosk.errors import ErrorCode, Problem
from kiosk.ports import Progress
from ui.bridge import FrameRelay
from ui.models.desk import Desk, Snapshot, snapshot

SCAN_TIMEOUT = 30.0
NEEDS_OPENING = ("failed", "undetermined", "aborted")


class Phase(StrEnum):
    """Where the inspection stands; each names the step that runs or waits."""

    IDLE = "idle"
    SCAN = "document"
    CHIP = "chip"
    STAY = "lists"
    DECIDE = "decision"
    ENDED = "ended"


@dataclass(frozen=True)
class Budget:
    """Median and 95th percentile of a step, in seconds."""

    p50: float
    p95: float


BUDGETS: Mapping[str, Budget | None] = {
    "document": Budget(3, 5),
    "chip": Budget(5, 7),
    "lists": Budget(2, 5),
    "face": None,
    "declaration": Budget(20, 45),
    "decision": Budget(4, 10),
}


class StepClock:
    """Seconds spent in each step; one step runs at a time."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.clear()

    def clear(self) -> None:
        self.spent: dict[str, float] = {}
        self.running = ""
        self._since = 0.0

    def start(self, step: str) -> None:
        """Go to `step`; "" stops the clock."""
        if self.running:
            self.spent[self.running] = self.seconds(self.running) or 0.0
        self.running, self._since = step, self._now()

    def seconds(self, step: str) -> float | None:
        """None when the step was never entered."""
        before = self.spent.get(step)
        if step == self.running:
            return (before or 0.0) + self._now() - self._since
        return before


class Inspection(QObject):
    """One traveller at a time, from the empty desk to a decision."""

    changed = Signal()
    ticked = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self.session = desk.new_session()
        self.frames = FrameRelay(self)
        self.clock = StepClock()
        self._cancel = Event()
        self._reset()
        self._timer = QTimer(self)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self.ticked)
        desk.progressed.connect(self._on_progress)
        self.frames.arrived.connect(lambda *_: desk.camera_seen())

    def _reset(self) -> None:
        self.phase = Phase.IDLE
        self.case: Case | None = None
        self.obstacle = ""
        self.progress: Progress | None = None
        self.problem: Problem | None = None
        self.problem_in = ""  # step it belongs to
        self.images: dict[str, QImage] = {}
        self.page_image = ""  # of the page last seen, also when its lines were typed since
        self.opened: set[str] = set()
        self.clock.clear()

    # -- what the widgets ask ---------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """True while a call of this inspection runs."""
        return self._timer.isActive() and self.phase in (Phase.SCAN, Phase.CHIP, Phase.STAY)

    @property
    def report(self) -> Mapping[str, Any]:
        found = self.case.inspection if self.case else None
        return found.report if found else {}

    @property
    def groups(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.report.get("groups", ()))

    def unchecked(self) -> tuple[str, ...]:
        """Fields of the page that no check digit covers, until a green verdict has confirmed them all."""
        case = self.case
        if case is None or case.page is None:
            return ()
        confirmed = case.inspection is not None and case.inspection.overall == "successful"
        return () if confirmed else case.page.unchecked

    def unopened(self) -> tuple[str, ...]:
        """Red and amber groups nobody has opened yet, in the order shown."""
        return tuple(
            group["name"]
            for group in self.groups
            if group["outcome"] in NEEDS_OPENING and group["name"] not in self.opened
        )

    def grant_obstacle(self) -> str:
        """ "" when Grant may be pressed once the form is filled; "OPEN_FIRST", "WAIT" or an error code."""
        if self.phase is not Phase.DECIDE or self.case is None:
            return "WAIT"
        if self.obstacle and self.obstacle != "GRANT_NO_DECLARATION":
            return self.obstacle
        return "OPEN_FIRST" if self.unopened() else ""

    def image(self, image_id: str) -> QImage | None:
        return self.images.get(image_id)

    # -- moves ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open a case and look for the page; only when the desk is free."""
        if self.phase in (Phase.IDLE, Phase.ENDED) and not self.desk.busy:
            self._reset()
            self._begin(Phase.SCAN)
            self._run(self.session.open_case, lambda _found: self._scan())

    def rescan(self) -> None:
        """F2: read again what failed last, else the page."""
        if self.running or self.phase in (Phase.IDLE, Phase.ENDED) or self.case is None:
            return
        if self.problem_in == Phase.CHIP or (self.case.page and self.case.page.typed):
            self._read_chip()
        elif self.problem_in == Phase.STAY:
            self._assess()
        else:
            self._scan()

    def type_mrz(self, lines: tuple[str, ...], national_name: str = "") -> None:
        """Take lines typed by hand; goes on to the chip when their check digits are right."""
        self._begin(Phase.SCAN)
        self._run(lambda: self.session.type_mrz(lines, national_name), lambda _found: self._read_chip())

    def cancel(self) -> None:
        """Give up the waiting call, if one waits."""
        self._cancel.set()

    def park(self) -> None:
        """F8: lay the case aside; it stays stored and can be resumed."""
        self._cancel.set()
        if self.phase is not Phase.IDLE:
            self.desk.run(self.session.close_case, lambda _none: None, lambda _problem: None)
            self._stop()
            self._reset()
            self.changed.emit()

    def open_group(self, name: str) -> None:
        """The guard has seen the checks of a group."""
        if name not in self.opened:
            self.opened.add(name)
            self.changed.emit()

    def form_filled(self, filled: bool) -> None:
        """The declaration is complete, or is not any more: from then on the decision takes the time."""
        step = "decision" if filled else "declaration"
        if self.phase is Phase.DECIDE and self.clock.running not in (step, ""):
            self.clock.start(step)
            self.ticked.emit()

    def grant(self, declaration: Declaration) -> None:
        """Keep the declaration and grant entry; refused by the session when it may not be."""
        if self.grant_obstacle():
            return
        reasons = self.case.entitlement.reasons if self.case and self.case.entitlement else ()
        reason = str(reasons[0]) if reasons else ""

        def work() -> Case:
            self.session.declare(declaration)
            return self.session.decide(DecisionOutcome.GRANTED, reason)

        self._decide(work)

    def refuse(self, reason: str) -> None:
        self._decide(lambda: self.session.decide(DecisionOutcome.REFUSED, reason))

    def refer(self, reason: str) -> None:
        self._decide(lambda: self.session.refer(reason))

    def resume(self, case_id: str) -> None:
        """Take up a stored case where it stopped."""
        if not self.desk.busy:
            self._reset()
            self._begin(Phase.SCAN)
            self._run(lambda: self.session.resume(case_id), self._go_on)

    # -- inside -----------------------------------------------------------------------------------

    def _begin(self, phase: Phase, step: str = "") -> None:
        self.phase = phase
        self.progress, self.problem, self.problem_in = None, None, ""
        self._cancel = Event()
        self.clock.start(step or phase.value)
        self._timer.start()
        self.changed.emit()

    def _on_progress(self, progress: Progress) -> None:
        if self.running:
            self.progress = progress
            self.ticked.emit()

    def _stop(self) -> None:
        self._timer.stop()
        self.clock.start("")

    def _run(self, step: Callable[[], Case], then: Callable[[Snapshot], None]) -> None:
        cancel, known = self._cancel, frozenset(self.images)

        def work() -> Snapshot:
            case = step()
            return snapshot(self.session, case, _image_ids(case) - known)

        def done(found: Snapshot) -> None:
            if cancel is self._cancel and not cancel.is_set():
                self._take(found)
                then(found)

        def failed(problem: Problem) -> None:
            if cancel is self._cancel:
                self._failed(problem)

        self.desk.run(work, done, failed)

    def _take(self, found: Snapshot) -> None:
        self.case, self.obstacle = found.case, found.obstacle
        self.images.update(found.images)
        if found.case.page is not None and found.case.page.page_image:
            self.page_image = found.case.page.page_image
        self.changed.emit()

    def _failed(self, problem: Problem) -> None:
        self._stop()
        if problem.code != ErrorCode.CANCELLED:
            self.problem, self.problem_in = problem, self.phase.value
            if problem.code.startswith("CAMERA_"):
                self.desk.camera_seen(problem.code)
        self.changed.emit()

    def _scan(self) -> None:
        self._begin(Phase.SCAN)
        cancel = self._cancel
        self._run(
            lambda: self.session.scan_document(
                cancel=cancel, timeout=SCAN_TIMEOUT, on_frame=self.frames.offer
            ),
            lambda _found: self._read_chip(),
        )

    def _read_chip(self) -> None:
        self._begin(Phase.CHIP)
        cancel = self._cancel
        self._run(lambda: self.session.read_chip(cancel=cancel), lambda _found: self._assess())

    def _assess(self) -> None:
        self._begin(Phase.STAY)
        self._run(self.session.assess_stay, lambda _found: self._await_decision())

    def _await_decision(self) -> None:
        self._begin(Phase.DECIDE, "declaration")

    def _decide(self, work: Callable[[], Case]) -> None:
        if self.phase is Phase.DECIDE:
            self.problem, self.problem_in = None, ""
            self.clock.start("decision")
            self._run(work, self._ended)

    def _ended(self, found: Snapshot) -> None:
        self._stop()
        referred = found.case.stage is Stage.REFERRED
        self.phase = Phase.ENDED if found.case.decision or referred else Phase.DECIDE
        self.changed.emit()

    def _go_on(self, found: Snapshot) -> None:
        steps: dict[str, Callable[[], None]] = {
            "scan_document": self._scan,
            "read_chip": self._read_chip,
            "assess_stay": self._assess,
            "declare": self._await_decision,
            "decide": self._await_decision,
        }
        if found.next_step in steps:
            steps[found.next_step]()
        else:
            self._ended(found)


def _image_ids(case: Case) -> frozenset[str]:
    page, found = case.page, case.inspection
    names = (page.page_image, page.portrait_image) if page else ()
    portrait = (found.portrait_image,) if found else ()
    return frozenset(name for name in (*names, *portrait) if name)
