"""Each variant of the test PKI has one reason, each reason has a variant: a table in both directions.

What is collected here was produced by an inspection or an import in this file, not read from a list.
"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crypto.certificates.asn1 import encode
from crypto.cms import build_signed_data
from crypto.issuing import build_crl
from crypto.pki_lab import LabPki
from crypto.pki_lab.zoo import DocumentSpec, Zoo, issue_document, issue_list
from crypto.trust import (
    ImportReason,
    Outcome,
    PassiveAuthentication,
    Reason,
    TrustStore,
    import_file,
    passive_authentication,
)
from crypto.trust.signed_list import MASTER_LIST

ZOO = Zoo.standard()
WORST_FIRST = (Outcome.FAILED, Outcome.ABORTED, Outcome.UNDETERMINED)


@pytest.fixture(scope="module")
def lab(standard_lab: LabPki) -> LabPki:
    return standard_lab


@pytest.fixture(scope="module")
def judged(lab: LabPki, now: datetime) -> dict[str, PassiveAuthentication]:
    """Every document of the zoo by name, inspected."""
    store = TrustStore.from_directory(lab.trust_directory, loaded_at=now)
    return {
        spec.name: passive_authentication(**issue_document(lab, spec, now).arguments(), store=store, now=now)
        for spec in ZOO.documents
    }


def primary(result: PassiveAuthentication) -> str:
    """The first reason of the first check with the worst outcome: what a screen shows on top."""
    for outcome in WORST_FIRST:
        for check in result.checks:
            if check.outcome is outcome:
                return str(check.findings[0].reason)
    return ""


def reached(result: PassiveAuthentication) -> set[str]:
    return {str(finding.reason) for check in result.checks for finding in check.findings}


def test_each_variant_has_exactly_one_reason_on_top(judged: dict[str, PassiveAuthentication]) -> None:
    wanted = {spec.name: spec.reason for spec in ZOO.documents}
    assert {name: primary(result) for name, result in judged.items()} == wanted
    assert len(wanted) == len(ZOO.documents)  # no two variants of one name


def test_what_follows_is_named(judged: dict[str, PassiveAuthentication]) -> None:
    """A second reason stands only where the first makes it so, and the zoo says it."""
    for spec in ZOO.documents:
        stated = {
            str(finding.reason)
            for check in judged[spec.name].checks
            if check.outcome in WORST_FIRST
            for finding in check.findings
        }
        assert stated == ({spec.reason} if spec.reason else set()) | set(spec.also), spec.name
        assert spec.reason not in spec.also


def test_every_outcome_but_success_says_why(judged: dict[str, PassiveAuthentication]) -> None:
    for result in judged.values():
        assert all(check.findings for check in result.checks if check.outcome is not Outcome.SUCCESSFUL)


def test_no_reason_is_without_a_case(
    judged: dict[str, PassiveAuthentication], lab: LabPki, now: datetime, tmp_path: Path
) -> None:
    """The list of reasons that nothing reaches is empty."""
    seen = set().union(*(reached(result) for result in judged.values()))
    home, brought = tmp_path / "trust", tmp_path / "deviations.dl"
    for name in ("KZ_csca.cer", "KZ.crl"):
        import_file(home, lab.trust_directory / name, now=now)
    listed = next(item for item in ZOO.lists if item.kind == "deviation_list" and not item.reason)
    brought.write_bytes(issue_list(lab, listed, now))
    assert import_file(home, brought, now=now).usable == 1
    store = TrustStore.from_directory(home, loaded_at=now)
    changed = next(item for item in ZOO.documents if item.reason == Reason.DG_HASH_MISMATCH)
    explained = passive_authentication(**issue_document(lab, changed, now).arguments(), store=store, now=now)
    seen |= reached(explained)
    assert sorted(set(Reason) - seen) == []


def badly_filled(lab: LabPki, now: datetime) -> bytes:
    """A master list, well signed, with what no master list may hold."""
    odd_curve = bytearray(lab.csca("UZ").der)
    odd_curve[odd_curve.index(bytes.fromhex("2a8648ce3d0101"))] ^= 1  # the field type of its parameters
    members = (bytes(odd_curve), b"\x30\x00", lab.signer("UZ").certificate.der)
    content = encode(0x30, b"\x02\x01\x00" + encode(0x31, b"".join(members)))
    return build_signed_data(MASTER_LIST, content, lab.signer("KZ", "lists"), signing_time=now)


def test_no_reason_of_an_import_is_without_a_case(lab: LabPki, now: datetime, tmp_path: Path) -> None:
    seen: set[ImportReason] = set()

    def bring(name: str, data: bytes, home: str, at: datetime = now) -> None:
        file = tmp_path / name
        file.write_bytes(data)
        seen.update(item.reason for item in import_file(tmp_path / home, file, now=at).rejected)

    trust = {path.name: path.read_bytes() for path in lab.trust_directory.iterdir() if path.is_file()}
    for number, spec in enumerate(ZOO.lists):
        for name in ("KZ_csca.cer", "KZ.crl"):
            bring(name, trust[name], f"home{number}")
        bring("list", issue_list(lab, spec, now), f"home{number}")
    bring("nothing.txt", b"nothing at all", "own")
    bring("KZ_csca.cer", trust["KZ_csca.cer"], "own")
    bring("members.ml", badly_filled(lab, now), "own")
    authority, end = lab._authority("KZ"), now + timedelta(days=90)
    newer = build_crl(authority, number=9, this_update=now, next_update=end).der
    older = build_crl(authority, number=8, this_update=now - timedelta(days=1), next_update=end).der
    for name, data in (("new", newer), ("old", older), ("bad", newer[:-1] + bytes([newer[-1] ^ 1]))):
        bring(f"{name}.crl", data, "own")
    assert sorted(set(ImportReason) - seen) == []


def test_documents_of_the_zoo_are_named_by_their_defect() -> None:
    """Two documents that differ in nothing would prove one thing twice."""
    rows = [
        DocumentSpec("", item.country, item.signer, item.defect, item.state, item.code)
        for item in ZOO.documents
    ]
    assert len(set(rows)) == len(rows)
