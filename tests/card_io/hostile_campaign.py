"""Reads hostile chips for as long as it is told to, in a process of its own, and says what it took.

`python -m tests.card_io.hostile_campaign --first 0 --count 5000` (from the root of the project) prints one
JSON object: how many reads, the most commands of one, the peak of the memory in KiB, and the verdicts.
A seed whose read raises, never ends or believes what nobody signed is listed under "findings".
"""

import argparse
import json
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from card_io.emrtd.report import InspectionReport
from card_io.lds.index import FILES as ALL_FILES
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip import CardImage
from hardware_mocks.chip_plan import kinds, load_plan
from tests.card_io.chip_bench import NOW, STATE, Reading, Watched, made, read_image
from tests.card_io.hostile import MOST_APDUS, hostile_plan, read_meddled, spoilt_image, target
from tests.card_io.hostile_files import open_all

RATES = (0.02, 0.1, 0.5)


class Bench:
    """A lab, its target chip, and one hostile read for every seed."""

    def __init__(self, directory: Path) -> None:
        self.lab = LabPki.create(directory / "pki", seed="hostile", now=NOW, countries=(STATE,))
        self.store = TrustStore.from_directory(self.lab.trust_directory, loaded_at=NOW)
        self.plan = target()
        self.image = made(self.plan, self.lab)

    def read(self, seed: int) -> tuple[int, InspectionReport]:
        """Commands sent and the verdict; AssertionError if it was fooled."""
        random = Random(seed)
        reading, apdus = (self._meddled, self._hostile, self._spoilt)[seed % 3](random)
        assert apdus <= MOST_APDUS, f"{apdus} commands"
        report = reading.report(self.store)
        report.to_json()
        open_all(reading.result.files, reading.result.access, self.store)
        self._check_honest(reading, report)
        return apdus, report

    def kind(self, name: str) -> tuple[int, InspectionReport]:
        """A shipped chip."""
        plan = load_plan(name)
        reading = read_image(plan, made(plan, self.lab))
        open_all(reading.result.files, reading.result.access, self.store)
        return reading.apdus, reading.report(self.store)

    def _meddled(self, random: Random) -> tuple[Reading, int]:
        result, meddler = read_meddled(self.plan, self.image, random, random.choice(RATES))
        return Reading(self.plan, self.image, result, Watched(meddler)), meddler.apdus  # type: ignore[arg-type]

    def _hostile(self, random: Random) -> tuple[Reading, int]:
        plan = hostile_plan(random)
        reading = read_image(plan, made(plan, self.lab), seed=str(random.random()))
        return reading, reading.apdus

    def _spoilt(self, random: Random) -> tuple[Reading, int]:
        reading = read_image(self.plan, spoilt_image(random, self.image), seed=str(random.random()))
        return reading, reading.apdus

    def _check_honest(self, reading: Reading, report: InspectionReport) -> None:
        """A good word only on groups that are bit by bit what was signed."""
        if report.overall is not Outcome.SUCCESSFUL and not report.chip_is_genuine:
            return
        signed = made(reading.plan, self.lab) if reading.plan is not self.plan else self.image
        for number, content in reading.result.data_groups.items():
            assert content == _held(signed, f"DG{number}"), f"DG{number} is believed"


def _held(image: CardImage, name: str) -> bytes | None:
    file = ALL_FILES[name]
    return image.files.get(f"{'mf' if file.in_mf else 'app'}/{file.fid:04X}")


def peak_kib() -> int:
    """The most memory this process ever held; a child's ru_maxrss would begin with its parent's."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def campaign(first: int, count: int, directory: Path) -> dict[str, object]:
    """The shipped hostile chips, then `count` seeds."""
    bench, verdicts, findings, most = Bench(directory), Counter[str](), [], 0
    start = peak_kib()
    shipped = [kind for kind in kinds() if kind.startswith("hostile-") or kind == "full"]
    for case in (*shipped, *range(first, first + count)):
        try:
            apdus, report = bench.kind(case) if isinstance(case, str) else bench.read(case)
        except Exception as error:  # noqa: BLE001 - whatever escapes is what the campaign looks for
            findings.append({"case": case, "error": repr(error), "where": traceback.format_exc(limit=-2)})
            continue
        most = max(most, apdus)
        verdicts[str(report.overall)] += 1
    return {
        "reads": len(shipped) + count,
        "most_apdus": most,
        "start_kib": start,
        "peak_kib": peak_kib(),
        "verdicts": dict(verdicts),
        "findings": findings,
    }


def main() -> int:
    """Print the result; 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=3000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        result = campaign(arguments.first, arguments.count, Path(directory))
    print(json.dumps(result, indent=1))
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
