"""Column 1 of the inspection: live camera, then the page; the MRZ read or typed; scan again."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame

from kiosk.ports import Corners, Hint
from ui.i18n import tr
from ui.models.inspection import Inspection, Phase
from ui.theme import GAP, PAD
from ui.widgets.basics import ActionButton, ProblemPanel, column, label, restyle, row
from ui.widgets.mrz import MrzView
from ui.widgets.national import NationalName
from ui.widgets.pictures import DocumentView

TITLE_LINE = 7  # pixels above a title that shares its line with a button


class DocumentColumn(QFrame):
    """Live camera, then the page; the MRZ read or typed; scan again."""

    def __init__(self, model: Inspection) -> None:
        super().__init__()
        self.setObjectName("column")
        self._model = model
        body = column(margins=PAD, gap=GAP)
        body.setContentsMargins(PAD, TITLE_LINE, PAD, PAD)  # so that all titles stand on one line
        self.setLayout(body)
        head = row()
        self.title = label("section", key="document.title")
        self.park = ActionButton("action.park", kind="quiet", icon="pause", cap="F8")
        head.addWidget(self.title)
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
        self.page_note = label("caption", wrap=True)
        body.addWidget(self.page_note)
        self.national = NationalName(model.desk.kiosk.ports.spellings)
        body.addWidget(self.national)
        self.type_note = label("caption", key="document.type_note", wrap=True)
        body.addWidget(self.type_note)
        buttons = row()
        self.rescan = ActionButton("action.rescan", icon="scan", cap="F2")
        self.by_hand = ActionButton("action.by_hand", icon="pencil")
        self.confirm = ActionButton("action.confirm", kind="primary", cap="Enter")
        self.back = ActionButton("action.back", cap="Esc")
        for button in (self.rescan, self.by_hand, self.back, self.confirm):
            buttons.addWidget(button, 1)
        body.addStretch(1)
        body.addLayout(buttons)
        self.rescan.clicked.connect(model.rescan)
        self.park.clicked.connect(model.park)
        self.by_hand.clicked.connect(self.edit_mrz)
        self.back.clicked.connect(self.mrz.leave)
        self.confirm.clicked.connect(lambda: self._typed(self.mrz.lines))
        self.mrz.confirmed.connect(self._typed)
        self.mrz.left.connect(self.refresh)
        self.national.edited.connect(lambda: self.mrz.fill(self.national.applied(self.mrz.lines)))
        self.national.passed.connect(lambda: self.mrz.setFocus(Qt.FocusReason.TabFocusReason))
        self.national.left.connect(self.mrz.leave)
        model.frames.arrived.connect(self._on_frame)

    def edit_mrz(self) -> None:
        """Type over what was read, or from nothing."""
        self._model.cancel()
        case = self._model.case
        page, document = (case.page, case.document) if case else (None, None)
        self.national.begin(case.id if case else "", document.national_name if document else "")
        self.mrz.edit(page.mrz_lines if page else (), page.doubtful if page else ())
        self.refresh()

    def _typed(self, lines: tuple[str, ...]) -> None:
        self.mrz.show_lines(lines)
        self._model.type_mrz(lines, self.national.name())

    def _on_frame(self, image: QImage, hint: Hint | None, region: Corners) -> None:
        if self._model.phase is Phase.SCAN and self._model.running:
            self.view.show_live(image, tr(f"hint.{hint}") if hint else "", region)

    def refresh(self) -> None:
        model, page = self._model, self._model.case.page if self._model.case else None
        self._show_view()
        if not self.mrz.editing:
            self.mrz.show_lines(page.mrz_lines if page else (), page.doubtful if page else ())
        shown = bool(page) or self.mrz.editing
        for widget in (self.mrz, self.mrz_title, self.mrz_note):
            widget.setVisible(shown)
        self.type_note.setVisible(self.mrz.editing)
        self.national.setVisible(self.mrz.editing)
        self._show_page_note()
        self.mrz_note.setText(self._note())
        doubt = bool(page and (page.doubtful or page.typed))
        restyle(self.mrz_note, "tone", "doubt" if doubt else "")
        code = model.problem.code if model.problem and model.problem_in == Phase.SCAN else ""
        self.problem.show_code(code)
        active = model.phase not in (Phase.IDLE, Phase.ENDED)
        editing = self.mrz.editing
        self.rescan.setVisible(not editing)
        self.by_hand.setVisible(not editing)
        self.back.setVisible(editing)
        self.confirm.setVisible(editing)
        self.rescan.setEnabled(active and not model.running)
        self.by_hand.setEnabled(active and model.phase in (Phase.SCAN, Phase.DECIDE))
        self.park.setEnabled(active)

    def _show_page_note(self) -> None:
        """What the reader could not prove: the guard's own comparison has to."""
        page = self._model.case.page if self._model.case else None
        notes: list[str] = []
        if unchecked := self._model.unchecked():
            notes.append(
                tr("document.unchecked", fields=", ".join(tr(f"field.{name}") for name in unchecked))
            )
        if page is not None and page.portrait_image and not page.face_found:
            notes.append(tr("document.no_face"))
        self.page_note.setText("\n".join(notes))
        self.page_note.setVisible(bool(notes) and not self.mrz.editing)

    def _note(self) -> str:
        page = self._model.case.page if self._model.case else None
        if page is None:
            return ""
        if page.typed:
            return tr("document.typed")
        if page.doubtful:
            return tr("document.doubtful", n=len(page.doubtful))
        if not page.confidence:
            return ""
        return tr("document.certainty", percent=tr.percent(page.confidence))

    def _show_view(self) -> None:
        model, case = self._model, self._model.case
        image = model.image(model.page_image) if case and case.page else None
        if model.phase is Phase.SCAN and model.running:
            if not self.view.live:
                self.view.show_empty(tr("document.looking"))
        elif image is not None and case and case.page:
            self.view.show_page(image, len(case.page.mrz_lines))
        elif model.phase is Phase.IDLE:
            self.view.show_empty(f"{tr('document.idle')}\n\n{tr('document.idle_note')}")
        elif not self.view.live:
            self.view.show_empty(tr("document.page"))
