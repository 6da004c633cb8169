"""A private PC/SC stack: a pcscd of our own with virtual readers, and the process their cards live in.

The product reaches these cards through pyscard exactly as it would reach hardware, once its process has the
stack's `environment`. Several stacks run side by side, each in namespaces of its own; where those are not
allowed, one stack uses the system's /run/pcscd. Everything ends with the process that started it, also when
that is killed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hardware_mocks.pcsc_view import reader_states

FRIENDLY_NAMES = {"document": "Shekara Virtual Document Reader", "blank": "Shekara Virtual Card Encoder"}
DRIVERS = ("/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "/usr/local/lib/pcsc/drivers/serial/libifdvpcd.so")
DAEMON_PATHS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
IPC_SOCKET = Path("/run/pcscd/pcscd.comm")
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
FIRST_PORT = 41000
MAX_SLOTS = 8  # pcscd has 16 readers, and each driver copy makes two
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.02


class StackUnavailable(Exception):
    """The stack cannot run here; `reason` names what is missing or forbidden."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StackError(Exception):
    """A running stack refused a request or did not react in time."""


class PcscStack:
    """A running stack; made by `start`, ended by `close` or as a context manager."""

    def __init__(
        self, folder: Path, launcher: subprocess.Popen[str], daemon: Path, readers: Mapping[str, str]
    ):
        self._folder = folder
        self._launcher = launcher
        self._daemon = daemon
        self._inserted: dict[str, Path] = {}
        self._lock = threading.RLock()
        self.readers: Mapping[str, str] = dict(readers)
        """Exact PC/SC reader name of each slot."""
        self.environment: Mapping[str, str] = {SOCKET_VARIABLE: str(daemon)}
        """What a process needs in its environment, before it loads the PC/SC library."""

    @classmethod
    def start(cls, directory: Path, slots: Iterable[str] = ("document", "blank")) -> "PcscStack":
        """Start a stack with one reader per slot name; its log goes to directory/pcsc.log.

        StackUnavailable when it cannot run here.
        """
        names = tuple(slots)
        if not 1 <= len(names) <= MAX_SLOTS:
            raise ValueError(f"1 to {MAX_SLOTS} slots")
        pcscd, driver = _installed()
        directory.mkdir(parents=True, exist_ok=True)
        refusals = []
        for mode in ("namespace", "user", "plain") if os.geteuid() == 0 else ("user", "plain"):
            ports = {name: FIRST_PORT + 2 * index for index, name in enumerate(names)}
            if mode == "plain":
                ports = {name: _free_pair() for name in names}
            folder = _runtime_folder(ports, driver)
            launcher = _launch(mode, folder, pcscd, ports, directory / "pcsc.log")
            verdict = _line(launcher)
            if verdict == "ready":
                daemon = IPC_SOCKET if mode == "plain" else folder / "run" / "pcscd.comm"
                readers = {name: f"{_friendly(name)} 00 00" for name in names}
                return cls(folder, launcher, daemon, readers)
            refusals.append(f"{mode}: {verdict.removeprefix('failed ') or 'the launcher ended'}")
            _end(launcher, folder)
        raise StackUnavailable("; ".join(refusals))

    def __enter__(self) -> "PcscStack":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the cards out and end both processes; may be called again."""
        with self._lock:
            _end(self._launcher, self._folder)

    @property
    def alive(self) -> bool:
        """Whether the stack's supervisor runs."""
        return self._launcher.poll() is None

    def insert(self, slot: str, image_path: Path) -> None:
        """Put the card of an image file on the reader, after what lies there is gone; returns when seen."""
        with self._lock:
            self.remove(slot)
            self._ask({"op": "insert", "slot": slot, "path": str(image_path.resolve())})
            self._inserted[slot] = image_path
            self._await_presence(slot, True)

    def remove(self, slot: str) -> None:
        """Take the card off the reader, if one is there; returns when pcscd has seen it."""
        with self._lock:
            self._ask({"op": "remove", "slot": slot})
            self._inserted.pop(slot, None)
            # A swap within one poll of pcscd would be missed: the empty reader must be seen first.
            self._await_presence(slot, False)

    def card_present(self, slot: str) -> bool:
        """Whether pcscd sees a card there."""
        state = reader_states(self._daemon).get(self.readers[slot])
        return state is not None and state.present

    def fault(self, slot: str, action: str, **fields: str | int) -> None:
        """Arm a fault on a slot: see card_faults.CardFault for the fields."""
        self._ask({"op": "fault", "slot": slot, "action": action, **fields})

    def clear_faults(self, slot: str) -> None:
        self._ask({"op": "clear", "slot": slot})

    def slow_down(self, slot: str, seconds: float) -> None:
        """Let every command on this slot take that much longer."""
        self._ask({"op": "timing", "slot": slot, "delay": seconds})

    def status(self) -> dict[str, Any]:
        """The card process's report: pid, and per slot inserted, path, serial, apdus, faults, last_fault."""
        return self._ask({"op": "status"})

    def restart_cards(self) -> None:
        """Power back after a cut: a new card process, with the cards that were left on the readers."""
        with self._lock:
            left = dict(self._inserted)
            for name in self.readers:
                self._inserted.pop(name, None)
            if self._launcher.stdin is None or not self.alive:
                raise StackError("the stack has ended")
            self._launcher.stdin.write("host\n")
            self._launcher.stdin.flush()
            answer = _line(self._launcher)
            if answer != "host-ready":
                raise StackError(f"the card process did not start: {answer}")
            for slot, path in left.items():
                self.insert(slot, path)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = ask(self._folder / "control.sock", request)
        except OSError as error:
            raise StackError(f"the card process does not answer: {error}") from error
        if not answer.pop("ok", False):
            raise StackError(str(answer.get("error", "no answer")))
        return answer

    def _await_presence(self, slot: str, present: bool) -> None:
        def reached() -> bool:
            state = reader_states(self._daemon).get(self.readers[slot])
            return state is not None and state.settled and state.present is present

        if not _await(reached):
            raise StackError(f"pcscd has not seen the card {'arrive' if present else 'leave'}: {slot}")


