"""Bringing trust data: what a file holds, what is kept and refused, and that nothing is believed early."""

import base64
import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crypto.certificates import Certificate
from crypto.certificates.asn1 import encode, sequence
from crypto.cms import SignedData, build_signed_data
from crypto.errors import CryptoError, KeyUnavailable
from crypto.issuing import build_crl, generate_ec_key
from crypto.pki_lab import LabPki, LabSpec, build_deviation_list, build_master_list
from crypto.trust import ImportReason, ImportReport, MasterList, Standing, TrustStore, import_file
from crypto.trust.bundles import Kind, kind_of, parts
from crypto.trust.links import issued_by, reachable
from crypto.trust.signed_list import MASTER_LIST

SPEC = """
[[authority]]
country = "KZ"
[[authority]]
country = "UZ"
[[authority]]
country = "TJ"
[[signer]]
country = "KZ"
[[signer]]
country = "UZ"
[[signer]]
country = "KZ"
name = "lists"
purpose = "master_list"
[[signer]]
country = "KZ"
name = "defects"
purpose = "deviation_list"
"""
SHARED = os.environ.get("SHEKARA_TEST_MASTER_LISTS", "")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> LabPki:
    spec = LabSpec.from_toml(SPEC)
    return LabPki.create(tmp_path_factory.mktemp("import") / "pki", seed="import", now=now, spec=spec)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "trust"


def bring(home: Path, name: str, data: bytes, now: datetime) -> ImportReport:
    file = home.parent / name
    file.write_bytes(data)
    return import_file(home, file, now=now)


def reasons(report: ImportReport) -> list[ImportReason]:
    return [item.reason for item in report.rejected]


def listed(lab: LabPki, now: datetime, countries: Sequence[str] = ("KZ", "UZ", "TJ")) -> bytes:
    certificates = [lab.csca(country) for country in countries]
    return build_master_list(certificates, lab.signer("KZ", "lists"), signing_time=now)


def loaded(home: Path, now: datetime) -> TrustStore:
    return TrustStore.from_directory(home, loaded_at=now)


def standing(home: Path, certificate: Certificate, now: datetime) -> Standing:
    return loaded(home, now).standing(certificate)


def test_certificate_file_is_a_root_and_a_second_time_is_harmless(
    lab: LabPki, home: Path, now: datetime
) -> None:
    der = lab.csca("KZ").der
    first, second = bring(home, "a.cer", der, now), bring(home, "a.cer", der, now + timedelta(days=1))
    assert (first.imported, first.usable, first.trusted, first.new) == (1, 1, 1, 1)
    assert (second.imported, second.usable, second.trusted, second.new) == (1, 1, 1, 0)
    store = loaded(home, now)
    assert store.roots == (lab.csca("KZ"),)
    source = store.source(lab.csca("KZ"))
    assert source is not None
    assert (source.name, source.brought) == ("a.cer", now)


def test_master_list_waits_for_its_root(lab: LabPki, home: Path, now: datetime) -> None:
    """Without a configured root all is kept and nothing is believed; the root makes it trusted."""
    early = bring(home, "list.ml", listed(lab, now), now)
    assert (early.imported, early.usable, early.trusted, early.rejected) == (3, 3, 0, [])
    assert early.notes
    assert standing(home, lab.csca("UZ"), now) is Standing.KNOWN
    bring(home, "root.cer", lab.csca("KZ").der, now)
    again = bring(home, "list.ml", listed(lab, now), now)
    assert (again.trusted, again.new, again.notes) == (3, 0, [])
    assert standing(home, lab.csca("UZ"), now) is Standing.TRUSTED


def test_a_list_makes_no_root_for_another_list(lab: LabPki, home: Path, now: datetime) -> None:
    bring(home, "root.cer", lab.csca("UZ").der, now)
    bring(home, "list.ml", listed(lab, now, ("KZ", "TJ")), now)
    assert standing(home, lab.csca("KZ"), now) is Standing.KNOWN
    foreign = bring(home, "foreign.ml", listed(lab, now, ("TJ",)), now)
    assert reasons(foreign) == [ImportReason.TRUST_LIST_SIGNER_UNKNOWN]
    assert foreign.rejected[0].subject.startswith("C=KZ")


