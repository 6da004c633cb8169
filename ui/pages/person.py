"""Column 2 of the inspection: who is this, and is the document genuine."""

from PySide6.QtWidgets import QFrame, QGridLayout

from kiosk.domain.documents import Sex, TravelDocument
from ui.i18n import tr
from ui.models.inspection import Inspection, Phase
from ui.theme import GAP, HALF, PAD
from ui.widgets.basics import FitLabel, ProblemPanel, column, row
from ui.widgets.pictures import Portrait
from ui.widgets.verdict import VerdictPill, VerdictTree

UNCHECKED = "*"
_SEX = {Sex.MALE: "male", Sex.FEMALE: "female", Sex.UNSPECIFIED: "unspecified"}


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
        middle = row(gap=6)
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
        model.ticked.connect(self.show_progress)
        self._unopened: tuple[str, ...] = ()

    def _make_fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(HALF)
        places = {"birth": (0, 0, 2), "sex": (1, 0, 1), "citizenship": (1, 1, 1)}
        places |= {"number": (2, 0, 1), "expiry": (2, 1, 1)}
        self.values: dict[str, FitLabel] = {}
        self._captions: dict[str, FitLabel] = {}
        for name, (line, start, span) in places.items():
            cell = column(gap=0)
            caption = FitLabel(9, 8, color="muted")
            self._captions[name] = caption
            self.values[name] = FitLabel(11, 8, bold=True)
            cell.addWidget(caption)
            cell.addWidget(self.values[name])
            grid.addLayout(cell, line, start, 1, span)
        grid.setColumnStretch(0, 10)
        grid.setColumnStretch(1, 13)
        grid.setRowStretch(3, 1)
        return grid

    def fit(self, height: int) -> None:
        """Larger faces where the screen has room for them."""
        for face in (self.page_face, self.chip_face):
            face.set_height(106 if height < 800 else 176)

    def open_next_finding(self) -> None:
        """F6: open the next red or amber group."""
        unopened = self._model.unopened()
        if unopened:
            self.tree.open_group(unopened[0])

    def refresh(self) -> None:
        model, case = self._model, self._model.case
        document = case.document if case else None
        nobody = tr("person.empty") if model.phase is Phase.IDLE else ""
        self.surname.setText(document.surname if document else nobody)
        self.surname.set_color("text" if document else "muted")
        self.given.setText(document.given_names if document else "")
        self.script.setText(document.national_name if document else "")
        self._show_fields(document)
        self._show_marks()
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

    def _show_marks(self) -> None:
        """A small sign at every field that no check digit covers."""
        unchecked = self._model.unchecked()
        meaning = tr("document.unchecked_mark")
        for field, part in (
            ("name", self.surname),
            ("name", self.given),
            ("sex", self._captions["sex"]),
            ("nationality", self._captions["citizenship"]),
        ):
            part.set_mark(UNCHECKED if field in unchecked and part.text() else "", meaning)

    def _show_verdict(self) -> None:
        case = self._model.case
        if case is not None and case.inspection is not None:
            overall = case.inspection.overall
            count = len(self._model.unopened())
            note = f"{tr('verdict.to_open', n=count)}\nF6" if count else ""
            self.pill.show_outcome(overall, tr.label(overall), note)
        elif self._model.running:
            self.show_progress()
        else:
            self.pill.show_outcome("", tr("verdict.none"))

    def show_progress(self) -> None:
        """Name the wait and what is left of it, where the verdict will be."""
        model = self._model
        if not model.running or (model.case is not None and model.case.inspection is not None):
            return
        progress, note = model.progress, ""
        word = tr.label(progress.phase) if progress else tr("verdict.pending")
        if model.phase is Phase.CHIP:
            note = tr("document.put_on_reader")
        if progress is not None and progress.total:
            size = tr.kilobytes(progress.total - progress.done)
            note = tr("card.left", item=tr.item(progress.item), size=size)
        self.pill.show_outcome("", word, note)

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
            expired = case is not None and document.expired_on(tr.local(case.opened_at).date())
            self.values["expiry"].set_color("bad_ink" if expired else "text")

    def _birth(self, document: TravelDocument) -> str:
        case = self._model.case
        if document.birth is None or case is None:
            return "–"
        today, born = tr.local(case.opened_at).date(), document.birth
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        return tr("person.age", date=tr.date(born), n=age)

    def reword(self) -> None:
        self.tree.reword()
