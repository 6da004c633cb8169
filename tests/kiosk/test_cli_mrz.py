"""`shekara mrz`: parse and compose on the command line."""

import io
import json
from typing import Any

import pytest

from kiosk.cli import main as host
from kiosk.cli.mrz import COMMAND, PARTS

CARD = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
FRENCH = ("IDFRALOISEAU<<<<<<<<<<<<<<<<<<75<K12", "970675K002774HERVE<<DJAMEL<7303216M4")
_PASSPORT_OPTIONS = (
    "--type TD3 --code P --issuer UTO --number L898902C3 --birth 740812 --sex F --expiry 120415 "
    "--surname Eriksson --optional ZE184226B"
)
OPTIONS = _PASSPORT_OPTIONS.split()


@pytest.fixture(autouse=True)
def only_this_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_commands", lambda *_: {"mrz": COMMAND})


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = host.main(["mrz", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, _ = run(capsys, *arguments, "--json")
    return status, json.loads(out)


@pytest.mark.parametrize("arguments", [CARD, ("\n".join(CARD),), (" ".join(CARD),), ("".join(CARD),)])
def test_lines_in_any_shape(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    status, facts = as_json(capsys, "parse", *arguments, "--today", "2026-11-22")
    assert status == 0
    assert (facts["format"], facts["lines"], facts["valid"]) == ("TD1", list(CARD), True)
    assert facts["fields"]["document_number"] == "D23145890"
    assert (facts["birth_date"], facts["expiry_date"]) == ("1974-08-12", "2012-04-15")
    assert facts["checks"] == {"document_number": True, "birth": True, "expiry": True, "composite": True}
    assert facts["unchecked"] == ["document_code", "issuer", "sex", "nationality", "name"]


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\r\n".join(PASSPORT) + "\n"))
    status, facts = as_json(capsys, "parse", "-")
    assert (status, facts["format"]) == (0, "TD3")


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "A check digit does not match."),
        ("ru", "Контрольная цифра не совпадает."),
        ("kk", "Бақылау цифры сәйкес емес."),
    ],
)
def test_wrong_digits_answer_no(capsys: pytest.CaptureFixture[str], language: str, message: str) -> None:
    wrong = (CARD[0], CARD[1][:-1] + "7", CARD[2])
    status, facts = as_json(capsys, "parse", *wrong, "--language", language)
    assert (status, facts["valid"]) == (1, False)
    finding = facts["findings"][-1]
    assert (finding["code"], finding["field"]) == ("MRZ_CHECK_DIGIT_WRONG", "composite")
    assert (finding["line"], finding["columns"], finding["wrong_digit"]) == (2, [30, 30], True)
    assert finding["text"] == message
    status, out, _ = run(capsys, "parse", *wrong, "--language", language)
    assert status == 1
    assert f"line 2, column 30: {message} (composite)" in out
    assert "line 1, column 3-5: " in out


def test_other_findings_do_not_count_as_no(capsys: pytest.CaptureFixture[str]) -> None:
    status, facts = as_json(capsys, "parse", *PASSPORT)
    assert status == 0
    assert {finding["code"] for finding in facts["findings"]} == {"MRZ_STATE_SPECIMEN"}


def test_what_only_france_and_russia_print(capsys: pytest.CaptureFixture[str]) -> None:
    _, facts = as_json(capsys, "parse", *FRENCH)
    assert facts["national"] == {
        "issued": "9706", "issued_in": "75K", "serial": "00277", "department": "75", "office": "K12",
    }  # fmt: skip
    _, out, _ = run(
        capsys,
        "parse",
        "PNRUSSOLOV92VA<<7LI8<WUKINI3NA<<<<<<<<<<<<<<",
        "4601234561RUS7408122F<<<<<<<1050203770001<46",
    )
    assert "surname: СОЛОВЬЁВА" in out
    assert "series: 4601" in out


def test_what_is_no_zone_is_an_error_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    status, facts = as_json(capsys, "parse", CARD[0], CARD[1].lower(), CARD[2])
    assert status == 3
    assert facts["error"]["code"] == "MRZ_INVALID"
    assert "line 2, column 8" in facts["error"]["detail"]


def test_bytes_that_are_no_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\xff"), encoding="utf-8"))
    assert run(capsys, "parse", "-")[0] == 3


def test_compose(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "compose", *OPTIONS, "--given", "Anna Maria")
    assert (status, out) == (0, "\n".join(PASSPORT) + "\n")
    status, facts = as_json(capsys, "compose", *OPTIONS, "--given", "Anna Maria")
    assert (status, facts) == (0, {"format": "TD3", "lines": list(PASSPORT)})


def test_compose_old_french(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--type FRA --number 970675K00277 --birth 730321 --sex M --surname Loiseau --department 75"
    status, out, _ = run(capsys, "compose", *options.split(), "--given", "Herve Djamel")
    assert status == 0
    assert out.splitlines()[0] == "IDFRALOISEAU<<<<<<<<<<<<<<<<<<75<<<<"


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ((*OPTIONS, "--birth", "741301"), "birth"),
        ((*OPTIONS, "--number", "1234567890"), "document_number"),
        ((*OPTIONS, "--office", "1"), "office"),
        (("--type", "TD3"), "document_number"),
        (("--type", "TD9"), "--type"),
        ((), "--type"),
    ],
)
def test_compose_refuses_by_name(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], detail: str
) -> None:
    status, facts = as_json(capsys, "compose", *arguments)
    assert status == 2
    assert facts["error"]["code"] == "USAGE"
    assert detail in facts["error"]["detail"]


def test_every_part_has_its_own_name_and_help() -> None:
    names = [part.name for part in PARTS]
    assert {"parse", "compose"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(part.help for part in PARTS)


@pytest.mark.parametrize("arguments", ["mrz", "mrz nothing", "mrz parse", "mrz parse - --today y"])
def test_wrong_usage(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert host.main(arguments.split()) == 2
    assert "USAGE" in capsys.readouterr().err
