"""Parts of the verdict: contents of data groups, known defects, refused offers, owed proofs, the record."""

import json
import secrets
from dataclasses import replace
from datetime import date, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from card_io.apdu import Response
from card_io.emrtd import checks, contents
from card_io.emrtd.access import AccessResult
from card_io.emrtd.authenticity import compromised, together
from card_io.emrtd.card_security import CARD_SECURITY, CHIP_AUTHENTICATION_MAPPING
from card_io.emrtd.checks import ReportReason
from card_io.emrtd.reader import ReadResult, ReadStep, read_document
from card_io.emrtd.report import DOCUMENT, InspectionReport, inspect
from card_io.errors import CardErrorCode, CardRemoved
from card_io.lds.data_groups import DocumentDetails, PersonalDetails, build_dg11, build_dg12
from card_io.lds.face import build_dg2
from card_io.lds.mrz import Mrz, parse
from card_io.lds.security_infos import PaceInfo
from crypto.pki_lab import DeviationEntry, LabPki, build_deviation_list
from crypto.pki_lab.spec import LabSpec, SignerSpec
from crypto.trust import (
    Check,
    DeviationList,
    Outcome,
    PassiveAuthentication,
    Reason,
    TrustStore,
    passive_authentication,
)

O = Outcome  # noqa: E741
TODAY = date(2026, 11, 22)
CAM = PaceInfo("0.4.0.127.0.7.2.2.4.6.2", 2, 12)


def read(specimen: Any, **options: bool) -> ReadResult:
    return read_document(specimen.link(**options), specimen.key, random=secrets.token_bytes)


@pytest.fixture(scope="session")
def good(specimen: Any) -> ReadResult:
    return read(specimen)


def check_of(report: InspectionReport, name: str) -> Check:
    return next(item for item in report.checks if item.name == name)


def told(check: Check) -> set[tuple[str, str]]:
    return {(str(finding.reason), finding.detail) for finding in check.findings}


def with_file(read: ReadResult, name: str, content: bytes) -> ReadResult:
    return replace(read, files={**read.files, name: content})


# -- contents of data groups ---------------------------------------------------------------------


def judged(read: ReadResult, mrz: Mrz) -> Check:
    return contents.chip_contents(read, mrz, TODAY)


def test_good_contents(good: ReadResult, specimen: Any) -> None:
    check = judged(good, specimen.mrz)
    assert (check.outcome, check.findings) == (O.SUCCESSFUL, ())
    assert check.evidence == {"faces": "1", "picture": "image/jpeg 300x400"}
    nothing = contents.chip_contents(None, None, TODAY)
    assert (nothing.outcome, told(nothing)) == (O.NOT_SUPPORTED, {(ReportReason.NO_CHIP, "")})
    bare = judged(replace(good, files={}), specimen.mrz)
    assert (bare.outcome, told(bare)) == (O.NOT_SUPPORTED, {(Reason.DG_NOT_READ, "DG2")})


@pytest.mark.parametrize("content", [b"\x75\x03abc", build_dg2(b"BM no picture", 9, 9)])
def test_a_face_that_cannot_be_shown(content: bytes, good: ReadResult, specimen: Any) -> None:
    check = judged(with_file(good, "DG2", content), specimen.mrz)
    assert (check.outcome, told(check)) == (O.UNDETERMINED, {(ReportReason.DG_UNREADABLE, "DG2")})


@pytest.mark.parametrize("name", ["DG11", "DG12"])
def test_details_that_cannot_be_read(name: str, good: ReadResult, specimen: Any) -> None:
    check = judged(with_file(good, name, b"\x01\x00"), specimen.mrz)
    assert (check.outcome, told(check)) == (O.UNDETERMINED, {(ReportReason.DG_UNREADABLE, name)})


@pytest.mark.parametrize(
    ("birth", "agrees"),
    [
        ("19900214", True),
        ("18900214", True),
        ("19900215", False),
        ("19910214", False),
        ("19900000", True),
        ("00000000", True),
        ("19900200", True),
        ("", True),
    ],
)
def test_birth_in_two_groups(birth: str, agrees: bool, good: ReadResult, specimen: Any) -> None:
    check = judged(with_file(good, "DG11", build_dg11(PersonalDetails(birth_date=birth))), specimen.mrz)
    assert check.outcome is (O.SUCCESSFUL if agrees else O.UNDETERMINED)
    assert told(check) == (set() if agrees else {(ReportReason.DG_INCONSISTENT, "DG11 birth")})


