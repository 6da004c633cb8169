"""Editable Kazakh spellings, and the letters of the Russian internal passport."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.russian_passport import (
    RussianInternal,
    russian_internal,
    russian_letters,
    russian_name,
    russian_name_field,
)
from card_io.lds.spellings import Spellings, proposed_spellings, read_spellings
from card_io.lds.transliteration import cyrillic_to_latin, letter_spellings, name_components


def test_every_kazakh_letter_has_a_proposal() -> None:
    alphabet = "АӘБВГҒДЕЁЖЗИЙКҚЛМНҢОӨПРСТУҰҮФХҺЦЧШЩЪЫІЬЭЮЯ"
    for letter in alphabet:
        latin = cyrillic_to_latin(letter, "kk")
        assert latin == "" if letter == "Ь" else latin.isascii()
    assert cyrillic_to_latin("ӘҚҢӨҰҮҺ", "kk") == "AKNOUUH"
    assert cyrillic_to_latin("ҒІ", "kk") == "GI"


def test_an_administrator_may_spell_otherwise() -> None:
    own = read_spellings('[letters]\n"һ" = "KH"\n[kazakh]\n"Ж" = "J"\n[names]\n"хамит" = "HAMIT"\n')
    assert cyrillic_to_latin("Хамит Жаһан", "kk") == "KHAMIT ZHAHAN"
    assert cyrillic_to_latin("Хамит Жаһан", "kk", own) == "HAMIT JAKHAN"
    assert cyrillic_to_latin("Хамит Жаһан", "ru", own) == "KHAMIT ZHAKHAN"
    assert cyrillic_to_latin("Әділ", "kk", own) == "ADIL"
    assert proposed_spellings().overridden(Spellings()) == proposed_spellings()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[letters", "TOML"),
        ('[letters]\n"Ә" = A', "line 2, column"),
        ("[words]", "words"),
        ("letters = 3", "letters"),
        ('[letters]\n"Ә" = "a"', "letters"),
        ('[letters]\n"Ә" = 3', "letters"),
        ('[letters]\n"Ә" = "Ä"', "letters"),
        ('[kazakh]\n"ӘӘ" = "A"', "kazakh"),
        ('[names]\n"ХАМИТ ХАН" = "A"', "names"),
        ('[names]\n"ХАМИТ" = ""', "names"),
        ('[names]\n"ХАМИТ" = "A1"', "names"),
    ],
)
def test_wrong_entries_are_refused_by_name(text: str, place: str) -> None:
    with pytest.raises(MalformedCardData, match=place):
        read_spellings(text)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_any_file_gives_spellings_or_our_error(text: str) -> None:
    for start in ("", "[letters]\n", "[names]\n"):
        try:
            read_spellings(start + text)
        except MalformedCardData as error:
            assert "spellings" in error.detail  # noqa: PT017 - some examples raise nothing


@pytest.mark.parametrize(
    ("letter", "spellings"),
    [
        ("Ä", ("AE", "A")),
        ("Å", ("AA", "A")),
        ("Ñ", ("N", "NXX")),
        ("Ö", ("OE", "O")),
        ("Ü", ("UE", "UXX", "U")),
        ("É", ("E",)),
        ("'", ("",)),
        ("Г", ("G", "H")),
        ("Я", ("IA", "YA")),
        ("Һ", ("H", "KH")),
    ],
)
def test_letters_with_several_spellings(letter: str, spellings: tuple[str, ...]) -> None:
    assert letter_spellings(letter) == spellings


@pytest.mark.parametrize("first", range(0x00C0, 0x017F, 16))
def test_every_accented_latin_letter_has_a_spelling(first: int) -> None:
    for code in range(first, first + 16):
        if code not in (0x00D7, 0x00F7, 0x0138, 0x0149):  # signs, kra, n with apostrophe
            assert name_components(chr(code))


def test_names_of_an_internal_passport() -> None:
    alphabet = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
    assert russian_letters(alphabet) == "ABVGDE2JZIQKLMNOPRSTUFHC34WXY9678"
    assert russian_name(russian_letters(alphabet)) == alphabet
    assert russian_name("SOLOV92V<PETR") == "СОЛОВЬЁВ ПЕТР"
    assert russian_name_field("Римский-Корсаков", "Николай", 39).startswith("RIMSKIQ<KORSAKOV<<NIKOLAQ<"[:21])
    with pytest.raises(MalformedCardData):
        russian_letters("Қасым")
    with pytest.raises(MalformedCardData):
        russian_name_field("", "", 39)


def test_number_and_optional_data_of_an_internal_passport() -> None:
    internal = russian_internal("460123456", "1050203770001")
    assert internal == RussianInternal("4601", "123456", "050203", "770001")
    assert internal.issued_date(dt.date(2026, 11, 22)) == dt.date(2005, 2, 3)
    assert russian_internal("460123456", "") == RussianInternal("460", "123456", "", "")
    assert russian_internal("", "") == RussianInternal("", "", "", "")


@settings(deadline=None, max_examples=100)
@given(st.text("АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ ", min_size=1, max_size=30))
def test_internal_names_go_both_ways(name: str) -> None:
    assert russian_name(russian_letters(name)) == " ".join(name.split())
