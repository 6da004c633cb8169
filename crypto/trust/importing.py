"""Bringing files into a trust store on disk: each part proved as far as it can be, kept once, or refused.

A certificate file is a decision of the operator: its authorities become roots. Parts of a directory export
and lists without a root are kept as known: nothing rests on them until a root vouches for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.errors import CryptoError, KeyUnavailable
from crypto.trust import directory as layout
from crypto.trust.bundles import Kind, Part, parsed_signed, parts
from crypto.trust.deviations import DeviationList
from crypto.trust.links import may_issue
from crypto.trust.signed_list import ImportReason, ListRefused, MasterList, Rejected
from crypto.trust.signers import shelf_name
from crypto.trust.store import Source, Standing, TrustStore, crl_order

MAX_BYTES = 512 << 20
_ORDER = (Kind.CERTIFICATE, Kind.CRL, Kind.MASTER_LIST, Kind.DEVIATION_LIST, Kind.UNKNOWN)


@dataclass
class ImportReport:
    """What became of a file. Numbers count certificates, revocation lists and deviation lists, each once."""

    imported: int = 0
    """Accepted: now in the store, new or not."""
    usable: int = 0
    """Of these, what can be checked against: certificates with a working key, lists with a known signer."""
    trusted: int = 0
    """Authorities that are trusted now."""
    new: int = 0
    """Files written; 0 when everything was there already."""
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Subject and what an operator should know of it (a weak hash, a list without root, …)."""
    authorities: set[Certificate] = field(default_factory=set, repr=False)


