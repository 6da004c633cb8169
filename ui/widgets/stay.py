"""The right to stay and its arithmetic: until when, a bar of days, past stays on a line of time."""

from datetime import date, timedelta

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from kiosk.domain.stay import Entitlement
from ui.i18n import tr, worded
from ui.palette import Tone
from ui.theme import HALF, theme
from ui.widgets.basics import FitLabel, Icon, column, label, restyle, row


class StayBar(QWidget):
    """Days used, days granted now and days left of the limit; below, past stays in the window."""

    BAR, LINE = 16, 8

    def __init__(self) -> None:
        super().__init__()
        self._stay: Entitlement | None = None
        self._today = date.min
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._rescale)
        self._rescale()
        tr.changed.connect(self.update)

    def _rescale(self) -> None:
        self.setFixedHeight(self.BAR + 12 + self.LINE + theme.px(20))
        self.update()

    def show_stay(self, stay: Entitlement | None, today: date) -> None:
        self._stay, self._today = stay, today
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        stay = self._stay
        if stay is None or stay.limit <= 0:
            return
        self._paint_days(painter, stay)
        self._paint_history(painter, stay)

    def _paint_days(self, painter: QPainter, stay: Entitlement) -> None:
        palette = theme.palette
        bar = QRectF(0, 0, self.width(), self.BAR)
        clip = QPainterPath()
        clip.addRoundedRect(bar, 4, 4)
        painter.setClipPath(clip)
        painter.fillRect(bar, QColor(palette.neutral_soft))
        scale = bar.width() / max(stay.limit, stay.used + stay.days)
        painter.fillRect(QRectF(0, 0, stay.used * scale, self.BAR), QColor(palette.neutral_fill))
        now = QRectF(stay.used * scale, 0, stay.days * scale, self.BAR)
        painter.fillRect(now, QColor(palette.accent))
        if stay.days and stay.used:
            painter.fillRect(QRectF(now.x(), 0, 1.5, self.BAR), QColor(palette.surface))
        painter.setClipping(False)

    def _paint_history(self, painter: QPainter, stay: Entitlement) -> None:
        palette, top = theme.palette, self.BAR + 12.0
        first = self._today - timedelta(days=max(1, stay.window_days) - 1)
        scale = self.width() / max(1, stay.window_days)
        painter.setPen(QPen(QColor(palette.strong_line), 1))
        painter.drawLine(0, round(top + self.LINE / 2), self.width(), round(top + self.LINE / 2))
        painter.setPen(Qt.PenStyle.NoPen)
        for past in stay.stays:
            begin = max(past.entered, first)
            end = min(past.left or self._today, self._today)
            if end >= begin:
                left = (begin - first).days * scale
                width = max(3.0, ((end - begin).days + 1) * scale)
                tone = Tone.NEUTRAL if past.left else Tone.DOUBT
                painter.setBrush(QColor(palette.fill(tone)))
                painter.drawRoundedRect(QRectF(left, top, width, self.LINE), 2, 2)
        font = self.font()
        font.setPointSizeF(theme.pt(9))
        painter.setFont(font)
        painter.setPen(QColor(palette.muted))
        metrics = QFontMetricsF(font)
        base = top + self.LINE + 2 + metrics.ascent()
        painter.drawText(0, round(base), tr.date(first))
        today = tr.date(self._today)
        painter.drawText(round(self.width() - metrics.horizontalAdvance(today)), round(base), today)


class StayPanel(QWidget):
    """Entitlement as the guard shows it to the traveller."""

    def __init__(self) -> None:
        super().__init__()
        self._stay: Entitlement | None = None
        self._today = date.min
        body = column(gap=HALF)
        self.setLayout(body)
        head = row(gap=6)
        head.addWidget(label("section", key="stay.title"))
        head.addStretch(1)
        head.addWidget(Icon("unsupported", 14, "muted"))
        lists = label("caption", key="top.lists")
        worded(lists, "state.not_performed", slot="tipKey")
        head.addWidget(lists)
        body.addLayout(head)
        self._until = label("lead", wrap=True)
        self._category = FitLabel(11, 9, color="muted")
        self._bar = StayBar()
        self._sum = FitLabel(11, 9)
        self._reason = label("strong", wrap=True)
        body.addWidget(self._until)
        body.addWidget(self._category)
        body.addSpacing(HALF)
        body.addWidget(self._bar)
        body.addWidget(self._sum)
        body.addWidget(self._reason)
        tr.changed.connect(self._reword)
        self._reword()

    def show_stay(self, stay: Entitlement | None, today: date) -> None:
        """None while it is not worked out."""
        self._stay, self._today = stay, today
        self._bar.show_stay(stay, today)
        self._reword()

    def _reword(self) -> None:
        stay = self._stay
        self._bar.setVisible(stay is not None and stay.limit > 0)
        self._sum.setVisible(stay is not None and stay.limit > 0)
        self._category.setVisible(stay is not None)
        self._reason.setVisible(stay is not None and (not stay.allowed or not stay.history_known))
        if stay is None:
            restyle(self._until, "role", "muted")
            self._until.setText(tr("stay.waiting"))
            return
        restyle(self._until, "role", "lead")
        if stay.allowed and stay.until:
            until = tr("stay.until", date=tr.date(stay.until))
            self._until.setText(f"{until} · {tr.days(stay.days)}")
        else:
            self._until.setText(tr("stay.none"))
        restyle(self._until, "tone", "" if stay.allowed else "bad")
        category = tr.code("category", stay.category) if stay.category else ""
        window = tr("stay.window", n=stay.window_days) if stay.window_days else ""
        self._category.setText(" · ".join(part for part in (category, window) if part))
        self._sum.setText(self._arithmetic(stay))
        shown = [reason for reason in stay.reasons if str(reason) != "STAY_WITHIN_RULE"]
        self._reason.setText("\n".join(tr.message(str(reason))[0] for reason in shown))
        restyle(self._reason, "tone", "doubt" if stay.allowed else "bad")

    @staticmethod
    def _arithmetic(stay: Entitlement) -> str:
        if not stay.allowed:
            return tr("stay.used", used=stay.used, limit=stay.limit)
        total = stay.used + stay.days
        left = max(0, stay.limit - total)
        return tr("stay.sum", used=stay.used, now=stay.days, total=total, limit=stay.limit, left=left)
