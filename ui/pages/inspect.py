"""The inspection in three columns: document, person and verdict, entitlement and decision."""

from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QSizePolicy, QWidget

from kiosk.domain.cases import Case, DecisionOutcome
from kiosk.domain.documents import Sex, TravelDocument
from kiosk.ports import Hint
from ui.i18n import tr
from ui.models.inspection import Inspection, Phase
from ui.palette import Tone
from ui.theme import GAP, HALF, PAD
from ui.widgets.basics import ActionButton, FitLabel, ProblemPanel, column, divider, label, restyle, row
from ui.widgets.decision import DecisionPanel
from ui.widgets.declaration import DeclarationForm
from ui.widgets.mrz import MrzView
from ui.widgets.pictures import DocumentView, Portrait
from ui.widgets.stay import StayPanel
from ui.widgets.verdict import VerdictPill, VerdictTree

_SEX = {Sex.MALE: "male", Sex.FEMALE: "female", Sex.UNSPECIFIED: "unspecified"}


class DocumentColumn(QFrame):
    """Live camera, then the page; the MRZ read or typed; scan again."""

    def __init__(self, model: Inspection) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        head = row()
        self.title = label("section", key="document.title")
        self.state = label("muted")
        self.park = ActionButton("action.park", kind="quiet", icon="pause", cap="F8")
        head.addWidget(self.title)
        head.addWidget(self.state)
        head.addStretch(1)
        head.addWidget(self.park)
        body.addLayout(head)
        self.view = DocumentView()
        body.addWidget(self.view)
        self.problem = ProblemPanel()
        body.addWidget(self.problem)
        mrz_head = row()
        self.mrz_title = label("overline", key="document.mrz")
        self.mrz_note = label("caption")
        mrz_head.addWidget(self.mrz_title)
        mrz_head.addStretch(1)
        mrz_head.addWidget(self.mrz_note)
        body.addLayout(mrz_head)
        self.mrz = MrzView()
        body.addWidget(self.mrz)
        self.type_note = label("caption", key="document.type_note", wrap=True)
        body.addWidget(self.type_note)
        buttons = row()
        self.rescan = ActionButton("action.rescan", icon="scan", cap="F2")
        self.by_hand = ActionButton("action.by_hand", icon="pencil")
        self.confirm = ActionButton("action.confirm", kind="primary", cap="Enter")
        for button in (self.rescan, self.by_hand, self.confirm):
            buttons.addWidget(button, 1)
        body.addStretch(1)
        body.addLayout(buttons)
        self.rescan.clicked.connect(model.rescan)
        self.park.clicked.connect(model.park)
        self.by_hand.clicked.connect(self.edit_mrz)
        self.confirm.clicked.connect(lambda: self._typed(self.mrz.lines))
        self.mrz.confirmed.connect(self._typed)
        self.mrz.left.connect(self.refresh)
        model.frames.arrived.connect(self._on_frame)

    def edit_mrz(self) -> None:
        """Type over what was read, or from nothing."""
        self._model.cancel()
        page = self._model.case.page if self._model.case else None
        self.mrz.edit(page.mrz_lines if page else (), page.doubtful if page else ())
        self.refresh()

    def _typed(self, lines: tuple[str, ...]) -> None:
        self.mrz.show_lines(lines)
        self._model.type_mrz(lines)

    def _on_frame(self, image: QImage, hint: Hint | None) -> None:
        if self._model.phase is Phase.SCAN and self._model.running:
            self.view.show_live(image, tr(f"hint.{hint}") if hint else "")

    def refresh(self) -> None:
        model, page = self._model, self._model.case.page if self._model.case else None
        self._show_view()
        if not self.mrz.editing:
            self.mrz.show_lines(page.mrz_lines if page else (), page.doubtful if page else ())
        shown = bool(page) or self.mrz.editing
        for widget in (self.mrz, self.mrz_title, self.mrz_note):
            widget.setVisible(shown)
        self.type_note.setVisible(self.mrz.editing)
        self.mrz_note.setText(self._note())
        doubt = bool(page and (page.doubtful or page.typed))
        restyle(self.mrz_note, "tone", "doubt" if doubt else "")
        code = model.problem.code if model.problem and model.problem_in == Phase.SCAN else ""
        self.problem.show_code(code)
        active = model.phase not in (Phase.IDLE, Phase.ENDED)
        editing = self.mrz.editing
        self.rescan.setVisible(not editing)
        self.by_hand.setVisible(not editing)
        self.confirm.setVisible(editing)
        self.rescan.setEnabled(active and not model.running)
        self.by_hand.setEnabled(active and model.phase in (Phase.SCAN, Phase.DECIDE))
        self.park.setEnabled(active)
        self.state.setText(self._state())

    def _state(self) -> str:
        if self._model.phase is Phase.SCAN and self._model.running:
            return tr("document.looking")
        return ""

    def _note(self) -> str:
        page = self._model.case.page if self._model.case else None
        if page is None:
            return ""
        if page.typed:
            return tr("document.typed")
        if page.doubtful:
            return tr("document.doubtful", n=len(page.doubtful))
        return tr("document.certainty", percent=tr.percent(page.confidence))

    def _show_view(self) -> None:
        model, case = self._model, self._model.case
        image = model.image(case.page.page_image) if case and case.page else None
        if model.phase is Phase.SCAN and model.running:
            if not self.view.live:
                self.view.show_empty(tr("document.looking"))
        elif image is not None and case and case.page:
            self.view.show_page(image, len(case.page.mrz_lines))
        elif model.phase is Phase.IDLE:
            self.view.show_empty(f"{tr('document.idle')}\n\n{tr('document.idle_note')}")
        elif not self.view.live:
            self.view.show_empty(tr("document.page"))


