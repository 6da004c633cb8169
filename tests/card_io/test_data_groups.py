"""DG1, DG11, DG12 and DG13: published lengths, round trips, quirks seen on real documents, damage."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds import data_groups as dg
from card_io.tlv import Tlv

CARD = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
PERSON = dg.PersonalDetails(
    full_name=("ҚАРИМОВ", "АЗИЗ БЕК"),
    other_names=("KARIMOV<<OZIZ", "BEK"),
    personal_number="900101300123",
    birth_date="19900101",
    place_of_birth=("ТАШКЕНТ", "UZB"),
    telephone="+77000000000",
    citizenship_image=b"\xff\xd8\xff",
)
DOCUMENT = dg.DocumentDetails(
    issuing_authority="BORDER POST 01",
    issue_date="20261122",
    other_persons=("KARIMOV<<BEK",),
    rear_image=b"\xff\xd8\xff\x00",
    personalisation_time="20261122091530",
    personalisation_system="POST-01",
)
PERMIT = dg.Permit("VISA_FREE_30", "KZ-01-000001", dt.date(2026, 12, 21))


@pytest.mark.parametrize(
    ("lines", "start"), [(CARD, "615D5F1F5A"), (TD2, "614B5F1F48"), (PASSPORT, "615B5F1F58")]
)
def test_dg1_headers_and_round_trip(lines: tuple[str, ...], start: str) -> None:
    ef = dg.build_dg1(lines)
    assert ef[:5].hex().upper() == start
    assert dg.parse_dg1(ef).lines == lines


def test_dg1_refuses_what_is_no_mrz() -> None:
    for text in (b"", b"I" * 89, b"\xff" * 90, b" " + b"<" * 89):
        with pytest.raises(MalformedCardData):
            dg.parse_dg1(Tlv.of(0x61, Tlv.of(0x5F1F, text)))
    with pytest.raises(MalformedCardData):
        dg.parse_dg1(dg.build_dg13(PERMIT))


def test_dg11_as_laid_out_by_the_standard() -> None:
    ef = dg.build_dg11(PERSON)
    tags = [child.tag for child in Tlv(ef).children()]
    assert tags == [0x5C, 0x5F0E, 0xA0, 0x5F10, 0x5F2B, 0x5F11, 0x5F12, 0x5F16]
    assert Tlv(ef).require(0x5C).value.hex() == "5f0e5f0f5f105f2b5f115f125f16"
    assert Tlv(ef).require(0x5F0E).value.decode() == "ҚАРИМОВ<<АЗИЗ<БЕК"
    assert Tlv(ef).require(0xA0).require(0x02).value == b"\x02"
    assert dg.parse_dg11(ef) == PERSON
    assert "АЗИЗ" not in repr(PERSON)


def test_dg12_and_dg13_round_trip() -> None:
    assert dg.parse_dg12(dg.build_dg12(DOCUMENT)) == DOCUMENT
    assert dg.parse_dg13(dg.build_dg13(PERMIT)) == PERMIT
    assert dg.parse_dg12(dg.build_dg12(dg.DocumentDetails())) == dg.DocumentDetails()


def test_quirks_of_real_documents() -> None:
    bare_names = Tlv.of(0x6B, [Tlv.of(0x5C, b"\x5f\x0f"), Tlv.of(0x5F0F, b"A<<B")])  # China
    assert dg.parse_dg11(bare_names).other_names == ("A<<B",)
    listed_template = Tlv.of(
        0x6B, [Tlv.of(0x5C, b"\xa0"), Tlv.of(0xA0, [Tlv.of(2, b"\x01"), Tlv.of(0x5F0F, b"C")])]
    )  # Belarus
    assert dg.parse_dg11(listed_template).other_names == ("C",)
    bcd = Tlv.of(0x6B, [Tlv.of(0x5C, b"\x5f\x2b"), Tlv.of(0x5F2B, bytes.fromhex("19900101"))])  # Malaysia
    assert dg.parse_dg11(bcd).birth_date == "19900101"
    latin = Tlv.of(0x6B, [Tlv.of(0x5C, b"\x5f\x0e"), Tlv.of(0x5F0E, "MÜLLER<<JÖRG".encode("latin-1"))])
    assert dg.parse_dg11(latin).full_name == ("MÜLLER", "JÖRG")
    unknown = Tlv.of(0x6C, [Tlv.of(0x5C, b""), Tlv.of(0x5F77, b"?"), Tlv.of(0x5F19, b"KZ")])
    assert dg.parse_dg12(unknown).issuing_authority == "KZ"


@pytest.mark.parametrize("value", ["19900", "1990-1-1", "٢٠٢٦١١٢٢"])
def test_dates_are_digits(value: str) -> None:
    with pytest.raises(MalformedCardData):
        dg.build_dg11(dg.PersonalDetails(birth_date=value))
    with pytest.raises(MalformedCardData):
        dg.parse_dg11(Tlv.of(0x6B, Tlv.of(0x5F2B, value.encode())))


@pytest.mark.parametrize(
    "content",
    [
        [Tlv.of(0x80, b"\x02")],
        [
            Tlv.of(0x80, b"\x01"),
            Tlv.of(0x81, b"A"),
            Tlv.of(0x82, b"B"),
            Tlv.of(0x83, bytes.fromhex("20261332")),
        ],
        [
            Tlv.of(0x80, b"\x01"),
            Tlv.of(0x81, b"\xff"),
            Tlv.of(0x82, b"B"),
            Tlv.of(0x83, bytes.fromhex("20261231")),
        ],
        [],
    ],
)
def test_a_foreign_dg13_is_refused(content: list[bytes]) -> None:
    with pytest.raises(MalformedCardData):
        dg.parse_dg13(Tlv.of(0x6D, content))


WORDS = st.text(st.characters(categories=["L"]), min_size=1, max_size=12)
DIGITS = st.dates().map(lambda date: date.isoformat().replace("-", ""))


@settings(deadline=None, max_examples=100)
@given(
    st.builds(
        dg.PersonalDetails,
        full_name=st.lists(WORDS, max_size=2).map(tuple),
        other_names=st.lists(WORDS, max_size=3).map(tuple),
        personal_number=WORDS | st.just(""),
        birth_date=DIGITS | st.just(""),
        place_of_birth=st.lists(WORDS, max_size=3).map(tuple),
        address=st.lists(WORDS, max_size=3).map(tuple),
        custody=WORDS | st.just(""),
        citizenship_image=st.binary(max_size=300),
    )
)
def test_dg11_round_trip(details: dg.PersonalDetails) -> None:
    assert dg.parse_dg11(dg.build_dg11(details)) == details


@settings(deadline=None, max_examples=60)
@given(st.builds(dg.Permit, WORDS, WORDS, st.dates()))
def test_dg13_round_trip(permit: dg.Permit) -> None:
    assert dg.parse_dg13(dg.build_dg13(permit)) == permit


PARSERS = (
    (dg.parse_dg1, dg.build_dg1(CARD)),
    (dg.parse_dg11, dg.build_dg11(PERSON)),
    (dg.parse_dg12, dg.build_dg12(DOCUMENT)),
    (dg.parse_dg13, dg.build_dg13(PERMIT)),
)


@pytest.mark.parametrize("number", range(len(PARSERS)))
def test_changed_bytes_raise_only_our_errors(number: int) -> None:
    parse, ef = PARSERS[number]
    for place in range(len(ef)):
        for change in (0x01, 0x20, 0x80, 0xFF):
            damaged = bytearray(ef)
            damaged[place] ^= change
            with contextlib.suppress(CardError):
                parse(bytes(damaged))
        with pytest.raises(CardError):
            parse(ef[:place])


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60), st.sampled_from([0x61, 0x6B, 0x6C, 0x6D]))
def test_garbage_raises_only_our_errors(garbage: bytes, tag: int) -> None:
    for parse, _ in PARSERS:
        with contextlib.suppress(CardError):
            parse(Tlv.of(tag, garbage))
