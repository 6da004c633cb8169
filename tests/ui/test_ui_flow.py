"""The whole flow through the window: by keyboard alone, by mouse alone, refused, referred, resumed."""

from collections.abc import Callable
from typing import Any

from fake_kiosk import FakeKiosk, Plan, failing, report
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from kiosk.domain.cases import Stage
from kiosk.domain.documents import Declaration
from kiosk.errors import ErrorCode
from ui.models.inspection import Phase
from ui.models.issuing import StepState

Open = Callable[..., Any]
FORM = Declaration("work", 30, "Host LLP", "Shymkent, Abay 14", "+7 700", "Host LLP")
RED = {"integrity": ("failed", "DG_HASH_MISMATCH", "DG2")}
AMBER = {"issuer_certificates": ("undetermined", "REVOCATION_UNKNOWN", "")}


def press(qtbot: Any, *keys: Qt.Key) -> None:
    for key in keys:
        target = QApplication.focusWidget()
        assert target is not None
        qtbot.keyClick(target, key)


def type_text(qtbot: Any, text: str) -> None:
    target = QApplication.focusWidget()
    assert target is not None
    qtbot.keyClicks(target, text)


def until(qtbot: Any, window: Any, phase: Phase) -> None:
    qtbot.waitUntil(lambda: window.inspection.phase is phase and not window.desk.busy, timeout=8000)


def decide(qtbot: Any, window: Any) -> None:
    """Bring a traveller to the decision."""
    window.inspection.start()
    until(qtbot, window, Phase.DECIDE)


def test_by_keyboard_alone(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk()
    window = open_window(kiosk)
    qtbot.waitUntil(lambda: not window.desk.busy)
    press(qtbot, Qt.Key.Key_Return)
    until(qtbot, window, Phase.DECIDE)
    form = window.inspect_page.decision.form
    assert form.purpose.hasFocus()
    press(qtbot, Qt.Key.Key_Down, Qt.Key.Key_Return)
    type_text(qtbot, "30")
    press(qtbot, Qt.Key.Key_Return)
    type_text(qtbot, "Host LLP")
    press(qtbot, Qt.Key.Key_Return)
    type_text(qtbot, "Shymkent 14")
    press(qtbot, Qt.Key.Key_Return, Qt.Key.Key_Return, Qt.Key.Key_Return)
    assert window.inspect_page.decision.decision.grant.hasFocus()
    press(qtbot, Qt.Key.Key_Return)
    until(qtbot, window, Phase.ENDED)
    assert window.inspection.case.declaration == Declaration("private", 30, "Host LLP", "Shymkent 14")
    press(qtbot, Qt.Key.Key_Return)
    assert window.stack.currentWidget() is window.cards_page
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    press(qtbot, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)
    press(qtbot, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.issuing.issued and not window.desk.busy)
    assert window.issuing.case.stage is Stage.CARD_ACTIVE
    press(qtbot, Qt.Key.Key_Return)
    assert window.stack.currentWidget() is window.inspect_page
    assert window.inspection.phase is Phase.IDLE
    order = [name for name in kiosk.calls if name != "resume"]
    assert order == [
        *("open_case", "scan_document", "read_chip", "assess_stay", "declare", "decide"),
        *("reserve_card", "draw_blank", "personalise", "print_card", "check_card", "hand_over"),
    ]


def test_by_mouse_alone(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk()
    window = open_window(kiosk)
    qtbot.waitUntil(lambda: not window.desk.busy)

    def click(widget: QWidget) -> None:
        assert widget.isVisible()
        assert widget.isEnabled()
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    click(window.ribbon.buttons["next"])
    until(qtbot, window, Phase.DECIDE)
    assert kiosk.desk.moves == ["present 0"]
    page = window.inspect_page
    click(page.person.tree.groups[0].button)
    assert "optical" in window.inspection.opened
    page.decision.form.fill(FORM)
    click(page.decision.decision.grant)
    until(qtbot, window, Phase.ENDED)
    click(page.decision.decision.to_cards)
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    click(window.ribbon.buttons["blank"])
    click(window.cards_page.steps.go)
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)
    click(window.cards_page.steps.go)
    qtbot.waitUntil(lambda: window.issuing.issued and not window.desk.busy)
    click(window.cards_page.steps.next)
    for section, button in window.rail.buttons.items():
        click(button)
        assert window.stack.currentWidget() is window.pages[section]
        qtbot.waitUntil(lambda: not window.desk.busy)


def test_a_finding_must_be_opened_before_grant(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(report("undetermined", **AMBER)))
    kiosk.second_line = True
    window = open_window(kiosk)
    decide(qtbot, window)
    page = window.inspect_page
    page.decision.form.fill(FORM)
    grant = page.decision.decision.grant
    assert window.inspection.grant_obstacle() == "OPEN_FIRST"
    assert not grant.isEnabled()
    assert "F6" in page.decision.decision.obstacle.text()
    page.setFocus()
    press(qtbot, Qt.Key.Key_Return)
    assert "decide" not in kiosk.calls
    press(qtbot, Qt.Key.Key_F6)
    row = next(entry for entry in page.person.tree.groups if entry.name == "issuer_certificates")
    assert row.button.isChecked()
    assert row.button.hasFocus()
    assert grant.isEnabled()
    press(qtbot, Qt.Key.Key_Return)  # Enter belongs to the row that has the focus
    assert not row.button.isChecked()
    assert "decide" not in kiosk.calls


def test_a_failed_verdict_is_refused_with_the_reason_found(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(report("failed", **RED)))
    window = open_window(kiosk)
    decide(qtbot, window)
    panel = window.inspect_page.decision.decision
    window.inspect_page.decision.form.fill(FORM)
    window.inspect_page.person.open_next_finding()
    assert not panel.grant.isEnabled()
    qtbot.mouseClick(panel.refuse, Qt.MouseButton.LeftButton)
    assert panel.asking
    press(qtbot, Qt.Key.Key_Escape)
    assert not panel.asking
    qtbot.mouseClick(panel.refuse, Qt.MouseButton.LeftButton)
    press(qtbot, Qt.Key.Key_Return)
    until(qtbot, window, Phase.ENDED)
    assert window.inspection.case.decision.reason == "DG_HASH_MISMATCH"
    assert not panel.to_cards.isVisible()


def test_no_days_left_is_refused_by_the_rule(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(allowed=False)))
    decide(qtbot, window)
    panel = window.inspect_page.decision.decision
    assert not panel.grant.isEnabled()
    panel.ask_refuse()
    press(qtbot, Qt.Key.Key_Return)
    until(qtbot, window, Phase.ENDED)
    assert window.inspection.case.decision.reason == "STAY_NO_DAYS_LEFT"


