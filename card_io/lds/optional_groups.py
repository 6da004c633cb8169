"""Data groups beyond the common ones: DG3 to DG10 and DG16 (Doc 9303-10 sections 4.7.3 to 4.7.10, 4.7.16).

Owns their containers. Fingerprints and irises (DG3, DG4) are read by nobody without authorisation; what is
here says how many templates a group holds and of which kind, not what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds import data_groups, face, security_infos
from card_io.lds.image_header import ImageHeader, image_header
from card_io.lds.index import expect_tag, group_tag
from card_io.tlv import Tlv

_GROUP, _COUNT, _INSTANCE, _HEADER = 0x7F61, 0x02, 0x7F60, 0xA1
_SUBTYPE, _FORMAT = 0x82, 0x88
_PORTRAIT, _SIGNATURE = 0x5F40, 0x5F43
_NOTIFY_DATE, _NOTIFY_NAME, _NOTIFY_PHONE, _NOTIFY_ADDRESS = 0x5F50, 0x5F51, 0x5F52, 0x5F53
MAX_ITEMS: Final = 99  # the count is two digits in most groups
MAX_PERSONS: Final = 15  # templates A1 to AF


@dataclass(frozen=True)
class BiometricTemplate:
    """One template of DG3 or DG4: its subtype (which finger or eye), format type, and size in bytes."""

    subtype: int
    format_type: int
    size: int


@dataclass(frozen=True)
class Picture:
    """A displayed portrait (DG5) or signature (DG7): file bytes and what their header says (or None)."""

    image: bytes = field(repr=False)
    header: ImageHeader | None = None


@dataclass(frozen=True)
class Features:
    """DG6, DG8, DG9, DG10 and foreign DG13: contents are the issuer's own; `tags` in order, bytes kept."""

    content: bytes = field(repr=False)
    tags: tuple[int, ...] = ()


@dataclass(frozen=True)
class PersonToNotify:
    """DG16: whom to tell in an emergency; `recorded` YYYYMMDD or ""."""

    recorded: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    address: tuple[str, ...] = field(default=(), repr=False)


def parse_biometrics(ef: bytes, number: int) -> tuple[BiometricTemplate, ...]:
    """The templates of DG3 or DG4, possibly none."""
    group = expect_tag(ef, group_tag(number)).require(_GROUP)
    instances = [child for child in group.children() if child.tag == _INSTANCE]
    if len(instances) > MAX_ITEMS:
        raise MalformedCardData("too many biometric templates")
    return tuple(_template(instance) for instance in instances)


def parse_pictures(ef: bytes, number: int) -> tuple[Picture, ...]:
    """The pictures of DG5 or DG7."""
    wanted = _PORTRAIT if number == 5 else _SIGNATURE
    children = expect_tag(ef, group_tag(number)).children()
    pictures = [child.value for child in children if child.tag == wanted]
    if not pictures or len(pictures) > MAX_ITEMS or not all(pictures):
        raise MalformedCardData("no picture, an empty one, or too many")
    return tuple(Picture(image, image_header(image)) for image in pictures)


def parse_features(ef: bytes, number: int) -> Features:
    """Any group whose content is the issuer's own."""
    content = expect_tag(ef, group_tag(number))
    try:
        tags = tuple(child.tag for child in content.children())
    except MalformedCardData:
        tags = ()  # not made of objects, which the standard does not demand
    return Features(content.value, tags)


def parse_persons(ef: bytes) -> tuple[PersonToNotify, ...]:
    """The persons of DG16."""
    templates = [child for child in expect_tag(ef, group_tag(16)).children() if child.tag >> 4 == 0xA]
    if len(templates) > MAX_PERSONS:
        raise MalformedCardData("too many persons to notify")
    return tuple(_person(template) for template in templates)


def parse_group(number: int, ef: bytes) -> object:
    """The content of any data group as its dataclass (or a tuple of them), by number 1 to 16.

    Mrz, FaceImage, BiometricTemplate, Picture, Features, PersonalDetails, DocumentDetails, Permit,
    SecurityInfos, SubjectPublicKeyInfo bytes (DG15), PersonToNotify. MalformedCardData for broken bytes.
    """
    parse = _PARSERS.get(number)
    return parse(ef) if parse is not None else parse_features(ef, number)


def _template(instance: Tlv) -> BiometricTemplate:
    header = instance.require(_HEADER)
    subtype, kind = header.child(_SUBTYPE), header.child(_FORMAT)
    return BiometricTemplate(_value(subtype), _value(kind), len(instance))


def _value(item: Tlv | None) -> int:
    return 0 if item is None else int.from_bytes(item.value[:2], "big")


def _person(template: Tlv) -> PersonToNotify:
    texts = {child.tag: data_groups.decode_text(child.value) for child in template.children()}
    date = template.child(_NOTIFY_DATE)
    recorded = "" if date is None else data_groups.decode_digits(date.value, 8)
    address = texts.get(_NOTIFY_ADDRESS, "")
    return PersonToNotify(
        recorded,
        texts.get(_NOTIFY_NAME, ""),
        texts.get(_NOTIFY_PHONE, ""),
        tuple(address.split("<")) if address else (),
    )


def _permit_or_features(ef: bytes) -> object:
    """DG13 is free for the issuer: ours is a permit, any other is kept as it is."""
    try:
        return data_groups.parse_dg13(ef)
    except MalformedCardData:
        return parse_features(ef, 13)


_PARSERS: Final[Mapping[int, Callable[[bytes], object]]] = MappingProxyType(
    {
        1: data_groups.parse_dg1,
        2: face.parse_dg2,
        3: lambda ef: parse_biometrics(ef, 3),
        4: lambda ef: parse_biometrics(ef, 4),
        5: lambda ef: parse_pictures(ef, 5),
        7: lambda ef: parse_pictures(ef, 7),
        11: data_groups.parse_dg11,
        12: data_groups.parse_dg12,
        13: _permit_or_features,
        14: security_infos.parse_dg14,
        15: security_infos.parse_dg15,
        16: parse_persons,
    }
)
