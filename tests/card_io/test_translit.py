"""Transliteration tables of Doc 9303-3 section 6 and the Kazakh proposal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError, MalformedCardData
from card_io.lds.transliteration import cyrillic_to_latin, name_components

DEFAULT_COLUMN = (
    "А A, Б B, В V, Г G, Д D, Е E, Ё E, Ж ZH, З Z, И I, І I, Й I, К K, Л L, М M, Н N, О O, П P, Р R, С S, "
    "Т T, У U, Ф F, Х KH, Ц TS, Ч CH, Ш SH, Щ SHCH, Ъ IE, Ы Y, Э E, Ю IU, Я IA, Ѵ Y, Ѫ U, Ѓ G, Є IE, Ї I, "
    "Ґ G, Ў U, Ѕ DZ, Ј J, Ќ K, Љ LJ, Њ NJ, Џ DZ, Ђ D, Ғ G"
)


@pytest.mark.parametrize("row", DEFAULT_COLUMN.split(", "))
def test_default_column(row: str) -> None:
    letter, latin = row.split()
    assert cyrillic_to_latin(letter) == cyrillic_to_latin(letter.lower()) == latin


@pytest.mark.parametrize(
    ("text", "language", "latin"),
    [
        ("Щербаков", None, "SHCHERBAKOV"),
        ("Юрий", "ru", "IURII"),
        ("Соловьёв", "ru", "SOLOVEV"),
        ("Подъячев", None, "PODIEIACHEV"),
        ("Алёна Глеб", "be", "ALIONA HLEB"),
        ("Гнатюк", "uk", "HNATIUK"),
        ("Юрій Яременко", "uk", "YURII YAREMENKO"),
        ("Їжакевич Олексій", "uk", "YIZHAKEVYCH OLEKSII"),
        ("Жарко Хаџић", "sr", "ZARKO HADZIC"),
        ("Ѓорѓи Џеков", "mk", "GJORGJI DJEKOV"),
        ("Щилиянов", "bg", "SHTILIIANOV"),
        ("Әлия Қуанышқызы", "kk", "ALIYA KUANYSHKYZY"),
        ("Өмірзақ Ұлы Гүлнұр Шаһ", "kk", "OMIRZAK ULY GULNUR SHAH"),
        ("Ғани Ёлкин Юсуп Серікбай Хамит", "kk", "GANI YOLKIN YUSUP SERIKBAY KHAMIT"),
        ("Ҷамшед Раҳимӣ Қӯрбон", "tg", "JAMSHED RAHIMI KURBON"),
        ("Anna-Maria", None, "ANNA-MARIA"),
    ],
)
def test_languages(text: str, language: str | None, latin: str) -> None:
    assert cyrillic_to_latin(text, language) == latin


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("D'Artagnan", ("DARTAGNAN",)),
        ("Oʻgʻiloy Gʻulomova", ("OGILOY", "GULOMOVA")),
        ("Smith-Jones", ("SMITH", "JONES")),
        ("Anna, Maria", ("ANNA", "MARIA")),
        ("Müller Ångström", ("MUELLER", "AANGSTROEM")),
        ("Weiß Łódź", ("WEISS", "LODZ")),
        ("Señor Çelik Yıldız", ("SENOR", "CELIK", "YILDIZ")),
        ("Þór Ðorđe", ("THOR", "DORDE")),
        ("J. R.", ("J", "R")),
        ("A\u0308", ("AE",)),
        ("", ()),
        ("*$()&/", ()),
    ],
)
def test_components_of_latin_names(name: str, components: tuple[str, ...]) -> None:
    assert name_components(name) == components


@pytest.mark.parametrize("name", ["Иван", "王", "Louis 14", "علي"])
def test_what_has_no_spelling_is_refused_without_naming_the_holder(name: str) -> None:
    with pytest.raises(MalformedCardData) as caught:
        name_components(name)
    assert name not in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40))
def test_any_text_gives_letters_or_our_error(name: str) -> None:
    cyrillic_to_latin(name, "uk")
    try:
        parts = name_components(name)
    except CardError:
        return
    assert all(part.isascii() and part.isalpha() and part.isupper() for part in parts)
