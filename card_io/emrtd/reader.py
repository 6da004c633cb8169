"""Reading a travel document as a visible list of named steps (Doc 9303-10 section 3, BSI TR-03135-1 5.6).

Owns the order of reading and what happens when something goes wrong: whatever was read is kept and returned
with the problem. A lifted document, a silent chip and a cancelled read are `aborted`, which says nothing
about the document.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import MappingProxyType

from card_io.apdu import Command, Link, Response
from card_io.emrtd.access import AccessKey, AccessResult, open_access, select_master_file
from card_io.emrtd.authentication import AuthenticationResult, active_authentication
from card_io.emrtd.chip_proof import ChipProof
from card_io.emrtd.files import BlockSize, block_for, read_announcement, read_file, select_file
from card_io.emrtd.result import (
    AUTHORISED_GROUPS,
    Progress,
    ReadResult,
    ReadStep,
    StepOutcome,
    StepResult,
    listed_in_com,
    signed_groups,
)
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
from card_io.lds.card_info import CardInfo, parse_atr, parse_atr_info
from card_io.lds.index import FILES
from card_io.secure_messaging import BrokenSession
from crypto.primitives import RandomBytes
from crypto.trust import Outcome

__all__ = [
    "STEPS",
    "Progress",
    "ReadResult",
    "ReadStep",
    "StepOutcome",
    "StepResult",
    "listed_in_com",
    "read_document",
    "signed_groups",
]

DEFAULT_GROUPS = (1, 2, 11, 12, 13, 14, 15)
MAX_REOPENINGS = 8  # block sizes and habits to learn, and a few accidents
_ABORTING = (CardRemoved, CardSilent, Cancelled, ReaderUnavailable)
_ONE_FILE = (FileMissing, StatusError, MalformedCardData)  # the next file may still be read


def read_document(
    link: Link,
    key: AccessKey,
    *,
    random: RandomBytes,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    groups: Iterable[int] = DEFAULT_GROUPS,
    block: BlockSize | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ReadResult:
    """Open the chip and read it; never raises a CardError, the result carries it.

    `link` must be a freshly reset card with the master file selected. Only groups that EF.COM or EF.SOD
    list are asked for, all of `groups` if neither could be read. `block` is what is known of the chip, as a
    former result has it; without it the chip is asked in EF.ATR/INFO. A link may have the attributes `atr`
    (answer to reset) and `max_answer` (longest answer its reader carries, in bytes).
    """
    reading = _Reading(link, key, random, on_progress, cancel or threading.Event(), tuple(groups), block)
    problem: CardError | None = None
    began = clock()
    for step, run in STEPS:
        started, code = clock(), None
        try:
            reading.begin(step)
            outcome = StepOutcome.DONE if run(reading) else StepOutcome.SKIPPED
        except CardError as error:
            problem, code = error, error.code
            outcome = StepOutcome.ABORTED if isinstance(error, _ABORTING) else StepOutcome.FAILED
        reading.steps.append(StepResult(step, outcome, code, max(0.0, clock() - started), started - began))
        if problem is not None:
            break
    return reading.result(problem)


class _Stoppable:
    """A link on which a read can be stopped before every command."""

    def __init__(self, link: Link, cancel: threading.Event) -> None:
        self._link = link
        self._cancel = cancel

    def send(self, command: Command) -> Response:
        if self._cancel.is_set():
            raise Cancelled("read was stopped")
        return self._link.send(command)


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
        block: BlockSize | None,
    ) -> None:
        self.random = random
        self.groups = tuple(number for number in groups if number not in AUTHORISED_GROUPS)
        self.files: dict[str, bytes] = {}
        self.file_problems: dict[str, CardErrorCode] = {}
        self.steps: list[StepResult] = []
        self.access: AccessResult | None = None
        self.authentication: AuthenticationResult | None = None
        self._plain = _Stoppable(link, cancel)
        self.link: Link = self._plain  # protected once access is open
        self._atr: bytes = getattr(link, "atr", b"")
        self._max_answer: int = getattr(link, "max_answer", 0)
        self._key = key
        self._on_progress = on_progress
        self._cancel = cancel
        self._phase = ReadStep.CARD_ACCESS
        self.block = block or BlockSize()
        self._block_is_known = block is not None
        self._reopenings = 0
        self.chip_proof = ChipProof()

    def begin(self, step: ReadStep) -> None:
        """Say which step runs."""
        self._phase = step
        self._tell("", 0, 0)

    def announce(self) -> None:
        """Choose the block size from the answer to reset and EF.ATR/INFO."""
        if self._block_is_known:
            return
        info = parse_atr(self._atr)
        if info is None or info.extended_length:
            content = read_announcement(self._plain, FILES["EF.ATR/INFO"])
            told = _atr_info(content)
            if told is not None:
                self.files["EF.ATR/INFO"] = content
                info = told if told.extended_length or info is None else info
        self.block.size = block_for(info, self._max_answer)

    def open(self) -> None:
        """PACE or BAC; EF.CardSecurity if chip authentication mapping asks for it."""
        name = "EF.CardSecurity"
        self.link, opened = open_access(
            self._plain,
            self._key,
            self.files.get("EF.CardAccess"),
            self.random,
            lambda done, total: self._tell(name, done, total),
            self.block,
        )
        self.access = opened.after(self.access)
        if self.access.chip_mapping is not None and self.access.chip_mapping.card_security is not None:
            self.files[name] = self.access.chip_mapping.card_security
        elif opened.card_security_problem is not None:
            self.file_problems[name] = opened.card_security_problem

    def reopen(self, error: SecureMessagingError) -> bool:
        """Open access again after the session broke (a few times); whether something was learned from it."""
        learned = False
        while True:
            self._reopenings += 1
            if self._reopenings > MAX_REOPENINGS:
                raise error
            sw = error.sw if isinstance(error, BrokenSession) else None
            taught = self.block.learn(sw)
            prove = self.chip_proof.broken(self.link, length_refused=sw is not None and taught)
            learned |= taught or prove
            select_master_file(self._plain)
            self.open()
            try:
                if prove:
                    self.prove_chip()
            except SecureMessagingError as another:
                error = another
            else:
                return learned

    def prove_chip(self) -> None:
        """Chip authentication, if DG14 offers it; what breaks the session meanwhile is raised."""
        self.block.forget()
        self.link = self.chip_proof.run(self.link, self.files["DG14"], self.random)

    def confirm_chip(self) -> None:
        """The chip must answer once under the new keys; ask if nothing else did."""
        if not self.chip_proof.open_on(self.link):
            return
        try:
            select_file(self.link, FILES["DG14"])
        except (FileMissing, StatusError):
            return  # an answer all the same
        except SecureMessagingError:
            self.chip_proof.broken(self.link)

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
                learned = self.reopen(error)
                if retried and not learned:
                    self.file_problems[name] = error.code
                    return False
                retried = True
            else:
                return True

    def read_groups(self, numbers: Iterable[int]) -> bool:
        """Read those of the groups that were asked for and are listed; whether there was any."""
        listed = self._listed()
        wanted = [number for number in numbers if number in self.groups and (not listed or number in listed)]
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
            self.chip_proof.final(self.link),
            self.block,
        )

    def _fetch(self, name: str) -> bytes:
        def advance(done: int, total: int) -> None:
            self._tell(name, done, total)

        return read_file(self.link, FILES[name], self.block, advance)

    def _tell(self, name: str, done: int, total: int) -> None:
        if self._cancel.is_set():
            raise Cancelled("read was stopped")
        if self._on_progress is not None:
            self._on_progress(Progress(self._phase, name, done, total))

    def _listed(self) -> frozenset[int]:
        """The groups that the chip says it has; empty if it does not say."""
        return (listed_in_com(self.files) or frozenset()) | signed_groups(self.files)


def _card_access(reading: _Reading) -> bool:
    reading.announce()
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


def _chip_authentication(reading: _Reading) -> bool:
    if "DG14" not in reading.files:
        return False
    try:
        reading.prove_chip()
    except SecureMessagingError as error:
        reading.reopen(error)
    return reading.chip_proof.result is not None


def _active_authentication(reading: _Reading) -> bool:
    dg15 = reading.files.get("DG15")
    if dg15 is None:
        return False
    for _ in range(2):  # a second time only if chip authentication was what failed
        unproven = reading.chip_proof.open_on(reading.link)
        reading.block.forget()
        try:
            reading.authentication = active_authentication(
                reading.link, dg15, reading.files.get("DG14"), reading.random
            )
            break
        except SecureMessagingError as error:  # no answer to judge; the rest can still be read
            reading.authentication = AuthenticationResult("AA", Outcome.UNDETERMINED, error.detail)
            reading.reopen(error)
            if not unproven:
                break
    return True


def _face(reading: _Reading) -> bool:
    return reading.read_groups((2,))


def _details(reading: _Reading) -> bool:
    found = reading.read_groups(number for number in reading.groups if number not in (1, 2, 14, 15))
    reading.confirm_chip()
    return found


def _atr_info(content: bytes) -> CardInfo | None:
    try:
        return parse_atr_info(content) if content else None
    except MalformedCardData:
        return None


STEPS: tuple[tuple[ReadStep, Callable[[_Reading], bool]], ...] = (
    (ReadStep.CARD_ACCESS, _card_access),
    (ReadStep.ACCESS, _access),
    (ReadStep.SECURITY_OBJECT, _security_object),
    (ReadStep.MRZ, _mrz),
    (ReadStep.CHIP_KEYS, _chip_keys),
    (ReadStep.CHIP_AUTHENTICATION, _chip_authentication),
    (ReadStep.ACTIVE_AUTHENTICATION, _active_authentication),
    (ReadStep.FACE, _face),
    (ReadStep.DETAILS, _details),
)
