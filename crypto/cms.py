"""CMS SignedData of EF.SOD, EF.CardSecurity and signed lists (RFC 5652, Doc 9303-10 4.6.2).

Parsing keeps original bytes: a signature is checked over the signed attributes as they were found, then over
their DER re-encoding, which is recorded as a deviation (some chips carry BER or a wrong SET order).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from asn1crypto import core, x509

from crypto.certificates import Certificate, SignatureAlgorithm, digest, verify_signature
from crypto.certificates.asn1 import (
    Element,
    elements,
    encode,
    encode_time,
    load,
    outside_bytes,
    sequence,
    single,
    to_der,
    utc,
)
from crypto.certificates.keys import HASH_OIDS, hash_identifier
from crypto.certificates.names import dotted, read_name
from crypto.errors import MalformedData, SignatureInvalid

MASTER_LIST = "2.23.136.1.1.2"  # content types, Doc 9303-12 9 and 10
DEVIATION_LIST = "2.23.136.1.1.7"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
_WHAT = "signed data"
_VERSION = 3  # Doc 9303-10 4.6.2; RFC 5652 5.1 for content other than id-data


class ContentSigner(Protocol):
    """What building needs of a signer (`crypto.signer` has the port and the key file behind it)."""

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key."""

    @property
    def authority(self) -> Certificate | None:
        """The CSCA that issued `certificate`; None where nobody told (then nothing above is checked)."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What `sign` makes."""

    @property
    def hash_name(self) -> str:
        """The hash of `algorithm`, such as "sha256"."""

    def sign(self, data: bytes) -> bytes:
        """DER ECDSA or RSA signature over `data`, which is hashed here."""


class _Content(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("content_type", core.ObjectIdentifier),
        ("content", core.OctetString, {"explicit": 0, "optional": True}),
    ]


@dataclass(frozen=True)
class SignerInfo:
    """One SignerInfo: who (issuer and serial, or key identifier), how, and the signed attributes as found."""

    issuer_name: str | None
    serial: int | None
    key_id: bytes | None
    digest_name: str
    signature_algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signed_attributes: bytes = field(repr=False)
    """Retagged as SET OF (31), other bytes as found."""
    content_type: str = ""
    message_digest: bytes = field(default=b"", repr=False)
    signing_time: datetime | None = None

    def names(self, certificate: Certificate) -> bool:
        """Does the signer identifier point to this certificate?"""
        if self.key_id is not None:
            return certificate.subject_key_id == self.key_id
        return (certificate.serial, certificate.issuer_name) == (self.serial, self.issuer_name)


@dataclass(frozen=True)
class SignedData:
    """A parsed ContentInfo with SignedData; `content` is the eContent, `signer` the first SignerInfo."""

    content_type: str
    content: bytes = field(repr=False)
    certificates: tuple[Certificate, ...]
    signers: tuple[SignerInfo, ...]

    @classmethod
    def parse(cls, der: bytes) -> SignedData:
        """From DER or BER; MalformedData when it is not SignedData with signed attributes."""
        with outside_bytes(_WHAT):
            return _parse(der)

    @property
    def signer(self) -> SignerInfo:
        """The signer that counts (Doc 9303 recommends exactly one)."""
        return self.signers[0]

    def verify_content(self) -> None:
        """Raises SignatureInvalid unless the signed attributes are about this content (RFC 5652 5.4)."""
        signer = self.signer
        if signer.content_type != self.content_type:
            raise SignatureInvalid("content-type attribute is not the content's type")
        if not hmac.compare_digest(signer.message_digest, digest(signer.digest_name, self.content)):
            raise SignatureInvalid("message-digest attribute is not the content's digest")

    def verify_signature(self, certificate: Certificate) -> tuple[str, ...]:
        """Checks the signature over the signed attributes with the certificate's key.

        Returns deviations met on the way ("signed attributes are not DER"); raises SignatureInvalid,
        UnsupportedAlgorithm or MalformedData.
        """
        signer = self.signer
        algorithm = SignatureAlgorithm.parse(signer.signature_algorithm, digest=signer.digest_name)
        key, found = certificate.verification_key, signer.signed_attributes
        try:
            verify_signature(key, algorithm, signer.signature, found)
        except SignatureInvalid:
            repaired = to_der(found, _WHAT)
            if repaired == found:
                raise
            verify_signature(key, algorithm, signer.signature, repaired)
            return ("signed attributes are not DER",)
        return ()

    def verify(self, certificate: Certificate) -> tuple[str, ...]:
        """Content and signature together; returns deviations."""
        self.verify_content()
        return self.verify_signature(certificate)