def test_what_a_list_holds_badly_is_named(lab: LabPki, home: Path, now: datetime) -> None:
    signer = lab.signer("KZ", "lists")
    broken = bytearray(lab.csca("UZ").der)
    broken[broken.index(bytes.fromhex("2a8648ce3d0101"))] ^= 1  # the field type of explicit parameters
    members = (lab.csca("KZ").der, bytes(broken), b"\x30\x00", lab.signer("UZ").certificate.der)
    content = encode(0x30, b"\x02\x01\x00" + encode(0x31, b"".join(members)))
    bring(home, "root.cer", lab.csca("KZ").der, now)
    report = bring(home, "x.ml", build_signed_data(MASTER_LIST, content, signer, signing_time=now), now)
    assert (report.imported, report.usable, len(report.rejected)) == (1, 1, 3)
    assert ImportReason.TRUST_NOT_AN_AUTHORITY in reasons(report)
    assert ImportReason.TRUST_MALFORMED in reasons(report)
    assert all(item.subject for item in report.rejected)


def test_distrust_wins(lab: LabPki, home: Path, now: datetime) -> None:
    bring(home, "root.cer", lab.csca("KZ").der, now)
    bring(home, "list.ml", listed(lab, now), now)
    (home / "distrusted.txt").write_text(f"{lab.csca('UZ').fingerprint}\n")
    assert standing(home, lab.csca("UZ"), now) is Standing.DISTRUSTED


def ldif(*values: tuple[str, bytes]) -> bytes:
    lines = ["version: 1", ""]
    for number, (attribute, value) in enumerate(values):
        text = f"{attribute}:: {base64.b64encode(value).decode()}"
        folded = "\n ".join(text[at : at + 76] for at in range(0, len(text), 76))
        lines += [
            f"dn: cn={number},o=dsc,c=KZ,dc=data,dc=pkd",
            "objectClass: top",
            f"cn: {number}",
            folded,
            "",
        ]
    return "\r\n".join("\n".join(lines).split("\n")).encode()


def test_directory_export(lab: LabPki, home: Path, now: datetime) -> None:
    """Document signers, lists and CRLs are taken; an authority in it is known, not trusted."""
    bring(home, "root.cer", lab.csca("KZ").der, now)
    signer = lab.signer("KZ").certificate
    export = ldif(
        ("certificateRevocationList;binary", (lab.trust_directory / "KZ.crl").read_bytes()),
        ("userCertificate;binary", signer.der),
        ("userCertificate;binary", b"\x30\x03\x02\x01\x05"),
        ("pkdMasterListContent", listed(lab, now, ("UZ",))),
        ("cACertificate;binary", lab.csca("TJ").der),
    )
    report = bring(home, "export.ldif", export, now)
    assert (report.imported, report.usable, report.trusted) == (4, 4, 1)
    assert reasons(report) == [ImportReason.TRUST_CONTENT_UNKNOWN]
    assert report.rejected[0].subject.endswith("(userCertificate;binary)")
    store = loaded(home, now)
    assert store.standing(lab.csca("UZ")) is Standing.TRUSTED
    assert store.standing(lab.csca("TJ")) is Standing.KNOWN
    assert store.crls(lab.csca("KZ"), now=now)
    sod = SignedData.parse(sequence(encode(0x30, lab.sign_sod("KZ", {1: b"a", 2: b"b"})), "x")[0].content)
    assert store.document_signer(sod.signer) == signer
    assert bring(home, "export.ldif", export, now).new == 0


def test_revocation_lists_only_go_forward(lab: LabPki, home: Path, now: datetime) -> None:
    authority = lab._authority("KZ")
    end = now + timedelta(days=90)
    new = build_crl(authority, number=9, this_update=now, next_update=end)
    old = build_crl(authority, number=8, this_update=now - timedelta(days=1), next_update=end)
    early = bring(home, "new.crl", new.der, now)
    assert (early.imported, early.usable) == (1, 0)  # nobody here can verify it yet
    bring(home, "root.cer", lab.csca("KZ").der, now)
    assert bring(home, "new.crl", new.der, now).usable == 1
    assert reasons(bring(home, "old.crl", old.der, now)) == [ImportReason.TRUST_CRL_OUTDATED]
    forged = bring(home, "bad.crl", new.der[:-1] + bytes([new.der[-1] ^ 1]), now)
    assert reasons(forged) == [ImportReason.TRUST_CRL_SIGNATURE_INVALID]


def test_pem_and_nonsense(lab: LabPki, home: Path, now: datetime) -> None:
    body = base64.encodebytes(lab.csca("KZ").der)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    assert bring(home, "a.pem", pem, now).trusted == 1
    for nonsense in (b"", b"hello", b"\x30\x80", b"dn: x\n", b"-----BEGIN X-----\n!\n-----END X-----"):
        report = bring(home, "x", nonsense, now)
        assert (report.imported, reasons(report)) == (0, [ImportReason.TRUST_CONTENT_UNKNOWN])
    with pytest.raises(KeyUnavailable):
        import_file(home, home / "absent", now=now)


