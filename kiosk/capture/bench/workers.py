"""A reader as a process of its own on one processor core, asked by the worker protocol.

Owns the asking side of the protocol (`kiosk.capture.mrz_files` has the other). A reader that does not come up
is missing, with the reason it gave; nothing stands in for it.
"""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk.errors import ErrorCode, KioskError

TIMEOUT = 60.0  # seconds an answer may take
ONE_THREAD = dict.fromkeys(
    ("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Peer:
    """A reader to be run as a worker: its command and what it needs in its environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)


@contextmanager
def one_core() -> Iterator[int | None]:
    """Processes started inside run on one core, the last that this one may use; its number."""
    if not hasattr(os, "sched_setaffinity"):
        yield None
        return
    allowed = os.sched_getaffinity(0)
    chosen = max(allowed)
    os.sched_setaffinity(0, {chosen})
    try:
        yield chosen
    finally:
        os.sched_setaffinity(0, allowed)


class Worker:
    """One reader's process. After a crash or a time-out it is started anew for the next question."""

    def __init__(self, peer: Peer, timeout: float = TIMEOUT) -> None:
        """DEPENDENCY_MISSING with the reason where the peer does not come up."""
        self._peer = peer
        self.timeout = timeout
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        try:
            self._start()
        except KioskError:
            self._said.close()
            raise

    def ask(self, path: Path) -> dict[str, Any]:
        """The protocol's answer; one with `err` where none came."""
        if self._process is None:
            self._start()
        begun = time.perf_counter()
        try:
            self._write(os.fsencode(path.absolute()) + b"\n")
            answer: dict[str, Any] | None = self._answer()
        except OSError:
            answer = None
        if answer is not None:
            return answer
        self._stop()
        return {"lines": [], "t": time.perf_counter() - begun, "err": "crash or time-out"}

    def close(self) -> None:
        self._stop()
        self._said.close()

    def _start(self) -> None:
        environment = {**os.environ, **ONE_THREAD, **self._peer.environment}
        self._rest = b""
        try:
            with one_core():
                self._process = subprocess.Popen(
                    self._peer.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    env=environment,
                )
            ready = self._answer()
        except OSError as error:
            raise _missing(self._peer.name, str(error.strerror)) from error
        if ready is None or ready.get("ready") is not True:
            self._stop()
            raise _missing(self._peer.name, self._reason())

    def _reason(self) -> str:
        """The last thing it said."""
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return said[-1] if said else "it does not start"

    def _write(self, data: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.write(data)
            process.stdin.flush()

    def _answer(self) -> dict[str, Any] | None:
        """The next line that is an object; None at the end or when time is up."""
        deadline = time.monotonic() + self.timeout
        while b"\n" not in self._rest:
            piece = self._piece(deadline - time.monotonic())
            if not piece:
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def _piece(self, seconds: float) -> bytes:
        process = self._process
        if process is None or process.stdout is None:
            return b""
        number = process.stdout.fileno()
        ready = select.select([number], [], [], max(0.0, seconds))[0]
        return os.read(number, 65536) if ready else b""

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what it did not read any more
                    continue
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _missing(name: str, reason: str) -> KioskError:
    return KioskError(ErrorCode.DEPENDENCY_MISSING, f"{name}: {reason}")
