"""Takes one traveller through the window by itself and saves a picture of every page (docs, tests)."""

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QTimer

from ui.models.inspection import Phase
from ui.window import MainWindow

POLL = 20  # ms between looks
PATIENCE = 90_000  # ms for one wait
SETTLE = 300  # ms before a picture: the page has drawn itself

Wait = Callable[[], bool]


class Tour:
    """A script of waits and moves on the UI thread; nothing blocks."""

    def __init__(self, window: MainWindow, folder: Path, ended: Callable[[str], None]) -> None:
        self.window, self._folder, self._ended = window, folder, ended
        self._script = self._play()
        self._wait: Wait = lambda: True
        self._waited = 0
        self._timer = QTimer(window)
        self._timer.setInterval(POLL)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._timer.start()

    def _look(self) -> None:
        self._waited += POLL
        if self._wait():
            self._waited = 0
            following = next(self._script, None)
            if following is None:
                self._stop("")
            else:
                self._wait = following
        elif self._waited > PATIENCE:
            self._stop(f"the tour waits in vain: {self._where()}")

    def _where(self) -> str:
        model, cards = self.window.inspection, self.window.issuing
        problem = model.problem or cards.problem
        return f"{model.phase} {cards.next_step} {problem.code if problem else ''}"

    def _stop(self, problem: str) -> None:
        self._timer.stop()
        self._ended(problem)

    def _settled(self) -> Wait:
        left = [SETTLE // POLL]

        def wait() -> bool:
            left[0] -= 1
            return left[0] <= 0

        return wait

    def _half_written(self) -> bool:
        cards = self.window.issuing
        done = cards.progress.done if cards.progress else 0
        total = cards.progress.total if cards.progress else 0
        passed = cards.next_step in ("print_card", "check_card", "hand_over")
        return passed or (cards.current == "personalise" and total > 0 and done * 2 > total)

    def _shoot(self, name: str) -> None:
        self.window.grab().save(str(self._folder / f"desk-{name}.png"))

    def _play(self) -> Iterator[Wait]:
        yield self._settled()
        self._shoot("idle")
        yield from self._inspect()
        yield from self._issue()
        yield from self._refuse()
        for section in ("cases", "stock", "station", "audit"):
            self.window.go(section)
            yield lambda: not self.window.desk.busy
            yield self._settled()
            if section == "audit":
                self.window.audit_page.check.click()
                yield self._settled()
            self._shoot(section)

    def _inspect(self) -> Iterator[Wait]:
        window, model = self.window, self.window.inspection
        rehearsal = window.desk.kiosk.desk
        granted = [t for t in rehearsal.travellers if t.expected_end == "CARD_ACTIVE"] if rehearsal else []
        if rehearsal is not None and granted:
            window.desk.traveller = list(rehearsal.travellers).index(granted[0]) - 1
        yield lambda: not window.desk.busy
        window.next_traveller()
        yield lambda: window.inspect_page.document.view.live or model.phase is Phase.DECIDE
        yield self._settled()
        self._shoot("scan")
        yield lambda: model.phase is Phase.DECIDE
        form = window.inspect_page.decision.form
        if granted:
            form.fill(granted[0].declaration)
        tree = window.inspect_page.person.tree
        tree.open_group("integrity")
        yield self._settled()
        self._shoot("inspect")
        window.inspect_page.decision.grant()
        yield lambda: model.phase is Phase.ENDED
        yield self._settled()
        self._shoot("granted")

    def _refuse(self) -> Iterator[Wait]:
        """The last traveller of the scenario who is to be refused, with every finding open."""
        window, model = self.window, self.window.inspection
        rehearsal = window.desk.kiosk.desk
        travellers = list(rehearsal.travellers) if rehearsal else []
        refused = [index for index, one in enumerate(travellers) if one.expected_end == "REFUSED"]
        if not refused:
            return
        window.cards_page.next_wanted.emit()
        window.desk.traveller = refused[-1] - 1
        yield lambda: not window.desk.busy
        window.next_traveller()
        yield lambda: model.phase is Phase.DECIDE
        window.inspect_page.decision.form.fill(travellers[refused[-1]].declaration)
        for _ in model.unopened():
            window.inspect_page.person.open_next_finding()
        yield self._settled()
        self._shoot("failed")
        window.inspect_page.decision.decision.ask_refuse()
        yield self._settled()
        self._shoot("refuse")
        window.inspect_page.decision.decision.chooser.confirm.click()
        yield lambda: model.phase is Phase.ENDED
        yield self._settled()
        self._shoot("refused")

    def _issue(self) -> Iterator[Wait]:
        window, cards = self.window, self.window.issuing
        rehearsal = window.desk.kiosk.desk
        inserted: list[bool] = []
        if rehearsal is not None:
            window.desk.act(rehearsal.insert_blank, lambda: inserted.append(True))
            yield lambda: bool(inserted)
        window.inspect_page.accept()
        yield lambda: cards.case is not None and not window.desk.busy
        cards.issue()
        yield self._half_written
        self._shoot("encode")
        yield lambda: cards.next_step == "hand_over" and not cards.running
        yield self._settled()
        self._shoot("card")
        cards.issue()
        yield lambda: cards.issued
        yield self._settled()
        self._shoot("handed-over")
