"""Reading a travel document as a visible list of named steps (Doc 9303-10 section 3, BSI TR-03135-1 5.6).

Owns the order of reading and what happens when something goes wrong: whatever was read is kept and returned
with the problem. A lifted document, a silent chip and a cancelled read are `aborted`, which says nothing
about the document.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from card_io.apdu import Command, Ins, Link
from card_io.emrtd.access import AccessKey, AccessResult, open_access
from card_io.emrtd.authentication import AuthenticationResult, active_authentication
from card_io.emrtd.files import BlockSize, read_file
from card_io.errors import (
    Cancelled,
    CardError,
    CardErrorCode,
    CardRemoved,
    CardSilent,
    FileMissing,
    MalformedCardData,
    ReaderUnavailable,
    SecureMessagingError,
    StatusError,
)
from card_io.lds.index import FILES, MASTER_FILE, parse_com
from card_io.secure_messaging import BrokenSession
from crypto.errors import CryptoError
from crypto.primitives import RandomBytes
from crypto.sod import SecurityObject
from crypto.trust import Outcome

DEFAULT_GROUPS = (1, 2, 11, 12, 13, 14, 15)
MAX_REOPENINGS = 6  # block sizes to learn, and a few accidents
_ABORTING = (CardRemoved, CardSilent, Cancelled, ReaderUnavailable)
_ONE_FILE = (FileMissing, StatusError, MalformedCardData)  # the next file may still be read


class ReadStep(StrEnum):
    """The steps in their order; a step that does not apply is passed over."""

    CARD_ACCESS = "card-access"
    """EF.CardAccess: which PACE the chip offers."""
    ACCESS = "access"
    """PACE or BAC, and the eMRTD application selected."""
    SECURITY_OBJECT = "security-object"
    """EF.COM and EF.SOD: what there is and what was signed."""
    MRZ = "mrz"
    """DG1."""
    CHIP_KEYS = "chip-keys"
    """DG14 and DG15."""
    ACTIVE_AUTHENTICATION = "active-authentication"
    """The chip signs a challenge."""
    FACE = "face"
    """DG2."""
    DETAILS = "details"
    """All other data groups asked for."""


class StepOutcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Progress:
    """Where the read is: bytes `done` of `total` of a file; both 0 while unknown, no `file` in protocols."""

    phase: ReadStep
    file: str
    done: int
    total: int


@dataclass(frozen=True)
class StepResult:
    """One step as it went; `problem` of a failed or aborted one."""

    step: ReadStep
    outcome: StepOutcome
    problem: CardErrorCode | None = None


@dataclass(frozen=True)
class ReadResult:
    """Everything that was read, whatever happened.

    `files` holds whole files by name ("EF.CardAccess", "EF.COM", "EF.SOD", "DG1" ...); `file_problems` says
    why a file that was asked for is not there. `problem` ended the read; `aborted` when that is no fault of
    the document.
    """

    files: Mapping[str, bytes] = field(repr=False)
    steps: tuple[StepResult, ...]
    access: AccessResult | None = None
    active_authentication: AuthenticationResult | None = None
    problem: CardError | None = None
    aborted: bool = False
    file_problems: Mapping[str, CardErrorCode] = field(default_factory=dict)

    @property
    def data_groups(self) -> Mapping[int, bytes]:
        """The data groups among the files, by number."""
        return {int(name[2:]): data for name, data in self.files.items() if name.startswith("DG")}


def read_document(
    link: Link,
    key: AccessKey,
    *,
    random: RandomBytes,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    groups: Iterable[int] = DEFAULT_GROUPS,
) -> ReadResult:
    """Open the chip and read it; never raises a CardError, the result carries it.

    `link` must be a freshly reset card with the master file selected. Only groups that EF.COM or EF.SOD
    list are asked for, all of `groups` if neither could be read.
    """
    reading = _Reading(link, key, random, on_progress, cancel or threading.Event(), tuple(groups))
    problem: CardError | None = None
    for step, run in STEPS:
        try:
            reading.begin(step)
            outcome = StepOutcome.DONE if run(reading) else StepOutcome.SKIPPED
            reading.steps.append(StepResult(step, outcome))
        except CardError as error:
            problem = error
            ended = StepOutcome.ABORTED if isinstance(error, _ABORTING) else StepOutcome.FAILED
            reading.steps.append(StepResult(step, ended, error.code))
            break
    return reading.result(problem)


class _Reading:
    """The state of one read."""

    def __init__(
        self,
        link: Link,
        key: AccessKey,
        random: RandomBytes,
        on_progress: Callable[[Progress], None] | None,
        cancel: threading.Event,
        groups: tuple[int, ...],
    ) -> None:
        self.random = random
        self.groups = groups
        self.files: dict[str, bytes] = {}
        self.file_problems: dict[str, CardErrorCode] = {}
        self.steps: list[StepResult] = []
        self.access: AccessResult | None = None
        self.authentication: AuthenticationResult | None = None
        self.link = link  # protected once access is open
        self._plain = link
        self._key = key
        self._on_progress = on_progress
        self._cancel = cancel
        self._phase = ReadStep.CARD_ACCESS
        self._block = BlockSize()
        self._reopenings = 0

    def begin(self, step: ReadStep) -> None:
        """Say which step runs."""
        self._phase = step
        self._tell("", 0, 0)

    def open(self) -> None:
        """PACE or BAC."""
        card_access = self.files.get("EF.CardAccess")
        self.link, self.access = open_access(self._plain, self._key, card_access, self.random)

    def reopen(self, error: SecureMessagingError) -> bool:
        """Open access again after the session broke (a few times); whether the chip wants smaller blocks."""
        self._reopenings += 1
        if self._reopenings > MAX_REOPENINGS:
            raise error
        smaller = isinstance(error, BrokenSession) and self._block.shrink(error.sw, self._block.size)
        self._plain.send(Command(0x00, Ins.SELECT, 0x00, 0x0C, MASTER_FILE.to_bytes(2, "big")))
        self.open()
        return smaller

    def read(self, name: str) -> bool:
        """Read one file into `files`; False and a file problem if it cannot be had."""
        retried = False
        while True:
            try:
                self.files[name] = self._fetch(name)
            except _ONE_FILE as error:
                self.file_problems[name] = error.code
                return False
            except SecureMessagingError as error:
                smaller = self.reopen(error)
                if retried and not smaller:
                    self.file_problems[name] = error.code
                    return False
                retried = True
            else:
                return True

    def read_groups(self, numbers: Iterable[int]) -> bool:
        """Read those of the groups that were asked for and are listed; whether there was any."""
        wanted = [number for number in numbers if number in self.groups and self._is_listed(number)]
        for number in wanted:
            self.read(f"DG{number}")
        return bool(wanted)

    def result(self, problem: CardError | None) -> ReadResult:
        """What came of it."""
        return ReadResult(
            MappingProxyType(self.files),
            tuple(self.steps),
            self.access,
            self.authentication,
            problem,
            isinstance(problem, _ABORTING),
            MappingProxyType(self.file_problems),
        )

    def _fetch(self, name: str) -> bytes:
        def advance(done: int, total: int) -> None:
            self._tell(name, done, total)

        return read_file(self.link, FILES[name], self._block, advance)

    def _tell(self, name: str, done: int, total: int) -> None:
        if self._cancel.is_set():
            raise Cancelled("read was stopped")
        if self._on_progress is not None:
            self._on_progress(Progress(self._phase, name, done, total))

    def _is_listed(self, number: int) -> bool:
        listed = listed_in_com(self.files) or frozenset()
        listed |= signed_groups(self.files)
        return not listed or number in listed


def listed_in_com(files: Mapping[str, bytes]) -> frozenset[int] | None:
    """The data groups EF.COM lists, None if it was not read or is broken."""
    try:
        return parse_com(files["EF.COM"]).groups if "EF.COM" in files else None
    except MalformedCardData:
        return None


def signed_groups(files: Mapping[str, bytes]) -> frozenset[int]:
    """The data groups EF.SOD covers, whether its signature holds or not; empty if not read or broken."""
    try:
        return frozenset(SecurityObject.parse(files["EF.SOD"]).hashes) if "EF.SOD" in files else frozenset()
    except CryptoError:
        return frozenset()


def _card_access(reading: _Reading) -> bool:
    return reading.read("EF.CardAccess")


def _access(reading: _Reading) -> bool:
    reading.open()
    return True


def _security_object(reading: _Reading) -> bool:
    com = reading.read("EF.COM")
    return reading.read("EF.SOD") or com


def _mrz(reading: _Reading) -> bool:
    return reading.read_groups((1,))


def _chip_keys(reading: _Reading) -> bool:
    return reading.read_groups((14, 15))


def _active_authentication(reading: _Reading) -> bool:
    dg15 = reading.files.get("DG15")
    if dg15 is None:
        return False
    try:
        reading.authentication = active_authentication(
            reading.link, dg15, reading.files.get("DG14"), reading.random
        )
    except SecureMessagingError as error:  # no answer to judge; the rest can still be read
        reading.authentication = AuthenticationResult("AA", Outcome.UNDETERMINED, error.detail)
        reading.reopen(error)
    return True


def _face(reading: _Reading) -> bool:
    return reading.read_groups((2,))


def _details(reading: _Reading) -> bool:
    return reading.read_groups(number for number in reading.groups if number not in (1, 2, 14, 15))


STEPS: tuple[tuple[ReadStep, Callable[[_Reading], bool]], ...] = (
    (ReadStep.CARD_ACCESS, _card_access),
    (ReadStep.ACCESS, _access),
    (ReadStep.SECURITY_OBJECT, _security_object),
    (ReadStep.MRZ, _mrz),
    (ReadStep.CHIP_KEYS, _chip_keys),
    (ReadStep.ACTIVE_AUTHENTICATION, _active_authentication),
    (ReadStep.FACE, _face),
    (ReadStep.DETAILS, _details),
)
