"""The ledger of blanks, by chip serial. Every move names where the blank was and where it goes."""

from dataclasses import dataclass
from enum import StrEnum


class BlankState(StrEnum):
    """States of one blank; this station's part begins with LOADED."""

    RECEIVED = "RECEIVED"
    IN_VAULT = "IN_VAULT"
    ISSUED_TO_STATION = "ISSUED_TO_STATION"
    LOADED = "LOADED"
    IN_JOB = "IN_JOB"
    ISSUED = "ISSUED"
    SPOILED = "SPOILED"
    QUARANTINE = "QUARANTINE"
    TEST = "TEST"
    DELIVERED = "DELIVERED"
    DESTROYED = "DESTROYED"
    RETURNED = "RETURNED"


ALLOWED: dict[BlankState, frozenset[BlankState]] = {
    BlankState.RECEIVED: frozenset({BlankState.IN_VAULT}),
    BlankState.IN_VAULT: frozenset({BlankState.ISSUED_TO_STATION, BlankState.TEST, BlankState.RETURNED}),
    BlankState.ISSUED_TO_STATION: frozenset({BlankState.LOADED, BlankState.IN_VAULT}),
    BlankState.LOADED: frozenset({BlankState.IN_JOB, BlankState.QUARANTINE, BlankState.IN_VAULT}),
    BlankState.IN_JOB: frozenset({BlankState.ISSUED, BlankState.SPOILED, BlankState.QUARANTINE}),
    BlankState.ISSUED: frozenset({BlankState.DELIVERED, BlankState.SPOILED}),
    BlankState.SPOILED: frozenset({BlankState.DESTROYED}),
    BlankState.QUARANTINE: frozenset({BlankState.DESTROYED, BlankState.RETURNED, BlankState.IN_VAULT}),
    BlankState.TEST: frozenset({BlankState.DESTROYED}),
}


@dataclass(frozen=True)
class StockMove:
    """One line of the ledger."""

    chip_serial: str
    source: BlankState
    target: BlankState
    job_id: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.target not in ALLOWED.get(self.source, frozenset()):
            raise ValueError(f"a blank cannot go from {self.source} to {self.target}")
