"""The standard zoo: every test document and list ends in its own reason code, and every code is reached."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import MalformedData
from crypto.pki_lab import DeviationEntry, LabPki, build_deviation_list
from crypto.pki_lab.zoo import DocumentSpec, ListSpec, Specimen, Zoo, issue_document, issue_list
from crypto.trust import (
    Check,
    DeviationList,
    ImportReason,
    Outcome,
    PassiveAuthentication,
    Reason,
    TrustStore,
    import_file,
    passive_authentication,
)

ZOO = Zoo.standard()


@pytest.fixture(scope="module")
def lab(standard_lab: LabPki) -> LabPki:
    return standard_lab


@pytest.fixture(scope="module")
def trusted(lab: LabPki, now: datetime) -> TrustStore:
    return TrustStore.from_directory(lab.trust_directory, loaded_at=now)


def document(name: str) -> DocumentSpec:
    return next(item for item in ZOO.documents if item.name == name)


def judged(specimen: Specimen, store: TrustStore, now: datetime) -> PassiveAuthentication:
    return passive_authentication(**specimen.arguments(), store=store, now=now)


def reasons(result: PassiveAuthentication) -> set[str]:
    stated = (check for check in result.checks if check.outcome is not Outcome.NOT_SUPPORTED)
    return {str(finding.reason) for check in stated for finding in check.findings}


@pytest.mark.parametrize("spec", ZOO.documents, ids=lambda item: item.name.replace(" ", "-"))
def test_each_document_has_its_reason(
    spec: DocumentSpec, lab: LabPki, trusted: TrustStore, now: datetime
) -> None:
    result = judged(issue_document(lab, spec, now), trusted, now)
    assert result.outcome.value == spec.outcome
    assert reasons(result) == ({spec.reason} if spec.reason else set()) | set(spec.also)


@pytest.mark.parametrize("spec", ZOO.lists, ids=lambda item: item.name.replace(" ", "-"))
def test_each_list_has_its_reason(spec: ListSpec, lab: LabPki, tmp_path: Path, now: datetime) -> None:
    home, file = tmp_path / "trust", tmp_path / "brought"
    for name in ("KZ_csca.cer", "KZ.crl"):
        import_file(home, lab.trust_directory / name, now=now)
    file.write_bytes(issue_list(lab, spec, now))
    report = import_file(home, file, now=now)
    assert [item.reason.value for item in report.rejected] == ([spec.reason] if spec.reason else [])
    assert bool(report.imported) is not bool(spec.reason)


def test_every_reason_is_in_the_zoo() -> None:
    reached = {item.reason for item in ZOO.documents}
    assert {item.value for item in Reason} - reached == {"NOT_STATED", "DEVIATION_LISTED"}
    of_lists = {item.value for item in ImportReason if "LIST" in item.value}
    assert of_lists <= {item.reason for item in ZOO.lists}


def test_weaknesses_and_deviations_are_noted(lab: LabPki, trusted: TrustStore, now: datetime) -> None:
    def structure(name: str) -> list[Check]:
        return list(judged(issue_document(lab, document(name), now), trusted, now).groups["security_object"])

    assert structure("SHA-1")[0].evidence["weak"] == "sha1"
    assert structure("wrong SET order")[3].evidence["deviation"] == "signed attributes are not DER"
    assert structure("BER")[0].evidence["deviation"] == "indefinite length"
    assert "weak" not in structure("good")[0].evidence


def test_a_listed_defect_is_undetermined(lab: LabPki, tmp_path: Path, now: datetime) -> None:
    """Step 20: the trusted list explains DG2 of one signer, and nothing else."""
    home, file = tmp_path / "trust", tmp_path / "list.dl"
    for path in (lab.trust_directory / "KZ_csca.cer", lab.trust_directory / "KZ.crl"):
        import_file(home, path, now=now)
    spec = next(item for item in ZOO.lists if item.name == "good deviation list")
    file.write_bytes(issue_list(lab, spec, now))
    assert import_file(home, file, now=now).usable == 1
    store = TrustStore.from_directory(home, loaded_at=now)
    changed = document("portrait changed")
    result = judged(issue_document(lab, changed, now), store, now)
    assert result.outcome is Outcome.UNDETERMINED
    assert reasons(result) == {"DG_HASH_MISMATCH", "DEVIATION_LISTED"}
    listed = [item.detail for check in result.checks for item in check.findings if item.detail[:2] == "KZ"]
    assert listed == [f"KZ {now:%Y-%m-%d}: 2.2"]
    assert result.signed_data_groups == {1, 11}
    for name in ("signature changed", "group injected", "good"):
        spec_of = document(name)
        assert judged(issue_document(lab, spec_of, now), store, now).outcome.value == spec_of.outcome
    others = DocumentSpec("of another signer", signer="brainpool", defect="changed_group")
    assert judged(issue_document(lab, others, now), store, now).outcome is Outcome.FAILED


def test_trust_data_says_its_age(lab: LabPki, tmp_path: Path, now: datetime) -> None:
    home = tmp_path / "trust"
    import_file(home, lab.trust_directory / "KZ_csca.cer", now=now)
    later = now + timedelta(days=12)
    store = TrustStore.from_directory(home, loaded_at=later)
    result = judged(issue_document(lab, document("good"), now), store, later)
    check = result.groups["issuer_certificates"][0]
    assert (check.evidence["source"], check.evidence["trust_data_days"]) == ("KZ_csca.cer", "12")


def test_date_of_issue_stands_in_for_the_signing_time(
    lab: LabPki, trusted: TrustStore, now: datetime
) -> None:
    """Step 11 with DG12; a day partly inside the key's period is not held against the document."""
    specimen = issue_document(lab, document("good"), now)
    first, last = lab.signer("KZ").certificate.private_key_usage or (None, None)
    assert first
    assert last
    for day, outside in ((first, False), (last, False), (last + timedelta(days=1), True)):
        result = passive_authentication(**specimen.arguments(), store=trusted, now=now, issued_on=day.date())
        (period,) = (check for check in result.checks if check.name == "ds_key_period")
        assert bool(period.findings) is outside
        assert period.outcome is (Outcome.NOT_SUPPORTED if outside else Outcome.SUCCESSFUL)
        assert result.outcome is Outcome.SUCCESSFUL  # told, but a date of issue is not the day of signing