def test_unknown_parts_of_a_birth(good: ReadResult, specimen: Any) -> None:
    first, second = specimen.mrz.lines
    unknown = parse((first, second[:17] + "<<" + second[19:]))
    check = judged(with_file(good, "DG11", build_dg11(PersonalDetails(birth_date="19900229"))), unknown)
    assert check.outcome is O.SUCCESSFUL


@pytest.mark.parametrize(
    ("issued", "agrees"),
    [("20210214", True), ("20261123", True), ("20261201", False), ("20320101", False), ("20210000", True)],
)
def test_date_of_issue(issued: str, agrees: bool, good: ReadResult, specimen: Any) -> None:
    check = judged(with_file(good, "DG12", build_dg12(DocumentDetails(issue_date=issued))), specimen.mrz)
    assert told(check) == (set() if agrees else {(ReportReason.DG_INCONSISTENT, "DG12 issue date")})


@pytest.mark.parametrize(
    ("name", "agrees"),
    [
        (("SPECIMENOV", "TEST"), True),
        (("СПЕЦИМЕНОВ", "ТЕСТ"), True),
        (("ДРУГОЙ", "ТЕСТ"), False),
        (("OTHER", "TEST"), False),
        (("样本", "测试"), True),  # no rule tells how it is spelt
        ((), True),
    ],
)
def test_a_name_that_cannot_be_spelled_so_is_a_note(
    name: tuple[str, ...], agrees: bool, good: ReadResult, specimen: Any
) -> None:
    check = judged(with_file(good, "DG11", build_dg11(PersonalDetails(full_name=name))), specimen.mrz)
    assert check.outcome is O.SUCCESSFUL
    assert told(check) == (set() if agrees else {(ReportReason.DG_INCONSISTENT, "DG11 name")})


