"""`shekara sim chip [KIND|FILE TARGET [--lab DIR]]`: passport chips as card images."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crypto.errors import CryptoError
from crypto.pki_lab import LabPki
from crypto.signer import FileSigner
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import PlanError, kinds, load_plan, purpose
from kiosk.errors import ErrorCode, KioskError

# The issuing state of the shipped chips.
UTOPIA = "UT"


def list_chips() -> dict[str, str]:
    """The shipped kinds, each with its purpose."""
    return {kind: purpose(kind) for kind in kinds()}


def write_chip(kind: str, target: Path, lab: Path | None) -> dict[str, Any]:
    """Write the card image of a shipped kind or of a TOML file; what was written.

    lab: folder of the lab PKI that signs, made when it is not there; None: a chip without EF.SOD. USAGE for
    what cannot be made.
    """
    try:
        plan = load_plan(kind if kind in kinds() else Path(kind))
        image = build_chip(plan, _signer(lab) if lab is not None else None)
        image.save(target)
    except (PlanError, CryptoError, OSError) as error:
        raise KioskError(ErrorCode.USAGE, str(error)) from error
    values = {"file": str(target), "name": plan.name, "serial": image.serial, "mrz": list(plan.lines)}
    return values | {"can": plan.can, "trust": None if lab is None else str(lab / "trust")}


def _signer(directory: Path) -> FileSigner:
    if not directory.exists():
        LabPki.create(directory, now=datetime.now(UTC), countries=(UTOPIA,))
    return LabPki.open(directory).signer(UTOPIA)
