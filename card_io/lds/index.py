"""The files of an eMRTD chip and EF.COM, which lists them (ICAO Doc 9303-10 sections 3.10, 4.6 and 4.7).

The same identifier names different files in the master file and in the application (011D is EF.CardSecurity
in one and EF.SOD in the other), so `in_mf` is part of a file's identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from card_io.errors import MalformedCardData
from card_io.tlv import Tlv

APPLICATION: Final = bytes.fromhex("A0000002471001")  # LDS1 eMRTD application, section 3.10
MASTER_FILE: Final = 0x3F00
LDS_VERSION: Final = "0108"
UNICODE_VERSION: Final = "040000"
_TAG_COM, _TAG_LDS_VERSION, _TAG_UNICODE_VERSION, _TAG_LIST = 0x60, 0x5F01, 0x5F36, 0x5C

# Tags of DG1 to DG16; DG2, DG3 and DG4 break the row (section 4.6, table 34).
_GROUP_TAGS: Final[tuple[int, ...]] = (0x61, 0x75, 0x63, 0x76, *range(0x65, 0x71))


@dataclass(frozen=True)
class ElementaryFile:
    """A file: its identifier, short identifier, the tag of its content (None: bare) and where it lives."""

    name: str
    fid: int
    sfi: int
    tag: int | None
    in_mf: bool = False


def _table() -> dict[str, ElementaryFile]:
    fixed = (
        ElementaryFile("EF.DIR", 0x2F00, 0x1E, None, in_mf=True),
        ElementaryFile("EF.ATR/INFO", 0x2F01, 0x01, None, in_mf=True),
        ElementaryFile("EF.CardAccess", 0x011C, 0x1C, 0x31, in_mf=True),
        ElementaryFile("EF.CardSecurity", 0x011D, 0x1D, 0x30, in_mf=True),
        ElementaryFile("EF.COM", 0x011E, 0x1E, _TAG_COM),
        ElementaryFile("EF.SOD", 0x011D, 0x1D, 0x77),
    )
    groups = (
        ElementaryFile(f"DG{number}", 0x0100 + number, number, tag)
        for number, tag in enumerate(_GROUP_TAGS, start=1)
    )
    return {file.name: file for file in (*fixed, *groups)}


FILES: Final[Mapping[str, ElementaryFile]] = MappingProxyType(_table())


def data_group(number: int) -> ElementaryFile:
    """The file of data group `number` (1 to 16); MalformedCardData for other numbers."""
    if not 1 <= number <= len(_GROUP_TAGS):
        raise MalformedCardData(f"there is no data group {number}")
    return FILES[f"DG{number}"]


def group_tag(number: int) -> int:
    """The tag of data group `number`: 1 gives 61, 2 gives 75."""
    return _GROUP_TAGS[data_group(number).sfi - 1]


def group_of_tag(tag: int) -> int | None:
    """The data group number whose content has `tag`, or None."""
    return _GROUP_TAGS.index(tag) + 1 if tag in _GROUP_TAGS else None


@dataclass(frozen=True)
class Com:
    """Content of EF.COM: versions as printed digits and the tags of the files present.  It is not signed."""

    lds_version: str
    unicode_version: str
    tags: tuple[int, ...]

    @property
    def groups(self) -> frozenset[int]:
        """The data group numbers listed; tags that belong to no data group are left out."""
        return frozenset(number for tag in self.tags if (number := group_of_tag(tag)) is not None)


def build_com(tags: Iterable[int]) -> bytes:
    """EF.COM listing the data groups with these `tags` (section 4.6.1)."""
    return Tlv.of(
        _TAG_COM,
        [
            Tlv.of(_TAG_LDS_VERSION, LDS_VERSION.encode("ascii")),
            Tlv.of(_TAG_UNICODE_VERSION, UNICODE_VERSION.encode("ascii")),
            Tlv.of(_TAG_LIST, bytes(tags)),
        ],
    )


def parse_com(ef: bytes) -> Com:
    """Parse EF.COM; MalformedCardData if it is none."""
    com = expect_tag(ef, _TAG_COM)
    return Com(
        _digits(com.require(_TAG_LDS_VERSION).value),
        _digits(com.require(_TAG_UNICODE_VERSION).value),
        tuple(com.require(_TAG_LIST).value),
    )


def expect_tag(ef: bytes, tag: int) -> Tlv:
    """The one object that fills `ef`; MalformedCardData unless it has this `tag`."""
    content = Tlv(ef)
    if content.tag != tag:
        raise MalformedCardData(f"object {tag:X} expected, {content.tag:X} found")
    return content


def _digits(value: bytes) -> str:
    if not value.isdigit():
        raise MalformedCardData("a version that is not made of digits")
    return value.decode("ascii")
