"""Devices of the desk and what they give: camera, chip readers, press, printer; time and chance.

Blocking calls run on lanes, take a `cancel` event where they can be long, and raise `KioskError`
or `CardError`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Event as CancelEvent
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from card_io.apdu import Link
    from kiosk.domain.card import CardDescription

RandomBytes = Callable[[int], bytes]
Image = NDArray[np.uint8]  # height x width x 3, BGR


class Clock(Protocol):
    """Time as the desk sees it; a scenario drives its own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


@dataclass(frozen=True)
class Frame:
    """One camera picture. `sequence` counts up; `at` is the device's monotonic seconds."""

    image: Image
    sequence: int
    at: float


class Camera(Protocol):
    """A video source. Opened by the driver; `read` gives the newest frame not yet given."""

    @property
    def name(self) -> str: ...

    def read(self, timeout: float) -> Frame:
        """Raise CAMERA_SILENT after `timeout` seconds without a new frame."""
        ...

    def close(self) -> None: ...


class Hint(StrEnum):
    """Why a frame did not give a reading yet: what the traveller or guard can do about it."""

    NO_DOCUMENT = "NO_DOCUMENT"
    TOO_FAR = "TOO_FAR"
    TOO_CLOSE = "TOO_CLOSE"
    CUT_OFF = "CUT_OFF"
    """Part of the zone lies outside the picture."""
    TILTED = "TILTED"
    UPSIDE_DOWN = "UPSIDE_DOWN"
    """The text stands on its head or on its side, and nothing else explains that it cannot be read."""
    BLURRED = "BLURRED"
    GLARE = "GLARE"
    TOO_DARK = "TOO_DARK"
    HOLD_STILL = "HOLD_STILL"


Corners = tuple[tuple[float, float], ...]
"""Four (x, y) in frame pixels, clockwise from the top left of the text as it is read; or ()."""


@dataclass(frozen=True)
class Guidance:
    """What would help, and the part of the frame it is about, to be drawn over the live picture."""

    hint: Hint
    region: Corners = ()


@dataclass(frozen=True)
class KeyCandidate:
    """What may open the chip, likeliest first: raw number (with its overflow), birth and expiry, YYMMDD."""

    number: str
    birth: str
    expiry: str
    probability: float


@dataclass(frozen=True)
class PageScan:
    """A page read from one or more frames. Lines are what is printed, right or wrong.

    `confidence` (0 to 1) that they are; `certain`: number, birth and expiry are, by the calibrated
    threshold. `doubtful` are (line, column). `corners` are the MRZ's in the last frame; `page` and
    `portrait` are JPEG bytes of the rectified page and of the face on it (or b""); `face_found` is False
    where the portrait is only the place where the format has it. `unchecked` names the fields that no
    check digit covers; `keys` is what may open the chip.
    """

    lines: tuple[str, ...]
    confidence: float
    doubtful: tuple[tuple[int, int], ...]
    corners: Corners
    page: bytes = field(repr=False)
    portrait: bytes = field(repr=False)
    certain: bool = False
    unchecked: tuple[str, ...] = ()
    keys: tuple[KeyCandidate, ...] = field(default=(), repr=False)
    face_found: bool = True


class PageReader(Protocol):
    """Finds the page and its MRZ in the pixels of one frame after another."""

    def restart(self) -> None:
        """Forget all frames: what comes next is another document."""
        ...

    def read(self, frame: Frame) -> PageScan | Guidance:
        """The page once it is read; until then what would help."""
        ...


class CardSlot(Protocol):
    """A place a chip can be put: contact or contactless reader, real or simulated."""

    @property
    def name(self) -> str: ...

    def card_present(self) -> bool: ...

    def wait_for_card(self, timeout: float, cancel: CancelEvent | None = None) -> bool: ...

    def wait_for_removal(self, timeout: float, cancel: CancelEvent | None = None) -> bool: ...

    def connect(self) -> AbstractContextManager[Link]:
        """Exclusive; the chip is reset before and after."""
        ...


class PrintState(StrEnum):
    """IPP job states (RFC 8011 5.3.7) as far as the desk tells them apart."""

    WAITING = "WAITING"
    PRINTING = "PRINTING"
    STOPPED = "STOPPED"  # waits for a person: media, ribbon, jam, cover
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class PrintStatus:
    """What the printer says of one job."""

    job: str  # the printer's own id
    name: str
    state: PrintState
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class CardFaces:
    """Both printed sides: RGB pixels at `dpi`, 1011 x 638 at 300, and the same as PNG files."""

    front: Image
    back: Image
    dpi: int
    front_png: bytes = field(repr=False)
    back_png: bytes = field(repr=False)


class CardPress(Protocol):
    """Draws both sides of a card from its description."""

    def render(self, card: CardDescription, portrait: bytes, code: str) -> CardFaces:
        """`portrait` is the JPEG or JPEG 2000 of DG2, `code` the text of the seal's QR
        symbol, "" before there is a seal."""
        ...


@dataclass(frozen=True)
class Portrait:
    """A face picture fit for DG2 and print: the file, its type and its size in pixels."""

    image: bytes
    mime: str
    width: int
    height: int


class PortraitStudio(Protocol):
    """Prepares a portrait for chip and print; compresses at most once."""

    def prepare(self, image: bytes) -> Portrait:
        """IMAGE_UNREADABLE when it is not a picture."""
        ...


class PrintProof(Protocol):
    """Reads a back side again: the drawing before it goes to the printer, the print before the hand-over."""

    def read_back(self, back: Image) -> tuple[tuple[str, ...], str]:
        """MRZ lines and QR text found in the pixels (RGB); empty where nothing was read."""
        ...

    def read_zone(self, frame: Image) -> tuple[str, ...]:
        """MRZ lines in a camera picture (BGR) of the printed card; () where none were read."""
        ...

    def read_symbol(self, frame: Image) -> str:
        """Text of the one QR symbol in a camera picture (BGR) of the printed card; "" where there is none."""
        ...


class Printer(Protocol):
    """A card printer. A job has our own unique name, so that it is found again after a restart."""

    @property
    def name(self) -> str: ...

    def submit(self, job_name: str, faces: CardFaces) -> str:
        """Send one two-sided job, return the printer's job id. PRINTER_* errors."""
        ...

    def find(self, job_name: str) -> PrintStatus | None:
        """The newest job of that name, finished or not; None when the printer never got it."""
        ...

    def status(self, job: str) -> PrintStatus: ...

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether it accepts jobs, and its state reasons."""
        ...


class ProgressPhase(StrEnum):
    """Named waits of the desk; the face puts words to them."""

    LOOK_FOR_PAGE = "LOOK_FOR_PAGE"
    READ_CHIP = "READ_CHIP"
    VERIFY_DOCUMENT = "VERIFY_DOCUMENT"
    LOOK_UP_STAYS = "LOOK_UP_STAYS"
    DRAW_BLANK = "DRAW_BLANK"
    PERSONALISE = "PERSONALISE"
    VERIFY_CARD = "VERIFY_CARD"
    DRAW_CARD = "DRAW_CARD"
    PRINT = "PRINT"
    FINAL_CHECK = "FINAL_CHECK"
    HAND_OVER = "HAND_OVER"
    DELIVER = "DELIVER"


@dataclass(frozen=True)
class Progress:
    """Where a long call stands: an enum and numbers, never text. `item` is a standard's own name
    such as "DG2" or a personalisation step; `done`/`total` are bytes or 0/0 when unknown."""

    phase: ProgressPhase
    item: str = ""
    done: int = 0
    total: int = 0
