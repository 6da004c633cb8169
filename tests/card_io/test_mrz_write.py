"""Writing every zone: published lines, strictness, and what is written reads back."""

from __future__ import annotations

import datetime as dt
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.french_card import FrenchCard, french_card
from card_io.lds.mrz import (
    compose,
    format_fra,
    format_mrva,
    format_mrvb,
    format_td1,
    format_td2,
    format_td3,
    parse,
)
from card_io.lds.mrz_layout import FORMS, SHAPES, field_spans, longest_overflow
from card_io.lds.mrz_write import field_names
from card_io.lds.russian_passport import russian_name

ERIKSSON: dict[str, Any] = {
    "document_code": "I",
    "issuer": "UTO",
    "document_number": "D23145890",
    "birth": "740812",
    "sex": "F",
    "expiry": "120415",
    "nationality": "UTO",
    "surname": "Eriksson",
    "given_names": "Anna Maria",
}
VISA = ERIKSSON | {
    "document_code": "V",
    "document_number": "L898902C",
    "birth": dt.date(1969, 8, 6),
    "expiry": dt.date(1994, 6, 23),
    "optional": "ZE184226B",
}
LOISEAU: dict[str, Any] = {
    "document_number": "970675K00277",
    "birth": "730321",
    "sex": "M",
    "surname": "Loiseau",
    "given_names": "Hervé Djamel",
}


def test_td2_as_published() -> None:
    assert format_td2(**ERIKSSON) == (
        "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
        "D231458907UTO7408122F1204159<<<<<<<6",
    )


def test_visas_as_published() -> None:
    assert format_mrva(**VISA) == (
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C<3UTO6908061F9406236ZE184226B<<<<<<<",
    )
    assert format_mrvb(**VISA | {"optional": "ZE184226"}) == (
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
        "L898902C<3UTO6908061F9406236ZE184226",
    )


def test_old_french_card_as_published() -> None:
    lines = format_fra(**LOISEAU)
    assert lines == ("IDFRALOISEAU<<<<<<<<<<<<<<<<<<<<<<<<", "970675K002774HERVE<<DJAMEL<7303216M4")
    assert french_card(parse(lines)) == FrenchCard("9706", "75K", "00277", "", "")
    lines = format_fra(**LOISEAU, department="75", office="K12")
    assert lines[0].endswith("<75<K12")
    assert french_card(parse(lines)) == FrenchCard("9706", "75K", "00277", "75", "K12")
    assert (
        parse(format_fra(**LOISEAU | {"given_names": "Jean-Luc Marie Dominique"})).given_names
        == "JEAN LUC MARI"
    )


def test_long_number_of_a_td2() -> None:
    lines = format_td2(**ERIKSSON | {"document_number": "D23145890734", "optional": "8"})
    assert lines[1] == "D23145890<UTO7408122F12041597349<8<0"
    mrz = parse(lines)
    assert (mrz.document_number, mrz.optional, mrz.valid) == ("D23145890734", "8", True)


def test_belgian_number_both_ways() -> None:
    belgian = ERIKSSON | {"issuer": "BEL", "document_code": "ID", "nationality": "BEL"}
    runs_on = parse(format_td1(**belgian | {"document_number": "590123456789"}))
    assert runs_on.lines[0] == "IDBEL590123456<7899<<<<<<<<<<<"
    assert (runs_on.document_number, runs_on.optional, runs_on.valid) == ("590123456789", "", True)
    beside = parse(format_td1(**belgian | {"document_number": "590123456", "optional": "74081212345"}))
    assert (beside.document_number, beside.optional, beside.valid) == ("590123456", "74081212345", True)


@pytest.mark.parametrize(("form", "most"), [("TD1", 22), ("TD2", 14), ("TD3", 9), ("MRVA", 9), ("MRVB", 9)])
def test_longest_number(form: str, most: int) -> None:
    code = {"TD3": "P", "MRVA": "V", "MRVB": "V"}.get(form, "I")
    fields = ERIKSSON | {"document_code": code}
    assert parse(compose(form, fields | {"document_number": "7" * most})).document_number == "7" * most
    with pytest.raises(MalformedCardData, match="document_number"):
        compose(form, fields | {"document_number": "7" * (most + 1)})


