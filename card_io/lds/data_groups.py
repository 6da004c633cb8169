"""DG1 (MRZ), DG11 (personal details), DG12 (document details), DG13 (permit): build and parse (Doc 9303-10
4.7).

Reading is tolerant where issuers are known to differ: dates as digits or BCD, other names without their
template, texts that are not UTF-8.  DG13 is free for the issuer; its content here is ours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from card_io.errors import MalformedCardData
from card_io.lds import mrz
from card_io.lds.index import expect_tag
from card_io.tlv import Tlv

_DG1, _DG11, _DG12, _DG13 = 0x61, 0x6B, 0x6C, 0x6D
_MRZ, _TAG_LIST, _TEMPLATE, _COUNT = 0x5F1F, 0x5C, 0xA0, 0x02
PERMIT_VERSION: Final = 1


def build_dg1(lines: Sequence[str]) -> bytes:
    """DG1 with these MRZ lines; MalformedCardData unless they have the shape of an MRZ."""
    return Tlv.of(_DG1, Tlv.of(_MRZ, mrz.parse(lines).text.encode("ascii")))


def parse_dg1(ef: bytes) -> mrz.Mrz:
    """The MRZ of DG1."""
    value = expect_tag(ef, _DG1).require(_MRZ).value
    if not value.isascii() or len(value) not in (90, 72, 88):
        raise MalformedCardData("DG1 holds no machine readable zone")
    return mrz.parse(value.decode("ascii"))


class _Kind(Enum):
    TEXT = 1
    PARTS = 2  # one text, `<` between its parts
    REPEATED = 3  # a template with a count and one object each
    DATE = 4  # YYYYMMDD
    TIME = 5  # YYYYMMDDhhmmss
    BYTES = 6


@dataclass(frozen=True)
class PersonalDetails:
    """DG11; everything is optional.  Names in national characters; dates YYYYMMDD, unknown parts 00 or 0000.

    `full_name` is (primary identifier, secondary identifier); tuples of texts are parts of one entry except
    `other_names`, which are whole names in the form of the MRZ (`PRIMARY<<SECONDARY`).
    """

    full_name: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    personal_number: str = ""
    birth_date: str = ""
    place_of_birth: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    telephone: str = ""
    profession: str = ""
    title: str = ""
    summary: str = ""
    citizenship_image: bytes = b""
    other_document_numbers: tuple[str, ...] = ()
    custody: str = ""

    def __repr__(self) -> str:
        return "PersonalDetails(...)"


@dataclass(frozen=True)
class DocumentDetails:
    """DG12; everything is optional.  Dates YYYYMMDD, the personalisation time YYYYMMDDhhmmss."""

    issuing_authority: str = ""
    issue_date: str = ""
    other_persons: tuple[str, ...] = ()
    endorsements: str = ""
    tax_or_exit: str = ""
    front_image: bytes = b""
    rear_image: bytes = b""
    personalisation_time: str = ""
    personalisation_system: str = ""

    def __repr__(self) -> str:
        return "DocumentDetails(...)"


_Entry = tuple[str, _Kind]
_DG11_ENTRIES: Final[Mapping[int, _Entry]] = {  # Doc 9303-10 table 71
    0x5F0E: ("full_name", _Kind.PARTS),
    0x5F0F: ("other_names", _Kind.REPEATED),
    0x5F10: ("personal_number", _Kind.TEXT),
    0x5F2B: ("birth_date", _Kind.DATE),
    0x5F11: ("place_of_birth", _Kind.PARTS),
    0x5F42: ("address", _Kind.PARTS),
    0x5F12: ("telephone", _Kind.TEXT),
    0x5F13: ("profession", _Kind.TEXT),
    0x5F14: ("title", _Kind.TEXT),
    0x5F15: ("summary", _Kind.TEXT),
    0x5F16: ("citizenship_image", _Kind.BYTES),
    0x5F17: ("other_document_numbers", _Kind.PARTS),
    0x5F18: ("custody", _Kind.TEXT),
}
_DG12_ENTRIES: Final[Mapping[int, _Entry]] = {  # Doc 9303-10 table 73
    0x5F19: ("issuing_authority", _Kind.TEXT),
    0x5F26: ("issue_date", _Kind.DATE),
    0x5F1A: ("other_persons", _Kind.REPEATED),
    0x5F1B: ("endorsements", _Kind.TEXT),
    0x5F1C: ("tax_or_exit", _Kind.TEXT),
    0x5F1D: ("front_image", _Kind.BYTES),
    0x5F1E: ("rear_image", _Kind.BYTES),
    0x5F55: ("personalisation_time", _Kind.TIME),
    0x5F56: ("personalisation_system", _Kind.TEXT),
}
_Value = str | bytes | tuple[str, ...]


def build_dg11(details: PersonalDetails) -> bytes:
    """DG11 with the entries that are not empty; MalformedCardData for a date that is none."""
    return _build(_DG11, _DG11_ENTRIES, details)


def parse_dg11(ef: bytes) -> PersonalDetails:
    """The personal details of DG11; entries it does not know are passed over."""
    return PersonalDetails(**_values(_DG11, _DG11_ENTRIES, ef))


def build_dg12(details: DocumentDetails) -> bytes:
    """DG12 with the entries that are not empty; MalformedCardData for a date that is none."""
    return _build(_DG12, _DG12_ENTRIES, details)


def parse_dg12(ef: bytes) -> DocumentDetails:
    """The document details of DG12; entries it does not know are passed over."""
    return DocumentDetails(**_values(_DG12, _DG12_ENTRIES, ef))


def _build(tag: int, entries: Mapping[int, _Entry], details: PersonalDetails | DocumentDetails) -> bytes:
    tags, objects = [], []
    for entry_tag, (name, kind) in entries.items():
        value = getattr(details, name)
        if value:
            tags.append(entry_tag.to_bytes(2, "big"))
            objects.append(_encode(entry_tag, kind, value))
    return Tlv.of(tag, [Tlv.of(_TAG_LIST, b"".join(tags)), *objects])


def _encode(tag: int, kind: _Kind, value: _Value) -> Tlv:
    if kind is _Kind.REPEATED:
        names = [Tlv.of(tag, _mrz_form(name).encode()) for name in value if isinstance(name, str)]
        return Tlv.of(_TEMPLATE, [Tlv.of(_COUNT, bytes([len(names)])), *names])
    if isinstance(value, tuple):
        separator = "<<" if tag == 0x5F0E else "<"
        spaced = (_mrz_form(part) if tag == 0x5F0E else part for part in value)
        return Tlv.of(tag, separator.join(spaced).encode())
    if isinstance(value, bytes):
        return Tlv.of(tag, value)
    size = {_Kind.DATE: 8, _Kind.TIME: 14}.get(kind, len(value))
    if kind in (_Kind.DATE, _Kind.TIME) and not _are_digits(value, size):
        raise MalformedCardData("a date that is not made of its digits")
    return Tlv.of(tag, value.encode())


def _mrz_form(name: str) -> str:
    return name.replace(" ", "<")


def _values(tag: int, entries: Mapping[int, _Entry], ef: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in _entries_of(expect_tag(ef, tag)):
        if item.tag not in entries:
            continue
        name, entry_kind = entries[item.tag]
        value = _decode(item, entry_kind)
        found[name] = (*found.get(name, ()), value) if entry_kind is _Kind.REPEATED else value
    return found


def _entries_of(group: Tlv) -> Iterator[Tlv]:
    """The entries, those inside templates too."""
    for child in group.children():
        if child.tag == _TEMPLATE:
            yield from child.children()
        else:
            yield child


def _decode(item: Tlv, kind: _Kind) -> _Value:
    if kind is _Kind.BYTES:
        return item.value
    if kind in (_Kind.DATE, _Kind.TIME):
        return decode_digits(item.value, 8 if kind is _Kind.DATE else 14)
    text = decode_text(item.value)
    if kind is not _Kind.PARTS:
        return text
    if item.tag == 0x5F0E:
        return tuple(part.replace("<", " ").strip() for part in text.strip("<").split("<<", 1))
    return tuple(text.split("<"))


def decode_digits(value: bytes, digits: int) -> str:
    """Digits as ASCII or as BCD of half the length (Malaysia, Taiwan); MalformedCardData otherwise."""
    text = value.hex() if len(value) == digits // 2 else value.decode("latin-1")
    if not _are_digits(text, digits):
        raise MalformedCardData("a date that is not made of its digits")
    return text


def _are_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdecimal()


def decode_text(value: bytes) -> str:
    """UTF-8, or what is no UTF-8 as Latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@dataclass(frozen=True)
