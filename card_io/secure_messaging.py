"""Secure messaging of travel documents, 3DES and AES (Doc 9303-11 section 9.8, BSI TR-03110-3 appendix F).

Owns the protected channel: it wraps a Link and is a Link. One way only: once a MAC is wrong, the chip
answers in plain, or another application is selected, the keys are forgotten and every further command is
refused. Going on means opening access again on the plain link underneath, so nothing can slip out
unprotected.
"""

from __future__ import annotations

import hmac

from card_io.apdu import SECURE, Command, Ins, Link, Response
from card_io.errors import CardError, MalformedCardData, SecureMessagingError
from card_io.lds.index import APPLICATION
from card_io.tlv import Tlv, read_header
from crypto.errors import MalformedData
from crypto.primitives import Cipher, SessionCipher, pad, unpad

_BY_NAME = 0x04  # P1 of SELECT by application identifier
_CRYPTOGRAM, _CRYPTOGRAM_ODD, _LE, _STATUS, _MAC = 0x87, 0x85, 0x97, 0x99, 0x8E
_KNOWN = frozenset({_CRYPTOGRAM, _CRYPTOGRAM_ODD, _STATUS, _MAC})
_LONGEST_HEADER = 6  # one byte of tag, five of length
_PADDED = b"\x01"  # padding indicator of object 87: ISO/IEC 9797-1 method 2
_ANSWER_OBJECTS = ({_CRYPTOGRAM, _STATUS, _MAC}, {_CRYPTOGRAM_ODD, _STATUS, _MAC}, {_STATUS, _MAC})


class BrokenSession(SecureMessagingError):
    """The chip left the session with a plain status word `sw` (Doc 9303-11 section 9.8.8)."""

    def __init__(self, sw: int) -> None:
        self.sw = sw
        super().__init__(f"chip ended the session with status {sw:04X}")


