"""The store of country signing certificates and revocation lists that this post relies on (Doc 9303-12).

Who is trusted is the operator's decision, made when a certificate is added. A certificate which is only known
becomes trusted when a trusted CSCA of the same country signed it (link certificate).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.cms import SignerInfo
from crypto.errors import CryptoError, MalformedData

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s*(.+?)-----END \1-----", re.DOTALL)
_CERTIFICATE_FILES = frozenset({".cer", ".crt", ".der", ".pem"})


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


class TrustStore:
    """Authorities, document signers without trust of their own, CRLs. Nothing is verified on the way in."""

    def __init__(self, *, loaded_at: datetime | None = None) -> None:
        self.loaded_at: datetime = loaded_at or datetime.now(UTC)
        self.rejected: tuple[tuple[str, CryptoError], ...] = ()
        """Files of `from_directory` that could not be read, by name."""
        self._authorities: dict[Certificate, Standing] = {}
        self._document_signers: list[Certificate] = []
        self._crls: list[CertificateRevocationList] = []

    @classmethod
    def from_directory(cls, directory: Path, *, loaded_at: datetime | None = None) -> TrustStore:
        """Everything in one folder (*.cer *.crt *.der *.pem, *.crl), each authority trusted.

        A file that cannot be read lands in `rejected` and does not stop the rest.
        """
        store = cls(loaded_at=loaded_at)
        rejected: list[tuple[str, CryptoError]] = []
        for path in sorted(directory.iterdir()):
            try:
                store._add_file(path)
            except CryptoError as error:
                rejected.append((path.name, error))
        store.rejected = tuple(rejected)
        return store

    def __len__(self) -> int:
        return len(self._authorities)

    def age(self, now: datetime) -> timedelta:
        """Time since the store was loaded."""
        return now - self.loaded_at

    def add(self, certificate: Certificate, standing: Standing = Standing.TRUSTED) -> None:
        """Adds an authority; a certificate that may not issue is kept as document signer, never as anchor."""
        if certificate.is_ca or "key_cert_sign" in (certificate.key_usage or ()):
            self._authorities[certificate] = standing
        elif certificate not in self._document_signers:
            self._document_signers.append(certificate)

    def add_crl(self, crl: CertificateRevocationList) -> None:
        """Adds a CRL; its signature and age are judged when it is used."""
        if crl not in self._crls:
            self._crls.append(crl)

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
        return self._standing(authority, frozenset())

    def document_signer(self, signer: SignerInfo) -> Certificate | None:
        """The stored document signer that a signer identifier names."""
        return next((item for item in self._document_signers if signer.names(item)), None)

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
        return tuple(sorted(direct or usable, key=_crl_order, reverse=True))

    def _is_usable(self, crl: CertificateRevocationList, now: datetime) -> bool:
        if crl.this_update > now or crl.critical_unknown:
            return False
        return any(_signed(crl, authority) for authority in self._trusted(crl.country))

    def _trusted(self, country: str) -> Iterator[Certificate]:
        for authority in self._authorities:
            if authority.country == country and self.standing(authority) is Standing.TRUSTED:
                yield authority

    def _standing(self, authority: Certificate, visited: frozenset[Certificate]) -> Standing:
        own = self._authorities.get(authority, Standing.KNOWN)
        if own is not Standing.KNOWN:
            return own
        for other in self._authorities:
            if other == authority or other in visited or other.country != authority.country:
                continue
            trusted = self._standing(other, visited | {authority}) is Standing.TRUSTED
            if trusted and _signed(authority, other):
                return Standing.TRUSTED
        return Standing.KNOWN

    def _add_file(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if suffix in _CERTIFICATE_FILES:
            for der in _blocks(path.read_bytes()):
                self.add(Certificate.parse(der))
        elif suffix == ".crl":
            for der in _blocks(path.read_bytes()):
                self.add_crl(CertificateRevocationList.parse(der))


def _crl_order(crl: CertificateRevocationList) -> tuple[datetime, int]:
    return crl.this_update, -1 if crl.number is None else crl.number


def _signed(signed: Certificate | CertificateRevocationList, authority: Certificate) -> bool:
    try:
        signed.verify_signed_by(authority)
    except CryptoError:
        return False
    return True


def _blocks(data: bytes) -> list[bytes]:
    """The DER inside a DER or PEM file."""
    if not data.lstrip().startswith(b"-----BEGIN"):
        return [data]
    try:
        return [base64.b64decode(match.group(2)) for match in _PEM.finditer(data)]
    except binascii.Error as error:
        raise MalformedData("PEM file") from error
