"""The file: encrypted, private, keyed, versioned; a full disk changes nothing."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import kiosk.storage.database as database_module
from kiosk.errors import ErrorCode, KioskError
from kiosk.storage import SqlStore, schema


def test_plain_sqlite_cannot_read_the_file_and_no_personal_data_is_in_it(
    kit: ModuleType, store: SqlStore, path: Path
) -> None:
    store.receive_blanks([kit.serial(1)], box="box-1", actor="lead-1", at=kit.START)
    kit.run_case(store, 1)
    store.put_image("portrait-1", b"\xff\xd8 SPECIMENOV picture", "portrait", kit.case_id(1))
    files = list(path.parent.iterdir())
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    raw = b"".join(file.read_bytes() for file in files)
    assert not any(word in raw for word in (b"SPECIMENOV", b"SQLite format", b"CREATE TABLE", b"FA0000001"))
    store.close()
    plain = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        plain.execute("SELECT count(*) FROM sqlite_master")
    plain.close()


def test_a_wrong_key_is_told_apart(kit: ModuleType, store: SqlStore, path: Path, capfd: object) -> None:
    store.close()
    with pytest.raises(KioskError) as caught:
        kit.open_at(path, bytes(32))
    assert caught.value.code is ErrorCode.STORAGE_KEY_WRONG
    assert capfd.readouterr() == ("", "")  # type: ignore[attr-defined]
    with pytest.raises(KioskError) as caught:
        kit.open_at(path, b"short")
    assert caught.value.code is ErrorCode.STORAGE_KEY_WRONG
    kit.open_at(path).close()


@pytest.mark.parametrize("content", [b"x" * 8192, b"SQLite format 3\x00" + bytes(4096)])
def test_a_foreign_file_is_refused(kit: ModuleType, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(KioskError) as caught:
        kit.open_at(path)
    assert caught.value.code is ErrorCode.STORAGE_KEY_WRONG
    assert path.read_bytes() == content


def test_a_database_that_cannot_be_made_is_a_storage_error(kit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KioskError) as caught:
        kit.open_at(tmp_path / "file" / "kiosk.db")
    assert caught.value.code is ErrorCode.STORAGE_FAILED


def test_a_full_disk_changes_nothing_and_the_store_goes_on(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=kit.c.PageRead)
    with store._database.transaction() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(KioskError) as caught:
        store.put_image("large", bytes(200_000), "page", kit.case_id(1))
    assert caught.value.code is ErrorCode.DISK_FULL
    with store._database.transaction() as connection:
        connection.execute(text("PRAGMA max_page_count = 100000"))
    store.put_image("large", bytes(200_000), "page", kit.case_id(1))
    assert len(store.events(kit.case_id(1))) == 2
    assert store.check_audit() is None


def test_a_newer_schema_is_refused(kit: ModuleType, store: SqlStore, path: Path) -> None:
    with store._database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(KioskError, match="newer program") as caught:
        kit.open_at(path)
    assert caught.value.code is ErrorCode.STORAGE_FAILED


def test_migrations_build_exactly_the_tables_the_program_uses(store: SqlStore) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    scripts = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(scripts)) == schema.REVISIONS
    with store._database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_opening_an_existing_file_does_not_load_the_migration_tool(path: Path, store: SqlStore) -> None:
    store.close()
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "import kit; kit.open_at(Path(sys.argv[1])); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(path), str(Path(__file__).parent)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_another_thread_waits_for_its_turn(
    kit: ModuleType, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_SECONDS", 0.01)
    caught: list[KioskError] = []

    def intrude() -> None:
        try:
            store.queue()
        except KioskError as error:
            caught.append(error)

    with store._database.transaction():
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
    assert [error.code for error in caught] == [ErrorCode.LANE_TIMEOUT]
    assert store.queue().waiting == 0


def test_errors_tell_nothing_of_the_person(kit: ModuleType, store: SqlStore) -> None:
    kit.run_case(store, 1, until=kit.c.PageRead)
    with store._database.transaction() as connection:
        connection.execute(text("DROP TRIGGER events_no_update"))
        connection.execute(text("UPDATE events SET record = replace(record, '\"M\"', '\"SPECIMENOV\"')"))
        connection.execute(text("UPDATE events SET record = record || ' ' WHERE position = 1"))
    with pytest.raises(KioskError) as caught:
        store.events(kit.case_id(1))
    assert caught.value.code is ErrorCode.STORAGE_FAILED
    assert "SPECIMENOV" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
