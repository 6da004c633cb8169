"""SecurityInfos of EF.CardAccess and DG14, and the public key of DG15 (ICAO Doc 9303-11 section 9.2,
TR-03110-3 A.1).

EF.CardAccess is unsigned: what it offers for PACE counts only once DG14, which is signed, repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from card_io.errors import MalformedCardData
from card_io.lds.index import expect_tag
from card_io.tlv import Tlv

ID_PACE: Final = "0.4.0.127.0.7.2.2.4"
ID_PUBLIC_KEY: Final = "0.4.0.127.0.7.2.2.1"
ID_CHIP_AUTHENTICATION: Final = "0.4.0.127.0.7.2.2.3"
ID_ACTIVE_AUTHENTICATION: Final = "2.23.136.1.1.5"
_INTEGER, _BIT_STRING, _OID, _SEQUENCE, _SET, _DG14, _DG15 = 0x02, 0x03, 0x06, 0x30, 0x31, 0x6E, 0x6F
_MAX_OID: Final = 64  # bytes; real ones have 10
_ECDSA_PLAIN: Final = "0.4.0.127.0.7.1.1.4.1"  # TR-03111 section 5.2.1

# Signature algorithms of ActiveAuthenticationInfo; some states name the X9.62 ones.
SIGNATURE_HASHES: Final[Mapping[str, str]] = {
    f"{_ECDSA_PLAIN}.1": "sha1",
    f"{_ECDSA_PLAIN}.2": "sha224",
    f"{_ECDSA_PLAIN}.3": "sha256",
    f"{_ECDSA_PLAIN}.4": "sha384",
    f"{_ECDSA_PLAIN}.5": "sha512",
    f"{_ECDSA_PLAIN}.6": "ripemd160",
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}


@dataclass(frozen=True)
class PaceInfo:
    """One PACE protocol the chip offers; `parameter_id` names standardized domain parameters."""

    oid: str
    version: int = 2
    parameter_id: int | None = None

    def encode(self) -> bytes:
        """DER of the PACEInfo."""
        return _info(self.oid, _integer(self.version), _optional(self.parameter_id))


@dataclass(frozen=True)
class ChipAuthenticationInfo:
    """One chip authentication protocol."""

    oid: str
    version: int = 1
    key_id: int | None = None

    def encode(self) -> bytes:
        """DER of the ChipAuthenticationInfo."""
        return _info(self.oid, _integer(self.version), _optional(self.key_id))


@dataclass(frozen=True)
class ChipAuthenticationPublicKey:
    """A chip authentication key: SubjectPublicKeyInfo in DER."""

    oid: str
    public_key: bytes
    key_id: int | None = None

    def encode(self) -> bytes:
        """DER of the ChipAuthenticationPublicKeyInfo."""
        return _info(self.oid, self.public_key, _optional(self.key_id))


@dataclass(frozen=True)
class ActiveAuthenticationInfo:
    """How the chip signs in active authentication with an EC key."""

    signature_oid: str = f"{_ECDSA_PLAIN}.3"
    version: int = 1

    def encode(self) -> bytes:
        """DER of the ActiveAuthenticationInfo."""
        return _info(ID_ACTIVE_AUTHENTICATION, _integer(self.version), oid_der(self.signature_oid))


SecurityInfo = PaceInfo | ChipAuthenticationInfo | ChipAuthenticationPublicKey | ActiveAuthenticationInfo


@dataclass(frozen=True)
class SecurityInfos:
    """The security infos of a file, sorted by kind; `unknown` holds the OIDs of all others."""

    pace: tuple[PaceInfo, ...] = ()
    chip_authentication: tuple[ChipAuthenticationInfo, ...] = ()
    chip_authentication_keys: tuple[ChipAuthenticationPublicKey, ...] = ()
    active_authentication: ActiveAuthenticationInfo | None = None
    unknown: tuple[str, ...] = ()

    @classmethod
    def parse(cls, der: bytes) -> SecurityInfos:
        """Parse a SET OF SecurityInfo (all of EF.CardAccess); MalformedCardData otherwise."""
        found = [_parse_info(child) for child in expect_tag(der, _SET).children()]
        return cls(
            pace=tuple(info for info in found if isinstance(info, PaceInfo)),
            chip_authentication=tuple(info for info in found if isinstance(info, ChipAuthenticationInfo)),
            chip_authentication_keys=tuple(
                info for info in found if isinstance(info, ChipAuthenticationPublicKey)
            ),
            active_authentication=next(
                (info for info in found if isinstance(info, ActiveAuthenticationInfo)), None
            ),
            unknown=tuple(info for info in found if isinstance(info, str)),
        )

    @property
    def active_authentication_hash(self) -> str | None:
        """Hash name ("sha256") for active authentication with an EC key, None if not stated or not known."""
        info = self.active_authentication
        return SIGNATURE_HASHES.get(info.signature_oid) if info else None


def build_card_access(infos: Iterable[PaceInfo]) -> bytes:
    """EF.CardAccess offering these PACE protocols."""
    return _set_of(infos)


def build_dg14(infos: Iterable[SecurityInfo]) -> bytes:
    """DG14 with these infos; repeat the PACE infos of EF.CardAccess so that they are signed."""
    return Tlv.of(_DG14, _set_of(infos))


def parse_dg14(ef: bytes) -> SecurityInfos:
    """The security infos of DG14."""
    return SecurityInfos.parse(expect_tag(ef, _DG14).value)


def build_dg15(public_key: bytes) -> bytes:
    """DG15 around a SubjectPublicKeyInfo in DER."""
    return Tlv.of(_DG15, _checked_public_key(Tlv(public_key)))


def parse_dg15(ef: bytes) -> bytes:
    """The SubjectPublicKeyInfo of DG15 in DER; its algorithm is not judged here."""
    return bytes(_checked_public_key(Tlv(expect_tag(ef, _DG15).value)))


def oid_der(dotted: str) -> bytes:
    """An object identifier as DER object (tag 06): "2.5.4.3" gives 0603550403."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return Tlv.of(_OID, b"".join(_base128(arc) for arc in (first * 40 + second, *rest)))


