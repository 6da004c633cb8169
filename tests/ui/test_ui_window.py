"""What the window shows: errors in their column, languages live, nothing cut off, lab marks, records."""

import re
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fake_kiosk import LINES, FakeKiosk, Plan, failing, report
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from qt_steps import settle

from kiosk import messages
from kiosk.domain.documents import Declaration
from kiosk.errors import ErrorCode
from kiosk.ports import Progress, ProgressPhase
from ui.i18n import tr
from ui.models.inspection import NEEDS_OPENING, Phase
from ui.widgets.basics import ActionButton, FitLabel
from ui.widgets.mrz import latin_key
from ui.widgets.pictures import CARD_RATIO
from ui.widgets.verdict import ICONS
from ui.window import SECTIONS

Open = Callable[..., Any]
FORM = Declaration("work", 30, "Host LLP", "Shymkent, Abay 14", "+7 700", "Host LLP")
MARKED = {
    "integrity": ("failed", "DG_HASH_MISMATCH", "DG2"),
    "issuer_certificates": ("undetermined", "REVOCATION_UNKNOWN", ""),
}


def decide(qtbot: Any, window: Any) -> None:
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.phase is Phase.DECIDE and not window.desk.busy, timeout=8000)


def texts(root: QWidget) -> list[str]:
    """Every text on screen under `root`."""
    found = [w.text() for w in root.findChildren(QLabel) if w.isVisible()]
    found += [w.text() for w in root.findChildren(FitLabel) if w.isVisible()]
    return found + [w.text() for w in root.findChildren(QAbstractButton) if w.isVisible()]


# -- errors -------------------------------------------------------------------------------------------


def test_a_missing_document_is_told_in_the_person_column_and_f2_repeats(
    qtbot: Any, open_window: Open
) -> None:
    kiosk = FakeKiosk(Plan(errors=failing("read_chip", code=ErrorCode.DOCUMENT_ABSENT)))
    window = open_window(kiosk)
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.problem is not None)
    page = window.inspect_page
    told = messages.text("DOCUMENT_ABSENT", "en")
    assert page.person.problem.isVisible()
    assert page.person.problem.text.text() == told.text
    assert page.person.problem.advice.text() == told.advice
    assert not page.document.problem.isVisible()
    qtbot.keyClick(page, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: window.inspection.phase is Phase.DECIDE)
    assert not page.person.problem.isVisible()
    assert kiosk.calls.count("scan_document") == 1


def test_a_silent_camera_is_told_in_the_document_column_and_in_the_top_bar(
    qtbot: Any, open_window: Open
) -> None:
    window = open_window(FakeKiosk(Plan(errors=failing("scan_document", code=ErrorCode.CAMERA_SILENT))))
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.problem is not None)
    assert window.inspect_page.document.problem.isVisible()
    assert window.top.devices["camera"].word.text() == "Not connected"
    window.switch_language("kk")
    assert window.inspect_page.document.problem.text.text() == messages.text("CAMERA_SILENT", "kk").text


def test_a_failing_stay_lookup_is_told_beside_the_stay(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(errors=failing("assess_stay", code=ErrorCode.DISK_FULL))))
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.problem is not None)
    assert window.inspect_page.decision.problem.isVisible()


def test_errors_without_a_code_never_stop_the_window(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(errors={"open_case": [ZeroDivisionError()]})))
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.problem is not None)
    assert window.inspection.problem.code == "INTERNAL"


# -- MRZ ----------------------------------------------------------------------------------------------


def test_the_mrz_is_typed_over_and_goes_on_to_the_chip(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(doubtful=((0, 8), (1, 3))))
    window = open_window(kiosk)
    decide(qtbot, window)
    column = window.inspect_page.document
    assert column.mrz.doubtful == {(0, 8), (1, 3)}
    qtbot.mouseClick(column.by_hand, Qt.MouseButton.LeftButton)
    assert column.mrz.editing
    qtbot.keyClicks(column.mrz, "s")
    assert column.mrz.lines[0] == LINES[0]
    assert column.mrz.doubtful == {(1, 3)}
    qtbot.keyClick(column.mrz, Qt.Key.Key_F3)
    qtbot.keyClicks(column.mrz, "9")
    assert column.mrz.lines[1] == f"{LINES[1][:3]}9{LINES[1][4:]}"
    qtbot.keyClick(column.mrz, Qt.Key.Key_Backspace)
    qtbot.keyClick(column.mrz, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kiosk.calls.count("read_chip") == 2 and not window.desk.busy)
    assert window.inspection.case.page.typed
    assert column.view._image is not None  # the page stays in view, to compare with


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("a", "A"),
        ("<", "<"),
        ("7", "7"),
        ("ф", "A"),
        ("Я", "Z"),
        ("ә", "2"),
        ('"', "1"),
        ("қ", "0"),
        ("é", ""),
    ],
)
def test_keys_mean_mrz_characters_on_every_layout(typed: str, meant: str) -> None:
    assert latin_key(typed) == meant


