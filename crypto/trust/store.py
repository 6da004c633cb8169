"""The store of country signing certificates and revocation lists that this post relies on (Doc 9303-12).

Who is trusted is the operator's decision: a certificate added by itself is a root. A certificate from a list
is trusted when a root issued the list's signer. One that is only known becomes trusted when a trusted CSCA of
the same country signed it (link certificate).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.cms import SignerInfo
from crypto.errors import CryptoError
from crypto.trust.deviations import Deviation, DeviationList, DocumentFacts
from crypto.trust.links import is_signed_by, may_issue, reachable
from crypto.trust.signed_list import MasterList

if TYPE_CHECKING:
    from crypto.trust.signers import SignerShelf


class Standing(StrEnum):
    """What our store thinks of an authority."""

    TRUSTED = "trusted"
    KNOWN = "known"
    DISTRUSTED = "distrusted"


@dataclass(frozen=True)
class Candidate:
    """A possible issuer: `by_key` when its subject key identifier is the one asked for."""

    certificate: Certificate
    standing: Standing
    by_key: bool


@dataclass(frozen=True)
class Source:
    """Where trust data came from: the file's name, its kind ("master list", …), and when it was brought."""

    name: str
    kind: str
    brought: datetime
    signed_at: datetime | None = None
    """Signing time of a list."""
    trusted: bool = True


