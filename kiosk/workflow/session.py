"""One traveller at the desk: the calls the window and the headless run both make.

Every call blocks, belongs on a lane, returns the new immutable case, and raises an error with a
code. What was accepted before an error stays accepted.
"""

from collections.abc import Callable
from threading import Event as CancelEvent

from kiosk.domain.card import JobState
from kiosk.domain.cases import Case, CaseOpened, DecisionOutcome
from kiosk.domain.documents import Declaration
from kiosk.domain.roles import Action
from kiosk.ports import CardFaces, CaseRow, Progress
from kiosk.workflow.case_log import CaseLog
from kiosk.workflow.desk import Desk, Hooks, Operator
from kiosk.workflow.inspecting import FrameWatcher, Inspecting
from kiosk.workflow.issuing import Issuing

SCAN_TIMEOUT = 30.0
CHIP_TIMEOUT = 5.0


class Session:
    """Holds the case in hand and offers the steps of the flow."""

    def __init__(self, desk: Desk, operator: Operator, hooks: Hooks | None = None) -> None:
        self._log = CaseLog(desk, operator, hooks or Hooks())
        self._inspecting = Inspecting(self._log)
        self._issuing = Issuing(self._log)
        self._desk = desk

    @property
    def operator(self) -> Operator:
        return self._log.operator

    @property
    def case(self) -> Case | None:
        return self._log.case if self._log.open else None

    @property
    def on_progress(self) -> Callable[[Progress], None]:
        return self._log.hooks.on_progress

    @on_progress.setter
    def on_progress(self, listener: Callable[[Progress], None]) -> None:
        self._log.hooks.on_progress = listener

    # -- cases ----------------------------------------------------------------------------------

    def open_case(self) -> Case:
        """Open a case for the next traveller; the one in hand stays stored as it is."""
        self._log.require(Action.INSPECT)
        self._log.forget()
        case_id = self._desk.random(16).hex()
        event = CaseOpened(
            at=self._desk.clock.now(),
            by=self.operator.id,
            case_id=case_id,
            station=self._desk.station.id,
            is_test=self._desk.station.lab,
        )
        with self._log.step("open"):
            return self._log.accept(event, case_id=case_id)

    def unfinished(self) -> tuple[CaseRow, ...]:
        """Cases of this desk that still need something, newest first."""
        return self._desk.store.cases(unfinished_only=True)

    def resume(self, case_id: str) -> Case:
        """Take up a stored case; `next_step` says where it goes on."""
        return self._log.load(case_id)

    def close_case(self) -> None:
        """Lay the case aside; it stays stored as it is."""
        self._log.forget()

    def next_step(self) -> str:
        """Name of the method that goes on from here, "" when the case needs nothing more."""
        case = self._log.case
        if case.finished:
            return ""
        if case.decision is not None:
            return _next_card_step(case)
        if case.page is None:
            return "scan_document"
        if case.inspection is None:
            return "read_chip"
        if case.entitlement is None:
            return "assess_stay"
        return "declare" if case.declaration is None else "decide"

    # -- steps ----------------------------------------------------------------------------------

    def scan_document(
        self,
        *,
        cancel: CancelEvent | None = None,
        timeout: float = SCAN_TIMEOUT,
        on_frame: FrameWatcher | None = None,
    ) -> Case:
        return self._inspecting.scan_document(cancel=cancel, timeout=timeout, on_frame=on_frame)

    def type_mrz(self, lines: tuple[str, ...], national_name: str = "") -> Case:
        return self._inspecting.type_mrz(lines, national_name)

    def read_chip(self, *, cancel: CancelEvent | None = None, timeout: float = CHIP_TIMEOUT) -> Case:
        return self._inspecting.read_chip(cancel=cancel, timeout=timeout)

    def assess_stay(self) -> Case:
        return self._inspecting.assess_stay()

    def declare(self, declaration: Declaration) -> Case:
        return self._inspecting.declare(declaration)

    def refer(self, reason: str) -> Case:
        return self._inspecting.refer(reason)

    def grant_obstacle(self) -> str:
        return self._inspecting.grant_obstacle()

    def decide(self, outcome: DecisionOutcome, reason: str) -> Case:
        return self._inspecting.decide(outcome, reason)

    def reserve_card(self) -> Case:
        return self._issuing.reserve_card()

    def draw_blank(self, *, cancel: CancelEvent | None = None) -> Case:
        return self._issuing.draw_blank(cancel=cancel)

    def personalise(self, *, cancel: CancelEvent | None = None) -> Case:
        return self._issuing.personalise(cancel=cancel)

    def print_card(self, *, cancel: CancelEvent | None = None) -> Case:
        return self._issuing.print_card(cancel=cancel)

    def check_card(self, *, cancel: CancelEvent | None = None) -> Case:
        return self._issuing.check_card(cancel=cancel)

    def hand_over(self) -> Case:
        return self._issuing.hand_over()

    def spoil(self, reason: str) -> Case:
        return self._issuing.spoil(reason)

    def preview(self) -> CardFaces | None:
        return self._issuing.preview()

    def image(self, image_id: str) -> bytes:
        return self._desk.store.image(image_id)


def _next_card_step(case: Case) -> str:
    job = case.job
    if job is None:
        return "reserve_card"
    if job.state is JobState.READY:
        return "personalise" if job.chip_serial else "draw_blank"
    return {
        JobState.PERSONALISED: "print_card",
        JobState.PRINTED: "check_card",
        JobState.CHECKED: "hand_over",
    }[job.state]
