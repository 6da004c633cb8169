"""The French identity card of 1988 to 2021: two lines of 36 that follow no part of ICAO Doc 9303.

Its number says when and where it was issued; behind the surname stand department and office, sometimes not.
"""

from __future__ import annotations

from dataclasses import dataclass

from card_io.lds.mrz import Mrz
from card_io.lds.mrz_layout import field_spans


@dataclass(frozen=True)
class FrenchCard:
    """`issued` is YYMM; `issued_in` and `department` are departments (three characters), `office` the issuing
    office; parts that are not printed are "".
    """

    issued: str
    issued_in: str
    serial: str
    department: str
    office: str


def french_card(mrz: Mrz) -> FrenchCard:
    """What number and first line of a zone of format FRA say."""
    spans = field_spans("FRA")
    number = spans["document_number"].of(mrz.lines)
    return FrenchCard(
        issued=number[:4].strip("<"),
        issued_in=number[4:7].strip("<"),
        serial=number[7:].strip("<"),
        department=spans["department"].of(mrz.lines).strip("<"),
        office=spans["office"].of(mrz.lines).strip("<"),
    )
