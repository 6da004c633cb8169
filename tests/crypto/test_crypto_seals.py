"""Digital seals: published vectors, our profile, signing, and every status of Doc 9303-13 App. D."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.certificates import Certificate
from crypto.errors import CryptoError, MalformedData, PolicyRefused
from crypto.pki_lab import AuthoritySpec, LabPki, LabSpec, SignerSpec
from crypto.seals import (
    CardSeal,
    Header,
    Seal,
    Status,
    SubIndication,
    card_features,
    decode_base45,
    decode_c40,
    decode_date,
    describe,
    encode_base45,
    encode_c40,
    encode_date,
    parse_seal,
    read_card_seal,
    seal_bytes,
    seal_text,
    sign_seal,
    signer_reference,
    verify_seal,
)
from crypto.seals.card import card_seal
from crypto.seals.profiles import CARD_CATEGORY, CARD_DEFINITION
from crypto.signer import KeySigner
from crypto.trust import Standing, TrustStore

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "seals.json").read_text("utf-8"))
SAMPLES = VECTORS["samples"]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZONE = (
    "ARKAZL01000001<<<<<<<<<<<<<<<<",
    "9001014F2712318UZB<<<<<<<<<<<4",
    "KARIMOVA<<DILNOZA<<<<<<<<<<<<<",
)
VALUES = card_seal(ZONE, "AB1234567", date(2026, 12, 22), "VISA_FREE", "Korday", b"a security object")


@pytest.mark.parametrize(("text", "expected"), VECTORS["c40"].items())
def test_c40_matches_the_standard(text: str, expected: str) -> None:
    assert encode_c40(text).hex() == expected
    assert decode_c40(bytes.fromhex(expected)) == text.replace("<", " ")


@pytest.mark.parametrize(("day", "expected"), VECTORS["dates"].items())
def test_dates_match_the_standard(day: str, expected: str) -> None:
    assert encode_date(date.fromisoformat(day)).hex() == expected
    assert decode_date(bytes.fromhex(expected)) == date.fromisoformat(day)


@pytest.mark.parametrize(("text", "expected"), VECTORS["base45"].items())
def test_base45_matches_the_rfc(text: str, expected: str) -> None:
    assert encode_base45(text.encode()) == expected
    assert decode_base45(expected).decode() == text


@pytest.mark.parametrize("text", ["GGW", ":::", "A", "ab", "ZZ"])
def test_base45_refuses_what_the_rfc_refuses(text: str) -> None:
    with pytest.raises(MalformedData):
        decode_base45(text)


@pytest.mark.parametrize(
    ("reference", "version", "expected"),
    [
        ("00027", 3, "6d32c8a519fc"),
        ("27", 4, "6d32c8a72739"),
        ("00027", 4, "6d32c8aa19a52739"),
    ],
)
def test_signer_strings_match_the_standard(reference: str, version: int, expected: str) -> None:
    header = Header("D", "DETS", reference, None, None, 1, 2, version)
    assert header.encode()[4:-8].hex() == expected


def test_a_reference_of_eight_digits_takes_ten_bytes() -> None:
    header = Header("KAZ", "DETS", "1A2B3C4D", NOW.date(), NOW.date(), 1, 74)
    assert len(header.encode()) == 12 + 10
    assert parse_seal(Seal(header, (), b"s").encode()).header == header


@pytest.mark.parametrize("name", SAMPLES)
def test_published_samples_decode(name: str) -> None:
    sample = SAMPLES[name]
    seal = parse_seal(bytes.fromhex(sample["bytes"]))
    header = seal.header
    assert (header.issuer, header.signer, header.reference) == tuple(
        sample[key] for key in ("issuer", "signer", "reference")
    )
    assert (str(header.issued), str(header.signed)) == (sample["issued"], sample["signed"])
    assert {item.name: item.text for item in describe(seal)} == sample["fields"]
    assert len(seal.signature) == sample["signature_bytes"]
    assert seal.encode().hex() == sample["bytes"]
    assert verify_seal(seal.encode(), TrustStore(), now=NOW).sub is SubIndication.UNKNOWN_CERTIFICATE


def test_text_and_binary_payloads_are_taken() -> None:
    data = bytes.fromhex(SAMPLES["visa"]["bytes"])
    assert seal_bytes(seal_text(data)) == seal_bytes(seal_text(data).encode()) == seal_bytes(data) == data
    for other in ("https://example.org", b"\xff\x00", "KZS1:abc", ""):
        with pytest.raises(MalformedData):
            seal_bytes(other)


def test_a_value_the_profile_cannot_hold_is_refused() -> None:
    for values in (
        CardSeal(ZONE[:2], "A1", date(2026, 1, 1), "VISA_FREE", "Korday"),
        CardSeal(ZONE, "", date(2026, 1, 1), "VISA_FREE", "Korday"),
        CardSeal(ZONE, "A1", date(2026, 1, 1), "visa", "Korday"),
        CardSeal(ZONE, "A1", date(2026, 1, 1), "VISA_FREE", ""),
    ):
        with pytest.raises(MalformedData):
            card_features(values)


def test_a_long_name_of_a_post_is_cut_at_a_letter() -> None:
    post = "Қорғас халықаралық орталығы"
    values = card_seal(ZONE, "A1", date(2026, 1, 1), "VISA_FREE", post, b"")
    assert post.startswith(values.post)
    assert len(values.post.encode()) in (23, 24)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    spec = LabSpec(
        (
            AuthoritySpec("KZ"),
            AuthoritySpec("UZ", standing="unknown"),
            AuthoritySpec("KG", standing="known"),
        ),
        (
            SignerSpec.seal("KZ"),
            SignerSpec("KZ", "bp", curve="brainpoolP384r1", purpose="seal", document_types=()),
            SignerSpec(
                "KZ",
                "old",
                starts_days=-390,
                key_days=30,
                valid_days=60,
                purpose="seal",
                document_types=("AR",),
            ),
            SignerSpec("KZ", "gone", revoked=True, purpose="seal", document_types=("AR",)),
            SignerSpec("KZ", "visas", purpose="seal", document_types=("V",)),
            SignerSpec("KZ", "ds"),
            SignerSpec("UZ", "seal", purpose="seal", document_types=("AR",)),
            SignerSpec("KG", "seal", purpose="seal", document_types=("AR",)),
        ),
    )
    return LabPki.create(tmp_path_factory.mktemp("pki") / "lab", now=NOW, seed="seals", spec=spec)


@pytest.fixture(scope="module")
def store(lab: LabPki) -> TrustStore:
    return TrustStore.from_directory(lab.trust_directory, loaded_at=NOW)


def signed(lab: LabPki, name: str = "seal", country: str = "KZ", at: datetime = NOW) -> Seal:
    return sign_seal(
        lab.signer(country, name),
        card_features(VALUES),
        issuer="KAZ",
        issued=at.date(),
        now=at,
        definition=CARD_DEFINITION,
        category=CARD_CATEGORY,
    )


def test_our_seal_is_signed_and_verified(lab: LabPki, store: TrustStore) -> None:
    seal = signed(lab)
    verdict = verify_seal(seal.encode(), store, now=NOW)
    assert (verdict.status, verdict.sub, verdict.trust_level) == (Status.VALID, None, "trustable")
    assert verdict.seal == seal
    assert verdict.certificate == lab.signer("KZ", "seal").certificate
    assert read_card_seal(seal) == VALUES
    assert len(seal.signature) == 64
    assert seal.header.signer == "KZLB"
    assert int(seal.header.reference, 16) == lab.signer("KZ", "seal").certificate.serial
    assert len(seal_text(seal.encode())) == 301  # QR version 10-M


def test_the_same_seed_gives_the_same_seal(lab: LabPki) -> None:
    assert signed(lab).encode() == signed(lab).encode()


def test_the_hash_follows_the_curve(lab: LabPki, store: TrustStore) -> None:
    seal = signed(lab, "bp")
    assert len(seal.signature) == 96
    assert verify_seal(seal.encode(), store, now=NOW).valid


def test_every_sub_indication(lab: LabPki, store: TrustStore) -> None:
    good = signed(lab).encode()
    wrong = bytearray(good)
    wrong[-1] ^= 1
    altered = good.replace(encode_date(VALUES.stay_until), encode_date(date(2027, 12, 22)))
    assert altered != good
    late = NOW + timedelta(days=20 * 365)
    cases: list[tuple[bytes | None, datetime, SubIndication]] = [
        (None, NOW, SubIndication.READ_ERROR),
        (b"\xdc\x09" + good[2:], NOW, SubIndication.WRONG_FORMAT),
        (good[:-1], NOW, SubIndication.WRONG_FORMAT),
        (good + b"\x00", NOW, SubIndication.WRONG_FORMAT),
        (bytes(wrong), NOW, SubIndication.INVALID_SIGNATURE),
        (altered, NOW, SubIndication.INVALID_SIGNATURE),
        (good, late, SubIndication.EXPIRED_CERTIFICATE),
        (signed(lab, "old", at=NOW - timedelta(days=380)).encode(), NOW, SubIndication.EXPIRED_CERTIFICATE),
        (signed(lab, "gone").encode(), NOW, SubIndication.REVOKED_CERTIFICATE),
        (signed(lab, "visas").encode(), NOW, SubIndication.INVALID_DOCUMENTTYPE),
        (signed(lab, country="UZ").encode(), NOW, SubIndication.UNTRUSTED_CERTIFICATE),
        (signed(lab, country="KG").encode(), NOW, SubIndication.UNTRUSTED_CERTIFICATE),
    ]
    for data, at, expected in cases:
        verdict = verify_seal(data, store, now=at)
        assert (verdict.status, verdict.sub) == (Status.INVALID, expected)
        medium = expected in (SubIndication.READ_ERROR, SubIndication.EXPIRED_CERTIFICATE)
        assert verdict.trust_level == f"{'medium' if medium else 'high'} fraud potential"
    assert verify_seal(good, TrustStore(), now=NOW).sub is SubIndication.UNKNOWN_CERTIFICATE


def test_distrust_is_heard(lab: LabPki) -> None:
    store = TrustStore.from_directory(lab.trust_directory, loaded_at=NOW)
    store.add(lab.csca("KZ"), Standing.DISTRUSTED)
    assert verify_seal(signed(lab).encode(), store, now=NOW).sub is SubIndication.UNTRUSTED_CERTIFICATE


def test_an_unknown_feature_does_not_harm_a_good_seal(lab: LabPki, store: TrustStore) -> None:
    seal = sign_seal(
        lab.signer("KZ", "seal"),
        (*card_features(VALUES), (0x70, b"more")),
        issuer="KAZ",
        issued=None,
        now=NOW,
        definition=CARD_DEFINITION,
        category=CARD_CATEGORY,
    )
    verdict = verify_seal(seal.encode(), store, now=NOW)
    assert (verdict.status, verdict.sub) == (Status.VALID, SubIndication.UNKNOWN_FEATURE)


def test_a_feature_against_its_profile_is_a_wrong_format(lab: LabPki, store: TrustStore) -> None:
    features = dict(card_features(VALUES))
    for tag, value in ((0x01, b"\x98\x58"), (0x03, b"\xff\xff\xff"), (0x05, b"\xff\xfe"), (0x06, b"short")):
        broken = sign_seal(
            lab.signer("KZ", "seal"),
            tuple({**features, tag: value}.items()),
            issuer="KAZ",
            issued=None,
            now=NOW,
            definition=CARD_DEFINITION,
            category=CARD_CATEGORY,
        )
        assert verify_seal(broken.encode(), store, now=NOW).sub is SubIndication.WRONG_FORMAT


def test_a_document_signer_makes_no_seals(lab: LabPki) -> None:
    with pytest.raises(MalformedData):
        signed(lab, "ds")


def test_a_key_outside_its_period_makes_no_seals(lab: LabPki) -> None:
    with pytest.raises(PolicyRefused):
        signed(lab, "old")


def test_a_certificate_named_so_but_for_another_purpose_is_not_trusted(lab: LabPki) -> None:
    from crypto.issuing import Period, Subject, build_document_signer, generate_ec_key
    from crypto.signer import load_private_key

    key = generate_ec_key("secp256r1", lambda count: bytes(range(1, count + 1)))
    period = Period(NOW - timedelta(days=1), NOW + timedelta(days=9), NOW + timedelta(days=9))
    csca_key = load_private_key(lab.directory / "KZ" / "csca.key")
    certificate: Certificate = build_document_signer(
        lab.csca("KZ"),
        csca_key,
        key.public_key(),
        Subject("KZ", "LB", "KAZ"),
        period,
        serial=77,
        document_types=("AR",),
    )
    signer = KeySigner(key, certificate)
    assert signer_reference(certificate) == ("KZLB", "4D")
    seal = sign_seal(
        signer, card_features(VALUES), issuer="KAZ", issued=None, now=NOW, definition=1, category=0x4A
    )
    store = TrustStore.from_directory(lab.trust_directory, loaded_at=NOW)
    store.add(certificate)
    assert verify_seal(seal.encode(), store, now=NOW).sub is SubIndication.UNTRUSTED_CERTIFICATE


def test_the_example_of_the_protocol_page_is_a_seal_of_ours(lab: LabPki, store: TrustStore) -> None:
    page = (Path(__file__).parents[2] / "docs" / "protocols" / "seal.md").read_text("utf-8")
    block = page.split("## Example")[1].split("```")[1]
    data = bytes.fromhex("".join(row.strip().split("  ")[0] for row in block.splitlines()))
    sealed = read_card_seal(parse_seal(data))
    assert (sealed.passport_number, sealed.stay_until) == ("FA1234567", date(2026, 12, 22))
    assert (sealed.category, sealed.post) == ("VISA_FREE", "Korday")
    assert sealed.mrz_lines[2] == "KARIMOV<<JASUR<BAKHTIYOROVICH<"
    assert verify_seal(data, store, now=NOW).valid  # the lab of these tests has the same seed


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_parsers_raise_only_our_errors(data: bytes) -> None:
    for start in (b"", b"\xdc\x03", bytes.fromhex(SAMPLES["visa"]["bytes"])[:40]):
        verify_seal(start + data, TrustStore(), now=NOW)
        for parse in (decode_c40, decode_date, seal_bytes, parse_seal):
            with suppress(CryptoError):
                parse(start + data)


@pytest.mark.parametrize("name", SAMPLES)
def test_flipped_bytes_raise_only_our_errors(name: str) -> None:
    sample = bytes.fromhex(SAMPLES[name]["bytes"])
    for at in range(len(sample)):
        for bit in (0x01, 0x80, 0xFF):
            broken = bytearray(sample)
            broken[at] ^= bit
            assert not verify_seal(bytes(broken), TrustStore(), now=NOW).valid


@given(st.text(alphabet="ABCXYZ0189< ", max_size=90))
@settings(max_examples=200, deadline=None)
def test_c40_comes_back(text: str) -> None:
    assert decode_c40(encode_c40(text)) == text.replace("<", " ")


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_base45_comes_back(data: bytes) -> None:
    assert decode_base45(encode_base45(data)) == data
