"""Where fields and check digits stand, against the positions that Doc 9303 prints."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.lds.mrz_layout import (
    FORMS,
    SHAPES,
    Cell,
    Span,
    check_digit,
    check_rules,
    field_spans,
    longest_overflow,
    unchecked_fields,
    value,
)

TEXT = string.digits + string.ascii_uppercase + "<"


@pytest.mark.parametrize(
    ("form", "name", "line", "first", "last"),
    [
        ("TD1", "document_number", 1, 6, 14),
        ("TD1", "optional", 1, 16, 30),
        ("TD1", "expiry", 2, 9, 14),
        ("TD1", "nationality", 2, 16, 18),
        ("TD1", "optional_2", 2, 19, 29),
        ("TD1", "composite_check", 2, 30, 30),
        ("TD2", "name", 1, 6, 36),
        ("TD2", "optional", 2, 29, 35),
        ("TD2", "composite_check", 2, 36, 36),
        ("TD3", "birth", 2, 14, 19),
        ("TD3", "sex", 2, 21, 21),
        ("TD3", "optional", 2, 29, 42),
        ("TD3", "optional_check", 2, 43, 43),
        ("TD3", "composite_check", 2, 44, 44),
        ("MRVA", "optional", 2, 29, 44),
        ("MRVB", "optional", 2, 29, 36),
        ("FRA", "surname", 1, 6, 30),
        ("FRA", "department", 1, 31, 33),
        ("FRA", "office", 1, 34, 36),
        ("FRA", "document_number_check", 2, 13, 13),
        ("FRA", "given_names", 2, 14, 27),
        ("FRA", "birth", 2, 28, 33),
        ("FRA", "composite_check", 2, 36, 36),
    ],
)
def test_positions(form: str, name: str, line: int, first: int, last: int) -> None:
    assert field_spans(form)[name] == Span(line - 1, first - 1, last)


@pytest.mark.parametrize("form", FORMS)
def test_fields_fill_every_line_once(form: str) -> None:
    rows, width = SHAPES[form]
    cells = [cell for span in field_spans(form).values() for cell in span.cells()]
    assert sorted(cells) == [Cell(row, column) for row in range(rows) for column in range(width)]


def _columns(rule_cells: tuple[Cell, ...]) -> list[tuple[int, int, int]]:
    """Runs of neighbours as the standard writes them: line, first and last position from 1."""
    runs: list[tuple[int, int, int]] = []
    for row, column in rule_cells:
        if runs and runs[-1][0] == row + 1 and runs[-1][2] == column:
            runs[-1] = (row + 1, runs[-1][1], column + 1)
        else:
            runs.append((row + 1, column + 1, column + 1))
    return runs


@pytest.mark.parametrize(
    ("form", "runs"),
    [
        ("TD1", [(1, 6, 30), (2, 1, 7), (2, 9, 15), (2, 19, 29)]),
        ("TD2", [(2, 1, 10), (2, 14, 20), (2, 22, 35)]),
        ("TD3", [(2, 1, 10), (2, 14, 20), (2, 22, 43)]),
        ("FRA", [(1, 1, 36), (2, 1, 35)]),
    ],
)
def test_what_the_composite_digit_covers(form: str, runs: list[tuple[int, int, int]]) -> None:
    composite = check_rules(form)[-1]
    assert composite.name == "composite"
    assert _columns(composite.covers) == runs


def test_which_digits_there_are() -> None:
    common = ["document_number", "birth", "expiry"]
    names = {form: [rule.name for rule in check_rules(form)] for form in FORMS}
    assert names == {
        "TD1": [*common, "composite"],
        "TD2": [*common, "composite"],
        "TD3": [*common, "optional", "composite"],
        "MRVA": common,
        "MRVB": common,
        "FRA": ["document_number", "birth", "composite"],
    }


@pytest.mark.parametrize("form", ["TD1", "TD2"])
def test_a_long_number_moves_its_digit(form: str) -> None:
    optional = field_spans(form)["optional"]
    for overflow in range(1, longest_overflow(form) + 1):
        rule = next(rule for rule in check_rules(form, overflow) if rule.name == "document_number")
        assert rule.cell == Cell(optional.row, optional.start + overflow)
        assert len(rule.covers) == 9 + overflow
        assert check_rules(form, overflow)[-1] == check_rules(form)[-1]
    assert rule.cell.column == optional.end - 2  # a filler must follow


def test_where_no_long_numbers_are() -> None:
    assert {form: longest_overflow(form) for form in FORMS} == {
        "TD1": 13, "TD2": 5, "TD3": 0, "MRVA": 0, "MRVB": 0, "FRA": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("TD1", ("document_code", "issuer", "sex", "nationality", "name")),
        ("TD2", ("document_code", "issuer", "name", "nationality", "sex")),
        ("TD3", ("document_code", "issuer", "name", "nationality", "sex")),
        ("MRVA", ("document_code", "issuer", "name", "nationality", "sex", "optional")),
        ("MRVB", ("document_code", "issuer", "name", "nationality", "sex", "optional")),
        ("FRA", ()),
    ],
)
def test_fields_without_a_digit(form: str, fields: tuple[str, ...]) -> None:
    assert unchecked_fields(form) == fields


@settings(deadline=None, max_examples=200)
@given(st.text(TEXT, min_size=1, max_size=39), st.data())
def test_a_digit_sees_every_substitution_that_weighs_differently(text: str, data: st.DataObject) -> None:
    """7, 3 and 1 have no factor in common with 10: only equal values modulo 10 hide (0, A, K, U, <)."""
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(TEXT))
    changed = text[:place] + other + text[place + 1 :]
    same = (value(text[place]) - value(other)) % 10 == 0
    assert (check_digit(changed) == check_digit(text)) == same
