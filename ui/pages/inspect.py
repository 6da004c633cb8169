"""The inspection page: three columns and their keys; column 3 is the entitlement and the decision."""

from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from kiosk.domain.cases import Case, DecisionOutcome
from ui.i18n import tr
from ui.models.inspection import Inspection, Phase
from ui.pages.document import DocumentColumn
from ui.pages.person import PersonColumn
from ui.palette import Tone
from ui.theme import GAP, PAD
from ui.widgets.basics import ProblemPanel, column, divider, label, row
from ui.widgets.decision import DecisionPanel
from ui.widgets.declaration import DeclarationForm
from ui.widgets.stay import StayPanel

ROOMY = 760  # pixels of a column that hold the stay, the declaration and the decision taken


class DecisionColumn(QFrame):
    """How long may they stay, what do they declare, what do I decide."""

    def __init__(self, model: Inspection) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        self._case_id = ""
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        holder = QWidget()
        upper = column(gap=6)
        holder.setLayout(upper)
        self.stay = StayPanel()
        upper.addWidget(self.stay)
        self.problem = ProblemPanel()
        upper.addWidget(self.problem)
        upper.addWidget(divider(vertical=False))
        self.form_title = label("section", key="declaration.title")
        upper.addWidget(self.form_title)
        self.form = DeclarationForm()
        upper.addWidget(self.form)
        upper.addStretch(1)
        self.upper = QScrollArea()
        self.upper.setWidgetResizable(True)
        self.upper.setFrameShape(QFrame.Shape.NoFrame)
        self.upper.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.upper.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.upper.setWidget(holder)
        self.upper.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        body.addWidget(self.upper, 1)
        body.addWidget(divider(vertical=False))
        self.decision = DecisionPanel()
        body.addWidget(self.decision)
        self.form.edited.connect(self._on_edited)
        self.form.finished.connect(self._to_grant)
        self.decision.granted.connect(self.grant)
        self.decision.referred.connect(model.refer)
        self.decision.refused.connect(model.refuse)

    def grant(self) -> None:
        """Enter: grant when nothing is in the way, else go to what is."""
        if self._model.grant_obstacle():
            return
        if self.form.missing():
            self.form.focus_first_empty()
        else:
            self._model.grant(self.form.declaration())

    def _to_grant(self) -> None:
        target = self.decision.grant if self.decision.grant.isEnabled() else self.decision.refer
        target.setFocus(Qt.FocusReason.TabFocusReason)

    def _on_edited(self) -> None:
        self._model.form_filled(not self.form.missing())
        self._allow()

    def refresh(self) -> None:
        model, case = self._model, self._model.case
        today = tr.local(case.opened_at).date() if case else date.min
        self.stay.show_stay(case.entitlement if case else None, today)
        self._fill_form(case)
        code = model.problem.code if model.problem and model.problem_in in (Phase.STAY, Phase.DECIDE) else ""
        self.problem.show_code(code)
        self._show_form(case)
        if model.phase is Phase.ENDED and case is not None:
            self._show_result(case)
        elif not self.decision.asking:
            self.decision.show_buttons()
        self.decision.set_refuse_reasons(self._found_reasons(case))
        self._allow()

    def _show_form(self, case: Case | None) -> None:
        """Once decided, what was declared stays in view, dimmed, where the screen has room for it."""
        ended = self._model.phase is Phase.ENDED
        keep = case is not None and case.declaration is not None and self.height() >= ROOMY
        for part in (self.form, self.form_title):
            part.setVisible(keep or not ended)
        self.form.setEnabled(case is not None and not ended)

    def _fill_form(self, case: Case | None) -> None:
        case_id = case.id if case else ""
        if case_id != self._case_id:
            self._case_id = case_id
            self.form.clear()
        if case is not None and case.declaration is not None:
            self.form.fill(case.declaration)

    def _allow(self) -> None:
        model = self._model
        obstacle = model.grant_obstacle()
        undecided = model.phase is Phase.DECIDE
        missing = self.form.missing()
        text = ""
        if obstacle == "OPEN_FIRST":
            text = tr("decision.open_first")
        elif obstacle == "WAIT":
            text = tr("decision.wait_decision") if model.phase is not Phase.IDLE else ""
        elif obstacle:
            text = tr.message(obstacle)[0]
        elif missing:
            text = tr("decision.fill", field=tr(f"declaration.{missing}"))
        self.decision.allow(
            refer=undecided,
            refuse=undecided,
            grant=undecided and not obstacle and not missing,
            obstacle=text,
            tone="doubt" if undecided and obstacle else "neutral",
        )

    def _found_reasons(self, case: Case | None) -> list[str]:
        codes: list[str] = []
        if case is not None and case.entitlement is not None and not case.entitlement.allowed:
            codes += [str(reason) for reason in case.entitlement.reasons]
        for group in self._model.groups:
            for check in group.get("checks", ()):
                if check["outcome"] == "failed":
                    codes += [str(finding["reason"]) for finding in check.get("findings", ())]
        return codes

    def _show_result(self, case: Case) -> None:
        if case.decision is None:
            word = tr("decision.REFERRED")
            reason = tr("decision.reason", reason=tr.code("reason", case.referred))
            self.decision.show_result(Tone.DOUBT, "refer", word, reason, card=False)
            return
        outcome = case.decision.outcome
        word = tr(f"decision.{outcome}")
        if outcome is DecisionOutcome.GRANTED:
            until = case.entitlement.until if case.entitlement else None
            note = tr("stay.until", date=tr.date(until)) if until else ""
            self.decision.show_result(Tone.GOOD, "ok", word, note, card=True)
        else:
            reason = tr("decision.reason", reason=tr.code("reason", case.decision.reason))
            note = f"{reason}\n{tr('decision.return_document')}"
            self.decision.show_result(Tone.BAD, "failed", word, note, card=False)


