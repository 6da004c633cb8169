"""The individual identification number of Kazakhstan. All numbers here are invented."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import MalformedCardData
from card_io.lds.iin import iin_check_digit, parse_iin


def _by_definition(first: str) -> int:
    """1 to 11; where that leaves ten, 3 to 11 and then 1 and 2."""
    weights = list(range(1, 12))
    rest = sum(int(digit) * weight for digit, weight in zip(first, weights, strict=True)) % 11
    if rest == 10:
        weights = weights[2:] + weights[:2]
        rest = sum(int(digit) * weight for digit, weight in zip(first, weights, strict=True)) % 11
    return rest


@pytest.mark.parametrize(
    ("first", "digit"),
    [
        ("90021430001", "1"),
        ("00000000000", "0"),
        ("10000000003", "1"),  # 1 + 33
        ("00000000010", "1"),  # 10, and 1 in the second pass
        ("00000000001", "0"),  # 11
    ],
)
def test_check_digits(first: str, digit: str) -> None:
    assert iin_check_digit(first) == digit == str(_by_definition(first))


def test_both_passes_and_numbers_that_are_not_issued_occur() -> None:
    firsts = [f"9002143{serial:04}" for serial in range(400)]
    second_pass = [
        first
        for first in firsts
        if sum(int(d) * w for d, w in zip(first, range(1, 12), strict=True)) % 11 == 10
    ]
    never = [first for first in firsts if iin_check_digit(first) is None]
    assert second_pass
    assert never
    assert set(never) < set(second_pass)
    for first in never:
        assert not any(parse_iin(f"{first}{digit}").valid for digit in range(10))


@pytest.mark.parametrize(
    ("seventh", "birth", "sex"),
    [
        ("1", dt.date(1890, 2, 14), "M"),
        ("2", dt.date(1890, 2, 14), "F"),
        ("3", dt.date(1990, 2, 14), "M"),
        ("4", dt.date(1990, 2, 14), "F"),
        ("5", dt.date(2090, 2, 14), "M"),
        ("6", dt.date(2090, 2, 14), "F"),
        ("0", None, ""),
        ("9", None, ""),
    ],
)
def test_century_and_sex(seventh: str, birth: dt.date | None, sex: str) -> None:
    iin = parse_iin(f"900214{seventh}00011")
    assert (iin.birth, iin.sex, iin.foreigner) == (birth, sex, seventh == "0")
    assert "900214" not in repr(iin)


def test_no_such_day() -> None:
    assert parse_iin("900230300011").birth is None
    assert parse_iin("000229300011").birth is None  # 1900 had no leap day
    assert parse_iin("000229500011").birth == dt.date(2000, 2, 29)


@pytest.mark.parametrize("text", ["", "90021430001", "9002143000111", "90021430001A", "٩٠٠٢١٤٣٠٠٠١١"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(MalformedCardData):
        parse_iin(text)


@settings(deadline=None, max_examples=200)
@given(st.text("0123456789", min_size=11, max_size=11))
def test_against_the_definition(first: str) -> None:
    expected = _by_definition(first)
    valid = [digit for digit in "0123456789" if parse_iin(first + digit).valid]
    assert valid == ([str(expected)] if expected < 10 else [])
