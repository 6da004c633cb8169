"""The process in which simulated cards live: `python -m hardware_mocks.card_host --dir DIR --slot NAME=PORT`.

Cards are put into virtual readers (vpcd) and keep their memory in their own image files: every change is on
disk before the card answers, so killing this process loses nothing a card has confirmed. Control is by JSON
lines over DIR/control.sock; each request is answered by one line with "ok" and, if false, "error":

    {"op": "insert", "slot": "document", "path": "/…/card.json"}
    {"op": "remove", "slot": "document"}
    {"op": "fault", "slot": "blank", "action": "kill", "when": "after", "ins": 214, "p1p2": 0, "count": 3}
    {"op": "clear", "slot": "blank"}          forget the armed faults
    {"op": "timing", "slot": "blank", "delay": 0.02}     seconds added to every command
    {"op": "status"}
    {"op": "stop"}
"""

import argparse
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardware_mocks.card_faults import CardFault, FaultPlan, FaultyCard
from hardware_mocks.chip import Card, CardImage
from hardware_mocks.vpcd import VpcdClient

CONTROL_SOCKET = "control.sock"
MAX_REQUEST = 65536
Request = Mapping[str, Any]


class ControlError(ValueError):
    """A request that makes no sense now, with the reason for the tester."""


class HostSlot:
    """One virtual reader slot and the card in it."""

    def __init__(self, host: str, port: int) -> None:
        self.plan = FaultPlan()
        self._address = host, port
        self._client: VpcdClient | None = None
        self._card: FaultyCard | None = None
        self._path: Path | None = None

    def insert(self, path: Path) -> None:
        """Put the card of an image file into the slot; ControlError if one is there, ImageError, OSError."""
        if self._client is not None and self._client.inserted:
            raise ControlError("there is a card in this slot")
        card = Card(CardImage.load(path), on_persist=lambda image: image.save(path))
        self._card = FaultyCard(card, self.plan)
        self._client = VpcdClient(self._card, *self._address)
        self._path = path

    def remove(self) -> None:
        """Take the card out, if one is in."""
        if self._client is not None:
            self._client.remove()
            self._client = None

    def status(self) -> dict[str, Any]:
        inserted = self._client is not None and self._client.inserted
        value: dict[str, Any] = {
            "inserted": inserted,
            "faults": self.plan.armed,
            "last_fault": self.plan.last_fault,
            "delay": self.plan.delay,
        }
        if inserted and self._card is not None:
            image = self._card.card.image
            value |= {"path": str(self._path), "serial": image.serial, "kind": image.kind}
            value |= {"life_cycle": image.life_cycle, "apdus": self._card.apdus}
            value |= {"powered": self._card.card.powered}
        return value


class CardHost:
    """The slots, and the control requests about them."""

    def __init__(self, ports: Mapping[str, int], host: str = "127.0.0.1") -> None:
        self.stopped = threading.Event()
        self._slots = {name: HostSlot(host, port) for name, port in ports.items()}
        self._lock = threading.Lock()
        self._operations: Mapping[str, Callable[[Request], dict[str, Any]]] = {
            "insert": self._insert,
            "remove": self._remove,
            "fault": self._fault,
            "clear": self._clear,
            "timing": self._timing,
            "status": self._status,
            "stop": self._stop,
        }

    def handle(self, line: bytes) -> dict[str, Any]:
        """The answer to one request line; never raises for what a client can send."""
        try:
            request = json.loads(line)
            with self._lock:
                return {"ok": True} | self._operations[request["op"]](request)
        except (KeyError, TypeError, ValueError, AttributeError, OSError, RecursionError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def close(self) -> None:
        """Take every card out."""
        for slot in self._slots.values():
            slot.remove()

    def _slot(self, request: Request) -> HostSlot:
        if request["slot"] not in self._slots:
            raise ControlError(f"no slot {request['slot']!r}")
        return self._slots[request["slot"]]

    def _insert(self, request: Request) -> dict[str, Any]:
        self._slot(request).insert(Path(request["path"]))
        return {}

    def _remove(self, request: Request) -> dict[str, Any]:
        self._slot(request).remove()
        return {}

    def _fault(self, request: Request) -> dict[str, Any]:
        fields = {name: value for name, value in request.items() if name not in ("op", "slot")}
        self._slot(request).plan.arm(CardFault.from_mapping(fields))
        return {}

    def _clear(self, request: Request) -> dict[str, Any]:
        self._slot(request).plan.clear()
        return {}

    def _timing(self, request: Request) -> dict[str, Any]:
        delay = float(request["delay"])
        if not 0 <= delay <= 60:
            raise ControlError("delay is 0 to 60 seconds")
        self._slot(request).plan.delay = delay
        return {}

    def _stop(self, _: Request) -> dict[str, Any]:
        self.stopped.set()
        return {}

    def _status(self, _: Request) -> dict[str, Any]:
        return {"pid": os.getpid(), "slots": {name: slot.status() for name, slot in self._slots.items()}}


def serve(host: CardHost, listener: socket.socket) -> None:
    """Accept control clients until stopped; each has a thread and may come and go as it likes."""
    while not host.stopped.is_set():
        try:
            client, _ = listener.accept()
        except OSError:
            break
        threading.Thread(target=_serve_client, args=(host, client, listener), daemon=True).start()


def _serve_client(host: CardHost, client: socket.socket, listener: socket.socket) -> None:
    try:
        with client, client.makefile("rb") as lines:
            while not host.stopped.is_set() and (line := lines.readline(MAX_REQUEST)):
                client.sendall(json.dumps(host.handle(line)).encode("utf-8") + b"\n")
        if host.stopped.is_set():
            listener.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has gone; the cards stay


def _slot_argument(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    return name, int(port)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until stopped by request or SIGTERM."""
    parser = argparse.ArgumentParser(prog="card_host", description="Simulated cards in virtual readers.")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the control socket")
    parser.add_argument("--slot", type=_slot_argument, action="append", required=True, metavar="NAME=PORT")
    parser.add_argument("--host", default="127.0.0.1", help="address of the reader driver")
    arguments = parser.parse_args(argv)
    host = CardHost(dict(arguments.slot), arguments.host)
    path: Path = arguments.dir / CONTROL_SOCKET
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(8)

        def stop(*_: object) -> None:
            host.stopped.set()
            listener.shutdown(socket.SHUT_RDWR)

        signal.signal(signal.SIGTERM, stop)
        serve(host, listener)
    host.close()
    path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
