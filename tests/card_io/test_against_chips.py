"""The terminal against every simulated chip as a black box: how it was opened, what was read, the verdict."""

from dataclasses import dataclass
from typing import Any

import pytest

from card_io.emrtd.access import AccessKey
from card_io.emrtd.card_security import card_security_check, chip_mapping_check
from card_io.errors import CardErrorCode
from card_io.lds.index import FILES
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip_plan import kinds, load_plan
from tests.card_io.chip_bench import DEADLINE, NOW, Reading, made, news, read_image, wrong_key_of

GM = "PACE-ECDH-GM-AES-128"
CAM = "PACE-ECDH-CAM-AES-128"
MALFORMED, MISSING = CardErrorCode.CARD_DATA_MALFORMED, CardErrorCode.CARD_FILE_MISSING
NO_PACE = {"EF.CardAccess": MISSING}
BROKEN_PACE = {"EF.CardAccess": MALFORMED}
READ_INCOMPLETE = "READ_INCOMPLETE"
OLD_DATE = ("SIGNED_OUTSIDE_KEY_PERIOD",)  # DG12 of these says a date before the lab was; told only


@dataclass(frozen=True)
class Expected:
    """What must come of a kind; the defaults are a chip of today without any trouble."""

    access: str = GM
    overall: str = "successful"
    reasons: tuple[str, ...] = ()
    problem: str = ""
    files: Any = ()  # file to the code why it was not had
    apdus: int = 20
    pace: int = 1  # passwords tried
    bac: int = 0
    aa: str = ""
    ca: str = ""


def old(**values: Any) -> Expected:
    """A chip of the days before PACE."""
    return Expected(**{"access": "BAC", "files": NO_PACE, "pace": 0, "bac": 1, **values})


def refused(code: str, apdus: int, pace: int) -> Expected:
    """Access that the terminal breaks off."""
    reasons = ("ACCESS_FAILED", READ_INCOMPLETE, "DG_NOT_READ", "DG1_UNREADABLE")
    return Expected("", "undetermined", reasons, code, apdus=apdus, pace=pace)


SPOILT_PACE = Expected("BAC", "undetermined", ("PACE_DOWNGRADE",), files=BROKEN_PACE, pace=0, bac=1, apdus=15)
EXPECTED = {
    "aa-ecdsa": Expected(aa="successful"),
    "aa-ecdsa-der": Expected(aa="successful"),
    "aa-rsa": Expected(aa="successful"),
    "aa-rsa-sha1": old(aa="successful"),
    "bac": old(reasons=OLD_DATE),
    "bac-le-00": old(bac=2),  # the first try is refused for its length, not for its key
    "ca-dh": old(ca="successful"),
    "ca-ecdh": Expected(ca="successful"),
    "ca-two-keys": Expected(ca="successful"),
    "ca-undeclared": old(ca="successful"),
    "end-of-file-6282": old(),
    "end-of-file-6b00": old(),
    "false-extended-length": Expected(pace=4, apdus=120),
    "full": Expected(access=CAM, aa="successful", ca="successful", apdus=48, reasons=OLD_DATE),
    "hostile-endless": Expected(
        overall="undetermined",
        reasons=("DG_NOT_READ", "DG1_UNREADABLE", READ_INCOMPLETE),
        files={"DG1": MALFORMED},
    ),
    "hostile-endless-access": SPOILT_PACE,
    "hostile-length": Expected(
        overall="failed",
        reasons=("SOD_MISSING", "DG_NOT_READ", "DG1_UNREADABLE", READ_INCOMPLETE),
        files=dict.fromkeys(("EF.SOD", "DG1", "DG2", "DG11"), MALFORMED),
    ),
    "hostile-mac": Expected(pace=2, apdus=50),
    "hostile-mirror": refused("CARD_SECURE_MESSAGING", 10, 0),
    "hostile-nesting": Expected(overall="failed", reasons=("SOD_MALFORMED",), apdus=70),
    "hostile-nesting-access": SPOILT_PACE,
    "hostile-nonce": refused("CARD_DATA_MALFORMED", 8, 0),
    "hostile-silent": Expected("", "aborted", ("READ_ABORTED", "DG_NOT_READ"), "CARD_SILENT", apdus=8),
    "hostile-token": refused("CARD_SECURE_MESSAGING", 11, 1),
    "needs-parameter": Expected(),
    "no-extended-length": Expected(apdus=90),
    "no-short-ids": Expected(apdus=30),
    "pace-cam": Expected(access=CAM, apdus=26),
    "pace-gm": Expected(),
    "pace-gm-3des": Expected(access="PACE-ECDH-GM-3DES"),
    "pace-gm-dh": Expected(access="PACE-DH-GM-AES-128"),
    "pace-im": Expected(access="PACE-ECDH-IM-AES-128"),
    "pace-im-dh": Expected(access="PACE-DH-IM-AES-256"),
    "pace-many": Expected(access="PACE-ECDH-CAM-AES-256", apdus=28),
    "pace-only": Expected(access="PACE-ECDH-GM-AES-256"),
    "plain": old(access="plain", bac=0, reasons=("ACCESS_PLAIN",)),
    "refuses-le": Expected(),
    "refuses-select": Expected(),
    "removed": Expected(
        overall="aborted", reasons=("READ_ABORTED", "DG_NOT_READ"), problem="CARD_REMOVED", apdus=10
    ),
    "short-reads": Expected(apdus=60),
    "slow": Expected(access="PACE-ECDH-GM-AES-256", apdus=30),
    "tampered": Expected(overall="failed", reasons=("DG_HASH_MISMATCH",)),
    "unsigned": Expected(
        overall="failed", reasons=("SOD_MISSING", READ_INCOMPLETE), files={"EF.SOD": MISSING}
    ),
}


