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
    AlgorithmIdentifier,
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
from crypto.certificates.certificate import normal_name
from crypto.certificates.keys import HASH_OIDS, hash_identifier
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


class _Attribute(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.Any})]


class _IssuerAndSerial(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("issuer", x509.Name), ("serial", core.Integer)]


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


def _parse(der: bytes) -> SignedData:
    oid, wrapped = sequence(der, _WHAT)
    if core.ObjectIdentifier.load(oid.encoded).dotted != SIGNED_DATA or wrapped.identifier != 0xA0:
        raise MalformedData("not CMS SignedData")
    version, digests, content_info, *rest = sequence(wrapped.content, _WHAT)
    if (version.identifier, digests.identifier) != (0x02, 0x31):
        raise MalformedData("SignedData does not begin with version and digest algorithms")
    content = load(_Content, content_info.encoded, _WHAT)
    certificates, infos = _certificates(rest)
    return SignedData(
        content_type=content["content_type"].dotted,
        content=bytes(content["content"]),
        certificates=certificates,
        signers=tuple(_parse_signer(item.encoded) for item in infos),
    )


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
    digest_oid: str = load(AlgorithmIdentifier, hash_id.encoded, _WHAT)["algorithm"].dotted
    time = values.get(SIGNING_TIME)
    return SignerInfo(
        **_identifier(identifier),
        digest_name=HASH_OIDS.get(digest_oid, digest_oid),
        signature_algorithm=algorithm.encoded,
        signature=load(core.OctetString, signature.encoded, _WHAT).native,
        signed_attributes=b"\x31" + attributes.encoded[1:],
        content_type=load(core.ObjectIdentifier, _required(values, CONTENT_TYPE), _WHAT).dotted,
        message_digest=load(core.OctetString, _required(values, MESSAGE_DIGEST), _WHAT).native,
        signing_time=None if time is None else utc(load(x509.Time, time, _WHAT).chosen.native, _WHAT),
    )


def _identifier(item: Element) -> dict[str, Any]:
    if item.identifier == 0x80:
        return {"issuer_name": None, "serial": None, "key_id": item.content}
    if item.identifier != 0x30:
        raise MalformedData("signer identifier")
    parsed = load(_IssuerAndSerial, item.encoded, _WHAT)
    return {
        "issuer_name": normal_name(parsed["issuer"]),
        "serial": parsed["serial"].native,
        "key_id": None,
    }


def _attribute_values(content: bytes) -> dict[str, bytes]:
    """Single values of the signed attributes by OID; an attribute given twice is malformed (RFC 5652 5.3)."""
    found: dict[str, bytes] = {}
    for item in elements(content, _WHAT):
        attribute = load(_Attribute, item.encoded, _WHAT)
        oid = attribute["type"].dotted
        values = elements(sequence(item.encoded, _WHAT)[1].content, _WHAT)
        if oid in found or len(values) != 1:
            raise MalformedData(f"signed attribute {oid}")
        found[oid] = values[0].encoded
    return found


def _required(values: dict[str, bytes], oid: str) -> bytes:
    if oid not in values:
        raise MalformedData(f"signed attribute {oid} is missing")
    return values[oid]
