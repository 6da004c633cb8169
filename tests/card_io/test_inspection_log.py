"""The log of an inspection: every check with its result and code, personal data in another record."""

import json
import secrets
from datetime import datetime
from typing import Any

import pytest

from card_io.emrtd import checks
from card_io.emrtd.checks import ReportReason
from card_io.emrtd.inspection_log import (
    FIRST_VENDOR_CODE,
    LAST_VENDOR_CODE,
    LogProfile,
    LogRecord,
    log_record,
    vendor_code,
)
from card_io.emrtd.reader import ReadResult, ReadStep, read_document
from card_io.emrtd.report import GROUPS, inspect
from card_io.errors import CardRemoved
from crypto.trust import Reason, TrustStore


def ticks() -> Any:
    moments = iter(range(1000))
    return lambda: float(next(moments))


def read(specimen: Any, link: Any = None, **options: Any) -> ReadResult:
    chip = link or specimen.link()
    return read_document(chip, specimen.key, random=secrets.token_bytes, clock=ticks(), **options)


def logged(
    result: ReadResult | None, specimen: Any, store: TrustStore, now: datetime, profile: LogProfile
) -> LogRecord:
    report = inspect(result, store=store, now=now, optical=specimen.mrz)
    return log_record(report, result, transaction="T-1", software="1.0", profile=profile)


@pytest.mark.parametrize("profile", LogProfile)
def test_personal_data_is_apart(profile: LogProfile, specimen: Any, store: TrustStore, now: datetime) -> None:
    result = read(specimen)
    record = logged(result, specimen, store, now, profile)
    text = json.dumps(record.log)
    assert result.active_authentication is not None
    proof = result.active_authentication
    for secret in (*specimen.mrz.lines, "SPECIMENOV", "FA1234567", "900214", proof.signature.hex()):
        assert secret not in text
    assert record.personal["chip_mrz"] == list(specimen.mrz.lines)
    assert record.personal["transaction"] == record.log["transaction"] == "T-1"
    proofs = record.personal["chip_proofs"][checks.ACTIVE_AUTHENTICATION]
    assert proofs["signature"] == proof.signature.hex()
    assert (record.log["state"], record.log["result"]) == ("terminated", "successful")


def test_every_check_is_logged(specimen: Any, store: TrustStore, now: datetime) -> None:
    log = logged(read(specimen), specimen, store, now, LogProfile.OPERATIONAL).log
    assert [group["name"] for group in log["groups"]] == list(GROUPS)
    entries = [entry for group in log["groups"] for entry in group["checks"]]
    assert [entry["name"] for entry in entries if not entry["id"]] == [checks.READING]  # ours alone
    assert {entry["use"] for entry in entries} == {"mandatory", "optional", "evaluatory"}
    by_name = {entry["name"]: entry for entry in entries}
    access = by_name[checks.ACCESS_PROTOCOL]
    assert access["parameters"] == {"protocol": "PACE-ECDH-GM-AES-128", "parameters": "secp256r1"}
    assert (access["id"], access["errors"]) == ("E2", [])
    terminal = by_name[checks.TERMINAL_AUTHENTICATION]
    assert (terminal["use"], terminal["result"]) == ("evaluatory", "not supported")
    assert terminal["errors"][0]["code"] == vendor_code("NOT_PERFORMED")
    assert [step["step"] for step in log["steps"]] == list(ReadStep)
    assert {step["milliseconds"] for step in log["steps"]} == {1000}


def test_statistics_hold_no_parameters(specimen: Any, store: TrustStore, now: datetime) -> None:
    log = logged(read(specimen), specimen, store, now, LogProfile.STATISTICS).log
    for group in log["groups"]:
        for entry in group["checks"]:
            assert set(entry) == {"id", "name", "use", "result", "errors"}


def test_lifted_document_is_an_aborted_process(specimen: Any, store: TrustStore, now: datetime) -> None:
    class Gone:
        def send(self, command: Any) -> Any:
            raise CardRemoved("lifted")

    log = logged(read(specimen, Gone()), specimen, store, now, LogProfile.OPERATIONAL).log
    assert (log["state"], log["result"]) == ("aborted", "aborted")
    assert log["steps"][-1]["code"] == "CARD_REMOVED"
    no_chip = logged(None, specimen, store, now, LogProfile.OPERATIONAL).log
    assert (no_chip["state"], no_chip["result"], no_chip["steps"]) == ("terminated", "undetermined", [])


def test_codes_are_distinct_and_in_the_range_of_vendors() -> None:
    reasons = [*map(str, ReportReason), *map(str, Reason)]
    codes = {vendor_code(reason) for reason in reasons}
    assert len(codes) == len(set(reasons))
    assert all(FIRST_VENDOR_CODE <= code <= LAST_VENDOR_CODE for code in codes)
    assert vendor_code("DOCUMENT_EXPIRED") == 777_783  # a number once given out stays