def test_document_that_outlives_its_signer(
    good: ReadResult, specimen: Any, lab: LabPki, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    assert check_of(report, contents.VALIDITY_PERIODS).outcome is O.SUCCESSFUL
    end = lab.signer("UZ").certificate.not_after.date() + timedelta(days=1)
    first, second = specimen.mrz.lines
    longer = parse((first, second[:21] + f"{end:%y%m%d}" + second[27:]))
    late = contents.validity_periods(report.passive, longer, TODAY)
    assert (late.outcome, told(late)) == (O.UNDETERMINED, {(ReportReason.SIGNER_ENDS_FIRST, "")})
    assert contents.VALIDITY_PERIODS in DOCUMENT.evaluatory


def test_what_this_station_cannot_compare_is_said_and_does_not_count(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    assert report.overall is O.SUCCESSFUL
    for name in contents.NOT_COMPARED:
        check = check_of(report, name)
        assert (check.outcome, told(check)) == (O.NOT_SUPPORTED, {(ReportReason.NOT_PERFORMED, "")})


# -- access and promised proofs ------------------------------------------------------------------


def test_better_offers_that_failed_are_told(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    access = AccessResult("PACE-ECDH-GM-AES-128", "secp256r1", refused=("PACE-ECDH-GM-AES-256",))
    report = inspect(replace(good, access=access), store=store, now=now, optical=specimen.mrz)
    check = check_of(report, checks.ACCESS_PROTOCOL)
    assert check.outcome is O.SUCCESSFUL
    assert told(check) == {(ReportReason.PACE_OFFER_REFUSED, "PACE-ECDH-GM-AES-256")}


def test_chip_that_could_not_be_opened(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    class Odd:
        def send(self, command: Any) -> Any:
            return Response(b"", 0x6F00)

    result = read_document(Odd(), specimen.key, random=secrets.token_bytes)
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    assert told(check_of(report, checks.ACCESS_PROTOCOL)) == {
        (ReportReason.ACCESS_FAILED, CardErrorCode.CARD_STATUS_UNEXPECTED)
    }
    assert (ReportReason.DG1_UNREADABLE, "") in told(check_of(report, checks.MRZ_MATCH))


def test_mapping_that_was_promised_and_not_given(
    make_specimen: Any, store: TrustStore, now: datetime
) -> None:
    """The chip offers the mapping, fails at it, and BAC opens it: it owes a proof."""
    owing = make_specimen(pace=(CAM,), aa=False)
    result = read(owing)
    assert result.access is not None
    assert result.access.protocol == "BAC"
    report = inspect(result, store=store, now=now, optical=owing.mrz)
    mapping = check_of(report, CHIP_AUTHENTICATION_MAPPING)
    assert mapping.outcome is O.UNDETERMINED
    assert told(mapping) == {(ReportReason.CHIP_NOT_AUTHENTICATED, "EF.CardSecurity")}
    assert (report.overall, report.chip_is_genuine) == (O.UNDETERMINED, False)
    proven = make_specimen(pace=(CAM,))
    report = inspect(read(proven), store=store, now=now, optical=proven.mrz)
    assert check_of(report, CHIP_AUTHENTICATION_MAPPING).outcome is O.NOT_SUPPORTED
    assert (report.overall, report.chip_is_genuine) == (O.SUCCESSFUL, True)  # active authentication did it


def test_nothing_offered_is_not_supported(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    for name in (CHIP_AUTHENTICATION_MAPPING, CARD_SECURITY):
        assert check_of(report, name).outcome is O.NOT_SUPPORTED
    nothing = inspect(None, store=store, now=now, optical=specimen.mrz)
    for name in (CHIP_AUTHENTICATION_MAPPING, CARD_SECURITY):
        assert told(check_of(nothing, name)) == {(ReportReason.NO_CHIP, "")}


@pytest.mark.parametrize("proof", list(Outcome))
@pytest.mark.parametrize("file", list(Outcome))
def test_one_proof_is_enough(proof: Outcome, file: Outcome) -> None:
    found = together((Check("proof", proof), Check("other", O.UNDETERMINED)), (Check("file", file),))
    assert [item.name for item in found] == ["proof", "other", "file"]
    proven = proof is O.SUCCESSFUL
    assert found[0].outcome is proof
    assert found[1].outcome is (O.NOT_SUPPORTED if proven else O.UNDETERMINED)
    assert found[2].outcome is (O.NOT_SUPPORTED if proven and file is O.UNDETERMINED else file)


# -- known defects -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listing_lab(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> LabPki:
    """A state that also signs deviation lists."""
    standard = LabSpec.standard(("UZ",))
    lister = SignerSpec("UZ", "defects", purpose="deviation_list")
    spec = LabSpec(standard.authorities, (*standard.signers, lister))
    folder: Path = tmp_path_factory.mktemp("lists") / "pki"
    return LabPki.create(folder, seed="lists", now=now, spec=spec)


def listing(lab: LabPki, now: datetime, *kinds: str, **about: Any) -> TrustStore:
    entries = [DeviationEntry(kind, **about) for kind in kinds]
    store = TrustStore.from_directory(lab.trust_directory, loaded_at=now)
    data = build_deviation_list(entries, lab.signer("UZ", "defects"), signing_time=now)
    assert store.add_deviations(DeviationList.parse(data))
    return store


def signed_by(lab: LabPki, good: ReadResult, now: datetime) -> ReadResult:
    return with_file(good, "EF.SOD", lab.sign_sod("UZ", good.data_groups, now))


def test_compromised_key_proves_nothing(
    listing_lab: LabPki, good: ReadResult, specimen: Any, now: datetime
) -> None:
    store = listing(listing_lab, now, "1.4")
    result = signed_by(listing_lab, good, now)
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    proof = check_of(report, checks.ACTIVE_AUTHENTICATION)
    assert proof.outcome is O.UNDETERMINED
    assert told(proof) == {(ReportReason.CHIP_KEY_COMPROMISED, f"UZ {now:%Y-%m-%d}")}
    assert (report.overall, report.chip_is_genuine) == (O.UNDETERMINED, False)
    failed = Check("x", O.FAILED)
    assert compromised(failed, report.passive.known_defects if report.passive else ()) is failed


def test_wrong_check_digit_that_is_a_known_defect(
    listing_lab: LabPki, good: ReadResult, specimen: Any, now: datetime
) -> None:
    first, second = specimen.mrz.lines
    misprint = parse((first, second[:9] + ("1" if second[9] != "1" else "2") + second[10:]))
    result = signed_by(listing_lab, good, now)
    plain = TrustStore.from_directory(listing_lab.trust_directory, loaded_at=now)
    listed = listing(listing_lab, now, "3.2", numbers=("FA1234567",))
    other = listing(listing_lab, now, "3.2", numbers=("FA7654321",))
    for store, outcome in ((plain, O.FAILED), (other, O.FAILED), (listed, O.UNDETERMINED)):
        report = inspect(result, store=store, now=now, optical=misprint)
        assert check_of(report, checks.MRZ_DIGITS).outcome is outcome
    assert (Reason.DEVIATION_LISTED, f"UZ {now:%Y-%m-%d}: 3.2") in told(check_of(report, checks.MRZ_DIGITS))
    defects = check_of(report, contents.KNOWN_DEFECTS)
    assert (defects.outcome, told(defects)) == (
        O.UNDETERMINED,
        {(Reason.DEVIATION_LISTED, f"UZ {now:%Y-%m-%d}: 3.2")},
    )


def test_deviation_by_date_of_issue(
    listing_lab: LabPki, good: ReadResult, specimen: Any, now: datetime
) -> None:
    period = {"issued": (now - timedelta(days=2), now)}
    store = listing(listing_lab, now, "2.2", **period)
    dated = with_file(good, "DG12", build_dg12(DocumentDetails(issue_date=f"{now:%Y%m%d}")))
    result = signed_by(listing_lab, dated, now)
    changed = with_file(result, "DG2", result.files["DG2"] + b"\x00")
    report = inspect(changed, store=store, now=now, optical=specimen.mrz)
    assert check_of(report, "data_group_hashes").outcome is O.UNDETERMINED
    undated = replace(changed, files={k: v for k, v in changed.files.items() if k != "DG12"})
    report = inspect(undated, store=store, now=now, optical=specimen.mrz)
    assert check_of(report, "data_group_hashes").outcome is O.FAILED


def test_no_list_and_nothing_listed(
    listing_lab: LabPki, good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    assert check_of(report, contents.KNOWN_DEFECTS).outcome is O.NOT_SUPPORTED
    listed = listing(listing_lab, now, "2.2", numbers=("FA7654321",))
    report = inspect(signed_by(listing_lab, good, now), store=listed, now=now, optical=specimen.mrz)
    assert check_of(report, contents.KNOWN_DEFECTS).outcome is O.SUCCESSFUL


def test_passive_authentication_gets_all_that_is_known(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def watched(**arguments: Any) -> PassiveAuthentication:
        given.update(arguments)
        return passive_authentication(**arguments)

    monkeypatch.setattr("card_io.emrtd.report.passive_authentication", watched)
    dated = with_file(good, "DG12", build_dg12(DocumentDetails(issue_date="20261101")))
    inspect(dated, store=store, now=now, optical=specimen.mrz)
    assert set(given) == set(signature(passive_authentication).parameters)
    assert (given["document_number"], given["document_code"], given["issuing_state"]) == (
        *("FA1234567", "P<"),
        "UZB",
    )
    assert (given["com_lds_version"], given["issued_on"]) == ("0108", date(2026, 11, 1))
    assert given["card_access"] == good.files["EF.CardAccess"]
    inspect(replace(good, files={}), store=store, now=now, optical=specimen.mrz)
    assert (given["com_lds_version"], given["issued_on"], given["document_number"]) == (None, None, "")


def test_aborted_read_is_never_held_against_a_promised_proof(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    lifted = replace(good, files={}, access=None, problem=CardRemoved("lifted"), aborted=True)
    report = inspect(lifted, store=store, now=now, optical=specimen.mrz)
    mapping = check_of(report, CHIP_AUTHENTICATION_MAPPING)
    assert (mapping.outcome, told(mapping)) == (
        O.ABORTED,
        {(ReportReason.READ_ABORTED, CardErrorCode.CARD_REMOVED)},
    )


# -- the record ----------------------------------------------------------------------------------


def test_everything_an_auditor_asks_for(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    later = now + timedelta(days=3)
    record = json.loads(json.dumps(inspect(good, store=store, now=later, optical=specimen.mrz).to_json()))
    found = {item["name"]: item for group in record["groups"] for item in group["checks"]}
    assert found["sod_signer"]["evidence"].keys() >= {"subject", "serial", "sha256"}
    assert found["csca"]["evidence"].keys() >= {"subject", "serial", "sha256", "trust_data_days"}
    assert found["ds_revocation"]["evidence"].keys() >= {"this_update", "number", "crl_days"}
    assert found["csca"]["mandatory"]
    assert not found[contents.KNOWN_DEFECTS]["counts"]
    assert record["trust_data_days"] == 3
    assert record["profile"]["mandatory"] == sorted(DOCUMENT.mandatory)
    reading = record["reading"]
    assert [step["step"] for step in reading["steps"]] == list(ReadStep)
    assert reading["files"] == {name: len(data) for name, data in good.files.items()}
    assert reading["access"] == {"protocol": "PACE-ECDH-GM-AES-128", "parameters": "secp256r1"}
    assert (reading["aborted"], reading["problem"], reading["groups_protected"]) == (False, None, [])
    assert set(record["personal"]["file_sha256"]) == set(good.files)
    assert inspect(None, store=store, now=now, optical=None).to_json()["reading"] is None