# -- languages ----------------------------------------------------------------------------------------


def test_the_language_changes_live_and_keeps_the_work(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(report("failed", **MARKED))))
    decide(qtbot, window)
    page = window.inspect_page
    page.decision.form.fill(FORM)
    page.person.open_next_finding()
    for language, failed in (("ru", "Не пройдено"), ("kk", "Өтпеді"), ("en", "Failed")):
        button = next(b for b in window.top.languages.buttons() if b.property("language") == language)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert page.person.pill.word == failed
        assert page.decision.form.declaration() == FORM
        assert any(entry.button.isChecked() for entry in page.person.tree.groups)


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_nothing_is_left_in_english(qtbot: Any, open_window: Open, language: str) -> None:
    window = open_window(FakeKiosk(Plan(report("failed", **MARKED))), language=language)
    decide(qtbot, window)
    window.inspect_page.person.open_next_finding()
    proper = re.compile(
        r"TURSUNOV|AZIZBEK|BAXTIYOR|OGLI|AD4417093|KZ-LAB-01|Konysbayeva|tester|Azizbek|Simulated"
        r"|Card printer|Shekara|Python|Qt|OpenCV|cryptography|PC/SC|MRZ|SOD|EF\.COM|DG\d+|CSCA|CRL|ID|F\d|Esc"
        r"|Enter|KK|RU|EN|LAB\w*|ICAO|PACE|BAC|[0-9a-f]{12,}"
    )
    known = {check for checks in report()["groups"] for check in (c["name"] for c in checks["checks"])}
    for section in SECTIONS:
        window.go(section)
        qtbot.waitUntil(lambda: not window.desk.busy)
        for text in texts(window):
            rest = proper.sub("", text)
            if rest.strip() not in known:
                assert not re.search("[A-Za-z]{2,}", rest), (section, text)


# -- layout -------------------------------------------------------------------------------------------


def clipped(root: QWidget) -> list[str]:
    """Labels and buttons whose words do not fit into the place they have."""
    found = []
    for label in root.findChildren(QLabel):
        if not label.isVisible() or not label.text():
            continue
        if label.wordWrap():
            needed = label.heightForWidth(label.width())
            longest = max(QFontMetrics(label.font()).horizontalAdvance(word) for word in label.text().split())
            if needed > label.height() + 1 or longest > label.width() + 1:
                found.append(f"{label.text()!r} needs {needed} has {label.height()}")
        elif label.sizeHint().width() > label.width() + 1:
            found.append(f"{label.text()!r} needs {label.sizeHint().width()} has {label.width()}")
    for label in root.findChildren(FitLabel):
        if label.isVisible() and label.fitting()[1] != label.text():
            found.append(f"{label.text()!r} was cut")
    for button in root.findChildren(ActionButton):
        if button.isVisible() and button.width() < button.minimumSizeHint().width():
            found.append(f"button {button.word.text()!r}")
    return found


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_nothing_is_cut_off(qtbot: Any, open_window: Open, language: str, size: tuple[int, int]) -> None:
    window = open_window(FakeKiosk(Plan(report("failed", **MARKED))), language=language, size=size)
    settle()
    assert clipped(window) == []
    decide(qtbot, window)
    window.inspect_page.person.open_next_finding()
    settle()
    assert (window.width(), window.height()) == size
    assert clipped(window) == []
    window.inspect_page.decision.decision.ask_refuse()
    settle()
    assert clipped(window.inspect_page) == []
    for section in SECTIONS[1:]:
        window.go(section)
        qtbot.waitUntil(lambda: not window.desk.busy)
        settle()
        assert clipped(window.pages[section]) == [], section


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_longest_dates_and_names_show_whole(qtbot: Any, open_window: Open, language: str) -> None:
    window = open_window(FakeKiosk(), language=language)
    decide(qtbot, window)
    values = window.inspect_page.person.values
    for month in range(1, 13):
        values["birth"].setText(tr("person.age", date=tr.date(date(1991, month, 28)), n=35))
        values["expiry"].setText(tr.date(date(2028, month, 28)))
        assert clipped(window.inspect_page.person) == []


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_verdict_is_never_cut(qtbot: Any, open_window: Open, language: str) -> None:
    window = open_window(FakeKiosk(), language=language)
    pill = window.inspect_page.person.pill
    for outcome in ICONS:
        needs_opening = outcome in NEEDS_OPENING
        note = f"{tr('verdict.to_open', n=8)}\nF6" if needs_opening else ""
        pill.show_outcome(outcome, tr.label(outcome), note)
        assert pill.fits(), outcome
    for phase in ("READ_CHIP", "LOOK_UP_STAYS", "LOOK_FOR_PAGE"):
        pill.show_outcome("", tr.label(phase), "")
        assert pill.fits(), phase


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_whole_form_and_all_buttons_show_at_the_smallest_size(
    qtbot: Any, open_window: Open, language: str
) -> None:
    window = open_window(FakeKiosk(), language=language)
    decide(qtbot, window)
    column = window.inspect_page.decision
    column.form.fill(FORM)
    settle()
    assert column.upper.verticalScrollBar().maximum() == 0