def test_country_of_a_certificate_never_leaves_the_directory(lab: LabPki, home: Path, now: datetime) -> None:
    der = lab.csca("KZ").der.replace(b"\x13\x02KZ", b"\x13\x02./")
    bring(home, "x.cer", der, now)
    assert sorted(path.name[:3] for path in home.iterdir()) == ["XX_", "imp"]
    (home / "imports.json").write_text("[1]")
    assert len(loaded(home, now)) == 1  # the record is a comfort, not a need


def test_deviation_list_needs_its_state(lab: LabPki, home: Path, now: datetime) -> None:
    data = build_deviation_list([], lab.signer("KZ", "defects"), signing_time=now)
    bring(home, "root.cer", lab.csca("UZ").der, now)
    assert reasons(bring(home, "x.dl", data, now)) == [ImportReason.TRUST_LIST_SIGNER_UNKNOWN]
    bring(home, "root.cer", lab.csca("KZ").der, now)
    assert bring(home, "x.dl", data, now).usable == 1
    assert [item.kind for item in loaded(home, now).sources] == ["deviation list"]


def test_many_known_authorities_cost_little(lab: LabPki, now: datetime) -> None:
    """Forty untrusted certificates that name each other do not make a search explode."""
    from crypto.issuing import Period, Subject, build_csca

    period = Period(now, now + timedelta(days=9), now + timedelta(days=9))
    key = generate_ec_key("secp256r1", lambda count: bytes(range(count)))
    names = (Subject("KZ", f"LAB {number}", "KAZ") for number in range(40))
    crowd = [build_csca(key, name, period, serial=5) for name in names]
    store = TrustStore(loaded_at=now)
    store.add(lab.csca("KZ"))
    for item in crowd:
        store.add(item, Standing.KNOWN)
    assert {store.standing(item) for item in crowd} == {Standing.KNOWN}
    assert not any(issued_by(item, lab.csca("KZ")) for item in crowd)
    assert reachable([crowd[0]], crowd) == set(crowd)  # one key: each vouches for all


def test_kinds_are_told_by_content(lab: LabPki, now: datetime) -> None:
    assert kind_of(lab.csca("KZ").der) is Kind.CERTIFICATE
    assert kind_of((lab.trust_directory / "KZ.crl").read_bytes()) is Kind.CRL
    assert kind_of(listed(lab, now)) is Kind.MASTER_LIST
    assert kind_of(lab.sign_sod("KZ", {1: b"a", 2: b"b"})) is Kind.UNKNOWN
    assert [part.kind for part in parts(listed(lab, now))] == [Kind.MASTER_LIST]


def published() -> Path:
    """A folder with published lists, which the repository does not hold."""
    folder = Path(SHARED)
    if not SHARED or not folder.is_dir():
        pytest.skip("SHEKARA_TEST_MASTER_LISTS does not name a folder with published master lists")
    return folder


def test_every_certificate_of_the_german_list_is_an_anchor(home: Path, now: datetime) -> None:
    """The list of 2026-05-28: 588 certificates, of which the usual library alone loads 480."""
    folder = published()
    import_file(home, folder / "DE_ROOT_CA_CSCA07.cer", now=now)
    report = import_file(home, folder / "DE_ML_2026-05-28.ml", now=now)
    assert (report.imported, report.usable, report.trusted, report.rejected) == (588, 588, 588, [])
    store = loaded(home, now)
    parsed = MasterList.parse((folder / "DE_ML_2026-05-28.ml").read_bytes())
    for certificate in parsed.certificates:
        assert store.standing(certificate) is Standing.TRUSTED
    proved = 0
    for certificate in parsed.certificates:
        try:
            certificate.verify_signed_by(certificate)
        except CryptoError:
            continue
        proved += 1
    assert proved == 375  # the others are links and re-issues: an anchor's own signature is not needed


def test_the_kazakh_certificates_are_anchors(home: Path, now: datetime) -> None:
    """RSA-4096, SHA-1, one negative serial, attributes in either order."""
    files = sorted(published().glob("KZ_CSCA_*.cer"))
    reports = [import_file(home, file, now=now) for file in files]
    assert [(item.imported, item.usable, item.trusted) for item in reports] == [(1, 1, 1)] * 3
    found = loaded(home, now).authorities
    assert {item.country for item in found} == {"KZ"}
    assert sum(item.serial < 0 for item in found) == 1
    assert len({item.subject_name for item in found}) == 1
    assert json.loads((home / "imports.json").read_text())