def dotted_oid(item: Tlv) -> str:
    """An object identifier (tag 06) in dotted form; MalformedCardData for anything else."""
    if item.tag != _OID:
        raise MalformedCardData("an object identifier expected")
    return _dotted(item.value)


def _base128(arc: int) -> bytes:
    encoded = bytes([arc & 0x7F])
    while arc := arc >> 7:
        encoded = bytes([0x80 | arc & 0x7F]) + encoded
    return encoded


def _dotted(value: bytes) -> str:
    if not value or value[-1] & 0x80 or len(value) > _MAX_OID:
        raise MalformedCardData("an object identifier is not complete, or too long")
    arcs, arc = [], 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def _parse_info(info: Tlv) -> SecurityInfo | str:
    """One SecurityInfo, or the OID of one that is not known."""
    if info.tag != _SEQUENCE:
        raise MalformedCardData("a security info that is no sequence")
    head, *rest = info.children() or (info,)
    if head.tag != _OID:
        raise MalformedCardData("a security info without protocol")
    oid = _dotted(head.value)
    if oid.startswith(f"{ID_PACE}.") and oid.count(".") == ID_PACE.count(".") + 2:
        return PaceInfo(oid, _number_at(rest, 0, required=True) or 0, _number_at(rest, 1))
    if oid.startswith(f"{ID_CHIP_AUTHENTICATION}.") and rest and rest[0].tag == _INTEGER:
        return ChipAuthenticationInfo(oid, _number_at(rest, 0, required=True) or 0, _number_at(rest, 1))
    if oid.startswith(f"{ID_PUBLIC_KEY}.") and rest:
        return ChipAuthenticationPublicKey(oid, bytes(_checked_public_key(rest[0])), _number_at(rest, 1))
    if oid == ID_ACTIVE_AUTHENTICATION and len(rest) > 1 and rest[1].tag == _OID:
        version = _number_at(rest, 0, required=True) or 0
        return ActiveAuthenticationInfo(_dotted(rest[1].value), version)
    return oid


def _number_at(items: list[Tlv], place: int, *, required: bool = False) -> int | None:
    if place < len(items) and items[place].tag == _INTEGER and 1 <= len(items[place].value) <= 8:
        return int.from_bytes(items[place].value, "big", signed=True)
    if required or place < len(items):
        raise MalformedCardData("a security info without its number")
    return None


def _checked_public_key(spki: Tlv) -> Tlv:
    """The shape of SubjectPublicKeyInfo (RFC 5280 section 4.1): sequence of algorithm and bit string."""
    parts = spki.children() if spki.tag == _SEQUENCE else ()
    if [part.tag for part in parts] != [_SEQUENCE, _BIT_STRING]:
        raise MalformedCardData("a public key that is no SubjectPublicKeyInfo")
    return spki


def _integer(value: int) -> bytes:
    return Tlv.of(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _optional(value: int | None) -> bytes:
    return b"" if value is None else _integer(value)


def _info(oid: str, *parts: bytes) -> bytes:
    return Tlv.of(_SEQUENCE, [oid_der(oid), *parts])


def _set_of(infos: Iterable[SecurityInfo]) -> bytes:
    """DER sorts the elements of a SET OF by their encodings (X.690 section 11.6)."""
    return Tlv.of(_SET, sorted(info.encode() for info in infos))
