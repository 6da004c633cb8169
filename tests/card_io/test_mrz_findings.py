"""What is odd about a zone, and where."""

from __future__ import annotations

import datetime as dt
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.errors import CardError
from card_io.lds.iin import iin_check_digit
from card_io.lds.mrz import check_digit, compose, parse
from card_io.lds.mrz_findings import WRONG_DIGITS, Finding, FindingCode, findings
from card_io.lds.mrz_layout import SHAPES, check_rules, field_spans

TODAY = dt.date(2026, 11, 22)
C = FindingCode
PLAIN: dict[str, Any] = {
    "document_code": "P",
    "issuer": "UZB",
    "document_number": "FA1234567",
    "birth": "900214",
    "sex": "M",
    "expiry": "310213",
    "nationality": "UZB",
    "surname": "SPECIMENOV",
    "given_names": "TEST",
    "optional": "12345678901234",
}
CARD = PLAIN | {"document_code": "ID", "optional": ""}


def changed(form: str, fields: dict[str, Any], field: str, text: str) -> tuple[str, ...]:
    """A zone whose `field` is printed as `text`, with check digits that agree all the same."""
    span = field_spans(form)[field]
    lines = list(compose(form, fields))
    lines[span.row] = lines[span.row][: span.start] + text + lines[span.row][span.end :]
    for rule in check_rules(form):
        digit = check_digit("".join(cell.of(lines) for cell in rule.covers))
        row, column = rule.cell
        lines[row] = lines[row][:column] + digit + lines[row][column + 1 :]
    assert all(len(line) == SHAPES[form][1] for line in lines)
    return tuple(lines)


def codes(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(finding.code, finding.field) for finding in findings(parse(lines), TODAY)]


@pytest.mark.parametrize("form", ["TD1", "TD2", "TD3", "MRVA", "MRVB"])
def test_a_plain_document_has_no_findings(form: str) -> None:
    code = {"TD3": "P", "MRVA": "V", "MRVB": "V"}.get(form, "ID")
    assert codes(compose(form, CARD | {"document_code": code})) == []


@pytest.mark.parametrize("form", ["TD1", "TD2", "TD3", "MRVA", "MRVB"])
def test_every_digit_is_found_wrong_or_missing_at_its_place(form: str) -> None:
    code = {"TD3": "P", "MRVA": "V", "MRVB": "V"}.get(form, "ID")
    lines = compose(form, CARD | {"document_code": code, "optional": "123"})
    for rule in check_rules(form):
        row, column = rule.cell
        wrong = str((int(rule.cell.of(lines)) + 1) % 10)
        for digit, finding_code in ((wrong, C.CHECK_DIGIT_WRONG), ("<", C.CHECK_DIGIT_MISSING)):
            if digit == "<" and rule.name == "document_number" and form in ("TD1", "TD2"):
                continue  # that announces a long number
            line = lines[row][:column] + digit + lines[row][column + 1 :]
            found = findings(parse((*lines[:row], line, *lines[row + 1 :])), TODAY)
            assert Finding(finding_code, rule.name, row, column, column + 1) in found
            assert {finding.code for finding in found} <= WRONG_DIGITS


