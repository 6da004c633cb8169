"""The decision: refer, refuse with a reason, grant. Questions appear here, never in a window of their own."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui.i18n import tr
from ui.palette import Tone
from ui.theme import GAP, TARGET, theme
from ui.widgets.basics import ActionButton, Icon, Panel, clear, column, label, restyle, row

REFER_REASONS = ("ADDITIONAL_CHECK", "POSSIBLE_MATCH", "PROTECTION", "OTHER")
REFUSE_REASONS = ("ENTRY_BAN", "REFUSED_BY_GUARD")


class ChoiceButton(QPushButton):
    """One reason: a mark and a text that wraps; as high as its text needs, never under 44 px."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__()
        self.setProperty("kind", "choice")
        self.setProperty("code", code)
        self.setCheckable(True)
        self.setAccessibleName(text)
        body = row(gap=GAP)
        body.setContentsMargins(12, 6, 12, 6)
        self.setLayout(body)
        self._mark = Icon("", 18, "accent")
        self.word = QLabel(text)
        self.word.setObjectName("choicetext")
        self.word.setWordWrap(True)
        body.addWidget(self._mark)
        body.addWidget(self.word, 1)
        for child in (self._mark, self.word):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.toggled.connect(self._show_checked)

    def _show_checked(self, checked: bool) -> None:
        self._mark.show_icon("ok" if checked else "", "ring")
        restyle(self.word, "on", "true" if checked else "false")
        self.updateGeometry()

    def heightForWidth(self, width: int) -> int:
        inner = self.layout()
        return max(theme.px(TARGET), inner.heightForWidth(width) if inner is not None else 0)

    def sizeHint(self) -> QSize:
        return QSize(200, theme.px(TARGET))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, theme.px(TARGET))


class ReasonChooser(QWidget):
    """A short list of reasons in the column itself; Enter confirms, Esc goes back."""

    chosen = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        body = column(gap=GAP)
        self.setLayout(body)
        self.title = label("strong", wrap=True)
        body.addWidget(self.title)
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        body.addLayout(self._list)
        buttons = row()
        self.back = ActionButton("action.back", cap="Esc")
        self.confirm = ActionButton("action.confirm", kind="primary", cap="Enter")
        buttons.addWidget(self.back, 1)
        buttons.addWidget(self.confirm, 1)
        body.addLayout(buttons)
        self._group = QButtonGroup(self)
        self.back.clicked.connect(self.left)
        self.confirm.clicked.connect(self._confirm)

    def ask(self, title: str, reasons: Sequence[tuple[str, str]]) -> None:
        """Offer (code, text) pairs; the first is chosen."""
        self.title.setText(title)
        clear(self._list)
        for button in self._group.buttons():
            self._group.removeButton(button)
        for code, text in reasons:
            choice = ChoiceButton(code, text)
            self._group.addButton(choice)
            self._list.addWidget(choice)
            choice.show()
        if self._group.buttons():
            self._group.buttons()[0].setChecked(True)
            self._group.buttons()[0].setFocus(Qt.FocusReason.TabFocusReason)

    def _confirm(self) -> None:
        button = self._group.checkedButton()
        if button is not None:
            self.chosen.emit(str(button.property("code")))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose_focused()
            self._confirm()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _choose_focused(self) -> None:
        for button in self._group.buttons():
            if button.hasFocus():
                button.setChecked(True)


