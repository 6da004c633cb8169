"""The individual identification number of Kazakhstan (IIN), twelve digits, which its documents carry as
optional data of the MRZ.

YYMMDD of birth, a digit for century and sex, four serial digits, a check digit.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from card_io.errors import MalformedCardData

LENGTH: Final = 12
_DIGITS = re.compile(r"[0-9]{12}")
_FIRST_WEIGHTS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_SECOND_WEIGHTS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)  # where the first sum leaves ten
_CENTURIES: Final = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


@dataclass(frozen=True)
class Iin:
    """One number of twelve digits, not yet believed.

    `sex` is M, F or "" (the seventh digit is 0 for some foreigners and says neither century nor sex).
    """

    text: str

    def __repr__(self) -> str:
        return f"Iin(valid={self.valid})"  # personal data stays out of logs

    @property
    def valid(self) -> bool:
        """Its check digit agrees."""
        return self.text[-1] == iin_check_digit(self.text[:-1])

    @property
    def yymmdd(self) -> str:
        return self.text[:6]

    @property
    def foreigner(self) -> bool:
        """The seventh digit says neither century nor sex."""
        return self.text[6] == "0"

    @property
    def sex(self) -> str:
        if self.text[6] not in _CENTURIES:
            return ""
        return "M" if self.text[6] in "135" else "F"

    @property
    def birth(self) -> dt.date | None:
        """The date of birth; None where there is no century or no such day."""
        century = _CENTURIES.get(self.text[6])
        if century is None:
            return None
        try:
            return dt.date(century + int(self.text[:2]), int(self.text[2:4]), int(self.text[4:6]))
        except ValueError:
            return None


def iin_check_digit(first: str) -> str | None:
    """The twelfth digit for the `first` eleven; None where both sums leave ten and no number is issued."""
    digits = [int(digit) for digit in first]
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
        if rest < 10:
            return str(rest)
    return None


def parse_iin(text: str) -> Iin:
    """Take `text` for a number; MalformedCardData unless it is twelve digits."""
    if not _DIGITS.fullmatch(text):
        raise MalformedCardData(f"expected {LENGTH} digits of an IIN")
    return Iin(text)
