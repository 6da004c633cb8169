"""Names in national letters: kept as typed, proposed in Latin, never over what a person wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.lds.spellings import Spellings, read_spellings
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.names import name_in, national_name, parts_of, proposed_field, with_name

PACKAGED = Spellings()
EMPTY = ("P<KAZ" + "<" * 39, "<" * 44)


def field(text: str, width: int = 39) -> str:
    return text.ljust(width, "<")


def test_the_issuing_state_decides_the_letters() -> None:
    kazakh = proposed_field(EMPTY, "Қайратов", "Әділ Юнус", PACKAGED)
    assert kazakh == field("KAYRATOV<<ADIL<YUNUS")
    russian = proposed_field(("P<RUS" + "<" * 39, "<" * 44), "Кайратов", "Юнус", PACKAGED)
    assert russian == field("KAIRATOV<<IUNUS")


def test_own_spellings_come_first() -> None:
    own = read_spellings('[kazakh]\n"Ж" = "J"\n[names]\n"ХАМИТ" = "HAMIT"\n')
    assert proposed_field(EMPTY, "Хамит", "Жан", own) == field("HAMIT<<JAN")


@pytest.mark.parametrize(
    ("lines", "width"),
    [(("I<KAZ".ljust(30, "<"), "<" * 30, "<" * 30), 30), (("I<KAZ".ljust(36, "<"), "<" * 36), 31)],
)
def test_the_name_stands_where_the_format_has_it(lines: tuple[str, ...], width: int) -> None:
    made = with_name(lines, proposed_field(lines, "Ли", "Анна", PACKAGED))
    assert name_in(made) == field("LI<<ANNA", width)
    assert sum(map(len, made)) == sum(map(len, lines))


@pytest.mark.parametrize(
    ("lines", "surname"),
    [
        (EMPTY, ""),
        (EMPTY, " "),
        (EMPTY, "张伟"),
        (EMPTY, "ИВАНОВ 2"),
        ((), "ИВАНОВ"),
        (("<" * 44,), "ИВАНОВ"),
        (EMPTY, "Ь"),
    ],
)
def test_nothing_is_proposed_where_nothing_can_be(lines: tuple[str, ...], surname: str) -> None:
    assert proposed_field(lines, surname, "", PACKAGED) == ""


def test_a_proposal_follows_the_typing_and_stops_at_what_a_person_wrote() -> None:
    first = proposed_field(EMPTY, "И", "", PACKAGED)
    second = proposed_field(EMPTY, "ИВ", "", PACKAGED)
    lines = with_name(EMPTY, first)
    assert name_in(lines) == first
    lines = with_name(lines, second, first)
    assert name_in(lines) == second
    assert with_name(lines, "", second) == EMPTY
    own = (lines[0][:5] + field("IVANOFF"), lines[1])
    assert with_name(own, first, second) == own


def test_the_name_is_kept_in_two_parts() -> None:
    name = national_name(" Қайратов, ", "Әділ\u0000  Юнус")
    assert name == "Қайратов, Әділ Юнус"
    assert parts_of(name) == ("Қайратов", "Әділ Юнус")
    assert national_name("", " ") == ""
    assert parts_of("") == ("", "")
    with pytest.raises(KioskError) as long:
        national_name("Я" * 199, "Я")
    assert long.value.code is ErrorCode.EVENT_REFUSED


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_gives_a_zone_of_the_same_shape(surname: str, given_names: str) -> None:
    lines = with_name(EMPTY, proposed_field(EMPTY, surname, given_names, PACKAGED))
    assert [len(line) for line in lines] == [44, 44]
    name = national_name(surname, given_names)
    assert national_name(*parts_of(name)) == name
