"""EF.SOD: the signed list of data group hashes (Doc 9303-10 4.6.2).

A hash covers the whole EF, tag to last byte. What is built is version 1 (LDS 1.8, Unicode 4.0) and verified
up to the CSCA before it is given away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from asn1crypto import core

from crypto.certificates import Certificate, SignatureAlgorithm, digest, verify_signature
from crypto.certificates.asn1 import (
    Element,
    elements,
    encode,
    encode_time,
    outside_bytes,
    sequence,
    single,
)
from crypto.certificates.keys import HASH_OIDS, hash_identifier
from crypto.certificates.names import dotted
from crypto.cms import (
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    SIGNED_DATA,
    SIGNING_TIME,
    ContentSigner,
    SignedData,
    octets,
    unverified_content,
)
from crypto.errors import MalformedData, PolicyRefused, SignatureInvalid
from crypto.signer import check_chain, check_period

LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
LEGACY_SECURITY_OBJECT = "1.2.528.1.1006.1.20.1"  # early Dutch documents
EF_SOD_TAG = 0x77
_VERSIONS = (b"0108", b"040000")  # LDS and Unicode, Doc 9303-10 4.6.2
_WHAT = "security object"


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

    Verified are the hashes, the signature with the key of the signer's certificate, and that certificate with
    the CSCA that the signer knows above it. Raises PolicyRefused for too few or impossible groups and for a
    signer out of period at `signing_time`, SignatureInvalid when the proof fails.
    """
    if len(data_groups) < 2 or not all(1 <= number <= 16 for number in data_groups):
        raise PolicyRefused("a security object covers 2 to 16 data groups")
    certificate = signer.certificate
    if signing_time is not None:
        check_period(certificate, signing_time)
    if signer.authority is not None:
        check_chain(certificate, signer.authority)
    hashes = {number: digest(hash_name, data_groups[number]) for number in sorted(data_groups)}
    template = _template(certificate, signer.algorithm, hash_name)
    content = template.content(hashes)
    attributes = template.attributes(content, signing_time)
    ef_sod = template.whole(content, attributes, signer.sign(encode(0x31, attributes)))
    _prove(ef_sod, hashes, certificate, signer.algorithm)
    return ef_sod


@dataclass(frozen=True)
class _Template:
    """All bytes of an EF.SOD that stay the same for one signer: only hashes, time and signature differ.

    asn1crypto needs ten times as long for the same bytes as the two curve operations take.
    """

    hash_name: str
    content_start: bytes
    content_end: bytes
    signed_start: bytes
    content_type: bytes
    certificate: bytes
    info_start: bytes
    algorithm: bytes

    def content(self, hashes: Mapping[int, bytes]) -> bytes:
        """LDSSecurityObject."""
        entries = b"".join(
            encode(0x30, bytes((0x02, 0x01, number)) + encode(0x04, value))
            for number, value in hashes.items()
        )
        return encode(0x30, self.content_start + encode(0x30, entries) + self.content_end)

    def attributes(self, content: bytes, signing_time: datetime | None) -> bytes:
        """The signed attributes in DER order, without the tag around them."""
        found = [_TYPE_ATTRIBUTE, _digest_attribute(digest(self.hash_name, content))]
        if signing_time is not None:
            found.append(_time_attribute(signing_time))
        return b"".join(sorted(found))

    def whole(self, content: bytes, attributes: bytes, signature: bytes) -> bytes:
        """EF.SOD (Doc 9303-10 4.6.2)."""
        info = self.info_start + encode(0xA0, attributes) + self.algorithm + encode(0x04, signature)
        signed = (
            self.signed_start
            + encode(0x30, self.content_type + encode(0xA0, encode(0x04, content)))
            + self.certificate
            + encode(0x31, encode(0x30, info))
        )
        return encode(EF_SOD_TAG, encode(0x30, _SIGNED_DATA + encode(0xA0, encode(0x30, signed))))


