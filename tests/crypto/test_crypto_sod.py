"""EF.SOD and its CMS: built as Doc 9303-10 says, read leniently, verified over the bytes as found."""

from datetime import timedelta

import pytest

from crypto.certificates import SignatureAlgorithm
from crypto.certificates.asn1 import encode, sequence, single
from crypto.cms import SignedData, build_signed_data
from crypto.errors import MalformedData, PolicyRefused, SignatureInvalid
from crypto.pki_lab import LabPki
from crypto.signer import KeySigner, load_private_key
from crypto.sod import LDS_SECURITY_OBJECT, SecurityObject, build_sod, unverified_groups


def test_shape(zoo: LabPki, data_groups, now) -> None:
    sod = SecurityObject.parse(zoo.sign_sod("KZ", data_groups, now))
    assert sod.lds_version == "0108"
    assert sod.hash_name == "sha256"
    assert set(sod.hashes) == set(data_groups)
    assert sod.document_signer == zoo.signer("KZ").certificate
    assert sod.signed_data.content_type == LDS_SECURITY_OBJECT
    assert sod.signed_data.signer.signing_time == now
    assert sod.signed_data.verify(zoo.signer("KZ").certificate) == ()


def test_same_input_same_bytes(zoo: LabPki, data_groups, now) -> None:
    assert zoo.sign_sod("KZ", data_groups, now) == zoo.sign_sod("KZ", data_groups, now)


def test_digest_algorithms_carry_no_parameters(zoo: LabPki, data_groups) -> None:
    sod = zoo.sign_sod("KZ", data_groups)
    bare = encode(0x30, bytes.fromhex("0609608648016503040201"))
    assert sod.count(bare) == 3  # digestAlgorithms, signerInfo, hashAlgorithm
    assert sod.count(SignatureAlgorithm("ecdsa", "sha256").dump()) == 1


@pytest.mark.parametrize("hash_name", ["sha224", "sha384", "sha512"])
def test_other_hashes(zoo: LabPki, data_groups, hash_name: str) -> None:
    built = build_sod(data_groups, zoo.signer("KZ"), hash_name=hash_name)
    assert SecurityObject.parse(built).hash_name == hash_name


def test_refusals(zoo: LabPki, data_groups, now) -> None:
    signer = zoo.signer("KZ")
    for groups in ({}, {1: b""}, {1: b"", 17: b""}, {0: b"", 1: b""}):
        with pytest.raises(PolicyRefused):
            build_sod(groups, signer)
    for when in (now - timedelta(days=31), now + timedelta(days=91)):
        with pytest.raises(PolicyRefused):
            build_sod(data_groups, signer, signing_time=when)


@pytest.mark.parametrize("name", ["default", "p521", "pss"])
@pytest.mark.parametrize("timed", [True, False])
def test_the_fast_build_is_the_slow_one(zoo: LabPki, data_groups, now, name: str, timed: bool) -> None:
    """The template gives the bytes that the general CMS builder gives for the same content."""
    signer, time = zoo.signer("KZ", name), now if timed else None
    fast = build_sod(data_groups, signer, signing_time=time, hash_name="sha384")
    content = SecurityObject.parse(fast).signed_data.content
    slow = encode(0x77, build_signed_data(LDS_SECURITY_OBJECT, content, signer, signing_time=time))
    same = (
        len(fast)
        if name != "pss"
        else len(fast) - len(SecurityObject.parse(fast).signed_data.signer.signature)
    )
    assert fast[:same] == slow[:same]


def test_a_signer_under_another_authority_signs_nothing(zoo: LabPki, data_groups) -> None:
    key = load_private_key(zoo.directory / "KZ" / "ds-default-01.key")
    for authority in (zoo.csca("UZ"), zoo.signer("KZ").certificate):
        with pytest.raises(PolicyRefused):
            build_sod(data_groups, KeySigner(key, zoo.signer("KZ").certificate, authority=authority))


def test_a_signer_that_lies_is_caught(zoo: LabPki, data_groups) -> None:
    honest = zoo.signer("KZ")

    class Lying:
        certificate = honest.certificate
        authority = honest.authority
        algorithm = honest.algorithm
        hash_name = honest.hash_name

        def sign(self, data: bytes) -> bytes:
            return honest.sign(data + b"!")

    with pytest.raises(SignatureInvalid):
        build_sod(data_groups, Lying())


def test_wrong_order_of_signed_attributes_is_a_deviation(zoo: LabPki, data_groups, now) -> None:
    """Some issuers encode the SET in another order than they signed."""
    signer = zoo.signer("KZ")
    cms = build_signed_data("1.2.3", b"content", signer, signing_time=now)
    found = SignedData.parse(cms).signer.signed_attributes
    attributes = [item.encoded for item in _members(found)]
    wrong = cms.replace(b"".join(attributes), b"".join(reversed(attributes)))
    assert wrong != cms
    parsed = SignedData.parse(wrong)
    assert parsed.verify(signer.certificate) == ("signed attributes are not DER",)
    with pytest.raises(SignatureInvalid):
        parsed.verify(zoo.csca("KZ"))


def _members(signed_attributes: bytes):
    from crypto.certificates.asn1 import elements

    return elements(single(signed_attributes, 0x31, "attributes").content, "attributes")


def test_indefinite_lengths_are_read(zoo: LabPki, data_groups, now) -> None:
    cms = single(zoo.sign_sod("KZ", data_groups, now), 0x77, "sod").content
    oid, wrapped = sequence(cms, "cms")
    inner = b"\x30\x80" + b"".join(item.encoded for item in sequence(wrapped.content, "cms")) + b"\0\0"
    ber = b"\x30\x80" + oid.encoded + b"\xa0\x80" + inner + b"\0\0" + b"\0\0"
    parsed = SecurityObject.parse(encode(0x77, ber))
    assert parsed.signed_data.verify(zoo.signer("KZ").certificate) == ()


def test_missing_parts_are_malformed(zoo: LabPki) -> None:
    cms = build_signed_data("1.2.3", b"content", zoo.signer("KZ"))
    signer = SignedData.parse(cms).signer
    attributes = b"\xa0" + signer.signed_attributes[1:]
    for broken in (
        cms.replace(attributes, b"\xa1" + attributes[1:]),
        cms.replace(bytes.fromhex("06092a864886f70d010904"), bytes.fromhex("06092a864886f70d01090f")),
        cms.replace(bytes.fromhex("06092a864886f70d010702"), bytes.fromhex("06092a864886f70d010703")),
        cms + b"\x00",
        b"",
    ):
        with pytest.raises(MalformedData):
            SignedData.parse(broken)


def test_the_groups_are_told_without_looking_at_signature_or_certificate(zoo: LabPki) -> None:
    groups = {number: bytes([0x60 + number, 1, number]) for number in (1, 2, 14)}
    sod = build_sod(groups, zoo.signer("KZ"))
    assert unverified_groups(sod) == frozenset(SecurityObject.parse(sod).hashes) == {1, 2, 14}
    certificate = zoo.signer("KZ").certificate.der
    assert unverified_groups(sod.replace(certificate, certificate[:-20] + bytes(20))) == {1, 2, 14}
    for broken in (b"", sod[:-1], sod[1:], b"\x77\x00", sod.replace(b"\x02\x01\x0e", b"\x02\x01\x02")):
        with pytest.raises(MalformedData):
            unverified_groups(broken)
