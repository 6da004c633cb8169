"""Editable spellings of Kazakh letters and names in Latin, where ICAO Doc 9303-3 section 6 has no row.

`spellings.toml` beside this module holds the proposals; whoever runs a station may override single entries
with a file of the same shape.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from card_io.errors import MalformedCardData

TABLES: Final = ("letters", "kazakh", "names")
_LATIN = re.compile(r"[A-Z]*")
_NAME = re.compile(r"[A-Z]+([ '-][A-Z]+)*")


@dataclass(frozen=True)
class Spellings:
    """Capitals to capitals: `letters` for every language, `kazakh` letters and whole words (`names`) for
    Kazakh.
    """

    letters: Mapping[str, str] = field(default_factory=dict)
    kazakh: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def overridden(self, by: Spellings) -> Spellings:
        """These spellings, entries of `by` before our own."""
        return Spellings(
            {**self.letters, **by.letters}, {**self.kazakh, **by.kazakh}, {**self.names, **by.names}
        )


@cache
def proposed_spellings() -> Spellings:
    """The proposals that ship with the product."""
    return read_spellings(proposed_text())


def proposed_text() -> str:
    """The same as the file in which they ship, to be edited."""
    return resources.files("card_io.lds").joinpath("spellings.toml").read_text(encoding="utf-8")


def read_spellings(text: str) -> Spellings:
    """Read TOML `text` with the tables letters, kazakh and names, none of which must be there.

    Raises MalformedCardData, naming table and entry or line and column, when something else stands in it.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedCardData(f"spellings: not TOML: {error}") from error
    except RecursionError as error:
        raise MalformedCardData("spellings: nested too deep") from error
    if unknown := sorted(set(tables) - set(TABLES)):
        raise MalformedCardData(f"spellings: no table {unknown[0]!r}")
    return Spellings(**{name: _table(name, tables.get(name, {})) for name in TABLES})


def _table(name: str, entries: object) -> dict[str, str]:
    if not isinstance(entries, dict):
        raise MalformedCardData(f"spellings: {name} is no table")
    return dict(_entry(name, key, value) for key, value in entries.items())


def _entry(table: str, key: str, value: object) -> tuple[str, str]:
    original = unicodedata.normalize("NFC", key).upper()
    shape = _NAME if table == "names" else _LATIN
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise MalformedCardData(f"spellings: {table}, {key!r}: expected capitals A-Z")
    if table == "names" and (not original.strip() or original.split() != [original]):
        raise MalformedCardData(f"spellings: {table}, {key!r}: expected one word")
    if table != "names" and len(original) != 1:
        raise MalformedCardData(f"spellings: {table}, {key!r}: expected one letter")
    return original, value
