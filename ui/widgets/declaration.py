"""The declaration form: purpose, days, host, address, phone, employer. None of it goes onto the card."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QSpinBox, QWidget

from kiosk.domain.documents import Declaration
from ui.i18n import catalogue, tr
from ui.theme import TARGET
from ui.widgets.basics import label

PURPOSES = tuple(
    key.removeprefix("purpose.") for key in catalogue() if key.startswith("purpose.")
)
MAX_DAYS = 366


class DeclarationForm(QWidget):
    """Fields in one reading order; Enter goes to the next and leaves the last one."""

    edited = Signal()
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.purpose = QComboBox()
        self.purpose.addItem("", "")
        for code in PURPOSES:
            self.purpose.addItem("", code)
        self.days = QSpinBox()
        self.days.setRange(0, MAX_DAYS)
        self.days.setSpecialValueText(" ")
        self.days.setFixedWidth(72)
        self.host, self.address = QLineEdit(), QLineEdit()
        self.phone, self.employer = QLineEdit(), QLineEdit()
        self.phone.setInputMethodHints(Qt.InputMethodHint.ImhDialableCharactersOnly)
        self.fields: dict[str, QWidget] = {
            "purpose": self.purpose,
            "days": self.days,
            "host": self.host,
            "address": self.address,
            "phone": self.phone,
            "employer": self.employer,
        }
        self._place(grid)
        for name, field in self.fields.items():
            field.setMinimumHeight(TARGET)
            field.setObjectName(f"declaration-{name}")
            field.installEventFilter(self)
        for edit in (self.host, self.address, self.phone, self.employer):
            edit.setMaxLength(120)
            edit.textChanged.connect(self.edited)
        self.purpose.currentIndexChanged.connect(self.edited)
        self.days.valueChanged.connect(self.edited)
        tr.changed.connect(self.reword)
        self.reword()

    def _place(self, grid: QGridLayout) -> None:
        grid.addWidget(self._caption("purpose"), 0, 0)
        grid.addWidget(self.purpose, 0, 1)
        grid.addWidget(self._caption("days", wrap=False), 0, 2)
        grid.addWidget(self.days, 0, 3)
        for number, name in enumerate(("host", "address", "phone", "employer"), start=1):
            grid.addWidget(self._caption(name), number, 0)
            grid.addWidget(self.fields[name], number, 1, 1, 3)

    def _caption(self, name: str, *, wrap: bool = True) -> QWidget:
        made = label("caption", key=f"declaration.{name}", wrap=wrap)
        made.setFixedWidth(96) if wrap else None
        return made

    def reword(self) -> None:
        """Purposes and accessible names in the language in force."""
        for index in range(self.purpose.count()):
            code = self.purpose.itemData(index)
            text = tr("declaration.choose") if not code else tr.code("purpose", code)
            self.purpose.setItemText(index, text)
        for name, field in self.fields.items():
            worded_name = tr(f"declaration.{name}")
            field.setAccessibleName(worded_name)

    # -- content ----------------------------------------------------------------------------------

    def clear(self) -> None:
        self.fill(Declaration("", 0))

    def fill(self, declaration: Declaration) -> None:
        """Show a declaration; a purpose outside our list is added to it."""
        index = self.purpose.findData(declaration.purpose)
        if index < 0:
            self.purpose.addItem(tr.code("purpose", declaration.purpose), declaration.purpose)
            index = self.purpose.count() - 1
        self.purpose.setCurrentIndex(index)
        self.days.setValue(declaration.days)
        for name in ("host", "address", "phone", "employer"):
            edit = self.fields[name]
            assert isinstance(edit, QLineEdit)
            edit.setText(str(getattr(declaration, name)))

    def declaration(self) -> Declaration:
        return Declaration(
            purpose=str(self.purpose.currentData() or ""),
            days=self.days.value(),
            host=self.host.text().strip(),
            address=self.address.text().strip(),
            phone=self.phone.text().strip(),
            employer=self.employer.text().strip(),
        )

    def missing(self) -> str:
        """The first field that must be filled and is not, "" when none."""
        found = self.declaration()
        needed = {"purpose": found.purpose, "days": found.days, "address": found.address}
        return next((name for name, value in needed.items() if not value), "")

    def focus_first_empty(self) -> None:
        self.fields[self.missing() or "purpose"].setFocus(Qt.FocusReason.TabFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if enter and watched in self.fields.values():
                self._leave(watched)
                return True
        return super().eventFilter(watched, event)

    def _leave(self, watched: QObject) -> None:
        order = list(self.fields.values())
        position = next(i for i, field in enumerate(order) if field is watched)
        if position + 1 < len(order):
            order[position + 1].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.finished.emit()


