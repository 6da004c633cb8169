"""The embedded registry of a lab home: the real service, in a process of its own, on loopback."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from kiosk.errors import ErrorCode, KioskError

START_TIMEOUT = 30.0


class RegistryProcess:
    """Starts `registry serve` for a directory and knows its address."""

    def __init__(self, directory: Path, station: str) -> None:
        self._directory = directory
        self.token_file = directory / "token"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._station = station

    def start(self) -> None:
        """Start and wait until it answers; REGISTRY_UNREACHABLE when it does not."""
        ready = self._directory / "ready"
        ready.unlink(missing_ok=True)
        log = (self._directory / "service.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "registry.commands", "serve",
                    "--dir", str(self._directory), "--world", "lab", "--port", "0",
                    "--station", self._station, "--ready-file", str(ready), "--with-parent", str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self.url = self._await(ready)

    def _await(self, ready: Path) -> str:
        pause = threading.Event()
        for _ in range(int(START_TIMEOUT / 0.05)):
            if ready.exists():
                return str(json.loads(ready.read_text())["url"])
            if self._process is not None and self._process.poll() is not None:
                break
            pause.wait(0.05)
        self.stop()
        raise KioskError(ErrorCode.REGISTRY_UNREACHABLE, "the embedded registry did not start")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it; stored data stays."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None
