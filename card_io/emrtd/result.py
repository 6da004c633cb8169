"""What a read is made of and what comes of it (BSI TR-03135-1 section 5.6).

Owns the names of the steps, progress, and the result that keeps whatever was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from card_io.emrtd.access import AccessResult
from card_io.emrtd.authentication import AuthenticationResult
from card_io.emrtd.chip_authentication import ChipAuthenticationResult
from card_io.emrtd.files import BlockSize
from card_io.errors import CardError, CardErrorCode, MalformedCardData
from card_io.lds.index import Com, parse_com
from crypto.errors import CryptoError
from crypto.sod import unverified_groups

AUTHORISED_GROUPS = frozenset({3, 4})
"""Fingerprints and irises: open only to terminals that authenticate themselves (BSI TR-03110-1 section 2.2).

Terminal authentication needs certificates of the issuing state and is not built; a terminal that has them
would run it after chip authentication, on the same link, and read these groups with `read_file`.
"""


class ReadStep(StrEnum):
    """The steps in their order; a step that does not apply is passed over."""

    CARD_ACCESS = "card-access"
    """EF.CardAccess: which PACE the chip offers."""
    ACCESS = "access"
    """PACE or BAC, and the eMRTD application selected."""
    SECURITY_OBJECT = "security-object"
    """EF.COM and EF.SOD: what there is and what was signed."""
    MRZ = "mrz"
    """DG1."""
    CHIP_KEYS = "chip-keys"
    """DG14 and DG15."""
    CHIP_AUTHENTICATION = "chip-authentication"
    """A key agreement with the key of DG14, and new session keys."""
    ACTIVE_AUTHENTICATION = "active-authentication"
    """The chip signs a challenge."""
    FACE = "face"
    """DG2."""
    DETAILS = "details"
    """All other data groups asked for."""


class StepOutcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Progress:
    """Where the read is: bytes `done` of `total` of a file; both 0 while unknown, no `file` in protocols."""

    phase: ReadStep
    file: str
    done: int
    total: int


@dataclass(frozen=True)
class StepResult:
    """One step as it went; `problem` of a failed or aborted one.

    `seconds` it took and `began` so many seconds after the read began, by the reader's clock.
    """

    step: ReadStep
    outcome: StepOutcome
    problem: CardErrorCode | None = None
    seconds: float = 0.0
    began: float = 0.0

    def record(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {
            "step": str(self.step),
            "outcome": str(self.outcome),
            "began_milliseconds": round(self.began * 1000),
            "milliseconds": round(self.seconds * 1000),
            "code": str(self.problem) if self.problem is not None else None,
        }


@dataclass(frozen=True)
class ReadResult:
    """Everything that was read, whatever happened.

    `files` holds whole files by name ("EF.CardAccess", "EF.COM", "EF.SOD", "DG1" ...); `file_problems` says
    why a file that was asked for is not there. `problem` ended the read; `aborted` when that is no fault of
    the document. `block` is what was learned about the chip, for a next read of it.
    """

    files: Mapping[str, bytes] = field(repr=False)
    steps: tuple[StepResult, ...]
    access: AccessResult | None = None
    active_authentication: AuthenticationResult | None = None
    problem: CardError | None = None
    aborted: bool = False
    file_problems: Mapping[str, CardErrorCode] = field(default_factory=dict)
    chip_authentication: ChipAuthenticationResult | None = None
    block: BlockSize = field(default_factory=BlockSize)

    @property
    def data_groups(self) -> Mapping[int, bytes]:
        """The data groups among the files, by number."""
        return {int(name[2:]): data for name, data in self.files.items() if name.startswith("DG")}

    @property
    def present_groups(self) -> frozenset[int]:
        """The data groups EF.COM or EF.SOD list, read or not."""
        return (listed_in_com(self.files) or frozenset()) | signed_groups(self.files)

    @property
    def protected_groups(self) -> frozenset[int]:
        """DG3 and DG4 if the chip has them: they are never read without authorisation."""
        return self.present_groups & AUTHORISED_GROUPS


def com_of(files: Mapping[str, bytes]) -> Com | None:
    """EF.COM, None if it was not read or is broken."""
    try:
        return parse_com(files["EF.COM"]) if "EF.COM" in files else None
    except MalformedCardData:
        return None


def listed_in_com(files: Mapping[str, bytes]) -> frozenset[int] | None:
    """The data groups EF.COM lists, None if it was not read or is broken."""
    com = com_of(files)
    return None if com is None else com.groups


def signed_groups(files: Mapping[str, bytes]) -> frozenset[int]:
    """The data groups EF.SOD lists, whether its signature holds or not; empty if not read or broken."""
    try:
        return unverified_groups(files["EF.SOD"]) if "EF.SOD" in files else frozenset()
    except CryptoError:
        return frozenset()
