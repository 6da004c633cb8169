"""Cases: appended whole or not at all, read back equal, and never moved by two at once."""

import contextlib
from dataclasses import replace
from datetime import date
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from kiosk.domain import cases as c
from kiosk.domain.cases import Stage
from kiosk.domain.stay import Stay
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import SqlStore
from kiosk.storage.encoding import digest, event_of, event_text


@pytest.fixture(autouse=True)
def _blanks(kit: ModuleType, store: SqlStore) -> None:
    store.receive_blanks([kit.serial(n) for n in (1, 2)], box="box-1", actor="lead-1", at=kit.START)


def _refused(store: SqlStore, commit: object, code: ErrorCode) -> None:
    before = (store.cases(), store.queue(), store.stock_counts(), len(store.audit_entries()))
    with pytest.raises(KioskError) as caught:
        store.append(commit)  # type: ignore[arg-type]
    assert caught.value.code is code
    assert before == (store.cases(), store.queue(), store.stock_counts(), len(store.audit_entries()))


def test_events_come_back_equal_and_in_order(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1)
    assert store.events(kit.case_id(1)) == tuple(commit.event for commit in kit.commits(1))
    with pytest.raises(KioskError) as caught:
        store.events("nobody")
    assert caught.value.code is ErrorCode.CASE_UNKNOWN


def test_the_list_follows_the_events(kit: ModuleType, store: SqlStore) -> None:
    expected = {
        c.CaseOpened: (Stage.OPEN, False),
        c.PageRead: (Stage.OPEN, False),
        c.DocumentInspected: (Stage.INSPECTED, False),
        c.CaseDecided: (Stage.DECIDED, False),
        c.CardChecked: (Stage.DECIDED, False),
        c.CardHandedOver: (Stage.CARD_ACTIVE, True),
    }
    for commit in kit.commits(1):
        store.append(commit)
        if type(commit.event) in expected:
            (row,) = store.cases()
            assert (row.stage, row.finished) == expected[type(commit.event)]
    kit.run_case(store, 2, until=c.CaseOpened)
    assert [row.case_id for row in store.cases()] == [kit.case_id(2), kit.case_id(1)]
    assert [row.case_id for row in store.cases(unfinished_only=True)] == [kit.case_id(2)]
    assert len(store.cases(limit=1)) == 1
    assert store.cases()[1].opened_at == kit.commits(1)[0].event.at


@pytest.mark.parametrize("outcome", [c.DecisionOutcome.REFUSED, c.DecisionOutcome.WITHDRAWN])
def test_a_refused_case_is_finished_and_gives_no_stay(
    kit: ModuleType, store: SqlStore, outcome: c.DecisionOutcome
) -> None:
    kit.run_case(store, 1, until=c.StayAssessed)
    event = c.CaseDecided(kit.START, "guard-1", outcome, "STAY_NO_DAYS_LEFT")
    store.append(replace(kit.commits(1)[4], event=event))
    assert store.cases()[0].finished
    assert store.stays(kit.document(1).key) == ()


def test_a_granted_entry_is_a_stay_of_that_document(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=c.CaseDecided)
    kit.run_case(store, 2, until=c.StayAssessed)
    assert store.stays(kit.document(1).key) == (Stay(date(2026, 11, 2), None),)
    assert store.stays(kit.document(2).key) == ()


def test_a_case_moved_meanwhile_is_a_conflict(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=c.PageRead)
    for commit in (kit.commits(1)[1], kit.commits(1)[3], kit.commits(1)[0]):
        _refused(store, commit, ErrorCode.EVENT_CONFLICT)
    _refused(store, kit.commits(2)[1], ErrorCode.EVENT_CONFLICT)


def test_what_does_not_fit_is_refused_whole(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=c.DeclarationTaken)
    decided = kit.commits(1)[5]
    enrolment, crossing = decided.outbox
    stranger = replace(enrolment, case_id="other")
    lost = replace(crossing, depends_on="never-queued")
    _refused(store, replace(decided, outbox=(stranger,)), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(decided, outbox=(enrolment, lost)), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(decided, outbox=(enrolment, enrolment)), ErrorCode.EVENT_CONFLICT)
    _refused(store, replace(decided, void_number="K17000001"), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(decided, card_number="K17x"), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(kit.commits(2)[0], expected=0, case_id="other"), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(decided, expected=0), ErrorCode.EVENT_REFUSED)
    _refused(store, replace(decided, event=kit.commits(2)[0].event), ErrorCode.EVENT_REFUSED)
    store.append(decided)


def test_unsynced_cases_are_finished_and_acknowledged(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1)
    kit.run_case(store, 2, until=c.CardChecked)
    assert store.unsynced_cases() == ()
    for kind in ("enrolment", "crossing", "credential_request"):
        store.mark_sent(f"{kind}-1", kit.START)
    assert store.unsynced_cases() == ()
    store.mark_sent("credential-1", kit.START)
    assert store.unsynced_cases() == (kit.case_id(1),)
    synced = c.CaseSynced(kit.START, "sync")
    store.append(replace(kit.commits(1)[0], expected=len(kit.commits(1)), event=synced))
    assert store.unsynced_cases() == ()
    assert store.cases()[1].stage is Stage.SYNCED


@pytest.mark.parametrize(
    "change",
    [
        "record = '{'",
        "record = '[]'",
        'record = \'{"kind": "Nothing"}\'',
        "record = replace(record, '2026', '2O26')",
        "record = replace(record, 'case_id', 'case')",
        "sha256 = 'ff'",
    ],
)
def test_a_damaged_event_is_a_storage_error(kit: ModuleType, store: SqlStore, change: str) -> None:
    kit.run_case(store, 1, until=c.CaseOpened)
    with store._database.transaction() as connection:
        connection.execute(text("DROP TRIGGER events_no_update"))
        connection.execute(text(f"UPDATE events SET {change}"))
    with pytest.raises(KioskError) as caught:
        store.events(kit.case_id(1))
    assert caught.value.code is ErrorCode.STORAGE_FAILED


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_wrong_record_with_a_right_digest_raises_our_error_only(
    kit: ModuleType, data: st.DataObject
) -> None:
    commit = data.draw(st.sampled_from(kit.commits(1)))
    record = event_text(commit.event)
    place = data.draw(st.integers(0, len(record) - 1))
    flipped = record[:place] + data.draw(st.sampled_from('"{}[],:0aZ\x00')) + record[place + 1 :]
    with contextlib.suppress(KioskError):
        event_of(flipped, digest(flipped), "event")


def test_images_are_sealed_and_bound_to_their_case(kit: ModuleType, store: SqlStore) -> None:
    store.put_image("img-1", b"picture", "portrait", kit.case_id(1))
    store.put_image("img-1", b"picture", "portrait", kit.case_id(1))
    assert store.image("img-1") == b"picture"
    with pytest.raises(KioskError) as caught:
        store.put_image("img-1", b"another", "portrait", kit.case_id(1))
    assert caught.value.code is ErrorCode.EVENT_CONFLICT
    with pytest.raises(KioskError) as caught:
        store.image("img-2")
    assert caught.value.code is ErrorCode.IMAGE_UNREADABLE
    with store._database.transaction() as connection:
        sealed = connection.execute(text("SELECT sealed FROM images")).scalar_one()
        connection.execute(text("UPDATE images SET case_id = 'other'"))
    assert b"picture" not in sealed
    with pytest.raises(KioskError) as caught:
        store.image("img-1")
    assert caught.value.code is ErrorCode.STORAGE_FAILED
