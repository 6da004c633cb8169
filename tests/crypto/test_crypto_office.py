"""Ceremonies: what they make holds before openssl and a trust store, and what they refuse."""

import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.certificates import CertificateRevocationList
from crypto.cms import SignedData
from crypto.errors import (
    CryptoError,
    CryptoErrorCode,
    KeyUnavailable,
    MalformedData,
    PolicyRefused,
    SignatureInvalid,
)
from crypto.issuing import (
    Charter,
    FileKeys,
    Office,
    broken_protocol,
    build_request,
    generate_ec_key,
    read_register,
    read_request,
)
from crypto.signer import KeySigner
from crypto.sod import SecurityObject, build_sod
from crypto.trust import Standing, TrustStore, import_file

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GROUPS = {1: b"\x61\x01a", 2: b"\x75\x01b"}
SEEN = ("A. Bekova", "B. Omarov")


def source(seed: int = 1):
    return random.Random(seed).randbytes


KEY = generate_ec_key("secp256r1", source(7))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    keys = FileKeys(tmp_path / "ca", source())
    made, _ = Office.found(tmp_path / "ca", Charter("lab", "KZ", "Shekara"), keys, now=NOW, random=source(2))
    return made


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program")


def test_periods_are_those_of_the_sheet(office: Office) -> None:
    """Documents of one year, a signer's key for three months, the CSCA's for three years (table 1)."""
    office.issue_document_signer(KEY.public_key(), ["AR"], now=NOW)
    signer = office.certificate(office.register.of("ds")[0])
    assert office.csca.private_key_usage == (NOW, NOW + timedelta(days=3 * 365))
    assert signer.private_key_usage == (NOW, NOW + timedelta(days=90))
    assert signer.not_after == NOW + timedelta(days=90 + 366)
    late = NOW + timedelta(days=3 * 365 - 1)
    office.issue_document_signer(KEY.public_key(), ["AR"], now=late)
    with pytest.raises(PolicyRefused):
        office.issue_document_signer(KEY.public_key(), ["AR"], now=late + timedelta(days=2))


def test_a_card_signed_below_the_authority_verifies_for_others(office: Office, tmp_path: Path) -> None:
    office.issue_document_signer(KEY.public_key(), ["AR"], now=NOW)
    certificate = office.certificate(office.register.of("ds")[0])
    sod = build_sod(GROUPS, KeySigner(KEY, certificate, authority=office.csca), signing_time=NOW)
    assert SecurityObject.parse(sod).document_signer == certificate
    trust = tmp_path / "trust"
    for name in ("csca-01.cer", "KAZ.crl"):
        assert import_file(trust, office.directory / name, now=NOW).imported == 1
    store = TrustStore.from_directory(trust, loaded_at=NOW)
    assert store.standing(office.csca) is Standing.TRUSTED


def test_revocation_reaches_the_list_and_stays_there(office: Office) -> None:
    office.issue_document_signer(KEY.public_key(), ["AR"], now=NOW)
    serial = office.register.of("ds")[0].serial
    office.revoke(serial, "key lost", now=NOW + timedelta(hours=1))
    office.roll_over(now=NOW + timedelta(hours=2))
    crl = CertificateRevocationList.parse((office.directory / "KAZ.crl").read_bytes())
    assert crl.revoked == {int(serial, 16)}
    assert (crl.number, crl.next_update) == (3, NOW + timedelta(hours=2, days=90))
    assert crl.authority_key_id == office.csca.subject_key_id
    crl.verify_signed_by(office.csca)
    for wrong in (serial, "00", "zz", office.register.of("csca")[0].serial):
        with pytest.raises(PolicyRefused):
            office.revoke(wrong, "again", now=NOW + timedelta(hours=3))


def test_lists_come_not_too_often_and_not_too_late(office: Office) -> None:
    with pytest.raises(PolicyRefused):
        office.publish_crl(now=NOW + timedelta(hours=47))
    office.publish_crl(now=NOW + timedelta(hours=48))
    due = [item.kind for item in office.register.expiry(NOW + timedelta(days=80)) if item.due]
    assert due == ["crl"]


