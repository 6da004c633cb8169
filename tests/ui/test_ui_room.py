"""Room: the verdict tree never scrolls sideways, reasons wrap, notes on green checks, typed MRZ, booth."""

from collections.abc import Callable
from typing import Any

import pytest
from fake_kiosk import FakeKiosk, Plan, failing, report
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QLabel
from qt_steps import settle

from kiosk import messages
from kiosk.errors import ErrorCode, KioskError
from ui.i18n import tr
from ui.models.inspection import Phase
from ui.theme import scale_for, theme
from ui.widgets.basics import Icon

Open = Callable[..., Any]
LONG = (
    *("data_group_hashes", "mandatory_data_groups", "com_list", "security_infos"),
    "PlainWordWithoutAnySpaceThatIsLongerThanAnyColumnOfTheDeskCouldEverBe",
)


def decide(qtbot: Any, window: Any) -> None:
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.phase is Phase.DECIDE and not window.desk.busy, timeout=8000)


def group(name: str, outcome: str, *checks: tuple[str, str, str, str]) -> dict[str, Any]:
    """A group of (check, outcome, reason or "", detail)."""
    made = [
        {
            "name": check,
            "outcome": word,
            "findings": [{"reason": reason, "detail": detail}] if reason else [],
            "evidence": {},
        }
        for check, word, reason, detail in checks
    ]
    return {"name": name, "outcome": outcome, "checks": made}


def with_group(changed: dict[str, Any], overall: str = "successful") -> dict[str, Any]:
    tree = report(overall)
    tree["groups"] = [changed if old["name"] == changed["name"] else old for old in tree["groups"]]
    return tree


def opened(qtbot: Any, window: Any, name: str) -> Any:
    """The opened row of a group."""
    tree = window.inspect_page.person.tree
    tree.open_group(name)
    settle()
    return next(entry for entry in tree.groups if entry.name == name)


@pytest.mark.parametrize("outcome", ["successful", "failed", "undetermined"])
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_verdict_tree_never_scrolls_sideways(
    qtbot: Any, open_window: Open, language: str, outcome: str
) -> None:
    checks = [(name, outcome, "DG_HASH_MISMATCH", "0123456789abcdef" * 4) for name in LONG]
    tree = with_group(group("integrity", outcome, *checks), outcome)
    window = open_window(FakeKiosk(Plan(tree)), language=language)
    decide(qtbot, window)
    entry = opened(qtbot, window, "integrity")
    area = window.inspect_page.person.tree
    assert area.horizontalScrollBar().maximum() == 0
    room = area.viewport().width()
    assert entry.mapTo(area.viewport(), QPoint(entry.width(), 0)).x() <= room
    top = entry.mapTo(area.viewport(), QPoint(0, 0)).y()
    assert top >= 0
    if entry.height() <= area.viewport().height():
        assert top + entry.height() <= area.viewport().height()
    for part in (*entry.findChildren(QLabel), *entry.findChildren(Icon)):
        if part.isVisible():
            assert part.mapTo(area.viewport(), QPoint(part.width(), 0)).x() <= room
    word = tr.label(outcome)
    shown = [part for part in entry.findChildren(QLabel) if part.text() == word]
    assert len(shown) == 1 + len(LONG)
    for part in shown:
        assert part.width() >= QFontMetrics(part.font()).horizontalAdvance(word)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_reasons_to_refuse_wrap(qtbot: Any, open_window: Open, language: str) -> None:
    codes = ("DG_HASH_MISMATCH", "SOD_SIGNATURE_INVALID", "CHIP_KEY_NOT_SIGNED", "CSCA_UNKNOWN")
    checks = [(code, "failed", code, "") for code in codes]
    window = open_window(
        FakeKiosk(Plan(with_group(group("integrity", "failed", *checks), "failed"))), language=language
    )
    decide(qtbot, window)
    panel = window.inspect_page.decision.decision
    panel.ask_refuse()
    settle()
    choices = panel.chooser._group.buttons()
    assert len(choices) == 5
    for choice in choices:
        assert choice.height() >= 44
        assert choice.width() <= panel.width()
        assert choice.word.height() >= choice.word.heightForWidth(choice.word.width())
        assert choice.accessibleName() == choice.word.text()
    long = max(messages.known_codes(language), key=lambda code: len(tr.message(code)[0]))
    panel.chooser.ask("?", [(long, tr.message(long)[0])])
    settle()
    choice = panel.chooser._group.buttons()[0]
    assert choice.word.height() >= choice.word.heightForWidth(choice.word.width()) > 30
    assert choice.isChecked()


