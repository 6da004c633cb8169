"""Parsers of outside bytes raise CryptoError and nothing else, whatever they are given."""

import contextlib
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.certificates import Certificate, CertificateRevocationList, SignatureAlgorithm, load_public_key
from crypto.certificates.asn1 import to_der
from crypto.cms import SignedData
from crypto.errors import CryptoError
from crypto.pki_lab import (
    DeviationEntry,
    LabPki,
    LabSpec,
    Zoo,
    build_deviation_list,
    build_master_list,
)
from crypto.sod import SecurityObject
from crypto.trust import DeviationList, MasterList, Outcome, TrustStore, passive_authentication
from crypto.trust.bundles import parts


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


def master_list(data: bytes) -> None:
    parsed = MasterList.parse(data)
    parsed.anchor(parsed.certificates)


def taken_apart(data: bytes) -> None:
    for part in parts(data):
        assert part.called


PARSERS: tuple[Callable[[bytes], object], ...] = (
    certificate,
    crl,
    signed_data,
    security_object,
    master_list,
    DeviationList.parse,
    taken_apart,
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


LISTS = """
[[authority]]
country = "KZ"
[[signer]]
country = "KZ"
name = "lists"
purpose = "master_list"
[[signer]]
country = "KZ"
name = "defects"
purpose = "deviation_list"
"""


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> tuple[bytes, bytes]:
    """A master list and a deviation list that uses every field."""
    folder = tmp_path_factory.mktemp("lists") / "pki"
    lab = LabPki.create(folder, seed="lists", now=now, spec=LabSpec.from_toml(LISTS))
    entry = DeviationEntry("2.2", lab.csca("KZ"), "P", (now, now), ("A1", "B2"), 2)
    master = build_master_list([lab.csca("KZ")], lab.signer("KZ", "lists"), signing_time=now)
    return master, build_deviation_list([entry], lab.signer("KZ", "defects"), signing_time=now)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_flipped_lists(lists: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch, flip: int) -> None:
    """The signature is switched off, so that every flip reaches the parser of the content."""
    monkeypatch.setattr(SignedData, "verify", lambda *_: ())
    parsers: tuple[Callable[[bytes], object], ...] = (MasterList.parse, DeviationList.parse)
    for parse, good in zip(parsers, lists, strict=True):
        parse(good)
        for index in range(0, len(good), 3):
            broken = bytearray(good)
            broken[index] ^= flip
            survives(parse, bytes(broken))
            survives(taken_apart, bytes(broken))


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_arbitrary_text(text: str) -> None:
    survives(taken_apart, f"dn: x\n{text}".encode())
    survives(lambda data: Zoo.from_toml(data.decode()), text.encode())
