"""The desk's two chip readers: the real PC/SC stack with virtual cards, or slots in the process."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from hardware_mocks.card_faults import CardFault
from hardware_mocks.link import InProcessSlot
from hardware_mocks.pcsc_stack import PcscStack, StackError, StackUnavailable
from kiosk.errors import ErrorCode, KioskError

DOCUMENT, BLANK = "document", "blank"
UPDATE_BINARY = 0xD6


class Readers(Protocol):
    """Where cards are put."""

    link: str
    environment: Mapping[str, str]

    def uri(self, slot: str) -> str: ...

    def insert(self, slot: str, path: Path) -> None:
        """Put the card of an image file on a reader; nothing happens if it lies there already."""
        ...

    def remove(self, slot: str) -> None: ...

    def arm(self, slot: str, fault: CardFault) -> None: ...

    def cut_power(self) -> None:
        """Kill the process the cards live in; `insert` starts it again."""
        ...

    def close(self) -> None: ...


class PcscReaders:
    """Cards behind pcscd, in a process of their own. Errors are STACK_UNAVAILABLE."""

    link = "pcsc"

    def __init__(self, stack: PcscStack) -> None:
        self._stack = stack
        self._inside: dict[str, Path] = {}
        self._dead = False
        self.environment: Mapping[str, str] = stack.environment

    def uri(self, slot: str) -> str:
        return f"pcsc:{self._stack.readers[slot]}"

    def insert(self, slot: str, path: Path) -> None:
        try:
            self._revive()
            if self._inside.get(slot) != path or not self._stack.card_present(slot):
                self._stack.insert(slot, path)
        except StackError as error:
            raise KioskError(ErrorCode.STACK_UNAVAILABLE, str(error)) from error
        self._inside[slot] = path

    def remove(self, slot: str) -> None:
        self._inside.pop(slot, None)
        try:
            self._revive()
            self._stack.remove(slot)
        except StackError as error:
            raise KioskError(ErrorCode.STACK_UNAVAILABLE, str(error)) from error

    def arm(self, slot: str, fault: CardFault) -> None:
        fields: dict[str, str | int] = {"when": fault.when, "count": fault.count}
        if fault.ins is not None:
            fields["ins"] = fault.ins
        self._dead = self._dead or fault.action == "kill"
        try:
            self._stack.fault(slot, fault.action, **fields)
        except StackError as error:
            raise KioskError(ErrorCode.STACK_UNAVAILABLE, str(error)) from error

    def cut_power(self) -> None:
        with suppress(StackError, ProcessLookupError):  # dead already
            os.kill(int(self._stack.status()["pid"]), signal.SIGKILL)
        self._dead = True

    def close(self) -> None:
        self._stack.close()

    def _revive(self) -> None:
        """After a power cut: a new card process, with what lay on the readers."""
        if not self._dead:
            return
        try:
            self._stack.status()
        except StackError:
            self._stack.restart_cards()
            self._dead = False


class LocalReaders:
    """Cards in this process, for machines where the PC/SC stack cannot run."""

    link = "in-process"
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._inside: dict[str, Path] = {}
        self.slots = {
            DOCUMENT: InProcessSlot("Simulated document reader", kill=self.cut_power),
            BLANK: InProcessSlot("Simulated card encoder", kill=self.cut_power),
        }

    def uri(self, slot: str) -> str:
        return f"sim:{slot}"

    def insert(self, slot: str, path: Path) -> None:
        if self._inside.get(slot) != path or not self.slots[slot].card_present():
            self.slots[slot].remove()
            self.slots[slot].insert(path)
        self._inside[slot] = path

    def remove(self, slot: str) -> None:
        self._inside.pop(slot, None)
        self.slots[slot].remove()

    def arm(self, slot: str, fault: CardFault) -> None:
        self.slots[slot].plan.arm(fault)

    def cut_power(self) -> None:
        """Every card forgets what it had not written down."""
        for slot in self.slots.values():
            slot.remove()

    def close(self) -> None:
        self.cut_power()


def open_readers(directory: Path, *, in_process: bool) -> tuple[Readers, str]:
    """The real stack if it runs here, else slots in the process and the reason why."""
    if in_process:
        return LocalReaders(), "asked for"
    try:
        return PcscReaders(PcscStack.start(directory, (DOCUMENT, BLANK))), ""
    except StackUnavailable as error:
        return LocalReaders(), error.reason