def test_internal_passport_of_russia() -> None:
    fields = ERIKSSON | {
        "document_code": "PN",
        "issuer": "RUS",
        "nationality": "RUS",
        "document_number": "460123456",
        "expiry": "",
        "surname": "Соловьёва",
        "given_names": "Юлия Щукинична",
        "optional": "1050203770001",
    }
    assert format_td3(**fields) == (
        "PNRUSSOLOV92VA<<7LI8<WUKINI3NA<<<<<<<<<<<<<<",
        "4601234561RUS7408122F<<<<<<<1050203770001<46",
    )
    assert parse(format_td3(**fields)).valid
    with pytest.raises(MalformedCardData, match="expiry"):
        format_td3(**fields | {"issuer": "UTO", "surname": "X", "given_names": "Y"})


def test_sex_is_never_written_as_x() -> None:
    for form, fields in (("TD1", ERIKSSON), ("MRVA", VISA), ("FRA", LOISEAU)):
        for sex in ("X", "<", ""):
            lines = compose(form, fields | {"sex": sex})
            assert field_spans(form)["sex"].of(lines) == "<"
            assert parse(lines).sex == "X"


@pytest.mark.parametrize("birth", ["<<<<<<", "74<<<<", "7408<<", "", "000229"])
def test_unknown_parts_of_a_birth(birth: str) -> None:
    assert parse(format_td1(**ERIKSSON | {"birth": birth})).birth == birth.ljust(6, "<")


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ("TD1", "document_code", "P"),
        ("TD1", "document_code", "IV"),
        ("TD1", "document_code", "AI"),
        ("TD2", "document_code", "A1"),
        ("TD3", "document_code", "I"),
        ("MRVA", "document_code", "P"),
        ("TD1", "document_code", "IDX"),
        ("TD1", "issuer", "UTOPIA"),
        ("TD1", "issuer", ""),
        ("TD1", "issuer", "U1O"),
        ("TD1", "nationality", "UT"),
        ("TD1", "document_number", ""),
        ("TD1", "document_number", "-1"),
        ("TD1", "document_number", "12345678-90"),
        ("TD1", "document_number", "Ж1"),
        ("TD1", "birth", "741301"),
        ("TD1", "birth", "740230"),
        ("TD1", "birth", "010229"),
        ("TD1", "birth", "74<812"),
        ("TD1", "birth", "٧٤٠٨١٢"),
        ("TD1", "birth", 740812),
        ("TD1", "sex", "W"),
        ("TD1", "expiry", "12<<<<"),
        ("TD1", "expiry", "120431"),
        ("TD1", "expiry", ""),
        ("TD1", "surname", "ЭРИКССОН"),
        ("TD1", "given_names", "Anna 2"),
        ("TD1", "optional", "1234567890123456"),
        ("TD1", "optional_2", "123456789012"),
        ("TD2", "optional", "12345678"),
        ("TD2", "optional_2", "1"),
        ("TD3", "optional", "?"),
        ("FRA", "document_number", "970675K0027"),
        ("FRA", "given_names", "Hervé 2"),
        ("FRA", "office", "1234"),
        ("FRA", "expiry", "120415"),
    ],
)
def test_refusals_name_the_field(form: str, field: str, value: object) -> None:
    fields = LOISEAU if form == "FRA" else ERIKSSON
    code = {"TD3": {"document_code": "P"}, "MRVA": {"document_code": "V"}}.get(form, {})
    with pytest.raises(MalformedCardData) as caught:
        compose(form, fields | code | {field: value})
    assert field in caught.value.detail.partition(":")[0]
    assert not value or str(value) not in caught.value.detail.partition(":")[2].split()


@pytest.mark.parametrize("form", FORMS)
def test_every_field_that_is_needed_is_asked_for(form: str) -> None:
    fields = LOISEAU if form == "FRA" else ERIKSSON
    for name in field_names(form)[0]:
        with pytest.raises(MalformedCardData, match=f"{name}: missing"):
            compose(form, {key: value for key, value in fields.items() if key != name})


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(MalformedCardData, match="format"):
        compose("TD4", ERIKSSON)


ALPHANUMERIC = string.ascii_uppercase + string.digits
NAMES = st.lists(st.text(string.ascii_uppercase, min_size=1, max_size=12), min_size=1, max_size=3).map(
    " ".join
)
DATES = st.dates(dt.date(1930, 1, 1), dt.date(2040, 12, 31)).map(lambda day: day.strftime("%y%m%d"))
CODES = {
    "TD1": ("I", "ID", "AR", "C"),
    "TD2": ("I", "AC"),
    "TD3": ("P", "PP", "PK"),
    "MRVA": "V",
    "MRVB": ("VC",),
}


