"""What chip authentication mapping is worth in the verdict: alone, and with files of another state."""

import secrets
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from card_io.emrtd.access import AccessKey
from card_io.emrtd.card_security import CARD_SECURITY, CHIP_AUTHENTICATION_MAPPING
from card_io.emrtd.reader import ReadResult, read_document
from card_io.emrtd.report import InspectionReport, inspect
from card_io.lds import mrz
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip import Card
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import load_plan
from hardware_mocks.link import InProcessSlot

O = Outcome  # noqa: E741


@pytest.fixture(scope="module")
def utopia(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> LabPki:
    folder: Path = tmp_path_factory.mktemp("utopia") / "pki"
    return LabPki.create(folder, seed="chips", now=now, countries=("UT", "KZ"))


@pytest.fixture(scope="module")
def trusted(utopia: LabPki, now: datetime) -> TrustStore:
    return TrustStore.from_directory(utopia.trust_directory, loaded_at=now)


def read(kind: str, lab: LabPki, country: str = "UT") -> ReadResult:
    plan = load_plan(kind)
    slot = InProcessSlot(kind, deadline=30, wait=lambda seconds: None)
    slot.insert(Card(build_chip(plan, lab.signer(country))))
    key = AccessKey(mrz_information=mrz.parse(plan.lines).access_information())
    with slot.connect() as link:
        return read_document(link, key, random=secrets.token_bytes)


def judged(kind: str, result: ReadResult, trusted: TrustStore, now: datetime) -> InspectionReport:
    return inspect(result, store=trusted, now=now, optical=mrz.parse(load_plan(kind).lines))


def proofs(report: InspectionReport) -> set[str]:
    members = report.groups["chip_authenticity"]
    return {item.name for item in members if item.outcome is O.SUCCESSFUL} - {CARD_SECURITY}


def test_mapping_alone_makes_a_chip_genuine(utopia: LabPki, trusted: TrustStore, now: datetime) -> None:
    result = read("pace-cam", utopia)
    assert result.access is not None
    assert result.access.chip_mapping is not None
    assert result.files["EF.CardSecurity"] == result.access.chip_mapping.card_security
    outcomes = partial(judged, "pace-cam", result)
    report = outcomes(trusted, now)
    found = {item.name: item for item in report.groups["chip_authenticity"]}
    assert found[CARD_SECURITY].evidence["sha256"]
    assert found[CHIP_AUTHENTICATION_MAPPING].evidence["mapping_key"]
    stranger = outcomes(TrustStore(loaded_at=now), now)
    assert (stranger.chip_is_genuine, proofs(stranger)) == (False, set())
    assert stranger.overall is O.UNDETERMINED


def test_mapping_with_a_file_of_another_state(utopia: LabPki, trusted: TrustStore, now: datetime) -> None:
    """EF.SOD and EF.CardSecurity are signed by a trusted state, but not by the one of DG1."""
    report = judged("pace-cam", read("pace-cam", utopia, "KZ"), trusted, now)
    found = {item.name: item.outcome for item in report.groups["chip_authenticity"]}
    assert (found[CARD_SECURITY], found[CHIP_AUTHENTICATION_MAPPING]) == (O.FAILED, O.UNDETERMINED)
    assert (report.overall, report.chip_is_genuine) == (O.FAILED, False)