@pytest.mark.parametrize(
    ("form", "field", "text", "expected"),
    [
        ("TD3", "birth", "901301", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "900230", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "010229", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "9O0214", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "90<214", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "900014", [(C.DATE_IMPOSSIBLE, "birth")]),
        ("TD3", "birth", "000229", []),
        ("TD3", "birth", "90<<<<", [(C.BIRTH_UNKNOWN, "birth")]),
        ("TD3", "birth", "<<<<<<", [(C.BIRTH_UNKNOWN, "birth")]),
        ("TD3", "expiry", "31<<<<", [(C.DATE_IMPOSSIBLE, "expiry")]),
        ("TD3", "expiry", "310231", [(C.DATE_IMPOSSIBLE, "expiry")]),
        ("TD3", "expiry", "<<<<<<", [(C.EXPIRY_EMPTY, "expiry")]),
        ("TD3", "document_code", "IP", [(C.DOCUMENT_CODE_WRONG, "document_code")]),
        ("TD3", "document_code", "PK", [(C.DOCUMENT_CODE_NATIONAL, "document_code")]),
        ("TD3", "document_code", "P7", [(C.DOCUMENT_CODE_WRONG, "document_code")]),
        ("TD1", "document_code", "IV", [(C.DOCUMENT_CODE_WRONG, "document_code")]),
        ("TD1", "document_code", "AI", [(C.DOCUMENT_CODE_WRONG, "document_code")]),
        ("TD2", "document_code", "AI", []),
        ("TD1", "document_code", "AC", [(C.DOCUMENT_CODE_CREW, "document_code")]),
        ("TD1", "document_code", "IR", []),
        ("TD3", "issuer", "QQQ", [(C.STATE_UNKNOWN, "issuer")]),
        ("TD3", "issuer", "<<<", [(C.STATE_EMPTY, "issuer")]),
        ("TD3", "issuer", "<<D", [(C.FILLER_MISPLACED, "issuer")]),
        ("TD3", "issuer", "D<<", []),
        ("TD3", "nationality", "SUN", [(C.STATE_HISTORIC, "nationality")]),
        ("TD3", "nationality", "UTO", [(C.STATE_SPECIMEN, "nationality")]),
        ("TD3", "nationality", "XXA", []),
        ("TD3", "sex", "X", [(C.SEX_UNUSUAL, "sex")]),
        ("TD3", "sex", "<", []),
        ("TD3", "document_number", "<<<<<<<<<", [(C.NUMBER_EMPTY, "document_number")]),
        ("TD3", "document_number", "<A1234567", [(C.FILLER_MISPLACED, "document_number")]),
        ("TD3", "document_number", "AB<123456", []),
        ("TD1", "name", "IVAN0V<<PETR".ljust(30, "<"), [(C.NAME_DIGIT, "name")]),
        ("TD1", "name", "<" * 30, [(C.NAME_EMPTY, "name")]),
        ("TD1", "name", "PAPANDROPOULOUS<<JONATHON<ALEC", [(C.NAME_PERHAPS_CUT, "name")]),
        ("TD1", "name", "<IVANOV<<PETR".ljust(30, "<"), [(C.FILLER_MISPLACED, "name")]),
        ("TD1", "name", "IVANOV<<<PETR".ljust(30, "<"), [(C.FILLER_MISPLACED, "name")]),
        ("TD1", "name", "IVANOV<<PETR<<IL".ljust(30, "<"), [(C.FILLER_MISPLACED, "name")]),
        ("TD1", "name", "IVANOV".ljust(30, "<"), []),
    ],
)
def test_single_oddities(form: str, field: str, text: str, expected: list[tuple[str, str]]) -> None:
    fields = PLAIN if form == "TD3" else CARD
    assert codes(changed(form, fields, field, text)) == expected


def test_places() -> None:
    lines = changed("TD1", CARD, "name", "IVAN0V<<PE77R<<IL".ljust(30, "<"))
    assert findings(parse(lines), TODAY) == (
        Finding(C.NAME_DIGIT, "name", 2, 4, 5),
        Finding(C.NAME_DIGIT, "name", 2, 10, 12),
        Finding(C.FILLER_MISPLACED, "name", 2, 13, 15),
    )


def test_birth_behind_the_expiry() -> None:
    assert codes(compose("TD3", PLAIN | {"birth": "200505", "expiry": "100101"})) == [
        (C.BIRTH_AFTER_EXPIRY, "birth")
    ]
    assert parse(compose("TD3", PLAIN | {"birth": "200505", "expiry": "100101"})).birth_date(
        TODAY
    ) == dt.date(1920, 5, 5)


def test_digits_are_letters_in_an_internal_passport_of_russia() -> None:
    fields = PLAIN | {"document_code": "PN", "issuer": "RUS", "surname": "ЁЛКИН", "expiry": ""}
    assert codes(compose("TD3", fields)) == [
        (C.DOCUMENT_CODE_NATIONAL, "document_code"),
        (C.EXPIRY_EMPTY, "expiry"),
    ]


def test_a_long_number_without_its_end() -> None:
    lines = compose("TD1", CARD | {"document_number": "7" * 22})
    full = lines[0][:-1] + "1"
    assert (C.FILLER_MISPLACED, "optional") in codes((full, *lines[1:]))


def test_a_filler_without_a_long_number_is_a_missing_digit() -> None:
    lines = compose("TD1", CARD)
    first = lines[0][:14] + "<" + lines[0][15:]
    assert (C.CHECK_DIGIT_MISSING, "document_number") in codes((first, *lines[1:]))


