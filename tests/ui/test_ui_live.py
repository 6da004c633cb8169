"""The live picture: the hint in words, and an outline around what it is about."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_kiosk import FakeKiosk, Plan, failing
from PySide6.QtGui import QColor, QImage

from kiosk.errors import ErrorCode
from kiosk.ports import Frame, Guidance, Hint
from ui.i18n import tr
from ui.widgets.pictures import REGION, DocumentView

Open = Callable[..., Any]


@pytest.mark.parametrize("hint", list(Hint))
def test_the_region_of_a_hint_is_drawn_over_the_live_picture(qtbot: Any, hint: Hint) -> None:
    view = DocumentView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    dark = QImage(640, 480, QImage.Format.Format_RGB888)
    dark.fill(QColor(40, 40, 40))
    corners = ((0.2, 0.6), (0.8, 0.6), (0.8, 0.8), (0.2, 0.8))
    view.show_live(dark, tr(f"hint.{hint}"), corners)
    drawn = view.grab().toImage()
    edge = QColor(drawn.pixel(200, 180))
    assert edge == QColor(REGION)
    assert QColor(drawn.pixel(200, 210)) == QColor(40, 40, 40)  # an outline: the page stays visible
    view.show_live(dark, tr(f"hint.{hint}"))
    assert QColor(view.grab().toImage().pixel(200, 180)) == QColor(40, 40, 40)


def test_the_region_of_a_frame_reaches_the_view(qtbot: Any, open_window: Open) -> None:
    gate = threading.Event()
    ends = failing("scan_document", code=ErrorCode.MRZ_NOT_FOUND)  # no page has to be drawn
    window = open_window(FakeKiosk(Plan(hold={"scan_document": gate}, errors=ends)))
    window.inspection.start()
    qtbot.waitUntil(lambda: "scan_document" in window.desk.kiosk.calls)
    picture = np.full((48, 64, 3), 40, np.uint8)
    region = ((0.0, 24.0), (64.0, 24.0), (64.0, 48.0), (0.0, 48.0))
    window.inspection.frames.offer(Frame(picture, 1, 1.0), Guidance(Hint.GLARE, region))
    view = window.inspect_page.document.view
    qtbot.waitUntil(lambda: view.live)
    assert view.region == ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    gate.set()
    qtbot.waitUntil(lambda: not window.desk.busy, timeout=8000)
