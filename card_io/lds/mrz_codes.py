"""Codes of the machine readable zone: document kinds and states (ICAO Doc 9303-3 section 5; second letters in
Doc 9303-4 section 4.4, 9303-5 and -6 notes k).

The table of ISO 3166 has one owner, `crypto.countries`; here is only what no certificate carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from crypto.countries import CERTIFICATE_COUNTRIES

FIRST_LETTERS: Final[Mapping[str, str]] = {
    "TD1": "ACI", "TD2": "ACI", "TD3": "P", "MRVA": "V", "MRVB": "V", "FRA": "I",
}  # fmt: skip
PASSPORT_KINDS: Final = "PEDORTSLMU"  # Doc 9303-4 section 4.4: for new issues since 2026, all since 2028
_ICAO_CODES = (  # Doc 9303-3 section 5; XCT is seen in print only
    "D GBD GBN GBO GBP GBS RKS EUE UNO UNA UNK IAO "
    "XBA XCC XCE XCO XCT XDC XEC XES XIM XMP XOM XPO XXA XXB XXC XXX"
)
_HISTORIC_CODES = "ANT NTZ ZAR YUG SCG SUN BUR TMP DDR ROM"
_ICAO: Final = frozenset(_ICAO_CODES.split())
_HISTORIC: Final = frozenset(_HISTORIC_CODES.split())
_SPECIMEN: Final = frozenset({"UTO"})
_CREW: Final = "AC"


class CodeKind(StrEnum):
    """What a document code says about itself."""

    USUAL = "usual"
    NATIONAL = "national"  # a passport letter outside Doc 9303-4 section 4.4, as long as old issues live
    CREW = "crew"  # AC stands for crew member certificates only
    WRONG_FIRST = "wrong_first"
    WRONG_SECOND = "wrong_second"


class StateKind(StrEnum):
    """Where a three-letter code of an issuer or a nationality comes from."""

    ISO = "iso"
    ICAO = "icao"
    HISTORIC = "historic"
    SPECIMEN = "specimen"
    UNKNOWN = "unknown"


def code_kind(form: str, code: str) -> CodeKind:
    """Judge the two characters of a document code (trailing fillers may be missing) in format `form`."""
    first, second = code[:1] or "<", code[1:2] or "<"
    if first not in FIRST_LETTERS[form]:
        return CodeKind.WRONG_FIRST
    if not (second == "<" or "A" <= second <= "Z"):
        return CodeKind.WRONG_SECOND
    if form == "TD3":
        return CodeKind.USUAL if second in PASSPORT_KINDS + "<" else CodeKind.NATIONAL
    if form in ("TD1", "TD2"):
        if second == "V" or (form == "TD1" and first + second == "AI"):
            return CodeKind.WRONG_SECOND
        if first + second == _CREW:
            return CodeKind.CREW
    return CodeKind.USUAL


def state_kind(code: str) -> StateKind:
    """Judge a state code as printed; trailing fillers may be missing ("D", "D<<")."""
    bare = code.rstrip("<")
    if bare in _SPECIMEN:
        return StateKind.SPECIMEN
    if bare in _ICAO:
        return StateKind.ICAO
    if bare in _HISTORIC:
        return StateKind.HISTORIC
    return StateKind.ISO if bare in iso_codes() else StateKind.UNKNOWN


@cache
def iso_codes() -> frozenset[str]:
    """The 249 codes of ISO 3166-1 alpha-3."""
    return frozenset(CERTIFICATE_COUNTRIES) - _ICAO - _SPECIMEN


@cache
def state_codes() -> frozenset[str]:
    """Every code that `state_kind` knows, without fillers."""
    return iso_codes() | _ICAO | _HISTORIC | _SPECIMEN
