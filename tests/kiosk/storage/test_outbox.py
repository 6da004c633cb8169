"""The outbox: in order, after what it depends on, never lost, never sent twice by mistake."""

from datetime import timedelta
from types import ModuleType

import pytest

from kiosk.domain import cases as c
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import SqlStore


@pytest.fixture
def queued(kit: ModuleType, store: SqlStore) -> SqlStore:
    for number in (1, 2):
        kit.run_case(store, number, until=c.CardReserved)
    return store


def _due(kit: ModuleType, store: SqlStore, minutes: int = 60, limit: int = 50) -> list[str]:
    return [m.id for m in store.due_messages(kit.START + timedelta(minutes=minutes), limit)]


def test_dependents_wait_for_the_acknowledgement(kit: ModuleType, queued: SqlStore) -> None:
    assert _due(kit, queued) == ["enrolment-1", "enrolment-2"]
    queued.mark_sent("enrolment-1", kit.START)
    assert _due(kit, queued) == ["crossing-1", "credential_request-1", "enrolment-2"]
    assert _due(kit, queued, limit=2) == ["crossing-1", "credential_request-1"]
    (first, *_) = queued.due_messages(kit.START + timedelta(hours=1))
    assert first == kit.message(1, "crossing", "enrolment")


def test_a_message_is_not_due_before_its_time(kit: ModuleType, queued: SqlStore) -> None:
    assert _due(kit, queued, minutes=0) == []
    later = kit.START + timedelta(minutes=30)
    queued.mark_failed("enrolment-1", kit.START, later, "REGISTRY_UNREACHABLE")
    assert _due(kit, queued, minutes=29) == ["enrolment-2"]
    assert _due(kit, queued, minutes=30) == ["enrolment-1", "enrolment-2"]


def test_a_refused_message_is_kept_and_holds_its_dependents(kit: ModuleType, queued: SqlStore) -> None:
    queued.mark_refused("enrolment-1", kit.START, "REGISTRY_CONFLICT")
    assert _due(kit, queued) == ["enrolment-2"]
    state = queued.queue()
    assert (state.waiting, state.sent, state.refused) == (5, 0, 1)
    assert state.oldest == kit.commits(1)[0].event.at


def test_a_late_failure_does_not_take_back_an_acknowledgement(kit: ModuleType, queued: SqlStore) -> None:
    queued.mark_sent("enrolment-1", kit.START)
    queued.mark_sent("enrolment-1", kit.START)
    queued.mark_failed("enrolment-1", kit.START, kit.START, "late")
    queued.mark_refused("enrolment-1", kit.START, "late")
    assert queued.queue().sent == 1
    assert queued.queue().refused == 0


def test_an_unknown_message_is_an_error(kit: ModuleType, store: SqlStore) -> None:
    with pytest.raises(KioskError) as caught:
        store.mark_sent("nobody", kit.START)
    assert caught.value.code is ErrorCode.STORAGE_FAILED
    assert store.queue().oldest is None
