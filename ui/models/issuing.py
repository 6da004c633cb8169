"""The card desk as the window sees it: cards that wait, the one in hand, and its steps."""

from collections.abc import Callable
from enum import StrEnum
from threading import Event

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from kiosk.domain.card import CardJob, JobState
from kiosk.domain.cases import Case, Stage
from kiosk.errors import ErrorCode, Problem
from kiosk.ports import Progress, ProgressPhase
from ui.bridge import to_qimage
from ui.models.desk import Desk, Snapshot, snapshot

STEPS = ("reserve_card", "draw_blank", "personalise", "print_card", "check_card", "hand_over")
_PHASES = {
    ProgressPhase.DRAW_BLANK: "draw_blank",
    ProgressPhase.PERSONALISE: "personalise",
    ProgressPhase.VERIFY_CARD: "personalise",
    ProgressPhase.DRAW_CARD: "print_card",
    ProgressPhase.PRINT: "print_card",
    ProgressPhase.FINAL_CHECK: "check_card",
    ProgressPhase.HAND_OVER: "hand_over",
}


class StepState(StrEnum):
    """How a step of the issue stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Issuing(QObject):
    """One card at a time, from the reserved number to the traveller's hand."""

    changed = Signal()
    progressed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.desk = desk
        self.session = desk.new_session()
        self.queue: tuple[Case, ...] = ()
        self.case: Case | None = None
        self.next_step = ""
        self.current = ""  # step that runs
        self.failed_step = ""
        self.problem: Problem | None = None
        self.progress: Progress | None = None
        self.front: QImage | None = None
        self.back: QImage | None = None
        self._cancel = Event()
        desk.progressed.connect(self._on_progress)

    # -- what the widgets ask ---------------------------------------------------------------------

    @property
    def job(self) -> CardJob | None:
        return self.case.job if self.case else None

    @property
    def running(self) -> bool:
        return bool(self.current)

    @property
    def issued(self) -> bool:
        return self.job is not None and self.job.state is JobState.ACTIVE

    def state_of(self, step: str) -> StepState:
        """A step as the list shows it."""
        if step == self.failed_step:
            return StepState.FAILED
        if step == self.current:
            return StepState.RUNNING
        if self.case is None or self.job is None:
            return StepState.WAITING
        reached = STEPS.index(self.next_step) if self.next_step in STEPS else len(STEPS)
        return StepState.DONE if STEPS.index(step) < reached else StepState.WAITING

    # -- moves ------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look up the granted cases whose card is not handed over yet."""

        def work() -> tuple[Case, ...]:
            reader = self.desk.new_session()
            rows = [row for row in reader.unfinished() if row.stage == Stage.DECIDED]
            return tuple(reader.resume(row.case_id) for row in reversed(rows))

        if not self.desk.busy:
            self.desk.run(work, self._queued, self._failed)

    def select(self, case_id: str) -> None:
        """Take a card job in hand."""
        if self.running or (self.case is not None and self.case.id == case_id):
            return
        self.front = self.back = None
        self._run(lambda: self.session.resume(case_id), "", lambda: None)

    def issue(self) -> None:
        """Go on with the card in hand until it can be handed over."""
        if self.case is None or self.running or self.next_step not in STEPS:
            return
        if self.next_step == "hand_over":
            self._run(self.session.hand_over, "hand_over", self.refresh)
        else:
            self._cancel = Event()
            self._run(self._call(self.next_step), self.next_step, self._go_on)

    def spoil(self, reason: str) -> None:
        """End the job in hand; the next `issue` starts another card."""
        if self.job is not None and not self.running:
            self.front = self.back = None
            self._run(lambda: self.session.spoil(reason), "", lambda: None)

    def cancel(self) -> None:
        self._cancel.set()

    # -- inside -----------------------------------------------------------------------------------

    def _call(self, step: str) -> Callable[[], Case]:
        session, cancel = self.session, self._cancel
        calls: dict[str, Callable[[], Case]] = {
            "reserve_card": session.reserve_card,
            "draw_blank": lambda: session.draw_blank(cancel=cancel),
            "personalise": lambda: session.personalise(cancel=cancel),
            "print_card": lambda: session.print_card(cancel=cancel),
            "check_card": lambda: session.check_card(cancel=cancel),
        }
        return calls[step]

    def _run(self, call: Callable[[], Case], step: str, then: Callable[[], None]) -> None:
        self.current, self.failed_step = step, ""
        self.problem, self.progress = None, None
        self.changed.emit()

        def work() -> tuple[Snapshot, QImage | None, QImage | None]:
            found = snapshot(self.session, call())
            faces = self.session.preview()
            if faces is None:
                return found, None, None
            return found, to_qimage(faces.front, rgb=True), to_qimage(faces.back, rgb=True)

        def done(result: tuple[Snapshot, QImage | None, QImage | None]) -> None:
            found, self.front, self.back = result
            self.case, self.next_step, self.current = found.case, found.next_step, ""
            self.queue = tuple(found.case if case.id == found.case.id else case for case in self.queue)
            self.changed.emit()
            then()

        self.desk.run(work, done, self._failed)

    def _go_on(self) -> None:
        if self.next_step != "hand_over" and not self._cancel.is_set():
            self.issue()

    def _queued(self, cases: tuple[Case, ...]) -> None:
        self.queue = cases
        self.changed.emit()
        if cases and (self.case is None or self.issued):
            self.select(cases[0].id)

    def _failed(self, problem: Problem) -> None:
        self.failed_step, self.current = self.current, ""
        if problem.code != ErrorCode.CANCELLED:
            self.problem = problem
        if problem.code == ErrorCode.FINAL_CHECK_DIFFERENT:
            self._take_up_again()
        self.changed.emit()

    def _take_up_again(self) -> None:
        """The final check has ended the job itself: show the case as it is now, and the problem with it."""
        case = self.case
        if case is None:
            return

        def done(found: Snapshot) -> None:
            self.front = self.back = None
            self.case, self.next_step, self.failed_step = found.case, found.next_step, ""
            self.queue = tuple(found.case if item.id == found.case.id else item for item in self.queue)
            self.changed.emit()

        self.desk.run(lambda: snapshot(self.session, self.session.resume(case.id)), done, self._failed)

    def _on_progress(self, progress: Progress) -> None:
        if self.running and progress.phase in _PHASES:
            self.progress = progress
            self.progressed.emit()
