"""The bytes of a seal: header, message zone, signature zone (Doc 9303-13 2.2 to 2.4), versions 3 and 4.

`parse_seal` and `Seal.encode` are each other's inverse; whether to believe a seal is `verify`'s question.
"""

import re
from dataclasses import dataclass, field
from datetime import date

from crypto.errors import MalformedData
from crypto.seals.c40 import decode_c40, decode_date, encode_c40, encode_date, encoded_length

MAGIC = 0xDC
VERSION_3, VERSION_4 = 0x02, 0x03  # the byte n means version n + 1
SIGNATURE = 0xFF
_V3_REFERENCE = 5
_FIRST_PART = 4  # bytes of the signer identifier and the count, version 4
_SIGNER = re.compile(r"[A-Z]{2}[A-Z0-9]{2}")
_HEX = re.compile(r"[0-9A-F]+")
MAX_SEAL = 4096  # more than any symbol holds


@dataclass(frozen=True)
class Header:
    """`issuer` as in the MRZ without fillers; `signer` two letters of country and two of the signer;
    `reference` upper-case hexadecimal, the serial number of the signer's certificate."""

    issuer: str
    signer: str
    reference: str
    issued: date | None
    signed: date | None
    definition: int
    category: int
    version: int = 4

    def encode(self) -> bytes:
        """MalformedData for what a header cannot say."""
        if not (_SIGNER.fullmatch(self.signer) and _HEX.fullmatch(self.reference)):
            raise MalformedData("seal: signer or certificate reference")
        if not re.fullmatch("[A-Z]{1,3}", self.issuer):
            raise MalformedData("seal: issuing state")
        if not (1 <= self.definition <= 254 and 1 <= self.category <= 254):
            raise MalformedData("seal: definition or category")
        return b"".join(
            (
                bytes((MAGIC, self.version - 1)),
                encode_c40(self.issuer.ljust(3, "<")),
                encode_c40(self._signer_string()),
                encode_date(self.issued),
                encode_date(self.signed),
                bytes((self.definition, self.category)),
            )
        )

    def _signer_string(self) -> str:
        count = len(self.reference)
        if self.version == 3 and count == _V3_REFERENCE:
            return self.signer + self.reference
        if self.version == 4 and count <= 0xFF:
            return f"{self.signer}{count:02X}{self.reference}"
        raise MalformedData("seal: version, or length of the certificate reference")


@dataclass(frozen=True)
class Seal:
    """One seal. `features` are (tag, value) in their order; `signed` is what the signature covers."""

    header: Header
    features: tuple[tuple[int, bytes], ...] = field(repr=False)
    signature: bytes = field(repr=False, default=b"")

    @property
    def signed(self) -> bytes:
        """Header and message zone, without the signature's tag and length."""
        return self.header.encode() + b"".join(
            self._encode(tag, value, signature=False) for tag, value in self.features
        )

    def encode(self) -> bytes:
        """The whole seal."""
        return self.signed + self._encode(SIGNATURE, self.signature, signature=True)

    def feature(self, tag: int) -> bytes | None:
        """The value of a feature, None when the seal has none of that tag."""
        return dict(self.features).get(tag)

    def _encode(self, tag: int, value: bytes, *, signature: bool) -> bytes:
        if not signature and not 0 <= tag < SIGNATURE:
            raise MalformedData("seal: tag of a feature")
        return bytes((tag,)) + _length(len(value), self.header.version) + value


def parse_seal(data: bytes) -> Seal:
    """A seal of version 3 or 4; MalformedData when it is none, or when something follows it."""
    if len(data) > MAX_SEAL:
        raise MalformedData("seal: too long")
    cursor = _Cursor(data)
    magic, version = cursor.take(2)
    if magic != MAGIC or version not in (VERSION_3, VERSION_4):
        raise MalformedData("seal: magic or version")
    header = _header(cursor, version + 1)
    features: list[tuple[int, bytes]] = []
    while True:
        (tag,) = cursor.take(1)
        value = cursor.take(cursor.length(header.version))
        if tag == SIGNATURE:
            break
        if any(tag == known for known, _ in features):
            raise MalformedData(f"seal: feature {tag} given twice")
        features.append((tag, value))
    cursor.end()
    seal = Seal(header, tuple(features), value)
    if seal.encode() != data:
        raise MalformedData("seal: not in its one encoding")
    return seal


def _header(cursor: "_Cursor", version: int) -> Header:
    issuer = decode_c40(cursor.take(2)).rstrip(" ")
    if version == 3:
        text = decode_c40(cursor.take(encoded_length(4 + _V3_REFERENCE)))
        signer, reference = text[:4], text[4:]
    else:
        signer, reference = _signer_string(cursor)
    issued, signed = decode_date(cursor.take(3)), decode_date(cursor.take(3))
    definition, category = cursor.take(2)
    return Header(issuer, signer, reference, issued, signed, definition, category, version)


def _signer_string(cursor: "_Cursor") -> tuple[str, str]:
    """Four bytes give identifier and count, the count says how many more belong to the string."""
    first = cursor.take(_FIRST_PART)
    text = decode_c40(first)
    if len(text) != 6 or not _HEX.fullmatch(text[4:]):
        raise MalformedData("seal: signer string")
    count = int(text[4:], 16)
    text = decode_c40(first + cursor.take(encoded_length(6 + count) - _FIRST_PART))
    if len(text) != 6 + count:
        raise MalformedData("seal: length of the certificate reference")
    return text[:4], text[6:]


class _Cursor:
    """Reads on through outside bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise MalformedData("seal: cut off")
        self._at += count
        return piece

    def length(self, version: int) -> int:
        """Version 3: one byte. Version 4: a DER length of one to five bytes (X.690 10.1)."""
        (first,) = self.take(1)
        if version == 3 or first < 0x80:
            return first
        count = first & 0x7F
        if not 1 <= count <= 4:
            raise MalformedData("seal: length field")
        return int.from_bytes(self.take(count), "big")

    def end(self) -> None:
        if self._at != len(self._data):
            raise MalformedData("seal: something follows the signature")


def _length(length: int, version: int) -> bytes:
    if version == 3 and length > 0xFF:
        raise MalformedData("seal: too long for version 3")
    if version == 3 or length < 0x80:
        return bytes((length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(size),)) + size
