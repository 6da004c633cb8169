"""What goes into a personalisation and comes out of it: request, steps, progress, journal, verification,
result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, Protocol

from card_io.apdu import Link
from card_io.lds import data_groups
from card_io.perso.card_keys import RandomBytes, is_can

OpenLink = Callable[[], AbstractContextManager[Link]]
CHIP_GROUPS: Final = frozenset({14, 15})  # made during personalisation, from the key the card generates


class Step(StrEnum):
    """The named steps, in order; in the journal a written file follows as `write:DG1`."""

    IDENTIFY = "identify"
    GENERATE_KEY = "generate-key"
    BUILD = "build"
    CREATE_FILES = "create-files"
    WRITE = "write"
    SECRETS = "secrets"
    VERIFY = "verify"
    LOCK = "lock"
    PROVE_LOCK = "prove-lock"
    FINAL_VERIFY = "final-verify"


@dataclass(frozen=True)
class Progress:
    """Where the work stands; `done` and `total` are bytes of the step (0 where it moves none)."""

    step: Step
    name: str = ""
    done: int = 0
    total: int = 0

    @property
    def left(self) -> int:
        """Bytes still to go in this step."""
        return self.total - self.done


@dataclass(frozen=True)
class PersonalisationRequest:
    """What to put on a card: whole data group files by number (1 and 2 at least, without 14 and 15).

    `mrz_information` must be that of DG1 and `can` has six digits; ValueError otherwise.
    """

    job_id: str
    data_groups: Mapping[int, bytes] = field(repr=False)
    mrz_information: bytes = field(repr=False)
    can: str = field(repr=False)
    expected_serial: str | None = None

    def __post_init__(self) -> None:
        if not {1, 2} <= set(self.data_groups) or CHIP_GROUPS & set(self.data_groups):
            raise ValueError("a request holds DG1 and DG2, and neither DG14 nor DG15")
        if not is_can(self.can):
            raise ValueError("a card access number has six digits")
        if data_groups.parse_dg1(self.data_groups[1]).access_information() != self.mrz_information:
            raise ValueError("the access key is not that of DG1")


@dataclass(frozen=True)
class VerificationRequest:
    """What a verifier needs to read the new card in a fresh session, as an inspection system does."""

    open_link: OpenLink = field(repr=False)
    mrz_information: bytes = field(repr=False)
    can: str = field(repr=False)
    groups: tuple[int, ...]
    random: RandomBytes = field(repr=False)
    now: datetime


@dataclass(frozen=True)
class VerificationResult:
    """Whether the card passed, the files as read by name, and reason codes of what did not pass."""

    ok: bool
    files: Mapping[str, bytes] = field(repr=False)
    findings: tuple[str, ...] = ()


class Verifier(Protocol):
    """An inspection of the card through PACE; raises CardError when it could not read to the end."""

    def __call__(self, request: VerificationRequest) -> VerificationResult:
        """Read everything, check the signature chain and the chip's key."""
        ...


class Journal(Protocol):
    """Durable record of the steps: returns only when the entry would survive a power cut."""

    def record(self, step: str, phase: Literal["begin", "done"], detail: str) -> None:
        """`detail` holds serials, digests and counts, never personal data or secrets."""
        ...


@dataclass(frozen=True)
class PersonalisedCard:
    """A locked and verified card; `resumed` when an earlier run had locked it.

    `document_signer_serial` is the serial number of the signer's certificate in upper-case hexadecimal.
    """

    serial: str
    files: Mapping[str, bytes] = field(repr=False)
    sod: bytes = field(repr=False)
    document_signer_serial: str
    resumed: bool = False
