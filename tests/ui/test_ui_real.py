"""The window over the real kiosk: simulated devices in process, real store, real registry, real chip data."""

from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.roles import Role
from kiosk.domain.stock import BlankState
from ui.app import Wishes, open_desk
from ui.i18n import tr
from ui.models.desk import Desk
from ui.theme import theme
from ui.tour import Tour
from ui.window import MainWindow


@pytest.mark.slow
def test_one_traveller_gets_a_card_and_another_is_refused(qtbot: Any, tmp_path: Path) -> None:
    said: list[str] = []
    kiosk = open_desk(Wishes(tmp_path / "home", None, True, "", "", None), said.append)
    try:
        assert "database" in said
        tr.switch("en")
        theme.apply("day")
        window = MainWindow(Desk(kiosk, "tester", Role.TESTER))
        qtbot.addWidget(window)
        window.show()
        ends: list[str] = []
        tour = Tour(window, tmp_path / "pictures", ends.append)
        tour.begin()
        qtbot.waitUntil(lambda: bool(ends), timeout=120_000)
        assert ends == [""]
        assert "DG2" in " ".join(str(group) for group in window.inspection.groups)
        window.close()
        assert kiosk.store.stock_counts()[BlankState.ISSUED] == 1
        assert [row.finished for row in kiosk.store.cases()] == [True, True]
        assert kiosk.store.check_audit() is None
    finally:
        kiosk.close()
    assert (tmp_path / "pictures" / "desk-refused.png").exists()
