"""Document codes, state codes, and dates without their century."""

from __future__ import annotations

import datetime as dt

import pytest

from card_io.lds import mrz_dates
from card_io.lds.mrz_codes import CodeKind, StateKind, code_kind, iso_codes, state_codes, state_kind
from card_io.lds.mrz_layout import FORMS

ORGANISATIONS = "XBA XIM XCC XCE XCO XEC XPO XES XMP XOM XDC XXA XXB XXC XXX XCT"
ADDITIONS = "D GBD GBN GBO GBS GBP RKS EUE UNO UNA UNK IAO " + ORGANISATIONS


def test_iso_has_249_codes() -> None:
    assert len(iso_codes()) == 249
    assert {"KAZ", "DEU", "USA", "UZB"} <= iso_codes()


@pytest.mark.parametrize("code", ADDITIONS.split())
def test_additions_of_doc_9303(code: str) -> None:
    assert state_kind(code) is StateKind.ICAO
    assert state_kind(code.ljust(3, "<")) is StateKind.ICAO


@pytest.mark.parametrize("code", ["ANT", "NTZ", "ZAR", "YUG", "SCG", "SUN", "BUR", "TMP", "DDR", "ROM"])
def test_codes_of_the_past(code: str) -> None:
    assert state_kind(code) is StateKind.HISTORIC


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("KAZ", StateKind.ISO),
        ("DEU", StateKind.ISO),
        ("UTO", StateKind.SPECIMEN),
        ("XOR", StateKind.UNKNOWN),
        ("QQQ", StateKind.UNKNOWN),
        ("", StateKind.UNKNOWN),
        ("<<D", StateKind.UNKNOWN),
        ("kaz", StateKind.UNKNOWN),
    ],
)
def test_other_codes(code: str, kind: StateKind) -> None:
    assert state_kind(code) is kind


def test_all_codes_are_known() -> None:
    assert StateKind.UNKNOWN not in {state_kind(code) for code in state_codes()}
    assert len(state_codes()) == 249 + len(ADDITIONS.split()) + 10 + 1


@pytest.mark.parametrize("letter", "PEDORTSLMU<")
def test_passport_letters(letter: str) -> None:
    assert code_kind("TD3", "P" + letter) is CodeKind.USUAL
    assert code_kind("TD3", "P") is CodeKind.USUAL


@pytest.mark.parametrize(
    ("form", "code", "kind"),
    [
        ("TD3", "PN", CodeKind.NATIONAL),
        ("TD3", "V", CodeKind.WRONG_FIRST),
        ("TD3", "", CodeKind.WRONG_FIRST),
        ("TD1", "P", CodeKind.WRONG_FIRST),
        ("TD1", "IV", CodeKind.WRONG_SECOND),
        ("TD2", "CV", CodeKind.WRONG_SECOND),
        ("TD1", "AI", CodeKind.WRONG_SECOND),
        ("TD2", "AI", CodeKind.USUAL),
        ("TD1", "II", CodeKind.USUAL),
        ("TD1", "AC", CodeKind.CREW),
        ("TD2", "AC", CodeKind.CREW),
        ("TD1", "IC", CodeKind.USUAL),
        ("TD1", "AR", CodeKind.USUAL),
        ("MRVA", "VC", CodeKind.USUAL),
        ("MRVA", "V5", CodeKind.WRONG_SECOND),
        ("FRA", "ID", CodeKind.USUAL),
    ],
)
def test_other_document_codes(form: str, code: str, kind: CodeKind) -> None:
    assert code_kind(form, code) is kind


def test_every_format_judges_codes() -> None:
    assert {form for form in FORMS if code_kind(form, "Q") is CodeKind.WRONG_FIRST} == set(FORMS)


def test_a_longer_window_of_expiry() -> None:
    today = dt.date(2026, 11, 22)
    assert mrz_dates.expiry_date("450101", today) == dt.date(1945, 1, 1)
    assert mrz_dates.expiry_date("450101", today, window=20) == dt.date(2045, 1, 1)


@pytest.mark.parametrize("text", ["", "9O0214", "<<<<<<", "9002140", "٩٠٠٢١٤"])
def test_what_is_no_date(text: str) -> None:
    today = dt.date(2026, 11, 22)
    assert mrz_dates.expiry_date(text, today) is None
    assert mrz_dates.birth_date(text, today) is None


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("900214", True),
        ("000229", True),
        ("040229", True),
        ("010229", False),
        ("900231", False),
        ("900431", False),
        ("900010", False),
        ("900100", False),
        ("<<0229", True),
        ("01<<31", True),
        ("0104<<", True),
        ("0113<<", False),
        ("0100<<", False),
        ("<<<<32", False),
        ("<<<<<<", True),
        ("9<0214", False),
        ("90021", False),
        ("", False),
    ],
)
def test_possible_dates(text: str, possible: bool) -> None:
    assert mrz_dates.is_possible(text) is possible
    assert mrz_dates.is_possible(text, unknown=False) is (possible and "<" not in text)
