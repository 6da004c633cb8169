"""The card desk: cards that wait, both sides of the one in hand, its steps, and advice when one fails."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QListWidget, QListWidgetItem, QProgressBar, QWidget

from kiosk.domain.card import CardJob
from kiosk.domain.cases import Case
from ui.i18n import tr
from ui.models.issuing import STEPS, Issuing, StepState
from ui.palette import Tone
from ui.theme import GAP, HALF, PAD
from ui.widgets.basics import ActionButton, Icon, Panel, ProblemPanel, column, divider, label, restyle, row
from ui.widgets.pictures import CardSide

_STEP_ICONS = {
    StepState.WAITING: ("dot", "line"),
    StepState.RUNNING: ("refresh", "accent"),
    StepState.DONE: ("ok", "good"),
    StepState.FAILED: ("failed", "bad"),
}
_STEP_WORDS = {StepState.DONE: "good", StepState.FAILED: "bad"}


class StepRow(QWidget):
    """One named step: state, word, progress in per cent and bytes left."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step
        body = column(gap=HALF)
        body.setContentsMargins(0, 6, 0, 6)
        self.setLayout(body)
        head = row(gap=12)
        self.icon = Icon("dot", 20, "line")
        self.name = label(key=f"card.{step}")
        self.share = label("strong")
        head.addWidget(self.icon)
        head.addWidget(self.name, 1)
        head.addWidget(self.share)
        body.addLayout(head)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.note = label("caption", wrap=True)
        for part in (self.bar, self.note):
            line = row()
            line.setContentsMargins(32, 0, 0, 0)
            line.addWidget(part)
            body.addLayout(line)

    def show_step(self, model: Issuing) -> None:
        state = model.state_of(self.step)
        self.icon.show_icon(*_STEP_ICONS[state])
        restyle(self.name, "role", "strong" if state in (StepState.RUNNING, StepState.FAILED) else "")
        restyle(self.name, "tone", _STEP_WORDS.get(state, "") if state is StepState.FAILED else "")
        running = state is StepState.RUNNING
        progress = model.progress if running else None
        self.bar.setVisible(running)
        if progress is not None and progress.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * progress.done / progress.total))
            self.share.setText(tr.percent(progress.done / progress.total))
        else:
            self.bar.setRange(0, 0 if running else 1)
            self.share.setText("")
        self.note.setText(self._note(model) if running else "")
        self.note.setVisible(running and bool(self.note.text()))

    def _note(self, model: Issuing) -> str:
        progress = model.progress
        if self.step == "draw_blank":
            return tr("card.insert")
        if progress is None:
            return ""
        item = tr.item(progress.item) if progress.item else tr.label(progress.phase)
        if progress.total:
            return tr("card.left", item=item, size=tr.kilobytes(progress.total - progress.done))
        return item


class QueueColumn(QFrame):
    """Granted cases whose card is not handed over yet."""

    def __init__(self, model: Issuing) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        body.addWidget(label("section", key="card.queue"))
        self.empty = label("strong", key="card.queue_empty", wrap=True)
        self.note = label("muted", key="card.queue_note", wrap=True)
        body.addWidget(self.empty)
        body.addWidget(self.note)
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body.addWidget(self.list, 1)
        self._rest = QWidget()
        body.addWidget(self._rest, 1)
        self.list.currentItemChanged.connect(self._chosen)

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self._model.select(str(item.data(Qt.ItemDataRole.UserRole)))

    def refresh(self) -> None:
        model = self._model
        self.empty.setVisible(not model.queue)
        self.note.setVisible(not model.queue)
        self.list.setVisible(bool(model.queue))
        self._rest.setVisible(not model.queue)
        self.list.blockSignals(True)
        self.list.clear()
        for case in model.queue:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.UserRole, case.id)
            entry = self._entry(case)
            room = self.list.viewport().width()
            item.setSizeHint(QSize(0, max(60, entry.heightForWidth(room))))
            self.list.addItem(item)
            self.list.setItemWidget(item, entry)
            if model.case is not None and case.id == model.case.id:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)

    @staticmethod
    def _entry(case: Case) -> QWidget:
        entry = QWidget()
        body = column(gap=2)
        body.setContentsMargins(10, 10, 10, 10)
        entry.setLayout(body)
        name = case.document.full_name if case.document else case.id[:8]
        body.addWidget(label("strong", text=name, wrap=True))
        parts = [tr.code("country", case.document.nationality)] if case.document else []
        if case.decision:
            parts.append(tr("card.waiting_since", time=f"{tr.local(case.decision.at):%H:%M}"))
        body.addWidget(label("caption", text=" · ".join(parts), wrap=True))
        if case.job:
            body.addWidget(label("caption", text=f"{tr('card.number')}: {case.job.card.number}"))
        return entry


