"""The name in national letters, typed beside the MRZ, and the Latin spelling it proposes."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from card_io.lds.spellings import Spellings
from kiosk.workflow.names import name_in, national_name, parts_of, proposed_field, with_name
from ui.i18n import tr
from ui.theme import HALF
from ui.widgets.basics import column, label, row
from ui.widgets.declaration import FieldBox

MAX_LETTERS = 90  # of each part


class NationalName(QWidget):
    """Two fields that may stay empty. Their proposal goes into an empty name field and may be typed over."""

    edited = Signal()
    passed = Signal()  # Enter in the last field
    left = Signal()

    def __init__(self, spellings: Spellings) -> None:
        super().__init__()
        self._spellings = spellings
        self._case_id = ""
        self._filled = ""  # the name field as we filled it last
        body = column(gap=HALF)
        self.setLayout(body)
        self.surname, self.given = QLineEdit(), QLineEdit()
        fields = row(gap=5)
        for key, field in (("national_surname", self.surname), ("national_given", self.given)):
            field.setMaxLength(MAX_LETTERS)
            field.setObjectName(key)
            field.textEdited.connect(lambda _text: self.edited.emit())
            field.installEventFilter(self)
            fields.addWidget(FieldBox(f"document.{key}", field), 1)
        body.addLayout(fields)
        self.note = label("caption", wrap=True)
        body.addWidget(self.note)

    def begin(self, case_id: str, name: str) -> None:
        """Start typing; what was typed for the same case stays, `name` is what is known of another."""
        if case_id != self._case_id or not self.name():
            self._case_id = case_id
            for field, text in zip((self.surname, self.given), parts_of(name), strict=True):
                field.setText(text)
        self._filled = ""
        self.note.hide()

    def name(self) -> str:
        """As the case keeps it: `SURNAME, GIVEN NAMES`, "" for none."""
        return national_name(self.surname.text(), self.given.text())

    def applied(self, lines: Sequence[str]) -> tuple[str, ...]:
        """`lines` with the proposal where no other name stands; elsewhere the note shows it."""
        proposal = proposed_field(lines, self.surname.text(), self.given.text(), self._spellings)
        made = with_name(lines, proposal, self._filled)
        self._filled = proposal if name_in(made) == proposal else ""
        self.note.setText(tr("document.proposed", name=proposal.rstrip("<")))
        self.note.setVisible(bool(proposal) and name_in(made) != proposal)
        return made

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if watched is self.surname:
                    self.given.setFocus(Qt.FocusReason.TabFocusReason)
                else:
                    self.passed.emit()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.left.emit()
                return True
        return super().eventFilter(watched, event)
