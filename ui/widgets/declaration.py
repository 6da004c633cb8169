"""The declaration form: purpose, days, host, address, phone, employer. None of it goes onto the card."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QLineEdit, QSizePolicy, QSpinBox, QWidget

from kiosk.domain.documents import Declaration
from ui.i18n import tr
from ui.theme import theme
from ui.widgets.basics import column, label, restyle

PURPOSES = (
    *("private", "tourism", "business", "work", "study"),
    *("treatment", "carriage", "transit", "family", "other"),
)
MAX_DAYS = 366


class FieldBox(QFrame):
    """A caption over its field in one frame; the frame carries the focus ring."""

    HEIGHT = 44

    def __init__(self, key: str, field: QWidget) -> None:
        super().__init__()
        self.setObjectName("fieldbox")
        theme.changed.connect(self._rescale)
        self._rescale()
        body = column(gap=0)
        body.setContentsMargins(8, 1, 4, 0)
        self.setLayout(body)
        caption = label("fieldcaption", key=key)
        caption.setBuddy(field)
        body.addWidget(caption)
        field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        body.addWidget(field, 1)
        self.setFocusProxy(field)
        field.installEventFilter(self)

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(self.HEIGHT))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            restyle(self, "focused", "true" if event.type() == QEvent.Type.FocusIn else "false")
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        proxy = self.focusProxy()
        if proxy is not None:
            proxy.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)


class DeclarationForm(QWidget):
    """Fields in one reading order; Enter goes to the next and leaves the last one."""

    edited = Signal()
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(5)
        grid.setColumnStretch(0, 5)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 3)
        self.purpose = QComboBox()
        self.purpose.addItem("", "")
        for code in PURPOSES:
            self.purpose.addItem("", code)
        self.days = QSpinBox()
        self.days.setRange(0, MAX_DAYS)
        self.days.setSpecialValueText(" ")
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
        places = {"purpose": (0, 0, 2), "days": (0, 2, 1), "host": (1, 0, 3), "address": (2, 0, 3)}
        places |= {"phone": (3, 0, 1), "employer": (3, 1, 2)}
        for name, field in self.fields.items():
            line, start, span = places[name]
            grid.addWidget(FieldBox(f"declaration.{name}", field), line, start, 1, span)
            field.setObjectName(f"declaration-{name}")
            field.installEventFilter(self)
        for edit in (self.host, self.address, self.phone, self.employer):
            edit.setMaxLength(120)
            edit.textChanged.connect(self.edited)
        self.purpose.currentIndexChanged.connect(self.edited)
        self.days.valueChanged.connect(self.edited)
        tr.changed.connect(self.reword)
        self.reword()

    def reword(self) -> None:
        """Purposes and accessible names in the language in force."""
        for index in range(self.purpose.count()):
            code = self.purpose.itemData(index)
            text = tr("declaration.choose") if not code else tr.label(code)
            self.purpose.setItemText(index, text)
        for name, field in self.fields.items():
            field.setAccessibleName(tr(f"declaration.{name}"))

    # -- content ----------------------------------------------------------------------------------

    def clear(self) -> None:
        self.fill(Declaration("", 0))

    def fill(self, declaration: Declaration) -> None:
        """Show a declaration; a purpose outside our list is added to it."""
        code = declaration.purpose.lower()
        index = self.purpose.findData(code if code in PURPOSES else declaration.purpose)
        if index < 0:
            self.purpose.addItem(tr.label(declaration.purpose), declaration.purpose)
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
