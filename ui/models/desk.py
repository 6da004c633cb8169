"""The desk behind the window: one lane for the session and the store, one for the rehearsal's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from kiosk.capture.images import decode_image
from kiosk.domain.cases import Case
from kiosk.domain.roles import Role
from kiosk.errors import KioskError, Problem
from kiosk.lanes import Lane
from kiosk.ports import DeliveryReport, Progress, QueueState
from ui.bridge import Bridge, to_qimage

if TYPE_CHECKING:
    from kiosk.bootstrap import Kiosk
    from kiosk.workflow.session import Session

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """What a step left behind: the case, what keeps it from a grant, and pictures by id."""

    case: Case
    next_step: str
    obstacle: str
    images: Mapping[str, QImage] = field(default_factory=dict)


def picture(data: bytes) -> QImage:
    """A QImage of JPEG, PNG or JPEG 2000 bytes; IMAGE_UNREADABLE when they are none of them."""
    return to_qimage(decode_image(data))


def snapshot(session: Session, case: Case, image_ids: Iterable[str] = ()) -> Snapshot:
    """Taken on the session's lane, right after a step."""
    undecided = case.decision is None
    return Snapshot(
        case=case,
        next_step=session.next_step(),
        obstacle=session.grant_obstacle() if undecided else "",
        images=_pictures(session, image_ids),
    )


def _pictures(session: Session, image_ids: Iterable[str]) -> dict[str, QImage]:
    """Those that can be shown: a portrait that is no picture leaves its place empty, the verdict stays."""
    found = {}
    for name in filter(None, image_ids):
        data = session.image(name)
        with suppress(KioskError):
            found[name] = picture(data)
    return found


@dataclass(frozen=True)
class DeviceState:
    """One device as the top bar shows it: a word of the section `state`, and its reasons."""

    word: str = "unknown"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeskState:
    """Devices and queue as last seen. `online` is None before the registry was asked."""

    queue: QueueState | None = None
    online: bool | None = None
    refused: int = 0
    printer: DeviceState = DeviceState()
    camera: DeviceState = DeviceState()
    reader: DeviceState = DeviceState()


class Desk(QObject):
    """The opened kiosk as the window uses it. Every blocking call goes through `run`."""

    progressed = Signal(object)
    state_changed = Signal()
    hands_changed = Signal()
    hands_failed = Signal(object)

    def __init__(self, kiosk: Kiosk, operator: str, role: Role, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kiosk = kiosk
        self.operator = operator
        self.role = role
        self.bridge = Bridge(self)
        self.state = DeskState()
        self.traveller = -1  # index of the rehearsal traveller at the desk
        self._lane = Lane("desk")
        self._hands = Lane("rehearsal-hands")
        self._watch = Lane("device-watch")
        self._courier = Lane("courier")
        self._delivering = False
        self._running = 0

    @property
    def busy(self) -> bool:
        """True while a call runs or waits on the session's lane."""
        return self._running > 0

    @property
    def post(self) -> str:
        """Post and booth: "Korday · 1"."""
        booth = self.kiosk.settings.station.booth
        return " · ".join(part for part in (self.kiosk.station.name, booth) if part)

    def new_session(self) -> Session:
        """A session of the login at this desk whose progress comes to the UI thread."""
        session = self.kiosk.session(self.operator, self.role)
        session.on_progress = self._on_progress
        return session

    def _on_progress(self, progress: Progress) -> None:
        self.bridge.post(lambda: self.progressed.emit(progress))

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[Problem], None],
    ) -> None:
        """Run a blocking call of session or store; its end comes back on the UI thread."""
        self._running += 1

        def ended(result: T) -> None:
            self._running -= 1
            done(result)

        def broke(problem: Problem) -> None:
            self._running -= 1
            failed(problem)

        self.bridge.call(self._lane, work, ended, broke)

    # -- the rehearsal's hands ------------------------------------------------------------------

    def act(self, work: Callable[[], object], done: Callable[[], None] | None = None) -> None:
        """A move of the simulated traveller or tester, apart from the session's lane."""

        def ended(_result: object) -> None:
            self.hands_changed.emit()
            if done is not None:
                done()

        self.bridge.call(self._hands, work, ended, self.hands_failed.emit)

    # -- watching ---------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look at the devices between two steps, and push the outbox; a dead network holds up nobody."""
        if not self.busy:
            self.bridge.call(self._watch, self._look, self._seen, self._unseen)
        self.send()

    def send(self, *, at_once: bool = False) -> None:
        """One round of the outbox on the courier's lane, unless one is under way."""
        if not self._delivering:
            self._delivering = True
            self.bridge.call(
                self._courier, lambda: self._deliver(at_once), self._delivered, self._undelivered
            )

    def _look(self) -> tuple[DeviceState, DeviceState]:
        ready, reasons = self.kiosk.ports.printer.ready()
        self.kiosk.ports.document_slot.card_present()  # raises when the reader is gone
        return DeviceState("ready" if ready else "paused", tuple(reasons)), DeviceState("ready")

    def _deliver(self, at_once: bool) -> tuple[QueueState, DeliveryReport]:
        report = self.kiosk.deliver(at_once=at_once)
        return self.kiosk.store.queue(), report

    def _seen(self, seen: tuple[DeviceState, DeviceState]) -> None:
        self._update(printer=seen[0], reader=seen[1])

    def _unseen(self, problem: Problem) -> None:
        device = "reader" if problem.code.startswith("CARD_") else "printer"
        self._update(**{device: DeviceState("missing", (problem.code,))})

    def camera_seen(self, problem: str = "") -> None:
        """The camera gave a picture, or failed with a code."""
        seen = DeviceState("missing", (problem,)) if problem else DeviceState("ready")
        if seen != self.state.camera:
            self._update(camera=seen)

    def _delivered(self, found: tuple[QueueState, DeliveryReport]) -> None:
        self._delivering = False
        queue, report = found
        self._update(queue=queue, online=not report.problem, refused=queue.refused)

    def _undelivered(self, _problem: Problem) -> None:
        self._delivering = False
        self._update(online=False)

    def _update(self, **values: object) -> None:
        merged = {name: getattr(self.state, name) for name in DeskState.__dataclass_fields__}
        self.state = DeskState(**(merged | values))
        self.state_changed.emit()

    def settle(self, timeout: float) -> bool:
        """Wait for the call that holds the session's lane, after `cancel`; False when it does not end."""
        try:
            self._lane.submit(lambda: None).result(timeout)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Deliver nothing more to the window and let the lanes end."""
        self.bridge.close()
        for lane in (self._lane, self._hands, self._watch, self._courier):
            lane.close()
