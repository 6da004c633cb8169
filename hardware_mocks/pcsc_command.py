"""`shekara sim pcsc [--document PATH] [--blank PATH] -- COMMAND…`: a program with virtual readers.

Starts a stack, puts the given card images on the readers, runs the command with the environment it needs,
and cleans up. Its exit status is the command's own (128 + signal when a signal ended it).
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardware_mocks.chip import CardImage, ImageError, blank_image
from hardware_mocks.pcsc_stack import PcscStack, StackError, StackUnavailable
from kiosk.errors import ErrorCode, KioskError


def run_pcsc(
    command: Sequence[str], *, document: Path | None = None, blank: Path | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Run command (a leading "--" is dropped) in a stack; a report with its `exit_code`.

    A blank image that does not exist is made. With `quiet` the command's output goes to standard error.
    Raises USAGE, STACK_UNAVAILABLE, SIM_CARD_IMAGE, SIM_COMMAND_NOT_FOUND. Main thread only (signals).
    """
    words = list(command[command[:1] == ["--"] :])
    images = {"document": document, "blank": blank}
    if not words:
        raise KioskError(ErrorCode.USAGE, "no command given")
    given = {slot: path for slot, path in images.items() if path is not None}
    _check_images(given)
    with tempfile.TemporaryDirectory(prefix="shekara-pcsc-") as folder, _stack(Path(folder)) as stack:
        for slot, path in given.items():
            _insert(stack, slot, path)
        variables = {f"SHEKARA_READER_{slot.upper()}": name for slot, name in stack.readers.items()}
        exit_code = _execute(words, {**stack.environment, **variables}, quiet=quiet)
        cards = {slot: str(path) for slot, path in given.items()}
        return {
            "exit_code": exit_code,
            "readers": dict(stack.readers),
            "cards": cards,
            "environment": dict(stack.environment),
        }


@contextmanager
def _stack(folder: Path) -> Iterator[PcscStack]:
    try:
        stack = PcscStack.start(folder)
    except StackUnavailable as error:
        raise KioskError(ErrorCode.STACK_UNAVAILABLE, error.reason) from error
    with stack:
        yield stack


def _check_images(given: Mapping[str, Path]) -> None:
    for slot, path in given.items():
        try:
            if slot == "blank" and not path.exists():
                blank_image(secrets.randbits(32)).save(path)
                sys.stderr.write(f"new blank card: {path}\n")
            CardImage.load(path)
        except (OSError, ImageError) as error:
            raise KioskError(ErrorCode.SIM_CARD_IMAGE, f"{path}: {error}") from error


def _insert(stack: PcscStack, slot: str, path: Path) -> None:
    try:
        stack.insert(slot, path)
    except StackError as error:
        raise KioskError(ErrorCode.SIM_CARD_IMAGE, f"{path}: {error}") from error


def _execute(words: list[str], variables: Mapping[str, str], *, quiet: bool) -> int:
    try:
        child = subprocess.Popen(words, env={**os.environ, **variables}, stdout=2 if quiet else None)
    except OSError as error:
        raise KioskError(ErrorCode.SIM_COMMAND_NOT_FOUND, f"{words[0]}: {error.strerror}") from error
    with _signals_to(child):
        code = child.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _signals_to(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ctrl-C reaches the command by itself; a polite end is passed on; we stay to clean up."""

    def forward(number: int, _: object) -> None:
        child.send_signal(number)

    old = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
    }
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