def test_a_finding_on_a_green_check_is_a_neutral_note(qtbot: Any, open_window: Open) -> None:
    tree = with_group(group("chip_access", "successful", ("pace", "successful", "PACE_FALLBACK_BAC", "")))
    window = open_window(FakeKiosk(Plan(tree)))
    decide(qtbot, window)
    entry = opened(qtbot, window, "chip_access")
    text = messages.text("PACE_FALLBACK_BAC", "en").text
    note = next(part for part in entry.findChildren(QLabel) if part.text() == text)
    assert note.isVisible()
    assert note.property("tone") == "neutral"
    assert "info" in [icon.name for icon in entry.button.findChildren(Icon)]
    other = opened(qtbot, window, "optical")
    assert "info" not in [icon.name for icon in other.button.findChildren(Icon)]
    assert window.inspection.unopened() == ()


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_typed_mrz_is_shown_with_its_words(qtbot: Any, open_window: Open, language: str) -> None:
    amber = group("optical", "undetermined", ("mrz_source", "undetermined", "MRZ_TYPED", ""))
    window = open_window(FakeKiosk(Plan(with_group(amber, "undetermined"))), language=language)
    decide(qtbot, window)
    assert window.inspection.unopened() == ("optical",)
    entry = opened(qtbot, window, "optical")
    shown = {part.text() for part in entry.findChildren(QLabel)}
    found = messages.text("MRZ_TYPED", language)
    assert {messages.label("mrz_source", language), found.text, found.advice} <= shown
    assert found != messages.text("INTERNAL", language)
    assert messages.label("mrz_source", language) != "mrz_source"


def test_the_booth_stands_in_the_top_bar(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk()
    assert open_window(kiosk).top.post.text() == "Konysbayeva · 1"
    kiosk.settings.station.booth = ""
    assert open_window(kiosk).top.post.text() == "Konysbayeva"


def test_a_failing_hand_says_what_and_what_to_do(qtbot: Any, open_window: Open, monkeypatch: Any) -> None:
    kiosk = FakeKiosk()
    window = open_window(kiosk)

    def gone(_traveller: int) -> None:
        raise KioskError(ErrorCode.STACK_UNAVAILABLE)

    monkeypatch.setattr(kiosk.desk, "present", gone)
    told = messages.text("STACK_UNAVAILABLE", "en")
    qtbot.mouseClick(window.ribbon.buttons["next"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.hands_problem.isVisible)
    assert window.hands_problem.text.text() == told.text
    assert window.hands_problem.advice.text() == told.advice
    assert window.inspection.phase is Phase.IDLE
    monkeypatch.undo()
    qtbot.mouseClick(window.ribbon.buttons["take"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.hands_problem.isVisible())


def test_a_failing_first_step_is_told(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(errors=failing("open_case", code=ErrorCode.DISK_FULL))))
    qtbot.mouseClick(window.ribbon.buttons["next"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.inspect_page.document.problem.isVisible())
    told = messages.text("DISK_FULL", "en")
    assert window.inspect_page.document.problem.text.text() == told.text
    assert window.inspect_page.document.problem.advice.text() == told.advice


def test_words_of_ribbon_and_strip_follow_the_language(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    decide(qtbot, window)
    window.switch_language("kk")
    window.inspection.clock.spent["chip"] = 2.1
    window.switch_language("ru")
    assert window.strip.cells[1].time.text() == "2,1\u00a0с"
    window.inspection.park()
    window.desk.traveller = -1
    window.switch_language("en")
    assert window.ribbon.note.text() == "No traveller yet"
    window.switch_language("kk")
    assert window.ribbon.note.text() == tr("ribbon.none")


def test_typing_is_left_by_esc_and_by_a_button(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    decide(qtbot, window)
    column = window.inspect_page.document
    read = column.mrz.lines
    for leave in (
        lambda: qtbot.keyClick(column.mrz, Qt.Key.Key_Escape),
        lambda: qtbot.mouseClick(column.back, Qt.MouseButton.LeftButton),
    ):
        qtbot.mouseClick(column.by_hand, Qt.MouseButton.LeftButton)
        qtbot.keyClicks(column.mrz, "X")
        assert column.mrz.lines != read
        leave()
        assert not column.mrz.editing
        assert column.mrz.lines == read
        assert column.rescan.isVisible()


def test_type_and_targets_grow_with_a_large_screen(qtbot: Any, open_window: Open) -> None:
    sizes = {(1366, 768): 1.0, (1920, 1080): 1.2, (2560, 1440): 1.6, (7680, 4320): 2.0}
    assert {size: scale_for(*size) for size in sizes} == sizes
    small = open_window(FakeKiosk(), size=(1366, 768))
    column = small.inspect_page.decision

    def heights() -> tuple[int, int, int]:
        title = column.form_title.fontMetrics().height()
        return small.top.height(), title, column.decision.grant.height()

    settle()
    before = heights()
    small.resize(1920, 1080)
    settle()
    assert theme.scale == 1.2
    assert small.top.height() == round(before[0] * 1.2)
    assert heights() > before
    small.resize(1366, 768)
    settle()
    assert heights() == before
