"""The audit log: one entry per append, chained, signed, and without personal data."""

from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from crypto.errors import KeyUnavailable
from kiosk.domain.audit import ChainFault
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import SqlStore, create_audit_key, load_audit_key


@pytest.fixture
def filled(kit: ModuleType, store: SqlStore) -> SqlStore:
    store.receive_blanks([kit.serial(1)], box="box-1", actor="lead-1", at=kit.START)
    kit.run_case(store, 1)
    return store


def _tamper(store: SqlStore, *statements: str) -> None:
    with store._database.transaction() as connection:
        for table in ("audit", "events"):
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
        for statement in statements:
            connection.execute(text(statement))


def test_every_append_has_its_entry(kit: ModuleType, filled: SqlStore) -> None:
    entries = filled.audit_entries()
    assert [entry.action for entry in entries[1:]] == [
        type(commit.event).__name__ for commit in kit.commits(1)
    ]
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert {entry.station for entry in entries} == {"P17"}
    assert entries[8].details["stock"] == f"{kit.serial(1)}:LOADED>IN_JOB"
    assert entries[7].details["card_number"] == "K17000001"
    assert filled.check_audit() is None


def test_no_personal_data_reaches_the_log(filled: SqlStore) -> None:
    everything = b"\n".join(entry.body() for entry in filled.audit_entries()).decode()
    assert not any(
        word in everything for word in ("SPECIMENOV", "AZIZ", "СПЕЦ", "FA00", "street", "1990", "+7")
    )


def test_free_text_in_details_is_redacted(kit: ModuleType, store: SqlStore) -> None:
    details = {"case_id": "case-1", "who": "Aziz Specimenov", "code": "CARD_SILENT", "имя": "x" * 201}
    store.audit("lead-1", "Export", kit.START, details)
    (entry,) = store.audit_entries()
    assert entry.case_id == "case-1"
    assert entry.details == {"who": "REDACTED", "code": "CARD_SILENT", "REDACTED": "REDACTED"}
    assert store.check_audit() is None


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit SET actor = 'guard-2' WHERE sequence = 5", ChainFault(5, "HASH")),
        ("UPDATE audit SET details = '{}' WHERE sequence = 5", ChainFault(5, "HASH")),
        ("UPDATE audit SET signature = '00' WHERE sequence = 5", ChainFault(5, "SIGNATURE")),
        ("UPDATE audit SET signature = 'zz' WHERE sequence = 5", ChainFault(5, "SIGNATURE")),
        ("UPDATE audit SET previous = hash WHERE sequence = 5", ChainFault(5, "PREVIOUS")),
        ("DELETE FROM audit WHERE sequence = 5", ChainFault(5, "GAP")),
        ("DELETE FROM audit WHERE sequence = 17", ChainFault(17, "GAP")),
        ("UPDATE events SET sha256 = 'aa' WHERE position = 3", ChainFault(5, "EVENT")),
        ("DELETE FROM events WHERE position = 15", ChainFault(17, "EVENT")),
    ],
)
def test_tampering_shows(filled: SqlStore, statement: str, fault: ChainFault) -> None:
    _tamper(filled, statement)
    assert filled.check_audit() == fault


def test_a_row_that_does_not_decode_is_a_storage_error(filled: SqlStore) -> None:
    _tamper(filled, "UPDATE audit SET at = 'yesterday' WHERE sequence = 2")
    with pytest.raises(KioskError) as caught:
        filled.audit_entries()
    assert caught.value.code is ErrorCode.STORAGE_FAILED


@pytest.mark.parametrize("table", ["audit", "events", "stock_moves"])
@pytest.mark.parametrize("verb", ["DELETE FROM {0}", "UPDATE {0} SET rowid = rowid + 100"])
def test_the_database_itself_keeps_history(filled: SqlStore, table: str, verb: str) -> None:
    with pytest.raises(KioskError), filled._database.transaction() as connection:
        connection.execute(text(verb.format(table)))
    assert filled.check_audit() is None


def test_the_key_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    create_audit_key(path, lambda count: b"\x01" * count)
    first = path.read_bytes()
    with pytest.raises(KeyUnavailable):
        create_audit_key(path, lambda count: b"\x02" * count)
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert isinstance(load_audit_key(path), Ed25519PrivateKey)
    path.chmod(0o640)
    for broken in (path, tmp_path / "missing"):
        with pytest.raises(KioskError) as caught:
            load_audit_key(broken)
        assert caught.value.code is ErrorCode.HOME_DAMAGED
    path.chmod(0o600)
    path.write_bytes(b"-----BEGIN nothing-----")
    with pytest.raises(KioskError):
        load_audit_key(path)