class SecureMessaging:
    """A Link that protects every command with session keys until the session ends.

    `counter` is the send sequence counter before the first command (zeros after PACE). Selecting an
    application other than `application` ends the session: that SELECT goes out in plain and the wrapper is
    spent.
    """

    def __init__(
        self,
        link: Link,
        cipher: Cipher,
        encryption_key: bytes,
        mac_key: bytes,
        counter: bytes | None = None,
        *,
        application: bytes = APPLICATION,
    ) -> None:
        self._link = link
        self._cipher = cipher
        self._encryption_key = encryption_key
        self._mac_key = mac_key
        self._keys: SessionCipher | None = SessionCipher(cipher, encryption_key, mac_key)
        self._counter = int.from_bytes(counter or b"", "big")
        self._application = application
        self._alive = True
        self._proven = False

    @property
    def alive(self) -> bool:
        """Whether the session still holds."""
        return self._alive

    @property
    def counter(self) -> bytes:
        """Send sequence counter, one cipher block long."""
        return self._counter.to_bytes(self._cipher.block_size, "big")

    def send(self, command: Command) -> Response:
        """Exchange one command under protection; SecureMessagingError ends the session."""
        if not self._alive:
            raise SecureMessagingError("session is over")
        if self._leaves_application(command):
            self.end()
            return self._link.send(command)
        try:
            return self.unprotect(self._link.send(self.protect(command)))
        except CardError:  # the counters no longer agree
            self.end()
            raise

    @property
    def proven(self) -> bool:
        """Whether the chip has answered under these keys: it knows them."""
        return self._proven

    def renewed(self, cipher: Cipher, encryption_key: bytes, mac_key: bytes) -> SecureMessaging:
        """A new session on the same link after a key agreement, counter zero; this one is over."""
        session = SecureMessaging(self._link, cipher, encryption_key, mac_key, application=self._application)
        self.end()
        return session

    def end(self) -> None:
        """Forget the keys."""
        self._alive = False
        self._keys = None
        self._encryption_key = self._mac_key = b""

    def protect(self, command: Command) -> Command:
        """The protected form of a command; counts one up (Doc 9303-11 section 9.8.4)."""
        self._count()
        objects = self._data_object(command) + _le_object(command)
        header = bytes((command.cla | SECURE, command.ins, command.p1, command.p2))
        body = objects + _object(_MAC, self._mac(pad(header, self._cipher.block_size), objects))
        extended = command.is_extended or len(body) > 0xFF
        return Command(header[0], header[1], header[2], header[3], body, 0, extended)

    def unprotect(self, response: Response) -> Response:
        """Plain data and the protected status word; counts one up; SecureMessagingError if not authentic."""
        self._count()
        if not response.data:
            raise BrokenSession(response.sw)
        objects, covered = _answer_objects(response.data)
        if not hmac.compare_digest(self._mac(b"", response.data[:covered]), objects[_MAC]):
            raise SecureMessagingError("answer has a wrong MAC")
        status = objects[_STATUS]
        if len(status) != 2:
            raise SecureMessagingError("protected status is not two bytes")
        self._proven = True
        return Response(self._decrypt(objects), int.from_bytes(status, "big"))

    def _leaves_application(self, command: Command) -> bool:
        selects = command.ins == Ins.SELECT and command.p1 == _BY_NAME
        return selects and command.data != self._application

    def _count(self) -> None:
        self._counter = (self._counter + 1) % (1 << (8 * self._cipher.block_size))

    def _session(self) -> SessionCipher:
        if self._keys is None:
            raise SecureMessagingError("session is over")
        return self._keys

    def _mac(self, header: bytes, objects: bytes) -> bytes:
        content = self.counter + header
        if objects:
            content += pad(objects, self._cipher.block_size)
        return self._session().mac(content)

    def _data_object(self, command: Command) -> bytes:
        """Object 87, or 85 without padding indicator for an odd instruction (ISO/IEC 7816-4 table 42)."""
        if not command.data:
            return b""
        keys = self._session()
        cryptogram = keys.encrypt(keys.iv(self.counter), pad(command.data, self._cipher.block_size))
        if command.ins & 1:
            return Tlv.of(_CRYPTOGRAM_ODD, cryptogram)
        return Tlv.of(_CRYPTOGRAM, _PADDED + cryptogram)

    def _decrypt(self, objects: dict[int, bytes]) -> bytes:
        cryptogram = objects.get(_CRYPTOGRAM)
        if cryptogram is not None:
            if not cryptogram.startswith(_PADDED):
                raise SecureMessagingError("unknown padding indicator")
            cryptogram = cryptogram[1:]
        elif _CRYPTOGRAM_ODD in objects:
            cryptogram = objects[_CRYPTOGRAM_ODD]
        else:
            return b""
        keys = self._session()
        try:
            return unpad(keys.decrypt(keys.iv(self.counter), cryptogram))
        except MalformedData as error:
            raise SecureMessagingError("cryptogram is not padded data") from error


def _object(tag: int, value: bytes) -> bytes:
    """A data object of at most 127 bytes."""
    return bytes((tag, len(value))) + value


def _le_object(command: Command) -> bytes:
    if command.le is None:
        return b""
    wide = command.le > 0x100 or (command.extended and command.le == 0)
    size = 2 if wide else 1
    return _object(_LE, (command.le % (1 << (8 * size))).to_bytes(size, "big"))


def _answer_objects(data: bytes) -> tuple[dict[int, bytes], int]:
    """Values of cryptogram (optional), status, MAC: each once, the MAC last; and where the MAC begins."""
    found: dict[int, bytes] = {}
    position = covered = tag = 0
    while position < len(data):
        covered = position
        try:
            tag, size, length = read_header(data[position : position + _LONGEST_HEADER])
        except MalformedCardData as error:
            raise SecureMessagingError("answer is not made of objects") from error
        start, position = position + size, position + size + length
        if position > len(data):
            raise SecureMessagingError("answer is not made of objects")
        if tag in found or tag not in _KNOWN:
            raise SecureMessagingError("answer lacks status or MAC, or holds something else")
        found[tag] = data[start:position]
    if found.keys() not in _ANSWER_OBJECTS or tag != _MAC:
        raise SecureMessagingError("answer lacks status or MAC, or holds something else")
    return found, covered
