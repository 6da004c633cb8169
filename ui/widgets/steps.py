"""The step strip: seconds of each step against its budget."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from ui.i18n import tr
from ui.models.inspection import BUDGETS, Budget, StepClock
from ui.theme import theme
from ui.widgets.basics import column, label, restyle, row


class BudgetLine(QWidget):
    """Three pixels: how much of the budget is spent; amber past the median, red past the 95th percentile."""

    def __init__(self) -> None:
        super().__init__()
        self._share, self._color = 0.0, "accent"
        self.setFixedHeight(4)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_time(self, spent: float | None, budget: Budget | None, *, running: bool) -> None:
        self._share = 0.0 if spent is None or budget is None else min(1.0, spent / budget.p95)
        over_median = spent is not None and budget is not None and spent > budget.p50
        over_all = spent is not None and budget is not None and spent > budget.p95
        calm = "accent" if running else "strong_line"
        self._color = "bad_ink" if over_all else "doubt_ink" if over_median else calm
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.palette.line))
        if self._share:
            part = QRectF(0, 0, self.width() * self._share, self.height())
            painter.fillRect(part, QColor(str(getattr(theme.palette, self._color))))


class StepCell(QWidget):
    """Name, time and budget line of one step."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step
        body = column(gap=2)
        body.setContentsMargins(0, 6, 0, 6)
        self.setLayout(body)
        line = row(gap=6)
        self.name = label("caption", key=f"step.{step}")
        self.time = label("strong")
        line.addWidget(self.name)
        line.addWidget(self.time, 1)
        body.addLayout(line)
        self.line = BudgetLine()
        body.addWidget(self.line)

    def show_time(self, clock: StepClock) -> None:
        spent, budget = clock.seconds(self.step), BUDGETS[self.step]
        running = clock.running == self.step
        self.line.show_time(spent, budget, running=running)
        restyle(self.name, "role", "strong" if running else "caption")
        if spent is None:
            self.time.setText("–")
        elif running and budget is not None and budget.p50 >= 10:
            of = tr("step.of", time=tr.seconds(spent, 0), budget=tr.seconds(budget.p50, 0))
            self.time.setText(of)
        else:
            self.time.setText(tr.seconds(spent))


class StepStrip(QFrame):
    """All steps of the booth, left to right."""

    def __init__(self, steps: Sequence[str] = tuple(BUDGETS)) -> None:
        super().__init__()
        self.setObjectName("strip")
        theme.changed.connect(self._rescale)
        self._rescale()
        body = row(gap=24)
        body.setContentsMargins(16, 0, 16, 0)
        self.setLayout(body)
        self.cells = [StepCell(step) for step in steps]
        for cell in self.cells:
            body.addWidget(cell, 1)

    def _rescale(self) -> None:
        self.setFixedHeight(theme.px(44))

    def show_times(self, clock: StepClock) -> None:
        for cell in self.cells:
            cell.show_time(clock)
