"""The audit log as data: each entry carries the hash of the one before it and is signed."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True)
class AuditEntry:
    """One audited action. `details` holds codes, ids and digests only: no personal data."""

    sequence: int
    at: datetime
    station: str
    actor: str
    action: str
    case_id: str
    details: Mapping[str, str]
    previous: str
    hash: str
    signature: str = ""

    def body(self) -> bytes:
        """The bytes that are hashed: canonical JSON of strings and integers, ASCII keys."""
        record = {
            "sequence": self.sequence,
            "at": self.at.isoformat(),
            "station": self.station,
            "actor": self.actor,
            "action": self.action,
            "case_id": self.case_id,
            "details": dict(self.details),
            "previous": self.previous,
        }
        return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(self) -> str:
        return hashlib.sha256(self.body()).hexdigest()


@dataclass(frozen=True)
class ChainFault:
    """Where and why a chain no longer holds."""

    sequence: int
    fault: str  # GAP, PREVIOUS, HASH, SIGNATURE


def check_chain(entries: Iterable[AuditEntry], verify: Callable[[AuditEntry], bool]) -> ChainFault | None:
    """The first fault of a chain that starts at sequence 1, or None when it is whole."""
    previous, expected = GENESIS, 1
    for entry in entries:
        if entry.sequence != expected:
            return ChainFault(expected, "GAP")
        if entry.previous != previous:
            return ChainFault(entry.sequence, "PREVIOUS")
        if entry.hash != entry.digest():
            return ChainFault(entry.sequence, "HASH")
        if not verify(entry):
            return ChainFault(entry.sequence, "SIGNATURE")
        previous, expected = entry.hash, expected + 1
    return None