class TrustStore:
    """Authorities, document signers without trust of their own, CRLs, deviation lists."""

    def __init__(self, *, loaded_at: datetime | None = None) -> None:
        self.loaded_at: datetime = loaded_at or datetime.now(UTC)
        self.rejected: tuple[tuple[str, CryptoError], ...] = ()
        """Files of `from_directory` that could not be read, by name."""
        self.sources: list[Source] = []
        self.shelf: SignerShelf | None = None
        """Document signers that stay on disk until one is asked for."""
        self._authorities: dict[Certificate, Standing] = {}
        self._roots: dict[Certificate, None] = {}
        self._from: dict[Certificate, Source] = {}
        self._document_signers: list[Certificate] = []
        self._crls: list[CertificateRevocationList] = []
        self._deviations: list[DeviationList] = []
        self._reached: dict[str, frozenset[Certificate]] = {}
        self._signed: dict[tuple[CertificateRevocationList, Certificate], bool] = {}

    @classmethod
    def from_directory(cls, *directories: Path, loaded_at: datetime | None = None) -> TrustStore:
        """Everything in one or more folders, laid out as `crypto.trust.directory` says.

        A file that cannot be read lands in `rejected` and does not stop the rest.
        """
        from crypto.trust.directory import fill  # it knows the files, and this class

        store = cls(loaded_at=loaded_at)
        fill(store, directories)
        return store

    def __len__(self) -> int:
        return len(self._authorities)

    @property
    def authorities(self) -> tuple[Certificate, ...]:
        """All of them, whatever their standing."""
        return tuple(self._authorities)

    @property
    def roots(self) -> tuple[Certificate, ...]:
        """Authorities trusted by a decision of their own: these vouch for master lists."""
        return tuple(self._roots)

    @property
    def revocation_lists(self) -> tuple[CertificateRevocationList, ...]:
        """All of them, whoever signed them."""
        return tuple(self._crls)

    def age(self, now: datetime) -> timedelta:
        """Time since the store was loaded."""
        return now - self.loaded_at

    def source(self, authority: Certificate) -> Source | None:
        """Where an authority came from, if that is known."""
        return self._from.get(authority)

    def add(
        self, certificate: Certificate, standing: Standing = Standing.TRUSTED, source: Source | None = None
    ) -> None:
        """Adds an authority; a certificate that may not issue is kept as document signer, never as anchor.

        TRUSTED makes it a root. KNOWN never takes back an earlier decision.
        """
        self._reached.clear()
        if not may_issue(certificate):
            if certificate not in self._document_signers:
                self._document_signers.append(certificate)
            return
        if standing is Standing.TRUSTED:
            self._roots[certificate] = None
        elif standing is Standing.DISTRUSTED:
            self._roots.pop(certificate, None)
        elif certificate in self._authorities:
            return
        self._put(certificate, standing, source)

    def add_master_list(self, listed: MasterList, source: Source | None = None) -> bool:
        """Adds what a list names: trusted when a root vouches for its signer (True), else only known."""
        self._reached.clear()
        vouched = listed.anchor(self._roots) is not None and not self.is_revoked(listed.signer)
        for certificate in listed.certificates:
            before = self._authorities.get(certificate)
            if before is None or (vouched and before is Standing.KNOWN):
                self._put(certificate, Standing.TRUSTED if vouched else Standing.KNOWN, source)
        return vouched

    def add_crl(self, crl: CertificateRevocationList) -> None:
        """Adds a CRL; its signature and age are judged when it is used."""
        if crl not in self._crls:
            self._crls.append(crl)

    def add_deviations(self, listed: DeviationList) -> bool:
        """Adds a deviation list; True when a trusted authority of its country issued its signer.

        It is applied only then, and that is judged when it is used.
        """
        if listed not in self._deviations:
            self._deviations.append(listed)
        return self._vouches(listed)

    def candidates(self, certificate: Certificate) -> tuple[Candidate, ...]:
        """Possible issuers: by key identifier first, then by normalised name and country; all generations."""
        found: list[Candidate] = []
        for authority in self._authorities:
            by_key = certificate.authority_key_id is not None and (
                authority.subject_key_id == certificate.authority_key_id
            )
            by_name = authority.subject_name == certificate.issuer_name
            if by_key or (by_name and authority.country == certificate.issuer_country):
                found.append(Candidate(authority, self.standing(authority), by_key))
        return tuple(sorted(found, key=lambda item: not item.by_key))

    def standing(self, authority: Certificate) -> Standing:
        """Trusted by decision, or by a link certificate of a trusted authority of the same country."""
        own = self._authorities.get(authority, Standing.KNOWN)
        if own is Standing.KNOWN and authority in self._reachable(authority.country):
            return Standing.TRUSTED
        return own

    def document_signer(self, signer: SignerInfo) -> Certificate | None:
        """The stored document signer that a signer identifier names."""
        found = next((item for item in self._document_signers if signer.names(item)), None)
        if found is None and self.shelf is not None:
            return self.shelf.find(signer)
        return found

    def signers_numbered(self, serial: int) -> Iterator[Certificate]:
        """Stored signers of that serial number, whoever issued them (the reference of a digital seal)."""
        yield from (item for item in self._document_signers if item.serial == serial)
        if self.shelf is not None:
            yield from self.shelf.numbered(serial)

    def crls(self, issuer: Certificate, *, now: datetime) -> tuple[CertificateRevocationList, ...]:
        """Lists that speak for `issuer` at `now`, newest first, signed by a trusted authority of its country.

        After a rollover a list under a new name serves the old key too (Doc 9303-12 7.1.4): when none matches
        by key or name, those of the country count.
        """
        usable = [crl for crl in self._crls if crl.country == issuer.country and self._is_usable(crl, now)]
        direct = [
            crl
            for crl in usable
            if crl.issuer_name == issuer.subject_name
            or (crl.authority_key_id is not None and crl.authority_key_id == issuer.subject_key_id)
        ]
        return tuple(sorted(direct or usable, key=crl_order, reverse=True))

    def signer_of(self, crl: CertificateRevocationList) -> Certificate | None:
        """The trusted authority of its country that signed a revocation list, None when none did."""
        return next((item for item in self._trusted(crl.country) if self._has_signed(crl, item)), None)

    def is_revoked(self, certificate: Certificate) -> bool:
        """Does a list that a trusted authority signed for its issuer name this certificate?"""
        return any(
            certificate.serial in crl.revoked
            and crl.issuer_name == certificate.issuer_name
            and not crl.critical_unknown
            and self.signer_of(crl) is not None
            for crl in self._crls
        )

    def deviations(self, facts: DocumentFacts) -> tuple[tuple[str, Deviation], ...]:
        """Entries of trusted deviation lists on a document, each with the name of its list."""
        found: list[tuple[str, Deviation]] = []
        for listed in self._deviations:
            entries = listed.about(facts)
            if entries and self._vouches(listed):
                at = f" {listed.signed_at:%Y-%m-%d}" if listed.signed_at else ""
                found += [(f"{listed.signer.issuer_country}{at}", entry) for entry in entries]
        return tuple(found)

    def has_deviations(self, country: str) -> bool:
        """Is there a trusted deviation list of this country (alpha-2)?"""
        return any(
            listed.signer.issuer_country == country and self._vouches(listed) for listed in self._deviations
        )

    def _put(self, certificate: Certificate, standing: Standing, source: Source | None) -> None:
        self._authorities[certificate] = standing
        if source is not None:
            self._from[certificate] = source

    def _has_signed(self, crl: CertificateRevocationList, authority: Certificate) -> bool:
        """Whose key made a signature never changes, so it is checked once and not for every document."""
        known = self._signed.get((crl, authority))
        if known is None:
            known = self._signed[crl, authority] = is_signed_by(crl, authority)
        return known

    def _vouches(self, listed: DeviationList) -> bool:
        trusted = tuple(self._trusted(listed.signer.issuer_country))
        return listed.anchor(trusted) is not None and not self.is_revoked(listed.signer)

    def _is_usable(self, crl: CertificateRevocationList, now: datetime) -> bool:
        if crl.this_update > now or crl.critical_unknown:
            return False
        return self.signer_of(crl) is not None

    def _trusted(self, country: str) -> Iterator[Certificate]:
        for authority in self._authorities:
            if authority.country == country and self.standing(authority) is Standing.TRUSTED:
                yield authority

    def _reachable(self, country: str) -> frozenset[Certificate]:
        """Authorities of a country that are trusted by decision or reached from one that is."""
        if country not in self._reached:
            own = [item for item in self._authorities if item.country == country]
            self._reached[country] = reachable(
                self._standing_of(own, Standing.TRUSTED), self._standing_of(own, Standing.KNOWN)
            )
        return self._reached[country]

    def _standing_of(self, items: Collection[Certificate], standing: Standing) -> list[Certificate]:
        return [item for item in items if self._authorities[item] is standing]


def crl_order(crl: CertificateRevocationList) -> tuple[datetime, int]:
    """Sorts lists of one authority by age, then by number (Doc 9303-12 7.1.4)."""
    return crl.this_update, -1 if crl.number is None else crl.number
