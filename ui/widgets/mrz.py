"""The MRZ in OCR-B: read with doubtful characters underlined, or typed in fixed cells."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.i18n import tr
from ui.theme import mrz_font, theme

ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<")
# The same keys typed on the Russian and Kazakh layouts (their digit row has letters instead).
_RUSSIAN = "йцукенгшщзфывапролдячсмить"
_KEYS = {
    **dict(zip(_RUSSIAN + _RUSSIAN.upper(), "QWERTYUIOPASDFGHJKLZXCVBNM" * 2, strict=True)),
    **dict(zip('"әіңғ,.үұқӘІҢҒҮҰҚ', "12345678902345890", strict=True)),
    **dict.fromkeys("бБ ", "<"),
}
_TABLE = {ord(typed): meant for typed, meant in _KEYS.items()}


def latin_key(text: str) -> str:
    """The MRZ character a key press means, whatever the layout; "" when it means none."""
    made = text.translate(_TABLE).upper()
    return made if made in ALPHABET and len(made) == 1 else ""


class MrzView(QWidget):
    """Lines of an MRZ on a grid. Read only, or typed over: arrows move, F3 finds the next doubt."""

    confirmed = Signal(tuple)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._doubtful: set[tuple[int, int]] = set()
        self._cursor = (0, 0)
        self._editing = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(240)
        theme.changed.connect(self.update)

    # -- content ----------------------------------------------------------------------------------

    def show_lines(self, lines: Sequence[str], doubtful: Sequence[tuple[int, int]] = ()) -> None:
        """Show what was read; `doubtful` are (line, column)."""
        self._lines, self._doubtful, self._editing = list(lines), set(doubtful), False
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(" ".join(lines))
        self._refit()

    def edit(self, lines: Sequence[str], doubtful: Sequence[tuple[int, int]] = ()) -> None:
        """Type over lines; none given: two empty lines of a passport."""
        self._lines = list(lines) or ["<" * 44, "<" * 44]
        self._doubtful, self._editing = set(doubtful), True
        self._cursor = min(self._doubtful, default=(0, 0))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus(Qt.FocusReason.TabFocusReason)
        self._refit()

    def fill(self, lines: Sequence[str]) -> None:
        """Change what is being typed from outside; cursor and focus stay."""
        self._lines = list(lines)
        self.update()

    def leave(self) -> None:
        """Give up typing; what was read comes back with the next `show_lines`."""
        self._editing = False
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.left.emit()

    @property
    def editing(self) -> bool:
        return self._editing

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    @property
    def doubtful(self) -> frozenset[tuple[int, int]]:
        return frozenset(self._doubtful)

    # -- geometry ---------------------------------------------------------------------------------

    def _cell(self) -> tuple[float, float]:
        """Width and height of one character."""
        columns = max((len(line) for line in self._lines), default=44) or 44
        width = min(15.0, max(5.0, (self.width() - 17) / columns))
        return width, round(width * 2.3)

    def _refit(self) -> None:
        self.setFixedHeight(round(self._cell()[1] * max(2, len(self._lines)) + 12))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(430, self.height())

    def resizeEvent(self, _event: object) -> None:
        self._refit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.palette
        ring = self._editing and self.hasFocus()
        painter.setPen(QPen(QColor(palette.ring if ring else palette.line), 2 if ring else 1))
        painter.setBrush(QColor(palette.surface if self._editing else palette.sunken))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        width, height = self._cell()
        font = mrz_font(100)
        font.setPixelSize(max(8, round(100 * width / QFontMetricsF(font).horizontalAdvance("0"))))
        painter.setFont(font)
        for number, line in enumerate(self._lines):
            for position, character in enumerate(line):
                cell = QRectF(8 + position * width, 6 + number * height, width, height)
                self._paint_cell(painter, cell, (number, position), character)

    def _paint_cell(self, painter: QPainter, cell: QRectF, place: tuple[int, int], text: str) -> None:
        palette = theme.palette
        if self._editing and place == self._cursor:
            painter.fillRect(cell, QColor(palette.accent))
            painter.setPen(QColor(palette.on_accent))
        elif place in self._doubtful:
            painter.fillRect(cell.adjusted(0, 2, 0, -2), QColor(palette.doubt_soft))
            painter.fillRect(
                QRectF(cell.x(), cell.bottom() - 4, cell.width(), 2.5), QColor(palette.doubt_ink)
            )
            painter.setPen(QColor(palette.doubt_ink))
        else:
            painter.setPen(QColor(palette.muted if text == "<" else palette.text))
        painter.drawText(cell, int(Qt.AlignmentFlag.AlignCenter), text)

    # -- keys -------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._editing:
            super().keyPressEvent(event)
            return
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.confirmed.emit(self.lines)
        elif key == Qt.Key.Key_Escape:
            self.leave()
        elif key == Qt.Key.Key_F3:
            self._next_doubt()
        elif not self._move(key) and not self._type(key, event.text()):
            super().keyPressEvent(event)

    def _move(self, key: Qt.Key) -> bool:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if key not in steps:
            return False
        line, column = self._cursor
        self._go(line + steps[key][0], column + steps[key][1])
        return True

    def _go(self, line: int, column: int) -> None:
        line = max(0, min(len(self._lines) - 1, line))
        self._cursor = (line, max(0, min(len(self._lines[line]) - 1, column)))
        self.update()

    def _next_doubt(self) -> None:
        later = sorted(place for place in self._doubtful if place > self._cursor)
        if self._doubtful:
            self._go(*(later[0] if later else min(self._doubtful)))

    def _type(self, key: Qt.Key, text: str) -> bool:
        line, column = self._cursor
        if key == Qt.Key.Key_Backspace:
            self._go(line, column - 1)
            line, column = self._cursor
            self._put(line, column, "<")
            return True
        character = latin_key(text)
        if not character:
            return False
        self._put(line, column, character)
        if column + 1 < len(self._lines[line]):
            self._go(line, column + 1)
        else:
            self._go(line + 1, 0 if line + 1 < len(self._lines) else column)
        return True

    def _put(self, line: int, column: int, character: str) -> None:
        row = self._lines[line]
        self._lines[line] = row[:column] + character + row[column + 1 :]
        self._doubtful.discard((line, column))
        self.setAccessibleName(f"{tr('document.mrz')}: {' '.join(self._lines)}")
        self.update()
