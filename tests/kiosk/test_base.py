"""Lanes, settings and logs: the floor the kiosk stands on."""

import json
import threading
from pathlib import Path

import pytest

from kiosk.domain.roles import Action, Role, may
from kiosk.errors import ErrorCode, KioskError
from kiosk.lanes import Lane
from kiosk.logs import REDACTED, close_logs, configure_logs, logger
from kiosk.settings import load_settings


def test_lane_runs_calls_in_order_on_its_own_thread() -> None:
    lane = Lane("test")
    seen: list[int] = []
    futures = [lane.submit(seen.append, number) for number in range(20)]
    for future in futures:
        future.result(5)
    assert seen == list(range(20))
    lane.submit(lane.assert_here).result(5)
    with pytest.raises(KioskError):
        lane.assert_here()
    lane.close()


def test_lane_hands_errors_to_the_waiter() -> None:
    lane = Lane("test")
    with pytest.raises(ZeroDivisionError):
        lane.run(5, lambda: 1 // 0)
    lane.close()


def test_a_silent_device_costs_its_lane_only() -> None:
    lane = Lane("silent")
    release = threading.Event()
    with pytest.raises(KioskError) as timeout:
        lane.run(0.05, release.wait)
    assert timeout.value.code is ErrorCode.LANE_TIMEOUT
    assert lane.run(5, lambda: "alive") == "alive"
    release.set()
    lane.close()


def test_settings_default_and_file(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "absent.toml").station.prefix == "L01"
    file = tmp_path / "settings.toml"
    file.write_text('language = "kk"\n[station]\nprefix = "A11"\n')
    loaded = load_settings(file)
    assert (loaded.language, loaded.station.prefix) == ("kk", "A11")


@pytest.mark.parametrize(
    "text",
    ["colour = 1", "[station]\nprefx = 'A'", "[station]\nprefix = 'toolong'", "a = [", "theme='x'"],
)
def test_unknown_or_wrong_settings_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(KioskError) as refused:
        load_settings(file)
    assert refused.value.code is ErrorCode.SETTINGS_INVALID


def test_environment_wins_and_its_unknown_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[station]\nprefix = "A11"\n')
    monkeypatch.setenv("SHEKARA_STATION__PREFIX", "B22")
    assert load_settings(file).station.prefix == "B22"
    monkeypatch.setenv("SHEKARA_STATON", "x")
    with pytest.raises(KioskError):
        load_settings(file)


def test_logs_redact_what_is_not_listed(tmp_path: Path) -> None:
    configure_logs(tmp_path)
    logger("test").info("step", step="page", surname="ERIKSSON", case_id={"a": "nested"})
    try:
        raise ValueError("L898902C3")
    except ValueError as error:
        logger("test").error("failed", exc_info=error, code="INTERNAL")
    close_logs()
    text = (tmp_path / "kiosk.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["step"] == "page"
    assert lines[0]["surname"] == REDACTED
    assert lines[0]["case_id"] == REDACTED
    assert lines[1]["exception_type"] == "ValueError"
    assert "ERIKSSON" not in text
    assert "L898902C3" not in text


def test_roles_keep_apart() -> None:
    assert may(Role.BORDER_GUARD, Action.GRANT, lab=False)
    assert not may(Role.BORDER_GUARD, Action.PERSONALISE, lab=False)
    assert not may(Role.CARD_OPERATOR, Action.GRANT, lab=False)
    assert may(Role.TESTER, Action.PERSONALISE, lab=True)
    assert not may(Role.TESTER, Action.PERSONALISE, lab=False)
    assert not may(Role.TESTER, Action.GRANT_AGAINST_VERDICT, lab=True)
