"""What a chip says about itself before access: ATR, EF.ATR/INFO, EF.DIR (ISO/IEC 7816-4 section 12.1, Doc
9303-10 sections 3.6.4 and 3.10).

Owns the announcement of extended length. Nothing here is signed: it decides how a chip is read, never what
is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds.index import APPLICATION
from card_io.tlv import MAX_LENGTH_BYTES, MAX_TAG_BYTES, Tlv, parse_all, read_header

_CAPABILITIES, _LENGTHS, _INTEGER = 0x47, 0x7F66, 0x02
_TEMPLATE, _AID, _LABEL = 0x61, 0x4F, 0x50
_CHAINING, _EXTENDED, _LENGTHS_IN_FILE = 0x80, 0x40, 0x20  # third byte of the card capabilities
_MAX_APPLICATIONS: Final = 32
_DIRECT, _INVERSE = 0x3B, 0x3F
_COMPACT: Final = (0x00, 0x80)  # category indicators with compact data objects behind them
_STATUS_BYTES: Final = 3  # end the historical bytes of category 00


@dataclass(frozen=True)
class CardInfo:
    """Length forms a chip announces; `max_command` and `max_response` in bytes of a whole APDU, 0 unknown.

    `lengths_in_file`: the sizes stand in EF.ATR/INFO.
    """

    extended_length: bool = False
    chaining: bool = False
    lengths_in_file: bool = False
    max_command: int = 0
    max_response: int = 0


@dataclass(frozen=True)
class Application:
    """One entry of EF.DIR: the identifier of an application and its label."""

    aid: bytes
    label: str = ""

    @property
    def is_emrtd(self) -> bool:
        """Whether it is the LDS1 eMRTD application."""
        return self.aid == APPLICATION


def parse_atr_info(content: bytes) -> CardInfo:
    """EF.ATR/INFO: card capabilities (47) and extended length information (7F66); MalformedCardData.

    Zeros behind the last object are passed over, files may be larger than their content.
    """
    objects = {item.tag: item for item in _padded_objects(content)}
    capabilities = objects[_CAPABILITIES].value if _CAPABILITIES in objects else b""
    sizes = objects[_LENGTHS].children() if _LENGTHS in objects else ()
    numbers = [int.from_bytes(item.value, "big") for item in sizes if item.tag == _INTEGER and item.value]
    if any(number > 1 << 24 for number in numbers):
        raise MalformedCardData("EF.ATR/INFO announces impossible sizes")
    return _info(capabilities, *numbers[:2])


def parse_atr(atr: bytes) -> CardInfo | None:
    """Card capabilities in the historical bytes of an answer to reset, None if it does not state them."""
    historical = _historical_bytes(atr)
    if not historical or historical[0] not in _COMPACT:
        return None
    body = historical[1:-_STATUS_BYTES] if historical[0] == 0 else historical[1:]
    position = 0
    while position < len(body):
        tag, length = body[position] >> 4, body[position] & 0x0F
        if tag == 7 and length == 3 and position + 3 < len(body):
            return _info(body[position + 1 : position + 4])
        position += 1 + length
    return None


def parse_dir(content: bytes) -> tuple[Application, ...]:
    """EF.DIR: the applications of the chip (ISO/IEC 7816-4 section 12.2.2); MalformedCardData."""
    templates = [item for item in _padded_objects(content) if item.tag == _TEMPLATE]
    if len(templates) > _MAX_APPLICATIONS:
        raise MalformedCardData("EF.DIR lists too many applications")
    return tuple(_application(template) for template in templates)


def _application(template: Tlv) -> Application:
    label = template.child(_LABEL)
    return Application(template.require(_AID).value, label.value.decode("latin-1") if label else "")


def _info(capabilities: bytes, max_command: int = 0, max_response: int = 0) -> CardInfo:
    flags = capabilities[2] if len(capabilities) >= 3 else 0
    return CardInfo(
        bool(flags & _EXTENDED),
        bool(flags & _CHAINING),
        bool(flags & _LENGTHS_IN_FILE),
        max_command,
        max_response,
    )


def _padded_objects(content: bytes) -> Iterator[Tlv]:
    position = 0
    while position < len(content) and content[position] not in (0x00, 0xFF):
        header = read_header(content[position : position + 1 + MAX_TAG_BYTES + MAX_LENGTH_BYTES])
        yield from parse_all(content[position : position + header.total])
        position += header.total


def _historical_bytes(atr: bytes) -> bytes:
    """ISO/IEC 7816-3 section 8.2: TS, T0, interface bytes as their Y nibbles say, historical bytes."""
    if len(atr) < 2 or atr[0] not in (_DIRECT, _INVERSE):
        return b""
    count, present, position = atr[1] & 0x0F, atr[1] >> 4, 2
    while present:
        position += present.bit_count()
        follows = present & 0x8 and position - 1 < len(atr)
        present = atr[position - 1] >> 4 if follows else 0
    return atr[position : position + count]
