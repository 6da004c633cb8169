"""Smart card readers through PC/SC: names, presence, exclusive connections.

Owns pyscard. It is imported when first needed, so that a private daemon can be chosen through
PCSCLITE_CSOCK_NAME before. Every connection is exclusive and resets the card before and after: a card left
powered by the program before us refuses commands on some applets. `transmit` itself never times out; with a
`deadline` it runs on a thread of its own, which is given up together with the connection when the card
stays silent.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from card_io.apdu import BytesLink
from card_io.errors import CardError, CardRemoved, CardSilent, ReaderUnavailable

POLL_SECONDS = 0.1

# PC/SC return codes that mean the card has gone (pcsclite.h, winscard.h)
_REMOVED = {
    0x8010000C: "no card",
    0x80100010: "not ready",
    0x80100016: "not transacted",
    0x8010002F: "communication lost",
    0x80100066: "unresponsive",
    0x80100067: "unpowered",
    0x80100068: "reset by someone",
    0x80100069: "removed",
}
_UNAVAILABLE = {
    0x80100009: "unknown reader",
    0x8010000B: "reader is in use",
    0x80100017: "reader is gone",
    0x8010001D: "no smart card service",
    0x8010001E: "smart card service stopped",
    0x8010002E: "no readers",
}
_NO_READERS = 0x8010002E
_OK = 0
# PC/SC part 10, sections 2.2 and 2.6.14: what a reader can do, and its largest data field (0: short ones)
_GET_FEATURES, _FEATURE_PROPERTIES, _MAX_APDU_DATA = 3400, 0x12, 0x0A
_SHORT_DATA = 256

T = TypeVar("T")


def readers() -> list[str]:
    """Names of all readers, sorted; empty without readers; ReaderUnavailable without a smart card service."""
    with _context() as (scard, context):
        return _list(scard, context)


class PcscLink(BytesLink):
    """A connected card; sends raise CardRemoved, CardSilent, ReaderUnavailable.

    `atr` is its answer to reset, `max_answer` the longest answer in bytes, status word included, that the
    reader carries (0: it does not tell).
    """

    def __init__(self, transmit: Callable[[bytes], bytes], atr: bytes, max_answer: int = 0) -> None:
        super().__init__(transmit)
        self.atr = atr
        self.max_answer = max_answer


class PcscSlot:
    """One reader, found by name: the exact name, else the first that contains the pattern in any case.

    `deadline` is the longest wait for the answer to one command in seconds, None for ever.
    """

    def __init__(self, reader_name_pattern: str, *, deadline: float | None = None) -> None:
        self._pattern = reader_name_pattern
        self._deadline = deadline

    @property
    def name(self) -> str:
        """Full name of the reader now; ReaderUnavailable if none fits."""
        with _context() as (scard, context):
            return self._find(scard, context)

    def card_present(self) -> bool:
        """Whether a card is on the reader."""
        with _context() as (scard, context):
            return _present(scard, context, self._find(scard, context))

    def wait_for_card(self, timeout: float | None = None, cancel: threading.Event | None = None) -> bool:
        """True as soon as a card is there; False after `timeout` seconds or when `cancel` is set."""
        return self._wait(True, timeout, cancel)

    def wait_for_removal(self, timeout: float | None = None, cancel: threading.Event | None = None) -> bool:
        """True as soon as no card is there; False after `timeout` seconds or when `cancel` is set."""
        return self._wait(False, timeout, cancel)

    @contextmanager
    def connect(self) -> Iterator[PcscLink]:
        """An exclusive connection to a freshly reset card; CardRemoved without a card."""
        connection, courier = _Connection(), _Courier(self._deadline)
        try:
            atr = courier.run(lambda: connection.open(self._find))
            room = courier.run(connection.max_answer)
            yield PcscLink(lambda raw: courier.run(lambda: connection.transmit(raw)), atr, room)
        finally:
            courier.close(connection.close)

    def _find(self, scard: ModuleType, context: Any) -> str:
        names = _list(scard, context)
        wanted = self._pattern.casefold()
        found = [name for name in names if name == self._pattern]
        found += [name for name in names if wanted in name.casefold()]
        if not found:
            raise ReaderUnavailable("no reader of that name")
        return found[0]

    def _wait(self, wanted: bool, timeout: float | None, cancel: threading.Event | None) -> bool:
        cancel = cancel or threading.Event()
        end = None if timeout is None else time.monotonic() + timeout
        with _context() as (scard, context):
            while not cancel.is_set():
                if _present(scard, context, self._find(scard, context)) is wanted:
                    return True
                left = POLL_SECONDS if end is None else end - time.monotonic()
                if left <= 0:
                    return False
                cancel.wait(min(POLL_SECONDS, left))
        return False


class _Connection:
    """What is open towards one card; `close` works from any state."""

    def __init__(self) -> None:
        self._scard = _scard()
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0

    def open(self, find: Callable[[ModuleType, Any], str]) -> bytes:
        """Connect exclusively and reset; the answer to reset."""
        scard = self._scard
        self._context = _establish(scard)
        name = find(scard, self._context)
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        mode = scard.SCARD_SHARE_EXCLUSIVE
        code, card, _ = scard.SCardConnect(self._context, name, mode, protocols)
        _check(code, "connect")
        self._card = card
        code, self._protocol = scard.SCardReconnect(card, mode, protocols, scard.SCARD_RESET_CARD)
        _check(code, "reset")
        code, _, _, _, atr = scard.SCardStatus(card)
        _check(code, "answer to reset")
        return bytes(atr)

    def max_answer(self) -> int:
        """Longest answer the reader carries, status word included; 0 if it does not tell."""
        features = self._control(self._scard.SCARD_CTL_CODE(_GET_FEATURES))
        code = _property(features, _FEATURE_PROPERTIES)
        if code is None:
            return 0
        size = _property(self._control(int.from_bytes(code, "big")), _MAX_APDU_DATA)
        if size is None:
            return 0
        return max(int.from_bytes(size, "little"), _SHORT_DATA) + 2

    def _control(self, code: int) -> bytes:
        """What the driver answers; b"" if it does not: drivers without features are many."""
        result, answer = self._scard.SCardControl(self._card, code, [])
        return bytes(byte & 0xFF for byte in answer) if result & 0xFFFFFFFF == _OK else b""

    def transmit(self, raw: bytes) -> bytes:
        """Answer to one command."""
        scard = self._scard
        t0 = self._protocol == scard.SCARD_PROTOCOL_T0
        code, answer = scard.SCardTransmit(
            self._card, scard.SCARD_PCI_T0 if t0 else scard.SCARD_PCI_T1, list(raw)
        )
        _check(code, "transmit")
        if len(answer) < 2:  # a card pulled in the middle of a command shows as an empty success
            raise CardRemoved("transmit: no status word")
        return bytes(byte & 0xFF for byte in answer)

    def close(self) -> None:
        """Reset and let go; the card may be gone by now, so what the calls return does not matter."""
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_RESET_CARD)
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)


class _Courier:
    """Runs calls one after the other: here, or with a deadline on a thread that can be given up."""

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self._given_up = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        if deadline is not None:
            threading.Thread(target=self._work, name="card", daemon=True).start()

    def run(self, call: Callable[[], T]) -> T:
        """Result of the call, its CardError, or CardSilent when it takes longer than the deadline."""
        if self._deadline is None:
            return call()
        if self._given_up:
            raise CardSilent("connection was given up")
        results: queue.SimpleQueue[tuple[T | None, CardError | None]] = queue.SimpleQueue()
        self._jobs.put(lambda: results.put(_outcome(call)))
        try:
            result, error = results.get(timeout=self._deadline)
        except queue.Empty:
            self._given_up = True
            raise CardSilent("no answer before the deadline") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only when the call returned None

    def close(self, last: Callable[[], None]) -> None:
        """Do `last` and end the thread; when the card is silent, as soon as its call returns."""
        if self._deadline is None:
            last()
            return
        done = threading.Event()
        for job in (last, done.set, None):
            self._jobs.put(job)
        if not self._given_up:
            done.wait(self._deadline)  # a reader that hangs now costs its thread, not the result

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _property(answer: bytes, wanted: int) -> bytes | None:
    """The value of one simple TLV in what a driver answers; None if it is not there."""
    while len(answer) > 1:
        tag, length, rest = answer[0], answer[1], answer[2:]
        if tag == wanted and 0 < length <= len(rest):
            return rest[:length]
        answer = rest[length:]
    return None


def _outcome(call: Callable[[], T]) -> tuple[T | None, CardError | None]:
    try:
        return call(), None
    except CardError as error:
        return None, error


def _scard() -> ModuleType:
    try:
        from smartcard import scard
    except ImportError as error:
        raise ReaderUnavailable("pyscard is not installed") from error
    module: ModuleType = scard
    return module


def _establish(scard: ModuleType) -> Any:
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _check(code, "establish context")
    return context


@contextmanager
def _context() -> Iterator[tuple[ModuleType, Any]]:
    scard = _scard()
    context = _establish(scard)
    try:
        yield scard, context
    finally:
        scard.SCardReleaseContext(context)


def _check(code: int, doing: str) -> None:
    code &= 0xFFFFFFFF
    if code == _OK:
        return
    if code in _REMOVED:
        raise CardRemoved(f"{doing}: {_REMOVED[code]}")
    raise ReaderUnavailable(f"{doing}: {_UNAVAILABLE.get(code, 'PC/SC error')} ({code:08X})")


def _list(scard: ModuleType, context: Any) -> list[str]:
    code, names = scard.SCardListReaders(context, [])
    if code & 0xFFFFFFFF == _NO_READERS:
        return []
    _check(code, "list readers")
    return sorted(names)


def _present(scard: ModuleType, context: Any, name: str) -> bool:
    code, states = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE)])
    _check(code, "ask for the card")
    state: int = states[0][1]
    return bool(state & scard.SCARD_STATE_PRESENT) and not state & scard.SCARD_STATE_MUTE
