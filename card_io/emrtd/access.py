"""Opening a chip: PACE where it is offered, else BAC, else plain (Doc 9303-11 sections 4.2 to 4.4).

Owns the order, the one allowed fallback from PACE to BAC, and the selection of the eMRTD application:
whatever link comes back has it selected.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from card_io.apdu import SW, Command, Ins, Link, Response
from card_io.emrtd.bac import basic_access, get_challenge
from card_io.emrtd.cam import ChipAuthenticationMappingResult, same_chip, verify_chip_mapping
from card_io.emrtd.files import Advance, BlockSize, read_file
from card_io.emrtd.pace import PaceSession, Password, establish
from card_io.emrtd.pace_offers import Suite, read_offers
from card_io.errors import (
    AccessDenied,
    CardError,
    CardErrorCode,
    FileMissing,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
    StatusError,
)
from card_io.lds.index import APPLICATION, FILES, MASTER_FILE
from card_io.secure_messaging import BrokenSession
from crypto.primitives import RandomBytes

PLAIN = "plain"
BAC = "BAC"
MAX_SUITES = 4  # PACE offers tried before giving up
_CARD_SECURITY_READS = 6  # two, and more as long as the chip teaches how it wants to be read
_MASTER_FILE = MASTER_FILE.to_bytes(2, "big")
# After these the card is still there to talk to; not so after a lost or silent card or a cancelled read.
_PROTOCOL_FAILURES = (
    AccessDenied,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
    StatusError,
)
# After these another PACE offer is worth a try: the chip refuses this one, or cannot carry it out.
_OFFER_FAILURES = (MalformedCardData, ProtocolUnsupported, StatusError)


@dataclass(frozen=True)
class AccessKey:
    """What was read or typed: MRZ_information (with its check digits) or the CAN, or both."""

    mrz_information: bytes | None = field(default=None, repr=False)
    can: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (self.mrz_information or self.can):
            raise ValueError("an access key needs the MRZ information or the CAN")
        if self.can is not None and not (self.can.isascii() and self.can.isdigit()):
            raise ValueError("a CAN is made of digits")

    def passwords(self) -> tuple[Password, ...]:
        """The PACE passwords that are known, MRZ first; a wrong one of either kind blocks no document."""
        mrz = (Password.mrz(self.mrz_information),) if self.mrz_information else ()
        return (*mrz, *((Password.can(self.can),) if self.can else ()))


@dataclass(frozen=True)
class AccessResult:
    """How the chip was opened: "PACE-ECDH-GM-AES-128" on `parameters`, "BAC" or "plain".

    `fallback` says that PACE was offered but did not work, `pace_problem` why. `refused` names the better
    PACE offers that failed before the one that worked. `chip_mapping` is set after chip authentication
    mapping; it counts only once passive authentication vouches for EF.CardSecurity, and
    `card_security_problem` says why that file is not there.
    """

    protocol: str
    parameters: str = ""
    fallback: bool = False
    pace_problem: CardErrorCode | None = None
    refused: tuple[str, ...] = ()
    chip_mapping: ChipAuthenticationMappingResult | None = None
    card_security_problem: CardErrorCode | None = None

    def after(self, former: AccessResult | None) -> AccessResult:
        """This opening, when `former` opened the chip earlier in the same read.

        Chip authentication mapping then holds only if both sessions proved the same key: what was read
        under a session without the proof may come from another chip.
        """
        if former is None or (former.chip_mapping is None and self.chip_mapping is None):
            return self
        proof = same_chip(former.chip_mapping, self.chip_mapping)
        return replace(self, chip_mapping=proof)


def _quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def open_access(
    link: Link,
    key: AccessKey,
    card_access: bytes | None,
    random: RandomBytes,
    advance: Advance = _quiet,
    block: BlockSize | None = None,
) -> tuple[Link, AccessResult]:
    """The link to go on with and how it was opened; `card_access` is EF.CardAccess, None if there is none.

    After chip authentication mapping EF.CardSecurity is read on the way, with `advance` and `block` as in
    `read_file`.

    Raises AccessDenied (wrong MRZ or CAN), ProtocolUnsupported, FileMissing (no eMRTD application),
    SecureMessagingError, StatusError, MalformedCardData; CardRemoved and CardSilent from the link.
    """
    if card_access is None:
        return _without_pace(link, key, random)
    try:
        return _with_pace(link, key, card_access, random, _Reading(advance, block or BlockSize()))
    except _PROTOCOL_FAILURES as failure:
        return _fall_back(link, key, random, failure)


@dataclass(frozen=True)
class _Reading:
    """How EF.CardSecurity is read."""

    advance: Advance
    block: BlockSize


def select_master_file(link: Link) -> None:
    """Select the master file again; some chips take one form only, some none, so no answer is an error."""
    for data, p2 in ((_MASTER_FILE, 0x0C), (b"", 0x0C), (_MASTER_FILE, 0x00)):
        if _selected(link.send(Command(0x00, Ins.SELECT, 0x00, p2, data))):
            return


def select_application(link: Link) -> None:
    """Select the eMRTD application; FileMissing if the chip has none (Doc 9303-10 section 3.5)."""
    response = link.send(Command(0x00, Ins.SELECT, 0x04, 0x0C, APPLICATION))
    if response.sw in (SW.WRONG_P1_P2, SW.FUNCTION_NOT_SUPPORTED):  # chips that insist on an answer
        response = link.send(Command(0x00, Ins.SELECT, 0x04, 0x00, APPLICATION, 0))
    if response.sw in (SW.FILE_NOT_FOUND, SW.REFERENCED_DATA_NOT_FOUND):
        raise FileMissing("chip has no eMRTD application")
    if not _selected(response):
        raise StatusError(response.sw, Ins.SELECT)


def _selected(response: Response) -> bool:
    """Warnings 62xx and 63xx select all the same."""
    return response.ok or response.sw >> 8 in (0x62, 0x63)


def _with_pace(
    link: Link, key: AccessKey, card_access: bytes, random: RandomBytes, reading: _Reading
) -> tuple[Link, AccessResult]:
    """PACE with the MRZ, and with the CAN if the chip refuses that; the first failure if neither opens it."""
    suites = read_offers(card_access)[:MAX_SUITES]
    failures: list[CardError] = []
    for password in key.passwords():
        try:
            return _with_password(link, password, suites, random, reading)
        except (AccessDenied, ProtocolUnsupported) as failure:
            failures.append(failure)
    raise failures[0]


def _with_password(
    link: Link, password: Password, suites: tuple[Suite, ...], random: RandomBytes, reading: _Reading
) -> tuple[Link, AccessResult]:
    """PACE with the best offer that works; the failure of the best one if none does."""
    failures: list[CardError] = []
    for suite in suites:
        try:
            session = establish(link, suite, password, random)
            break
        except _OFFER_FAILURES as failure:
            failures.append(failure)
    else:
        raise failures[0]
    refused = tuple(suite.name for suite in suites[: len(failures)])
    proof, problem = None, None
    if session.chip_mapping is not None:
        session, content, problem = _card_security(link, password, session, random, reading)
        if session.chip_mapping is not None:
            proof = verify_chip_mapping(session.chip_mapping, content)
    select_application(session.channel)
    result = AccessResult(
        suite.name,
        suite.domain.name,
        refused=refused,
        chip_mapping=proof,
        card_security_problem=problem,
    )
    return session.channel, result


def _card_security(
    link: Link, password: Password, session: PaceSession, random: RandomBytes, reading: _Reading
) -> tuple[PaceSession, bytes | None, CardErrorCode | None]:
    """EF.CardSecurity, which is read in the master file, and the session it left; None and why without it.

    When the session breaks over it the chip is opened again and asked once more, and again as long as the
    chip teaches how it wants to be read. File and mapping key are always of one session.
    """
    problem: CardErrorCode | None = None
    for attempt in range(_CARD_SECURITY_READS):
        learned = False
        try:
            content = read_file(session.channel, FILES["EF.CardSecurity"], reading.block, reading.advance)
            return session, content, None
        except (FileMissing, StatusError, MalformedCardData) as error:
            problem = error.code
            if session.channel.alive:
                break
        except SecureMessagingError as error:
            problem = error.code
            learned = reading.block.learn(error.sw if isinstance(error, BrokenSession) else None)
        session = establish(link, session.suite, password, random)
        if attempt and not learned:
            break
    return session, None, problem


def _fall_back(
    link: Link, key: AccessKey, random: RandomBytes, failure: CardError
) -> tuple[Link, AccessResult]:
    """BAC, once; when it fails too, the PACE failure is the one to report."""
    if key.mrz_information is None:
        raise failure
    try:
        secured, result = _without_pace(link, key, random)
    except (*_PROTOCOL_FAILURES, FileMissing) as second:
        raise failure from second
    return secured, AccessResult(result.protocol, fallback=True, pace_problem=failure.code)


def _without_pace(link: Link, key: AccessKey, random: RandomBytes) -> tuple[Link, AccessResult]:
    select_application(link)
    try:
        challenge = get_challenge(link)
    except (StatusError, MalformedCardData):
        if _reads_plain(link):
            return link, AccessResult(PLAIN)
        raise
    if key.mrz_information is None:
        raise ProtocolUnsupported("chip offers BAC only, which needs the MRZ")
    return basic_access(link, key.mrz_information, random, challenge), AccessResult(BAC)


def _reads_plain(link: Link) -> bool:
    """Whether EF.COM can be read without access control (chips before BAC)."""
    read = Command(0x00, Ins.READ_BINARY, 0x80 | FILES["EF.COM"].sfi, 0, le=1)
    response = link.send(read)
    return response.sw in (SW.OK, SW.END_OF_FILE) and bool(response.data)
