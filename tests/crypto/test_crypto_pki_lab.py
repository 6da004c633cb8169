"""The lab PKI: reproducible from a seed, complete, renewable, and visibly a lab."""

from datetime import timedelta
from pathlib import Path

import pytest

from crypto.errors import KeyUnavailable, MalformedData, PolicyRefused
from crypto.issuing import Role, violations
from crypto.pki_lab import STANDARD_COUNTRIES, LabPki, LabSpec
from crypto.trust import Outcome, TrustStore, mrz_code, passive_authentication


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def verdict(lab: LabPki, country: str, data_groups, now, signing_time) -> Outcome:
    return passive_authentication(
        sod=lab.sign_sod(country, data_groups, signing_time),
        data_groups=data_groups,
        listed_in_com=frozenset(data_groups),
        store=TrustStore.from_directory(lab.trust_directory, loaded_at=now),
        now=now,
        document_code="P<",
        issuing_state=mrz_code(country),
    ).outcome


def test_same_seed_and_time_give_the_same_bytes(tmp_path: Path, now) -> None:
    first = LabPki.create(tmp_path / "a", seed="s", now=now, countries=("KZ", "UZ"))
    second = LabPki.create(tmp_path / "b", seed=b"s", now=now, countries=("KZ", "UZ"))
    assert files(first.directory) == files(second.directory)
    fewer = LabPki.create(tmp_path / "c", seed="s", now=now, countries=("KZ",))
    assert fewer.csca("KZ") == first.csca("KZ")
    assert LabPki.create(tmp_path / "d", seed="t", now=now, countries=("KZ",)).csca("KZ") != first.csca("KZ")
    assert LabPki.create(tmp_path / "e", now=now, countries=("KZ",)).csca("KZ") != first.csca("KZ")


def test_standard_countries_are_green(tmp_path: Path, now, data_groups) -> None:
    lab = LabPki.create(tmp_path / "lab", seed="x", now=now)
    assert lab.countries == STANDARD_COUNTRIES
    for country in lab.countries:
        assert verdict(lab, country, data_groups, now, now) is Outcome.SUCCESSFUL, country
        assert "LAB" in lab.csca(country).subject
    assert lab.signer("KZ").certificate.document_types == {"AR", "ID", "P"}
    seal = lab.signer("KZ", "seal").certificate
    assert violations(seal, Role.SEAL_SIGNER) == ()
    assert seal.document_types == {"AR"}


def test_reopened_and_refreshed_it_stays_green(tmp_path: Path, now, data_groups) -> None:
    LabPki.create(tmp_path / "lab", seed="x", now=now, countries=("KZ",))
    lab = LabPki.open(tmp_path / "lab")
    assert lab.refresh(now) == ()
    later = now + timedelta(days=100)
    with pytest.raises(PolicyRefused):
        lab.sign_sod("KZ", data_groups, later)
    assert lab.refresh(later) == ("KZ default", "KZ seal", "KZ crl")
    assert verdict(LabPki.open(lab.directory), "KZ", data_groups, later, later) is Outcome.SUCCESSFUL
    assert sorted(path.name for path in (lab.directory / "KZ").glob("ds-*.key")) == [
        "ds-default-02.key",
        "ds-seal-02.key",
    ]


def test_revocation(tmp_path: Path, now, data_groups) -> None:
    lab = LabPki.create(tmp_path / "lab", seed="x", now=now, countries=("KZ",))
    later = now + timedelta(hours=1)
    crl = lab.revoke("KZ", lab.signer("KZ").certificate.serial, later)
    assert crl.number == 2
    assert verdict(lab, "KZ", data_groups, later, now) is Outcome.FAILED
    assert lab.revoke("KZ", 5, later).revoked == crl.revoked | {5}


def test_nothing_is_written_over(tmp_path: Path, now) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "something").touch()
    with pytest.raises(PolicyRefused):
        LabPki.create(tmp_path / "lab", now=now)
    with pytest.raises(KeyUnavailable):
        LabPki.open(tmp_path / "lab")
    (tmp_path / "lab" / "lab.json").write_text("[1]")
    with pytest.raises(MalformedData):
        LabPki.open(tmp_path / "lab")


def test_a_half_made_lab_is_made_again(tmp_path: Path, now) -> None:
    (tmp_path / "lab.new" / "trust").mkdir(parents=True)
    (tmp_path / "lab").mkdir()
    assert LabPki.create(tmp_path / "lab", now=now, countries=("KZ",)).csca("KZ").is_ca
    assert not (tmp_path / "lab.new").exists()


@pytest.mark.parametrize(
    "text",
    [
        "=",
        "[other]",
        "authority = [1]",
        '[[authority]]\ncountry = "kz"',
        '[[authority]]\ncountry = "KZ"\ncurve = "secp1"',
        '[[authority]]\ncountry = "KZ"\ncolour = "red"',
        '[[authority]]\ncountry = "KZ"\nstarts_days = "1"',
        '[[authority]]\ncountry = "KZ"\n[[authority]]\ncountry = "KZ"',
        '[[signer]]\ncountry = "KZ"',
        '[[authority]]\ncountry = "KZ"\n[[signer]]\ncountry = "KZ"\nname = "../x"',
    ],
)
def test_wrong_specs_are_refused(text: str) -> None:
    with pytest.raises(MalformedData):
        LabSpec.from_toml(text)


def test_unknown_signer(zoo: LabPki) -> None:
    with pytest.raises(KeyUnavailable):
        zoo.signer("KZ", "nobody")


def test_store_reads_pem_and_lists_what_it_cannot(zoo: LabPki, tmp_path: Path, now) -> None:
    import base64

    der = zoo.csca("KZ").der
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    (tmp_path / "two.pem").write_bytes(
        pem + pem.replace(base64.encodebytes(der), base64.encodebytes(zoo.csca("UZ").der))
    )
    (tmp_path / "bad.cer").write_bytes(b"no")
    (tmp_path / "ds.cer").write_bytes(zoo.signer("KZ").certificate.der)
    (tmp_path / "readme.txt").write_text("ignored")
    store = TrustStore.from_directory(tmp_path, loaded_at=now)
    assert len(store) == 2
    assert [name for name, _ in store.rejected] == ["bad.cer"]
    assert [item.certificate for item in store.candidates(zoo.signer("KZ").certificate)] == [zoo.csca("KZ")]


def test_a_lab_of_an_older_version_opens(tmp_path: Path, now) -> None:
    """Its description says `trusted` where ours says `standing`, and knows no purpose of a signer."""
    import json

    lab = LabPki.create(tmp_path / "lab", seed="x", now=now, countries=("KZ",))
    file = lab.directory / "lab.json"
    document = json.loads(file.read_text())
    for table in document["authority"]:
        table["trusted"] = table.pop("standing") == "trusted"
        del table["rollover"], table["reissued_days"]
    document["signer"] = [table for table in document["signer"] if table["purpose"] == "document"]
    for table in document["signer"]:
        del table["purpose"], table["usage"]
    file.write_text(json.dumps(document))
    opened = LabPki.open(lab.directory)
    assert opened.spec.signers == lab.spec.signers[:1]
    assert opened.spec.authorities == lab.spec.authorities
    assert opened.refresh(now) == ("KZ seal",)
    assert opened.spec == lab.spec
