"""What a file brought to the trust store holds: DER, PEM or PKD LDIF taken apart, each part told by content.

File names and LDIF attribute names say nothing that is relied on (RFC 2849, RFC 7468, Doc 9303-12 4, 9, 10).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from crypto.certificates.asn1 import elements, outside_bytes, sequence
from crypto.cms import SIGNED_DATA, SignedData
from crypto.errors import CryptoError, MalformedData
from crypto.trust.signed_list import DEVIATION_LIST, MASTER_LIST

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s*(.+?)-----END \1-----", re.DOTALL)
_BASE64_LINE = re.compile(rb"^([A-Za-z][A-Za-z0-9;.-]*)::\s*(.*)$")
_LDIF_LINE = re.compile(rb"(?im)^(dn|version)::?\s*\S")
_SIGNED_DATA_OID = bytes.fromhex("06092a864886f70d010702")


class Kind(StrEnum):
    """What a part is."""

    CERTIFICATE = "certificate"
    CRL = "revocation list"
    MASTER_LIST = "master list"
    DEVIATION_LIST = "deviation list"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Part:
    """One thing in a file: its bytes, what they are, and how to call it ("line 12", "")."""

    kind: Kind
    data: bytes
    called: str
    loose: bool = False
    """From a directory export, which nobody vouches for; not a file that a person chose."""


def parts(data: bytes) -> Iterator[Part]:
    """Everything in a file; what cannot be told is UNKNOWN. Raises MalformedData for broken PEM only."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip().startswith(b"-----BEGIN"):
        for number, der in enumerate(pem_blocks(data)):
            yield Part(kind_of(der), der, f"block {number + 1}")
    elif data[:1] != b"\x30" and _LDIF_LINE.search(data[:65536]):
        yield from _ldif(data)
    else:
        data = _unwrapped(data)
        yield Part(kind_of(data), data, "file")


def _unwrapped(data: bytes) -> bytes:
    """DER that came as bare base64 text; anything else as it is."""
    if data[:1] == b"\x30":
        return data
    try:
        found = base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return data
    return found if found[:1] == b"\x30" else data


def pem_blocks(data: bytes) -> list[bytes]:
    """The DER inside a DER or PEM file."""
    if not data.lstrip().startswith(b"-----BEGIN"):
        return [data]
    try:
        return [base64.b64decode(match.group(2)) for match in _PEM.finditer(data)]
    except binascii.Error as error:
        raise MalformedData("PEM file") from error


def kind_of(der: bytes) -> Kind:
    """Tells certificates, CRLs and signed lists by their first elements. Never raises."""
    try:
        with outside_bytes("file"):
            first = sequence(der, "file")[0]
            if first.encoded == _SIGNED_DATA_OID:
                return _kind_of_signed(der)
            if first.identifier != 0x30:
                return Kind.UNKNOWN
            inner = [item.identifier for item in elements(first.content, "file")]
    except CryptoError:
        return Kind.UNKNOWN
    if inner[:1] == [0xA0] or inner[:5] == [0x02, 0x30, 0x30, 0x30, 0x30]:  # a version, or a v1 certificate
        return Kind.CERTIFICATE
    dated = [item for item in inner[:4] if item in (0x17, 0x18)]  # thisUpdate stands bare in a CRL
    return Kind.CRL if dated else Kind.UNKNOWN


def _kind_of_signed(der: bytes) -> Kind:
    """Only what CMS says at its start: whether it is sound is the list parser's question."""
    content = sequence(sequence(der, SIGNED_DATA)[1].content, SIGNED_DATA)
    oid = sequence(content[2].encoded, SIGNED_DATA)[0].content
    for kind, dotted in ((Kind.MASTER_LIST, MASTER_LIST), (Kind.DEVIATION_LIST, DEVIATION_LIST)):
        if oid == _oid_content(dotted):
            return kind
    return Kind.UNKNOWN


def _oid_content(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    found = bytearray()
    for arc in (40 * first + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        found += bytes(reversed(digits))
    return bytes(found)


def _ldif(data: bytes) -> Iterator[Part]:
    """Base64 values of an LDIF export that are DER; other attributes (names, dates) are passed over."""
    for number, line in _logical_lines(data):
        match = _BASE64_LINE.match(line)
        if match is None or match.group(1).lower() == b"dn":
            continue
        called = f"line {number} ({match.group(1).decode('ascii')})"
        try:
            value = base64.b64decode(match.group(2), validate=True)
        except binascii.Error:
            yield Part(Kind.UNKNOWN, b"", called, loose=True)
            continue
        if value[:1] == b"\x30" or b";binary" in match.group(1).lower():
            yield Part(kind_of(value), value, called, loose=True)


def _logical_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their continuations (a leading space) joined, each with the number of its first."""
    start, held = 0, bytearray()
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.rstrip(b"\r")
        if line.startswith(b" "):
            held += line[1:]
            continue
        if held:
            yield start, bytes(held)
        start, held = number, bytearray(line)
    if held:
        yield start, bytes(held)


def parsed_signed(der: bytes) -> SignedData | None:
    """The CMS in `der`, or None when it does not parse: to name a signer in a rejection."""
    try:
        return SignedData.parse(der)
    except CryptoError:
        return None
