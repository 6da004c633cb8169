"""The main window: frame, pages, ribbon, clock; it wires the models to the pages and owns no logic."""

from datetime import timedelta, timezone

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from kiosk.errors import Problem
from kiosk.ports import CaseRow
from ui.i18n import reword, tr
from ui.models.desk import Desk
from ui.models.inspection import Inspection, Phase
from ui.models.issuing import Issuing
from ui.pages.cards import CardsPage
from ui.pages.inspect import InspectPage
from ui.pages.records import AuditPage, CasesPage, StationPage, StockPage
from ui.theme import scale_for, theme
from ui.widgets.basics import ProblemPanel, column, row
from ui.widgets.frame import SECTIONS, Rail, Ribbon, TopBar
from ui.widgets.steps import StepStrip

WATCH_INTERVAL = 10_000  # ms
CLOSING_PATIENCE = 3.0  # seconds a running call may take to notice that it was cancelled
MINIMUM = (1280, 720)


class MainWindow(QMainWindow):
    """The desk on screen."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.inspection = Inspection(desk)
        self.issuing = Issuing(desk)
        self.setWindowTitle("Shekara")
        self.setMinimumSize(*MINIMUM)
        station = desk.kiosk.station
        tr.zone = timezone(timedelta(hours=station.utc_offset_hours))
        self.top = TopBar(desk.post, station.id, desk.operator, str(desk.role))
        self.ribbon = Ribbon(controls=desk.kiosk.desk is not None) if station.lab else None
        self.rail = Rail()
        self.inspect_page = InspectPage(self.inspection)
        self.cards_page = CardsPage(self.issuing)
        self.cases_page, self.stock_page = CasesPage(desk), StockPage(desk)
        self.audit_page, self.station_page = AuditPage(desk), StationPage(desk)
        self.pages: dict[str, QWidget] = {
            "inspect": self.inspect_page,
            "cases": self.cases_page,
            "cards": self.cards_page,
            "stock": self.stock_page,
            "station": self.station_page,
            "audit": self.audit_page,
        }
        self.stack = QStackedWidget()
        for name in SECTIONS:
            self.stack.addWidget(self.pages[name])
        self.strip = StepStrip()
        self.hands_problem = ProblemPanel()
        self._compose()
        self._connect()
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_INTERVAL)
        self._watch.timeout.connect(desk.watch)
        self._watch.start()
        self._tick()
        desk.watch()

    def _compose(self) -> None:
        root = QWidget()
        root.setObjectName("root")
        body = column(gap=0)
        root.setLayout(body)
        body.addWidget(self.top)
        if self.ribbon is not None:
            body.addWidget(self.ribbon)
        news = row(gap=0)
        news.addWidget(self.hands_problem)
        self.hands_problem.setContentsMargins(0, 0, 0, 0)
        body.addLayout(news)
        middle = row(gap=0)
        middle.addWidget(self.rail)
        middle.addWidget(self.stack, 1)
        body.addLayout(middle, 1)
        body.addWidget(self.strip)
        self.setCentralWidget(root)

    def _connect(self) -> None:
        desk, model = self.desk, self.inspection
        self.top.language_chosen.connect(self.switch_language)
        self.top.theme_wanted.connect(lambda: theme.apply("day" if theme.dark else "dark"))
        self.rail.chosen.connect(self.go)
        desk.state_changed.connect(lambda: self.top.show_state(desk.state))
        model.changed.connect(self._show_times)
        model.ticked.connect(self._show_times)
        self.inspect_page.cards_wanted.connect(self._to_cards)
        self.cards_page.next_wanted.connect(self._after_card)
        self.cases_page.resume_wanted.connect(self.resume)
        desk.hands_failed.connect(self._hands_failed)
        desk.hands_changed.connect(self._show_ribbon)
        if self.ribbon is not None and desk.kiosk.desk is not None:
            self.ribbon.next_wanted.connect(self.next_traveller)
            self.ribbon.lay_wanted.connect(self._lay)
            self.ribbon.take_wanted.connect(lambda: desk.act(desk.kiosk.desk.withdraw))
            self.ribbon.blank_wanted.connect(lambda: desk.act(desk.kiosk.desk.insert_blank))
            self.ribbon.card_wanted.connect(lambda: desk.act(desk.kiosk.desk.take_card))
        self._show_ribbon()

    # -- moves ------------------------------------------------------------------------------------

    def go(self, section: str) -> None:
        """Show a page."""
        page = self.pages[section]
        self.rail.select(section)
        self.stack.setCurrentWidget(page)
        self.strip.setVisible(section == "inspect")
        if isinstance(page, InspectPage):
            page.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            page.entered()  # type: ignore[attr-defined]

    def switch_language(self, language: str) -> None:
        """Change every word on screen; nothing else moves."""
        tr.switch(language)
        reword(self)
        self._show_times()
        self._show_note()

    def resume(self, case: CaseRow) -> None:
        """Take up an unfinished case on the page where it goes on."""
        if case.stage == "DECIDED":
            self._to_cards(case.case_id)
        else:
            self.go("inspect")
            self.inspection.resume(case.case_id)

    def _to_cards(self, case_id: str) -> None:
        self.go("cards")
        self.issuing.select(case_id)

    def _after_card(self) -> None:
        """The card is handed over: back to an empty desk."""
        self.inspection.park()
        self.go("inspect")

    # -- the tester's hands -------------------------------------------------------------------------

    def next_traveller(self) -> None:
        """The next traveller of the scenario steps up, and the guard begins."""
        rehearsal = self.desk.kiosk.desk
        if rehearsal is None or self.inspection.running or self.desk.busy:
            return
        if self.inspection.phase not in (Phase.IDLE, Phase.ENDED):
            self.inspection.park()
        self.desk.traveller = (self.desk.traveller + 1) % len(rehearsal.travellers)
        index = self.desk.traveller
        self.go("inspect")
        self.desk.act(lambda: rehearsal.present(index), self.inspection.start)

    def _lay(self) -> None:
        rehearsal, index = self.desk.kiosk.desk, max(0, self.desk.traveller)
        if rehearsal is not None:
            self.desk.traveller = index
            self.desk.act(lambda: rehearsal.present(index))

    def _hands_failed(self, problem: Problem) -> None:
        self.hands_problem.show_code(problem.code)

    def _show_ribbon(self) -> None:
        """A hand has done its move: nothing is wrong any more."""
        self.hands_problem.show_code("")
        self._show_note()

    def _show_note(self) -> None:
        rehearsal, index = self.desk.kiosk.desk, self.desk.traveller
        if self.ribbon is None or rehearsal is None:
            return
        parts = [tr("ribbon.none")]
        if index >= 0:
            parts = [f"{index + 1}/{len(rehearsal.travellers)} · {rehearsal.travellers[index].name}"]
        if rehearsal.link != "pcsc":
            parts.append(tr("ribbon.in_process"))
        self.ribbon.show_note(" · ".join(parts))

    # -- time and keys --------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.top.show_clock(self.desk.kiosk.ports.clock.now())

    def _show_times(self) -> None:
        self.strip.show_times(self.inspection.clock)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.stack.currentWidget() is not self.inspect_page:
            self.go("inspect")
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.inspect_page.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        theme.set_scale(scale_for(event.size().width(), event.size().height()))
        super().resizeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._clock.stop()
        self._watch.stop()
        self.inspection.cancel()
        self.issuing.cancel()
        self.inspection.frames.close()
        self.desk.settle(CLOSING_PATIENCE)
        self.desk.close()
        super().closeEvent(event)
