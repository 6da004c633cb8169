"""Whether a window can be shown, and whether this Qt is sound: else the process would just end."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from kiosk.errors import ErrorCode, KioskError

X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen
X_PORT = 6000
TIMEOUT = 2.0
PROBES = 64


def require_display(environment: Mapping[str, str] = os.environ) -> None:
    """DISPLAY_MISSING unless the platform is chosen, not X, or a display answers."""
    if sys.platform != "linux" or environment.get("QT_QPA_PLATFORM"):
        return
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland and (Path(environment.get("XDG_RUNTIME_DIR", "/")) / wayland).exists():
        return
    display = environment.get("DISPLAY", "")
    if not display or not _answers(display):
        raise KioskError(ErrorCode.DISPLAY_MISSING, display or "DISPLAY is not set")


def _answers(display: str) -> bool:
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdigit():
        return False
    if host and host != "unix":
        return _connects(socket.AF_INET, (host, X_PORT + int(number)))
    path = str(X_SOCKETS / f"X{number}")
    return any(_connects(socket.AF_UNIX, address) for address in (path, f"\0{path}"))


def _connects(family: int, address: tuple[str, int] | str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(TIMEOUT)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def require_sound_qt() -> None:
    """DEPENDENCY_MISSING when this PySide6 loses a reference to None with every call.

    PySide6 6.12.0 does so on Python before 3.12, which ends the interpreter after some thousand calls.
    """
    from PySide6.QtCore import QObject, qVersion

    probe = QObject()
    before = sys.getrefcount(None)
    for _ in range(PROBES):
        probe.setObjectName("probe")
    if before - sys.getrefcount(None) > PROBES // 2:
        raise KioskError(
            ErrorCode.DEPENDENCY_MISSING, f"PySide6 {qVersion()} is unsound on this Python: use 6.11"
        )
