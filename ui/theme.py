"""The look of the desk: fonts, spacing and the style sheet, made from a palette.

Spacing 4/8/12/16/24/32, corners 6 px, one-pixel dividers, one accent for the primary action only,
a 2 px focus ring that is always visible, targets of at least 44 px.
"""

import re
from string import Template

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from ui.palette import DAY, THEMES, Palette

FAMILY = "Noto Sans"
MRZ_FAMILIES = ("OCR B", "Noto Sans Mono", "monospace")
SCRIPT_FAMILIES = ("Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP")
TARGET = 44
ROOM, LARGEST = (1600, 900), 2.0  # the window from which type grows with it, and how far
BASE_SIZE = 11.0  # pt
GAP, HALF, PAD, WIDE = 8, 4, 16, 24

_QSS = Template("""
* { font-family: "Noto Sans", "Noto Sans CJK SC"; color: $text; outline: none; }
QWidget#root, QWidget#startup { background: $window; }
QWidget#surface { background: $surface; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QToolTip { background: $surface; color: $text; border: 1px solid $strong_line; padding: 4px 8px; }

QLabel[role="muted"], QLabel[role="caption"], QLabel[role="overline"] { color: $muted; }
QLabel[role="caption"], QLabel[role="overline"] { font-size: 10pt; }
QLabel[role="overline"] { font-weight: 600; }
QLabel[role="section"] { font-size: 14pt; font-weight: 600; }
QLabel[role="title"] { font-size: 20pt; font-weight: 600; }
QLabel[role="person"] { font-size: 20pt; font-weight: 700; }
QLabel[role="script"] { font-size: 13pt; color: $muted; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="figure"] { font-size: 28pt; font-weight: 600; }
QLabel[role="lead"] { font-size: 16pt; font-weight: 600; }
QLabel[tone="good"] { color: $good_ink; }
QLabel[tone="bad"] { color: $bad_ink; }
QLabel[tone="doubt"] { color: $doubt_ink; }
QLabel[tone="neutral"] { color: $neutral_ink; }

QFrame#topbar { background: $surface; border-bottom: 1px solid $line; }
QFrame#rail { background: $surface; border-right: 1px solid $line; }
QFrame#strip { background: $surface; border-top: 1px solid $line; }
QFrame#column { background: $surface; }
QFrame#divider { background: $line; }

QPushButton { min-height: 40px; border: 2px solid $strong_line; border-radius: 6px; padding: 0 12px;
  background: $surface; font-weight: 600; }
QPushButton:hover { background: $sunken; }
QPushButton:focus { border-color: $ring; }
QPushButton:disabled { color: $disabled; border-color: $line; background: $surface; }
QPushButton[kind="primary"] { background: $accent; border-color: $accent; color: $on_accent; }
QPushButton[kind="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="primary"]:focus { border-color: $text; }
QPushButton[kind="primary"]:disabled { background: $neutral_soft; border-color: $line; color: $disabled; }
QPushButton[kind="quiet"] { border-color: transparent; background: transparent; }
QPushButton[kind="quiet"]:hover { background: $sunken; }
QPushButton[kind="quiet"]:focus { border-color: $ring; }
QPushButton[kind="language"] { border-color: transparent; background: transparent; color: $muted;
  padding: 0; min-width: 40px; max-width: 40px; }
QPushButton[kind="language"]:checked { color: $text; background: $accent_soft; }
QPushButton[kind="language"]:focus { border-color: $ring; }
QPushButton[kind="rail"] { border-color: transparent; background: transparent;
  border-radius: 6px; padding: 0; min-height: 68px; max-height: 68px; }
QPushButton[kind="rail"]:hover { background: $sunken; }
QPushButton[kind="rail"]:checked { background: $accent_soft; }
QPushButton[kind="rail"]:focus { border-color: $ring; }
QPushButton[kind="ribbon"] { background: $ribbon_button; border-color: $on_ribbon; color: $on_ribbon;
  padding: 0 10px; min-height: 40px; font-size: 10pt; }
QPushButton[kind="ribbon"]:focus { border: 3px solid $on_ribbon; }
QPushButton[kind="ribbon"]:disabled { color: #6d5a2a; border-color: #a88a3e; background: transparent; }
QPushButton[kind="row"] { border-color: transparent; background: transparent; padding: 0; border-radius: 6px;
  text-align: left; }
QPushButton[kind="row"]:hover { background: $sunken; }
QPushButton[kind="row"]:checked { background: $sunken; }
QPushButton[kind="row"]:focus { border-color: $ring; }
QPushButton[kind="choice"] { border-color: $line; padding: 0; }
QPushButton[kind="choice"]:checked { border-color: $accent; background: $accent_soft; }
QPushButton[kind="choice"]:focus { border-color: $ring; }

QLabel#keycap { border: 1px solid $strong_line; border-radius: 4px; padding: 0 5px; font-size: 9pt;
  font-weight: 600; color: $muted; background: transparent; }
QLabel#keycap[on="primary"] { border-color: $on_accent; color: $on_accent; }
QLabel#keycap:disabled { border-color: $line; color: $disabled; }
QLabel#buttontext { font-weight: 600; background: transparent; }
QLabel#buttontext[on="primary"] { color: $on_accent; }
QLabel#buttontext[on="danger"] { color: $bad_ink; }
QLabel#buttontext:disabled { color: $disabled; }
QLabel#choicetext { background: transparent; }
QLabel#choicetext[on="true"] { font-weight: 600; }
QLabel#railtext { font-size: 9pt; font-weight: 500; color: $muted; background: transparent; }
QLabel#railtext[on="true"] { color: $text; font-weight: 600; }
QLabel#ribbontext { color: $on_ribbon; font-weight: 700; font-size: 11pt; background: transparent; }
QLabel#ribbonnote { color: $on_ribbon; font-size: 10pt; background: transparent; }

QLineEdit, QComboBox, QSpinBox, QPlainTextEdit { min-height: 38px; border: 2px solid $strong_line;
  border-radius: 6px; padding: 1px 10px; background: $surface; selection-background-color: $accent;
  selection-color: $on_accent; }
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QPlainTextEdit:focus { border-color: $ring; }
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled { color: $disabled; border-color: $line;
  background: $sunken; }
QComboBox::drop-down { border: none; width: 32px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $strong_line; outline: none;
  selection-background-color: $accent_soft; selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 44px; padding: 0 10px; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: none; }

QFrame#fieldbox { border: 2px solid $strong_line; border-radius: 6px; background: $surface; }
QFrame#fieldbox[focused="true"] { border-color: $ring; }
QFrame#fieldbox:disabled { border-color: $line; background: $sunken; }
QFrame#fieldbox QLineEdit, QFrame#fieldbox QComboBox, QFrame#fieldbox QSpinBox { border: none; padding: 0;
  min-height: 20px; background: transparent; font-weight: 600; }
QFrame#fieldbox QLineEdit, QFrame#fieldbox QSpinBox { margin-left: -2px; }
QLabel[role="fieldcaption"] { color: $muted; font-size: 9pt; }

QTableView { background: $surface; border: none; gridline-color: $line;
  selection-background-color: $accent_soft;
  selection-color: $text; alternate-background-color: $sunken; }
QTableView:focus { border: 2px solid $ring; }
QTableView::item { padding: 0 12px; border-bottom: 1px solid $line; }
QHeaderView::section { background: $surface; color: $muted; border: none;
  border-bottom: 1px solid $strong_line; padding: 8px 15px; font-size: 10pt; font-weight: 600; }
QListWidget { background: $surface; border: 2px solid transparent; outline: none; }
QListWidget:focus { border-color: $ring; }
QListWidget::item { border-bottom: 1px solid $line; min-height: 60px; padding: 0; }
QListWidget::item:selected { background: $accent_soft; color: $text; }

QProgressBar { border: none; border-radius: 3px; background: $neutral_soft;
  max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QScrollBar:vertical { width: 10px; background: transparent; margin: 0; }
QScrollBar::handle:vertical { background: $strong_line; border-radius: 3px; min-height: 44px; margin: 2px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollBar:horizontal { height: 12px; background: transparent; }
QScrollBar::handle:horizontal { background: $strong_line; border-radius: 4px; min-width: 44px; margin: 2px; }

QFrame#panel { border: 1px solid $line; border-radius: 6px; background: $surface; }
QFrame#panel[tone="good"] { background: $good_soft; border-color: $good_ink; }
QFrame#panel[tone="bad"] { background: $bad_soft; border-color: $bad_ink; }
QFrame#panel[tone="doubt"] { background: $doubt_soft; border-color: $doubt_ink; }
QFrame#panel[tone="neutral"] { background: $neutral_soft; border-color: $line; }
""")


