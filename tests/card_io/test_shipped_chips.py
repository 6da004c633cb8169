"""Every shipped chip before the reader: how it opens, what the verdict is, and that nothing else escapes."""

import secrets
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from card_io.emrtd.access import AccessKey
from card_io.emrtd.card_security import CARD_SECURITY, CHIP_AUTHENTICATION_MAPPING
from card_io.emrtd.checks import ACTIVE_AUTHENTICATION, CHIP_AUTHENTICATION
from card_io.emrtd.reader import ReadResult, read_document
from card_io.emrtd.report import InspectionReport, inspect
from card_io.lds import mrz
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip import Card
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import kinds, load_plan
from hardware_mocks.link import InProcessSlot

O = Outcome  # noqa: E741
NOTHING: frozenset[str] = frozenset()
AA, CA = frozenset({ACTIVE_AUTHENTICATION}), frozenset({CHIP_AUTHENTICATION})
CAM = frozenset({CHIP_AUTHENTICATION_MAPPING})
PACE = "PACE-ECDH-GM-AES-128"
EXPECTED = {  # access, verdict, proofs of the chip
    "aa-ecdsa": (PACE, O.SUCCESSFUL, AA),
    "aa-ecdsa-der": (PACE, O.SUCCESSFUL, AA),
    "aa-rsa": (PACE, O.SUCCESSFUL, AA),
    "aa-rsa-sha1": ("BAC", O.SUCCESSFUL, AA),
    "bac": ("BAC", O.SUCCESSFUL, NOTHING),
    "bac-le-00": ("BAC", O.SUCCESSFUL, NOTHING),
    "ca-dh": ("BAC", O.SUCCESSFUL, CA),
    "ca-ecdh": (PACE, O.SUCCESSFUL, CA),
    "ca-two-keys": (PACE, O.SUCCESSFUL, CA),
    "ca-undeclared": ("BAC", O.SUCCESSFUL, CA),
    "end-of-file-6282": ("BAC", O.SUCCESSFUL, NOTHING),
    "end-of-file-6b00": ("BAC", O.SUCCESSFUL, NOTHING),
    "false-extended-length": (PACE, O.SUCCESSFUL, NOTHING),
    "full": ("PACE-ECDH-CAM-AES-128", O.SUCCESSFUL, AA | CA | CAM),
    "hostile-endless": (PACE, O.UNDETERMINED, NOTHING),
    "hostile-endless-access": ("BAC", O.UNDETERMINED, NOTHING),
    "hostile-length": (PACE, O.FAILED, NOTHING),
    "hostile-mac": (PACE, O.SUCCESSFUL, NOTHING),
    "hostile-mirror": (None, O.UNDETERMINED, NOTHING),
    "hostile-nesting": (PACE, O.FAILED, NOTHING),
    "hostile-nesting-access": ("BAC", O.UNDETERMINED, NOTHING),
    "hostile-nonce": (None, O.UNDETERMINED, NOTHING),
    "hostile-silent": (None, O.ABORTED, NOTHING),
    "hostile-token": (None, O.UNDETERMINED, NOTHING),
    "needs-parameter": (PACE, O.SUCCESSFUL, NOTHING),
    "no-extended-length": (PACE, O.SUCCESSFUL, NOTHING),
    "no-short-ids": (PACE, O.SUCCESSFUL, NOTHING),
    "pace-cam": ("PACE-ECDH-CAM-AES-128", O.SUCCESSFUL, CAM),
    "pace-gm": (PACE, O.SUCCESSFUL, NOTHING),
    "pace-gm-3des": ("PACE-ECDH-GM-3DES", O.SUCCESSFUL, NOTHING),
    "pace-gm-dh": ("PACE-DH-GM-AES-128", O.SUCCESSFUL, NOTHING),
    "pace-im": ("PACE-ECDH-IM-AES-128", O.SUCCESSFUL, NOTHING),
    "pace-im-dh": ("PACE-DH-IM-AES-256", O.SUCCESSFUL, NOTHING),
    "pace-many": ("PACE-ECDH-CAM-AES-256", O.SUCCESSFUL, CAM),
    "pace-only": ("PACE-ECDH-GM-AES-256", O.SUCCESSFUL, NOTHING),
    "plain": ("plain", O.SUCCESSFUL, NOTHING),
    "refuses-le": (PACE, O.SUCCESSFUL, NOTHING),
    "refuses-select": (PACE, O.SUCCESSFUL, NOTHING),
    "removed": (PACE, O.ABORTED, NOTHING),
    "short-reads": (PACE, O.SUCCESSFUL, NOTHING),
    "slow": ("PACE-ECDH-GM-AES-256", O.SUCCESSFUL, NOTHING),
    "tampered": (PACE, O.FAILED, NOTHING),
    "unsigned": (PACE, O.FAILED, NOTHING),
}


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


def test_the_table_is_complete() -> None:
    assert set(EXPECTED) == set(kinds())


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_shipped_chip(kind: str, utopia: LabPki, trusted: TrustStore, now: datetime) -> None:
    access, overall, given = EXPECTED[kind]
    result = read(kind, utopia)
    report = judged(kind, result, trusted, now)
    assert (result.access.protocol if result.access else None) == access
    assert (report.overall, proofs(report)) == (overall, set(given))
    assert report.chip_is_genuine is bool(given)
    assert not result.access or not result.access.fallback


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
