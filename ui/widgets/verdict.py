"""The verdict: a pill that cannot be misread and the groups, checks and reasons behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ui import iconset
from ui.i18n import tr
from ui.palette import Tone
from ui.theme import GAP, TARGET, theme
from ui.widgets.basics import Button, Icon, clear, column, label, row

TONES: Mapping[str, Tone] = {
    "successful": Tone.GOOD,
    "failed": Tone.BAD,
    "undetermined": Tone.DOUBT,
    "not supported": Tone.NEUTRAL,
    "aborted": Tone.NEUTRAL,
}
ICONS: Mapping[str, str] = {
    "successful": "ok",
    "failed": "failed",
    "undetermined": "undetermined",
    "not supported": "unsupported",
    "aborted": "aborted",
}


LONGEST_WORD, CHUNK = 24, 12  # characters
ZERO_WIDTH_SPACE = "\u200b"


def noted(group: Mapping[str, Any]) -> bool:
    """Whether a green check of a green group has something to say nevertheless."""
    checks = group.get("checks", ()) if group["outcome"] == "successful" else ()
    return any(check["outcome"] == "successful" and check.get("findings") for check in checks)


def ages(evidence: Mapping[str, str]) -> tuple[str, ...]:
    """How old the offline data of a check are, in words (BSI TR-03135: a verdict is as good as its data)."""
    found = []
    for name, words in (("trust_data_days", "verdict.trust_age"), ("crl_days", "verdict.crl_age")):
        days = str(evidence.get(name, ""))
        if days.isdecimal():
            found.append(tr(words, days=tr.days(int(days))))
    return tuple(found)


def tone_of(outcome: str) -> Tone:
    return TONES.get(outcome, Tone.NEUTRAL)


class VerdictPill(QWidget):
    """The overall verdict: colour, icon and one word of 22 pt on a filled pill."""

    HEIGHT = 52

    def __init__(self) -> None:
        super().__init__()
        self.outcome, self.word, self.note = "", "", ""
        self.setAccessibleName("")
        theme.changed.connect(self._rescale)
        self._rescale()

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(self.HEIGHT))
        self.update()

    def show_outcome(self, outcome: str, word: str, note: str = "") -> None:
        """`outcome` is a TR-03135 word, or "" for a verdict that is not there yet; `note` stands right."""
        self.outcome, self.word, self.note = outcome, word, note
        self.setAccessibleName(f"{tr('verdict.title')}: {word} {note}".strip())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, tone = theme.palette, tone_of(self.outcome)
        filled = bool(self.outcome)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QColor(palette.fill(tone) if filled else palette.line))
        painter.setBrush(QColor(palette.fill(tone) if filled else palette.sunken))
        painter.drawRoundedRect(box, 6, 6)
        ink = palette.on(tone) if filled else palette.muted
        left = 16.0
        if filled:
            side = theme.px(28)
            box_icon = QRectF(left, (self.height() - side) / 2, side, side)
            iconset.paint(painter, ICONS[self.outcome], box_icon, ink)
            left += side + 12
        painter.setPen(QColor(ink))
        word, note, room = self._arrange(left)
        painter.setFont(note)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(box.adjusted(left, 0, -14, 0), int(flags), self.note)
        painter.setFont(word)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, 0, room, self.height()), int(flags), self.word)

    def _arrange(self, left: float) -> tuple[QFont, QFont, float]:
        """Fonts of word and note, and the width left for the word."""
        filled = bool(self.outcome)
        note = self._font(11 if filled else 10, bold=filled)
        taken = max(_width(note, line) for line in self.note.split("\n")) + 12 if self.note else 0
        room = self.width() - left - 14 - taken
        size, smallest = (22.0, 20.0) if filled else (14.0, 10.0)
        while size > smallest and _width(self._font(size, bold=filled), self.word) > room:
            size -= 0.5
        return self._font(size, bold=filled), note, room

    def fits(self) -> bool:
        """Whether the whole word shows."""
        word, _, room = self._arrange(28 + theme.px(28) if self.outcome else 16)
        return _width(word, self.word) <= room

    def _font(self, points: float, *, bold: bool) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(theme.pt(points))
        font.setBold(bold)
        return font


def _width(font: QFont, text: str) -> int:
    return QFontMetrics(font).horizontalAdvance(text)


def _wrapping(text: str, role: str = "") -> QLabel:
    """A label that takes what width it gets; words too long for any line may break."""
    made = label(role, text=_breakable(text), wrap=True)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    made.setToolTip(text)
    return made


def _lowered(widget: QWidget, pixels: int) -> QVBoxLayout:
    """A small part on the first line of the text beside it."""
    made = column(gap=0)
    made.setContentsMargins(0, pixels, 0, 0)
    made.addWidget(widget)
    made.addStretch(1)
    return made


def _breakable(text: str) -> str:
    """Zero-width spaces in words no line could hold (hashes, distinguished names)."""
    words = (
        ZERO_WIDTH_SPACE.join(word[i : i + CHUNK] for i in range(0, len(word), CHUNK))
        if len(word) > LONGEST_WORD
        else word
        for word in text.split(" ")
    )
    return " ".join(words)


class GroupRow(QFrame):
    """One group: a row that opens in place and shows its checks and reasons."""

    toggled = Signal(str, bool)

    def __init__(self, group: Mapping[str, Any]) -> None:
        super().__init__()
        self.group = group
        self.name = str(group["name"])
        outcome = str(group["outcome"])
        self.button = Button()
        self.button.setProperty("kind", "row")
        self.button.setCheckable(True)
        theme.changed.connect(self._rescale)
        self._rescale()
        inner = QHBoxLayout(self.button)
        inner.setContentsMargins(6, 0, 8, 0)
        inner.setSpacing(GAP)
        self._chevron = Icon("chevron-right", 16, "muted")
        self._title = label("strong", wrap=True)
        self._word = label("strong")
        self._word.setProperty("tone", str(tone_of(outcome)))
        self._word.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        inner.addWidget(Icon(ICONS.get(outcome, "dot"), 20, str(tone_of(outcome)) if outcome else "line"))
        inner.addWidget(self._title, 1)
        if noted(group):
            inner.addWidget(Icon("info", 16, "muted"))
        inner.addWidget(self._word)
        inner.addWidget(self._chevron)
        for child in self.button.findChildren(QWidget):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._details = QWidget()
        self._lines = QVBoxLayout(self._details)
        self._lines.setContentsMargins(34, 0, 8, 8)
        self._lines.setSpacing(4)
        self._details.hide()
        body = column(gap=0)
        body.addWidget(self.button)
        body.addWidget(self._details)
        self.setLayout(body)
        self.button.toggled.connect(self._toggle)
        self.reword()

    def _rescale(self) -> None:
        self.button.setMinimumHeight(theme.px(TARGET))

    def _toggle(self, opened: bool) -> None:
        self._details.setVisible(opened)
        self._chevron.show_icon("chevron-down" if opened else "chevron-right", "muted")
        self.toggled.emit(self.name, opened)

    def reword(self) -> None:
        """Fill in the words of the language in force."""
        outcome = str(self.group["outcome"])
        title, word = tr.label(self.name), tr.label(outcome) if outcome else "–"
        self._title.setText(title)
        self._word.setText(word)
        self.button.setToolTip(title)
        self.button.setAccessibleName(f"{title}: {word}")
        clear(self._lines)
        self.button.setEnabled(bool(outcome))
        self._chevron.setVisible(bool(outcome))
        for check in self.group.get("checks", ()):
            self._add_check(check)

    def _add_check(self, check: Mapping[str, Any]) -> None:
        outcome = str(check["outcome"])
        line = row(gap=GAP)
        icon = Icon(ICONS.get(outcome, "unsupported"), 16, str(tone_of(outcome)))
        word = label("caption", text=tr.label(outcome))
        word.setProperty("tone", str(tone_of(outcome)))
        word.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        line.addLayout(_lowered(icon, 3))
        line.addWidget(_wrapping(tr.label(str(check["name"]))), 1)
        line.addLayout(_lowered(word, 1))
        self._lines.addLayout(line)
        for finding in check.get("findings", ()):
            self._lines.addWidget(self._finding(finding, outcome))
        for age in ages(check.get("evidence", {})):
            self._lines.addWidget(self._aside(age))

    @staticmethod
    def _aside(text: str) -> QWidget:
        holder, body = QWidget(), row(gap=6)
        body.setContentsMargins(theme.px(16) + GAP, 0, 0, 4)
        body.addWidget(_wrapping(text, "caption"), 1)
        holder.setLayout(body)
        return holder

    @staticmethod
    def _finding(finding: Mapping[str, Any], outcome: str) -> QWidget:
        text, advice = tr.message(str(finding["reason"]))
        detail = str(finding.get("detail", ""))
        text = f"{text.rstrip('.')}: {detail}" if detail else text
        note = outcome == "successful"  # a finding on a green check informs, it alarms nobody
        holder = QWidget()
        body = row(gap=6)
        body.setContentsMargins(theme.px(16) + GAP, 0, 0, 4)
        lines = column(gap=0)
        reason = _wrapping(text, "" if note else "strong")
        reason.setProperty("tone", str(Tone.NEUTRAL if note else tone_of(outcome)))
        if note:
            body.addLayout(_lowered(Icon("info", 16, "muted"), 3))
        lines.addWidget(reason)
        if advice and outcome != "not supported":  # there is nothing to do about it
            lines.addWidget(_wrapping(advice, "caption"))
        body.addLayout(lines, 1)
        holder.setLayout(body)
        return holder


PENDING: tuple[Mapping[str, Any], ...] = tuple(
    {"name": name, "outcome": "", "checks": ()}
    for name in (
        *("optical", "chip_access", "chip_authenticity", "security_object"),
        *("issuer_certificates", "integrity", "issuing_state", "combined"),
    )
)


class VerdictTree(QScrollArea):
    """All groups in TR-03135 order; arrows move, Space opens."""

    group_opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = QWidget()
        holder.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # never wider
        self._rows = column(gap=0)
        self._rows.setAlignment(Qt.AlignmentFlag.AlignTop)
        holder.setLayout(self._rows)
        self.setWidget(holder)
        self.groups: list[GroupRow] = []
        self._shown: Sequence[Mapping[str, Any]] = ()

    def show_groups(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Show a report's groups, or the empty rows of one; the same groups again keep what is open."""
        groups = groups or PENDING
        if groups == self._shown:
            return
        self._shown = groups
        self.verticalScrollBar().setValue(0)
        clear(self._rows)
        self.groups = [GroupRow(group) for group in groups]
        for entry in self.groups:
            entry.toggled.connect(self._on_toggled)
            self._rows.addWidget(entry)

    def open_group(self, name: str) -> None:
        """Open a group, bring it into view and give it the focus."""
        for entry in self.groups:
            if entry.name == name:
                entry.button.setChecked(True)
                entry.button.setFocus(Qt.FocusReason.TabFocusReason)
                self._bring(entry)

    def reveal(self, name: str) -> None:
        """Scroll to a group without opening it."""
        for entry in self.groups:
            if entry.name == name:
                self._bring(entry)

    def _bring(self, entry: GroupRow) -> None:
        """Into view, head first, once the layout has settled (wrapped lines take two rounds)."""

        def show() -> None:
            self.ensureWidgetVisible(entry, 0, 8)
            self.ensureWidgetVisible(entry.button, 0, 8)

        QTimer.singleShot(0, entry, lambda: QTimer.singleShot(0, entry, show))

    def reword(self) -> None:
        for entry in self.groups:
            entry.reword()

    def _on_toggled(self, name: str, opened: bool) -> None:
        if opened:
            self.group_opened.emit(name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        step = moves.get(Qt.Key(event.key()))
        focused = [i for i, entry in enumerate(self.groups) if entry.button.hasFocus()]
        if step is None or not focused:
            super().keyPressEvent(event)
            return
        target = max(0, min(len(self.groups) - 1, focused[0] + step))
        self.groups[target].button.setFocus(Qt.FocusReason.TabFocusReason)
        self.ensureWidgetVisible(self.groups[target], 0, 8)
