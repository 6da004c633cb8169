"""The reader that needs no PC/SC: a simulated card reached inside the process.

InProcessSlot has the methods of card_io.pcsc.PcscSlot, so the product cannot tell them apart except by the
visible note that the PC/SC stack could not start. Faults strike here as they do in the card process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from card_io.apdu import BytesLink
from card_io.errors import CardRemoved, CardSilent, ReaderUnavailable
from hardware_mocks.card_faults import CardMute, CardPulled, FaultPlan, FaultyCard, kill_own_process
from hardware_mocks.chip import Card, CardImage


class InProcessLink(BytesLink):
    """A connected card, `atr` its answer to reset; sends raise CardRemoved or CardSilent."""

    def __init__(self, transmit: Callable[[bytes], bytes], atr: bytes) -> None:
        super().__init__(transmit)
        self.atr = atr


class InProcessSlot:
    """One simulated reader; cards are put in and taken out from any thread."""

    def __init__(
        self,
        name: str,
        *,
        deadline: float | None = None,
        kill: Callable[[], None] = kill_own_process,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """deadline: seconds before a mute card is CardSilent (None: at once); kill: the power cut fault.

        wait: spends the seconds of a slow or silent card (None: really); a card slower than the deadline is
        CardSilent too.
        """
        self.name = name
        self.plan = FaultPlan()
        self._deadline = deadline
        self._kill = kill
        self._wait_seconds = wait or threading.Event().wait
        self._card: FaultyCard | None = None
        self._changed = threading.Condition()
        self._connected = False

    def insert(self, card: Card | Path) -> None:
        """Put a card on the reader; a path is an image file the card keeps its memory in."""
        if isinstance(card, Path):
            path = card
            card = Card(CardImage.load(path), on_persist=lambda image: image.save(path))
        with self._changed:
            self._card = FaultyCard(card, self.plan, self._kill, self._be_slow)
            self._changed.notify_all()

    def remove(self) -> None:
        """Take the card off, if one is there: its power is gone."""
        with self._changed:
            if self._card is not None:
                self._card.power_off()
            self._card = None
            self._changed.notify_all()

    def card_present(self) -> bool:
        """Whether a card is on the reader."""
        with self._changed:
            return self._card is not None

    def wait_for_card(self, timeout: float | None = None, cancel: threading.Event | None = None) -> bool:
        """True as soon as a card is there; False after `timeout` seconds or when `cancel` is set."""
        return self._wait(True, timeout, cancel)

    def wait_for_removal(self, timeout: float | None = None, cancel: threading.Event | None = None) -> bool:
        """True as soon as no card is there; False after `timeout` seconds or when `cancel` is set."""
        return self._wait(False, timeout, cancel)

    @contextmanager
    def connect(self) -> Iterator[InProcessLink]:
        """An exclusive connection to a freshly reset card; CardRemoved without a card."""
        with self._changed:
            if self._connected:
                raise ReaderUnavailable("connect: reader is in use")
            card = self._card
            if card is None:
                raise CardRemoved("connect: no card")
            self._connected = True
        try:
            yield InProcessLink(lambda apdu: self._transmit(card, apdu), card.power_on())
        finally:
            card.power_off()
            self._connected = False

    def _transmit(self, card: FaultyCard, apdu: bytes) -> bytes:
        if self._card is not card:
            raise CardRemoved("transmit: removed")
        try:
            return card.transmit(apdu)
        except CardPulled:
            self.remove()
            raise CardRemoved("transmit: removed") from None
        except CardMute:
            self._wait_seconds(self._deadline or 0)
            raise CardSilent("no answer before the deadline") from None

    def _be_slow(self, seconds: float) -> None:
        if self._deadline is not None and seconds > self._deadline:
            raise CardMute
        self._wait_seconds(seconds)

    def _wait(self, wanted: bool, timeout: float | None, cancel: threading.Event | None) -> bool:
        cancel = cancel or threading.Event()
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while (self._card is not None) is not wanted:
                left = 0.1 if end is None else min(0.1, end - time.monotonic())
                if cancel.is_set() or left <= 0:
                    return False
                self._changed.wait(left)
        return not cancel.is_set()
