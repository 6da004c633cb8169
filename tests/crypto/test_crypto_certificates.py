"""Certificates, keys and CRLs: what is read, what is refused, what the profile demands."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from crypto.certificates import (
    Certificate,
    CertificateRevocationList,
    SignatureAlgorithm,
    digest,
    explicit_public_key,
    load_public_key,
    verify_signature,
)
from crypto.certificates.asn1 import check_nesting, elements, encode, single, to_der
from crypto.certificates.certificate import DocumentTypeList
from crypto.certificates.keys import hash_object, library_curve
from crypto.cms import SignedData
from crypto.ecmath import CURVES
from crypto.errors import MalformedData, PolicyRefused, SignatureInvalid, UnsupportedAlgorithm
from crypto.issuing import Period, Subject, build_csca, build_document_signer, generate_ec_key
from crypto.pki_lab import LabPki
from crypto.primitives import Cipher, decrypt_cbc, encrypt_block
from crypto.signer import sign_with

VECTORS = Path(__file__).parents[1] / "vectors"
SUPPORTED = [name for name in CURVES if name.startswith("secp") or name[-5:] in ("256r1", "384r1", "512r1")]


@pytest.mark.parametrize("name", SUPPORTED)
def test_explicit_parameters_load_as_the_named_curve(name: str) -> None:
    key = ec.derive_private_key(7, library_curve(CURVES[name])).public_key()
    loaded = load_public_key(explicit_public_key(key))
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert loaded.public_numbers() == key.public_numbers()


@pytest.mark.parametrize("field", ["p", "a", "b", "gx", "gy", "n"])
def test_every_parameter_counts(field: str) -> None:
    """One wrong bit in any parameter and the curve is not ours (CVE-2020-0601)."""
    curve = CURVES["brainpoolP256r1"]
    spki = explicit_public_key(ec.derive_private_key(7, ec.BrainpoolP256R1()).public_key())
    right = getattr(curve, field).to_bytes(32, "big")
    assert spki.count(right) == 1
    with pytest.raises((UnsupportedAlgorithm, MalformedData)):
        load_public_key(spki.replace(right, right[:-1] + bytes([right[-1] ^ 2])))


def test_cofactor_counts_and_padded_parameters_do_not() -> None:
    spki = explicit_public_key(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    assert spki.count(b"\x02\x01\x01\x03\x42") == 1
    with pytest.raises(UnsupportedAlgorithm):
        load_public_key(spki.replace(b"\x02\x01\x01\x03\x42", b"\x02\x01\x02\x03\x42"))


def test_point_off_the_curve_is_malformed() -> None:
    spki = explicit_public_key(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    with pytest.raises(MalformedData):
        load_public_key(spki[:-1] + bytes([spki[-1] ^ 1]))


@pytest.mark.parametrize("name", ["brainpoolP192r1", "brainpoolP224r1", "brainpoolP320r1"])
def test_curves_without_library_support_are_named(name: str) -> None:
    with pytest.raises(UnsupportedAlgorithm, match=name):
        library_curve(CURVES[name])


def test_document_type_list_as_in_the_standard() -> None:
    """Encoding of {AR, ID} (Doc 9303-12 7.1)."""
    value = DocumentTypeList({"version": 0, "types": ["ID", "AR"]})
    assert value.dump() == bytes.fromhex("300D02010031081302415213024944")


@pytest.mark.parametrize("hash_name", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("scheme", ["rsa", "rsa_pss", "ecdsa"])
def test_signature_algorithms_round_trip(scheme, hash_name: str) -> None:
    pss = {"salt_length": 17, "mgf_hash": "sha256"} if scheme == "rsa_pss" else {}
    algorithm = SignatureAlgorithm(scheme, hash_name, **pss)
    assert SignatureAlgorithm.parse(algorithm.dump()) == algorithm


def test_pss_parameters_come_from_the_identifier() -> None:
    key = rsa.generate_private_key(65537, 2048)
    for salt, mgf in ((0, "sha1"), (20, "sha512"), (32, "sha256")):
        signature = key.sign(
            b"data", padding.PSS(padding.MGF1(hash_object(mgf)), salt), hash_object("sha256")
        )
        right = SignatureAlgorithm("rsa_pss", "sha256", salt, mgf)
        verify_signature(key.public_key(), right.dump(), signature, b"data")
        with pytest.raises(SignatureInvalid):
            verify_signature(
                key.public_key(),
                SignatureAlgorithm("rsa_pss", "sha256", salt + 1, mgf),
                signature,
                b"data",
            )


def test_absent_pss_parameters_mean_sha1() -> None:
    bare = encode(0x30, core.ObjectIdentifier("1.2.840.113549.1.1.10").dump())
    assert SignatureAlgorithm.parse(bare) == SignatureAlgorithm("rsa_pss", "sha1", 20, "sha1")


def test_algorithm_must_fit_the_key() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    with pytest.raises(SignatureInvalid):
        verify_signature(key, SignatureAlgorithm("rsa", "sha256"), b"", b"")
    with pytest.raises(UnsupportedAlgorithm):
        SignatureAlgorithm.parse(encode(0x30, core.ObjectIdentifier("1.2.3").dump()))
    with pytest.raises(UnsupportedAlgorithm):
        digest("md5", b"")


def test_profile_of_the_lab_certificates(zoo: LabPki, now: datetime) -> None:
    csca, signer = zoo.csca("KZ"), zoo.signer("KZ").certificate
    assert csca.is_ca
    assert csca.self_issued
    assert csca.key_usage == {"key_cert_sign", "crl_sign"}
    assert signer.key_usage == {"digital_signature"}
    assert not signer.is_ca
    assert signer.document_types == {"AR", "P"}
    assert csca.document_types is None
    assert signer.authority_key_id == csca.subject_key_id
    assert (csca.country, signer.country, signer.issuer_country) == ("KZ", "KZ", "KZ")
    assert "LAB" in signer.subject
    for certificate in (csca, signer):
        assert 0 < certificate.serial < 1 << 159
        assert certificate.private_key_usage is not None
        assert certificate.critical_unknown == frozenset()
        assert b"\x13\x02KZ" in certificate.subject_der  # PrintableString, upper case
        assert b"\x06\x07\x2a\x86\x48\xce\x3d\x01\x01" in certificate.spki_der  # prime-field: explicit
    assert signer.private_key_usage == (now - timedelta(days=30), now + timedelta(days=90))
    signer.verify_signed_by(csca)
    with pytest.raises(SignatureInvalid):
        signer.verify_signed_by(zoo.csca("UZ"))


def test_issuing_refuses_what_the_profile_forbids(zoo: LabPki, now: datetime) -> None:
    csca, key = zoo.csca("KZ"), zoo._authority("KZ").key
    period = Period(now, now + timedelta(days=9), now + timedelta(days=9))
    public = zoo.signer("KZ").certificate.public_key
    for subject, when in (
        (Subject("UZ", "LAB", "UZB"), period),
        (Subject("KZ", "LAB", "KAZ"), Period(now, now + timedelta(days=99999), now)),
    ):
        with pytest.raises(PolicyRefused):
            build_document_signer(csca, key, public, subject, when, serial=1, document_types=["P"])


def test_times_from_2050_are_generalized() -> None:
    key = generate_ec_key("secp256r1", lambda count: bytes(range(count)))
    period = Period(
        datetime(2049, 6, 1, tzinfo=UTC), datetime(2060, 6, 1, tzinfo=UTC), datetime(2052, 6, 1, tzinfo=UTC)
    )
    built = build_csca(key, Subject("KZ", "LAB", "KAZ"), period, serial=5)
    assert b"\x17\x0d490601000000Z\x18\x0f20600601000000Z" in built.der
    assert built.not_after == period.not_after


def test_two_signature_algorithms_in_one_certificate(zoo: LabPki) -> None:
    signer = zoo.signer("KZ").certificate
    tail = signer.der.replace(signer.tbs, b"")
    swapped = tail.replace(
        SignatureAlgorithm("ecdsa", "sha384").dump(), SignatureAlgorithm("ecdsa", "sha512").dump()
    )
    assert swapped != tail
    broken = encode(0x30, signer.tbs + swapped[4:])
    with pytest.raises(SignatureInvalid, match="two"):
        Certificate.parse(broken).verify_signed_by(zoo.csca("KZ"))


def test_crl_is_read_and_verified(zoo: LabPki, now: datetime) -> None:
    crl = CertificateRevocationList.parse((zoo.trust_directory / "KZ.crl").read_bytes())
    assert (crl.number, crl.country, crl.this_update) == (1, "KZ", now)
    assert crl.revoked == {zoo.signer("KZ", "revoked").certificate.serial}
    crl.verify_signed_by(zoo.csca("KZ"))
    with pytest.raises(SignatureInvalid):
        crl.verify_signed_by(zoo.csca("UZ"))


def test_deep_nesting_is_refused_and_ber_becomes_der() -> None:
    deep = b""
    for _ in range(60):
        deep = encode(0x30, deep)
    with pytest.raises(MalformedData, match="nested"):
        check_nesting(deep, "test")
    with pytest.raises(MalformedData):
        Certificate.parse(b"\x30\x80" * 5000)
    ber = bytes.fromhex("31800201ff24800402abcd0401ef00000201010000")
    assert to_der(ber, "test") == bytes.fromhex("310b0201010201ff0403abcdef")
    assert [item.identifier for item in elements(ber, "test")] == [0x31]


def test_recorded_card_security_of_a_real_document() -> None:
    """A German EF.CardSecurity whose DS key has explicit 384-bit Brainpool parameters verifies."""
    trace = json.loads((VECTORS / "trace_pace_cam_de.json").read_text("utf-8"))
    key, counter, file = bytes.fromhex(trace["session"]["ks_enc"]), 0, b""
    for _, response in trace["apdus"][5:]:
        counter += 2
        vector = encrypt_block(Cipher.AES128, key, counter.to_bytes(16, "big"))
        for item in elements(bytes.fromhex(response)[:-2], "response"):
            if item.identifier == 0x87:
                plain = decrypt_cbc(Cipher.AES128, key, vector, item.content[1:])
                file += plain.rstrip(b"\x00")[:-1]
    signed = SignedData.parse(elements(file, "EF.CardSecurity")[0].encoded)
    assert signed.content_type == "0.4.0.127.0.7.3.2.1"
    signed.verify(signed.certificates[0])
    assert signed.certificates[0].country == "DE"


def test_compressed_named_key_loads() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    oids = (
        core.ObjectIdentifier("1.2.840.10045.2.1").dump()
        + core.ObjectIdentifier(CURVES["secp256r1"].oid).dump()
    )
    spki = encode(0x30, encode(0x30, oids) + encode(0x03, b"\x00" + point))
    loaded = load_public_key(spki)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert loaded.public_numbers() == key.public_numbers()


def _odd(serial: int, country: str, change: Callable[[bytes], bytes] = lambda tbs: tbs) -> Certificate:
    """A self-signed certificate whose signed part was changed before it was signed."""
    key = generate_ec_key("brainpoolP256r1", lambda count: bytes(range(count)))
    when = datetime(2026, 1, 1, tzinfo=UTC)
    period = Period(when, when + timedelta(days=9), when + timedelta(days=9))
    plain = build_csca(key, Subject("KZ", "LAB", "KAZ"), period, serial=0x0102030405)
    tbs = plain.tbs.replace(bytes.fromhex("02050102030405"), core.Integer(serial).dump())
    content = change(
        single(_resized(tbs), 0x30, "tbs").content.replace(b"\x13\x02KZ", b"\x13\x02" + country.encode())
    )
    body = encode(0x30, content)
    signature = sign_with(key, SignatureAlgorithm("ecdsa", "sha256"), body)
    return Certificate.parse(
        encode(0x30, body + plain.signature_algorithm + encode(0x03, b"\x00" + signature))
    )


def _resized(tbs: bytes) -> bytes:
    """The outer length put right after a change of size inside."""
    return encode(0x30, tbs[4:]) if tbs[1] == 0x82 else encode(0x30, tbs[3:])


@pytest.mark.parametrize("serial", [-78, 0, -(1 << 150)])
def test_odd_serials_lower_case_and_extra_der(serial: int) -> None:
    """All of these are in published master lists; the signature holds over the bytes as found."""
    for change in (lambda tbs: tbs, lambda tbs: tbs + b"\x05\x00", lambda tbs: tbs + b"\x84\x00"):
        odd = _odd(serial, "kz", change)
        assert (odd.serial, odd.country, odd.issuer_country) == (serial, "KZ", "KZ")
        odd.verify_signed_by(odd)


def test_broken_helpful_extensions_are_absent_and_others_malformed() -> None:
    key_id, usage = bytes.fromhex("0603551d0e"), bytes.fromhex("0603551d0f")
    broken = _odd(5, "KZ", lambda tbs: _spoiled(tbs, key_id))
    assert broken.subject_key_id is None
    broken.verify_signed_by(broken)
    with pytest.raises(MalformedData):
        _odd(5, "KZ", lambda tbs: _spoiled(tbs, usage))


def _spoiled(tbs: bytes, oid: bytes) -> bytes:
    """The value of one extension gets another tag."""
    at = tbs.index(oid) + len(oid)
    at += 3 if tbs[at] == 0x01 else 0
    return tbs[: at + 2] + b"\x0c" + tbs[at + 3 :]


def test_extra_data_in_an_algorithm_identifier() -> None:
    """Six certificates of the German list say ecdsa-with-SHA with parameters, which have no place there."""
    plain = SignatureAlgorithm("ecdsa", "sha256").dump()
    assert SignatureAlgorithm.parse(encode(0x30, plain[2:] + b"\x05\x00")) == SignatureAlgorithm.parse(plain)
