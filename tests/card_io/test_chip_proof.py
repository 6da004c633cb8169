"""Chip authentication inside a whole read, and what the verdict makes of it."""

import secrets
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from card_io.emrtd import checks
from card_io.emrtd.checks import ReportReason
from card_io.emrtd.files import BlockSize
from card_io.emrtd.reader import ReadResult, ReadStep, StepOutcome, read_document
from card_io.emrtd.report import InspectionReport, inspect
from card_io.errors import CardErrorCode, CardRemoved
from card_io.lds.data_groups import build_dg1
from card_io.lds.face import build_dg2
from card_io.lds.index import FILES, build_com
from card_io.lds.security_infos import ChipAuthenticationInfo, SecurityInfo, build_dg14
from crypto.pki_lab import LabPki
from crypto.trust import Check, Outcome, TrustStore
from tests.card_io.conftest import LINES
from tests.card_io.proving_chip import INFOS, ProvingChip

IMPOSTOR = ec.derive_private_key(0xBAD, ec.SECP256R1())


def signed_files(lab: LabPki, now: datetime, infos: tuple[SecurityInfo, ...] = INFOS) -> dict[str, bytes]:
    groups = {
        1: bytes(build_dg1(LINES)),
        2: build_dg2(b"\xff\xd8\xff" + bytes(range(256)) * 8, 300, 400),
        14: bytes(build_dg14(infos)),
    }
    files = {f"DG{number}": data for number, data in groups.items()}
    files["EF.COM"] = bytes(build_com(FILES[name].tag or 0 for name in files))
    files["EF.SOD"] = lab.sign_sod("UZ", groups, now)
    return files


@pytest.fixture(scope="session")
def files(lab: LabPki, now: datetime) -> dict[str, bytes]:
    return signed_files(lab, now)


def read(chip: Any, specimen: Any, **options: Any) -> ReadResult:
    return read_document(chip, specimen.key, random=secrets.token_bytes, **options)


def judged(report: InspectionReport, name: str = checks.CHIP_AUTHENTICATION) -> Check:
    return next(item for item in report.checks if item.name == name)


def verdict(result: ReadResult, specimen: Any, store: TrustStore, now: datetime) -> InspectionReport:
    return inspect(result, store=store, now=now, optical=specimen.mrz)


def test_honest_chip_is_genuine(files: Any, specimen: Any, store: TrustStore, now: datetime) -> None:
    chip = ProvingChip(files)
    result = read(chip, specimen)
    assert dict(result.files) == files
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.SUCCESSFUL
    report = verdict(result, specimen, store, now)
    assert report.chip_is_genuine
    assert report.outcome("chip_authenticity") is Outcome.SUCCESSFUL
    evidence = judged(report).evidence
    assert (evidence["protocol"], evidence["key_id"]) == ("CA-ECDH-AES-128", "5")
    assert evidence["terminal_key"].startswith("04")
    protected = [command for command in chip.log if command.cla == 0x0C]
    assert len(protected) == -(-len(files["DG2"]) // 223)  # the proof costs no command of its own


def test_no_more_commands_than_needed(files: Any, specimen: Any) -> None:
    for block in (160, 223):
        chip = ProvingChip(files)
        read(chip, specimen, block=BlockSize(block))
        reads = [command for command in chip.log if command.ins == 0xB0]
        probe = 2  # EF.CardAccess is not there, and whether the chip is plain is tried on EF.COM
        assert len(reads) - probe == sum(-(-len(data) // block) for data in files.values())


def test_untrusted_or_unsigned_key_does_not_count(files: Any, specimen: Any, now: datetime) -> None:
    report = verdict(read(ProvingChip(files), specimen), specimen, TrustStore(loaded_at=now), now)
    assert not report.chip_is_genuine
    assert judged(report).outcome is Outcome.UNDETERMINED
    assert judged(report).findings[0].reason == ReportReason.CHIP_KEY_NOT_SIGNED


def test_dg14_of_the_forger_is_red(
    files: Any, lab: LabPki, specimen: Any, store: TrustStore, now: datetime
) -> None:
    """gmrtd #349: a chip that proves a key of its own, which nobody signed."""
    other = signed_files(lab, now, infos=())
    result = read(ProvingChip({**other, "DG14": files["DG14"]}), specimen)
    report = verdict(result, specimen, store, now)
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.SUCCESSFUL
    assert not report.chip_is_genuine
    assert report.overall is Outcome.FAILED
    assert judged(report).findings[0].reason == ReportReason.CHIP_KEY_NOT_SIGNED


@pytest.mark.parametrize("groups", [(1, 2, 14), (14,)])
def test_chip_without_the_key_fails(
    groups: tuple[int, ...], files: Any, specimen: Any, store: TrustStore, now: datetime
) -> None:
    result = read(ProvingChip(files, key=IMPOSTOR), specimen, groups=groups)
    assert result.problem is None
    assert set(result.data_groups) == set(groups)
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.FAILED
    report = verdict(result, specimen, store, now)
    assert not report.chip_is_genuine
    assert report.overall is Outcome.FAILED
    assert judged(report).findings[0].reason == ReportReason.CHIP_AUTHENTICATION_FAILED


def test_refusal_fails_and_the_rest_is_read(files: Any, specimen: Any) -> None:
    result = read(ProvingChip(files, refusal=0x6300), specimen)
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.FAILED
    assert result.chip_authentication.detail == "chip refused with 6300"
    assert dict(result.files) == files


def test_session_that_ends_over_a_length_is_proven_again(files: Any, specimen: Any) -> None:
    result = read(ProvingChip(files, longest=160), specimen)
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.SUCCESSFUL
    assert dict(result.files) == files
    assert result.block.size == 160


def test_proof_is_confirmed_when_nothing_else_is_read(files: Any, specimen: Any) -> None:
    chip = ProvingChip(files)
    result = read(chip, specimen, groups=(14,))
    assert result.chip_authentication is not None
    assert result.chip_authentication.outcome is Outcome.SUCCESSFUL
    assert [command.ins for command in chip.log if command.cla == 0x0C] == [0xA4]


def test_offer_that_cannot_be_used_stays_open(
    lab: LabPki, specimen: Any, store: TrustStore, now: datetime
) -> None:
    odd = signed_files(lab, now, infos=(ChipAuthenticationInfo("0.4.0.127.0.7.2.2.3.2.2"),))
    result = read(ProvingChip(odd), specimen)
    assert result.chip_authentication is not None
    assert result.chip_authentication.detail == CardErrorCode.CARD_PROTOCOL_UNSUPPORTED
    report = verdict(result, specimen, store, now)
    assert judged(report).outcome is Outcome.UNDETERMINED
    assert report.overall is Outcome.UNDETERMINED


def test_lifted_at_every_command_is_aborted_and_never_failed(
    files: Any, specimen: Any, store: TrustStore, now: datetime
) -> None:
    class Lifted(ProvingChip):
        left = 0

        def send(self, command: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise CardRemoved("lifted")
            return super().send(command)

    for count in range(60):
        chip = Lifted(files)
        chip.left = count
        result = read(chip, specimen)
        report = verdict(result, specimen, store, now)
        if result.problem is None:
            break
        assert result.aborted
        assert report.overall is Outcome.ABORTED
        assert judged(report).outcome in (Outcome.ABORTED, Outcome.SUCCESSFUL)
        assert result.steps[-1].outcome is StepOutcome.ABORTED
    assert result.problem is None
    assert {step.step for step in result.steps} == set(ReadStep)
