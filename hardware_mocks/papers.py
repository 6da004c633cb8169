"""The travellers' papers on disk: page picture and chip memory, made when first needed and kept."""

import hashlib
from pathlib import Path

from crypto.pki_lab import LabPki
from hardware_mocks.documents import Specimen
from hardware_mocks.scenario import Scenario


class Papers:
    """Files in HOME/sim/documents; their names change with whatever they were made from."""

    def __init__(self, directory: Path, scenario: Scenario, lab: LabPki) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._scenario = scenario
        self._lab = lab

    def specimen(self, traveller: int) -> Specimen:
        return Specimen(self._scenario.traveller[traveller], f"{self._scenario.seed}/{traveller}")

    def take(self, traveller: int) -> tuple[Path, Path | None]:
        """Page picture and chip image (None: a passport without a chip). CryptoError, OSError."""
        specimen = self.specimen(traveller)
        passport = specimen.traveller.passport
        signer = self._lab.signer(passport.country, passport.signer).certificate
        made_of = f"{specimen!r}/{signer.fingerprint}{specimen.traveller.chip}"
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
        page = self._directory / f"passport-{traveller + 1:02}-{digest}.png"
        chip = page.with_suffix(".json")
        if passport.chip and not chip.exists():
            specimen.chip(self._lab).save(chip)
        if not page.exists():
            part = page.with_suffix(".part")
            specimen.page().save(part, "PNG", compress_level=1)
            part.replace(page)
        return page, chip if passport.chip else None