def ask(control: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """One request to a card process, and its answer; OSError when it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2 * WAIT_SECONDS)
        client.connect(str(control))
        client.sendall(json.dumps(request).encode("utf-8") + b"\n")
        with client.makefile("rb") as lines:
            line = lines.readline()
    if not line:
        raise ConnectionError("hung up")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _await(reached: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_SECONDS
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _installed() -> tuple[str, Path]:
    """pcscd and the vpcd driver, or StackUnavailable naming the package that has them."""
    pcscd = shutil.which("pcscd", path=os.pathsep.join((os.environ.get("PATH", ""), DAEMON_PATHS)))
    if pcscd is None:
        raise StackUnavailable("pcscd is not installed (package pcscd)")
    found = [path for path in map(Path, DRIVERS) if path.is_file()]
    if not found:
        raise StackUnavailable("the virtual reader driver is not installed (package vsmartcard-vpcd)")
    return pcscd, found[0]


def _friendly(slot: str) -> str:
    return FRIENDLY_NAMES.get(slot, f"Shekara Virtual Reader {slot}")


def _free_pair() -> int:
    """A port that is free together with its successor (vpcd listens on both)."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise StackUnavailable("no two neighbouring free ports")


def _runtime_folder(ports: Mapping[str, int], driver: Path) -> Path:
    """A short-named folder with pcscd's configuration and one driver copy per reader."""
    folder = Path(tempfile.mkdtemp(prefix="shekara-", dir="/tmp"))
    for name in ("run", "conf", "lib", "empty"):
        (folder / name).mkdir()
    blocks: list[str] = []
    for slot, port in ports.items():
        copy = folder / "lib" / f"libifdvpcd{port}.so"  # a shared copy would leave the first reader dead
        shutil.copyfile(driver, copy)
        blocks += [f'FRIENDLYNAME "{_friendly(slot)}"', f"DEVICENAME /dev/null:{port}"]
        blocks += [f"LIBPATH {copy}", f"CHANNELID {port}", ""]
    (folder / "conf" / "vpcd").write_text("\n".join(blocks), "utf-8")
    return folder


def _launch(
    mode: str, folder: Path, pcscd: str, ports: Mapping[str, int], log: Path
) -> subprocess.Popen[str]:
    here = Path(__file__).resolve().parent
    host = [sys.executable, "-m", "hardware_mocks.card_host", "--dir", str(folder)]
    for slot, port in ports.items():
        host += ["--slot", f"{slot}={port}"]
    search = os.pathsep.join(filter(None, (str(here.parent), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-I", "-S", str(here / "pcsc_launcher.py"), "--mode", mode]
    command += ["--dir", str(folder), "--pcscd", pcscd, "--", *host]
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env={**os.environ, "PYTHONPATH": search},
            start_new_session=True,  # Ctrl-C on the terminal is for the program, not for the readers
        )


def _line(launcher: subprocess.Popen[str]) -> str:
    return launcher.stdout.readline().strip() if launcher.stdout else ""


def _end(launcher: subprocess.Popen[str], folder: Path) -> None:
    for stream in (launcher.stdin, launcher.stdout):
        if stream is not None:
            stream.close()
    try:
        launcher.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        launcher.kill()
        launcher.wait()
    shutil.rmtree(folder, ignore_errors=True)