def test_rollover_carries_trust_by_its_link(office: Office, tmp_path: Path) -> None:
    old, later = office.csca, NOW + timedelta(days=900)
    office.roll_over(now=later)
    link = office.certificate(office.register.of("link")[0])
    link.verify_signed_by(old)
    assert (link.subject_key_id, link.authority_key_id) == (office.csca.subject_key_id, old.subject_key_id)
    trust = tmp_path / "trust"
    import_file(trust, office.directory / "csca-01.cer", now=later)
    import_file(trust, office.directory / "link-01-02.cer", now=later)
    (trust / "known").mkdir(exist_ok=True)
    (trust / "known" / "new.cer").write_bytes(office.csca.der)
    store = TrustStore.from_directory(trust, loaded_at=later)
    assert office.csca in store.authorities


def test_a_rollover_is_due_ninety_days_ahead(office: Office) -> None:
    end = NOW + timedelta(days=3 * 365)
    for days, due in ((91, False), (89, True)):
        rows = [item for item in office.register.expiry(end - timedelta(days=days)) if item.what == "key"]
        assert [item.due for item in rows] == [due]


@needs_openssl
def test_openssl_verifies_crl_and_master_list(office: Office, tmp_path: Path) -> None:
    charter, keys = Charter("lab", "UZ", curve="brainpoolP384r1"), FileKeys(tmp_path / "other", source(3))
    other, _ = Office.found(tmp_path / "other", charter, keys, now=NOW, random=source(4))
    office.roll_over(now=NOW + timedelta(days=3))
    office.publish_master_list([other.csca], now=NOW + timedelta(days=4))
    listed = office.directory / "KAZ.ml"
    done = openssl(
        "cms", "-verify", "-noverify", "-inform", "DER", "-in", listed, "-out", tmp_path / "content"
    )
    assert done.returncode == 0, done.stderr
    broken = bytearray(listed.read_bytes())
    broken[-1] ^= 1
    (tmp_path / "broken").write_bytes(broken)
    done = openssl(
        "cms", "-verify", "-noverify", "-inform", "DER", "-in", tmp_path / "broken", "-out", tmp_path / "x"
    )
    assert done.returncode != 0
    csca = tmp_path / "csca.pem"
    csca.write_bytes(openssl("x509", "-inform", "DER", "-in", office.directory / "csca-02.cer").stdout)
    done = openssl("crl", "-inform", "DER", "-in", office.directory / "KAZ.crl", "-CAfile", csca, "-noout")
    assert b"verify OK" in done.stderr + done.stdout


def test_the_master_list_is_taken_by_a_trust_store(office: Office, tmp_path: Path) -> None:
    office.publish_master_list([], now=NOW)
    signed = SignedData.parse((office.directory / "KAZ.ml").read_bytes())
    assert signed.signer.key_id == office.certificate(office.register.of("list")[0]).subject_key_id
    assert signed.signer.signing_time == NOW
    assert office.csca in signed.certificates
    trust = tmp_path / "trust"
    import_file(trust, office.directory / "csca-01.cer", now=NOW)
    report = import_file(trust, office.directory / "KAZ.ml", now=NOW)
    assert (report.imported, report.rejected) == (1, [])
    office.publish_master_list([], now=NOW + timedelta(days=1))
    assert len(office.register.of("list")) == 1
    with pytest.raises(PolicyRefused):
        office.publish_master_list([office.certificate(office.register.of("list")[0])], now=NOW)


def test_seal_signers_have_one_reference_each_and_five_a_year(office: Office) -> None:
    for number in range(1, 6):
        office.issue_seal_signer(KEY.public_key(), "KZBP", f"{number:X}", now=NOW + timedelta(days=number))
    with pytest.raises(PolicyRefused):
        office.issue_seal_signer(KEY.public_key(), "KZBP", "6", now=NOW + timedelta(days=6))
    later = NOW + timedelta(days=370)
    with pytest.raises(PolicyRefused):
        office.issue_seal_signer(KEY.public_key(), "KZBP", "05", now=later)
    office.issue_seal_signer(KEY.public_key(), "KZBP", "6", now=later)
    assert office.register.of("seal")[-1].key_until == (later + timedelta(days=365)).isoformat()


def test_protocols_name_what_was_made_and_follow_each_other(office: Office) -> None:
    ceremony = office.issue_document_signer(KEY.public_key(), ["AR"], now=NOW, witnesses=SEEN)
    text = ceremony.files[-1].read_text("utf-8")
    certificate = office.certificate(office.register.of("ds")[0])
    assert certificate.fingerprint in text.replace(" ", "")
    assert all(name in text for name in (*SEEN, "LAB", "ds-0001.cer", certificate.subject))
    assert broken_protocol(office.directory) is None
    first = office.directory / "protocols" / "0001-init.txt"
    first.write_text(first.read_text("utf-8").replace("LAB", "lab"), "utf-8")
    assert broken_protocol(office.directory) == ceremony.files[-1]
    first.unlink()
    assert broken_protocol(office.directory) == ceremony.files[-1]