class _Importing:
    """One run of `import_file`."""

    def __init__(self, home: Path, name: str, now: datetime) -> None:
        self.home, self.name, self.now = home, name, now
        self.store = TrustStore.from_directory(home, loaded_at=now)
        self.report = ImportReport()
        self.imports = layout.read_imports(home)
        self.signers: set[Certificate] = set()

    def take(self, found: Iterable[Part]) -> ImportReport:
        everything = sorted(found, key=lambda part: _ORDER.index(part.kind))
        for part in everything:
            try:
                self._take(part)
            except ListRefused as error:
                self._refuse(_list_subject(part), error.reason, error.detail)
            except CryptoError as error:
                self._refuse(part.called, ImportReason.TRUST_MALFORMED, error.detail)
        if not everything:
            self._refuse(self.name, ImportReason.TRUST_CONTENT_UNKNOWN)
        self._count()
        self._record()
        return self.report

    def _take(self, part: Part) -> None:
        match part.kind:
            case Kind.CERTIFICATE:
                self._certificate(part)
            case Kind.CRL:
                self._crl(part)
            case Kind.MASTER_LIST:
                self._master_list(part)
            case Kind.DEVIATION_LIST:
                self._deviation_list(part)
            case Kind.UNKNOWN:
                self._refuse(part.called, ImportReason.TRUST_CONTENT_UNKNOWN)

    def _certificate(self, part: Part) -> None:
        certificate = Certificate.parse(part.data)
        try:
            certificate.verification_key  # noqa: B018 - loaded, and so proved usable
        except CryptoError as error:
            self._refuse(certificate.subject, ImportReason.TRUST_KEY_UNSUPPORTED, error.detail)
            return
        stem = f"{_country(certificate.country)}_{certificate.fingerprint[:16]}.cer"
        if not may_issue(certificate):
            self.signers.add(certificate)
            self._write(f"{layout.SIGNERS}/{shelf_name(certificate)}", certificate.der)
            return
        standing = Standing.KNOWN if part.loose else Standing.TRUSTED
        self.store.add(certificate, standing, Source(self.name, part.kind.value, self.now))
        self.report.authorities.add(certificate)
        self._write(f"{layout.KNOWN}/{stem}" if part.loose else stem, certificate.der)

    def _crl(self, part: Part) -> None:
        crl = CertificateRevocationList.parse(part.data)
        held = [
            item
            for item in self.store.revocation_lists
            if (item.issuer_name, item.authority_key_id) == (crl.issuer_name, crl.authority_key_id)
            and self.store.signer_of(item) is not None
        ]
        if any(crl_order(item) > crl_order(crl) for item in held):
            self._refuse(crl.issuer, ImportReason.TRUST_CRL_OUTDATED, f"number {crl.number}")
            return
        signer = self.store.signer_of(crl)
        if signer is None and crl.authority_key_id is not None and self._has_key(crl.authority_key_id):
            self._refuse(crl.issuer, ImportReason.TRUST_CRL_SIGNATURE_INVALID)
            return
        self.store.add_crl(crl)
        self._accept(signer is not None)
        if signer is None:
            self.report.notes.append((crl.issuer, "revocation list of an authority not trusted here"))
        self._write(f"{_country(crl.country)}_{_sha(crl.der)}.crl", crl.der)

    def _has_key(self, key_id: bytes) -> bool:
        return any(
            item.subject_key_id == key_id and self.store.standing(item) is Standing.TRUSTED
            for item in self.store.authorities
        )

    def _master_list(self, part: Part) -> None:
        listed = MasterList.parse(part.data)
        if self.store.is_revoked(listed.signer):
            raise ListRefused(ImportReason.TRUST_LIST_SIGNER_REVOKED)
        vouched = (
            self.store.add_master_list(listed, Source(self.name, part.kind.value, self.now, listed.signed_at))
            if self._has_issuer(listed)
            else None
        )
        if vouched is None:
            raise ListRefused(ImportReason.TRUST_LIST_SIGNER_UNKNOWN, listed.signer.issuer)
        if not vouched:
            self.report.notes.append((listed.signer.subject, "list without a configured root: known only"))
        self.report.rejected += listed.rejected
        self.report.authorities.update(listed.certificates)
        self._write(f"{_country(listed.signer.issuer_country)}_{_sha(part.data)}.ml", part.data)

    def _has_issuer(self, listed: MasterList) -> bool:
        return listed.anchor(self.store.roots) is not None or listed.own_anchor() is not None

    def _deviation_list(self, part: Part) -> None:
        listed = DeviationList.parse(part.data)
        if self.store.is_revoked(listed.signer):
            raise ListRefused(ImportReason.TRUST_LIST_SIGNER_REVOKED)
        if not self.store.add_deviations(listed):
            raise ListRefused(ImportReason.TRUST_LIST_SIGNER_UNKNOWN, listed.signer.issuer)
        self._accept(True)
        self._write(f"{_country(listed.signer.issuer_country)}_{_sha(part.data)}.dl", part.data)

    def _accept(self, usable: bool) -> None:
        self.report.imported += 1
        self.report.usable += usable

    def _refuse(self, subject: str, reason: ImportReason, detail: str = "") -> None:
        self.report.rejected.append(Rejected(subject, reason, detail))

    def _count(self) -> None:
        """Every authority and signer here has proved its key; trust is judged with all of the file in."""
        report = self.report
        report.imported += len(report.authorities) + len(self.signers)
        report.usable += len(report.authorities) + len(self.signers)
        report.trusted = sum(self.store.standing(item) is Standing.TRUSTED for item in report.authorities)

    def _write(self, name: str, data: bytes) -> None:
        path = self.home / name
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
        self.report.new += 1
        if not name.startswith(f"{layout.SIGNERS}/"):
            self.imports[name] = (self.name, self.now)

    def _record(self) -> None:
        if not self.report.new:
            return
        record = {
            name: {"source": source, "brought": brought.isoformat()}
            for name, (source, brought) in sorted(self.imports.items())
        }
        _replace(
            self.home / layout.IMPORTS, json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"
        )


def import_file(trust_directory: Path, file: Path, *, now: datetime) -> ImportReport:
    """Brings one file (DER, PEM, LDIF) into a trust directory, made when absent; a second time is harmless.

    Raises KeyUnavailable when the file cannot be read or the directory cannot be written.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise KeyUnavailable(f"{file.name} is larger than {MAX_BYTES >> 20} MiB")
        data = file.read_bytes()
        trust_directory.mkdir(parents=True, exist_ok=True)
        return _Importing(trust_directory, file.name, now).take(_parts(data, file.name))
    except OSError as error:
        raise KeyUnavailable(f"{file.name}: {error.strerror}") from error


def _parts(data: bytes, name: str) -> list[Part]:
    try:
        return list(parts(data))
    except CryptoError:
        return [Part(Kind.UNKNOWN, b"", name)]


def _list_subject(part: Part) -> str:
    """Whose list it claims to be, to name it in a rejection."""
    signed = parsed_signed(part.data)
    for certificate in signed.certificates if signed else ():
        if signed and signed.signer.names(certificate):
            return certificate.subject
    return part.called


def _country(country: str) -> str:
    """Two letters for a file name, whatever the certificate says."""
    return country if len(country) == 2 and country.isascii() and country.isalpha() else "XX"


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
