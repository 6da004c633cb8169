"""The verdict tree: green only for a signed, unexpired, matching document, and a reason for all else."""

import json
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from card_io.apdu import Command, Response
from card_io.emrtd import checks
from card_io.emrtd.access import AccessKey
from card_io.emrtd.checks import ReportReason
from card_io.emrtd.reader import ReadResult, read_document
from card_io.emrtd.report import GROUPS, OWN_CARD, InspectionReport, Profile, inspect
from card_io.errors import CardRemoved
from card_io.lds.mrz import Mrz, check_digit, format_td3, parse
from card_io.lds.security_infos import PaceInfo, build_dg15
from crypto.trust import Outcome, Reason, TrustStore

O = Outcome  # noqa: E741
FIELDS = {
    "document_code": "P",
    "issuer": "UZB",
    "document_number": "FA1234567",
    "birth": "900214",
    "sex": "M",
    "expiry": "310213",
    "nationality": "UZB",
    "surname": "SPECIMENOV",
    "given_names": "TEST",
    "optional": "12345678901234",
}


def printed(**changed: str) -> Mrz:
    return parse(format_td3(**{**FIELDS, **changed}))


def read(link: Any, key: AccessKey, **options: Any) -> ReadResult:
    return read_document(link, key, random=secrets.token_bytes, **options)


@pytest.fixture(scope="session")
def good(specimen: Any) -> ReadResult:
    return read(specimen.link(), specimen.key)


def outcome_of(report: InspectionReport, name: str) -> Outcome:
    return next(item.outcome for item in report.checks if item.name == name)


def found(report: InspectionReport) -> set[tuple[str, str]]:
    return {(reason, detail) for _, reason, detail in report.reasons()}


def test_good_document_is_green(good: ReadResult, specimen: Any, store: TrustStore, now: datetime) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    assert tuple(report.groups) == GROUPS
    assert report.overall is O.SUCCESSFUL
    assert report.chip_is_genuine
    assert {name: report.outcome(name) for name in GROUPS} == dict.fromkeys(GROUPS, O.SUCCESSFUL)
    assert report.chip_mrz == specimen.mrz
    proof = next(item for item in report.checks if item.name == checks.ACTIVE_AUTHENTICATION)
    assert proof.evidence["protocol"] == "AA-ECDSA-SHA256"


def test_a_zone_typed_by_hand_is_yellow_at_best(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz, typed=True)
    assert report.overall is O.UNDETERMINED
    assert ("mrz_source", "MRZ_TYPED") in {(item.name, reason) for item, reason, _ in report.reasons()}


