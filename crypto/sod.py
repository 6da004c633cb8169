"""EF.SOD: the signed list of data group hashes (Doc 9303-10 4.6.2).

A hash covers the whole EF, tag to last byte. What is built is version 1 (LDS 1.8, Unicode 4.0) and verified,
signature included, before it is given away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from asn1crypto import core

from crypto.certificates import Certificate, digest
from crypto.certificates.asn1 import (
    AlgorithmIdentifier,
    Element,
    elements,
    encode,
    outside_bytes,
    sequence,
    single,
)
from crypto.certificates.keys import HASH_OIDS, hash_identifier
from crypto.certificates.names import dotted
from crypto.cms import ContentSigner, SignedData, build_signed_data, octets, unverified_content
from crypto.errors import MalformedData, PolicyRefused
from crypto.signer import check_period

LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
LEGACY_SECURITY_OBJECT = "1.2.528.1.1006.1.20.1"  # early Dutch documents
EF_SOD_TAG = 0x77
LDS_VERSION, UNICODE_VERSION = "0108", "040000"
_WHAT = "security object"


class _VersionInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("lds_version", core.PrintableString), ("unicode_version", core.PrintableString)]


class _Hash(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("number", core.Integer), ("value", core.OctetString)]


class _Hashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Hash


class _SecurityObject(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("version", core.Integer),
        ("hash_algorithm", AlgorithmIdentifier),
        ("hashes", _Hashes),
        ("version_info", _VersionInfo, {"optional": True}),
    ]


@dataclass(frozen=True)
class SecurityObject:
    """A parsed EF.SOD: hashes by data group number (1..16), LDS version ("0108", or None in version 0)."""

    hash_name: str
    hashes: Mapping[int, bytes] = field(repr=False)
    lds_version: str | None
    signed_data: SignedData = field(repr=False)

    @classmethod
    def parse(cls, ef_sod: bytes) -> SecurityObject:
        """From the whole EF (tag 77); raises MalformedData.

        `WrongContentType` when the CMS is sound but signs something else than an LDS security object.
        """
        signed = SignedData.parse(single(ef_sod, EF_SOD_TAG, "EF.SOD").content)
        if signed.content_type not in (LDS_SECURITY_OBJECT, LEGACY_SECURITY_OBJECT):
            raise WrongContentType(f"EF.SOD signs content of type {signed.content_type}")
        with outside_bytes(_WHAT):
            return _parse(signed)

    @property
    def document_signer(self) -> Certificate | None:
        """The embedded certificate which the signer identifier names, None when there is none."""
        for certificate in self.signed_data.certificates:
            if self.signed_data.signer.names(certificate):
                return certificate
        return None


class WrongContentType(MalformedData):
    """The signed content is not an LDS security object."""


def build_sod(
    data_groups: Mapping[int, bytes],
    signer: ContentSigner,
    *,
    hash_name: str = "sha256",
    signing_time: datetime | None = None,
) -> bytes:
    """The whole EF.SOD over whole data group files (number 1..16 -> EF bytes), verified before return.

    Raises PolicyRefused for too few or impossible groups, and for a signer out of period at `signing_time`.
    """
    if len(data_groups) < 2 or not all(1 <= number <= 16 for number in data_groups):
        raise PolicyRefused("a security object covers 2 to 16 data groups")
    if signing_time is not None:
        check_period(signer.certificate, signing_time)
    content = _encode(data_groups, hash_name)
    signed = build_signed_data(LDS_SECURITY_OBJECT, content, signer, signing_time=signing_time)
    ef_sod = encode(EF_SOD_TAG, signed)
    _prove(ef_sod, data_groups, signer.certificate)
    return ef_sod


def _encode(data_groups: Mapping[int, bytes], hash_name: str) -> bytes:
    hashes = [
        {"number": number, "value": digest(hash_name, data_groups[number])} for number in sorted(data_groups)
    ]
    value = _SecurityObject(
        {
            "version": 1,
            "hash_algorithm": hash_identifier(hash_name),
            "hashes": hashes,
            "version_info": {"lds_version": LDS_VERSION, "unicode_version": UNICODE_VERSION},
        }
    )
    return bytes(value.dump())


def _prove(ef_sod: bytes, data_groups: Mapping[int, bytes], certificate: Certificate) -> None:
    """Reads the new EF.SOD back as an inspection system would, up to the document signer's key."""
    parsed = SecurityObject.parse(ef_sod)
    parsed.signed_data.verify(certificate)
    expected = {number: digest(parsed.hash_name, data) for number, data in data_groups.items()}
    if parsed.document_signer != certificate or dict(parsed.hashes) != expected:
        raise PolicyRefused("the new security object does not read back")


def unverified_groups(ef_sod: bytes) -> frozenset[int]:
    """Numbers of the groups that EF.SOD lists, no signature and no certificate looked at; MalformedData.

    For deciding what to read; what is signed says `SecurityObject`.
    """
    kind, content = unverified_content(single(ef_sod, EF_SOD_TAG, "EF.SOD").content)
    if kind not in (LDS_SECURITY_OBJECT, LEGACY_SECURITY_OBJECT):
        raise WrongContentType(f"EF.SOD signs content of type {kind}")
    with outside_bytes(_WHAT):
        return frozenset(_hashes(sequence(content, _WHAT)[2]))


def _parse(signed: SignedData) -> SecurityObject:
    version, algorithm, hashes, *info = sequence(signed.content, _WHAT)
    name = sequence(algorithm.encoded, _WHAT)[0]
    if (version.identifier, name.identifier) != (0x02, 0x06) or len(info) > 1:
        raise MalformedData(f"{_WHAT}: not version, algorithm, hashes")
    oid = dotted(name.content)
    return SecurityObject(
        hash_name=HASH_OIDS.get(oid, oid),
        hashes=MappingProxyType(_hashes(hashes)),
        lds_version=_lds_version(info[0]) if info else None,
        signed_data=signed,
    )


def _hashes(listed: Element) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if listed.identifier != 0x30:
        raise MalformedData(f"{_WHAT}: no list of hashes")
    for entry in elements(listed.content, _WHAT):
        name, value = sequence(entry.encoded, _WHAT)
        number = int.from_bytes(name.content, "big", signed=True)
        if name.identifier != 0x02 or not 1 <= number <= 16 or number in found:
            raise MalformedData(f"{_WHAT}: data group number {number:x}")
        found[number] = octets(value)
    return found


def _lds_version(info: Element) -> str:
    text = sequence(info.encoded, _WHAT)[0]
    if text.identifier != 0x13:
        raise MalformedData(f"{_WHAT}: no LDS version")
    return text.content.decode("ascii")
