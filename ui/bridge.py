"""The only place where threads meet Qt: futures and frames become queued calls on the UI thread.

Nothing here blocks. Frames are dropped, never queued: at most one waits for the UI thread.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage

from kiosk.errors import ErrorCode, Problem
from kiosk.lanes import Lane
from kiosk.ports import Corners, Frame, Guidance, Hint, Image

T = TypeVar("T")
FRAME_INTERVAL = 1 / 20  # seconds: more pictures than this are dropped
VIEW_SIZE = QSize(960, 720)


def as_problem(error: BaseException) -> Problem:
    """What a person is told of an error: its code, or INTERNAL when it has none."""
    if isinstance(error, CancelledError):
        return Problem(str(ErrorCode.CANCELLED))
    code = getattr(error, "code", None)
    return Problem(str(code or ErrorCode.INTERNAL), cause=type(error).__name__)


class Bridge(QObject):
    """Runs calls on lanes and brings their ends back to the UI thread."""

    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = threading.Event()
        self._guard = threading.Lock()
        self._arrived.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def call(
        self,
        lane: Lane,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
    ) -> "Future[T]":
        """Submit `work`; later, on the UI thread, exactly one of `done` and `failed` is called."""
        future: Future[T] = lane.submit(work)
        future.add_done_callback(lambda finished: self._finish(finished, done, failed))
        return future

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the UI thread soon; from any thread; silently dropped after `close`."""
        with self._guard:
            if not self._closed.is_set():
                self._arrived.emit(action)

    def close(self) -> None:
        """Deliver nothing from now on."""
        with self._guard:
            self._closed.set()

    def _finish(
        self,
        future: "Future[T]",
        done: Callable[[T], None] | None,
        failed: Callable[[Problem], None] | None,
    ) -> None:
        error = CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            problem = as_problem(error)
            if failed is not None:
                self.post(lambda: failed(problem))
        elif done is not None:
            self.post(lambda: done(future.result()))

    @Slot(object)
    def _run(self, action: Callable[[], None]) -> None:
        if not self._closed.is_set():
            action()


def to_qimage(image: Image, *, rgb: bool = False) -> QImage:
    """A QImage with its own memory from height x width x 3 bytes, BGR unless `rgb`."""
    height, width = image.shape[:2]
    layout = QImage.Format.Format_RGB888 if rgb else QImage.Format.Format_BGR888
    data = image.tobytes()  # contiguous copy
    return QImage(data, width, height, 3 * width, layout).copy()


def _shares(region: Corners, image: Image) -> Corners:
    height, width = image.shape[:2]
    return tuple((x / width, y / height) for x, y in region)


class FrameRelay(QObject):
    """Camera pictures to the UI thread: newest only, at a bounded rate, scaled on the caller's thread.

    With each goes a `Hint` or None, and the region it is about in shares (0 to 1) of the picture's sides.
    """

    arrived = Signal(QImage, object, object)
    _ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._guard = threading.Lock()
        self._newest: tuple[QImage, Hint | None, Corners] | None = None
        self._last = 0.0
        self._closed = False
        self._ready.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def offer(self, frame: Frame, guidance: Guidance | None) -> None:
        """Called on the camera's lane; a picture that comes too soon is dropped."""
        now = time.monotonic()
        with self._guard:
            if self._closed or now - self._last < FRAME_INTERVAL:
                return
            self._last = now
        picture = to_qimage(frame.image).scaled(VIEW_SIZE, Qt.AspectRatioMode.KeepAspectRatio)
        hint = guidance.hint if guidance else None
        region = _shares(guidance.region, frame.image) if guidance else ()
        with self._guard:
            waiting, self._newest = self._newest is not None, (picture, hint, region)
            if not waiting and not self._closed:
                self._ready.emit()

    def close(self) -> None:
        with self._guard:
            self._closed = True

    @Slot()
    def _deliver(self) -> None:
        with self._guard:
            newest, self._newest = self._newest, None
        if newest is not None:
            self.arrived.emit(*newest)
