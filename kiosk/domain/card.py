"""The migrant ID card as one description: chip contents and both printed sides come from it."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kiosk.domain.documents import Sex

SERIAL_DIGITS = 6
VALIDITY_MONTHS = 12  # (assumed) longest validity of a card


@dataclass(frozen=True)
class CardDescription:
    """All that a card says. Neither address nor host nor phone is ever on it."""

    number: str  # 9 characters: station prefix (3) + serial (6)
    document_code: str
    issuing_state: str
    surname: str
    given_names: str
    national_name: str
    sex: Sex
    birth: date | None
    nationality: str
    passport_number: str
    category: str
    entry_post: str
    entry_date: date
    stay_until: date
    valid_until: date
    issued_on: date
    authority: str
    can: str = field(repr=False)
    mrz_lines: tuple[str, ...] = ()
    iin: str = ""
    specimen: bool = True


def valid_until(passport_expiry: date | None, stay_until: date, issued_on: date) -> date:
    """The card's last day: passport expiry, permitted stay and twelve months, whichever is first."""
    year = issued_on.year + VALIDITY_MONTHS // 12
    try:
        latest = issued_on.replace(year=year)
    except ValueError:  # 29 February
        latest = issued_on.replace(year=year, day=28)
    return min(day for day in (passport_expiry, stay_until, latest) if day is not None)


def card_number(prefix: str, serial: int) -> str:
    """Nine characters of the document number field: three of the station and six of the block."""
    if len(prefix) != 3 or not prefix.isalnum() or not prefix.isascii() or prefix != prefix.upper():
        raise ValueError("a station prefix is three upper-case letters or digits")
    if not 0 < serial < 10**SERIAL_DIGITS:
        raise ValueError("the station's number block is used up")
    return f"{prefix}{serial:0{SERIAL_DIGITS}d}"


class JobState(StrEnum):
    """A card job moves forward only; SPOILED ends it from any state before ACTIVE."""

    READY = "READY"
    PERSONALISED = "PERSONALISED"
    PRINTED = "PRINTED"
    CHECKED = "CHECKED"
    ACTIVE = "ACTIVE"
    SPOILED = "SPOILED"


@dataclass(frozen=True)
class CardJob:
    """One attempt at a card."""

    id: str
    card: CardDescription
    state: JobState = JobState.READY
    chip_serial: str = ""
    step: str = ""  # last personalisation step begun
    step_done: bool = False
    sod_sha256: str = ""
    signer_serial: str = ""
    portrait_image: str = ""
    print_name: str = ""
    printer_job: str = ""
    spoil_reason: str = ""

    @property
    def live(self) -> bool:
        return self.state is not JobState.SPOILED
