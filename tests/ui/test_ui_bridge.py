"""Threads meet Qt in one place: ends of calls come back, frames are dropped, nothing arrives late."""

import threading
from typing import Any

import numpy as np
from PySide6.QtGui import QColor
from qt_steps import settle

from kiosk.errors import ErrorCode, KioskError
from kiosk.lanes import Lane
from kiosk.ports import Frame, Guidance, Hint
from ui import bridge as bridge_module
from ui.bridge import Bridge, FrameRelay, as_problem, to_qimage


def frame(number: int) -> Frame:
    return Frame(np.full((48, 64, 3), (10, 20, 200), np.uint8), number, float(number))


def test_results_and_errors_come_back_on_the_ui_thread(qtbot: Any) -> None:
    bridge, lane = Bridge(), Lane("test")
    seen: list[Any] = []
    here = threading.current_thread()

    def note(value: object) -> None:
        seen.append((value, threading.current_thread() is here))

    def fail() -> None:
        raise KioskError(ErrorCode.DOCUMENT_ABSENT)

    bridge.call(lane, lambda: threading.current_thread() is here, note, note)
    bridge.call(lane, fail, note, lambda problem: note(problem.code))
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [(False, True), ("DOCUMENT_ABSENT", True)]
    lane.close()


def test_nothing_arrives_after_close(qtbot: Any) -> None:
    bridge, lane = Bridge(), Lane("test")
    seen: list[int] = []
    gate = threading.Event()
    late = bridge.call(lane, lambda: gate.wait(5), lambda _: seen.append(1), lambda _: seen.append(2))
    bridge.close()
    gate.set()
    late.result(5)
    settle()
    assert seen == []
    lane.close()


def test_errors_without_a_code_are_internal() -> None:
    problem = as_problem(ZeroDivisionError("secret"))
    assert problem.code == "INTERNAL"
    assert problem.cause == "ZeroDivisionError"
    assert "secret" not in str(problem)


def test_pixels_keep_their_colour_and_memory() -> None:
    image = to_qimage(frame(1).image)
    assert QColor(image.pixel(5, 5)) == QColor(200, 20, 10)
    assert QColor(to_qimage(frame(1).image, rgb=True).pixel(5, 5)) == QColor(10, 20, 200)


def test_frames_are_dropped_never_queued(qtbot: Any, monkeypatch: Any) -> None:
    moment = [100.0]
    monkeypatch.setattr(bridge_module.time, "monotonic", lambda: moment[0])
    relay = FrameRelay()
    seen: list[tuple[Hint | None, Any]] = []
    relay.arrived.connect(lambda _image, hint, region: seen.append((hint, region)))
    relay.offer(frame(1), Guidance(Hint.TOO_FAR))
    relay.offer(frame(2), Guidance(Hint.TILTED))  # too soon
    moment[0] += 1
    relay.offer(frame(3), Guidance(Hint.GLARE, ((16.0, 12.0),)))  # replaces the one that still waits
    qtbot.waitUntil(lambda: len(seen) == 1)
    assert seen == [(Hint.GLARE, ((0.25, 0.25),))]
    relay.close()
    moment[0] += 1
    relay.offer(frame(4), None)
    settle()
    assert seen == [(Hint.GLARE, ((0.25, 0.25),))]
