"""The flow of one case as a pure function: `advance(case, event) -> case`.

Forward only. An event that does not fit the case's stage is refused with EVENT_REFUSED and changes
nothing; whoever stores events calls `advance` first.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from kiosk.domain import cases as ev
from kiosk.domain.card import CardJob, JobState
from kiosk.domain.cases import Case, Decision, DecisionOutcome, Event, Stage
from kiosk.errors import ErrorCode, KioskError

E = TypeVar("E", bound=Event)
Step = Callable[[Case, E], Case]

_BEFORE_DECISION = frozenset({Stage.OPEN, Stage.INSPECTED, Stage.REFERRED})


def replay(events: Iterable[Event]) -> Case:
    """The case that a stored history makes; EVENT_REFUSED when the history does not fit itself."""
    case: Case | None = None
    for event in events:
        case = advance(case, event)
    if case is None:
        raise KioskError(ErrorCode.CASE_UNKNOWN)
    return case


def advance(case: Case | None, event: Event) -> Case:
    """Apply one event. Pure: same case and event, same result."""
    if isinstance(event, ev.CaseOpened):
        _require(case is None, event, "a case is opened once")
        return Case(
            id=event.case_id,
            station=event.station,
            operator=event.by,
            is_test=event.is_test,
            opened_at=event.at,
            sequence=1,
        )
    if case is None:
        raise KioskError(ErrorCode.EVENT_REFUSED, f"{type(event).__name__} before CaseOpened")
    step = _STEPS[type(event)]
    return replace(step(case, event), sequence=case.sequence + 1)


def _require(condition: bool, event: Event, why: str) -> None:
    if not condition:
        raise KioskError(ErrorCode.EVENT_REFUSED, f"{type(event).__name__}: {why}")


def _undecided(case: Case, event: Event) -> None:
    _require(case.stage in _BEFORE_DECISION, event, "the case is decided")


def _page_read(case: Case, event: ev.PageRead) -> Case:
    _undecided(case, event)
    return replace(case, page=event.page, document=event.document, inspection=None, entitlement=None)


def _inspected(case: Case, event: ev.DocumentInspected) -> Case:
    _undecided(case, event)
    _require(case.page is not None, event, "no page was read")
    stage = Stage.INSPECTED if case.stage is Stage.OPEN else case.stage
    found = event.inspection
    return replace(case, stage=stage, inspection=found, document=found.document, entitlement=None)


def _assessed(case: Case, event: ev.StayAssessed) -> Case:
    _undecided(case, event)
    _require(case.inspection is not None, event, "the document was not inspected")
    return replace(case, entitlement=event.entitlement)


def _declared(case: Case, event: ev.DeclarationTaken) -> Case:
    _undecided(case, event)
    return replace(case, declaration=event.declaration)


def _referred(case: Case, event: ev.CaseReferred) -> Case:
    _undecided(case, event)
    return replace(case, stage=Stage.REFERRED, referred=event.reason)


def _decided(case: Case, event: ev.CaseDecided) -> Case:
    _undecided(case, event)
    if event.outcome is not DecisionOutcome.WITHDRAWN:
        _require(case.inspection is not None, event, "the document was not inspected")
        _require(case.entitlement is not None, event, "the stay was not assessed")
    if event.outcome is DecisionOutcome.GRANTED:
        _require(bool(case.entitlement and case.entitlement.allowed), event, "no right of stay")
        _require(case.declaration is not None, event, "no declaration")
    decision = Decision(event.outcome, event.reason, event.by, event.at)
    return replace(case, stage=Stage.DECIDED, decision=decision)


def _reserved(case: Case, event: ev.CardReserved) -> Case:
    granted = case.decision is not None and case.decision.outcome is DecisionOutcome.GRANTED
    _require(granted and case.stage is Stage.DECIDED, event, "entry was not granted")
    _require(case.job is None, event, "a card job is under way")
    job = CardJob(event.job_id, event.card, portrait_image=event.portrait_image)
    return replace(case, jobs=(*case.jobs, job))


def _job(case: Case, event: Event, job_id: str, *states: JobState) -> CardJob:
    job = case.job
    if job is None or job.id != job_id or job.state not in states:
        raise KioskError(ErrorCode.EVENT_REFUSED, f"{type(event).__name__}: no such job in that state")
    return job


def _put(case: Case, job: CardJob) -> Case:
    return replace(case, jobs=(*case.jobs[:-1], job))


def _drawn(case: Case, event: ev.BlankDrawn) -> Case:
    job = _job(case, event, event.job_id, JobState.READY)
    _require(not job.chip_serial, event, "the job has its blank")
    return _put(case, replace(job, chip_serial=event.chip_serial))


def _card_step(case: Case, event: ev.CardStep) -> Case:
    job = _job(case, event, event.job_id, JobState.READY)
    _require(bool(job.chip_serial), event, "no blank was drawn")
    return _put(case, replace(job, step=event.step, step_done=event.phase == "done"))


def _personalised(case: Case, event: ev.CardPersonalised) -> Case:
    job = _job(case, event, event.job_id, JobState.READY)
    _require(bool(job.chip_serial), event, "no blank was drawn")
    done = replace(
        job, state=JobState.PERSONALISED, sod_sha256=event.sod_sha256, signer_serial=event.signer_serial
    )
    return _put(case, done)


def _print_requested(case: Case, event: ev.PrintRequested) -> Case:
    job = _job(case, event, event.job_id, JobState.PERSONALISED)
    return _put(case, replace(job, print_name=event.print_name, printer_job=""))


def _print_accepted(case: Case, event: ev.PrintAccepted) -> Case:
    job = _job(case, event, event.job_id, JobState.PERSONALISED)
    _require(bool(job.print_name), event, "nothing was sent to the printer")
    return _put(case, replace(job, printer_job=event.printer_job))


def _printed(case: Case, event: ev.CardPrinted) -> Case:
    job = _job(case, event, event.job_id, JobState.PERSONALISED)
    _require(bool(job.print_name), event, "nothing was sent to the printer")
    return _put(case, replace(job, state=JobState.PRINTED))


def _checked(case: Case, event: ev.CardChecked) -> Case:
    job = _job(case, event, event.job_id, JobState.PRINTED)
    _require(event.overall == "successful", event, "the card did not verify")
    return _put(case, replace(job, state=JobState.CHECKED))


def _spoiled(case: Case, event: ev.CardSpoiled) -> Case:
    live = (JobState.READY, JobState.PERSONALISED, JobState.PRINTED, JobState.CHECKED)
    job = _job(case, event, event.job_id, *live)
    return _put(case, replace(job, state=JobState.SPOILED, spoil_reason=event.reason))


def _handed_over(case: Case, event: ev.CardHandedOver) -> Case:
    job = _job(case, event, event.job_id, JobState.CHECKED)
    return replace(_put(case, replace(job, state=JobState.ACTIVE)), stage=Stage.CARD_ACTIVE)


def _synced(case: Case, event: ev.CaseSynced) -> Case:
    _require(case.finished and case.stage is not Stage.SYNCED, event, "the case is still open")
    return replace(case, stage=Stage.SYNCED)


_STEPS: dict[type[Event], Callable[..., Case]] = {
    ev.PageRead: _page_read,
    ev.DocumentInspected: _inspected,
    ev.StayAssessed: _assessed,
    ev.DeclarationTaken: _declared,
    ev.CaseReferred: _referred,
    ev.CaseDecided: _decided,
    ev.CardReserved: _reserved,
    ev.BlankDrawn: _drawn,
    ev.CardStep: _card_step,
    ev.CardPersonalised: _personalised,
    ev.PrintRequested: _print_requested,
    ev.PrintAccepted: _print_accepted,
    ev.CardPrinted: _printed,
    ev.CardChecked: _checked,
    ev.CardSpoiled: _spoiled,
    ev.CardHandedOver: _handed_over,
    ev.CaseSynced: _synced,
}
