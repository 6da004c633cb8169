"""`shekara run`: open the desk off the UI thread, show the window, close everything in order."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from card_io.errors import CardError
from crypto.errors import CryptoError
from kiosk.bootstrap import Kiosk, create_lab_home, open_kiosk
from kiosk.bootstrap.rehearsal import scenario_basis
from kiosk.domain.roles import Role
from kiosk.errors import ErrorCode, KioskError, Problem
from kiosk.lanes import Lane
from kiosk.settings import load_settings
from ui.display import require_display, require_sound_qt

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

OPERATOR = "tester"
SCREENSHOT_SIZE = (1366, 768)


class Output(Protocol):
    """What a command may say (kiosk.cli.command.Output)."""

    json: bool

    def say(self, text: str) -> None: ...


@dataclass(frozen=True)
class Wishes:
    """The command line of `shekara run`; "" for a language or theme that was not asked for."""

    home: Path
    scenario: Path | None
    in_process: bool
    language: str
    theme: str
    screenshots: Path | None


class RunCommand:
    """The window of the desk."""

    name = "run"
    help = "open the desk in a window; a new machine gets a lab home with simulated devices"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--scenario", type=Path, metavar="FILE", help="TOML scenario (default: ours)")
        parser.add_argument(
            "--theme", choices=("day", "dark"), help="colours of the window (default: the setting)"
        )
        parser.add_argument(
            "--in-process", action="store_true", help="simulated link in process instead of the PC/SC stack"
        )
        parser.add_argument(
            "--screenshots", type=Path, metavar="DIR", help="take one traveller through and save every page"
        )

    def run(self, args: argparse.Namespace, out: Output) -> int:
        """Exit status of the window. DISPLAY_MISSING without a display (pictures need none)."""
        if args.screenshots is not None and not _has_display():
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        require_display()
        require_sound_qt()
        language, colours = getattr(args, "language", None) or "", args.theme or ""
        wishes = Wishes(args.home, args.scenario, args.in_process, language, colours, args.screenshots)
        return App(wishes, out.say).run()


def _has_display() -> bool:
    try:
        require_display()
    except KioskError:
        return False
    return True


def open_desk(wishes: Wishes, say: Callable[[str], None]) -> Kiosk:
    """Open the home, making a lab home where there is none. Blocks; raises HOME_*, device errors…"""
    if not (wishes.home / "home.toml").exists():
        seed, now = secrets.token_hex(16), datetime.now(UTC)
        if wishes.scenario is not None:  # its home follows its clock
            basis = scenario_basis(wishes.scenario)
            seed, now = basis.seed, basis.start
        create_lab_home(wishes.home, random=secrets.token_bytes, seed=seed, now=now, say=say)
    kiosk = open_kiosk(wishes.home, scenario=wishes.scenario, in_process=wishes.in_process, say=say)
    return kiosk


def preferences(wishes: Wishes) -> tuple[str, str]:
    """Language and theme to start with; settings that cannot be read are told when the desk opens."""
    try:
        settings = load_settings(wishes.home / "settings.toml")
    except KioskError:
        return wishes.language or "ru", wishes.theme or "day"
    return wishes.language or settings.language, wishes.theme or settings.theme


class App:
    """The application: start-up window, main window, orderly end."""

    def __init__(self, wishes: Wishes, say: Callable[[str], None]) -> None:
        from PySide6.QtWidgets import QApplication

        from ui.bridge import Bridge
        from ui.startup import StartupWindow

        self.wishes, self._say = wishes, say
        self.qt: QApplication = QApplication(["shekara"])
        self.qt.setApplicationName("Shekara")
        _dress(wishes)
        self.kiosk: Kiosk | None = None
        self.failure: KioskError | CardError | CryptoError | None = None
        self._lane = Lane("start-up")
        self._bridge = Bridge()
        self.startup = StartupWindow()
        self.startup.closed.connect(lambda: self.qt.exit(3))

    def run(self) -> int:
        """Until the window is closed."""
        self.startup.show()
        self._bridge.call(self._lane, self._open, self._opened, self._failed)
        status = self.qt.exec()
        self._bridge.close()
        if self.kiosk is not None:
            self.kiosk.close()
        if self.failure is not None:
            raise self.failure
        return status

    def _open(self) -> Kiosk:
        try:
            return open_desk(self.wishes, self._progress)
        except (KioskError, CardError, CryptoError) as error:
            self.failure = error  # told in the window, and by the command line once it is closed
            raise

    def _progress(self, step: str) -> None:
        self._say(f"starting {step}")
        self._bridge.post(lambda: self.startup.show_step(step))

    def _opened(self, kiosk: Kiosk) -> None:
        from ui.models.desk import Desk
        from ui.tour import Tour
        from ui.window import MainWindow

        self.kiosk = kiosk
        role = Role.TESTER if kiosk.station.lab else Role.BORDER_GUARD
        self.window = MainWindow(Desk(kiosk, OPERATOR, role))
        if self.wishes.screenshots is None:
            self.window.resize(*SCREENSHOT_SIZE)
            self.window.showMaximized()
        else:
            self.window.resize(*SCREENSHOT_SIZE)
            self.window.show()
            self.tour = Tour(self.window, self.wishes.screenshots, self._toured)
            self.tour.begin()
        self.startup.hide()

    def _toured(self, problem: str) -> None:
        if problem:
            self.failure = KioskError(ErrorCode.INTERNAL, problem)
        self.window.close()
        self.qt.exit(1 if problem else 0)

    def _failed(self, problem: Problem) -> None:
        if self.failure is None:
            self.failure = KioskError(ErrorCode.INTERNAL, problem.cause)
        self.startup.show_problem(problem, self.failure.detail)
        if self.wishes.screenshots is not None:
            self.qt.exit(3)


def _dress(wishes: Wishes) -> None:
    """Language and theme: what was asked for, else what the home's settings say."""
    from ui.i18n import tr
    from ui.theme import theme

    language, colours = preferences(wishes)
    tr.switch(language)
    theme.apply(colours)


COMMAND = RunCommand()