@pytest.mark.parametrize(
    ("restriction", "explained"),
    [
        ({}, True),
        ({"document_type": "P"}, True),
        ({"document_type": "ID"}, False),
        ({"numbers": ("X1234567",)}, True),
        ({"numbers": ("X7654321",)}, False),
        ({"issued": (-5, 5)}, True),
        ({"issued": (-9, -5)}, False),
        ({"group": 2}, True),
        ({"group": 1}, False),
    ],
)
def test_what_a_deviation_is_about(
    lab: LabPki, now: datetime, restriction: dict[str, Any], explained: bool
) -> None:
    given = dict(restriction)
    if "issued" in given:
        given["issued"] = tuple(now + timedelta(days=days) for days in given["issued"])
    data = build_deviation_list(
        [DeviationEntry("2.2", **given)], lab.signer("KZ", "defects"), signing_time=now
    )
    store = TrustStore.from_directory(lab.trust_directory, loaded_at=now)
    assert store.add_deviations(DeviationList.parse(data))
    specimen = issue_document(lab, document("portrait changed"), now)
    facts: dict[str, Any] = {"issued_on": now.date(), "document_number": "X1234567"}
    result = passive_authentication(**specimen.arguments(), store=store, now=now, **facts)
    assert (result.outcome is Outcome.UNDETERMINED) is explained
    unknown = judged(specimen, store, now)  # what an entry asks for and nobody knows does not match
    assert unknown.outcome is (
        Outcome.UNDETERMINED if explained and not {"numbers", "issued"} & set(restriction) else Outcome.FAILED
    )


def wrong() -> Iterator[str]:
    yield "="
    yield "document = 1"
    yield '[[document]]\ncountry = "KZ"'
    yield '[[document]]\nname = "x"\ncolour = "red"'
    yield '[[document]]\nname = "x"\ndefect = "spots"'
    yield '[[document]]\nname = "x"\nalso = "y"'
    yield "[[document]]\nname = 1"
    yield '[[list]]\nname = "x"\nkind = "shopping"'
    yield "[other]"


@pytest.mark.parametrize("text", tuple(wrong()))
def test_wrong_zoos_are_refused(text: str) -> None:
    with pytest.raises(MalformedData):
        Zoo.from_toml(text)
