"""Homes: one world each, made whole or made again, used by one kiosk at a time."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from card_io.lds.spellings import proposed_spellings
from crypto.vault import Vault
from kiosk import drivers
from kiosk.bootstrap.home import (
    HomeLock,
    create_lab_home,
    create_production_home,
    default_home,
    open_home,
    write_spellings,
)
from kiosk.bootstrap.kiosk import load_rules, open_home_store, open_kiosk
from kiosk.errors import ErrorCode, KioskError
from kiosk.settings import load_spellings

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def make(path: Path) -> Path:
    create_lab_home(path, random=secrets.token_bytes, seed="test", now=NOW)
    return path


def test_a_lab_home_has_keys_of_its_own_that_nobody_else_can_read(tmp_path: Path) -> None:
    first, second = open_home(make(tmp_path / "a")), open_home(make(tmp_path / "b"))
    assert first.lab
    assert first.created == NOW
    assert first.key("database") != second.key("database")
    for key in (first.path / "keys").iterdir():
        assert key.stat().st_mode & 0o077 == 0


def test_two_homes_never_touch_each_other(tmp_path: Path) -> None:
    first, second = open_home(make(tmp_path / "a")), open_home(make(tmp_path / "b"))
    open_home_store(first).close()
    before = {p: p.stat().st_mtime_ns for p in second.path.rglob("*")}
    store = open_home_store(first)
    store.receive_blanks(["AA01"], box="B", actor="tester", at=NOW)
    store.close()
    assert {p: p.stat().st_mtime_ns for p in second.path.rglob("*")} == before


def test_a_home_is_never_made_twice(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(KioskError) as refused:
        make(tmp_path / "a")
    assert refused.value.code is ErrorCode.HOME_EXISTS


def test_a_torn_creation_is_made_again(tmp_path: Path) -> None:
    make(tmp_path / "a")
    (tmp_path / "a" / "home.toml").unlink()  # as if power went before the last step
    with pytest.raises(KioskError) as missing:
        open_home(tmp_path / "a")
    assert missing.value.code is ErrorCode.HOME_MISSING
    make(tmp_path / "a")
    open_home_store(open_home(tmp_path / "a")).close()


@pytest.mark.parametrize(
    "text", ["", "world = 'moon'\ncreated = '2026-01-01'", "world = ", "world = 'lab'", "\udcff"]
)
def test_a_damaged_description_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "home.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KioskError) as damaged:
        open_home(tmp_path)
    assert damaged.value.code is ErrorCode.HOME_DAMAGED


def test_one_kiosk_a_home(tmp_path: Path) -> None:
    home = open_home(make(tmp_path / "a"))
    lock = HomeLock(home)
    with pytest.raises(KioskError) as locked:
        HomeLock(home)
    assert locked.value.code is ErrorCode.HOME_LOCKED
    lock.release()
    HomeLock(home).release()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[letters]\n"Ә" = "a"', "letters, 'Ә'"),
        ("[letters]\n\n= 3", "line 3, column 1"),
        ("[words]", "'words'"),
        ("\udcff", "utf-8"),
    ],
)
def test_wrong_spellings_are_said_with_file_and_place(tmp_path: Path, text: str, place: str) -> None:
    home = open_home(make(tmp_path / "a"))
    home.spellings.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KioskError) as wrong:
        open_kiosk(home.path)
    assert wrong.value.code is ErrorCode.SPELLINGS_INVALID
    assert "spellings.toml" in wrong.value.detail
    assert place in wrong.value.detail


def test_a_home_may_spell_in_its_own_way(tmp_path: Path) -> None:
    home = open_home(make(tmp_path / "a"))
    assert load_spellings(home.spellings) == proposed_spellings()
    write_spellings(home)
    assert load_spellings(home.spellings) == proposed_spellings()
    with pytest.raises(KioskError) as there:
        write_spellings(home)
    assert there.value.code is ErrorCode.USAGE
    home.spellings.write_text('[kazakh]\n"Ж" = "J"\n', encoding="utf-8")
    assert load_spellings(home.spellings).kazakh == {**proposed_spellings().kazakh, "Ж": "J"}


def test_the_wrong_key_does_not_open_the_database(tmp_path: Path) -> None:
    home = open_home(make(tmp_path / "a"))
    open_home_store(home).close()
    key = home.path / "keys" / "database.key"
    key.unlink()
    Vault.create_key_file(key, secrets.token_bytes)
    with pytest.raises(KioskError) as wrong:
        open_home_store(home)
    assert wrong.value.code is ErrorCode.STORAGE_KEY_WRONG


def test_a_production_home_refuses_simulated_devices_and_lab_signing(tmp_path: Path) -> None:
    create_production_home(tmp_path / "p", random=secrets.token_bytes)
    home = open_home(tmp_path / "p")
    assert not home.lab
    assert not list(home.pki.iterdir())
    with pytest.raises(KioskError) as refused:
        drivers.open_slot("sim:document", lab=False)
    assert refused.value.code is ErrorCode.WORLD_REFUSED
    with pytest.raises(KioskError):
        open_kiosk(tmp_path / "p")


def test_an_unknown_device_scheme_is_refused() -> None:
    with pytest.raises(KioskError) as unknown:
        drivers.open_press("fax:123", lab=True)
    assert unknown.value.code is ErrorCode.DEVICE_UNKNOWN


def test_the_default_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHEKARA_HOME", str(tmp_path / "named"))
    assert default_home() == tmp_path / "named"
    monkeypatch.delenv("SHEKARA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_home() == tmp_path / "data" / "shekara"


def test_the_shipped_rules_load_and_name_their_source() -> None:
    rules = load_rules()
    assert {"EAEU", "VISA_FREE"} <= {rule.category for rule in rules}
    assert all(rule.source and rule.days_in_window <= rule.window_days for rule in rules)


def test_keys_of_a_used_home_are_never_made_anew(tmp_path: Path) -> None:
    open_home_store(open_home(make(tmp_path / "a"))).close()
    keys = {key.name: key.read_bytes() for key in (tmp_path / "a" / "keys").iterdir()}
    (tmp_path / "a" / "home.toml").unlink()
    with pytest.raises(KioskError) as damaged:
        make(tmp_path / "a")
    assert damaged.value.code is ErrorCode.HOME_DAMAGED
    assert {key.name: key.read_bytes() for key in (tmp_path / "a" / "keys").iterdir()} == keys
