"""The frame around every page: top bar, simulation ribbon, rail."""

from datetime import datetime

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ui.i18n import LANGUAGES, tr, worded
from ui.models.desk import DeskState
from ui.palette import Tone
from ui.theme import HALF, theme
from ui.widgets.basics import Button, Dot, FitLabel, Icon, column, divider, label, restyle, row

SECTIONS = ("inspect", "cases", "cards", "stock", "station", "audit")
RAIL_WIDTH = 80
STATUS_WIDTH = 76  # so that a changing word does not move its neighbours


class StatusItem(QWidget):
    """A caption and, below it, a light with its word."""

    def __init__(self, caption_key: str, *, light: bool = True) -> None:
        super().__init__()
        body = column(gap=0)
        body.setContentsMargins(0, 7, 0, 7)
        self.setLayout(body)
        self.caption = label("caption", key=caption_key) if caption_key else label("caption")
        self.word = label("strong")
        self.dot = Dot()
        self.dot.setVisible(light)
        line = row(gap=6)
        line.addWidget(self.dot)
        line.addWidget(self.word, 1)
        body.addWidget(self.caption)
        body.addLayout(line)

    def show_state(self, tone: Tone, word: str, tip: str = "") -> None:
        self.dot.set_tone(tone)
        self.word.setText(word)
        self.setToolTip(tip)


class TopBar(QFrame):
    """Who and where, how fresh, which devices; language, theme and time at the right."""

    language_chosen = Signal(str)
    theme_wanted = Signal()

    def __init__(self, post: str, station: str, operator: str, role: str) -> None:
        super().__init__()
        self.setObjectName("topbar")
        theme.changed.connect(self._rescale)
        self._rescale()
        self._role, self._state = role, DeskState()
        body = row(gap=14)
        body.setContentsMargins(16, 0, 8, 0)
        self.setLayout(body)
        place = column(gap=0)
        place.setContentsMargins(0, 7, 0, 7)
        self.station, self.post = FitLabel(10, 8, color="muted"), FitLabel(11, 8, bold=True)
        self.station.setText(station)
        self.post.setText(post)
        place.addWidget(self.station)
        place.addWidget(self.post)
        self.who = StatusItem("", light=False)
        self.who.caption.setText(operator)
        self.lists = StatusItem("top.lists")
        self.registry = StatusItem("top.registry")
        self.devices = {name: StatusItem(f"top.{name}") for name in ("reader", "camera", "printer")}
        body.addLayout(place, 1)
        body.addWidget(divider())
        body.addWidget(self.who)
        body.addStretch(1)
        for item in (self.lists, self.registry, *self.devices.values()):
            item.setMinimumWidth(STATUS_WIDTH)
            body.addWidget(item)
        body.addWidget(divider())
        self._add_languages(body)
        self.theme_button = self._make_theme_button()
        body.addWidget(self.theme_button)
        self.clock = label("section", text="00:00")
        body.addWidget(self.clock)
        body.addSpacing(8)
        tr.changed.connect(self._reword)
        self._reword()

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(56))

    def _add_languages(self, body: QHBoxLayout) -> None:
        self.languages = QButtonGroup(self)
        line = row(gap=0)
        for code in LANGUAGES:
            button = Button(code.upper())
            button.setProperty("kind", "language")
            button.setCheckable(True)
            button.setProperty("language", code)
            button.setAccessibleName(code.upper())
            self.languages.addButton(button)
            button.clicked.connect(lambda _checked=False, chosen=code: self.language_chosen.emit(chosen))
            line.addWidget(button)
        body.addLayout(line)

    def _make_theme_button(self) -> Button:
        button = Button()
        button.setProperty("kind", "language")
        inner = row()
        inner.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button.setLayout(inner)
        self._theme_icon = Icon("sun" if theme.dark else "moon", 20, "muted")
        self._theme_icon.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inner.addWidget(self._theme_icon)
        worded(button, "top.theme", slot="tipKey")
        button.clicked.connect(self.theme_wanted)
        theme.changed.connect(self._show_theme)
        return button

    def _show_theme(self) -> None:
        self._theme_icon.show_icon("sun" if theme.dark else "moon", "muted")

    def show_clock(self, now: datetime) -> None:
        self.clock.setText(f"{tr.local(now):%H:%M}")

    def show_state(self, state: DeskState) -> None:
        self._state = state
        self._reword()

    def _reword(self) -> None:
        self.who.word.setText(tr(f"role.{self._role}"))
        self.lists.show_state(Tone.NEUTRAL, tr("state.not_performed"))
        self._show_registry()
        for name, item in self.devices.items():
            device = getattr(self._state, name)
            tone = {"ready": Tone.GOOD, "unknown": Tone.NEUTRAL, "paused": Tone.DOUBT}.get(
                device.word, Tone.BAD
            )
            known = device.word != "unknown"
            word = tr(f"state.{device.word}")
            item.show_state(tone, word if known else "–", "\n".join(device.reasons) if known else word)
        for button in self.languages.buttons():
            button.setChecked(button.property("language") == tr.language)

    def _show_registry(self) -> None:
        state = self._state
        waiting = state.queue.cases if state.queue else 0
        if state.online is None:
            self.registry.show_state(Tone.NEUTRAL, "–", tr("state.unknown"))
        elif state.refused:
            self.registry.show_state(Tone.BAD, tr("state.refused", n=state.refused))
        elif not state.online:
            text = f"{tr('state.offline')} · {waiting}" if waiting else tr("state.offline")
            self.registry.show_state(Tone.DOUBT, text, tr("state.waiting", n=waiting))
        elif waiting:
            self.registry.show_state(Tone.GOOD, tr("state.queue", n=waiting), tr("state.waiting", n=waiting))
        else:
            self.registry.show_state(Tone.GOOD, tr("state.sent"))


