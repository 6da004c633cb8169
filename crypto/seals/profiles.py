"""Which features a seal of a given definition and category has, as data, and their text.

Doc 9303-7 9 (visa), 9303-8 6 (emergency travel document), BSI TR-03137-1 6 to 9 (German documents), and our
own card (docs/protocols/seal.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from crypto.errors import MalformedData
from crypto.seals.c40 import decode_c40, decode_date
from crypto.seals.structure import Seal

Kind = Literal["mrz", "c40", "utf8", "date", "integer", "duration", "binary"]


@dataclass(frozen=True)
class Rule:
    """One feature: name, kind, least and most bytes. `rows` are the lengths of an MRZ's lines."""

    name: str
    kind: Kind
    least: int
    most: int
    required: bool = True
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A document feature definition."""

    name: str
    rules: Mapping[int, Rule]


@dataclass(frozen=True)
class Field:
    """One feature in words; `name` is "" for a tag that the profile does not know."""

    tag: int
    name: str
    text: str


_TD1, _TD2 = (30, 30, 30), (36, 36)
_MRVA, _MRVB = (44, 28), (36, 28)
CARD_DEFINITION, CARD_CATEGORY = 0x01, 0x4A
MRZ, PASSPORT, STAY_UNTIL, CATEGORY, POST, CHIP = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
POST_BYTES, CHIP_BYTES = 24, 16


def _profile(name: str, **rules: Rule) -> Profile:
    return Profile(name, MappingProxyType({int(tag[1:], 16): rule for tag, rule in rules.items()}))


def _mrz(rows: tuple[int, ...], length: int, *, required: bool = True) -> Rule:
    return Rule("mrz", "mrz", length, length, required, rows)


_AZR = Rule("azr_number", "c40", 8, 8)
_NUMBER = Rule("passport_number", "c40", 2, 14)
PROFILES: Mapping[tuple[int, int], Profile] = MappingProxyType(
    {
        (CARD_DEFINITION, CARD_CATEGORY): Profile(
            "migrant-card",
            MappingProxyType(
                {
                    MRZ: _mrz(_TD1, 60),
                    PASSPORT: _NUMBER,
                    STAY_UNTIL: Rule("stay_until", "date", 3, 3),
                    CATEGORY: Rule("category", "c40", 2, 16),
                    POST: Rule("post", "utf8", 1, POST_BYTES),
                    CHIP: Rule("chip", "binary", CHIP_BYTES, CHIP_BYTES, required=False),
                }
            ),
        ),
        # The published samples carry the zone of an MRV-B under tag 01 too
        (0x5D, 0x01): _profile(
            "visa",
            x01=Rule("mrz", "mrz", 44, 48, required=False),
            x02=Rule("mrz", "mrz", 44, 48, required=False),
            x03=Rule("entries", "integer", 1, 1, required=False),
            x04=Rule("duration_of_stay", "duration", 3, 3),
            x05=_NUMBER,
            x06=Rule("visa_type", "binary", 1, 4, required=False),
            x07=Rule("additional", "binary", 0, 254, required=False),
        ),
        (0x5E, 0x03): _profile("emergency-travel-document", x02=_mrz(_TD2, 48)),
        (0xFD, 0x02): _profile("arrival-attestation", x02=_mrz(_TD2, 48), x03=_AZR),
        (0xFC, 0x04): _profile(
            "social-insurance-card",
            x01=Rule("insurance_number", "c40", 8, 8),
            x02=Rule("surname", "utf8", 1, 90),
            x03=Rule("first_name", "utf8", 1, 90),
            x04=Rule("birth_name", "utf8", 1, 90, required=False),
        ),
        (0xFB, 0x06): _profile("residence-permit", x02=_mrz(_TD2, 48), x03=_NUMBER),
        (0xFA, 0x06): _profile(
            "supplementary-sheet", x04=_mrz(_TD2, 48), x05=Rule("sheet_number", "c40", 6, 6)
        ),
        (0xF9, 0x08): _profile(
            "address-sticker",
            x01=Rule("document_number", "c40", 6, 6),
            x02=Rule("municipality", "c40", 6, 6),
            x03=Rule("address", "c40", 1, 18),
        ),
    }
)


def profile_of(seal: Seal) -> Profile | None:
    """The definition that the header names; None for one we do not know."""
    return PROFILES.get((seal.header.definition, seal.header.category))


def describe(seal: Seal) -> tuple[Field, ...]:
    """Every feature in words, in the seal's order. MalformedData when one breaks its profile."""
    profile = profile_of(seal)
    rules = profile.rules if profile else {}
    present = {tag for tag, _ in seal.features}
    for tag, rule in rules.items():
        if rule.required and tag not in present:
            raise MalformedData(f"seal: no {rule.name}")
    return tuple(_field(tag, value, rules.get(tag)) for tag, value in seal.features)


def mrz_lines(seal: Seal) -> tuple[str, ...]:
    """The machine readable lines that the seal holds, () when it holds none."""
    for field in describe(seal):
        if field.name == "mrz":
            return tuple(field.text.split("\n"))
    return ()


def _field(tag: int, value: bytes, rule: Rule | None) -> Field:
    if rule is None:
        return Field(tag, "", value.hex())
    if not rule.least <= len(value) <= rule.most:
        raise MalformedData(f"seal: length of {rule.name}")
    return Field(tag, rule.name, _zone(value, rule.rows) if rule.kind == "mrz" else _TEXTS[rule.kind](value))


def _zone(value: bytes, rows: tuple[int, ...]) -> str:
    """Lines with their fillers; a visa's second line holds 28 characters (Doc 9303-7 9.2)."""
    rows = rows or (_MRVB if len(value) < 48 else _MRVA)
    text = decode_c40(value).replace(" ", "<")
    if len(text) != sum(rows):
        raise MalformedData("seal: length of the machine readable zone")
    starts = [sum(rows[:index]) for index in range(len(rows))]
    return "\n".join(text[start : start + row] for start, row in zip(starts, rows, strict=True))


def _utf8(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedData("seal: text is not UTF-8") from error


def _date(value: bytes) -> str:
    day: date | None = decode_date(value)
    return day.isoformat() if day else ""


def _duration(value: bytes) -> str:
    """Days, months, years, or one of the three special values (Doc 9303-7 9.2)."""
    special = {b"\x00" * 3: "until the date of the zone", b"\xff" * 3: "decided at entry"}
    special[b"\xfe" * 3] = "transit without entry"
    return special.get(value) or f"{value[0]} days {value[1]} months {value[2]} years"


_TEXTS: Mapping[Kind, Callable[[bytes], str]] = MappingProxyType(
    {
        "c40": lambda value: decode_c40(value).rstrip(" "),
        "utf8": _utf8,
        "date": _date,
        "integer": lambda value: str(int.from_bytes(value, "big")),
        "duration": _duration,
        "binary": lambda value: value.hex(),
    }
)
