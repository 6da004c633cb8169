"""Where the fields of the five machine readable zones stand (ICAO Doc 9303-4 to -7, sections 4.2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (1-based, inclusive, as Doc 9303 counts) of line `line` (0-based)."""

    line: int
    start: int
    end: int

    def of(self, lines: Sequence[str]) -> str:
        return lines[self.line][self.start - 1 : self.end]


@dataclass(frozen=True)
class Layout:
    """Where the fields of one format stand."""

    width: int
    name: Span
    number: Span
    birth: Span
    sex: Span
    expiry: Span
    nationality: Span
    optional: Span
    optional_2: Span | None = None
    optional_check: Span | None = None
    composite: Span | None = None
    composite_of: tuple[Span, ...] = ()
    long_numbers: bool = False

    def after(self, span: Span) -> Span:
        """The check digit that stands directly behind `span`."""
        return Span(span.line, span.end + 1, span.end + 1)


def _two_lines(
    width: int,
    optional: int,
    *,
    personal_check: bool = False,
    composite: bool = False,
    long_numbers: bool = False,
) -> Layout:
    """TD2, TD3 and the visas share the first 28 characters of the second line."""
    covered = (Span(1, 1, 10), Span(1, 14, 20), Span(1, 22, width - 1))
    return Layout(
        width=width,
        name=Span(0, 6, width),
        number=Span(1, 1, 9),
        nationality=Span(1, 11, 13),
        birth=Span(1, 14, 19),
        sex=Span(1, 21, 21),
        expiry=Span(1, 22, 27),
        optional=Span(1, 29, 28 + optional),
        optional_check=Span(1, 43, 43) if personal_check else None,
        composite=Span(1, width, width) if composite else None,
        composite_of=covered if composite else (),
        long_numbers=long_numbers,
    )


LAYOUTS: Final[Mapping[str, Layout]] = {
    "TD1": Layout(  # Doc 9303-5 section 4.2.2
        width=30,
        number=Span(0, 6, 14),
        optional=Span(0, 16, 30),
        birth=Span(1, 1, 6),
        sex=Span(1, 8, 8),
        expiry=Span(1, 9, 14),
        nationality=Span(1, 16, 18),
        optional_2=Span(1, 19, 29),
        composite=Span(1, 30, 30),
        composite_of=(Span(0, 6, 30), Span(1, 1, 7), Span(1, 9, 15), Span(1, 19, 29)),
        name=Span(2, 1, 30),
        long_numbers=True,
    ),
    "TD2": _two_lines(36, 7, composite=True, long_numbers=True),  # Doc 9303-6 section 4.2.2
    "TD3": _two_lines(44, 14, personal_check=True, composite=True),  # Doc 9303-4 section 4.2.2
    "MRVA": _two_lines(44, 16),  # Doc 9303-7: no composite digit
    "MRVB": _two_lines(36, 8),
}
