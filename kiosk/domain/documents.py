"""People and travel documents as the desk knows them.

Dates are calendar dates in the post's own day; names are kept in both spellings, because the
printed Latin spelling is the authority and is never derived from the national one.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType


class Sex(StrEnum):
    """Sex as printed on travel documents; X where the document leaves it open."""

    MALE = "M"
    FEMALE = "F"
    UNSPECIFIED = "X"


@dataclass(frozen=True)
class TravelDocument:
    """What a passport says about its holder, from the page, or from the chip once it was read."""

    document_code: str
    issuing_state: str  # as in the MRZ, fillers stripped: "UZB", "D"
    number: str
    nationality: str
    surname: str
    given_names: str
    birth: date | None
    sex: Sex
    expiry: date | None
    mrz_lines: tuple[str, ...]
    national_name: str = ""  # full name in national characters, DG11 or the visual zone
    optional_data: str = ""

    @property
    def key(self) -> str:
        """Names the document towards the registry: issuer and number."""
        return f"{self.issuing_state}-{self.number}"

    @property
    def full_name(self) -> str:
        return f"{self.surname} {self.given_names}".strip()

    def expired_on(self, day: date) -> bool:
        """True when the document is certainly past its expiry on `day`."""
        return self.expiry is not None and self.expiry < day


# Shown at the desk but not part of the case's history: two pictures of one page differ in it.
TRANSIENT = MappingProxyType({"stored": False})


@dataclass(frozen=True)
class PageReading:
    """One accepted reading of the data page: what is printed and, while fresh, how sure the reader is."""

    mrz_lines: tuple[str, ...]
    confidence: float = field(default=0.0, metadata=TRANSIENT)  # 0..1 over characters, 0: not known any more
    doubtful: tuple[tuple[int, int], ...] = field(default=(), metadata=TRANSIENT)  # (line, column) to look at
    page_image: str = ""  # id of the sealed image
    portrait_image: str = ""
    typed: bool = False  # entered by hand: the verdict is at best undetermined
    certain: bool = field(default=False, metadata=TRANSIENT)  # number, birth and expiry are what is printed
    unchecked: tuple[str, ...] = field(default=(), metadata=TRANSIENT)  # fields without a check digit
    face_found: bool = field(default=True, metadata=TRANSIENT)  # else the portrait is only its usual place
    keys: tuple[str, ...] = field(default=(), repr=False, metadata=TRANSIENT)  # may open the chip, in order


@dataclass(frozen=True)
class Declaration:
    """What the traveller declares at the desk; none of it ever goes onto card or chip."""

    purpose: str
    days: int
    host: str = ""
    address: str = ""
    phone: str = ""
    employer: str = ""