@st.composite
def zones(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    form = draw(st.sampled_from(sorted(CODES)))
    longest = 9 + longest_overflow(form)
    number = draw(st.text(ALPHANUMERIC, min_size=1, max_size=longest))
    optional = field_spans(form)["optional"]
    room = optional.end - optional.start - (len(number) - 7 if len(number) > 9 else 0)
    return form, {
        "document_code": draw(st.sampled_from(CODES[form])),
        "issuer": draw(st.sampled_from(("KAZ", "D", "UZB"))),
        "document_number": number,
        "birth": draw(st.one_of(DATES, st.sampled_from(("<<<<<<", "74<<<<", "7408<<")))),
        "sex": draw(st.sampled_from("MFX")),
        "expiry": draw(DATES),
        "nationality": draw(st.sampled_from(("XXA", "D", "RUS"))),
        "surname": draw(NAMES),
        "given_names": draw(st.one_of(st.just(""), NAMES)),
        "optional": draw(st.text(ALPHANUMERIC, max_size=room)),
    }


@settings(deadline=None, max_examples=200)
@given(zones())
def test_what_is_written_reads_back(zone: tuple[str, dict[str, str]]) -> None:
    form, fields = zone
    lines = compose(form, fields)
    mrz = parse(lines)
    assert (mrz.format, mrz.valid) == (form, True)
    assert (len(lines), len(lines[0])) == SHAPES[form]
    names = ("surname", "given_names")
    assert {name: getattr(mrz, name) for name in fields if name not in names} == {
        name: value for name, value in fields.items() if name not in names
    }
    name = field_spans(form)["name"].of(lines)
    whole = "<<".join(fields[part].replace(" ", "<") for part in names if fields[part])
    if len(whole) <= len(name):
        assert name.rstrip("<") == whole
    else:
        assert name[-1] != "<"
        assert all(fields[part].startswith(getattr(mrz, part)[:1]) for part in names)


@settings(deadline=None, max_examples=100)
@given(
    number=st.text(ALPHANUMERIC, min_size=12, max_size=12),
    birth=DATES,
    sex=st.sampled_from("MFX"),
    surname=st.text(string.ascii_uppercase, min_size=1, max_size=25),
    given_names=NAMES,
    place=st.text(string.digits, min_size=6, max_size=6),
)
def test_an_old_french_card_reads_back(
    number: str, birth: str, sex: str, surname: str, given_names: str, place: str
) -> None:
    lines = format_fra(
        document_number=number,
        birth=birth,
        sex=sex,
        surname=surname,
        given_names=given_names,
        department=place[:3],
        office=place[3:],
    )
    mrz = parse(lines)
    assert (mrz.format, mrz.valid, mrz.expiry, mrz.nationality) == ("FRA", True, "", "")
    assert (mrz.document_number, mrz.birth, mrz.sex, mrz.surname) == (number, birth, sex, surname)
    assert (
        mrz.given_names == " ".join(given_names.replace(" ", "<<")[:14].replace("<<", " ").split("<")).strip()
    )
    card = french_card(mrz)
    assert (card.issued + card.issued_in + card.serial, card.department + card.office) == (number, place)


@settings(deadline=None, max_examples=100)
@given(
    names=st.lists(
        st.text("АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ", min_size=1, max_size=11), min_size=3, max_size=3
    ),
    number=st.text(string.digits, min_size=9, max_size=9),
    optional=st.text(string.digits, min_size=13, max_size=13),
    birth=DATES,
)
def test_an_internal_passport_reads_back(names: list[str], number: str, optional: str, birth: str) -> None:
    fields = ERIKSSON | {"document_code": "PN", "issuer": "RUS", "nationality": "RUS", "expiry": ""}
    fields |= {"document_number": number, "optional": optional, "birth": birth}
    mrz = parse(format_td3(**fields | {"surname": names[0], "given_names": f"{names[1]} {names[2]}"}))
    assert mrz.valid
    assert (mrz.document_number, mrz.optional, mrz.birth, mrz.expiry) == (number, optional, birth, "<<<<<<")
    assert [russian_name(mrz.surname), *russian_name(mrz.given_names).split()] == names


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(FORMS),
    st.dictionaries(
        st.sampled_from((*ERIKSSON, "optional", "office")), st.one_of(st.text(max_size=40), st.none())
    ),
)
def test_any_field_gives_a_zone_or_our_error(form: str, changes: dict[str, object]) -> None:
    fields = LOISEAU if form == "FRA" else ERIKSSON
    try:
        lines = compose(form, {**fields, **changes})
    except MalformedCardData:
        return
    assert parse(lines).valid
