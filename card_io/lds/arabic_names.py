"""The transliteration of Arabic script with X as an escape (ICAO Doc 9303-3 appendix B.5 and B.6).

For reading and comparing only: the appendix is informative, and many states print a Latin transcription that
no rule gives. Which of the two a zone holds is not written in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SHADDA: Final = "\u0651"  # doubles the letter before it, often left out
_TEH_MARBUTA: Final = "\u0629"
_TABLE = """
0621 XE 0622 XAA 0623 XAE 0624 U 0625 I 0626 XI 0627 A 0628 B 0629 XAH 062A T 062B XTH 062C J 062D XH 062E XKH
062F D 0630 XDH 0631 R 0632 Z 0633 S 0634 XSH 0635 XSS 0636 XDZ 0637 XTT 0638 XZZ 0639 E 063A G 0641 F 0642 Q
0643 K 0644 L 0645 M 0646 N 0647 H 0648 W 0649 XAY 064A Y 0671 XXA 06A4 V 06A5 XF
0679 XXT 067C XRT 067E P 0681 XKE 0685 XXH 0686 XC 0688 XXD 0689 XDR 0691 XXR 0693 XRR 0696 XRX 0698 XJ
069A XXS 06A9 XKK 06AB XXK 06AD XNG 06AF XGG 06BA XNN 06BC XXN 06BE XDO 06C0 XYH 06C1 XXG 06C2 XGE 06C3 XTG
06CC XYA 06CD XXY 06D0 Y 06D2 XYB 06D3 XBE
"""
_FIELDS = _TABLE.split()
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {chr(int(code, 16)): latin for code, latin in zip(_FIELDS[::2], _FIELDS[1::2], strict=True)}
)
_OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    _TEH_MARBUTA: ("XAH", "XTA"),  # at the end of a word and within it
    "\u06cc": ("XYA", "Y", "XAY"),  # Farsi yeh looks like two other letters
}
_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {latin: letter for letter, latin in _CODES.items()} | {"XTA": _TEH_MARBUTA, "Y": "\u064a"}
)


def is_arabic(text: str) -> bool:
    """Whether `text` holds a letter of the scheme."""
    return any(character in _CODES for character in unicodedata.normalize("NFC", text))


def arabic_spellings(word: str) -> tuple[tuple[str, ...], ...]:
    """Of every letter of an Arabic `word` the codes it may have in the zone; vowel signs have none.

    Doubling by a shadda may be left out. Characters outside the scheme give ("",).
    """
    result: list[tuple[str, ...]] = []
    for character in unicodedata.normalize("NFC", word):
        if character == SHADDA and result:
            result.append(("", *result[-1]))
        else:
            result.append(_OTHERS.get(character) or (_CODES.get(character, ""),))
    return tuple(result)


def arabic_to_mrz(name: str) -> str:
    """The code of an Arabic `name`, words parted by fillers ("MXHMD<BN<ZKRYA")."""
    words = (_word(word) for word in unicodedata.normalize("NFC", name).split())
    return "<".join(word for word in words if word)


def _word(word: str) -> str:
    coded = ""
    code = ""
    for place, letter in enumerate(word):
        if letter != SHADDA:
            code = _CODES.get(letter, "")
            if letter == _TEH_MARBUTA and any(later in _CODES for later in word[place + 1 :]):
                code = "XTA"
        coded += code
    return coded


def mrz_to_arabic(text: str) -> str | None:
    """Arabic for a name or a name field of the scheme, fillers as spaces; None where it is no text of it.

    A letter twice in a row becomes one with a shadda, as the standard reads it.
    """
    words = [_arabic_word(word) for word in text.replace("<", " ").split()]
    known = [word for word in words if word is not None]
    return " ".join(known) if len(known) == len(words) else None


def _arabic_word(word: str) -> str | None:
    result = ""
    while word:
        size = next((size for size in (1, 2, 3) if word[:size] in _LETTERS), 0)
        if not size:
            return None
        letter = _LETTERS[word[:size]]
        result += SHADDA if result.endswith(letter) else letter
        word = word[size:]
    return result