@lru_cache(maxsize=16)
def _template(certificate: Certificate, algorithm: SignatureAlgorithm, hash_name: str) -> _Template:
    """The digest of the CMS is the signature's hash; `hash_name` is that of the data groups."""
    groups = hash_identifier(hash_name).dump()
    cms = hash_identifier(algorithm.hash_name).dump()
    version_info = encode(0x30, b"".join(encode(0x13, text) for text in _VERSIONS))
    identifier = encode(0x30, certificate.issuer_der + core.Integer(certificate.serial).dump())
    return _Template(
        hash_name=algorithm.hash_name,
        content_start=b"\x02\x01\x01" + groups,
        content_end=version_info,
        signed_start=b"\x02\x01\x03" + encode(0x31, cms),
        content_type=_oid(LDS_SECURITY_OBJECT),
        certificate=encode(0xA0, certificate.der),
        info_start=b"\x02\x01\x01" + identifier + cms,
        algorithm=algorithm.dump(),
    )


def _prove(
    ef_sod: bytes, hashes: Mapping[int, bytes], certificate: Certificate, algorithm: SignatureAlgorithm
) -> None:
    """Reads the new EF.SOD back, as an inspection system would, up to the document signer's key."""
    found = _ReadBack.of(ef_sod)
    if found.hashes != dict(hashes) or found.certificate != certificate.der:
        raise PolicyRefused("the new security object does not read back")
    if found.message_digest != digest(algorithm.hash_name, found.content):
        raise SignatureInvalid("message-digest attribute is not the content's digest")
    verify_signature(certificate.verification_key, algorithm, found.signature, b"\x31" + found.attributes[1:])


@dataclass(frozen=True)
class _ReadBack:
    """What counts of an EF.SOD that we built, by plain slicing: its shape is known, its bytes are not."""

    content: bytes
    hashes: dict[int, bytes]
    certificate: bytes
    attributes: bytes
    message_digest: bytes
    signature: bytes

    @classmethod
    def of(cls, ef_sod: bytes) -> _ReadBack:
        """Raises MalformedData when the shape is another."""
        with outside_bytes(_WHAT):
            _, wrapped = sequence(single(ef_sod, EF_SOD_TAG, _WHAT).content, _WHAT)
            _, _, information, certificates, infos = sequence(wrapped.content, _WHAT)
            content = single(sequence(information.encoded, _WHAT)[1].content, 0x04, _WHAT).content
            *_, attributes, _, signature = sequence(infos.content, _WHAT)
            values = (sequence(item.encoded, _WHAT) for item in elements(attributes.content, _WHAT))
            digests = [value for oid, value in values if oid.encoded == _DIGEST_OID]
            return cls(
                content,
                dict(_numbered(sequence(content, _WHAT)[2])),
                certificates.content,
                attributes.encoded,
                single(digests[0].content, 0x04, _WHAT).content,
                signature.content,
            )


def _numbered(entries: Element) -> Iterator[tuple[int, bytes]]:
    for entry in elements(entries.content, _WHAT):
        number, value = elements(entry.content, _WHAT)
        yield number.content[0], value.content


def _oid(text: str) -> bytes:
    return bytes(core.ObjectIdentifier(text).dump())


def _attribute(oid: bytes, value: bytes) -> bytes:
    return encode(0x30, oid + encode(0x31, value))


_SIGNED_DATA, _DIGEST_OID, _TIME_OID = _oid(SIGNED_DATA), _oid(MESSAGE_DIGEST), _oid(SIGNING_TIME)
_TYPE_ATTRIBUTE = _attribute(_oid(CONTENT_TYPE), _oid(LDS_SECURITY_OBJECT))


def _digest_attribute(value: bytes) -> bytes:
    return _attribute(_DIGEST_OID, encode(0x04, value))


@lru_cache(maxsize=16)
def _time_attribute(moment: datetime) -> bytes:
    return _attribute(_TIME_OID, encode_time(moment).dump())


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
