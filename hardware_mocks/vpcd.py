"""The card's end of the vpcd wire protocol: a virtual card in a real PC/SC reader.

vsmartcard's reader driver listens on TCP; the card connects (inserted) and closes (removed). Each message
is a two-octet big-endian length and that many octets: one octet 00 power off, 01 power on, 02 reset, 04 ask
for the ATR (also the presence poll, every 400 ms); anything longer is a command APDU to be answered.
"""

import contextlib
import socket
import threading
from typing import Protocol

from hardware_mocks.card_faults import CardMute, CardPulled

POWER_OFF, POWER_ON, RESET, ATR = 0x00, 0x01, 0x02, 0x04
MAX_MESSAGE = 0xFFFF


class Device(Protocol):
    """What the reader can do to a card; transmit may raise CardPulled or CardMute."""

    def power_on(self) -> bytes: ...

    def power_off(self) -> None: ...

    def transmit(self, apdu: bytes) -> bytes: ...


class VpcdClient:
    """One card in one virtual slot, served by its own thread from insertion to removal."""

    def __init__(self, card: Device, host: str, port: int) -> None:
        """Insert the card: OSError when no reader listens there."""
        self._card = card
        self._atr = card.power_on()
        card.power_off()
        self._removed = threading.Event()
        self._socket = socket.create_connection((host, port), timeout=5)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._serve, name=f"card-{port}", daemon=True)
        self._thread.start()

    @property
    def inserted(self) -> bool:
        return not self._removed.is_set()

    def remove(self) -> None:
        """Take the card out: its power is gone with the call."""
        self._removed.set()
        with contextlib.suppress(OSError):  # the reader may have hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        try:
            while (message := self._receive()) is not None:
                answer = self._answer(message)
                if answer is not None:
                    self._socket.sendall(len(answer).to_bytes(2, "big") + answer)
        except (CardPulled, OSError):
            pass  # both mean: no card here any more
        finally:
            self._removed.set()
            self._card.power_off()
            self._socket.close()

    def _answer(self, message: bytes) -> bytes | None:
        if len(message) > 1:
            return self._transmit(message)
        match message[0] if message else None:
            case 0x00:  # POWER_OFF
                self._card.power_off()
            case 0x01 | 0x02:  # POWER_ON, RESET
                self._card.power_on()
            case 0x04:  # ATR
                return self._atr
        return None

    def _transmit(self, apdu: bytes) -> bytes | None:
        try:
            return self._card.transmit(apdu)
        except CardMute:
            self._removed.wait()
            return None

    def _receive(self) -> bytes | None:
        head = self._exactly(2)
        return None if head is None else self._exactly(int.from_bytes(head, "big"))

    def _exactly(self, size: int) -> bytes | None:
        """Octets from the reader; None when it has hung up."""
        data = bytearray()
        while len(data) < size:
            # Without it the kernel delays acknowledgements and every APDU costs 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._socket.recv(size - len(data))
            if not part:
                return None
            data += part
        return bytes(data)
