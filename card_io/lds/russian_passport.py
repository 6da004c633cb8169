"""The Russian internal passport: two lines of 44 like TD3, code PN, names in a one-to-one scheme with digits.

Not Doc 9303 and not valid for travel abroad; it is shown at the border all the same. The name scheme and the
optional data follow what is published about printed zones, not an open standard.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds import mrz_dates

CODE: Final = "PN"
ISSUER: Final = "RUS"
_LATIN = "ABVGDE2JZIQKLMNOPRSTUFHC34WXY9678"
_CYRILLIC = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_TO_CYRILLIC: Final[Mapping[str, str]] = MappingProxyType(dict(zip(_LATIN, _CYRILLIC, strict=True)))
_TO_LATIN: Final[Mapping[str, str]] = MappingProxyType(dict(zip(_CYRILLIC, _LATIN, strict=True)))


@dataclass(frozen=True)
class RussianInternal:
    """What number and optional data of an internal passport say.

    `series` four digits, `number` six, `issued` the raw YYMMDD, `office` the six digits of the department
    that issued it. Parts that are not printed are "".
    """

    series: str
    number: str
    issued: str
    office: str

    def issued_date(self, today: dt.date) -> dt.date | None:
        """The newest date not after `today`; None if it is no date."""
        return mrz_dates.birth_date(self.issued, today)


def is_russian_internal(document_code: str, issuer: str) -> bool:
    return document_code == CODE and issuer == ISSUER


def russian_internal(document_number: str, optional: str) -> RussianInternal:
    """Take apart the document number (three digits of the series, six of the number) and the optional data.

    The optional data hold the fourth digit of the series, the date of issue and the department.
    """
    rest = optional.ljust(13, "<")
    return RussianInternal(
        series=document_number[:3] + rest[0].strip("<"),
        number=document_number[3:],
        issued=rest[1:7].strip("<"),
        office=rest[7:13].strip("<"),
    )


def russian_name(text: str) -> str:
    """Cyrillic of a name read from the zone ("SOLOV92V" is "СОЛОВЬЁВ"); other characters stay as they are."""
    return "".join(_TO_CYRILLIC.get(letter, letter) for letter in text.replace("<", " "))


def russian_letters(name: str) -> str:
    """A Cyrillic `name` in the letters and digits of the scheme; text in them already stays.

    Raises MalformedCardData for other letters.
    """
    spelled = "".join(_TO_LATIN.get(letter, letter) for letter in unicodedata.normalize("NFC", name).upper())
    if foreign := [letter for letter in spelled if letter not in _TO_CYRILLIC and letter not in " -<"]:
        raise MalformedCardData(f"U+{ord(foreign[0]):04X} is no letter of a Russian internal passport")
    return " ".join(spelled.replace("-", " ").replace("<", " ").split())


def russian_name_field(surname: str, given_names: str, width: int) -> str:
    """`SURNAME<<GIVEN<PATRONYMIC` in the scheme, cut off behind `width` characters."""
    primary, secondary = russian_letters(surname), russian_letters(given_names)
    if not primary:
        raise MalformedCardData("a name without any letter")
    full = f"{primary}  {secondary}".strip().replace(" ", "<")
    return full[:width].ljust(width, "<")