class DecisionPanel(QWidget):
    """Three buttons with what keeps Grant from being pressed; or the reasons; or the result."""

    granted = Signal()
    referred = Signal(str)
    refused = Signal(str)
    next_wanted = Signal()
    cards_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._asking = ""
        self._refuse_reasons: tuple[str, ...] = ()
        self.chooser = ReasonChooser()
        self._parts = (self._make_buttons(), self.chooser, self._make_result())
        body = column(gap=0)
        self.setLayout(body)
        for part in self._parts:
            body.addWidget(part)
        self._show(self._parts[0])
        self.chooser.chosen.connect(self._reason_chosen)
        self.chooser.left.connect(self.show_buttons)

    def _make_buttons(self) -> QWidget:
        holder = QWidget()
        body = column(gap=GAP)
        holder.setLayout(body)
        self.obstacle = label("strong", wrap=True)
        self.obstacle.setMinimumHeight(22)
        self.obstacle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        body.addWidget(self.obstacle)
        second = row()
        self.refer = ActionButton("action.refer", cap="F4")
        self.refuse = ActionButton("action.refuse", danger=True)
        second.addWidget(self.refer, 5)
        second.addWidget(self.refuse, 4)
        body.addLayout(second)
        self.grant = ActionButton("action.grant", kind="primary", icon="stay", cap="Enter")
        body.addWidget(self.grant)
        self.refer.clicked.connect(self.ask_refer)
        self.refuse.clicked.connect(self.ask_refuse)
        self.grant.clicked.connect(self.granted)
        return holder

    def _make_result(self) -> QWidget:
        holder = QWidget()
        body = column(gap=GAP)
        holder.setLayout(body)
        self.result = Panel(Tone.GOOD)
        head = row(gap=12)
        self._result_icon = Icon("ok", 28, Tone.GOOD)
        self._result_word = label("lead", wrap=True)
        head.addWidget(self._result_icon)
        head.addWidget(self._result_word, 1)
        self.result.body.addLayout(head)
        self._result_note = label(wrap=True)
        self.result.body.addWidget(self._result_note)
        body.addWidget(self.result)
        self.to_cards = ActionButton("action.to_cards", kind="primary", icon="cards", cap="Enter")
        self.next = ActionButton("action.start", icon="arrow-right")
        body.addWidget(self.next)
        body.addWidget(self.to_cards)
        self.next.clicked.connect(self.next_wanted)
        self.to_cards.clicked.connect(self.cards_wanted)
        return holder

    # -- what is shown ----------------------------------------------------------------------------

    def _show(self, shown: QWidget) -> None:
        for part in self._parts:
            part.setVisible(part is shown)

    @property
    def asking(self) -> bool:
        return bool(self._asking)

    def show_buttons(self) -> None:
        self._asking = ""
        self._show(self._parts[0])

    def allow(self, *, refer: bool, refuse: bool, grant: bool, obstacle: str, tone: str = "") -> None:
        """Which buttons may be pressed; `obstacle` says, in `tone`, why Grant may not."""
        self.refer.setEnabled(refer)
        self.refuse.setEnabled(refuse)
        self.grant.setEnabled(grant)
        self.obstacle.setText(obstacle)
        restyle(self.obstacle, "tone", tone)

    def set_refuse_reasons(self, codes: Sequence[str]) -> None:
        """Reasons the inspection found come first."""
        self._refuse_reasons = tuple(dict.fromkeys((*codes, *REFUSE_REASONS)))

    def ask_refer(self) -> None:
        self._ask("refer", "decision.why_refer", REFER_REASONS)

    def ask_refuse(self) -> None:
        self._ask("refuse", "decision.why_refuse", self._refuse_reasons)

    def _ask(self, what: str, title_key: str, codes: Sequence[str]) -> None:
        self._asking = what
        self._show(self.chooser)
        self.chooser.ask(tr(title_key), [(code, tr.code("reason", code)) for code in codes[:5]])

    def _reason_chosen(self, code: str) -> None:
        asked, self._asking = self._asking, ""
        self.show_buttons()
        (self.referred if asked == "refer" else self.refused).emit(code)

    def reword(self) -> None:
        """Ask again in the language in force."""
        if self._asking == "refer":
            self.ask_refer()
        elif self._asking == "refuse":
            self.ask_refuse()

    def show_result(self, tone: Tone, icon: str, word: str, note: str, *, card: bool) -> None:
        """The decision that was taken; `card` offers the card desk."""
        self.result.set_tone(tone)
        self._result_icon.show_icon(icon, str(tone))
        self._result_word.setText(word)
        self._result_note.setText(note)
        self._result_note.setVisible(bool(note))
        self.to_cards.setVisible(card)
        self._asking = ""
        self._show(self._parts[2])