def test_production_has_tokens_and_witnesses_and_explicit_curves(tmp_path: Path) -> None:
    charter = Charter("production", "KZ")
    with pytest.raises(PolicyRefused) as refused:
        Office.found(
            tmp_path, charter, FileKeys(tmp_path, source()), now=NOW, random=source(), witnesses=SEEN
        )
    assert refused.value.code is CryptoErrorCode.CRYPTO_WORLD_REFUSED

    class Token(FileKeys):
        kind, in_files = "on a token", False

    for witnesses in ((), ("A",), ("A", "A"), ("A", " ")):
        with pytest.raises(PolicyRefused):
            Office.found(
                tmp_path, charter, Token(tmp_path, source()), now=NOW, random=source(), witnesses=witnesses
            )
    office, _ = Office.found(
        tmp_path, charter, Token(tmp_path, source()), now=NOW, random=source(), witnesses=SEEN
    )
    assert "LAB" not in office.csca.subject
    with pytest.raises(PolicyRefused):
        Office.found(tmp_path, charter, Token(tmp_path, source()), now=NOW, random=source(), witnesses=SEEN)
    days = {"signer_key_days": 0}
    for wrong in ({"named_curves": True}, {"country": "kz"}, {"country": "QQ"}, {"curve": "p1"}, days):
        with pytest.raises(PolicyRefused):
            Charter(**{"world": "production", "country": "KZ", **wrong})


def test_an_authority_on_a_token(softhsm, tmp_path: Path) -> None:
    from crypto.hsm import Token, TokenCriteria
    from crypto.issuing import TokenKeys

    class Pin:
        def pin(self, token: str, *, wrong: bool) -> str:
            return softhsm.pin

    token = Token(TokenCriteria(softhsm.module, "LAB csca"), Pin())
    store = TokenKeys(token, "LAB csca", random.randbytes)
    Office.found(tmp_path / "ca", Charter("lab", "KZ"), store, now=NOW, random=source(2))
    again = Office.open(tmp_path / "ca", store, source(5))
    again.issue_document_signer(KEY.public_key(), ["AR"], now=NOW)
    again.certificate(again.register.of("ds")[0]).verify_signed_by(again.csca)
    assert not list((tmp_path / "ca").glob("*.key"))
    assert not token.key(again.csca.public_key).exportable()
    token.close()


def test_a_register_that_was_changed_by_hand(office: Office, tmp_path: Path) -> None:
    path = office.directory / "register.json"
    assert read_register(office.directory) == office.register
    text = path.read_text("utf-8")
    changes = (('"lab"', '"moon"'), ('"crl_number": 1', '"crl_number": "x"'), ("{", "["), ('"KZ"', "7"))
    for old, new in changes:
        path.write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(MalformedData):
            read_register(office.directory)
    with pytest.raises(KeyUnavailable):
        read_register(tmp_path / "nowhere")


@pytest.mark.parametrize("curve", ["secp256r1", "brainpoolP384r1"])
def test_a_request_proves_its_key(curve: str) -> None:
    key = generate_ec_key(curve, source())
    made = build_request(key, "LAB ds")
    assert read_request(made).public_numbers() == key.public_key().public_numbers()
    broken = bytearray(made)
    broken[-1] ^= 1
    with pytest.raises((SignatureInvalid, MalformedData)):
        read_request(bytes(broken))


@needs_openssl
def test_requests_of_openssl_are_read_and_ours_by_it(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.der", tmp_path / "theirs.pem"
    ours.write_bytes(build_request(KEY, "LAB ds"))
    assert openssl("req", "-inform", "DER", "-in", ours, "-verify", "-noout").returncode == 0
    made = openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
        "-keyout", tmp_path / "key", "-out", theirs,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert read_request(theirs.read_bytes()).curve.name == "secp256r1"


REQUEST = build_request(KEY, "LAB ds")


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_flipped_request_raises_our_errors_only(at: int, change: int) -> None:
    broken = bytearray(REQUEST)
    broken[at] ^= change
    with pytest.raises(CryptoError):
        read_request(bytes(broken))
