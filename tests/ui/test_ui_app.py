"""`shekara run`: options, a display that is not there, a Qt that is sound, the start-up window, the tour."""

import argparse
import socket
from pathlib import Path
from typing import Any

import pytest
from fake_kiosk import FakeKiosk, FakeRehearsal

from kiosk.domain.documents import Declaration
from kiosk.errors import ErrorCode, KioskError, Problem
from ui import display
from ui.app import COMMAND, Wishes, preferences
from ui.display import require_display, require_sound_qt
from ui.i18n import tr
from ui.startup import STEPS, StartupWindow
from ui.tour import Tour


def test_the_command_and_its_options() -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    found = parser.parse_args(["--theme", "dark", "--screenshots", "out"])
    assert COMMAND.name == "run"
    assert found.theme == "dark"
    assert found.screenshots == Path("out")


def test_no_display_is_said_before_qt_is_touched(monkeypatch: Any, tmp_path: Path) -> None:
    for environment in ({}, {"DISPLAY": "nonsense"}, {"DISPLAY": ":987"}, {"WAYLAND_DISPLAY": "gone"}):
        with pytest.raises(KioskError) as caught:
            require_display(environment)
        assert caught.value.code is ErrorCode.DISPLAY_MISSING
    require_display({"QT_QPA_PLATFORM": "offscreen"})
    monkeypatch.setattr(display, "X_SOCKETS", tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "X5"))
        server.listen()
        require_display({"DISPLAY": ":5.0"})


def test_this_qt_keeps_python_alive() -> None:
    """PySide6 6.12.0 on Python 3.11 drops a reference to None with each call and so ends the process."""
    require_sound_qt()


def test_the_startup_window_names_steps_and_failures(qtbot: Any) -> None:
    tr.switch("en")
    window = StartupWindow()
    qtbot.addWidget(window)
    window.show()
    for step in STEPS:
        window.show_step(step)
        assert window.step.text() == tr(STEPS[step])
    window.show_problem(Problem("HOME_LOCKED"))
    assert window.problem.isVisible()
    assert window.close_button.isVisible()
    assert "Another kiosk" in window.problem.text.text()
    assert window.problem.advice.text()
    window.show_problem(Problem("SETTINGS_INVALID"), "settings.toml: language")
    assert "settings.toml: language" in window.detail.text()


def test_the_tour_saves_every_page(qtbot: Any, open_window: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for traveller in FakeRehearsal.travellers:
        monkeypatch.setattr(traveller, "expected_end", "CARD_ACTIVE", raising=False)
        monkeypatch.setattr(traveller, "declaration", Declaration("work", 9, "", "Abay 1"), raising=False)
    window = open_window(FakeKiosk())
    ends: list[str] = []
    tour = Tour(window, tmp_path, ends.append)
    tour.begin()
    qtbot.waitUntil(lambda: bool(ends), timeout=30000)
    assert ends == [""]
    names = {path.stem.removeprefix("desk-") for path in tmp_path.glob("*.png")}
    assert names == {
        *("idle", "scan", "inspect", "granted", "encode", "card", "handed-over"),
        *("cases", "stock", "station", "audit"),
    }


def wishes(home: Path, language: str = "", colours: str = "") -> Wishes:
    return Wishes(home, None, True, language, colours, None)


def test_language_and_theme_come_from_the_settings_unless_asked_for(tmp_path: Path) -> None:
    assert preferences(wishes(tmp_path)) == ("ru", "day")
    (tmp_path / "settings.toml").write_text('language = "kk"\ntheme = "dark"\n')
    assert preferences(wishes(tmp_path)) == ("kk", "dark")
    assert preferences(wishes(tmp_path, "en", "day")) == ("en", "day")
    (tmp_path / "settings.toml").write_text("language = 7\n")
    assert preferences(wishes(tmp_path, "en")) == ("en", "day")
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    assert parser.parse_args([]).theme is None