def style_sheet(palette: Palette, scale: float = 1.0) -> str:
    """The application's QSS for a palette, type and bounds enlarged; a missing token raises KeyError."""
    filled = _QSS.substitute(palette.tokens())
    filled = re.sub(r"(\d+)pt", lambda found: f"{int(found[1]) * scale:.1f}pt", filled)
    bound = r"((?:min|max)-(?:width|height): )(\d+)px"
    return re.sub(bound, lambda found: f"{found[1]}{round(int(found[2]) * scale)}px", filled)


def scale_for(width: int, height: int) -> float:
    """How much larger type and targets are in a window of this size: 1.2 at 1920 x 1080, at most 2."""
    wanted = min(width / ROOM[0], height / ROOM[1])
    return max(1.0, min(LARGEST, int(wanted * 10) / 10))


def mrz_font(pixels: float) -> QFont:
    """OCR-B where it is installed, else a fixed-pitch font."""
    available = set(QFontDatabase.families())
    family = next((name for name in MRZ_FAMILIES if name in available), MRZ_FAMILIES[-1])
    font = QFont(family)
    font.setPixelSize(max(8, round(pixels)))
    font.setStyleHint(QFont.StyleHint.Monospace)
    return font


class Theme(QObject):
    """The theme in force; widgets that paint themselves listen to `changed`."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.palette = DAY
        self.scale = 1.0

    def px(self, length: float) -> int:
        """A length of the design on this screen."""
        return round(length * self.scale)

    def pt(self, size: float) -> float:
        """A type size of the design on this screen."""
        return size * self.scale

    def set_scale(self, scale: float) -> None:
        """Enlarge type and targets; no change, no work."""
        if scale != self.scale:
            self.scale = scale
            self.apply(self.palette.name)

    def apply(self, name: str) -> None:
        """Restyle the running application; `name` is "day" or "dark"."""
        self.palette = THEMES[name]
        app = QApplication.instance()
        if isinstance(app, QApplication):
            font = QFont(FAMILY)
            font.setFamilies(list(SCRIPT_FAMILIES))
            font.setPointSizeF(self.pt(BASE_SIZE))
            app.setFont(font)
            app.setStyleSheet(style_sheet(self.palette, self.scale))
        self.changed.emit()

    @property
    def dark(self) -> bool:
        return self.palette.name == "dark"


theme = Theme()
