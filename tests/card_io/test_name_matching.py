"""Names as printed against names of the zone: every lawful spelling and cut agrees, other names do not."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.mrz import Mrz, check_digit, compose, parse
from card_io.lds.name_matching import names_agree
from card_io.lds.transliteration import name_field


def zone(name: str, form: str = "TD1") -> Mrz:
    """A zone of `form` with this name field."""
    width = {"TD1": 30, "TD2": 31, "TD3": 39}[form]
    name = name.ljust(width, "<")
    assert len(name) == width
    if form == "TD1":
        return parse(("IDUTO" + "1" * 25, "7408122F1204159UTO<<<<<<<<<<<6", name))
    return parse(("P<UTO" + name, "7" * (width + 5)))


BENNELONG = ("BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL", "DINGO POTOROO")
NILAVA = ("Nilavadhanananda", "Chayapa Dejthamrong Krasuang")
ARNPOL = ("Nilavadhanananda", "Arnpol Petch Charonguang")


@pytest.mark.parametrize(
    ("viz", "name", "form"),
    [
        (NILAVA, "NILAVADHANANANDA<<CHAYAPA<DE<K", "TD1"),
        (NILAVA, "NILAVADHANANANDA<<CHAYAPA<DEJ<K", "TD2"),
        (NILAVA, "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K", "TD3"),
        (ARNPOL, "NILAVADHANANANDA<<ARNPOL<PETC<C", "TD2"),
        (ARNPOL, "NILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU", "TD3"),
        (BENNELONG, "BENNELONG<WOOLOOMOOLOO<W<W<<DI", "TD1"),
        (BENNELONG, "BENNE<WOOLO<WARRA<WARNA<<DIN<P", "TD1"),
        (BENNELONG, "BENNELONG<WOOLOOMOOLOO<W<W<<D<P", "TD2"),
        (BENNELONG, "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI", "TD3"),
        (("Papandropoulous", "Jonathon Alec"), "PAPANDROPOULOUS<<JONATHON<ALEC", "TD1"),
        (("Papandropoulous", "Jonathon Alexander"), "PAPANDROPOULOUS<<JONATHON<ALEX", "TD1"),
        (("Papandropoulous", "Jonathon Alec Bert"), "PAPANDROPOULOUS<<JONATHON<ALEC", "TD1"),
        (("Al-Basri", "Huda Muhammad Jawad"), "AL<BASRI<<HUDA<MUHAMMAD<JAWAD<", "TD1"),
        (("D'Artagnan", "Anna"), "DARTAGNAN<<ANNA", "TD1"),
        (("Smith-Jones", "Susie Margaret"), "SMITH<JONES<<SUSIE<MARGARET", "TD1"),
        (("Arkfreith", ""), "ARKFREITH", "TD1"),
        (("", "Arkfreith"), "ARKFREITH", "TD1"),
        (("Satriya Sudarpa", ""), "SATRIYA<SUDARPA", "TD1"),
        (("Müller", "Åsa"), "MUELLER<<AASA", "TD1"),
        (("Müller", "Åsa"), "MULLER<<ASA", "TD1"),
        (("Müller", "Åsa"), "MUXXLLER<<AASA", "TD1"),
        (("Peña", "Íñigo"), "PENA<<INIGO", "TD1"),
        (("Peña", "Íñigo"), "PENXXA<<INXXIGO", "TD1"),
        (("Weiß", "Jörg"), "WEISS<<JORG", "TD1"),
        (("Dr. Eriksson", "Anna"), "ERIKSSON<<ANNA", "TD1"),
        (("Dr. Eriksson", "Anna"), "DR<ERIKSSON<<ANNA", "TD1"),
        (("Eriksson", "Karl Jr."), "ERIKSSON<<KARL", "TD1"),
        (("Смағұлов", "Жандос Әділұлы"), "SMAGULOV<<ZHANDOS<ADILULY", "TD1"),
        (("Хамит", "Юсуп"), "KHAMIT<<YUSUP", "TD1"),
        (("الرازي", "محمد جميلة"), "ALRAZY<<MXHMD<JMYLXAH", "TD1"),
        (("عز\u0651", "محمد"), "EZ<<MXHMD", "TD1"),
        (("عز\u0651", "محمد"), "EZZ<<MXHMD", "TD1"),
        (("Гнатюк", "Юрій"), "HNATIUK<<YURII", "TD1"),
        (("Гнатюк", "Юрій"), "GNATIUK<<IURII", "TD1"),
    ],
)
def test_lawful_writings_agree(viz: tuple[str, str], name: str, form: str) -> None:
    assert names_agree(viz, zone(name, form))


@pytest.mark.parametrize(
    ("viz", "name"),
    [
        (("Eriksson", "Anna Maria"), "ERIKSSON<<ANNA"),  # not full: nothing may be missing
        (("Eriksson", "Anna"), "ERIKSSON<<ANNA<MARIA"),
        (("Eriksson", "Anna"), "ERIKSSON<<ANN"),
        (("Eriksson", "Anna"), "ERIKSON<<ANNA"),
        (("Eriksson", "Anna"), "ANNA<<ERIKSSON"),
        (("Eriksson", "Anna"), "ERIKSSON"),
        (("Eriksson", ""), "ERIKSSON<<ANNA"),
        (("Müller", "Anna"), "MOLLER<<ANNA"),
        (("Papandropoulous", "Jonathon Bert"), "PAPANDROPOULOUS<<JONATHON<ALEC"),
        (("Papandropoulous", "Bert"), "PAPANDROPOULOUS<<JONATHON<ALEC"),
        (("Eriksson", "Anna"), "ERIK55ON<<ANNA"),
        (("", ""), "ERIKSSON<<ANNA"),
    ],
)
def test_other_names_do_not(viz: tuple[str, str], name: str) -> None:
    assert not names_agree(viz, zone(name))


def test_old_french_card() -> None:
    fields = {
        "document_number": "970675K00277",
        "birth": "730321",
        "sex": "M",
        "surname": "Loiseau",
        "given_names": "Jean-Luc Marie Dominique",
    }
    mrz = parse(compose("FRA", fields))
    assert names_agree(("Loiseau", "Jean-Luc Marie Dominique"), mrz)
    assert not names_agree(("Loiseaux", "Jean-Luc Marie Dominique"), mrz)
    assert not names_agree(("Loiseau", "Paul"), mrz)


def test_internal_passport_of_russia() -> None:
    second = "4601234561RUS7408122F<<<<<<<1050203770001<"
    lines = ("PNRUSSOLOV92VA<<7LI8<WUKINI3NA".ljust(44, "<"), second + "46")
    assert check_digit(second[28:42]) == "4"
    assert names_agree(("Соловьёва", "Юлия Щукинична"), parse(lines))
    assert not names_agree(("Соловьева", "Юлия Щукинична"), parse(lines))


def test_what_no_zone_can_spell_is_no_difference() -> None:
    with pytest.raises(MalformedCardData):
        names_agree(("王", "Anna"), zone("WANG<<ANNA"))


WORDS = st.lists(st.text(string.ascii_uppercase + "ÄÖÜÑÅ", min_size=1, max_size=14), min_size=1, max_size=5)


@settings(deadline=None, max_examples=200)
@given(WORDS.map(" ".join), WORDS.map(" ".join), st.sampled_from([("TD1", 30), ("TD2", 31), ("TD3", 39)]))
def test_what_we_write_agrees(surname: str, given_names: str, shape: tuple[str, int]) -> None:
    form, width = shape
    assert names_agree((surname, given_names), zone(name_field(surname, given_names, width), form))


@settings(deadline=None, max_examples=200)
@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.text(string.ascii_uppercase + "<2", min_size=30, max_size=30),
)
def test_any_names_give_an_answer_or_our_error(surname: str, given_names: str, name: str) -> None:
    try:
        names_agree((surname, given_names), zone(name))
    except MalformedCardData as error:
        assert "U+" in error.detail  # noqa: PT017 - most examples raise nothing
