"""`shekara mrz parse` and `shekara mrz compose`: the text of a machine readable zone, no pictures."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from card_io.errors import MalformedCardData
from card_io.lds.french_card import french_card
from card_io.lds.mrz import Mrz, compose, parse
from card_io.lds.mrz_findings import WRONG_DIGITS, Finding, findings
from card_io.lds.mrz_layout import FORMS, unchecked_fields
from card_io.lds.mrz_write import field_names
from card_io.lds.russian_passport import is_russian_internal, russian_internal, russian_name
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import text

FIELDS = (
    "document_code",
    "issuer",
    "document_number",
    "birth",
    "sex",
    "expiry",
    "nationality",
    "surname",
    "given_names",
    "optional",
    "optional_2",
)
_COMPOSED = {  # option, field, help
    "--code": ("document_code", "document code, for example P or ID"),
    "--issuer": ("issuer", "issuing state, three letters or D"),
    "--number": ("document_number", "document number; a long one runs on (TD1, TD2)"),
    "--birth": ("birth", "YYMMDD, unknown parts as <<"),
    "--sex": ("sex", "M, F or X"),
    "--expiry": ("expiry", "YYMMDD"),
    "--nationality": ("nationality", "three letters or D"),
    "--surname": ("surname", "primary identifier"),
    "--given": ("given_names", "secondary identifier"),
    "--optional": ("optional", "optional data"),
    "--optional-2": ("optional_2", "second optional data (TD1)"),
    "--department": ("department", "department (FRA)"),
    "--office": ("office", "office (FRA)"),
}
_MAY_BE_EMPTY = {"sex": "X", "given_names": "", "birth": "", "expiry": ""}
_CODES = {"TD1": "I", "TD2": "I", "TD3": "P", "MRVA": "V", "MRVB": "V"}
_LONGEST = 1 << 16  # characters taken from standard input


class ParseCommand:
    """Prints fields, check digits and findings; exit status 1 where a check digit is wrong."""

    name = "parse"
    help = "fields, check digits and findings of a zone given as text"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("text", nargs="+", metavar="TEXT", help="the lines, or - for standard input")
        parser.add_argument("--today", type=_day, metavar="DATE", help="the day that decides centuries")

    def run(self, args: argparse.Namespace, out: Output) -> int:
        today = args.today or datetime.now(UTC).date()
        mrz = _parsed(" ".join(args.text))
        found = findings(mrz, today)
        out.result(_facts(mrz, found, today, args.language))
        _print(mrz, found, out, args.language)
        return 0 if mrz.valid else 1


class ComposeCommand:
    """Prints the lines that hold the given fields."""

    name = "compose"
    help = "the lines of a zone from its fields"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--type", required=True, choices=FORMS, dest="form", help="format of the zone")
        for option, (name, about) in _COMPOSED.items():
            parser.add_argument(option, dest=name, metavar=option.strip("-").upper(), help=about)

    def run(self, args: argparse.Namespace, out: Output) -> int:
        given = {name: getattr(args, name) for name, _ in _COMPOSED.values()}
        try:
            lines = compose(args.form, _with_defaults(args.form, given))
        except MalformedCardData as error:
            raise KioskError(ErrorCode.USAGE, error.detail) from error
        out.result({"format": args.form, "lines": lines})
        for line in lines:
            out.say(line)
        return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2026-11-22") from error


def _parsed(text: str) -> Mrz:
    try:
        return parse(sys.stdin.read(_LONGEST) if text == "-" else text)
    except MalformedCardData as error:
        raise KioskError(ErrorCode.MRZ_INVALID, error.detail) from error
    except UnicodeDecodeError as error:
        raise KioskError(ErrorCode.MRZ_INVALID, "standard input is no text") from error


def _facts(mrz: Mrz, found: tuple[Finding, ...], today: date, language: str | None) -> dict[str, Any]:
    return {
        "format": mrz.format,
        "lines": mrz.lines,
        "valid": mrz.valid,
        "fields": {name: getattr(mrz, name) for name in FIELDS},
        "birth_date": mrz.birth_date(today),
        "expiry_date": mrz.expiry_date(today),
        "national": _national(mrz),
        "checks": dict(mrz.checks),
        "unchecked": unchecked_fields(mrz.format),
        "findings": [_fact(finding, language) for finding in found],
    }


def _national(mrz: Mrz) -> dict[str, str]:
    """What only this state's layout says."""
    if mrz.format == "FRA":
        return asdict(french_card(mrz))
    if is_russian_internal(mrz.document_code, mrz.issuer):
        names = {"surname": russian_name(mrz.surname), "given_names": russian_name(mrz.given_names)}
        return names | asdict(russian_internal(mrz.document_number, mrz.optional))
    return {}


def _fact(finding: Finding, language: str | None) -> dict[str, Any]:
    message = text(finding.code, language or "en")
    return {
        "code": finding.code,
        "field": finding.field,
        "wrong_digit": finding.code in WRONG_DIGITS,
        "line": finding.row + 1,
        "columns": [finding.start + 1, finding.end],
        "text": message.text,
        "advice": message.advice,
    }


def _print(mrz: Mrz, found: tuple[Finding, ...], out: Output, language: str | None) -> None:
    for line in mrz.lines:
        out.say(line)
    out.say(f"{'format':<16} {mrz.format}")
    for name in FIELDS:
        if value := getattr(mrz, name):
            out.say(f"{name:<16} {value}")
    for name, value in _national(mrz).items():
        out.say(f"{'national':<16} {name}: {value}")
    for name, good in mrz.checks.items():
        out.say(f"{'check digit':<16} {name}: {'agrees' if good else 'WRONG'}")
    for finding in found:
        columns = (
            f"{finding.start + 1}-{finding.end}" if finding.end > finding.start + 1 else str(finding.end)
        )
        place = f"line {finding.row + 1}, column {columns}"
        out.say(f"{place}: {text(finding.code, language or 'en').text} ({finding.field}) [{finding.code}]")


def _with_defaults(form: str, given: Mapping[str, str | None]) -> dict[str, str]:
    """What was given, and what may be left out: code, nationality (the issuer's), sex, given names, dates."""
    fields = {name: value for name, value in given.items() if value is not None}
    required, _ = field_names(form)
    defaults = {
        **_MAY_BE_EMPTY,
        "document_code": _CODES.get(form, ""),
        "nationality": fields.get("issuer", ""),
    }
    return {name: value for name, value in defaults.items() if name in required} | fields


PARSE = ParseCommand()
COMPOSE = ComposeCommand()
