"""Cases, stock, audit log and station: what the desk keeps, read from its store on the session's lane."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QGridLayout, QHeaderView, QTableView

from kiosk.domain.audit import AuditEntry, ChainFault
from kiosk.domain.stock import BlankState
from kiosk.errors import Problem
from kiosk.ports import CaseRow
from ui.i18n import tr
from ui.models.desk import Desk
from ui.palette import Tone
from ui.theme import GAP, PAD, TARGET, WIDE, theme
from ui.widgets.basics import (
    ActionButton,
    Dot,
    Panel,
    ProblemPanel,
    clear,
    column,
    divider,
    label,
    restyle,
    row,
)

Index = QModelIndex | QPersistentModelIndex


class TextTable(QAbstractTableModel):
    """Rows of ready text under keyed headings."""

    def __init__(self, headings: Sequence[str]) -> None:
        super().__init__()
        self._headings = tuple(headings)
        self._rows: Sequence[Sequence[str]] = ()

    def show_rows(self, rows: Sequence[Sequence[str]]) -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return len(self._rows)

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self._headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        shown = role == Qt.ItemDataRole.DisplayRole
        return self._rows[index.row()][index.column()] if shown else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        across = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return tr(self._headings[section]) if across else None


def make_table(model: TextTable, stretch: int) -> QTableView:
    """A calm table: rows of 44 px, one stretching column, no grid."""
    view = QTableView()
    view.setModel(model)
    view.setShowGrid(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setTabKeyNavigation(False)
    view.setWordWrap(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(theme.px(TARGET))
    header = view.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
    header.setHighlightSections(False)
    return view


class RecordPage(QFrame):
    """A page with title, note, refresh button and a place for a problem."""

    def __init__(self, desk: Desk, title_key: str) -> None:
        super().__init__()
        self.setObjectName("column")
        self.desk = desk
        self.body = column(margins=WIDE, gap=GAP)
        self.setLayout(self.body)
        self.head = row(gap=12)
        self.head.addWidget(label("title", key=title_key))
        self.note = label("muted")
        self.head.addSpacing(8)
        self.head.addWidget(self.note, 1, Qt.AlignmentFlag.AlignVCenter)
        self.refresh_button = ActionButton("action.refresh", icon="refresh")
        self.head.addWidget(self.refresh_button)
        self.body.addLayout(self.head)
        self.problem = ProblemPanel()
        self.body.addWidget(self.problem)
        self.refresh_button.clicked.connect(self.entered)
        tr.changed.connect(self.reword)
        theme.changed.connect(self._rescale)

    def _rescale(self) -> None:
        for view in self.findChildren(QTableView):
            view.verticalHeader().setDefaultSectionSize(theme.px(TARGET))

    def entered(self) -> None:
        """The page comes into view: read what it shows again."""

    def reword(self) -> None:
        """Show the same facts in the language in force."""

    def failed(self, problem: Problem) -> None:
        self.problem.show_code(problem.code)


class CasesPage(RecordPage):
    """All cases of the desk; unfinished ones can be taken up again."""

    resume_wanted = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "cases.title")
        self._cases: Sequence[CaseRow] = ()
        self.table = TextTable(("cases.opened", "cases.stage", "cases.id"))
        self.view = make_table(self.table, 2)
        self.body.addWidget(self.view, 1)
        self.resume = ActionButton("cases.resume", kind="primary", icon="arrow-right", cap="Enter")
        foot = row()
        foot.addStretch(1)
        foot.addWidget(self.resume)
        self.body.addLayout(foot)
        self.resume.clicked.connect(self._resume)
        self.view.doubleClicked.connect(lambda _index: self._resume())
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._allow())
        self._allow()

    def entered(self) -> None:
        self.desk.run(self.desk.kiosk.store.cases, self._show, self.failed)

    def _show(self, cases: tuple[CaseRow, ...]) -> None:
        self.problem.show_code("")
        self._cases = cases
        self.reword()
        waiting = next((i for i, case in enumerate(cases) if not case.finished), -1)
        if waiting >= 0:
            self.view.selectRow(waiting)
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def reword(self) -> None:
        self.table.show_rows(
            [(tr.moment(case.opened_at), tr.label(case.stage), case.case_id[:16]) for case in self._cases]
        )
        open_ones = sum(not case.finished for case in self._cases)
        self.note.setText(tr("cases.unfinished", n=open_ones) if self._cases else tr("cases.empty"))
        self._allow()

    def chosen(self) -> CaseRow | None:
        rows = self.view.selectionModel().selectedRows()
        return self._cases[rows[0].row()] if rows and rows[0].row() < len(self._cases) else None

    def _allow(self) -> None:
        case = self.chosen()
        self.resume.setEnabled(case is not None and not case.finished)

    def _resume(self) -> None:
        case = self.chosen()
        if case is not None and not case.finished:
            self.resume_wanted.emit(case)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._resume()
        else:
            super().keyPressEvent(event)


class StockPage(RecordPage):
    """Blanks at this desk, by state."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "stock.title")
        self._counts: Mapping[BlankState, int] = {}
        self.note.setText(tr("stock.note"))
        self._grid = QGridLayout()
        self._grid.setSpacing(PAD)
        self.body.addSpacing(GAP)
        self.body.addLayout(self._grid)
        self.body.addStretch(1)

    def entered(self) -> None:
        self.desk.run(self.desk.kiosk.store.stock_counts, self._show, self.failed)

    def _show(self, counts: Mapping[BlankState, int]) -> None:
        self.problem.show_code("")
        self._counts = counts
        self.reword()

    def reword(self) -> None:
        self.note.setText(tr("stock.note"))
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        always = (BlankState.LOADED, BlankState.IN_JOB, BlankState.ISSUED, BlankState.SPOILED)
        shown = [state for state in BlankState if state in always or self._counts.get(state)]
        for place, state in enumerate(shown):
            self._grid.addWidget(self._tile(state), place // 4, place % 4)
        for column_number in range(4):
            self._grid.setColumnStretch(column_number, 1)

    def _tile(self, state: BlankState) -> Panel:
        tile = Panel()
        restyle(tile, "tone", "")
        tile.body.setContentsMargins(PAD, PAD, PAD, PAD)
        tile.body.addWidget(label("figure", text=str(self._counts.get(state, 0))))
        tile.body.addWidget(label("muted", text=tr.label(state), wrap=True))
        return tile


class AuditPage(RecordPage):
    """The audit log and the check of its chain."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "audit.title")
        self._entries: Sequence[AuditEntry] = ()
        self._fault: ChainFault | None = None
        self._checked = False
        self.check = ActionButton("action.check_chain", kind="primary", icon="audit")
        self.head.addWidget(self.check)
        self.result = Panel()
        line = row(gap=12)
        self._dot = Dot()
        self._word = label("strong", wrap=True)
        line.addWidget(self._dot)
        line.addWidget(self._word, 1)
        self.result.body.addLayout(line)
        self.body.addWidget(self.result)
        keys = ("sequence", "at", "actor", "action", "case", "hash")
        self.table = TextTable([f"audit.{key}" for key in keys])
        self.view = make_table(self.table, len(keys) - 1)
        self.body.addWidget(self.view, 1)
        self.check.clicked.connect(self._check)
        self.reword()

    def entered(self) -> None:
        self._checked = False
        self.desk.run(self.desk.kiosk.store.audit_entries, self._show, self.failed)

    def _show(self, entries: tuple[AuditEntry, ...]) -> None:
        self.problem.show_code("")
        self._entries = entries
        self.reword()

    def _check(self) -> None:
        self.desk.run(self.desk.kiosk.store.check_audit, self._judged, self.failed)

    def _judged(self, fault: ChainFault | None) -> None:
        self._fault, self._checked = fault, True
        self.reword()

    def reword(self) -> None:
        self.table.show_rows([self._line(entry) for entry in reversed(self._entries)])
        if not self._checked:
            tone, text = Tone.NEUTRAL, tr("audit.unchecked")
        elif self._fault is None:
            tone, text = Tone.GOOD, tr("audit.whole", n=len(self._entries))
        else:
            tone = Tone.BAD
            text = tr("audit.broken", n=self._fault.sequence, fault=self._fault.fault)
        self.result.set_tone(tone)
        self._dot.set_tone(tone)
        self._word.setText(text)

    @staticmethod
    def _line(entry: AuditEntry) -> tuple[str, ...]:
        moment = tr.moment(entry.at, "%H:%M:%S")
        return (
            str(entry.sequence),
            moment,
            entry.actor,
            tr.code("event", entry.action),
            entry.case_id[:12],
            entry.hash,
        )


class StationPage(RecordPage):
    """Identity, world, devices and versions of this desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "station.title")
        self.send = ActionButton("action.send", icon="registry")
        self.head.addWidget(self.send)
        self.send.clicked.connect(lambda: desk.send(at_once=True))
        self._facts = column(gap=WIDE)
        self.body.addSpacing(GAP)
        self.body.addLayout(self._facts)
        self.body.addStretch(1)
        desk.state_changed.connect(self.reword)
        self.reword()

    def entered(self) -> None:
        self.desk.watch()
        self.reword()

    def reword(self) -> None:
        clear(self._facts)
        top = row(gap=32)
        top.addLayout(self._block("station.identity", self._identity()), 1)
        top.addLayout(self._block("station.devices", self._devices()), 1)
        top.addLayout(self._block("station.software", _versions()), 1)
        self._facts.addLayout(top)
        self._facts.addWidget(divider(vertical=False))
        notices = [(code, " ".join(tr.message(code))) for code, _detail in self.desk.kiosk.notices]
        self._facts.addLayout(self._block("station.notices", notices or [("", tr("station.no_notices"))]))

    def _identity(self) -> list[tuple[str, str]]:
        station = self.desk.kiosk.station
        return [
            (tr("station.id"), station.id),
            (tr("station.post"), self.desk.post),
            (tr("station.prefix"), station.prefix),
            (tr("station.world"), tr("station.lab" if station.lab else "station.production")),
        ]

    def _devices(self) -> list[tuple[str, str]]:
        ports, state = self.desk.kiosk.ports, self.desk.state
        rehearsal = self.desk.kiosk.desk
        found = [
            (tr("top.reader"), ports.document_slot.name),
            (tr("station.encoder"), ports.card_slot.name),
            (tr("top.camera"), ports.camera.name),
            (tr("top.printer"), f"{ports.printer.name} · {tr(f'state.{state.printer.word}')}"),
        ]
        if rehearsal is not None:
            link = "station.pcsc" if rehearsal.link == "pcsc" else "ribbon.in_process"
            found.append((tr("station.link"), tr(link)))
        if state.queue is not None:
            found.append((tr("station.queue"), tr("state.waiting", n=state.queue.waiting)))
        return found

    @staticmethod
    def _block(title_key: str, facts: Sequence[tuple[str, str]]) -> Any:
        block = column(gap=GAP)
        block.addWidget(label("section", text=tr(title_key)))
        for name, value in facts:
            cell = column(gap=0)
            if name:
                cell.addWidget(label("caption", text=name))
            cell.addWidget(label("strong", text=value, wrap=True))
            block.addLayout(cell)
        block.addStretch(1)
        return block


def _versions() -> list[tuple[str, str]]:
    """Versions of the product and of what it stands on."""
    found = []
    for name, package in (
        ("Shekara", "shekara"),
        ("Qt", "pyside6-essentials"),
        ("OpenCV", "opencv-python"),
        ("cryptography", "cryptography"),
    ):
        try:
            found.append((name, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return [*found, ("Python", platform.python_version())]