class InspectPage(QWidget):
    """The three columns and their keys: F2, F4, F6, F8, Enter, Esc."""

    cards_wanted = Signal(str)

    def __init__(self, model: Inspection) -> None:
        super().__init__()
        self.model = model
        body = row(gap=0)
        self.setLayout(body)
        self.document = DocumentColumn(model)
        self.person = PersonColumn(model)
        self.decision = DecisionColumn(model)
        body.addWidget(self.document, 35)
        body.addWidget(divider())
        body.addWidget(self.person, 33)
        body.addWidget(divider())
        body.addWidget(self.decision, 32)
        for part in (self.document, self.person, self.decision):
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.decision.decision.next_wanted.connect(model.start)
        self.decision.decision.cards_wanted.connect(self._to_cards)
        self._phase = Phase.IDLE
        model.changed.connect(self.refresh)
        tr.changed.connect(self._reword)
        self.refresh()

    def _to_cards(self) -> None:
        if self.model.case is not None:
            self.cards_wanted.emit(self.model.case.id)

    def _reword(self) -> None:
        self.person.reword()
        self.refresh()
        self.decision.decision.reword()

    def refresh(self) -> None:
        for part in (self.document, self.person, self.decision):
            part.refresh()
        if self.model.phase is not self._phase:
            self._phase = self.model.phase
            self._focus_next()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.person.fit(event.size().height())
        super().resizeEvent(event)

    def _focus_next(self) -> None:
        """Put the focus where the next thing is to be done, unless somebody types elsewhere."""
        if not self.isVisible() or self.document.mrz.editing:
            return
        if self._phase is Phase.DECIDE:
            self.decision.form.focus_first_empty()
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def accept(self) -> None:
        """Enter, when no field or button of its own took it."""
        phase, decision = self.model.phase, self.decision.decision
        if phase is Phase.IDLE:
            self.model.start()
        elif phase is Phase.ENDED:
            (self._to_cards if decision.to_cards.isVisible() else self.model.start)()
        elif phase is Phase.DECIDE:
            self.decision.grant()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        actions = {
            Qt.Key.Key_F2: self.model.rescan,
            Qt.Key.Key_F4: self._refer,
            Qt.Key.Key_F6: self.person.open_next_finding,
            Qt.Key.Key_F8: self.model.park,
            Qt.Key.Key_Return: self.accept,
            Qt.Key.Key_Enter: self.accept,
            Qt.Key.Key_Escape: self._back,
        }
        action = actions.get(Qt.Key(event.key()))
        if action is None:
            super().keyPressEvent(event)
        else:
            action()

    def _refer(self) -> None:
        if self.model.phase is Phase.DECIDE:
            self.decision.decision.ask_refer()

    def _back(self) -> None:
        if self.model.running:
            self.model.cancel()
        elif self.decision.decision.asking:
            self.decision.decision.show_buttons()
        else:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
