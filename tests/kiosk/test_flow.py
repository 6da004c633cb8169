"""The reducer: forward only, and every refusal leaves the case as it was."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain import cases as ev
from kiosk.domain.card import CardDescription, JobState
from kiosk.domain.cases import Case, DecisionOutcome, Event, Stage, event_from_json, event_to_json
from kiosk.domain.documents import Declaration, PageReading, Sex, TravelDocument
from kiosk.domain.stay import Entitlement, EntitlementReason, Stay
from kiosk.domain.stock import BlankState, StockMove
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.flow import advance, replay
from kiosk.workflow.outgoing import messages, reasons_of, stock_moves

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
MRZ = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
DOCUMENT = TravelDocument(
    "P", "UTO", "L898902C3", "UTO", "ERIKSSON", "ANNA MARIA", date(1974, 8, 12), Sex.FEMALE,
    date(2030, 4, 15), MRZ, "ЭРИКССОН",
)  # fmt: skip
ENTITLEMENT = Entitlement(
    True, (EntitlementReason.WITHIN_RULE,), "free", "VISA_FREE", date(2026, 12, 21), 30, 0, 90, 180,
    (Stay(date(2026, 1, 1), None),),
)  # fmt: skip
CARD = CardDescription(
    "L01000001", "AR", "KAZ", "ERIKSSON", "ANNA MARIA", "", Sex.FEMALE, date(1974, 8, 12), "UTO", "L898902C3",
    "VISA_FREE", "Korday", date(2026, 11, 22), date(2026, 12, 21), date(2026, 12, 21), date(2026, 11, 22),
    "LAB", "123456",
)  # fmt: skip
REPORT = {
    "overall": "failed",
    "groups": [
        {"name": "integrity", "checks": [{"findings": [{"reason": "DG_HASH_MISMATCH", "detail": "DG2"}]}]}
    ],
}


def make(kind: type[Event], **values: Any) -> Event:
    return kind(at=NOW, by="guard", **values)


def happy_path() -> list[Event]:
    inspection = ev.Inspection("successful", REPORT, DOCUMENT, "portrait-1", True)
    return [
        make(ev.CaseOpened, case_id="c1", station="KZ-LAB-01", is_test=True),
        make(
            ev.PageRead,
            page=PageReading(MRZ, page_image="page-1", portrait_image="face-1"),
            document=DOCUMENT,
        ),
        make(ev.DocumentInspected, inspection=inspection),
        make(ev.StayAssessed, entitlement=ENTITLEMENT),
        make(ev.DeclarationTaken, declaration=Declaration("tourism", 10)),
        make(ev.CaseDecided, outcome=DecisionOutcome.GRANTED, reason="STAY_WITHIN_RULE"),
        make(ev.CardReserved, job_id="j1", card=CARD, portrait_image="portrait-1"),
        make(ev.BlankDrawn, job_id="j1", chip_serial="AA01"),
        make(ev.CardStep, job_id="j1", step="identify", phase="begin"),
        make(ev.CardStep, job_id="j1", step="identify", phase="done"),
        make(ev.CardPersonalised, job_id="j1", sod_sha256="ab", signer_serial="01"),
        make(ev.PrintRequested, job_id="j1", print_name="shekara-j1"),
        make(ev.PrintAccepted, job_id="j1", printer_job="7"),
        make(ev.CardPrinted, job_id="j1"),
        make(ev.CardChecked, job_id="j1", overall="successful"),
        make(ev.CardHandedOver, job_id="j1"),
        make(ev.CaseSynced),
    ]


def test_happy_path_reaches_synced() -> None:
    case = replay(happy_path())
    assert case.stage is Stage.SYNCED
    assert case.finished
    assert case.job is not None
    assert case.job.state is JobState.ACTIVE
    assert case.sequence == len(happy_path())


def test_events_survive_json() -> None:
    for event in happy_path():
        assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event


def test_what_only_the_picture_decides_is_not_stored() -> None:
    page = PageReading(MRZ, 0.9, ((1, 2),), "page-1", "face-1")
    stored = event_to_json(make(ev.PageRead, page=page, document=DOCUMENT))
    assert "doubtful" not in stored["page"]
    assert "confidence" not in stored["page"]


@pytest.mark.parametrize("skipped", range(1, len(happy_path()) - 1))
def test_skipping_a_step_is_refused_or_harmless(skipped: int) -> None:
    """Leaving out any step must not let the case reach a card in the traveller's hand."""
    events = happy_path()
    harmless = {type(events[i]) for i in range(len(events))} & {ev.CardStep, ev.PrintAccepted}
    kept = [event for i, event in enumerate(events) if i != skipped]
    if type(events[skipped]) in harmless:
        assert replay(kept).stage is Stage.SYNCED
        return
    with pytest.raises(KioskError) as refused:
        replay(kept)
    assert refused.value.code is ErrorCode.EVENT_REFUSED


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(happy_path()), max_size=30))
def test_no_order_of_events_gives_two_live_cards(events: list[Event]) -> None:
    case: Case | None = None
    for event in events:
        try:
            case = advance(case, event)
        except KioskError as refused:
            assert refused.code is ErrorCode.EVENT_REFUSED  # noqa: PT017 - refusal is one of two good ends
    if case is not None:
        assert sum(job.live for job in case.jobs) <= 1
        if case.stage is Stage.CARD_ACTIVE:
            assert case.decision is not None
            assert case.decision.outcome is DecisionOutcome.GRANTED


