"""Drives the travellers of a rehearsal desk through a session, as a guard would press the keys.

`Session.next_step` alone decides what comes next, so a run that was cut off goes on where it was.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from card_io.errors import CardError
from crypto.errors import CryptoError
from kiosk.bootstrap.kiosk import Kiosk
from kiosk.domain.cases import Case, DecisionOutcome
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardFaces, RehearsalDesk, RehearsalTraveller
from kiosk.workflow.flow import replay
from kiosk.workflow.outgoing import reasons_of
from kiosk.workflow.session import Session

SCAN_TIMEOUT = 25.0
CARDS_PER_CASE = 3  # attempts at a card before the rehearsal gives a traveller up
SPOILING = frozenset(
    {
        ErrorCode.PRINT_ABORTED.value,
        ErrorCode.CARD_NOT_VERIFIED.value,
        ErrorCode.FINAL_CHECK_DIFFERENT.value,
    }
)


@dataclass
class Outcome:
    """How one traveller's case ended, beside what the scenario expects."""

    number: int
    name: str
    expected_end: str
    expected_reason: str
    case_id: str = ""
    verdict: str = ""
    end: str = ""
    reasons: tuple[str, ...] = ()
    card_number: str = ""
    card_verified: bool = False
    problem: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    faces: CardFaces | None = field(default=None, repr=False)

    @property
    def as_expected(self) -> bool:
        """The right end for the right reason, and no card that does not verify."""
        ended = self.end == self.expected_end and not self.problem
        wanted = self.expected_reason
        reason = not wanted or any(wanted in (code, code.partition(":")[0]) for code in self.reasons)
        return ended and reason and (not self.card_number or self.card_verified)

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "name": self.name,
            "case_id": self.case_id,
            "verdict": self.verdict,
            "end": self.end,
            "expected_end": self.expected_end,
            "reasons": list(self.reasons),
            "card_number": self.card_number,
            "card_verified": self.card_verified,
            "problem": self.problem,
            "as_expected": self.as_expected,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


class Rehearsal:
    """Plays the scenario's travellers, one after the other."""

    def __init__(self, kiosk: Kiosk, session: Session, target: Path) -> None:
        if kiosk.desk is None:
            raise KioskError(ErrorCode.WORLD_REFUSED, "no rehearsal desk")
        self._kiosk = kiosk
        self._desk: RehearsalDesk = kiosk.desk
        self._session = session
        self._target = target

    def run(self, limit: int | None) -> list[Outcome]:
        """All travellers, or the first `limit`; those a former run finished are only reported."""
        known, nameless = self._stored()
        outcomes = []
        for index, traveller in enumerate(self._desk.travellers[:limit]):
            case_id = known.get(traveller.document_key, "")
            if not case_id and nameless:
                case_id, nameless = nameless, ""
            outcomes.append(self._play(index, traveller, case_id))
        return outcomes

    def _stored(self) -> tuple[dict[str, str], str]:
        """Cases of former runs by their document; and one that was cut off before its page was read."""
        known: dict[str, str] = {}
        nameless = ""
        for row in reversed(self._kiosk.store.cases(limit=10_000)):
            case = replay(self._kiosk.store.events(row.case_id))
            if case.document is not None:
                known[case.document.key] = case.id
            elif not case.finished:
                nameless = case.id
        return known, nameless

    def _play(self, index: int, traveller: RehearsalTraveller, case_id: str) -> Outcome:
        outcome = Outcome(index + 1, traveller.name, traveller.expected_end, traveller.expected_reason)
        session = self._session
        try:
            case = session.resume(case_id) if case_id else self._timed(outcome, "open", session.open_case)
            if not case.finished:
                self._desk.present(index)
                self._go_through(index, traveller, outcome)
                self._desk.withdraw()
        except (KioskError, CardError, CryptoError) as error:
            outcome.problem = str(error)
        self._fill(outcome)
        self._timed(outcome, "deliver", self._kiosk.deliver)
        return outcome

    def _go_through(self, index: int, traveller: RehearsalTraveller, outcome: Outcome) -> None:
        while step := self._session.next_step():
            try:
                self._timed(outcome, step, lambda step=step: self._do(step, index, traveller))
            except KioskError as error:
                case = self._session.case
                if case is None or error.code not in SPOILING or len(case.jobs) >= CARDS_PER_CASE:
                    raise
                if case.job is not None:  # a difference in the final check has spoiled it already
                    self._session.spoil(error.code.value)
                self._desk.take_card()
            if step == "hand_over":
                self._desk.take_card(self._target / f"traveller-{index + 1:02}" / "card" / "chip-memory.json")

    def _do(self, step: str, index: int, traveller: RehearsalTraveller) -> object:
        session = self._session
        if step == "scan_document":
            return session.scan_document(timeout=SCAN_TIMEOUT)
        if step == "declare":
            return session.declare(traveller.declaration)
        if step == "decide":
            return self._decide(index, traveller)
        if step in ("draw_blank", "personalise"):
            self._desk.insert_blank()
        return getattr(session, step)()

    def _decide(self, index: int, traveller: RehearsalTraveller) -> Case:
        obstacle = self._session.grant_obstacle()
        if obstacle == ErrorCode.GRANT_VERDICT_UNCERTAIN.value:  # as a guard would: lay it down again
            self._desk.present(index)
            self._session.read_chip()
            self._session.assess_stay()
            obstacle = self._session.grant_obstacle()
        if traveller.decision == "grant" and not obstacle:
            return self._session.decide(DecisionOutcome.GRANTED, "STAY_WITHIN_RULE")
        return self._session.decide(DecisionOutcome.REFUSED, obstacle or "REFUSED_BY_GUARD")

    @staticmethod
    def _timed(outcome: Outcome, step: str, call: Any) -> Any:
        started = time.perf_counter()
        try:
            return call()
        finally:
            outcome.seconds[step] = outcome.seconds.get(step, 0.0) + time.perf_counter() - started

    def _verified(self, job_id: str) -> bool:
        """What the inspection of the finished card, kept with it, says."""
        report = json.loads(self._kiosk.store.image(f"card-{job_id}-report"))
        return bool(report["overall"] == "successful" and report["chip_is_genuine"])

    def _fill(self, outcome: Outcome) -> None:
        case = self._session.case
        if case is None:
            return
        outcome.case_id = case.id
        found: list[str] = []
        if case.inspection is not None:
            outcome.verdict = case.inspection.overall
            found += reasons_of(case.inspection.report)
        if case.entitlement is not None:
            found += [reason.value for reason in case.entitlement.reasons]
        if case.decision is not None:
            outcome.end = case.decision.outcome.value
            found.append(case.decision.reason)
        job = case.job
        if job is not None and case.stage.value in ("CARD_ACTIVE", "SYNCED"):
            outcome.end = "CARD_ACTIVE"
            outcome.card_number = job.card.number
            outcome.card_verified = self._verified(job.id)
            outcome.faces = self._session.preview()
        outcome.reasons = tuple(dict.fromkeys(found))
