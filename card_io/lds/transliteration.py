"""Names: Cyrillic and Latin national letters to the Latin of the MRZ, and the name field (ICAO Doc 9303-3
to -5).

Letters follow Doc 9303-3 section 6, tables A and B.  The result of a Cyrillic conversion is a proposal: the
Latin spelling printed in a document is the authority and several spellings of one name are lawful, so never
call a difference fraud (`name_matching` compares).  Doc 9303 has no row for most Kazakh letters and for some
Tajik ones: Kazakh ones come from editable spellings, the Tajik rows below are national practice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from card_io.errors import MalformedCardData
from card_io.lds.spellings import Spellings, proposed_spellings

# Doc 9303-3 section 6 B, default column.  The soft sign has no row and is dropped.
_DEFAULT: Mapping[str, str] = {
    "А": "A", "Б": "B", "В": "V", "Г": "G", "Д": "D", "Е": "E", "Ё": "E", "Ж": "ZH", "З": "Z", "И": "I",
    "І": "I", "Й": "I", "К": "K", "Л": "L", "М": "M", "Н": "N", "О": "O", "П": "P", "Р": "R", "С": "S",
    "Т": "T", "У": "U", "Ф": "F", "Х": "KH", "Ц": "TS", "Ч": "CH", "Ш": "SH", "Щ": "SHCH", "Ъ": "IE",
    "Ы": "Y", "Ь": "", "Э": "E", "Ю": "IU", "Я": "IA", "Ѵ": "Y", "Ѫ": "U", "Ѓ": "G", "Є": "IE", "Ї": "I",
    "Ґ": "G", "Ў": "U", "Ѕ": "DZ", "Ј": "J", "Ќ": "K", "Љ": "LJ", "Њ": "NJ", "Џ": "DZ", "Ђ": "D", "Ћ": "C",
    "Ғ": "G",
}  # fmt: skip

# Not in Doc 9303: Tajik practice.  (The Doc 9303 row "04BA to C" is a slip for U+040B.)
_TAJIK: Mapping[str, str] = {"Ҳ": "H", "Ҷ": "J", "Ӣ": "I", "Ӯ": "U"}

_EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "be": {"Ё": "IO", "Г": "H"},
    "uk": {"Г": "H", "И": "Y"},
    "sr": {"Г": "H", "Ж": "Z", "Х": "H", "Ц": "C", "Ч": "C", "Ш": "S"},
    "mk": {"Х": "H", "Ц": "C", "Ќ": "KJ", "Џ": "DJ", "Ѓ": "GJ"},
    "bg": {"Щ": "SHT"},
}
_WORD_START: Mapping[str, Mapping[str, str]] = {
    "uk": {"Є": "YE", "Ї": "YI", "Й": "Y", "Ю": "YU", "Я": "YA"},
}

# Doc 9303-3 section 6 A: the permitted spellings, the first is written.  Letters not listed fall back to
# their base letter.
_LATIN: Mapping[str, tuple[str, ...]] = {
    "Ä": ("AE", "A"), "Å": ("AA", "A"), "Æ": ("AE",), "Ð": ("D",), "Ñ": ("N", "NXX"), "Ö": ("OE", "O"),
    "Ø": ("OE",), "Ü": ("UE", "UXX", "U"), "Þ": ("TH",), "ẞ": ("SS",), "Ĳ": ("IJ",), "Œ": ("OE",),
    "Ł": ("L",), "Ŀ": ("L",), "Đ": ("D",), "Ħ": ("H",), "Ŋ": ("N",), "Ŧ": ("T",), "Ə": ("A",),
}  # fmt: skip

_SEPARATORS = re.compile(r"[\s,<\u00ad\u2010-\u2015-]+")


def cyrillic_to_latin(text: str, language: str | None = None, spellings: Spellings | None = None) -> str:
    """Propose the Latin spelling of a Cyrillic `text`, in capitals.

    `language` is a two-letter code (be, uk, sr, mk, bg, kk; others use the default column).  `spellings`
    replace entries of the packaged ones.  Characters without a row pass through unchanged in capitals, so a
    caller sees what a person has to spell.
    """
    stored = proposed_spellings().overridden(spellings or Spellings())
    kazakh = language == "kk"
    words = stored.names if kazakh else {}
    own = stored.kazakh if kazakh else _EXCEPTIONS.get(language or "", {})
    table = {**_DEFAULT, **_TAJIK, **stored.letters, **own}
    initial = _WORD_START.get(language or "", {})
    parts = re.split(r"(\s+)", unicodedata.normalize("NFC", text).upper())
    return "".join(words.get(part) or _spelled(part, table, initial) for part in parts)


def _spelled(word: str, table: Mapping[str, str], initial: Mapping[str, str]) -> str:
    result: list[str] = []
    previous = ""
    for letter in word:
        at_start = not (previous.isalpha() or previous in ("'", "’", "ʼ"))
        result.append(initial[letter] if at_start and letter in initial else table.get(letter, letter))
        previous = letter
    return "".join(result)


def letter_spellings(character: str) -> tuple[str, ...]:
    """Every A-Z spelling of a capital Latin or Cyrillic letter that a document may print, the written one
    first; ("",) for what names drop (Doc 9303-3 sections 4.6 and 6).

    Raises MalformedCardData for digits and letters of other scripts.
    """
    return _cyrillic_spellings().get(character) or _LATIN.get(character) or (_letter(character),)


@cache
def _cyrillic_spellings() -> Mapping[str, tuple[str, ...]]:
    """Of every letter the spellings of all columns, the default first."""
    stored = proposed_spellings()
    practice = (stored.letters, stored.kazakh, {"Ж": "J", "Һ": "KH"})  # Kazakh passports, not Doc 9303
    found: dict[str, dict[str, None]] = {}
    for column in (_DEFAULT, _TAJIK, *_EXCEPTIONS.values(), *_WORD_START.values(), *practice):
        for letter, latin in column.items():
            found.setdefault(letter, {})[latin] = None
    return {letter: tuple(latin) for letter, latin in found.items()}


def _letter(character: str) -> str:
    """The A-Z spelling of a capital letter, or "" for what names drop (Doc 9303-3 section 4.6)."""
    if "A" <= character <= "Z":
        return character
    if character in _LATIN:
        return _LATIN[character][0]
    base = unicodedata.normalize("NFD", character)[0]
    if "A" <= base <= "Z":
        return base
    if unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No"):
        raise MalformedCardData(f"a name holds a character that has no MRZ spelling (U+{ord(character):04X})")
    return ""  # punctuation, modifier letters (the Uzbek apostrophe) and marks leave no filler


def split_name(name: str) -> tuple[str, ...]:
    """The words of a name in composed capitals; hyphens and commas part them (Doc 9303-3 section 4.6)."""
    return tuple(part for part in _SEPARATORS.split(unicodedata.normalize("NFC", name).upper()) if part)


def name_components(name: str) -> tuple[str, ...]:
    """Split a Latin `name` into its MRZ components: capitals A-Z, apostrophes joined, hyphens and commas
    parting.

    Raises MalformedCardData for digits and for letters that are not Latin.  Doc 9303-3 sections 4.6 and 6
    A.
    """
    spelled = ("".join(_letter(character) for character in part) for part in split_name(name))
    return tuple(part for part in spelled if part)


def name_field(surname: str, given_names: str, width: int) -> str:
    """The name field: `SURNAME<<GIVEN<NAMES` padded or truncated to `width` (Doc 9303-4/-5 section 4.2.3).

    Truncation keeps the surname whole where `<<` and one letter still fit behind it, and cuts components
    from the last one backwards; surname components are cut to initials.  A truncated field always ends in a
    letter.
    """
    primary, secondary = name_components(surname), name_components(given_names)
    if not primary:
        primary, secondary = secondary, ()
    if not primary:
        raise MalformedCardData("a name without any letter")
    full = "<".join(primary) + ("<<" + "<".join(secondary) if secondary else "")
    if len(full) <= width:
        return full.ljust(width, "<")
    if not secondary:
        return _shortened(primary, width).ljust(width, "<")
    head = _initials(primary, width - 3)
    room = width - 2 - len(head)
    tail = _shortened(secondary, room)
    if len(tail) < room:  # the initials freed more than the given names need
        head = _shortened(primary, width - 2 - len(tail))
    for shorter in range(len(head) - 1, 0, -1):  # the last place must hold a letter
        if len(head) + 2 + len(tail) == width:
            break
        head = _shortened(primary, shorter)
        tail = _shortened(secondary, width - 2 - len(head))
    return f"{head}<<{tail}".ljust(width, "<")


def _initials(components: tuple[str, ...], width: int) -> str:
    """Components cut to initials from the last backwards until they fit; the first is only ever stubbed."""
    kept = list(components[: (width + 1) // 2])
    for place in range(len(kept) - 1, 0, -1):
        if len("<".join(kept)) <= width:
            break
        kept[place] = kept[place][0]
    return _shortened(tuple(kept), width)


def _shortened(components: tuple[str, ...], width: int) -> str:
    """Components cut by exactly as much as needed, from the last backwards, at least one letter each."""
    kept = list(components[: (width + 1) // 2])
    for place in range(len(kept) - 1, -1, -1):
        excess = len("<".join(kept)) - width
        if excess > 0:
            kept[place] = kept[place][: max(1, len(kept[place]) - excess)]
    return "<".join(kept)
