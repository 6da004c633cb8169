"""The commands that turn a blank into a card: ISO/IEC 7816-4, -8 and -9, plain, with the values of a profile.

Owns what goes over the wire and the reading of what comes back; when to send what is the personaliser's part.
Personal data are in the commands only, never in an error.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from card_io.apdu import SW, Command, Link, Response, expect
from card_io.errors import CardErrorCode, CardRefused, MalformedCardData
from card_io.lds.index import MASTER_FILE
from card_io.perso.profile import Profile, ProfileFile
from card_io.tlv import Tlv

_SELECT, _READ, _UPDATE, _CREATE, _GENERATE = 0xA4, 0xB0, 0xD6, 0xE0, 0x46
_GET_DATA, _PUT_DATA, _ACTIVATE = 0xCA, 0xDA, 0x44
_CPLC: Final = 0x9F7F
_CPLC_LENGTH: Final = 42
_READ_BLOCK: Final = 231
_REFUSALS: Final = frozenset({SW.SECURITY_NOT_SATISFIED, SW.CONDITIONS_NOT_SATISFIED, SW.NO_CURRENT_FILE})


class CardState(StrEnum):
    """Where the card is in its life."""

    CREATION = "creation"
    """A blank, or a torn one: files can be created and written."""
    OPERATIONAL = "operational"
    """Personalised and locked for good."""
    TERMINATED = "terminated"
    """Out of use for good."""
    FOREIGN = "foreign"
    """No card of this profile."""


def read_serial(link: Link) -> str:
    """Chip serial of 16 hexadecimal digits: fabricator, serial number and batch of the CPLC data.

    CardRefused (CARD_FOREIGN) if the card has no CPLC data.
    """
    response = link.send(Command(0x00, _GET_DATA, _CPLC >> 8, _CPLC & 0xFF, le=0))
    if not response.ok:
        raise CardRefused("the card gives no production data")
    try:
        cplc = Tlv(response.data)
    except MalformedCardData as error:
        raise CardRefused("the card's production data are malformed") from error
    if cplc.tag != _CPLC or len(cplc.value) != _CPLC_LENGTH:
        raise CardRefused("the card's production data are malformed")
    return (cplc.value[0:2] + cplc.value[12:16] + cplc.value[16:18]).hex().upper()


def card_state(link: Link, profile: Profile | None = None) -> CardState:
    """Life cycle of the eMRTD application by its FCP (62 with 84 AID, 8A state); selects the application."""
    profile = profile or Profile.load()
    response = link.send(Command(0x00, _SELECT, 0x04, 0x04, profile.application, le=0))
    if not response.ok:
        return CardState.FOREIGN
    try:
        fcp = Tlv(response.data)
        aid, state = fcp.child(0x84), fcp.require(0x8A).value
    except MalformedCardData:
        return CardState.FOREIGN
    known = fcp.tag == 0x62 and len(state) == 1 and (aid is None or aid.value == profile.application)
    return CardState(profile.life_cycle.get(state[0], "foreign")) if known else CardState.FOREIGN


class Blank:
    """A card in its creation state on an open link."""

    def __init__(self, link: Link, profile: Profile) -> None:
        self._link = link
        self._profile = profile
        self._in_mf: bool | None = None  # which directory is selected

    def check(self, expected_serial: str | None) -> tuple[str, CardState]:
        """Serial and state of a card that is ours; CardRefused for a foreign, other or terminated one."""
        state = card_state(self._link, self._profile)
        self._in_mf = False
        if state is CardState.FOREIGN:
            raise CardRefused("the card has no eMRTD application of this profile")
        serial = read_serial(self._link)
        if expected_serial is not None and serial != expected_serial.upper():
            raise CardRefused("not the drawn blank", code=CardErrorCode.CARD_SERIAL_UNEXPECTED)
        if state is CardState.TERMINATED:
            raise CardRefused("the card is terminated", code=CardErrorCode.CARD_LOCKED)
        return serial, state

    def create(self, file: ProfileFile, size: int) -> bool:
        """Create `file` with `size` bytes; False if it exists already (from a torn run)."""
        fcp = Tlv.of(
            0x62,
            [
                Tlv.of(0x80, size.to_bytes(2, "big")),
                Tlv.of(0x82, b"\x01"),  # transparent working file
                Tlv.of(0x83, file.fid.to_bytes(2, "big")),
                Tlv.of(0x88, bytes([file.sfi << 3])),
            ],
        )
        self._enter(file)
        return self._send(Command(0x00, _CREATE, 0, 0, fcp), SW.OK, SW.FILE_EXISTS).ok

    def exists(self, file: ProfileFile) -> bool:
        """Whether the card has `file` already."""
        self._enter(file)
        return self._send(_select_file(file), SW.OK, SW.FILE_NOT_FOUND).ok

    def write(self, file: ProfileFile, content: bytes, written: Callable[[int], None]) -> None:
        """Write all of `content` from offset 0; `written` is told the bytes of every block."""
        self._select(file)
        self._update(0, content, written)

    def wipe_tail(self, file: ProfileFile, start: int) -> None:
        """Overwrite with zeros what an earlier run left in `file` from `start` on."""
        self._select(file)
        tail = self._read_on(start, self._profile.max_file_size)
        if tail.strip(b"\x00"):
            self._update(start, bytes(len(tail)), lambda _: None)

    def read(self, file: ProfileFile, length: int) -> bytes:
        """The first `length` bytes of `file`, fewer if it is shorter."""
        self._select(file)
        return self._read_on(0, length)

    def generate_key(self) -> bytes:
        """Have the card make its active authentication key pair anew; the public point 04 || X || Y."""
        key = self._profile.key
        control = Tlv.of(
            0xAC, [Tlv.of(0x80, bytes([key.parameter_id])), Tlv.of(0x84, bytes([key.reference]))]
        )
        answer = Tlv(self._send(Command(0x00, _GENERATE, 0x80, 0x00, control, le=0)).data)
        if answer.tag != 0x7F49:
            raise MalformedCardData("no public key in the answer to key generation")
        return answer.require(0x86).value

    def put_secret(self, reference: int, value: bytes) -> None:
        """Store a password or the access policy."""
        self._send(Command(0x00, _PUT_DATA, reference >> 8, reference & 0xFF, value))

    def activate(self) -> None:
        """Lock: from here on the card is operational, for good."""
        if self._in_mf is not False:
            self._enter_application()
        self._send(Command(0x00, _ACTIVATE, 0, 0))

    def refuses_write(self, file: ProfileFile, content: bytes) -> bool:
        """Whether the card refuses to rewrite `file` with the first byte it holds already."""
        self._enter(file)
        self._link.send(_select_file(file))  # a locked card may refuse this already
        return self._link.send(Command(0x00, _UPDATE, 0, 0, content[:1])).sw in _REFUSALS

    def refuses_secret(self, reference: int, value: bytes) -> bool:
        """Whether the card refuses to store `value`, which it holds already."""
        response = self._link.send(Command(0x00, _PUT_DATA, reference >> 8, reference & 0xFF, value))
        return response.sw in _REFUSALS

    def _update(self, start: int, content: bytes, written: Callable[[int], None]) -> None:
        size = self._profile.block_size
        for offset in range(0, len(content), size):
            block = content[offset : offset + size]
            place = start + offset
            self._send(Command(0x00, _UPDATE, place >> 8, place & 0xFF, block))
            written(len(block))

    def _read_on(self, start: int, limit: int) -> bytes:
        """Bytes from `start` up to `limit` or the end of the file."""
        content = b""
        while start + len(content) < limit:
            place = start + len(content)
            wanted = min(_READ_BLOCK, limit - place)
            command = Command(0x00, _READ, place >> 8, place & 0xFF, le=wanted)
            response = self._send(command, SW.OK, SW.END_OF_FILE, SW.WRONG_OFFSET)
            content += response.data[:wanted]
            if not response.ok or not response.data:
                break
        return content

    def _select(self, file: ProfileFile) -> None:
        self._enter(file)
        self._send(_select_file(file))

    def _enter(self, file: ProfileFile) -> None:
        if self._in_mf is file.in_mf:
            return
        if file.in_mf:
            self._send(Command(0x00, _SELECT, 0x00, 0x0C, MASTER_FILE.to_bytes(2, "big")))
            self._in_mf = True
        else:
            self._enter_application()

    def _enter_application(self) -> None:
        self._send(Command(0x00, _SELECT, 0x04, 0x0C, self._profile.application))
        self._in_mf = False

    def _send(self, command: Command, *accepted: int) -> Response:
        return expect(self._link.send(command), command, accepted or (SW.OK,))


def _select_file(file: ProfileFile) -> Command:
    return Command(0x00, _SELECT, 0x02, 0x0C, file.fid.to_bytes(2, "big"))
