"""Distinguished names as text and for comparison (RFC 5280 4.1.2.4, 7.1; RFC 4518 string preparation).

Names of plain ASCII, nearly all there are, are read here; anything else by asn1crypto, whose comparison form
is the measure. A name costs more than all else in a certificate, and the same ones come back with every
document, so they are remembered by their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from asn1crypto import core, x509

from crypto.certificates.asn1 import elements, load, outside_bytes, single

_WHAT = "name"
_SHORT = {
    "country_name": "C",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "common_name": "CN",
    "serial_number": "serialNumber",
    "locality_name": "L",
    "state_or_province_name": "ST",
}
_PLAIN = re.compile(rb"[ -~]+")
_STRINGS = frozenset({0x0C, 0x13, 0x16})  # UTF8String, PrintableString, IA5String
_SPACES = re.compile(" +")


class Name(NamedTuple):
    """`text` such as "C=KZ, O=…, CN=…"; `normal` for comparison; `country` in upper case, "" for none."""

    text: str
    normal: str
    country: str


@lru_cache(maxsize=4096)
def read_name(der: bytes) -> Name:
    """A Name; MalformedData when it is none."""
    with outside_bytes(_WHAT):
        parts = _plain(der)
        if parts is not None:
            return _name(parts)
        parsed = load(x509.Name, der, _WHAT)
        return Name(_text(parsed), normal_name(parsed), _country(parsed))


@lru_cache(maxsize=1024)
def dotted(content: bytes) -> str:
    """An object identifier's text from its contents octets."""
    oid: str = core.ObjectIdentifier(contents=content).dotted
    return oid


def normal_name(name: Any) -> str:
    """A parsed Name for comparison (RFC 5280 7.1), blind to the order of attributes (it varies)."""
    try:
        return "\x1e".join(sorted(rdn.hashable for rdn in name.chosen))
    except UnicodeError:  # characters that no name may hold: such a name equals its own bytes only
        return bytes(name.dump()).hex()


@lru_cache(maxsize=1024)
def _kind(content: bytes) -> str:
    """The name that asn1crypto has for an attribute type, its dotted form if it has none."""
    oid = dotted(content)
    return str(x509.NameType.map(oid))


def _plain(der: bytes) -> list[list[tuple[str, str]]] | None:
    """(type, value) by relative name; None if something else than plain strings is in it."""
    names = []
    for rdn in elements(single(der, 0x30, _WHAT).content, _WHAT):
        pairs = []
        for pair in elements(rdn.content, _WHAT):
            parts = elements(pair.content, _WHAT)
            if (rdn.identifier, pair.identifier, len(parts)) != (0x31, 0x30, 2):
                return None
            kind, value = parts
            plain = value.identifier in _STRINGS and _PLAIN.fullmatch(value.content)
            if kind.identifier != 0x06 or not plain:
                return None
            pairs.append((_kind(kind.content), value.content.decode("ascii")))
        names.append(pairs)
    return names


def _name(names: Sequence[Sequence[tuple[str, str]]]) -> Name:
    flat = [pair for pairs in names for pair in pairs]
    normal = sorted(
        "\x1f".join(f"{kind}: {_prepared(value)}" for kind, value in sorted(dict(pairs).items()))
        for pairs in names
    )
    return Name(
        ", ".join(f"{_SHORT.get(kind, kind)}={value}" for kind, value in flat),
        "\x1e".join(normal),
        next((value.upper() for kind, value in flat if kind == "country_name"), ""),
    )


def _prepared(value: str) -> str:
    """RFC 4518 section 2 for printable ASCII: lower case, spaces doubled inside and one at each end."""
    return f" {_SPACES.sub('  ', value.lower()).strip()} "


def _text(name: Any) -> str:
    """A parsed Name in its own order."""
    parts = [
        f"{_SHORT.get(pair['type'].native, pair['type'].native)}={pair['value'].native}"
        for rdn in name.chosen
        for pair in rdn
    ]
    return ", ".join(parts)


def _country(name: Any) -> str:
    """Country in upper case, "" when there is none (old certificates use lower case)."""
    for rdn in name.chosen:
        for pair in rdn:
            if pair["type"].native == "country_name":
                return str(pair["value"].native).upper()
    return ""
