"""Whether a name as printed for people and a name of the machine readable zone can be the same (ICAO Doc
9303-3 sections 4.6 and 6, 9303-4 to -7 on truncation).

Several spellings and several ways to cut one name are lawful, so the zone is compared with all of them. No
agreement is a reason to look, never a proof of anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from card_io.lds.arabic_names import arabic_spellings, is_arabic
from card_io.lds.mrz import Mrz
from card_io.lds.mrz_layout import field_spans
from card_io.lds.russian_passport import is_russian_internal, russian_letters
from card_io.lds.transliteration import letter_spellings, split_name

_TITLES = "DR DRS PROF ING DIPL MR MRS MS SIR DAME LORD LADY JR SR"
TITLES: Final = frozenset(_TITLES.split())

_Word = tuple[tuple[str, ...], ...]  # of every letter its spellings


def names_agree(viz: tuple[str, str], mrz: Mrz) -> bool:
    """Whether `viz`, surname and given names as printed, may be written as in `mrz`.

    `viz` is Latin, Cyrillic or Arabic (for a zone with the letter X as an escape).

    Words may be cut or missing at the end only where the field of the zone is full to its last place; titles
    may always be missing. Raises MalformedCardData for characters that no zone can spell.
    """
    internal = is_russian_internal(mrz.document_code, mrz.issuer)
    surname, given = (_words(name, internal=internal) for name in viz)
    if not surname:  # a one-part name stands in the primary identifier
        surname, given = given, ()
    cut_surname, cut_given = _may_be_cut(mrz)
    return _agree(surname, mrz.surname.split(), cut=cut_surname) and _agree(
        given, mrz.given_names.split(), cut=cut_given
    )


def _words(name: str, *, internal: bool) -> tuple[_Word, ...]:
    if internal:
        return tuple(tuple((letter,) for letter in word) for word in russian_letters(name).split())
    words = (
        arabic_spellings(word) if is_arabic(word) else tuple(letter_spellings(letter) for letter in word)
        for word in split_name(name)
    )
    return tuple(word for word in words if any(any(spellings) for spellings in word))


def _may_be_cut(mrz: Mrz) -> tuple[bool, bool]:
    spans = field_spans(mrz.format)
    fields = ("name", "name") if "name" in spans else ("surname", "given_names")
    surname, given = (not spans[name].of(mrz.lines).endswith("<") for name in fields)
    return surname, given


def _agree(words: Sequence[_Word], printed: Sequence[str], *, cut: bool) -> bool:
    if not printed:
        return all(_is_title(word) for word in words)
    places = {0}  # how many printed words may be used up
    for word in words:
        after = {
            place + 1 for place in places if place < len(printed) and _fits(word, printed[place], cut=cut)
        }
        if _is_title(word):
            after |= places
        if cut and len(printed) in places:
            after.add(len(printed))
        places = after
    return len(printed) in places


def _is_title(word: _Word) -> bool:
    return "".join(spellings[0] for spellings in word) in TITLES


def _fits(word: _Word, printed: str, *, cut: bool) -> bool:
    """Whether some spelling of `word` is `printed`, or begins with it where words are `cut`."""
    places = {0}
    for spellings in word:
        if cut and len(printed) in places:
            return True
        after: set[int] = set()
        for place in places:
            for spelling in spellings:
                if printed.startswith(spelling, place):
                    after.add(place + len(spelling))
                elif cut and spelling.startswith(printed[place:]):
                    return True
        places = after
    return len(printed) in places
