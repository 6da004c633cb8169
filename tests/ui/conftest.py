"""Window tests run offscreen and never wait for devices."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def _load(name: str) -> Any:
    """A helper beside the tests, importable under its own name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


_load("fake_kiosk")
_load("qt_steps")


@pytest.fixture
def open_window(qtbot: Any, qapp: Any) -> Iterator[Callable[..., Any]]:
    """Opens the main window on a fake kiosk; closes it after the test."""
    from ui.i18n import tr
    from ui.theme import theme

    windows = []

    def make(
        kiosk: Any, *, language: str = "en", look: str = "day", size: tuple[int, int] = (1366, 768)
    ) -> Any:
        from kiosk.domain.roles import Role
        from ui.models.desk import Desk
        from ui.window import MainWindow

        tr.switch(language)
        theme.apply(look)
        window = MainWindow(Desk(kiosk, "tester", Role.TESTER))
        qtbot.addWidget(window)
        window.resize(*size)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.close()
    tr.switch("ru")
