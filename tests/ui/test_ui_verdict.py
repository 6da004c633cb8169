"""A real verdict in the tree: every check is named, offline data show their age, grey checks ask nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from card_io.emrtd.report import inspect
from card_io.emrtd.result import ReadResult
from crypto.trust import TrustStore
from kiosk.messages import known_labels
from ui.i18n import LANGUAGES, tr
from ui.widgets.verdict import GroupRow, ages

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def texts(entry: GroupRow) -> list[str]:
    from PySide6.QtWidgets import QLabel

    return [found.toolTip() or found.text() for found in entry.findChildren(QLabel)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_group_of_a_real_verdict_shows_its_checks(qtbot: Any, language: str) -> None:
    report = inspect(ReadResult({}, ()), store=TrustStore(loaded_at=NOW), now=NOW, optical=None)
    before = tr.language
    tr.switch(language)
    try:
        for group in report.to_json()["groups"]:
            entry = GroupRow(group)
            qtbot.addWidget(entry)
            shown = texts(entry)
            for check in group["checks"]:
                assert check["name"] in known_labels(language)
                assert tr.label(check["name"]) in shown
    finally:
        tr.switch(before)


@pytest.mark.parametrize("language", LANGUAGES)
def test_age_of_offline_data(qtbot: Any, language: str) -> None:
    before = tr.language
    tr.switch(language)
    try:
        evidence = {"trust_data_days": "12", "crl_days": "1", "other": "3"}
        check = {"name": "csca", "outcome": "successful", "findings": [], "evidence": evidence}
        entry = GroupRow({"name": "issuer_certificates", "outcome": "successful", "checks": [check]})
        qtbot.addWidget(entry)
        told = ages(evidence)
        assert [tr.days(12) in told[0], tr.days(1) in told[1], len(told)] == [True, True, 2]
        assert set(told) <= set(texts(entry))
        assert ages({}) == ages({"trust_data_days": "?"}) == ()
    finally:
        tr.switch(before)


@pytest.mark.parametrize(("outcome", "advised"), [("not supported", False), ("undetermined", True)])
def test_grey_checks_ask_for_nothing(qtbot: Any, outcome: str, advised: bool) -> None:
    finding = {"reason": "NOT_PERFORMED", "detail": ""}
    check = {"name": "seal_mrz", "outcome": outcome, "findings": [finding]}
    entry = GroupRow({"name": "combined", "outcome": outcome, "checks": [check]})
    qtbot.addWidget(entry)
    text, advice = tr.message("NOT_PERFORMED")
    assert text in texts(entry)
    assert (advice in texts(entry)) is advised
