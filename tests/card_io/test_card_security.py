"""Chip authentication mapping counts only with an EF.CardSecurity that the issuing state signed."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from card_io.emrtd.cam import SECURITY_OBJECT, ChipAuthenticationMappingResult
from card_io.emrtd.card_security import card_security_check, chip_mapping_check
from card_io.emrtd.checks import ReportReason
from card_io.tlv import Tlv
from crypto.cms import SignedData, build_signed_data
from crypto.pki_lab import LabPki
from crypto.trust import Check, Outcome, Reason, TrustStore

INFOS = bytes(Tlv.of(0x31))


@pytest.fixture(scope="module")
def signed(lab: LabPki) -> bytes:
    return build_signed_data(SECURITY_OBJECT, INFOS, lab.signer("UZ"))


def judge(content: bytes | None, store: TrustStore, now: datetime, state: str | None) -> Check:
    return card_security_check(content, store, now=now, issuing_state=state, document_code="P<")


def reasons(check: Check) -> set[str]:
    return {str(finding.reason) for finding in check.findings}


def test_signed_by_the_issuing_state(signed: bytes, store: TrustStore, now: datetime) -> None:
    check = judge(signed, store, now, "UZB")
    assert check.outcome is Outcome.SUCCESSFUL
    assert check.evidence["sha256"]


def test_signed_by_another_state(signed: bytes, store: TrustStore, now: datetime) -> None:
    check = judge(signed, store, now, "KAZ")
    assert (check.outcome, reasons(check) >= {Reason.COUNTRY_MISMATCH}) == (Outcome.FAILED, True)
    unread = judge(signed, store, now, None)
    assert (unread.outcome, reasons(unread) >= {Reason.DG_NOT_READ}) == (Outcome.UNDETERMINED, True)


def test_not_trusted(signed: bytes, now: datetime) -> None:
    check = judge(signed, TrustStore(), now, "UZB")
    assert check.outcome is not Outcome.SUCCESSFUL


def test_signer_past_its_end(signed: bytes, store: TrustStore, now: datetime) -> None:
    late = judge(signed, store, now + timedelta(days=9000), "UZB")
    assert late.outcome is not Outcome.SUCCESSFUL


def test_not_signed(signed: bytes, lab: LabPki, store: TrustStore, now: datetime) -> None:
    missing = judge(None, store, now, "UZB")
    assert (missing.outcome, reasons(missing)) == (Outcome.UNDETERMINED, {Reason.SOD_MISSING})
    broken = judge(signed[:-1], store, now, "UZB")
    assert (broken.outcome, reasons(broken)) == (Outcome.FAILED, {Reason.SOD_MALFORMED})
    other = judge(build_signed_data("1.2.3", INFOS, lab.signer("UZ")), store, now, "UZB")
    assert (other.outcome, reasons(other)) == (Outcome.FAILED, {Reason.SOD_WRONG_CONTENT_TYPE})
    changed = bytearray(signed)
    changed[-1] ^= 1
    wrong = judge(bytes(changed), store, now, "UZB")
    assert (wrong.outcome, reasons(wrong)) == (Outcome.FAILED, {Reason.SOD_SIGNATURE_INVALID})


GOOD = Check("card_security", Outcome.SUCCESSFUL)
PROVED = ChipAuthenticationMappingResult("PACE-ECDH-CAM-AES-128", Outcome.SUCCESSFUL, public_key=b"\x04")


@pytest.mark.parametrize("vouched", list(Outcome))
def test_the_proof_counts_only_with_a_trusted_file(vouched: Outcome) -> None:
    check = chip_mapping_check(PROVED, Check("card_security", vouched))
    expected = Outcome.SUCCESSFUL if vouched is Outcome.SUCCESSFUL else Outcome.UNDETERMINED
    assert check.outcome is expected
    assert reasons(check) == (set() if vouched is Outcome.SUCCESSFUL else {ReportReason.CHIP_KEY_NOT_SIGNED})
    assert check.evidence == {"protocol": PROVED.protocol, "public_key": "04"}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.FAILED, ReportReason.CHIP_AUTHENTICATION_FAILED),
        (Outcome.UNDETERMINED, ReportReason.CHIP_AUTHENTICATION_OPEN),
        (Outcome.ABORTED, ReportReason.CHIP_AUTHENTICATION_OPEN),
    ],
)
def test_a_proof_that_was_not_given(outcome: Outcome, reason: ReportReason) -> None:
    check = chip_mapping_check(ChipAuthenticationMappingResult("PACE", outcome, "why"), GOOD)
    assert reasons(check) == {reason}
    assert check.outcome is (Outcome.FAILED if outcome is Outcome.FAILED else Outcome.UNDETERMINED)


@given(st.integers(0, 10**6))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_content_is_trusted(signed: bytes, store: TrustStore, now: datetime, place: int) -> None:
    damaged = bytearray(signed)
    bit = place % (8 * len(signed))
    damaged[bit // 8] ^= 1 << bit % 8
    check = judge(bytes(damaged), store, now, "UZB")
    if check.outcome is Outcome.SUCCESSFUL:  # flips outside what is signed
        assert SignedData.parse(bytes(damaged)).content == INFOS
