"""Every code has a text and an advice in each language; no word mixes scripts."""

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from card_io.emrtd.checks import ReportReason
from card_io.emrtd.report import GROUPS, inspect
from card_io.emrtd.result import ReadResult, ReadStep, StepOutcome
from card_io.errors import CardErrorCode
from card_io.lds.mrz_findings import FindingCode
from crypto.errors import CryptoErrorCode
from crypto.trust import ImportReason, Outcome, Reason, TrustStore
from kiosk.domain.card import JobState
from kiosk.domain.cases import DecisionOutcome, Stage
from kiosk.domain.stay import EntitlementReason
from kiosk.domain.stock import BlankState
from kiosk.errors import ErrorCode
from kiosk.messages import LANGUAGES, known_codes, known_labels, label, text
from kiosk.ports import Hint, ProgressPhase

CODES: tuple[type[StrEnum], ...] = (
    ErrorCode,
    CardErrorCode,
    CryptoErrorCode,
    Reason,
    ImportReason,
    ReportReason,
    FindingCode,
    EntitlementReason,
)
LABELS: tuple[type[StrEnum], ...] = (
    Outcome, Stage, DecisionOutcome, JobState, BlankState, Hint, ProgressPhase,
    ReadStep, StepOutcome,
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", CODES)
def test_every_code_has_text_and_advice(kind: type[StrEnum], language: str) -> None:
    missing = {member.value for member in kind} - known_codes(language)
    assert not missing
    for member in kind:
        message = text(member.value, language)
        assert message.text.strip()
        assert message.advice.strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_and_group_of_a_report_has_a_name(language: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    read = ReadResult({"EF.SOD": b""}, ())
    report = inspect(read, store=TrustStore(loaded_at=now), now=now, optical=None)
    names = {*GROUPS, *(item.name for item in report.checks)}
    assert len(report.checks) > 40
    assert not names - known_labels(language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", LABELS)
def test_every_state_has_a_name(kind: type[StrEnum], language: str) -> None:
    assert not {member.value for member in kind} - known_labels(language)


def test_languages_hold_the_same_keys() -> None:
    assert len({known_codes(language) for language in LANGUAGES}) == 1
    assert len({known_labels(language) for language in LANGUAGES}) == 1


def test_unknown_code_says_so_in_general_words() -> None:
    assert text("NO_SUCH_CODE", "ru") == text("INTERNAL", "ru")
    assert label("no such label", "kk") == "no such label"


def _scripts(word: str) -> set[str]:
    return {unicodedata.name(c).split()[0] for c in word if c.isalpha()} & {"LATIN", "CYRILLIC"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_mixes_scripts_or_carries_an_exclamation(language: str) -> None:
    lines = [
        part
        for code in known_codes(language)
        for part in (text(code, language).text, text(code, language).advice)
    ]
    lines += [label(key, language) for key in known_labels(language)]
    for line in lines:
        assert "!" not in line
        for word in re.split(r"[^\w]+", line):
            assert len(_scripts(word)) <= 1, word


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_translations_are_not_english(language: str) -> None:
    for code in known_codes(language):
        assert text(code, language).text != text(code, "en").text