class PersonColumn(QFrame):
    """Who is this, and is the document genuine."""

    def __init__(self, model: Inspection) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        self.setLayout(body)
        self.surname, self.given = FitLabel(20, 14, bold=True), FitLabel(20, 14, bold=True)
        self.script = FitLabel(13, 10, color="muted")
        names = column(gap=0)
        for part in (self.surname, self.given, self.script):
            names.addWidget(part)
        body.addLayout(names)
        middle = row(gap=8)
        self.page_face, self.chip_face = Portrait("person.page"), Portrait("person.chip")
        middle.addWidget(self.page_face)
        middle.addWidget(self.chip_face)
        middle.addLayout(self._make_fields(), 1)
        body.addLayout(middle)
        self.pill = VerdictPill()
        body.addWidget(self.pill)
        self.problem = ProblemPanel()
        body.addWidget(self.problem)
        self.tree = VerdictTree()
        body.addWidget(self.tree, 1)
        self.tree.group_opened.connect(model.open_group)
        self._unopened: tuple[str, ...] = ()

    def _make_fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(HALF)
        places = {"birth": (0, 0, 2), "sex": (1, 0, 1), "citizenship": (1, 1, 1)}
        places |= {"number": (2, 0, 1), "expiry": (2, 1, 1)}
        self.values: dict[str, FitLabel] = {}
        self._captions: dict[str, FitLabel] = {}
        for name, (line, start, span) in places.items():
            cell = column(gap=0)
            caption = FitLabel(9, 8, color="muted")
            self._captions[name] = caption
            self.values[name] = FitLabel(11, 9, bold=True)
            cell.addWidget(caption)
            cell.addWidget(self.values[name])
            grid.addLayout(cell, line, start, 1, span)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(3, 1)
        return grid

    def fit(self, height: int) -> None:
        """Larger faces where the screen has room for them."""
        for face in (self.page_face, self.chip_face):
            face.set_height(112 if height < 800 else 176)

    def open_next_finding(self) -> None:
        """F6: open the next red or amber group."""
        unopened = self._model.unopened()
        if unopened:
            self.tree.open_group(unopened[0])

    def refresh(self) -> None:
        model, case = self._model, self._model.case
        document = case.document if case else None
        self.surname.setText(document.surname if document else tr("person.empty"))
        self.surname.set_color("text" if document else "muted")
        self.given.setText(document.given_names if document else "")
        self.script.setText(document.national_name if document else "")
        self._show_fields(document)
        self.page_face.show_image(model.image(case.page.portrait_image) if case and case.page else None)
        found = case.inspection if case else None
        self.chip_face.show_image(model.image(found.portrait_image) if found else None)
        self._show_verdict()
        self.tree.show_groups(model.groups)
        code = model.problem.code if model.problem and model.problem_in == Phase.CHIP else ""
        self.problem.show_code(code)
        unopened = model.unopened()
        if unopened and unopened != self._unopened:
            self.tree.reveal(unopened[0])
        self._unopened = unopened

    def _show_verdict(self) -> None:
        case = self._model.case
        if case is not None and case.inspection is not None:
            overall = case.inspection.overall
            count = len(self._model.unopened())
            note = f"{tr('verdict.to_open', n=count)} · F6" if count else ""
            self.pill.show_outcome(overall, tr.label(overall), note)
        elif self._model.phase in (Phase.SCAN, Phase.CHIP) and self._model.running:
            self.pill.show_outcome("", tr("verdict.pending"))
        else:
            self.pill.show_outcome("", tr("verdict.none"))

    def _show_fields(self, document: TravelDocument | None) -> None:
        for name, value in self.values.items():
            value.setText("–")
            self._captions[name].setText(tr(f"person.{name}"))
        if document is None:
            return
        self.values["birth"].setText(self._birth(document))
        self.values["sex"].setText(tr(f"person.{_SEX[document.sex]}"))
        self.values["citizenship"].setText(tr.code("country", document.nationality))
        self.values["number"].setText(document.number)
        if document.expiry:
            self.values["expiry"].setText(tr.date(document.expiry))
            case = self._model.case
            expired = case is not None and document.expired_on(case.opened_at.date())
            self.values["expiry"].set_color("bad_ink" if expired else "text")

    def _birth(self, document: TravelDocument) -> str:
        case = self._model.case
        if document.birth is None or case is None:
            return "–"
        today, born = case.opened_at.date(), document.birth
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        return tr("person.age", date=tr.date(born), n=age)

    def reword(self) -> None:
        self.tree.reword()


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
        upper = column(gap=GAP)
        holder.setLayout(upper)
        self.stay = StayPanel()
        upper.addWidget(self.stay)
        self.problem = ProblemPanel()
        upper.addWidget(self.problem)
        upper.addSpacing(HALF)
        upper.addWidget(divider(vertical=False))
        self.form_title = label("section", key="declaration.title")
        upper.addWidget(self.form_title)
        self.form = DeclarationForm()
        upper.addWidget(self.form)
        upper.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setWidget(holder)
        body.addWidget(self.scroll, 1)
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
        today = case.opened_at.date() if case else date.min
        self.stay.show_stay(case.entitlement if case else None, today)
        self._fill_form(case)
        code = model.problem.code if model.problem and model.problem_in in (Phase.STAY, Phase.DECIDE) else ""
        self.problem.show_code(code)
        for part in (self.form, self.form_title):
            part.setVisible(model.phase is not Phase.ENDED)
        self.form.setEnabled(case is not None)
        if model.phase is Phase.ENDED and case is not None:
            self._show_result(case)
        elif not self.decision.asking:
            self.decision.show_buttons()
        self.decision.set_refuse_reasons(self._found_reasons(case))
        self._allow()

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
