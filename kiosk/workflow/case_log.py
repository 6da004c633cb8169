"""The case in hand and its stored history: an event is stored before its effect runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kiosk.domain.cases import Case, Event
from kiosk.domain.roles import Action, may
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Commit
from kiosk.workflow.desk import Desk, Hooks, Operator
from kiosk.workflow.flow import advance, replay
from kiosk.workflow.outgoing import messages, stock_moves


class CaseLog:
    """Holds one case; `accept` moves it and stores the move in one transaction."""

    def __init__(self, desk: Desk, operator: Operator, hooks: Hooks) -> None:
        self.desk = desk
        self.operator = operator
        self.hooks = hooks
        self._case: Case | None = None

    @property
    def case(self) -> Case:
        """The case in hand; CASE_UNKNOWN when there is none."""
        if self._case is None:
            raise KioskError(ErrorCode.CASE_UNKNOWN, "no case is open")
        return self._case

    @property
    def open(self) -> bool:
        return self._case is not None

    def load(self, case_id: str) -> Case:
        """Take up a stored case again."""
        self._case = replay(self.desk.store.events(case_id))
        return self._case

    def forget(self) -> None:
        self._case = None

    def require(self, action: Action) -> None:
        """ROLE_NOT_ALLOWED unless the login may do `action`."""
        if not may(self.operator.role, action, lab=self.desk.station.lab):
            raise KioskError(ErrorCode.ROLE_NOT_ALLOWED, f"{self.operator.role} may not {action}")

    def event(self, kind: type[Event], **values: Any) -> Event:
        """An event of now, by whoever is logged in."""
        return kind(at=self.desk.clock.now(), by=self.operator.id, **values)

    def accept(
        self,
        event: Event,
        *,
        case_id: str = "",
        card_number: str = "",
        void_number: str = "",
        images: Mapping[str, bytes] | None = None,
    ) -> Case:
        """Check, store, then move: when this returns the event is on disk."""
        before = self._case
        after = advance(before, event)
        commit = Commit(
            case_id=before.id if before else case_id,
            expected=before.sequence if before else 0,
            event=event,
            outbox=messages(before, after, event, images or {}) if before else (),
            stock=stock_moves(before, event) if before else (),
            card_number=card_number,
            void_number=void_number,
        )
        self.desk.store.append(commit)
        self._case = after
        return after

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell the observer of a named step, before and after; not after a failure."""
        self.hooks.on_step(name, "begin")
        yield
        self.hooks.on_step(name, "done")
