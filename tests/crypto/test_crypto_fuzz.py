"""Parsers of outside bytes raise CryptoError and nothing else, whatever they are given."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.certificates import Certificate, CertificateRevocationList, SignatureAlgorithm, load_public_key
from crypto.certificates.asn1 import to_der
from crypto.cms import SignedData
from crypto.errors import CryptoError
from crypto.pki_lab import LabPki
from crypto.sod import SecurityObject
from crypto.trust import Outcome, TrustStore, passive_authentication


def certificate(data: bytes) -> None:
    parsed = Certificate.parse(data)
    parsed.public_key  # noqa: B018
    parsed.verify_signed_by(parsed)


def crl(data: bytes) -> None:
    assert CertificateRevocationList.parse(data).revoked is not None


def signed_data(data: bytes) -> None:
    parsed = SignedData.parse(data)
    parsed.verify_content()
    for item in parsed.certificates:
        parsed.verify_signature(item)


def security_object(data: bytes) -> None:
    repr(SecurityObject.parse(data).document_signer)


PARSERS: tuple[Callable[[bytes], object], ...] = (
    certificate,
    crl,
    signed_data,
    security_object,
    load_public_key,
    SignatureAlgorithm.parse,
    lambda data: to_der(data, "test"),
)


def survives(parse: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(CryptoError):
        parse(data)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes(data: bytes) -> None:
    for parse in PARSERS:
        survives(parse, data)


def tlv(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    tags = st.sampled_from([0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0x77, 0x80, 0xA0, 0xA3, 0x24, 0x05, 0x17])
    body = st.lists(children, max_size=4).map(b"".join)
    return st.tuples(tags, body).map(lambda pair: bytes([pair[0], min(len(pair[1]), 127)]) + pair[1][:127])


@given(st.recursive(st.binary(max_size=6), tlv, max_leaves=12))
@settings(max_examples=200, deadline=None)
def test_arbitrary_structures(data: bytes) -> None:
    for parse in PARSERS:
        survives(parse, data)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_flipped_bytes(zoo: LabPki, data_groups, now, flip: int) -> None:
    sod = zoo.sign_sod("UT", data_groups, now)
    samples: list[tuple[Callable[[bytes], object], bytes]] = [
        (certificate, zoo.csca("UT").der),
        (certificate, zoo.signer("UZ").certificate.der),
        (crl, (zoo.trust_directory / "KZ.crl").read_bytes()),
        (signed_data, sod[4:]),
        (security_object, sod),
        (load_public_key, zoo.csca("KZ").spki_der),
    ]
    for parse, good in samples:
        for index in range(0, len(good), 1 if len(good) < 700 else 3):
            broken = bytearray(good)
            broken[index] ^= flip
            survives(parse, bytes(broken))


def test_passive_authentication_answers_for_every_flip(
    zoo: LabPki, store: TrustStore, data_groups, now
) -> None:
    sod = zoo.sign_sod("KZ", data_groups, now)
    true, accepted = SecurityObject.parse(sod), 0
    for index in range(0, len(sod), 3):
        broken = bytearray(sod)
        broken[index] ^= 0x21
        result = passive_authentication(
            sod=bytes(broken),
            data_groups=data_groups,
            listed_in_com=frozenset(data_groups),
            store=store,
            now=now,
            document_code="P<",
            issuing_state="KAZ",
        )
        if result.outcome is Outcome.SUCCESSFUL:  # a flip in what CMS leaves unsigned changes nothing said
            assert result.security_object is not None
            assert result.security_object.hashes == true.hashes
            assert result.document_signer == true.document_signer
            accepted += 1
    assert accepted < 20


def test_truncated(zoo: LabPki, data_groups) -> None:
    sod = zoo.sign_sod("KZ", data_groups)
    for length in range(0, len(sod), 3):
        with pytest.raises(CryptoError):
            SecurityObject.parse(sod[:length])
