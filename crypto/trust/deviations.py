"""Deviation lists: which documents are known to be defect, and in what (Doc 9303-12 10).

A state lists the defects of its own documents. What a trusted list explains is no longer a failure, and never
a success: it becomes undetermined, with the entry named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from asn1crypto import core, x509

from crypto.certificates import Certificate, digest
from crypto.certificates.asn1 import Element, elements, load, outside_bytes, sequence, single, utc
from crypto.certificates.keys import HASH_OIDS
from crypto.certificates.names import normal_name
from crypto.cms import SignedData
from crypto.countries import certificate_country
from crypto.errors import MalformedData
from crypto.trust.links import anchor_of
from crypto.trust.signed_list import DEVIATION_LIST, DEVIATION_LIST_SIGNER, list_signer
from crypto.trust.verdict import Check, Finding, Outcome, Reason

_WHAT = "deviation list"
# Deviation types (below 2.23.136.1.1.7) and the reasons which they explain
EXPLAINED: Mapping[str, frozenset[Reason]] = MappingProxyType(
    {
        "1.1": frozenset({Reason.DS_SIGNATURE_INVALID}),
        "1.2": frozenset({Reason.SOD_MALFORMED, Reason.DS_USAGE_WRONG, Reason.DS_SID_MISMATCH}),
        "1.3": frozenset({Reason.DS_SIGNATURE_INVALID}),
        "2.2": frozenset({Reason.DG_HASH_MISMATCH}),
        "2.3": frozenset({Reason.SOD_SIGNATURE_INVALID, Reason.SOD_DIGEST_MISMATCH}),
        "2.4": frozenset({Reason.COM_SOD_MISMATCH}),
    }
)
Explained = Mapping[str, Collection[str]]
"""Reasons of findings by the deviation type that explains them."""


@dataclass(frozen=True)
class DocumentFacts:
    """What is known of the document at hand; None or "" where it is not."""

    signer: Certificate | None
    issuing_state: str | None
    document_code: str | None
    issued_on: date | None = None
    number: str = ""


@dataclass(frozen=True)
class Deviation:
    """One entry: the documents it is about (None: not restricted), and what is wrong with them."""

    document_type: str | None
    issuer_and_serial: tuple[str, int] | None
    key_id: bytes | None
    certificate_digest: bytes | None
    issued: tuple[datetime, datetime] | None
    numbers: frozenset[str] | None
    kinds: tuple[tuple[str, int | None], ...]
    """Deviation type below 2.23.136.1.1.7 ("2.2"), and the data group it is about, if any."""

    def is_about(self, facts: DocumentFacts, digest_name: str) -> bool:
        """Does the entry name this document? An unknown fact that it asks for does not match."""
        return (
            self._fits_type(facts)
            and self._fits_signer(facts.signer, digest_name)
            and self._fits_period(facts.issued_on)
            and (self.numbers is None or facts.number.rstrip("<") in self.numbers)
        )

    def _fits_type(self, facts: DocumentFacts) -> bool:
        if self.document_type is None:
            return True
        return facts.document_code is not None and facts.document_code.rstrip("<") == self.document_type

    def _fits_signer(self, signer: Certificate | None, digest_name: str) -> bool:
        if (self.issuer_and_serial, self.key_id, self.certificate_digest) == (None, None, None):
            return True
        if signer is None:
            return False
        if self.issuer_and_serial is not None:
            return self.issuer_and_serial == (signer.issuer_name, signer.serial)
        if self.key_id is not None:
            return self.key_id == signer.subject_key_id
        return self.certificate_digest == digest(digest_name, signer.der)

    def _fits_period(self, issued_on: date | None) -> bool:
        if self.issued is None:
            return True
        first, last = self.issued
        return issued_on is not None and first.date() <= issued_on <= last.date()

    def explains(self, finding: Finding, explained: Explained = EXPLAINED) -> str | None:
        """The deviation type that explains a finding, or None."""
        for kind, group in self.kinds:
            about = group is None or finding.detail == f"DG{group}"
            if finding.reason in explained.get(kind, ()) and (kind != "2.2" or about):
                return kind
        return None


@dataclass(frozen=True)
class DeviationList:
    """A parsed deviation list whose signature holds. Whether its signer is trusted: `anchor`."""

    signer: Certificate
    signed_at: datetime | None
    digest_name: str
    entries: tuple[Deviation, ...] = field(repr=False)
    embedded: tuple[Certificate, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, data: bytes) -> DeviationList:
        """From the whole CMS file; raises MalformedData, UnsupportedAlgorithm or ListRefused."""
        signed = SignedData.parse(data)
        if signed.content_type != DEVIATION_LIST:
            raise MalformedData(f"{_WHAT}: content of type {signed.content_type}")
        signer = list_signer(signed, DEVIATION_LIST_SIGNER)
        with outside_bytes(_WHAT):
            digest_name, entries = _content(signed.content)
        return cls(signer, signed.signer.signing_time, digest_name, entries, signed.certificates)

    def anchor(self, trusted: Collection[Certificate]) -> Certificate | None:
        """The trusted authority of the signer's own country that issued the signer; or None."""
        return anchor_of(self.signer, trusted, self.embedded)

    def about(self, facts: DocumentFacts) -> tuple[Deviation, ...]:
        """Entries on this document; none for documents of another country than the list's."""
        if facts.signer is not None:
            country: str | None = facts.signer.issuer_country
        else:
            country = certificate_country(facts.issuing_state or "")
        if country != self.signer.issuer_country:
            return ()
        return tuple(entry for entry in self.entries if entry.is_about(facts, self.digest_name))


