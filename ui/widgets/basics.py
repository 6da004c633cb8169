"""Small parts: labels with a role, buttons with a key cap, pills, dots, dividers, layouts."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ui import iconset
from ui.i18n import tr, worded
from ui.palette import Tone
from ui.theme import GAP, HALF, TARGET, theme

MARK_POINTS = 9


def column(*, margins: int = 0, gap: int = GAP) -> QVBoxLayout:
    layout = QVBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(gap)
    return layout


def row(*, margins: int = 0, gap: int = GAP) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(gap)
    return layout


def label(role: str = "", *, key: str = "", text: str = "", wrap: bool = False) -> QLabel:
    """A label of the type scale; `key` makes it follow the language."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    if key:
        worded(made, key)
    return made


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Change a property the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def divider(*, vertical: bool = True) -> QFrame:
    line = QFrame()
    line.setObjectName("divider")
    if vertical:
        line.setFixedWidth(1)
    else:
        line.setFixedHeight(1)
    return line


def clear(layout: QBoxLayout) -> None:
    """Remove and delete everything a layout holds."""
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        inner = item.layout() if item is not None else None
        if widget is not None:
            widget.setParent(None)
            widget.deleteLater()
        elif isinstance(inner, QBoxLayout):
            clear(inner)


class FitLabel(QWidget):
    """One line of text that gets smaller before it is cut; the whole text is always the tool tip."""

    def __init__(self, largest: float, smallest: float, *, bold: bool = False, color: str = "text") -> None:
        super().__init__()
        self._largest, self._smallest, self._bold, self._color = largest, smallest, bold, color
        self._text, self._mark, self._meaning = "", "", ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._rescale)
        self._rescale()

    def _rescale(self) -> None:
        self.setFixedHeight(QFontMetrics(self._font(self._largest)).height())
        self.update()

    def _font(self, points: float) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(theme.pt(points))
        font.setBold(self._bold)
        return font

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        self._text = text
        self._tell()

    def set_mark(self, mark: str, meaning: str = "") -> None:
        """A small sign behind the text, "" for none, and what it means for tool tip and screen reader."""
        self._mark, self._meaning = mark, meaning if mark else ""
        self._tell()

    @property
    def mark(self) -> str:
        return self._mark

    def _tell(self) -> None:
        self.setToolTip("\n".join(part for part in (self._text, self._meaning) if part))
        self.setAccessibleName(". ".join(part for part in (self._text, self._meaning) if part))
        self.update()

    def set_color(self, color: str) -> None:
        self._color = color
        self.update()

    def fitting(self) -> tuple[QFont, str]:
        """The font that fits and the text to draw, cut with dots only at the smallest size."""
        points, room = self._largest, self.width() - self._mark_width()
        while points > self._smallest and self._advance(points) > room:
            points -= 0.5
        font = self._font(points)
        return font, QFontMetrics(font).elidedText(self._text, Qt.TextElideMode.ElideRight, room)

    def _mark_width(self) -> int:
        mark = f" {self._mark}" if self._mark else ""
        return QFontMetrics(self._font(MARK_POINTS)).horizontalAdvance(mark)

    def _advance(self, points: float) -> int:
        return QFontMetrics(self._font(points)).horizontalAdvance(self._text)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        font, shown = self.fitting()
        painter.setFont(font)
        painter.setPen(QColor(str(getattr(theme.palette, self._color))))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(self.rect(), flags, shown)
        if self._mark:
            behind = self.rect().adjusted(QFontMetrics(font).horizontalAdvance(shown), 0, 0, 0)
            painter.setFont(self._font(MARK_POINTS))
            painter.setPen(QColor(theme.palette.muted))
            painter.drawText(behind, flags, f" {self._mark}")


class Icon(QWidget):
    """An icon that follows theme and tone."""

    def __init__(self, name: str = "", size: int = 20, tone: str = "muted") -> None:
        super().__init__()
        self.name, self.tone, self._size = name, tone, size
        theme.changed.connect(self._rescale)
        self._rescale()

    def _rescale(self) -> None:
        size = theme.px(self._size)
        self.setFixedSize(size, size)
        self.update()

    def show_icon(self, name: str, tone: str) -> None:
        self.name, self.tone = name, tone
        self.update()

    def color(self) -> str:
        """`tone` is a Tone, or a palette field such as "muted", or "on:good" for a filled pill."""
        if self.tone.startswith("on:"):
            return theme.palette.on(Tone(self.tone[3:]))
        if self.tone in set(Tone):
            return theme.palette.ink(Tone(self.tone))
        color = str(getattr(theme.palette, self.tone))
        return color if self.isEnabled() else theme.palette.disabled

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self.name:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            iconset.paint(painter, self.name, QRectF(self.rect()), self.color())