def test_spoiled_job_frees_the_case_for_another_card() -> None:
    events = happy_path()[:12]
    case = replay(events)
    spoiled = advance(case, make(ev.CardSpoiled, job_id="j1", reason="PRINT_ABORTED"))
    assert spoiled.job is None
    second = advance(spoiled, make(ev.CardReserved, job_id="j2", card=CARD, portrait_image=""))
    assert second.job is not None
    assert second.job.id == "j2"
    assert len(second.jobs) == 2


def test_grant_needs_right_of_stay_and_declaration() -> None:
    events = happy_path()[:4]
    with pytest.raises(KioskError):
        advance(replay(events), make(ev.CaseDecided, outcome=DecisionOutcome.GRANTED, reason=""))
    refused = advance(replay(events), make(ev.CaseDecided, outcome=DecisionOutcome.REFUSED, reason="X"))
    assert refused.finished


def test_stock_follows_the_card() -> None:
    events = happy_path()
    moves = []
    case = replay(events[:1])
    for event in events[1:]:
        moves += stock_moves(case, event)
        case = advance(case, event)
    assert [(m.source, m.target) for m in moves] == [
        (BlankState.LOADED, BlankState.IN_JOB),
        (BlankState.IN_JOB, BlankState.ISSUED),
    ]
    with pytest.raises(ValueError, match="cannot go"):
        StockMove("AA", BlankState.ISSUED, BlankState.LOADED)


def test_messages_are_ordered_by_what_they_depend_on() -> None:
    events = happy_path()
    sent = []
    case = replay(events[:1])
    for event in events[1:]:
        after = advance(case, event)
        sent += messages(case, after, event, {"portrait-1": b"\xff\xd8\xff"})
        case = after
    assert [m.kind for m in sent] == ["enrolment", "image", "crossing", "credential_request", "credential"]
    known: set[str] = set()
    for message in sent:
        assert not message.depends_on or message.depends_on in known
        known.add(message.id)
    assert json.loads(json.dumps([dict(m.body) for m in sent]))


def test_a_spoiled_card_voids_its_number() -> None:
    case = replay(happy_path()[:12])
    event = make(ev.CardSpoiled, job_id="j1", reason="PRINT_ABORTED")
    kinds = [m.kind for m in messages(case, advance(case, event), event, {})]
    assert kinds == ["credential", "void_number"]


def test_reasons_name_the_data_group() -> None:
    assert reasons_of(REPORT) == ["DG_HASH_MISMATCH:DG2"]
    twice = {"groups": [*REPORT["groups"], *REPORT["groups"]]}
    assert reasons_of(twice) == ["DG_HASH_MISMATCH:DG2"]
