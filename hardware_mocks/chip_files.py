"""The simulated chip's file system: what is selected, what a command addresses, who may touch it.

ISO/IEC 7816-4 §7.1 (selection), §7.2 (READ and UPDATE BINARY); access rules of Doc 9303-10 §3.11. Holds the
card's image and is the only place that changes it: a change is durable before it is true.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hardware_mocks.chip_access import RandomBytes
from hardware_mocks.chip_apdu import SW, ChipCommand, Refusal, objects, tlv
from hardware_mocks.chip_memory import LIFE_CYCLE_BYTE, CardImage, SeededRandom

EMRTD_AID = bytes.fromhex("A0000002471001")
MF_FID = bytes.fromhex("3F00")
MF, APPLICATION = "mf", "app"
# EF.CardAccess, EF.ATR/INFO and EF.DIR are readable by anyone (Doc 9303-10 §3.11).
FREE_FILES = ("mf/011C", "mf/2F01", "mf/2F00")
# DG3 and DG4 need Terminal Authentication, which this chip does not run (Doc 9303-11 §7.1).
EXTENDED_ACCESS_FILES = ("app/0103", "app/0104")


# An endless file ends beyond everything a READ BINARY can name (offsets of four octets).
ENDLESS = 1 << 33


class FileSystem:
    """Image, selection and access state of one powered chip."""

    def __init__(
        self, image: CardImage, random: RandomBytes | None, on_persist: Callable[[CardImage], None]
    ) -> None:
        self.image = image
        self._on_persist = on_persist
        seeded = random is None and image.rng_seed is not None
        self._drbg = SeededRandom(image.rng_seed or b"", image.rng_counter) if seeded else None
        self.random: RandomBytes = random or self._drbg or secrets.token_bytes
        self.torn = False
        self.reset()

    def reset(self) -> None:
        """Selection and rights after power-on."""
        self.directory = MF
        self.current: str | None = None
        self.authenticated = False

    def commit(self, **changes: Any) -> None:
        """Make changes durable, then true; a chip that cannot write refuses with 6581 and stays as it was."""
        counter = self._drbg.counter if self._drbg else self.image.rng_counter
        image = replace(self.image, rng_counter=counter, **changes)
        try:
            self._on_persist(image)
        except OSError as error:
            raise Refusal(SW.MEMORY_FAILURE) from error
        self.image = image

    def commit_randomness(self) -> None:
        """Persist the position of a seeded random stream that has moved."""
        if self._drbg and self._drbg.counter != self.image.rng_counter:
            self.commit()

    @property
    def open_for_writing(self) -> bool:
        return self.image.life_cycle == "creation"

    def require_creation(self) -> None:
        if not self.open_for_writing:
            raise Refusal(SW.CONDITIONS_OF_USE)

    def require_access(self, name: str) -> None:
        """Refusal 6982 unless the present rights allow using the file."""
        if self.open_for_writing or name in FREE_FILES:
            return
        protected = self.image.pace or self.image.bac
        if (protected and not self.authenticated) or name in EXTENDED_ACCESS_FILES:
            raise Refusal(SW.SECURITY_STATUS)

    def select(self, command: ChipCommand) -> bytes:
        """SELECT by name (P1 04), EF identifier (02) or MF (00); P2 0C no data, 00 FCI, 04 FCP."""
        if command.p2 not in (0x00, 0x04, 0x0C) or self._dislikes(command):
            raise Refusal(SW.WRONG_P1P2)
        if command.le is not None and "select" in self.image.behaviour.refuses_le:
            raise Refusal(SW.WRONG_LENGTH)
        match command.p1:
            case 0x00 if command.data in (b"", MF_FID):
                self.directory, self.current = MF, None
                description = tlv(0x83, MF_FID)
            case 0x04 if command.data == EMRTD_AID:
                self.directory, self.current = APPLICATION, None
                description = tlv(0x84, EMRTD_AID)
            case 0x02 if len(command.data) == 2:
                self.current = self._existing(f"{self.directory}/{command.data.hex().upper()}")
                description = self._file_description(self.current)
            case 0x00 | 0x02 | 0x04:
                raise Refusal(SW.FILE_NOT_FOUND)
            case _:
                raise Refusal(SW.WRONG_P1P2)
        return self._selection_answer(command, description)

    def _dislikes(self, command: ChipCommand) -> bool:
        """Whether this form of SELECT is one that the chip does not know."""
        match command.p1:
            case 0x00:
                form = "mf" if command.data else "mf-empty"
            case 0x04:
                form = "application"
            case _:
                form = "file"
        refused = self.image.behaviour.refuses_select
        return form in refused or ("fci" in refused and command.p2 == 0x00)

    def _selection_answer(self, command: ChipCommand, description: bytes) -> bytes:
        if command.p2 == 0x0C or command.le is None:
            return b""
        if command.p2 == 0x00:
            return tlv(0x6F, description)
        life_cycle = bytes([LIFE_CYCLE_BYTE[self.image.life_cycle]])
        return tlv(0x62, description + tlv(0x8A, life_cycle))

    def _file_description(self, name: str) -> bytes:
        size = len(self.image.files[name])
        body = tlv(0x80, size.to_bytes(2 if size < 0x10000 else 4, "big")) + tlv(0x82, b"\x01")
        return body + tlv(0x83, bytes.fromhex(name[-4:])) + tlv(0x88, bytes([self._sfi(name) << 3]))

    def _existing(self, name: str) -> str:
        self.require_access(name)
        if name not in self.image.files:
            raise Refusal(SW.FILE_NOT_FOUND)
        return name

    def _sfi(self, name: str) -> int:
        # Doc 9303-10 tables 38 and 39: the default short identifier is the low five bits of the file's.
        return self.image.sfis.get(name, int(name[-4:], 16) & 0x1F)

    def by_sfi(self, sfi: int) -> str:
        """Select the EF of the current DF by its short identifier."""
        prefix = f"{self.directory}/"
        for name in self.image.files:
            if name.startswith(prefix) and self._sfi(name) == sfi:
                self.current = self._existing(name)
                return name
        self.require_access(f"{prefix}{0x0100 | sfi:04X}")
        raise Refusal(SW.FILE_NOT_FOUND)

    def _addressed(self, command: ChipCommand) -> tuple[str, int]:
        """File and offset of an even READ or UPDATE BINARY."""
        if not command.p1 & 0x80:
            return self._selected(), command.p1p2
        sfi = command.p1 & 0x1F
        if command.p1 & 0x60 or sfi in (0, 31) or not self.image.behaviour.short_ids:
            raise Refusal(SW.WRONG_P1P2)
        return self.by_sfi(sfi), command.p2

    def _addressed_odd(self, command: ChipCommand) -> tuple[str, int, bytes]:
        """File, offset (tag 54) and data (tag 53) of an odd READ or UPDATE BINARY."""
        if command.p1p2 > 30:
            raise Refusal(SW.WRONG_P1P2)
        fields = {item.tag: item.value for item in objects(command.data)}
        if not 1 <= len(fields.get(0x54, b"")) <= 4 or set(fields) - {0x53, 0x54}:
            raise Refusal(SW.WRONG_DATA)
        name = self.by_sfi(command.p1p2) if command.p1p2 else self._selected()
        return name, int.from_bytes(fields[0x54], "big"), fields.get(0x53, b"")

    def _selected(self) -> str:
        if self.current is None:
            raise Refusal(SW.NO_CURRENT_FILE)
        self.require_access(self.current)
        return self.current

    def read(self, command: ChipCommand, room: int) -> bytes:
        """READ BINARY B0; room is how much the answer can hold. Refusal 6282 carries a short last block."""
        name, offset = self._addressed(command)
        wanted = self._wanted(command, room)
        if offset >= self._size(name):
            return self._refuse(self.image.behaviour.past_end, b"")
        return self._ended(command, self._slice(name, offset, wanted), wanted)

    def read_odd(self, command: ChipCommand, room: int) -> bytes:
        """READ BINARY B1: the answer is 53 LL data, and Le counts that header."""
        if not self.image.behaviour.odd_read:
            raise Refusal(SW.INS_NOT_SUPPORTED)
        name, offset, _ = self._addressed_odd(command)
        wanted = self._wanted(command, room)
        wanted -= 2 if wanted < 0x82 else 3 if wanted < 0x103 else 4
        content = self._slice(name, offset, max(0, wanted))
        return self._ended(command, tlv(0x53, content), len(tlv(0x53, bytes(max(0, wanted)))))

    def _wanted(self, command: ChipCommand, room: int) -> int:
        limit = self.image.behaviour.read_limit
        if command.le is None or (limit and command.le > limit):
            raise Refusal(SW.WRONG_LENGTH)
        return min(command.le, room) if command.any_length else command.le

    def _slice(self, name: str, offset: int, size: int) -> bytes:
        content = self.image.files[name]
        if offset >= self._size(name):
            raise Refusal(SW.WRONG_OFFSET)
        part = content[offset : offset + size]
        return part + bytes(size - len(part)) if name in self.image.behaviour.endless else part

    def _size(self, name: str) -> int:
        return ENDLESS if name in self.image.behaviour.endless else len(self.image.files[name])

    def _ended(self, command: ChipCommand, answer: bytes, wanted: int) -> bytes:
        if len(answer) < wanted and not command.any_length:
            return self._refuse(self.image.behaviour.across_end, answer)
        return answer

    @staticmethod
    def _refuse(status: str, rest: bytes) -> bytes:
        """The chip's habit at the end of a file: the rest with 9000 or 6282, or an error without data."""
        if status == "9000":
            return rest
        raise Refusal(int(status, 16), rest if status == "6282" else b"")

    def update(self, command: ChipCommand) -> bytes:
        """UPDATE BINARY D6."""
        self.require_creation()
        self._write(*self._addressed(command), command.data)
        return b""

    def update_odd(self, command: ChipCommand) -> bytes:
        """UPDATE BINARY D7: offset in 54, data in 53."""
        self.require_creation()
        self._write(*self._addressed_odd(command))
        return b""

    def _write(self, name: str, offset: int, data: bytes) -> None:
        content = self.image.files[name]
        if not data:
            raise Refusal(SW.WRONG_LENGTH)
        if offset + len(data) > len(content):
            raise Refusal(SW.WRONG_OFFSET)
        if self.torn:
            data = data[: len(data) // 2]
        content = content[:offset] + data + content[offset + len(data) :]
        self.commit(files={**self.image.files, name: content})
