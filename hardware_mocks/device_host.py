"""The process of camera and printer: `python -m hardware_mocks.device_host --dir DIR`.

Writes one JSON line with its addresses to standard output when it is ready and takes orders as
JSON lines over DIR/devices.sock, each answered by one line with "ok" and, if false, "error":

    {"op": "show", "page": "/…/page.png", "seed": "…"}     page null: empty desk
    {"op": "camera", "fault": "freeze", "seconds": 1.0}     "" heals, seconds 0: until healed
    {"op": "printer", "fault": "media-empty", "seconds": 1.0}
    {"op": "status"}
    {"op": "stop"}

It ends when its standard input ends, so it never outlives the program that started it.
"""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hardware_mocks.camera import CameraServer
from hardware_mocks.printer import IppPrinter

SOCKET: Final = "devices.sock"
MAX_REQUEST: Final = 65536
START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 20.0
Request = Mapping[str, Any]


class DeviceHost:
    """Both devices and the orders about them."""

    def __init__(self, directory: Path, seconds_per_card: float) -> None:
        self.camera = CameraServer()
        self.printer = IppPrinter(directory / "printer", seconds_per_card=seconds_per_card)
        self.stopped = threading.Event()
        self._timer: threading.Timer | None = None
        self._orders: dict[str, Callable[[Request], dict[str, Any]]] = {
            "show": self._show,
            "camera": self._camera_fault,
            "printer": self._printer_fault,
            "status": lambda _: self.addresses(),
            "stop": self._stop,
        }

    def addresses(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "camera": self.camera.url, "printer": self.printer.uri}

    def handle(self, line: bytes) -> dict[str, Any]:
        """The answer to one order; never raises for what a client can send."""
        try:
            request = json.loads(line)
            return {"ok": True} | self._orders[request["op"]](request)
        except (KeyError, TypeError, ValueError, AttributeError, OSError, RecursionError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def close(self) -> None:
        self._cancel_timer()
        self.camera.close()
        self.printer.close()

    def _show(self, request: Request) -> dict[str, Any]:
        page = request["page"]
        self.camera.show(None if page is None else Path(page), str(request.get("seed", "")))
        return {}

    def _camera_fault(self, request: Request) -> dict[str, Any]:
        self._cancel_timer()
        fault, seconds = str(request["fault"]), float(request.get("seconds", 0))
        self.camera.set_fault(fault)
        if fault and seconds > 0:
            self._timer = threading.Timer(seconds, self.camera.set_fault, ("",))
            self._timer.daemon = True
            self._timer.start()
        return {}

    def _printer_fault(self, request: Request) -> dict[str, Any]:
        self.printer.engine.set_fault(str(request["fault"]), float(request.get("seconds", 0)))
        return {}

    def _stop(self, _: Request) -> dict[str, Any]:
        self.stopped.set()
        return {}

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DevicesUnavailable(Exception):
    """The process of camera and printer does not start or does not answer; the text says why."""


class Devices:
    """The running process, seen from the desk."""

    def __init__(self, directory: Path, *, seconds_per_card: float = 0.3) -> None:
        """Start it; `ready` waits until it is up. Its log is DIR/devices.log."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        root = str(Path(__file__).resolve().parent.parent)
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "hardware_mocks.device_host", "--dir", str(directory)]
        with (directory / "devices.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--seconds-per-card", str(seconds_per_card)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": search},
                start_new_session=True,
            )
        self.camera = ""
        self.printer = ""

    def ready(self) -> "Devices":
        """Wait for the addresses; DevicesUnavailable."""
        out = self._process.stdout
        waiting = select.select([out], [], [], START_SECONDS)[0] if out else []
        line = out.readline() if out and waiting else b""
        if not line:
            self.close()
            raise DevicesUnavailable(
                f"camera and printer did not start: see {self._directory / 'devices.log'}"
            )
        addresses = json.loads(line)
        self.camera, self.printer = addresses["camera"], addresses["printer"]
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """One order and its answer; DevicesUnavailable when refused or dead."""
        try:
            with _at(self._directory) as path, socket.socket(socket.AF_UNIX) as client:
                client.settimeout(ANSWER_SECONDS)
                client.connect(path)
                client.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
                with client.makefile("rb") as lines:
                    answer: dict[str, Any] = json.loads(lines.readline() or b"{}")
        except OSError as error:
            raise DevicesUnavailable(f"camera and printer do not answer: {error}") from error
        if not answer.pop("ok", False):
            raise DevicesUnavailable(str(answer.get("error", "hung up")))
        return answer

    def close(self) -> None:
        """End the process; may be called again."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _at(directory: Path) -> Iterator[str]:
    """The socket's address, short however deep the folder lies (sun_path holds 108 bytes)."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _serve(host: DeviceHost, listener: socket.socket) -> None:
    while not host.stopped.is_set():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve_client, args=(host, client), daemon=True).start()


def _serve_client(host: DeviceHost, client: socket.socket) -> None:
    try:
        with client, client.makefile("rb") as lines:
            while line := lines.readline(MAX_REQUEST):
                client.sendall(json.dumps(host.handle(line)).encode() + b"\n")
    except OSError:
        return  # the client has gone; the devices stay


def _watch_parent(host: DeviceHost) -> None:
    """The parent's end of our standard input closes with the parent, however it ends."""
    while os.read(0, 4096):
        pass
    host.stopped.set()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until ordered to stop, SIGTERM, or the end of the parent."""
    parser = argparse.ArgumentParser(prog="device_host", description="Simulated camera and card printer.")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the socket and the spool")
    parser.add_argument("--seconds-per-card", type=float, default=0.3)
    arguments = parser.parse_args(argv)
    host = DeviceHost(arguments.dir, arguments.seconds_per_card)
    signal.signal(signal.SIGTERM, lambda *_: host.stopped.set())
    (arguments.dir / SOCKET).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        with _at(arguments.dir) as path:
            listener.bind(path)
        (arguments.dir / SOCKET).chmod(0o600)
        listener.listen(8)
        threading.Thread(target=_serve, args=(host, listener), daemon=True).start()
        threading.Thread(target=_watch_parent, args=(host,), daemon=True).start()
        sys.stdout.write(json.dumps(host.addresses()) + "\n")
        sys.stdout.flush()
        while not host.stopped.wait(1.0):
            pass
    host.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