def test_refer_with_f4(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk())
    decide(qtbot, window)
    window.inspect_page.setFocus()
    press(qtbot, Qt.Key.Key_F4, Qt.Key.Key_Return)
    until(qtbot, window, Phase.ENDED)
    assert window.inspection.case.stage is Stage.REFERRED
    assert window.inspection.case.referred == "ADDITIONAL_CHECK"


def test_park_and_resume(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk()
    window = open_window(kiosk)
    decide(qtbot, window)
    window.inspect_page.setFocus()
    press(qtbot, Qt.Key.Key_F8)
    assert window.inspection.phase is Phase.IDLE
    window.go("cases")
    qtbot.waitUntil(lambda: not window.desk.busy)
    press(qtbot, Qt.Key.Key_Return)
    until(qtbot, window, Phase.DECIDE)
    assert window.stack.currentWidget() is window.inspect_page
    assert kiosk.calls.count("read_chip") == 1
    assert window.inspection.case.entitlement is not None
    assert window.inspect_page.person.surname.text() == "TURSUNOV"


def test_a_granted_case_resumes_at_the_card_desk(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(errors=failing("personalise", code=ErrorCode.BLANK_ABSENT)))
    window = open_window(kiosk)
    decide(qtbot, window)
    window.inspection.grant(FORM)
    until(qtbot, window, Phase.ENDED)
    window.go("cases")
    qtbot.waitUntil(lambda: not window.desk.busy)
    press(qtbot, Qt.Key.Key_Return)
    assert window.stack.currentWidget() is window.cards_page
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    press(qtbot, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.issuing.problem is not None)
    steps = window.cards_page.steps
    assert window.issuing.state_of("personalise") is StepState.FAILED
    assert steps.problem.isVisible()
    press(qtbot, Qt.Key.Key_Return)  # repeats
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)
    assert kiosk.calls.count("draw_blank") == 1


def test_a_card_spoiled_by_the_final_check_is_made_again(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(errors=failing("check_card", code=ErrorCode.FINAL_CHECK_DIFFERENT)))
    window = open_window(kiosk)
    decide(qtbot, window)
    window.inspection.grant(FORM)
    until(qtbot, window, Phase.ENDED)
    window.inspect_page.accept()
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    window.issuing.issue()
    qtbot.waitUntil(lambda: window.issuing.next_step == "reserve_card" and not window.desk.busy)
    assert window.issuing.problem.code == ErrorCode.FINAL_CHECK_DIFFERENT
    assert window.issuing.job is None
    steps = window.cards_page.steps
    assert steps.problem.isVisible()
    assert not steps.spoil.isVisible()
    window.issuing.issue()
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)
    assert window.issuing.job.card.number == "LAB000142"
    assert "spoil" not in kiosk.calls


def test_a_failed_card_can_be_spoiled_and_made_again(qtbot: Any, open_window: Open) -> None:
    kiosk = FakeKiosk(Plan(errors=failing("check_card", code=ErrorCode.CARD_NOT_VERIFIED)))
    window = open_window(kiosk)
    decide(qtbot, window)
    window.inspection.grant(FORM)
    until(qtbot, window, Phase.ENDED)
    window.inspect_page.accept()
    qtbot.waitUntil(lambda: window.issuing.case is not None and not window.desk.busy)
    window.issuing.issue()
    qtbot.waitUntil(lambda: window.issuing.problem is not None)
    steps = window.cards_page.steps
    qtbot.mouseClick(steps.spoil, Qt.MouseButton.LeftButton)
    assert steps.sure.isVisible()
    assert "spoil" not in kiosk.calls
    steps._spoil()
    qtbot.waitUntil(lambda: window.issuing.next_step == "reserve_card" and not window.desk.busy)
    window.issuing.issue()
    qtbot.waitUntil(lambda: window.issuing.next_step == "hand_over" and not window.issuing.running)
    assert window.issuing.job.card.number == "LAB000142"
