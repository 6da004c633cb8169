"""What the guard compares: fields without a check digit, a portrait by its place, names in both spellings."""

from collections.abc import Callable
from typing import Any

import pytest
from fake_kiosk import LINES, FakeKiosk, Plan, failing, report
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from card_io.lds.mrz_layout import FORMS, unchecked_fields
from kiosk.errors import ErrorCode, KioskError
from ui.i18n import LANGUAGES, catalogue, tr
from ui.models.inspection import Phase
from ui.pages.person import UNCHECKED

Open = Callable[..., Any]
TD3 = unchecked_fields("TD3")
BLANK = ("P<KAZ" + "<" * 39, "<" * 44)


def decide(qtbot: Any, window: Any) -> None:
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.phase is Phase.DECIDE and not window.desk.busy, timeout=8000)


def write(field: QWidget | None, text: str) -> None:
    """Letters that no Latin keyboard has."""
    assert field is not None
    for letter in text:
        QApplication.sendEvent(
            field, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, letter)
        )


def amber() -> dict[str, Any]:
    return report("undetermined", issuer_certificates=("undetermined", "REVOCATION_UNKNOWN", ""))


def test_every_field_without_a_digit_has_a_name() -> None:
    assert {f"field.{name}" for form in FORMS for name in unchecked_fields(form)} <= set(catalogue())


@pytest.mark.parametrize("language", LANGUAGES)
def test_fields_without_a_check_digit_are_marked(qtbot: Any, open_window: Open, language: str) -> None:
    window = open_window(FakeKiosk(Plan(amber(), unchecked=TD3, face_found=False)), language=language)
    decide(qtbot, window)
    person, note = window.inspect_page.person, window.inspect_page.document.page_note
    assert person.surname.text() == "TURSUNOV"
    for part in (person.surname, person.given, person._captions["sex"], person._captions["citizenship"]):
        assert part.mark == UNCHECKED
        assert tr("document.unchecked_mark") in part.toolTip()
        font, shown = part.fitting()
        assert shown == part.text()
        assert QFontMetrics(font).horizontalAdvance(shown) + part._mark_width() <= part.width()
    assert person._captions["birth"].mark == person._captions["number"].mark == ""
    assert note.isVisible()
    assert tr("field.name") in note.text()
    assert tr("document.no_face") in note.text()
    assert note.height() >= note.heightForWidth(note.width())
    qtbot.mouseClick(window.inspect_page.document.by_hand, Qt.MouseButton.LeftButton)
    assert not note.isVisible()


def test_a_green_verdict_needs_no_marks(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeKiosk(Plan(unchecked=TD3)))
    decide(qtbot, window)
    assert window.inspect_page.person.surname.mark == ""
    assert not window.inspect_page.document.page_note.isVisible()


def typing(qtbot: Any, open_window: Open, lines: tuple[str, ...], **plan: Any) -> tuple[Any, Any, FakeKiosk]:
    """A window in which the zone is being typed, starting from `lines`."""
    kiosk = FakeKiosk(Plan(**plan))
    window = open_window(kiosk)
    decide(qtbot, window)
    column = window.inspect_page.document
    qtbot.mouseClick(column.by_hand, Qt.MouseButton.LeftButton)
    column.mrz.fill(lines)
    return window, column, kiosk


def test_a_name_in_national_letters_fills_an_empty_name_field(qtbot: Any, open_window: Open) -> None:
    window, column, kiosk = typing(qtbot, open_window, BLANK)
    fields = column.national
    assert fields.isVisible()
    fields.surname.clear()
    fields.given.clear()
    fields.surname.setFocus()
    write(fields.surname, "Қайратов")
    assert column.mrz.lines[0].startswith("P<KAZKAYRATOV<<<")
    qtbot.keyClick(fields.surname, Qt.Key.Key_Return)
    write(QApplication.focusWidget(), "Әділ")
    assert column.mrz.lines[0].startswith("P<KAZKAYRATOV<<ADIL<<<")
    assert column.mrz.lines[1] == BLANK[1]
    assert not fields.note.isVisible()
    qtbot.keyClick(fields.given, Qt.Key.Key_Return)
    assert column.mrz.hasFocus()
    assert "decide" not in kiosk.calls
    for _ in range(5):
        qtbot.keyClick(column.mrz, Qt.Key.Key_Right)
    qtbot.keyClicks(column.mrz, "Q")  # the proposal may be typed over
    assert column.mrz.lines[0].startswith("P<KAZQAYRATOV<<ADIL<<<")
    fields.given.setFocus()
    write(fields.given, "ь")
    assert column.mrz.lines[0].startswith("P<KAZQAYRATOV<<ADIL<<<")
    assert "KAYRATOV<<ADIL." in fields.note.text()
    assert fields.note.isVisible()
    qtbot.mouseClick(column.confirm, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: kiosk.calls.count("read_chip") == 2 and not window.desk.busy)
    assert not fields.isVisible()


def test_the_case_keeps_both_spellings(qtbot: Any, open_window: Open) -> None:
    absent: list[Exception] = [KioskError(ErrorCode.DOCUMENT_ABSENT) for _ in range(2)]
    kiosk = FakeKiosk(Plan(errors={"read_chip": absent}))
    window = open_window(kiosk)
    window.inspection.start()
    qtbot.waitUntil(lambda: window.inspection.problem is not None)
    column = window.inspect_page.document
    column.edit_mrz()
    assert column.mrz.lines == LINES
    write(column.national.surname, "Турсунов")
    write(column.national.given, "Азизбек")
    assert column.mrz.lines == LINES  # the printed name counts
    assert "TURSUNOV<<AZIZBEK." in column.national.note.text()
    qtbot.keyClick(column.mrz, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: kiosk.calls.count("read_chip") == 2 and not window.desk.busy)
    document = window.inspection.case.document
    assert (document.surname, document.national_name) == ("TURSUNOV", "Турсунов, Азизбек")
    assert window.inspect_page.person.script.text() == "Турсунов, Азизбек"


def test_esc_leaves_the_names_and_refused_lines_keep_them(qtbot: Any, open_window: Open) -> None:
    window, column, kiosk = typing(
        qtbot, open_window, LINES, errors=failing("type_mrz", code=ErrorCode.MRZ_INVALID)
    )
    column.national.surname.setText("Ли")
    column.national.given.clear()
    qtbot.keyClick(column.national.surname, Qt.Key.Key_Escape)
    assert not column.mrz.editing
    column.edit_mrz()
    qtbot.keyClick(column.mrz, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.inspection.problem is not None and not window.desk.busy)
    column.edit_mrz()
    assert column.national.name() == "Ли"
    assert kiosk.calls.count("type_mrz") == 1