def test_targets_are_large_enough(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    decide(qtbot, window)
    for section in SECTIONS:
        window.go(section)
        qtbot.waitUntil(lambda: not window.desk.busy)
        for button in window.findChildren(QAbstractButton):
            if button.isVisible() and button.metaObject().className() != "QTableCornerButton":
                assert button.height() >= 44, (section, button.accessibleName(), button.height())
                assert button.width() >= 44, (section, button.accessibleName(), button.width())


def test_every_control_is_reached_by_tab_and_has_a_name(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    decide(qtbot, window)
    window.inspect_page.setFocus()
    reached: set[QWidget] = set()
    for _ in range(80):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        reached.add(window.focusWidget())
    wanted = [
        button
        for button in window.findChildren(QAbstractButton)
        if button.isVisible() and button.isEnabled() and button.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    checkable_groups = {b for b in wanted if b.group() is not None and not b.isChecked()}
    assert set(wanted) - checkable_groups <= reached
    assert all(button.accessibleName() or button.text() for button in wanted)
    assert set(window.inspect_page.decision.form.fields.values()) <= reached


# -- simulation ---------------------------------------------------------------------------------------


def test_a_lab_desk_is_marked_on_every_page_and_a_real_one_is_not(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    for section in SECTIONS:
        window.go(section)
        assert window.ribbon.isVisible()
        qtbot.waitUntil(lambda: not window.desk.busy)
    assert open_window(FakeKiosk(lab=False)).ribbon is None


def test_the_testers_hands(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk()
    window = open_window(kiosk)
    for name in ("lay", "take", "blank", "card"):
        qtbot.mouseClick(window.ribbon.buttons[name], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(kiosk.desk.moves) == 4)
    assert kiosk.desk.moves == ["present 0", "withdraw", "insert", "take"]
    qtbot.waitUntil(lambda: "Azizbek" in window.ribbon.note.text())


# -- progress and records -----------------------------------------------------------------------------


def test_encoding_shows_step_share_and_what_is_left(qtbot: Any, open_window: Open) -> None:
    gate = threading.Event()
    window = open_window(FakeKiosk(Plan(hold={"personalise": gate})))
    decide(qtbot, window)
    window.inspection.grant(FORM)
    qtbot.waitUntil(lambda: window.inspection.phase is Phase.ENDED)
    window.inspect_page.accept()
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    window.issuing.issue()
    qtbot.waitUntil(lambda: window.issuing.current == "personalise" and window.issuing.progress is not None)
    window.desk.progressed.emit(Progress(ProgressPhase.PERSONALISE, "write:DG2", 10100, 18200))
    row = next(step for step in window.cards_page.steps.steps if step.step == "personalise")
    assert row.share.text() == "55%"
    assert "DG2" in row.note.text()
    assert "8.1" in row.note.text()
    gate.set()
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)


def test_the_card_keeps_its_true_proportions(qtbot: Any, open_window: Open) -> None:
    for size in ((1366, 768), (1920, 1080)):
        window = open_window(FakeKiosk(), size=size)
        window.go("cards")
        qtbot.waitUntil(lambda w=window: not w.desk.busy)
        card = window.cards_page.preview.front.card_rect()
        assert card.width() / card.height() == pytest.approx(CARD_RATIO, rel=1e-6)
        assert pytest.approx(85.60 / 53.98) == CARD_RATIO


def test_records_show_stock_and_audit(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    window.go("stock")
    qtbot.waitUntil(lambda: "47" in texts(window.stock_page))
    window.go("audit")
    qtbot.waitUntil(lambda: window.audit_page.table.rowCount() == 14)
    qtbot.mouseClick(window.audit_page.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "The chain is whole. Entries checked: 14" in texts(window.audit_page))


def test_times_are_measured_against_the_budget(qtbot: Any, open_window: Open) -> None:
    from ui.models.inspection import StepClock

    moment = [0.0]
    clock = StepClock(lambda: moment[0])
    clock.start("document")
    moment[0] = 2.1
    clock.start("chip")
    moment[0] = 9.5
    clock.start("")
    assert clock.seconds("document") == pytest.approx(2.1)
    assert clock.seconds("chip") == pytest.approx(7.4)
    assert clock.seconds("face") is None
    window = open_window(FakeKiosk())
    window.strip.show_times(clock)
    shown = [cell.time.text() for cell in window.strip.cells]
    assert shown == ["2.1\u00a0s", "7.4\u00a0s", "–", "–", "–", "–"]
    assert window.strip.cells[1].line._color == "bad_ink"