class Button(QPushButton):
    """A button that Enter presses too, so that Enter never means something else while it has the focus."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class ActionButton(Button):
    """A button with icon, word and key cap; the word wraps to two lines when it must."""

    def __init__(
        self, key: str, *, kind: str = "", icon: str = "", cap: str = "", danger: bool = False
    ) -> None:
        super().__init__()
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        on = "primary" if kind == "primary" else "danger" if danger else ""
        layout = self._inner = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 10, 0)
        layout.setSpacing(GAP)
        if icon:
            tone = {"primary": "on_accent", "danger": "bad"}.get(on, "text")
            self.picture = Icon(icon, 20, tone)
            layout.addWidget(self.picture)
        self.word = QLabel()
        self.word.setObjectName("buttontext")
        self.word.setProperty("on", on)
        self.word.setWordWrap(True)
        self.word.setAlignment(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.word, 1)
        if cap:
            mark = QLabel(cap)
            mark.setObjectName("keycap")
            mark.setProperty("on", on)
            mark.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignVCenter)
        for child in self.findChildren(QWidget):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._rescale)
        self._rescale()
        self.set_key(key)

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(TARGET))
        self.updateGeometry()

    def set_key(self, key: str, icon: str = "") -> None:
        """Change the word, and the icon if one is given; the accessible name follows."""
        if icon:
            self.picture.show_icon(icon, self.picture.tone)
        worded(self.word, key)
        worded(self, key, slot="tipKey")
        self.setToolTip("")
        self.setProperty("tipKey", None)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.word.font())
        around = self._inner.sizeHint().width() - self.word.sizeHint().width()
        return QSize(metrics.horizontalAdvance(self.word.text()) + around + 8, theme.px(TARGET))

    def minimumSizeHint(self) -> QSize:
        metrics = QFontMetrics(self.word.font())
        around = self._inner.sizeHint().width() - self.word.sizeHint().width()
        longest = max((metrics.horizontalAdvance(part) for part in self.word.text().split()), default=0)
        return QSize(longest + around + 8, theme.px(TARGET))


class Dot(QWidget):
    """A small round light; its meaning is always also written beside it."""

    def __init__(self, tone: Tone = Tone.NEUTRAL) -> None:
        super().__init__()
        self.tone = tone
        self.setFixedSize(10, 10)
        theme.changed.connect(self.update)

    def set_tone(self, tone: Tone) -> None:
        self.tone = tone
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        ink = QColor(theme.palette.ink(self.tone))
        if self.tone is Tone.NEUTRAL:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(ink)
            painter.drawEllipse(QRectF(1.5, 1.5, 7, 7))
        else:
            painter.setBrush(ink)
            painter.drawEllipse(QRectF(1, 1, 8, 8))


class Panel(QFrame):
    """A soft box in the colour of a tone, for news that belongs to its column."""

    def __init__(self, tone: Tone = Tone.NEUTRAL) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setProperty("tone", str(tone))
        self.body = column(margins=12, gap=HALF)
        self.setLayout(self.body)

    def set_tone(self, tone: Tone) -> None:
        restyle(self, "tone", str(tone))


class ProblemPanel(Panel):
    """An error in the column it concerns: what happened, what is safe, what to press."""

    def __init__(self) -> None:
        super().__init__(Tone.BAD)
        self._code = ""
        head = row(gap=GAP)
        self._icon = Icon("warning", 24, Tone.BAD)
        self.text = label("strong", wrap=True)
        self.advice = label(wrap=True)
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.text, 1)
        self.body.addLayout(head)
        self.body.addWidget(self.advice)
        self.buttons = row()
        self.body.addLayout(self.buttons)
        tr.changed.connect(self._reword)
        self.hide()

    def add_button(self, button: QPushButton) -> QPushButton:
        self.buttons.addWidget(button)
        return button

    def show_code(self, code: str) -> None:
        """Show text and advice of a code; "" hides the panel."""
        self._code = code
        self._reword()
        self.setVisible(bool(code))

    def _reword(self) -> None:
        if self._code:
            text, advice = tr.message(self._code)
            self.text.setText(text)
            self.advice.setText(advice)


def on_language(action: Callable[[], None]) -> None:
    """Run `action` now and after every change of language."""
    tr.changed.connect(action)
    action()
