"""What reading a chip costs: commands beside their arithmetic minimum, bytes, processor time, line time.

Owns the counting. The terminal's processor time is that of its own thread from the first command to the
verdict, less what passes between a command leaving and its answer coming back: the simulated card, or the
client of the smart card service. The bare primitives stand in `kiosk.workflow.bare_primitives`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from card_io.apdu import MAX_EXTENDED, BytesLink, Link
from card_io.emrtd.access import AccessKey
from card_io.emrtd.files import BLOCK, EXTENDED_BLOCK, BlockSize, protected_room
from card_io.emrtd.reader import ReadResult, read_document
from card_io.emrtd.report import InspectionReport, inspect
from card_io.lds.mrz import Mrz
from crypto.trust import Outcome, TrustStore
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardSlot

BLOCKS: Mapping[str, int] = {
    str(BLOCK): BLOCK,
    str(EXTENDED_BLOCK): EXTENDED_BLOCK,
    "max": protected_room(MAX_EXTENDED - 1),  # PC/SC carries an answer of 65535 bytes with its status word
}
GROUPS = (1, 2, 14)
PACE_COMMANDS = 1 + 4 + 1  # MSE:Set AT, GENERAL AUTHENTICATE four times, SELECT of the application
CHIP_AUTHENTICATION_COMMANDS = 2  # MSE:Set AT, GENERAL AUTHENTICATE
RATES = (106_000, 424_000, 848_000)  # bits a second
_BITS = 9  # ISO/IEC 14443-3 6.2.3.1: eight and a parity bit
_FRAME, _AROUND = 256, 3  # ISO/IEC 14443-4 section 7.1: longest frame; block header and checksum in it
_TURN = 1172 / 13_560_000  # seconds between frames at least (ISO/IEC 14443-3 6.2.1.1)


@dataclass(frozen=True)
class Exchange:
    """Bytes of a command and of its answer, status word included, and whether both were protected."""

    sent: int
    received: int
    protected: bool


@dataclass(frozen=True)
class Run:
    """One read with its verdict. Seconds of processor time: of the terminal, and of what carries commands."""

    read: ReadResult = field(repr=False)
    report: InspectionReport = field(repr=False)
    exchanges: tuple[Exchange, ...] = field(repr=False)
    terminal: float
    reading: float
    transport: float
    wall: float

    @property
    def commands(self) -> int:
        """Commands that were sent."""
        return len(self.exchanges)

    @property
    def sent(self) -> int:
        """Bytes to the chip."""
        return sum(item.sent for item in self.exchanges)

    @property
    def received(self) -> int:
        """Bytes from the chip."""
        return sum(item.received for item in self.exchanges)


class _Meter:
    """Carries commands and writes down what it costs."""

    def __init__(self, transmit: Callable[[bytes], bytes]) -> None:
        self._transmit = transmit
        self.exchanges: list[Exchange] = []
        self.seconds = 0.0

    def __call__(self, raw: bytes) -> bytes:
        started = time.thread_time()
        answer = self._transmit(raw)
        self.seconds += time.thread_time() - started
        self.exchanges.append(Exchange(len(raw), len(answer), bool(raw[0] & 0x0C)))
        return answer


def measure(slot: CardSlot, mrz: Mrz, store: TrustStore, block: int) -> Run:
    """Read DG1, DG2 and DG14 with everything before them, judge them; INTERNAL unless all went well.

    The block size is taken as known, as from an earlier read: EF.ATR/INFO is not asked for it.
    """
    key = AccessKey(mrz.access_information())
    with slot.connect() as link:
        meter = _Meter(_bytes_of(link))
        wall, begun = time.perf_counter(), time.thread_time()
        read = read_document(
            BytesLink(meter), key, random=secrets.token_bytes, groups=GROUPS, block=BlockSize(block)
        )
        done = time.thread_time()
        report = inspect(read, store=store, now=datetime.now(UTC), optical=mrz)
        judged, wall = time.thread_time(), time.perf_counter() - wall
    if report.overall is not Outcome.SUCCESSFUL or not report.chip_is_genuine:
        raise KioskError(ErrorCode.INTERNAL, f"the chip was read as {report.overall}: {read.problem}")
    reading = done - begun - meter.seconds
    return Run(read, report, tuple(meter.exchanges), reading + judged - done, reading, meter.seconds, wall)


def minimum(files: Mapping[str, bytes], block: int) -> int:
    """The fewest commands: access, each file in blocks by its short identifier, chip authentication."""
    reads = sum(-(-len(data) // block) for data in files.values())
    return PACE_COMMANDS + reads + CHIP_AUTHENTICATION_COMMANDS


def line_seconds(exchanges: Sequence[Exchange], rate: int) -> float:
    """Time on the air at `rate` bits a second, the chip's own work not counted.

    Nine bits a byte; frames of 256 bytes with three around what they carry, every frame but the last of a
    message acknowledged by one of three bytes; the shortest pause between frames.
    """
    seconds = 0.0
    for item in exchanges:
        for size in (item.sent, item.received):
            frames = -(-size // (_FRAME - _AROUND))
            octets = size + frames * _AROUND + (frames - 1) * _AROUND
            seconds += octets * _BITS / rate + (2 * frames - 1) * _TURN
    return seconds


def _bytes_of(link: Link) -> Callable[[bytes], bytes]:
    if not isinstance(link, BytesLink):
        raise KioskError(ErrorCode.INTERNAL, "a link without bytes underneath")
    return link.transmit
