"""One chip by itself: the key from what was typed, the read, the verdict; no case, no page, no camera.

For people who look into a document outside the desk (`shekara chip read`). The desk's own way is
`kiosk.workflow.inspecting`; both judge with `card_io.emrtd.report.inspect`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event as CancelEvent

from card_io.apdu import Command, Link, Response
from card_io.emrtd import checks
from card_io.emrtd.access import AccessKey
from card_io.emrtd.reader import Progress, ReadResult, read_document
from card_io.emrtd.report import DOCUMENT, InspectionReport, Profile, inspect
from card_io.errors import Cancelled, CardError, CardRemoved, MalformedCardData
from card_io.lds.mrz import Mrz, access_information, parse
from crypto.trust import TrustStore
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardSlot, RandomBytes

ALL_GROUPS = (1, 2, 5, 7, 11, 12, 13, 14, 15, 16)
CHIP_ALONE = Profile(DOCUMENT.mandatory - {checks.MRZ_DIGITS, checks.MRZ_MATCH})
"""For a chip that was opened without a whole printed zone: the page does not count, all of the chip does."""
_SEPARATORS = re.compile(r"\\n|[\s/,]+")
_DATE = re.compile(r"[0-9<]{6}")
_NUMBER = re.compile(r"[A-Z0-9<]{1,30}")
_CAN = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True)
class ChipRequest:
    """What opens the chip and what it is compared with: the printed zone (None: no page), the number."""

    key: AccessKey
    optical: Mrz | None = field(default=None, repr=False)
    number: str = field(default="", repr=False)
    """The number that the document must have, "" for any."""

    @property
    def profile(self) -> Profile:
        """What counts for the verdict."""
        return DOCUMENT if self.optical is not None else CHIP_ALONE


@dataclass(frozen=True)
class Traffic:
    """Commands sent, and bytes on the line there and back."""

    commands: int = 0
    sent: int = 0
    received: int = 0


@dataclass(frozen=True)
class ChipInspection:
    """Read and verdict. `number_fits` is None where no number was given or none was read."""

    read: ReadResult
    report: InspectionReport
    traffic: Traffic
    seconds: float
    number_fits: bool | None = None

    @property
    def problem(self) -> CardError | None:
        """What ended the read before its end."""
        return self.read.problem


def chip_request(
    *, mrz: str = "", number: str = "", birth: str = "", expiry: str = "", can: str = ""
) -> ChipRequest:
    """From what was typed; USAGE for too little or too much, MRZ_INVALID for lines that are no zone.

    `mrz`: two or three lines with white space, `\\n`, "/" or "," between them. `number`, `birth` and `expiry`
    (YYMMDD) are the key fields of the zone; with a CAN or a zone the number alone says which document it must
    be. The zone and its fields together are too much.
    """
    dates = bool(birth or expiry)
    if not (mrz or can or (number and birth and expiry)):
        raise KioskError(ErrorCode.USAGE, "the chip's key: the MRZ, or number, birth and expiry, or the CAN")
    if mrz and dates:
        raise KioskError(ErrorCode.USAGE, "either the lines of the zone or its key fields")
    if dates and not (number and birth and expiry):
        raise KioskError(ErrorCode.USAGE, "number, birth and expiry belong together")
    if can and not _CAN.fullmatch(can):
        raise KioskError(ErrorCode.USAGE, "a CAN is made of digits")
    number = number.strip().upper().rstrip("<")
    optical = _zone(mrz) if mrz else None
    information = _information(optical, number, birth, expiry) if mrz or dates else None
    return ChipRequest(AccessKey(information, can or None), optical, number)


def read_chip(
    slot: CardSlot,
    request: ChipRequest,
    *,
    store: TrustStore,
    random: RandomBytes,
    now: Callable[[], datetime],
    timeout: float,
    cancel: CancelEvent,
    on_progress: Callable[[Progress], None],
) -> ChipInspection:
    """Wait `timeout` seconds for a chip, read it, judge it; partial data come with the problem in the read.

    Raises CardRemoved without a chip, Cancelled while waiting, ReaderUnavailable.
    """
    if not slot.wait_for_card(timeout, cancel):
        raise Cancelled("no document was waited for") if cancel.is_set() else CardRemoved("no document")
    started = time.monotonic()
    with slot.connect() as link:
        counted = _Counted(link)
        read = read_document(
            counted, request.key, random=random, on_progress=on_progress, cancel=cancel, groups=ALL_GROUPS
        )
    seconds = time.monotonic() - started
    report = inspect(read, store=store, now=now(), optical=request.optical, profile=request.profile)
    return ChipInspection(read, report, counted.traffic, seconds, _number_fits(request, report))


class _Counted:
    """A Link that counts; `atr` and `max_answer` are those of the link inside."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.traffic = Traffic()
        self.atr: bytes = getattr(link, "atr", b"")
        self.max_answer: int = getattr(link, "max_answer", 0)

    def send(self, command: Command) -> Response:
        """Pass on and count, also what is never answered."""
        before, size = self.traffic, len(command.encode())
        self.traffic = Traffic(before.commands + 1, before.sent + size, before.received)
        response = self._link.send(command)
        self.traffic = Traffic(
            before.commands + 1, before.sent + size, before.received + len(response.data) + 2
        )
        return response


def _zone(text: str) -> Mrz:
    try:
        return parse([line.upper() for line in _SEPARATORS.split(text) if line])
    except MalformedCardData as error:
        raise KioskError(ErrorCode.MRZ_INVALID, error.detail) from error


def _information(optical: Mrz | None, number: str, birth: str, expiry: str) -> bytes:
    if optical is None:
        if not (_NUMBER.fullmatch(number) and _DATE.fullmatch(birth) and _DATE.fullmatch(expiry)):
            raise KioskError(ErrorCode.USAGE, "number: letters and digits; birth and expiry: YYMMDD")
        return access_information(number, birth, expiry)
    try:
        return optical.access_information()
    except MalformedCardData as error:
        raise KioskError(ErrorCode.MRZ_INVALID, error.detail) from error


def _number_fits(request: ChipRequest, report: InspectionReport) -> bool | None:
    if not request.number or report.chip_mrz is None:
        return None
    return report.chip_mrz.document_number.rstrip("<") == request.number
