"""The simulated camera: frames of the desk as MJPEG over HTTP on the loopback interface.

GET /video is multipart/x-mixed-replace, GET /frame.jpg one frame. A page is laid down and taken
away by `show`; frames are rendered in the background and repeat when all are there. A tester can
freeze, blur, dazzle or unplug the camera.
"""

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from PIL import Image

from hardware_mocks import scene

FRAMES_PER_SECOND: Final = 12
STILL_FRAMES: Final = 10
ARRIVING_FRAMES: Final = 4
FAULTS: Final = ("freeze", "blur", "glare", "disconnect")
_BOUNDARY: Final = "shekara-frame"
_EMPTY: Final = "empty desk"
_Renderer = Callable[[], bytes]


class Reel:
    """Frames being rendered: first those that are shown once, then those that repeat."""

    def __init__(self, once: list[_Renderer], repeated: list[_Renderer]) -> None:
        self._renderers = once + repeated
        self._loop_from = len(once)
        self._frames: list[bytes] = []
        self._stopped = threading.Event()

    def prepare(self, count: int) -> None:
        """Render until at least `count` frames are there."""
        while len(self._frames) < min(count, len(self._renderers)):
            self._frames.append(self._renderers[len(self._frames)]())

    def finish(self) -> None:
        """Render the rest, unless the reel is stopped."""
        while len(self._frames) < len(self._renderers) and not self._stopped.is_set():
            self.prepare(len(self._frames) + 1)

    def stop(self) -> None:
        self._stopped.set()

    def frame(self, number: int) -> bytes:
        """The frame for the `number`-th tick since the reel began."""
        ready = len(self._frames)
        if number < ready:
            return self._frames[number]
        first = min(self._loop_from, ready - 1)
        return self._frames[first + (number - first) % (ready - first)]


def _reel(page: Image.Image | None, seed: str, *, blur: float = 0.55, glare: bool = False) -> Reel:
    def still(index: int) -> _Renderer:
        return lambda: scene.still(page, seed, index, blur=blur, glare=glare)

    def arriving(shown: Image.Image, index: int) -> _Renderer:
        return lambda: scene.arriving(shown, seed, index, ARRIVING_FRAMES)

    normal = not glare and blur < 1
    once = [arriving(page, index) for index in range(ARRIVING_FRAMES)] if page and normal else []
    return Reel(once, [still(index) for index in range(STILL_FRAMES if page else 4)])


class CameraServer:
    """One camera on 127.0.0.1. Its methods may be called from any thread."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Condition()
        self._page: Image.Image | None = None
        self._seed = _EMPTY
        self._fault = ""
        self._frozen = b""
        self._began = time.monotonic()
        self._desk = _reel(None, _EMPTY)
        self._desk.prepare(1)
        self._reel = self._desk
        self._closed = False
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        self._render(self._desk)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/video"

    def show(self, page: Path | None, seed: str = "") -> None:
        """Lay that page picture (any size with a page's proportions) before the camera, or none."""
        picture = None
        if page is not None:
            with Image.open(page) as opened:
                picture = opened.convert("RGB")
        with self._lock:
            self._page, self._seed = picture, seed or _EMPTY
        self._change()

    def set_fault(self, fault: str) -> None:
        """One of FAULTS, or "" for a healthy camera; ValueError for anything else."""
        if fault and fault not in FAULTS:
            raise ValueError(f"a camera knows no fault {fault!r}")
        with self._lock:
            self._frozen = self.frame()[0] if fault == "freeze" else b""
            self._fault = fault
        self._change()

    def _change(self) -> None:
        with self._lock:
            page, seed, fault = self._page, self._seed, self._fault
        if page is None and fault not in ("blur", "glare"):
            reel = self._desk
        else:
            reel = _reel(page, seed, blur=5.0 if fault == "blur" else 0.55, glare=fault == "glare")
        reel.prepare(1)
        with self._lock:
            if self._reel is not self._desk:
                self._reel.stop()
            self._reel, self._began = reel, time.monotonic()
            self._lock.notify_all()
        self._render(reel)

    def _render(self, reel: Reel) -> None:
        threading.Thread(target=reel.finish, daemon=True).start()

    def frame(self) -> tuple[bytes, int]:
        """The newest frame and its tick; the tick stands still while the camera is frozen."""
        with self._lock:
            tick = int((time.monotonic() - self._began) * FRAMES_PER_SECOND)
            if self._frozen:
                return self._frozen, -1
            return self._reel.frame(tick), tick

    def next_frame(self, last: int) -> tuple[bytes, int] | None:
        """Wait for a tick other than `last`; None when the camera is unplugged or closed."""
        while True:
            with self._lock:
                if self._closed or self._fault == "disconnect":
                    return None
            picture, tick = self.frame()
            if tick not in (last, -1):
                return picture, tick
            with self._lock:
                self._lock.wait(1 / FRAMES_PER_SECOND / 4)

    @property
    def plugged_in(self) -> bool:
        with self._lock:
            return self._fault != "disconnect"

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._reel.stop()
        self._desk.stop()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], camera: CameraServer) -> None:
        self.camera = camera
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 20

    def do_GET(self) -> None:
        camera = self.server.camera
        if not camera.plugged_in:
            self.close_connection = True
        elif self.path == "/video":
            with suppress(ConnectionError, TimeoutError):
                self._stream(camera)
        elif self.path == "/frame.jpg":
            self._send(camera.frame()[0])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, picture: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(picture)))
        self.end_headers()
        self.wfile.write(picture)

    def _stream(self, camera: CameraServer) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.close_connection = True
        last = -2
        for _ in itertools.count():
            taken = camera.next_frame(last)
            if taken is None:
                return
            picture, last = taken
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The camera keeps no access log."""