def apply(
    check: Check, entries: Collection[tuple[str, Deviation]], explained_by: Explained = EXPLAINED
) -> Check:
    """Step 20: a failed check of which every failure is explained becomes undetermined, the entry named.

    `entries` come with the name of their list. Any other check stays as it is.
    """
    if check.outcome is not Outcome.FAILED or not entries:
        return check
    explained: list[str] = []
    for finding in check.findings:
        kinds = ((name, entry.explains(finding, explained_by)) for name, entry in entries)
        found = next((f"{name}: {kind}" for name, kind in kinds if kind is not None), None)
        if found is None:
            return check
        explained.append(found)
    notes = tuple(Finding(Reason.DEVIATION_LISTED, text) for text in dict.fromkeys(explained))
    return replace(check, outcome=Outcome.UNDETERMINED, findings=(*check.findings, *notes))


def _content(content: bytes) -> tuple[str, tuple[Deviation, ...]]:
    """DeviationList ::= SEQUENCE { version, digestAlg OPTIONAL, deviations SET OF Deviation }."""
    version, *middle, deviations = sequence(content, _WHAT)
    if version.identifier != 0x02 or deviations.identifier != 0x31 or len(middle) > 1:
        raise MalformedData(f"{_WHAT}: not version and deviations")
    name = "sha256"
    if middle:
        oid = core.ObjectIdentifier.load(sequence(middle[0].encoded, _WHAT)[0].encoded).dotted
        name = HASH_OIDS.get(oid, oid)
    return name, tuple(_deviation(item.encoded) for item in elements(deviations.content, _WHAT))


def _deviation(der: bytes) -> Deviation:
    documents, descriptions = sequence(der, _WHAT)
    values = {item.identifier & 0x1F: item for item in sequence(documents.encoded, _WHAT)}
    described = elements(single(descriptions.encoded, 0x31, _WHAT).content, _WHAT)
    return Deviation(
        document_type=_text(values.get(0)),
        issuer_and_serial=_issuer_and_serial(values.get(1)),
        key_id=_octets(values.get(2)),
        certificate_digest=_octets(values.get(3)),
        issued=_period(values.get(4)),
        numbers=_numbers(values.get(5)),
        kinds=tuple(_kind(item.encoded) for item in described),
    )


def _inner(item: Element) -> bytes:
    """Content of an implicit primitive tag, or of the one value inside an explicit one."""
    return elements(item.content, _WHAT)[0].content if item.identifier & 0x20 else item.content


def _text(item: Element | None) -> str | None:
    return None if item is None else _inner(item).decode("ascii").rstrip("<").upper()


def _octets(item: Element | None) -> bytes | None:
    return None if item is None else _inner(item)


def _members(item: Element) -> list[Element]:
    """Members of a tagged SEQUENCE or SET, implicit or explicit."""
    found = elements(item.content, _WHAT)
    if len(found) == 1 and found[0].identifier in (0x30, 0x31):
        return elements(found[0].content, _WHAT)
    return found


def _issuer_and_serial(item: Element | None) -> tuple[str, int] | None:
    if item is None:
        return None
    name, serial = _members(item)
    parsed: Any = load(x509.Name, name.encoded, _WHAT)
    number: int = load(core.Integer, serial.encoded, _WHAT).native
    return normal_name(parsed), number


def _period(item: Element | None) -> tuple[datetime, datetime] | None:
    if item is None:
        return None
    first, last = (load(core.GeneralizedTime, part.encoded, _WHAT).native for part in _members(item))
    return utc(first, _WHAT), utc(last, _WHAT)


def _numbers(item: Element | None) -> frozenset[str] | None:
    if item is None:
        return None
    return frozenset(part.content.decode("ascii").rstrip("<") for part in _members(item))


def _kind(der: bytes) -> tuple[str, int | None]:
    """DeviationDescription: text OPTIONAL, type OID, parameters [0] OPTIONAL, national use [1] OPTIONAL."""
    kind, group = "", None
    for item in sequence(der, _WHAT):
        if item.identifier == 0x06:
            kind = load(core.ObjectIdentifier, item.encoded, _WHAT).dotted
        elif item.identifier in (0x80, 0xA0):
            raw = _inner(item)
            group = int.from_bytes(raw, "big") if 1 <= len(raw) <= 2 else None
    if not kind:
        raise MalformedData(f"{_WHAT}: a deviation without its type")
    prefix = f"{DEVIATION_LIST}."
    return kind.removeprefix(prefix) if kind.startswith(prefix) else kind, group
