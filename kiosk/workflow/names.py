"""Names in national letters beside the Latin ones: kept as typed, with a proposal for the Latin spelling.

The printed Latin name is the authority (Doc 9303-3 section 6): a proposal fills an empty name field and
never replaces what a person read or typed.
"""

import unicodedata
from collections.abc import Mapping, Sequence

from card_io.errors import MalformedCardData
from card_io.lds.mrz_layout import SHAPES, Span, field_spans
from card_io.lds.spellings import Spellings
from card_io.lds.transliteration import cyrillic_to_latin, name_field
from kiosk.errors import ErrorCode, KioskError

LONGEST = 200  # characters, as the registry takes them
LANGUAGES: Mapping[str, str] = {  # of the states whose Latin spelling has a column of its own
    "KAZ": "kk",
    "UKR": "uk",
    "BLR": "be",
    "SRB": "sr",
    "MKD": "mk",
    "BGR": "bg",
}


def national_name(surname: str, given_names: str) -> str:
    """`SURNAME, GIVEN NAMES` as DG11 has it, letters as typed; "" for no name.

    EVENT_REFUSED when it is longer than LONGEST.
    """
    name = ", ".join(part for part in map(_tidy, (surname, given_names)) if part)
    if len(name) > LONGEST:
        raise KioskError(ErrorCode.EVENT_REFUSED, f"a name of more than {LONGEST} characters")
    return name


def parts_of(name: str) -> tuple[str, str]:
    """(surname, given names) of a national name."""
    surname, _, given_names = name.partition(", ")
    return surname, given_names


def proposed_field(lines: Sequence[str], surname: str, given_names: str, spellings: Spellings) -> str:
    """The name field that `lines` would have for this name in national letters; "" when there is none to
    propose: no name, letters without a spelling, or a zone of another shape. The issuing state of the zone
    decides the language.
    """
    place = _place(lines)
    if place is None or not (surname.strip() or given_names.strip()):
        return ""
    language = LANGUAGES.get(lines[0][2:5])
    primary, secondary = (
        cyrillic_to_latin(_tidy(part), language, spellings) for part in (surname, given_names)
    )
    try:
        return name_field(primary, secondary, place.end - place.start)
    except MalformedCardData:
        return ""


def with_name(lines: Sequence[str], field: str, before: str = "") -> tuple[str, ...]:
    """`lines` with the proposed `field` where theirs is empty or still the proposal `before`; an empty
    `field` takes that proposal out again."""
    place = _place(lines)
    if place is None:
        return tuple(lines)
    there = place.of(lines)
    if there.strip("<") and there != before:
        return tuple(lines)
    new = field or "<" * (place.end - place.start)
    line = lines[place.row]
    changed = line[: place.start] + new + line[place.end :]
    return (*lines[: place.row], changed, *lines[place.row + 1 :])


def name_in(lines: Sequence[str]) -> str:
    """The name field of a zone, "" when it has another shape."""
    place = _place(lines)
    return place.of(lines) if place else ""


def _place(lines: Sequence[str]) -> Span | None:
    """Where the name stands; visas have it where passports of their size do."""
    widths = {len(line) for line in lines}
    for form in ("TD1", "TD2", "TD3"):
        count, width = SHAPES[form]
        if len(lines) == count and widths == {width}:
            return field_spans(form)["name"]
    return None


def _tidy(text: str) -> str:
    """Composed letters, single spaces, nothing unprintable and no comma, which parts surname and names."""
    shown = unicodedata.normalize("NFC", text.replace(",", " "))
    return " ".join("".join(c if c.isprintable() else " " for c in shown).split())
