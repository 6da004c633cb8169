"""Delivery to the real registry: once each, in order, whatever happens to answers and servers."""

from collections.abc import Callable
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest

from kiosk.domain.stay import Stay
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import OutboxMessage
from kiosk.storage import SqlStore
from kiosk.sync import RegistryClient

Connect = Callable[..., RegistryClient]
WHOLE = {"enrolment": 1, "image": 1, "crossing": 1, "credential_request": 1, "credential": 1}


def test_a_whole_arrival_is_delivered_in_one_round(
    kit: ModuleType, store: SqlStore, registry: Any, connect: Connect
) -> None:
    client = connect(registry.url)
    assert client.reachable()
    report = client.deliver(store, kit.START)
    assert (report.sent, report.waiting, report.refused, report.problem) == (5, 0, 0, "")
    assert registry.counts() == WHOLE | {"GRANTED": 1, "ACTIVE": 1}
    assert client.deliver(store, kit.START).sent == 0
    assert client.stays("UZB-FA0000001", 10.0) == (Stay(date(2026, 11, 2), None),)
    assert client.stays("UZB-OTHER", 10.0) == ()


def test_a_lost_answer_makes_no_duplicate(
    kit: ModuleType, faults: ModuleType, store: SqlStore, registry: Any, connect: Connect
) -> None:
    with faults.Server(faults.forward_and_drop(registry.port), faults.forward(registry.port)) as proxy:
        client = connect(proxy.url)
        report = client.deliver(store, kit.START)
        assert (report.sent, report.waiting, report.problem) == (0, 5, "REGISTRY_UNREACHABLE")
        assert registry.counts()["enrolment"] == 1
        report = client.deliver(store, kit.START + timedelta(minutes=5))
    assert (report.sent, report.waiting, report.refused) == (5, 0, 0)
    assert registry.counts() == WHOLE | {"GRANTED": 1, "ACTIVE": 1}


def test_every_answer_may_be_lost_once(
    kit: ModuleType, faults: ModuleType, store: SqlStore, registry: Any, connect: Connect
) -> None:
    lost_then_told = [faults.forward_and_drop(registry.port), faults.forward(registry.port)] * 5
    now = kit.START
    with faults.Server(*lost_then_told) as proxy:
        client = connect(proxy.url)
        for _ in range(6):
            client.deliver(store, now)
            now += timedelta(minutes=5)
    assert (store.queue().waiting, store.queue().refused) == (0, 0)
    assert registry.counts() == WHOLE | {"GRANTED": 1, "ACTIVE": 1}


def test_a_person_who_asks_waits_for_nothing(
    kit: ModuleType, store: SqlStore, registry: Any, connect: Connect
) -> None:
    client = connect(registry.url)
    registry.stop()
    assert client.deliver(store, kit.START).sent == 0
    registry.start()
    assert client.deliver(store, kit.START).sent == 0
    report = client.deliver(store, kit.START, at_once=True)
    assert (report.sent, report.waiting, report.problem) == (5, 0, "")


def test_a_stopped_registry_is_waited_for_and_then_drained_in_order(
    kit: ModuleType, store: SqlStore, registry: Any, connect: Connect
) -> None:
    client = connect(registry.url)
    registry.stop()
    assert not client.reachable()
    report = client.deliver(store, kit.START)
    assert (report.sent, report.waiting, report.problem) == (0, 5, "REGISTRY_UNREACHABLE")
    assert client.deliver(store, kit.START).problem == ""  # nothing is due yet
    registry.start()
    report = client.deliver(store, kit.START + timedelta(seconds=2))
    assert (report.sent, report.waiting, report.refused, report.problem) == (5, 0, 0, "")
    assert registry.counts() == WHOLE | {"GRANTED": 1, "ACTIVE": 1}


def test_the_round_has_a_limit(kit: ModuleType, store: SqlStore, registry: Any, connect: Connect) -> None:
    report = connect(registry.url).deliver(store, kit.START, limit=2)
    assert (report.sent, report.waiting) == (2, 3)


def test_a_foreign_record_under_our_id_is_for_a_person(
    kit: ModuleType,
    store: SqlStore,
    fill: Callable[..., SqlStore],
    messages: list[OutboxMessage],
    registry: Any,
    connect: Connect,
) -> None:
    client = connect(registry.url)
    client.deliver(store, kit.START)
    crossing = next(m for m in messages if m.kind == "crossing")
    changed = OutboxMessage("m-1", "crossing", crossing.case_id, crossing.body | {"until": None})
    report = client.deliver(fill([changed]), kit.START)
    assert (report.sent, report.waiting, report.refused) == (0, 0, 1)


def test_what_breaks_the_contract_is_refused_once_and_the_rest_goes_on(
    kit: ModuleType,
    fill: Callable[..., SqlStore],
    messages: list[OutboxMessage],
    registry: Any,
    connect: Connect,
) -> None:
    crossing = next(m for m in messages if m.kind == "crossing")
    bodies = [crossing.body | {"on": "soon"}, crossing.body | {"is_test": False}, {}, crossing.body]
    store = fill(
        [OutboxMessage(f"m-{n}", "crossing", crossing.case_id, body) for n, body in enumerate(bodies)]
    )
    report = connect(registry.url).deliver(store, kit.START)
    assert (report.sent, report.waiting, report.refused, report.problem) == (1, 0, 3, "")
    assert registry.counts() == {"crossing": 1}


def test_a_wrong_token_stops_the_round_and_loses_nothing(
    kit: ModuleType, store: SqlStore, registry: Any
) -> None:
    client = RegistryClient(registry.url, "wrong", "P17")
    report = client.deliver(store, kit.START)
    assert (report.sent, report.waiting, report.refused, report.problem) == (0, 5, 0, "REGISTRY_REFUSED")
    with pytest.raises(KioskError) as caught:
        client.stays("UZB-FA0000001", 10.0)
    assert caught.value.code is ErrorCode.REGISTRY_REFUSED
    client.close()