KAZAKH = PLAIN | {"document_code": "P", "issuer": "KAZ", "nationality": "KAZ", "document_number": "N12345678"}


@pytest.mark.parametrize(
    ("first", "changes", "expected"),
    [
        ("90021430001", {}, []),
        ("90021530001", {}, [C.IIN_BIRTH_DIFFERS]),
        ("90021440001", {}, [C.IIN_SEX_DIFFERS]),
        ("90021410001", {}, [C.IIN_CENTURY_DIFFERS]),
        ("90021400001", {}, []),
        ("90021430001", {"sex": "X"}, []),
        ("90131430001", {}, [C.IIN_DATE_IMPOSSIBLE, C.IIN_BIRTH_DIFFERS]),
        ("90021470001", {}, [C.IIN_DATE_IMPOSSIBLE]),
    ],
)
def test_iin_in_the_optional_data(first: str, changes: dict[str, str], expected: list[str]) -> None:
    right = iin_check_digit(first)
    assert right is not None
    wrong = str((int(right) + 1) % 10)
    assert codes(compose("TD3", KAZAKH | changes | {"optional": first + right})) == [
        (code, "optional") for code in expected
    ]
    assert codes(compose("TD3", KAZAKH | changes | {"optional": first + wrong})) == [
        (code, "optional") for code in (C.IIN_DIGIT_WRONG, *expected)
    ]
    card = KAZAKH | changes | {"document_code": "ID", "optional": first + right}
    assert codes(compose("TD1", card)) == [(code, "optional") for code in expected]


@pytest.mark.parametrize(
    "changes", [{"optional": "90021530001"}, {"optional": "900215300010", "issuer": "UZB"}, {"optional": ""}]
)
def test_what_is_no_iin_of_kazakhstan_is_left_alone(changes: dict[str, str]) -> None:
    assert codes(compose("TD3", KAZAKH | changes)) == []


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_every_zone_has_findings_within_its_lines(form: str, data: st.DataObject) -> None:
    rows, width = SHAPES[form]
    text = st.text(string.ascii_uppercase + string.digits + "<", min_size=width, max_size=width)
    lines = tuple(data.draw(st.lists(text, min_size=rows, max_size=rows)))
    start = data.draw(st.sampled_from(("", "IDFRA", "PNRUS", "IDKAZ")))
    mrz = parse((start + lines[0][len(start) :], *lines[1:]))
    found = findings(mrz, TODAY)
    assert all(0 <= item.start < item.end <= width and 0 <= item.row < rows for item in found)
    assert mrz.valid == (not {item.code for item in found} & WRONG_DIGITS)
    assert [(item.row, item.start) for item in found] == sorted((item.row, item.start) for item in found)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=140))
def test_garbage_raises_only_our_errors_and_names_a_place(text: str) -> None:
    with pytest.raises(CardError) as caught:
        parse(text)
    assert "expected" in caught.value.detail or "column" in caught.value.detail


@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        (("P<UTO", "x"), "line 2, column 1: U+0078 is none of A-Z, 0-9 and <"),
        (("P" * 44, "A" * 43), "line 2, column 44: expected 44 characters as in line 1; found 43"),
        (("I" * 30, "A" * 31, "A" * 30), "line 2, column 31: expected 30 characters as in line 1; found 31"),
        (("I" * 30, "A" * 30), "line 3: expected 3 lines of 30 characters; found 2 lines"),
        (("P" * 44,), "line 2: expected 2 lines of 44 characters; found 1 lines"),
        (("P" * 44,) * 3, "line 3: expected 2 lines of 44 characters; found 3 lines"),
        ((), "expected 3 lines of 30, 2 of 36 or 2 of 44 characters; found 0 ()"),
        (("P" * 40,) * 2, "expected 3 lines of 30, 2 of 36 or 2 of 44 characters; found 2 (40, 40)"),
        (("P" * 44, "A" * 20 + "\u00ab" + "A" * 23), "line 2, column 21: U+00AB is none of A-Z, 0-9 and <"),
    ],
)
def test_errors_name_the_place(lines: tuple[str, ...], detail: str) -> None:
    with pytest.raises(CardError) as caught:
        parse(lines)
    assert caught.value.detail == detail