def test_every_kind_is_expected() -> None:
    assert set(EXPECTED) == set(kinds())


def check_files(reading: Reading, expected: Expected) -> None:
    """Bit by bit what the chip holds, and nothing left out but what is expected."""
    result = reading.result
    assert dict(result.file_problems) == dict(expected.files)
    for name, content in result.files.items():
        assert content == reading.held(name)
    if result.problem is None:
        beside = {"EF.ATR/INFO", "EF.CardSecurity", "DG3", "DG4", *expected.files}
        held = {name for name in FILES if reading.held(name) is not None}
        assert held - beside <= set(result.files)


def outcome_of(proof: Any) -> str:
    return "" if proof is None else str(proof.outcome)


@pytest.mark.parametrize("kind", kinds())
def test_each_kind_ends_as_expected(kind: str, lab: LabPki, store: TrustStore) -> None:
    plan, expected = load_plan(kind), EXPECTED[kind]
    reading = read_image(plan, made(plan, lab))
    result, report = reading.result, reading.report(store)
    assert (result.access.protocol if result.access else "") == expected.access
    assert (str(result.problem.code) if result.problem else "") == expected.problem
    check_files(reading, expected)
    assert outcome_of(result.active_authentication) == expected.aa
    assert outcome_of(result.chip_authentication) == expected.ca
    assert str(report.overall) == expected.overall
    assert news(report) == set(expected.reasons)
    assert reading.apdus <= expected.apdus
    assert reading.watched.pace_attempts == expected.pace
    assert reading.watched.bac_attempts == expected.bac
    proven = "successful" in (expected.aa, expected.ca) or "CAM" in expected.access
    assert report.chip_is_genuine is (proven and report.overall is Outcome.SUCCESSFUL)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if "CAM" in EXPECTED[kind].access])
def test_chip_authentication_mapping_is_vouched_for(kind: str, lab: LabPki, store: TrustStore) -> None:
    plan = load_plan(kind)
    access = read_image(plan, made(plan, lab)).result.access
    assert access is not None
    proof = access.chip_mapping
    assert proof is not None
    signed = card_security_check(proof.card_security, store, now=NOW, issuing_state="UTO", document_code="P<")
    assert chip_mapping_check(proof, signed).outcome is Outcome.SUCCESSFUL


@pytest.mark.parametrize("kind", kinds())
def test_wrong_key_is_tried_once_in_each_way(kind: str, lab: LabPki, store: TrustStore) -> None:
    """A reading of the page that is wrong must cost the chip no more than one try by PACE and one by BAC."""
    plan = load_plan(kind)
    reading = read_image(plan, made(plan, lab), wrong_key_of(plan))
    if kind == "plain":  # it asks for no key
        assert reading.result.problem is None
        return
    assert reading.watched.pace_attempts <= 1
    assert reading.watched.bac_attempts <= EXPECTED["bac-le-00" if kind == "bac-le-00" else "bac"].bac
    assert reading.apdus <= 20
    assert {name for name in reading.result.files if not FILES[name].in_mf} == set()
    assert reading.result.problem is not None
    aborted = kind == "hostile-silent" or (kind == "removed" and reading.result.aborted)
    early = kind == "hostile-nonce"  # no password was tried
    mirrored = kind == "hostile-mirror"
    denied = reading.result.problem.code is CardErrorCode.CARD_ACCESS_DENIED
    assert denied is not (aborted or early or mirrored)
    report = reading.report(store)
    assert report.overall is (Outcome.ABORTED if aborted else Outcome.UNDETERMINED)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if load_plan(kind).can])
def test_can_opens_what_has_one(kind: str, lab: LabPki, store: TrustStore) -> None:
    plan = load_plan(kind)
    reading = read_image(plan, made(plan, lab), AccessKey(can=plan.can))
    assert reading.result.problem is None
    assert (reading.watched.pace_attempts, reading.watched.bac_attempts) == (1, 0)
    report = reading.report(store, optical=None)
    assert report.overall is Outcome.UNDETERMINED  # nobody saw the page
    assert news(report) == {"MRZ_NOT_READ", *EXPECTED[kind].reasons}


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.startswith("hostile-")])
def test_hostile_chips_cost_little(kind: str, lab: LabPki) -> None:
    plan = load_plan(kind)
    reading = read_image(plan, made(plan, lab))
    assert reading.apdus <= 70
    assert sum(reading.waits) == (DEADLINE if kind == "hostile-silent" else 0)
    assert sum(map(len, reading.result.files.values())) < 64_000  # no file is believed to be endless
