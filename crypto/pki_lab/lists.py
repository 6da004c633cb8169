"""Deviation lists of a lab PKI (Doc 9303-12 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core

from crypto.certificates import Certificate
from crypto.certificates.asn1 import encode
from crypto.cms import DEVIATION_LIST, ContentSigner, build_signed_data


@dataclass(frozen=True)
class DeviationEntry:
    """One entry: the deviation type below 2.23.136.1.1.7 ("2.2"), and the documents it is about.

    What is None does not restrict them. `group` is the data group with the defect.
    """

    kind: str
    signer: Certificate | None = None
    document_type: str | None = None
    issued: tuple[datetime, datetime] | None = None
    numbers: tuple[str, ...] | None = None
    group: int | None = None


def build_deviation_list(
    entries: Iterable[DeviationEntry], signer: ContentSigner, *, signing_time: datetime
) -> bytes:
    """A CMS deviation list; certificates are named by issuer and serial number."""
    members = b"".join(sorted(_entry(item) for item in entries))
    content = encode(0x30, core.Integer(0).dump() + encode(0x31, members))
    return build_signed_data(DEVIATION_LIST, content, signer, signing_time=signing_time)


def _entry(entry: DeviationEntry) -> bytes:
    documents = b""
    if entry.document_type is not None:
        documents += encode(0x80, entry.document_type.ljust(2, "<").encode("ascii"))
    if entry.signer is not None:
        documents += encode(0xA1, entry.signer.issuer_der + core.Integer(entry.signer.serial).dump())
    if entry.issued is not None:
        documents += encode(0xA4, b"".join(core.GeneralizedTime(moment).dump() for moment in entry.issued))
    if entry.numbers is not None:
        documents += encode(0xA5, b"".join(core.PrintableString(item).dump() for item in entry.numbers))
    description = core.ObjectIdentifier(f"{DEVIATION_LIST}.{entry.kind}").dump()
    if entry.group is not None:
        description += encode(0xA0, core.Integer(entry.group).dump())
    return encode(0x30, encode(0x30, documents) + encode(0x31, encode(0x30, description)))
