"""The trust store on disk: what its files mean, and reading them into a `TrustStore`.

*.cer *.crt *.der *.pem   an authority trusted by being put here (a root), or a document signer
*.ml  *.dl  *.dvl         signed lists; believed when a root issued their signer
*.crl                     revocation lists
known/                    authorities without a decision, trusted only through a link
ds/                       document signers, read when asked for
distrusted.txt            SHA-256 of certificates never to be trusted, one per line
imports.json              what was brought when
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from crypto.certificates import Certificate, CertificateRevocationList
from crypto.errors import CryptoError, KeyUnavailable
from crypto.trust.bundles import pem_blocks
from crypto.trust.deviations import DeviationList
from crypto.trust.signed_list import MasterList
from crypto.trust.signers import SignerShelf
from crypto.trust.store import Source, Standing, TrustStore

KNOWN, SIGNERS, DISTRUSTED, IMPORTS = "known", "ds", "distrusted.txt", "imports.json"
CERTIFICATE_FILES = (".cer", ".crt", ".der", ".pem")
_Parsed = TypeVar("_Parsed")


def fill(store: TrustStore, directories: Sequence[Path]) -> None:
    """Reads folders into a store: roots first, then what they vouch for, distrust last."""
    filling = _Filling(store)
    for directory in directories:
        filling.certificates(directory)
    for directory in directories:
        filling.lists(directory)
    for directory in directories:
        filling.distrust(directory)
    shelves = [item / SIGNERS for item in directories if (item / SIGNERS).is_dir()]
    store.shelf = SignerShelf(shelves) if shelves else None
    store.rejected = tuple(filling.rejected)


def read_imports(directory: Path) -> dict[str, tuple[str, datetime]]:
    """For each stored file: name of the file it came from, and when. Empty when there is no record."""
    try:
        found = json.loads((directory / IMPORTS).read_text("utf-8"))
        return {
            str(name): (str(entry["source"]), _aware(datetime.fromisoformat(entry["brought"])))
            for name, entry in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Filling:
    """One run of `fill`."""

    def __init__(self, store: TrustStore) -> None:
        self.store = store
        self.rejected: list[tuple[str, CryptoError]] = []

    def certificates(self, directory: Path) -> None:
        imports = read_imports(directory)
        for path in _files(directory, *CERTIFICATE_FILES):
            self._add(path, self._source(path, "certificate", imports), Standing.TRUSTED)
        for path in _files(directory / KNOWN, *CERTIFICATE_FILES):
            name = f"{KNOWN}/{path.name}"
            self._add(path, self._source(path, "certificate", imports, name), Standing.KNOWN)

    def lists(self, directory: Path) -> None:
        """CRLs first: they may speak about the signer of a list."""
        imports = read_imports(directory)
        for path in _files(directory, ".crl"):
            for crl in self._parse(path, CertificateRevocationList.parse):
                self.store.add_crl(crl)
        for path in _files(directory, ".ml"):
            for listed in self._parse(path, MasterList.parse):
                source = self._source(path, "master list", imports, at=listed.signed_at)
                vouched = self.store.add_master_list(listed, source)
                self._remember(source, vouched)
        for path in _files(directory, ".dl", ".dvl"):
            for defects in self._parse(path, DeviationList.parse):
                source = self._source(path, "deviation list", imports, at=defects.signed_at)
                self._remember(source, self.store.add_deviations(defects))

    def distrust(self, directory: Path) -> None:
        try:
            lines = (directory / DISTRUSTED).read_text("ascii", errors="replace").split()
        except OSError:
            return
        wanted = {line.lower() for line in lines}
        for certificate in self.store.authorities:
            if certificate.fingerprint in wanted:
                self.store.add(certificate, Standing.DISTRUSTED)

    def _add(self, path: Path, source: Source, standing: Standing) -> None:
        for certificate in self._parse(path, Certificate.parse):
            self.store.add(certificate, standing, source)

    def _parse(self, path: Path, parse: Callable[[bytes], _Parsed]) -> Iterator[_Parsed]:
        try:
            for der in pem_blocks(path.read_bytes()):
                yield parse(der)
        except CryptoError as error:
            self.rejected.append((path.name, error))
        except OSError as error:
            self.rejected.append((path.name, KeyUnavailable(f"{path.name}: {error.strerror}")))

    @staticmethod
    def _source(
        path: Path,
        kind: str,
        imports: dict[str, tuple[str, datetime]],
        name: str = "",
        *,
        at: datetime | None = None,
    ) -> Source:
        """From the record of imports, else from the file itself (put there by hand)."""
        recorded = imports.get(name or path.name)
        if recorded is None:
            recorded = path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Source(recorded[0], kind, recorded[1], at)

    def _remember(self, source: Source, vouched: bool) -> None:
        kept = Source(source.name, source.kind, source.brought, source.signed_at, vouched)
        self.store.sources.append(kept)


def _files(directory: Path, *suffixes: str) -> list[Path]:
    try:
        return sorted(
            path for path in directory.iterdir() if path.suffix.lower() in suffixes and path.is_file()
        )
    except OSError:
        return []