def test_checks_without_equipment_are_shown_and_do_not_count(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    report = inspect(good, store=store, now=now, optical=specimen.mrz)
    for name in (checks.ULTRAVIOLET, checks.INFRARED, checks.PRINT):
        item = next(item for item in report.groups["optical"] if item.name == name)
        assert item.outcome is O.NOT_SUPPORTED
        assert item.findings[0].reason == ReportReason.NOT_PERFORMED
    strict = Profile(report.profile.mandatory | {checks.ULTRAVIOLET}, frozenset())
    again = inspect(good, store=store, now=now, optical=specimen.mrz, profile=strict)
    assert again.overall is O.UNDETERMINED


def test_every_check_that_is_not_successful_says_why(
    good: ReadResult, specimen: Any, store: TrustStore, now: datetime
) -> None:
    lifted = replace(good, files={}, access=None, problem=CardRemoved("x"), aborted=True)
    for result in (good, None, lifted):
        for optical in (specimen.mrz, None):
            report = inspect(result, store=store, now=now, optical=optical)
            for item in report.checks:
                assert item.outcome is O.SUCCESSFUL or item.findings, item
            names = [item.name for item in report.checks]
            assert len(names) == len(set(names))


def test_no_trusted_authority_is_never_green(good: ReadResult, specimen: Any, now: datetime) -> None:
    report = inspect(good, store=TrustStore(loaded_at=now), now=now, optical=specimen.mrz)
    assert report.overall is O.UNDETERMINED
    assert not report.chip_is_genuine
    assert (Reason.CSCA_UNKNOWN, "") in {(reason, "") for _, reason, _ in report.reasons()}
    # active authentication ran and verified, but nobody vouches for the key
    assert outcome_of(report, checks.ACTIVE_AUTHENTICATION) is O.UNDETERMINED
    assert (ReportReason.CHIP_KEY_NOT_SIGNED, "DG15") in found(report)


def test_profile_cannot_make_an_unsigned_document_green(
    good: ReadResult, specimen: Any, now: datetime
) -> None:
    everything = frozenset(
        item.name
        for item in inspect(good, store=TrustStore(loaded_at=now), now=now, optical=specimen.mrz).checks
    )
    lax = Profile(frozenset(), everything - {checks.EXPIRY})
    report = inspect(good, store=TrustStore(loaded_at=now), now=now, optical=specimen.mrz, profile=lax)
    assert report.outcome("combined") is O.SUCCESSFUL
    assert report.overall is O.UNDETERMINED


def test_tampered_face_is_red_and_named(specimen: Any, store: TrustStore, now: datetime) -> None:
    face = bytearray(specimen.files["DG2"])
    face[4000] ^= 1
    forged = specimen.with_files(DG2=bytes(face))
    report = inspect(read(forged.link(), forged.key), store=store, now=now, optical=specimen.mrz)
    assert report.overall is O.FAILED
    assert report.outcome("integrity") is O.FAILED
    assert (Reason.DG_HASH_MISMATCH, "DG2") in found(report)
    assert not report.chip_is_genuine
    assert report.reasons()[0][0].outcome is O.FAILED


def test_chip_with_another_key_is_a_copy(specimen: Any, store: TrustStore, now: datetime) -> None:
    copy = replace(specimen, aa_key=ec.derive_private_key(0xBAD, ec.SECP256R1()))
    report = inspect(read(copy.link(), copy.key), store=store, now=now, optical=specimen.mrz)
    assert report.outcome("chip_authenticity") is O.FAILED
    assert report.overall is O.FAILED
    assert (ReportReason.CHIP_AUTHENTICATION_FAILED, "") in found(report)
    assert report.outcome("integrity") is O.SUCCESSFUL


def test_copy_that_brings_its_own_key(specimen: Any, store: TrustStore, now: datetime) -> None:
    """DG15 replaced by the copier's own: the protocol runs, the chip is not genuine (gmrtd #349)."""
    key = ec.derive_private_key(0xBAD, ec.SECP256R1())
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    dg15 = bytes(build_dg15(key.public_key().public_bytes(encoding, form)))
    copy = replace(specimen.with_files(DG15=dg15), aa_key=key)
    result = read(copy.link(), copy.key)
    assert result.active_authentication is not None
    assert result.active_authentication.outcome is O.SUCCESSFUL
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    assert not report.chip_is_genuine
    assert outcome_of(report, checks.ACTIVE_AUTHENTICATION) is O.UNDETERMINED
    assert (Reason.DG_HASH_MISMATCH, "DG15") in found(report)
    assert report.overall is O.FAILED


def test_copy_that_hides_its_key(specimen: Any, store: TrustStore, now: datetime) -> None:
    hidden = specimen.with_files(DG15=None)
    report = inspect(read(hidden.link(), hidden.key), store=store, now=now, optical=specimen.mrz)
    assert outcome_of(report, checks.ACTIVE_AUTHENTICATION) is O.UNDETERMINED
    assert report.overall is O.UNDETERMINED
    assert not report.chip_is_genuine


def test_document_without_active_authentication(make_specimen: Any, store: TrustStore, now: datetime) -> None:
    older = make_specimen(aa=False, pace=())
    result = read(older.link(pace=False), older.key)
    report = inspect(result, store=store, now=now, optical=older.mrz)
    assert report.outcome("chip_authenticity") is O.NOT_SUPPORTED
    assert report.overall is O.SUCCESSFUL  # optional for foreign documents
    assert not report.chip_is_genuine
    own = inspect(result, store=store, now=now, optical=None, profile=OWN_CARD)
    assert own.overall is O.UNDETERMINED  # ours must prove themselves


def test_own_card_needs_no_optics(good: ReadResult, store: TrustStore, now: datetime) -> None:
    assert inspect(good, store=store, now=now, optical=None, profile=OWN_CARD).overall is O.SUCCESSFUL
    report = inspect(good, store=store, now=now, optical=None)
    assert report.overall is O.UNDETERMINED
    assert (ReportReason.MRZ_NOT_READ, "") in found(report)


@pytest.mark.parametrize(
    ("changed", "field", "outcome"),
    [
        ({"surname": "ANOTHER"}, "surname", O.FAILED),
        ({"given_names": "TEST TOO"}, "given_names", O.FAILED),
        ({"document_number": "FA1234568"}, "document_number", O.FAILED),
        ({"birth": "900215"}, "birth", O.FAILED),
        ({"sex": "F"}, "sex", O.FAILED),
        ({"expiry": "320213"}, "expiry", O.FAILED),
        ({"nationality": "KGZ"}, "nationality", O.FAILED),
        ({"issuer": "KGZ"}, "issuer", O.FAILED),
        ({"optional": "12345678901235"}, "optional", O.UNDETERMINED),
    ],
)
def test_printed_mrz_against_chip_field_by_field(
    good: ReadResult, store: TrustStore, now: datetime, changed: dict[str, str], field: str, outcome: Outcome
) -> None:
    report = inspect(good, store=store, now=now, optical=printed(**changed))
    assert outcome_of(report, checks.MRZ_MATCH) is outcome
    assert (ReportReason.MRZ_DG1_MISMATCH, field) in found(report)
    assert report.overall is outcome
    assert report.chip_is_genuine  # the chip is; the page is not its page


def test_wrong_check_digit(good: ReadResult, specimen: Any, store: TrustStore, now: datetime) -> None:
    first, second = specimen.mrz.lines
    digit = "1" if second[9] != "1" else "2"
    misprint = parse((first, second[:9] + digit + second[10:]))
    report = inspect(good, store=store, now=now, optical=misprint)
    assert report.outcome("optical") is O.FAILED
    assert (ReportReason.MRZ_CHECK_DIGIT_WRONG, "document_number") in found(report)
    assert (ReportReason.MRZ_CHECK_DIGIT_WRONG, "composite") in found(report)
    assert outcome_of(report, checks.MRZ_MATCH) is O.UNDETERMINED


def test_expiry_window(make_specimen: Any, store: TrustStore, now: datetime) -> None:
    good, bad = O.SUCCESSFUL, O.FAILED
    for expiry, outcome in (("261121", bad), ("261122", good), ("411122", good), ("421122", bad)):
        specimen = make_specimen(lines=printed(expiry=expiry).lines, face=100)
        report = inspect(read(specimen.link(), specimen.key), store=store, now=now, optical=specimen.mrz)
        assert outcome_of(report, checks.EXPIRY) is outcome, expiry
        assert report.overall is outcome
    first, second = printed().lines  # writing refuses such a date
    second = second[:21] + "269931" + check_digit("269931") + second[28:43]
    second += check_digit(second[:10] + second[13:20] + second[21:43])
    odd = make_specimen(lines=(first, second), face=100)
    report = inspect(read(odd.link(), odd.key), store=store, now=now, optical=odd.mrz)
    assert outcome_of(report, checks.EXPIRY) is O.UNDETERMINED
    assert {(ReportReason.EXPIRY_UNREADABLE, ""), (ReportReason.MRZ_DATE_IMPOSSIBLE, "expiry")} <= found(
        report
    )


def test_expired_tomorrow(good: ReadResult, specimen: Any, store: TrustStore, now: datetime) -> None:
    report = inspect(good, store=store, now=now + timedelta(days=3650), optical=specimen.mrz)
    assert (ReportReason.DOCUMENT_EXPIRED, "") in found(report)
    assert report.overall is O.FAILED


def test_other_country_signed(make_specimen: Any, store: TrustStore, now: datetime) -> None:
    specimen = make_specimen(country="KZ")
    report = inspect(read(specimen.link(), specimen.key), store=store, now=now, optical=specimen.mrz)
    assert report.outcome("issuing_state") is O.FAILED
    assert report.overall is O.FAILED


def test_fallback_is_noted_and_downgrade_is_not_green(
    make_specimen: Any, store: TrustStore, now: datetime
) -> None:
    integrated = make_specimen(pace=(PaceInfo("0.4.0.127.0.7.2.2.4.5.2", 2, 12),))
    report = inspect(read(integrated.link(), integrated.key), store=store, now=now, optical=integrated.mrz)
    assert (ReportReason.PACE_FALLBACK_BAC, "CARD_PROTOCOL_UNSUPPORTED") in found(report)
    assert report.outcome("chip_access") is O.SUCCESSFUL
    hidden = make_specimen().with_files(**{"EF_CardAccess": None})
    report = inspect(read(hidden.link(), hidden.key), store=store, now=now, optical=hidden.mrz)
    assert (ReportReason.PACE_DOWNGRADE, "") in found(report)
    assert report.overall is O.UNDETERMINED


def test_plain_chip_is_noted(make_specimen: Any, store: TrustStore, now: datetime) -> None:
    specimen = make_specimen(pace=())
    result = read(specimen.link(pace=False, bac=False), specimen.key)
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    assert outcome_of(report, checks.ACCESS_PROTOCOL) is O.NOT_SUPPORTED
    assert (ReportReason.ACCESS_PLAIN, "") in found(report)


def test_no_chip(specimen: Any, store: TrustStore, now: datetime) -> None:
    report = inspect(None, store=store, now=now, optical=specimen.mrz)
    assert report.overall is O.UNDETERMINED
    assert report.outcome("optical") is O.SUCCESSFUL
    assert report.outcome("security_object") is O.NOT_SUPPORTED
    assert (ReportReason.NO_CHIP, "") in found(report)


def test_wrong_key_is_undetermined(specimen: Any, store: TrustStore, now: datetime) -> None:
    result = read(specimen.link(), AccessKey(can="999999"))
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    assert (ReportReason.ACCESS_DENIED, "") in found(report)
    assert report.overall is O.UNDETERMINED


def test_lifted_document_is_aborted_never_failed(specimen: Any, store: TrustStore, now: datetime) -> None:
    class Lifted:
        def __init__(self, count: int) -> None:
            self.link, self.left = specimen.link(), count

        def send(self, command: Command) -> Response:
            self.left -= 1
            if self.left < 0:
                raise CardRemoved("lifted")
            return self.link.send(command)

    ended = set()
    for count in range(0, 90, 3):
        result = read(Lifted(count), specimen.key)
        report = inspect(result, store=store, now=now, optical=specimen.mrz)
        ended.add(report.overall)
        if result.problem is not None:
            assert report.overall is O.ABORTED, (count, report.reasons())
            assert report.chip_is_genuine is ("DG2" in result.files)  # all that matters was read by then
    assert ended == {O.ABORTED, O.SUCCESSFUL}


def test_record(good: ReadResult, specimen: Any, store: TrustStore, now: datetime) -> None:
    record = inspect(good, store=store, now=now, optical=specimen.mrz).to_json()
    text = json.dumps(record)
    assert [group["name"] for group in record["groups"]] == list(GROUPS)
    assert record["overall"] == "successful"
    personal = record.pop("personal")
    assert personal["chip_mrz"] == list(specimen.mrz.lines)
    rest = json.dumps(record)
    assert len(text) < 20000
    for secret in ("SPECIMENOV", "FA1234567", "900214", specimen.mrz.lines[1]):
        assert secret not in rest
    uv = next(item for item in record["groups"][0]["checks"] if item["name"] == checks.ULTRAVIOLET)
    assert uv["counts"] is False
    assert uv["findings"] == [{"reason": "NOT_PERFORMED", "detail": ""}]
