"""The register of an authority: what it is, and every certificate it issued, in one JSON file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from crypto.countries import mrz_code
from crypto.ecmath import CURVES
from crypto.errors import KeyUnavailable, MalformedData, PolicyRefused
from crypto.issuing.certificates import LAB_CRL_LOCATION, Subject
from crypto.signer import World

REGISTER = "register.json"
CRL_LIFETIME = timedelta(days=90)  # Doc 9303-12 4.1.3: at least every 90 days
NOTICE = MappingProxyType({"csca": 90, "crl": 14})  # days; a rollover is told 90 days ahead (4.1.1)
SIGNER_NOTICE = 14


@dataclass(frozen=True)
class Charter:
    """What the authority is; days as in Doc 9303-12 table 1, documents of one year by default."""

    world: World
    country: str
    organization: str = ""
    curve: str = "secp384r1"
    named_curves: bool = False
    csca_key_days: int = 3 * 365
    signer_key_days: int = 90
    document_days: int = 366
    seal_key_days: int = 365
    crl_location: str = LAB_CRL_LOCATION

    def __post_init__(self) -> None:
        if mrz_code(self.country) is None or self.curve not in CURVES or not self.country.isupper():
            raise PolicyRefused("country or curve of the authority is not known")
        if self.world == "production" and self.named_curves:
            raise PolicyRefused(
                "named curves are a profile of the lab: Doc 9303-12 wants explicit parameters"
            )
        if min(self.csca_key_days, self.signer_key_days, self.document_days, self.seal_key_days) < 1:
            raise PolicyRefused("a period has at least one day")

    @property
    def code(self) -> str:
        """The state as the MRZ writes it."""
        return mrz_code(self.country) or ""

    def subject(self, what: str) -> Subject:
        """A name of this authority's; in the lab it says so."""
        mark = "LAB " if self.world == "lab" else ""
        return Subject(
            self.country, f"{mark}{what}", self.code, self.organization, crl_location=self.crl_location
        )

    @property
    def longest_signer_days(self) -> int:
        """The longest validity below the CSCA."""
        return max(self.signer_key_days, self.seal_key_days) + self.document_days


@dataclass(frozen=True)
class Entry:
    """One certificate in the register. Times are ISO 8601."""

    kind: str
    """csca, link, ds, seal, list."""
    file: str
    label: str
    serial: str
    subject: str
    issued: str
    key_until: str
    until: str
    revoked: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Expiry:
    """When something ends: the use of a key, the validity of a certificate, a CRL's next update."""

    kind: str
    subject: str
    what: str
    at: datetime
    days: int
    due: bool


@dataclass(frozen=True)
class Register:
    """Everything that was issued, in order."""

    charter: Charter
    entries: tuple[Entry, ...] = ()
    crl_number: int = 0
    crl_at: str = ""

    def expiry(self, now: datetime) -> tuple[Expiry, ...]:
        """What ends when, soonest first; `due` when its notice has begun."""
        found = []
        for item in self.entries:
            if item.revoked or item.kind == "link":
                continue
            notice = NOTICE.get(item.kind, SIGNER_NOTICE)
            found.append(_expiry(item.kind, item.subject, "key", _time(item.key_until), now, notice))
            found.append(_expiry(item.kind, item.subject, "certificate", _time(item.until), now, 0))
        if self.crl_at:
            at = _time(self.crl_at) + CRL_LIFETIME
            found.append(_expiry("crl", f"number {self.crl_number}", "next update", at, now, NOTICE["crl"]))
        return tuple(sorted(found, key=lambda item: item.at))

    def of(self, kind: str) -> tuple[Entry, ...]:
        """Entries of a kind, oldest first."""
        return tuple(item for item in self.entries if item.kind == kind)


def read_register(directory: Path) -> Register:
    """From the directory; KeyUnavailable when there is none, MalformedData when it is damaged."""
    try:
        stored = json.loads((directory / REGISTER).read_text("utf-8"))
        charter = Charter(**_typed(stored["charter"], Charter))
        entries = tuple(Entry(**_typed(item, Entry)) for item in stored["entries"])
        return Register(charter, entries, int(stored["crl_number"]), str(stored["crl_at"]))
    except OSError as error:
        raise KeyUnavailable(f"no authority in {directory.name}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MalformedData(REGISTER) from error


def write_register(directory: Path, register: Register) -> None:
    """Durably and in one step."""
    path, new = directory / REGISTER, directory / f"{REGISTER}.new"
    text = json.dumps(asdict(register), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _typed(values: Any, spec: type[Any]) -> dict[str, Any]:
    """The values, if they are of the fields' types."""
    known = {item.name: item for item in fields(spec)}
    for name, value in values.items():
        kind = type(known[name].default) if name in ("named_curves",) or name.endswith("_days") else str
        if type(value) is not kind:
            raise TypeError(name)
    if "world" in values and values["world"] not in get_args(World):
        raise ValueError("world")
    return dict(values)


def _expiry(kind: str, subject: str, what: str, at: datetime, now: datetime, notice: int) -> Expiry:
    return Expiry(kind, subject, what, at, (at - now).days, at - timedelta(days=notice) <= now)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
