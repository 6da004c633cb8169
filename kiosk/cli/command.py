"""What a sub-command is, and how it speaks: lines for people, one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:  # NumPy behind it takes longer than many a command
    from kiosk.ports import QueueState


class Output:
    """Lines for people on standard output; with `--json` one object there and the lines on stderr."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self.json = as_json
        self._stream = stream or sys.stdout
        self._result: dict[str, Any] = {}
        self._answered = False

    def say(self, text: str = "") -> None:
        print(text, file=sys.stderr if self.json else self._stream, flush=True)

    def result(self, values: Mapping[str, Any]) -> None:
        """Add to the answer; written once, at the end."""
        self._result.update(values)

    def line(self, values: Mapping[str, Any]) -> None:
        """One of many answers: a JSON line, written at once. Nothing without `--json`."""
        self._answered = True
        if self.json:
            print(json.dumps(values, ensure_ascii=False, default=str), file=self._stream, flush=True)

    def trouble(self, text: str) -> None:
        """For people, on standard error; programs find it in the answer."""
        if not self.json:
            print(text, file=sys.stderr, flush=True)

    def silent(self) -> None:
        """The command has written its whole answer itself."""
        self._answered = True

    def finish(self) -> None:
        if self.json and (self._result or not self._answered):
            print(json.dumps(self._result, ensure_ascii=False, default=str), file=self._stream, flush=True)


class Command(Protocol):
    """Sub-commands register an object of this shape in the entry-point group `shekara.commands`."""

    name: str
    help: str

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, out: Output) -> int:
        """Exit status. Errors are raised with their codes; the host prints them."""
        ...


def queue_facts(queue: QueueState) -> dict[str, int]:
    """The outbox in numbers: travellers whose messages wait, and messages by state."""
    return {
        "cases_waiting": queue.cases,
        "waiting": queue.waiting,
        "sent": queue.sent,
        "refused": queue.refused,
    }