def build_signed_data(
    content_type: str,
    content: bytes,
    signer: ContentSigner,
    *,
    signing_time: datetime | None = None,
    above: Sequence[Certificate] = (),
    by_key_id: bool = False,
) -> bytes:
    """DER ContentInfo with one SignerInfo, the signer's certificate and those `above` it included.

    The signer is named by issuer and serial, or by its key identifier if it has one and `by_key_id` says so.
    `signing_time` (aware) becomes the signing-time attribute when given. Not verified here.
    """
    attributes = _signed_attributes(content_type, content, signer.hash_name, signing_time)
    certificate = signer.certificate
    hash_der = hash_identifier(signer.hash_name).dump()
    version, identifier = 1, encode(0x30, certificate.issuer_der + core.Integer(certificate.serial).dump())
    if by_key_id and certificate.subject_key_id:
        version, identifier = 3, encode(0x80, certificate.subject_key_id)  # RFC 5652 5.3
    info = encode(
        0x30,
        core.Integer(version).dump()
        + identifier
        + hash_der
        + encode(0xA0, attributes)
        + signer.algorithm.dump()
        + core.OctetString(signer.sign(encode(0x31, attributes))).dump(),
    )
    signed = encode(
        0x30,
        core.Integer(_VERSION).dump()
        + encode(0x31, hash_der)
        + _Content({"content_type": content_type, "content": content}).dump()
        + encode(0xA0, b"".join(sorted({certificate.der, *(item.der for item in above)})))
        + encode(0x31, info),
    )
    return encode(0x30, core.ObjectIdentifier(SIGNED_DATA).dump() + encode(0xA0, signed))


def _signed_attributes(
    content_type: str, content: bytes, hash_name: str, signing_time: datetime | None
) -> bytes:
    """The attributes in DER order, without the tag around them."""
    pairs: list[tuple[str, Any]] = [
        (CONTENT_TYPE, core.ObjectIdentifier(content_type)),
        (MESSAGE_DIGEST, core.OctetString(digest(hash_name, content))),
    ]
    if signing_time is not None:
        pairs.append((SIGNING_TIME, encode_time(signing_time)))
    encoded = [
        encode(0x30, core.ObjectIdentifier(oid).dump() + encode(0x31, value.dump())) for oid, value in pairs
    ]
    return b"".join(sorted(encoded))


def unverified_content(der: bytes) -> tuple[str, bytes]:
    """Type and octets of what is signed, whether it is signed well or not; MalformedData as `parse`.

    For what helps to read on; it is evidence of nothing.
    """
    with outside_bytes(_WHAT):
        return _content(_signed_data(der)[0])


def _signed_data(der: bytes) -> tuple[Element, list[Element]]:
    """The encapsulated content, and the fields after it."""
    oid, wrapped = sequence(der, _WHAT)
    if _oid(oid) != SIGNED_DATA or wrapped.identifier != 0xA0:
        raise MalformedData("not CMS SignedData")
    version, digests, content_info, *rest = sequence(wrapped.content, _WHAT)
    if (version.identifier, digests.identifier) != (0x02, 0x31):
        raise MalformedData("SignedData does not begin with version and digest algorithms")
    return content_info, rest