class PreviewColumn(QFrame):
    """Both sides at true proportions, and what the card says in numbers."""

    def __init__(self, model: Issuing) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        body.addWidget(label("section", key="card.preview"))
        self.front, self.back = CardSide("card.front"), CardSide("card.back")
        body.addWidget(self.front, 1)
        body.addWidget(self.back, 1)
        self.note = label("muted", key="card.no_preview", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body.addWidget(self.note)
        facts = row(gap=24)
        self.facts: dict[str, QLabel] = {}
        for name in ("number", "valid", "serial"):
            cell = column(gap=0)
            cell.addWidget(label("caption", key=f"card.{name}"))
            self.facts[name] = label("strong", text="–")
            cell.addWidget(self.facts[name])
            facts.addLayout(cell, 1)
        body.addLayout(facts)

    def refresh(self) -> None:
        model, job = self._model, self._model.job
        self.front.show_image(model.front)
        self.back.show_image(model.back)
        self.note.setVisible(model.front is None)
        self.facts["number"].setText(job.card.number if job else "–")
        self.facts["valid"].setText(tr.date(job.card.valid_until) if job else "–")
        self.facts["serial"].setText(_serial(job) if job and job.chip_serial else "–")


def _serial(job: CardJob) -> str:
    """A serial in groups of four, easier to compare."""
    text = job.chip_serial
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


class StepsColumn(QFrame):
    """The steps of the card in hand; advice in their place when one fails."""

    def __init__(self, model: Issuing) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        body.addWidget(label("section", key="card.steps"))
        self.who = label("lead", wrap=True)
        body.addWidget(self.who)
        self.steps = [StepRow(step) for step in STEPS]
        for step in self.steps:
            body.addWidget(step)
        self.problem = ProblemPanel()
        self.repeat = self.problem.add_button(
            ActionButton("action.repeat", kind="primary", icon="refresh", cap="Enter")
        )
        self.spoil = self.problem.add_button(ActionButton("action.spoil", icon="failed", danger=True))
        body.addWidget(self.problem)
        self.sure = self._make_question()
        body.addWidget(self.sure)
        self.done = Panel(Tone.GOOD)
        self.done_word = label("lead", wrap=True)
        self.done_note = label(wrap=True)
        self.done.body.addWidget(self.done_word)
        self.done.body.addWidget(self.done_note)
        body.addWidget(self.done)
        body.addStretch(1)
        self.spoiled = label("caption")
        body.addWidget(self.spoiled)
        self.go = ActionButton("action.personalise", kind="primary", icon="chip", cap="Enter")
        body.addWidget(self.go)
        self.stop = ActionButton("action.cancel", cap="Esc")
        body.addWidget(self.stop)
        self.next = ActionButton("action.start", kind="primary", icon="arrow-right", cap="Enter")
        body.addWidget(self.next)
        self.go.clicked.connect(model.issue)
        self.stop.clicked.connect(model.cancel)
        self.repeat.clicked.connect(model.issue)
        self.spoil.clicked.connect(self._ask)

    def _make_question(self) -> Panel:
        panel = Panel(Tone.DOUBT)
        panel.body.addWidget(label("strong", key="card.why_spoil", wrap=True))
        buttons = row()
        no = ActionButton("action.cancel", cap="Esc")
        yes = ActionButton("action.spoil", icon="failed", danger=True)
        buttons.addWidget(no)
        buttons.addWidget(yes)
        panel.body.addLayout(buttons)
        no.clicked.connect(self.back)
        yes.clicked.connect(self._spoil)
        panel.hide()
        return panel

    def _ask(self) -> None:
        self.sure.show()
        self.problem.hide()

    def back(self) -> None:
        self.sure.hide()
        self.refresh()

    def _spoil(self) -> None:
        self.sure.hide()
        problem = self._model.problem
        self._model.spoil(problem.code if problem else "OTHER")

    def refresh(self) -> None:
        model, case = self._model, self._model.case
        self.who.setText(case.document.full_name if case and case.document else "")
        self.who.setVisible(bool(self.who.text()))
        for step in self.steps:
            step.show_step(model)
        code = model.problem.code if model.problem and not self.sure.isVisible() else ""
        self.problem.show_code(code)
        self.spoil.setVisible(model.job is not None)
        self._show_done()
        ready = model.next_step == "hand_over"
        if ready:
            self.go.set_key("action.hand_over", "hand")
        else:
            self.go.set_key("action.personalise", "chip")
        self.go.setEnabled(case is not None and bool(model.next_step))
        asking = bool(code) or self.sure.isVisible()
        self.go.setVisible(not model.issued and not asking and not model.running)
        self.stop.setVisible(model.running)
        self.next.setVisible(model.issued)
        lost = sum(not job.live for job in case.jobs) if case else 0
        self.spoiled.setText(tr("card.spoiled", n=lost) if lost else "")

    def _show_done(self) -> None:
        model = self._model
        ready = model.next_step == "hand_over" and not model.running
        self.done.setVisible((ready or model.issued) and model.problem is None)
        self.done_word.setText(tr("card.active") if model.issued else tr("state.ready"))
        self.done_word.setVisible(model.issued)
        self.done_note.setText(tr("card.active_note") if model.issued else tr("card.ready"))


class CardsPage(QWidget):
    """Queue, preview, steps; Enter goes on, Esc stops a wait."""

    next_wanted = Signal()

    def __init__(self, model: Issuing) -> None:
        super().__init__()
        self.model = model
        body = row(gap=0)
        self.setLayout(body)
        self.queue, self.preview, self.steps = QueueColumn(model), PreviewColumn(model), StepsColumn(model)
        body.addWidget(self.queue, 24)
        body.addWidget(divider())
        body.addWidget(self.preview, 42)
        body.addWidget(divider())
        body.addWidget(self.steps, 34)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.steps.next.clicked.connect(self.next_wanted)
        model.changed.connect(self.refresh)
        model.progressed.connect(self._show_progress)
        tr.changed.connect(self.refresh)
        self.refresh()

    def entered(self) -> None:
        """The page comes into view."""
        self.model.refresh()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def refresh(self) -> None:
        for part in (self.queue, self.preview, self.steps):
            part.refresh()

    def _show_progress(self) -> None:
        for step in self.steps.steps:
            step.show_step(self.model)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.next_wanted.emit() if self.model.issued else self.model.issue()
        elif event.key() == Qt.Key.Key_Escape and (self.model.running or self.steps.sure.isVisible()):
            self.model.cancel()
            self.steps.back()
        else:
            super().keyPressEvent(event)