class Ribbon(QFrame):
    """Amber stripes over a simulated desk, with the tester's hands. Never hidden in a lab home."""

    next_wanted = Signal()
    lay_wanted = Signal()
    take_wanted = Signal()
    blank_wanted = Signal()
    card_wanted = Signal()

    def __init__(self, *, controls: bool) -> None:
        super().__init__()
        theme.changed.connect(self._rescale)
        self._rescale()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        body = row(gap=8)
        body.setContentsMargins(16, 0, 16, 0)
        self.setLayout(body)
        texts = column(gap=0)
        texts.setAlignment(Qt.AlignmentFlag.AlignVCenter)
        self.title = label(key="ribbon.title")
        self.title.setObjectName("ribbontext")
        self.note = label()
        self.note.setObjectName("ribbonnote")
        texts.addWidget(self.title)
        texts.addWidget(self.note)
        body.addLayout(texts)
        body.addStretch(1)
        self.buttons: dict[str, Button] = {}
        if controls:
            for name in ("next", "lay", "take", "blank", "card"):
                button = Button()
                button.setProperty("kind", "ribbon")
                button.setObjectName(f"ribbon-{name}")
                worded(button, f"ribbon.{name}")
                button.clicked.connect(getattr(self, f"{name}_wanted"))
                self.buttons[name] = button
                body.addWidget(button)

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(52))
        self.update()

    def show_note(self, note: str) -> None:
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.palette
        painter.fillRect(self.rect(), QColor(palette.ribbon))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.ribbon_stripe))
        height, step = self.height(), 28
        for left in range(-height, self.width() + height, step * 2):
            corners = ((left, height), (left + step, height), (left + step + height, 0), (left + height, 0))
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))


class RailButton(Button):
    """An icon over a word that may take two lines."""

    def __init__(self, section: str) -> None:
        super().__init__()
        self.section = section
        self.setProperty("kind", "rail")
        self.setCheckable(True)
        body = QVBoxLayout(self)
        body.setContentsMargins(2, 2, 2, 2)
        body.setSpacing(2)
        self._icon = Icon(section, 24, "muted")
        self._word = label(key=f"nav.{section}", wrap=True)
        self._word.setObjectName("railtext")
        self._word.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        body.addStretch(1)
        body.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        body.addWidget(self._word, 0)
        body.addStretch(1)
        for child in (self._icon, self._word):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._rescale)
        self._rescale()
        self.toggled.connect(self._show_checked)
        tr.changed.connect(self._reword)
        self._reword()

    def _rescale(self) -> None:
        self.setFixedSize(theme.px(RAIL_WIDTH - 8), theme.px(72))
        self._show_checked(self.isChecked())

    def sizeHint(self) -> QSize:
        return QSize(theme.px(RAIL_WIDTH - 8), theme.px(72))

    def _reword(self) -> None:
        self.setAccessibleName(tr(f"nav.{self.section}"))

    def _show_checked(self, checked: bool) -> None:
        self._icon.show_icon(self.section, ("text" if theme.dark else "accent") if checked else "muted")
        restyle(self._word, "on", "true" if checked else "false")


class Rail(QFrame):
    """The pages of the desk."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        theme.changed.connect(self._rescale)
        self._rescale()
        body = column(gap=HALF)
        body.setContentsMargins(4, 8, 4, 8)
        self.setLayout(body)
        self._group = QButtonGroup(self)
        self.buttons = {section: RailButton(section) for section in SECTIONS}
        for section, button in self.buttons.items():
            self._group.addButton(button)
            body.addWidget(button)
            button.clicked.connect(lambda _checked=False, name=section: self.chosen.emit(name))
        body.addStretch(1)
        self.select("inspect")

    def _rescale(self) -> None:
        self.setFixedWidth(theme.px(RAIL_WIDTH))

    def select(self, section: str) -> None:
        self.buttons[section].setChecked(True)
