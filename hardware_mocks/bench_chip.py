"""The chip that measurements are made with, and a reader of the real PC/SC stack to put it on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from crypto.pki_lab import LabPki
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import ChipAuthentication, ChipPlan, PaceOffer, PlanError
from hardware_mocks.pcsc_stack import PcscStack, StackError, StackUnavailable
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RehearsalChip

PORTRAIT = 15_000  # octets
LONGEST = 0xFFFF  # octets of a command and of an answer
_STATE = "UT"
_SLOT = "document"


def bench_chip(directory: Path, parameter: int) -> RehearsalChip:
    """PACE-GM and chip authentication with AES-128 in the group of that parameter id, a portrait of 15000
    octets, extended length without limit, signed by a lab PKI; all made below `directory`. USAGE.
    """
    try:
        plan = ChipPlan(
            name=f"bench-{parameter}",
            pace=(PaceOffer("GM", "AES-128", parameter),),
            chip_authentication=(ChipAuthentication(("AES-128",), parameter),),
            portrait=PORTRAIT,
            extended_limit=LONGEST,
        )
    except (ValueError, PlanError) as error:
        raise KioskError(ErrorCode.USAGE, f"group {parameter}: {error}") from error
    lab = LabPki.create(directory / "pki", seed=plan.name, now=datetime.now(UTC), countries=(_STATE,))
    image = directory / "chip.json"
    build_chip(plan, lab.signer(_STATE)).save(image)
    return RehearsalChip(image, plan.lines, lab.trust_directory)


class ReaderWithChip:
    """A private pcscd with one virtual reader and the chip on it; STACK_UNAVAILABLE where it cannot run."""

    def __init__(self, directory: Path, image: Path) -> None:
        try:
            self._stack = PcscStack.start(directory, (_SLOT,))
        except StackUnavailable as error:
            raise KioskError(ErrorCode.STACK_UNAVAILABLE, error.reason) from error
        try:
            self._stack.insert(_SLOT, image)
        except StackError as error:
            self._stack.close()
            raise KioskError(ErrorCode.STACK_UNAVAILABLE, str(error)) from error
        self.uri = f"pcsc:{self._stack.readers[_SLOT]}"
        self.environment: Mapping[str, str] = self._stack.environment

    def close(self) -> None:
        """End the daemon; may be called again."""
        self._stack.close()