def _parse(der: bytes) -> SignedData:
    content_info, rest = _signed_data(der)
    content_type, content = _content(content_info)
    certificates, infos = _certificates(rest)
    return SignedData(
        content_type=content_type,
        content=content,
        certificates=certificates,
        signers=tuple(_parse_signer(item.encoded) for item in infos),
    )


def _content(item: Element) -> tuple[str, bytes]:
    """Type and octets of the content; what is signed elsewhere has none."""
    kind, *wrapped = sequence(item.encoded, _WHAT)
    if not wrapped:
        raise MalformedData("signed data without content")
    (value,) = elements(single(wrapped[0].encoded, 0xA0, _WHAT).content, _WHAT)
    return _oid(kind), octets(value)


def _certificates(rest: list[Element]) -> tuple[tuple[Certificate, ...], list[Element]]:
    """The X.509 certificates, and the elements of signerInfos (what follows the content in SignedData)."""
    certificates: tuple[Certificate, ...] = ()
    for item in rest[:-1]:
        if item.identifier == 0xA0:
            plain = [entry for entry in elements(item.content, _WHAT) if entry.identifier == 0x30]
            certificates = tuple(Certificate.parse(entry.encoded) for entry in plain)
    infos = elements(single(rest[-1].encoded, 0x31, _WHAT).content, _WHAT)
    if not infos:
        raise MalformedData("signed data without a signer")
    return certificates, infos


def _parse_signer(der: bytes) -> SignerInfo:
    version, identifier, hash_id, attributes, algorithm, signature, *_ = sequence(der, _WHAT)
    if version.identifier != 0x02 or attributes.identifier != 0xA0:
        raise MalformedData("signer info without version or signed attributes")
    values = _attribute_values(attributes.content)
    digest_oid = _oid(sequence(hash_id.encoded, _WHAT)[0])
    time = values.get(SIGNING_TIME)
    return SignerInfo(
        **_identifier(identifier),
        digest_name=HASH_OIDS.get(digest_oid, digest_oid),
        signature_algorithm=algorithm.encoded,
        signature=octets(signature),
        signed_attributes=b"\x31" + attributes.encoded[1:],
        content_type=_oid(_required(values, CONTENT_TYPE)),
        message_digest=octets(_required(values, MESSAGE_DIGEST)),
        signing_time=None if time is None else utc(load(x509.Time, time.encoded, _WHAT).chosen.native, _WHAT),
    )


def _identifier(item: Element) -> dict[str, Any]:
    if item.identifier == 0x80:
        return {"issuer_name": None, "serial": None, "key_id": item.content}
    issuer, serial = sequence(item.encoded, _WHAT)
    if serial.identifier != 0x02 or not serial.content:
        raise MalformedData("signer identifier")
    number = int.from_bytes(serial.content, "big", signed=True)
    return {"issuer_name": read_name(issuer.encoded).normal, "serial": number, "key_id": None}


def _attribute_values(content: bytes) -> dict[str, Element]:
    """Single values of the signed attributes by OID; an attribute given twice is malformed (RFC 5652 5.3)."""
    found: dict[str, Element] = {}
    for item in elements(content, _WHAT):
        kind, listed = sequence(item.encoded, _WHAT)
        oid, values = _oid(kind), elements(single(listed.encoded, 0x31, _WHAT).content, _WHAT)
        if oid in found or len(values) != 1:
            raise MalformedData(f"signed attribute {oid}")
        found[oid] = values[0]
    return found


def _oid(item: Element) -> str:
    if item.identifier != 0x06:
        raise MalformedData("signed data: no object identifier")
    return dotted(item.content)


def octets(item: Element) -> bytes:
    """An OCTET STRING, whole or (BER) in pieces."""
    if item.identifier == 0x04:
        return item.content
    value: bytes = load(core.OctetString, item.encoded, _WHAT).native
    return value


def _required(values: dict[str, Element], oid: str) -> Element:
    if oid not in values:
        raise MalformedData(f"signed attribute {oid} is missing")
    return values[oid]