class Permit:
    """Our DG13: what the stay was granted for, as at issue.

    `category` is a code of the stay rules, `entry_number` the number of the border crossing record.
    """

    category: str
    entry_number: str
    stay_until: dt.date

    def __repr__(self) -> str:
        return f"Permit({self.category})"


def build_dg13(permit: Permit) -> bytes:
    """DG13: `6D {80 version, 81 category, 82 entry number (UTF-8), 83 stay until (BCD YYYYMMDD)}`."""
    return Tlv.of(
        _DG13,
        [
            Tlv.of(0x80, bytes([PERMIT_VERSION])),
            Tlv.of(0x81, permit.category.encode()),
            Tlv.of(0x82, permit.entry_number.encode()),
            Tlv.of(0x83, bytes.fromhex(permit.stay_until.isoformat().replace("-", ""))),
        ],
    )


def parse_dg13(ef: bytes) -> Permit:
    """Our permit data; MalformedCardData for the DG13 of any other issuer or version."""
    group = expect_tag(ef, _DG13)
    if group.require(0x80).value != bytes([PERMIT_VERSION]):
        raise MalformedCardData("DG13 has another version")
    digits = decode_digits(group.require(0x83).value, 8)
    try:
        stay_until = dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        category, entry_number = (group.require(tag).value.decode() for tag in (0x81, 0x82))
    except ValueError as error:  # no such date, or not UTF-8
        raise MalformedCardData("DG13 holds an impossible date or text") from error
    return Permit(category, entry_number, stay_until)
