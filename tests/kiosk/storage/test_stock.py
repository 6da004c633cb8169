"""The ledger of blanks and the number block."""

from dataclasses import replace
from types import ModuleType

import pytest
from sqlalchemy import text

from kiosk.domain import cases as c
from kiosk.domain.stock import BlankState, StockMove
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import SqlStore


def test_blanks_are_received_once(kit: ModuleType, store: SqlStore) -> None:
    one, two, three = (kit.serial(n) for n in (1, 2, 3))
    assert store.receive_blanks([one, two, one], box="b1", actor="lead-1", at=kit.START) == 2
    assert store.receive_blanks([two, three], box="b2", actor="lead-1", at=kit.START) == 1
    assert store.stock_counts() == {BlankState.LOADED: 3}
    assert store.blank_state(one) is BlankState.LOADED
    assert store.blank_state("unknown") is None
    assert [entry.action for entry in store.audit_entries()] == ["BlanksReceived"] * 2


def test_a_blank_goes_through_one_job_only(kit: ModuleType, store: SqlStore) -> None:
    store.receive_blanks([kit.serial(1)], box="b1", actor="lead-1", at=kit.START)
    kit.run_case(store, 1, until=c.BlankDrawn)
    assert store.blank_state(kit.serial(1)) is BlankState.IN_JOB
    kit.run_case(store, 2, until=c.CardReserved)
    drawn = kit.commits(2)[7]
    again = replace(drawn, stock=kit.commits(1)[7].stock)
    for commit, code in ((again, ErrorCode.BLANK_NOT_LOADED), (drawn, ErrorCode.BLANK_UNKNOWN)):
        with pytest.raises(KioskError) as caught:
            store.append(commit)
        assert caught.value.code is code
    assert len(store.events(kit.case_id(2))) == 7
    assert store.stock_counts() == {BlankState.IN_JOB: 1}


def test_the_ledger_explains_every_state(kit: ModuleType, store: SqlStore) -> None:
    store.receive_blanks([kit.serial(1), kit.serial(2)], box="b1", actor="lead-1", at=kit.START)
    kit.run_case(store, 1)
    with store._database.transaction() as connection:
        lines = connection.execute(text('SELECT chip_serial, source, target FROM stock_moves ORDER BY "row"'))
        last = {line.chip_serial: line.target for line in lines}
    assert last == {kit.serial(1): "ISSUED", kit.serial(2): "LOADED"}


def test_a_spoiled_card_voids_its_number_and_the_next_gets_another(kit: ModuleType, store: SqlStore) -> None:
    store.receive_blanks([kit.serial(1)], box="b1", actor="lead-1", at=kit.START)
    assert store.next_card_number("K17") == "K17000001"
    kit.run_case(store, 1, until=c.BlankDrawn)
    spoiled = replace(
        kit.commits(1)[8],
        event=c.CardSpoiled(kit.START, "op-1", "job-1", "CARD_SILENT"),
        stock=(StockMove(kit.serial(1), BlankState.IN_JOB, BlankState.SPOILED, "job-1", "CARD_SILENT"),),
        void_number="K17000001",
    )
    store.append(spoiled)
    assert store.stock_counts() == {BlankState.SPOILED: 1}
    assert store.next_card_number("K17") == "K17000002"
    assert store.next_card_number("K18") == "K18000001"
    with pytest.raises(KioskError) as caught:
        store.append(replace(spoiled, expected=9, stock=()))
    assert caught.value.code is ErrorCode.EVENT_REFUSED


def test_a_number_is_taken_once(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=c.CardReserved)
    kit.run_case(store, 2, until=c.CaseDecided)
    with pytest.raises(KioskError) as caught:
        store.append(replace(kit.commits(2)[6], card_number="K17000001"))
    assert caught.value.code is ErrorCode.EVENT_CONFLICT


def test_the_block_ends(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=c.CaseDecided)
    store.append(replace(kit.commits(1)[6], card_number="K17999999"))
    with pytest.raises(KioskError) as caught:
        store.next_card_number("K17")
    assert caught.value.code is ErrorCode.NUMBERS_USED_UP
