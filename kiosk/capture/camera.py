"""Cameras by address: `camera:http://…` (motion JPEG) and `v4l2:/dev/video0`.

A daemon thread per camera keeps the newest picture only, so that a slow reader never sees the past,
and connects again after a loss. What it cannot read it drops.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from kiosk.capture.images import decode_image
from kiosk.capture.mjpeg import MjpegStream, StreamBroken
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Camera, Frame, Image

RETRY_SECONDS = 0.4
OPEN_TIMEOUT = 5.0
CLOSE_TIMEOUT = 2.0


class Source(Protocol):
    """One connection to a camera; raises OSError, HTTPException or StreamBroken when it is lost."""

    def frames(self) -> Iterator[Callable[[], Image]]:
        """Pictures still to be decoded; decoding may raise IMAGE_UNREADABLE."""
        ...

    def close(self) -> None: ...


def open_camera(uri: str) -> Camera:
    """A camera that has shown it is there; CAMERA_UNAVAILABLE or DEVICE_UNKNOWN otherwise."""
    scheme, _, address = uri.partition(":")
    if scheme == "camera":
        return LiveCamera(uri, lambda: HttpSource(address))
    if scheme == "v4l2":
        return LiveCamera(uri, lambda: V4l2Source(address))
    raise KioskError(ErrorCode.DEVICE_UNKNOWN, "a camera's address begins with camera: or v4l2:")


class HttpSource:
    """Motion JPEG over HTTP."""

    def __init__(self, url: str) -> None:
        self._stream = MjpegStream(url)

    def frames(self) -> Iterator[Callable[[], Image]]:
        for data in self._stream.frames():
            yield partial(decode_image, data)

    def close(self) -> None:
        self._stream.close()


class V4l2Source:
    """A camera of the operating system, `/dev/videoN`, through OpenCV; released by its own thread."""

    def __init__(self, device: str) -> None:
        number = re.fullmatch(r"/dev/video(\d{1,3})", device)
        if number is None or not Path(device).exists():
            raise StreamBroken("no such video device")
        self._index = int(number[1])
        self._stopped = threading.Event()

    def frames(self) -> Iterator[Callable[[], Image]]:
        capture = cv2.VideoCapture(self._index, cv2.CAP_V4L2)
        try:
            while not self._stopped.is_set():
                good, picture = capture.read() if capture.isOpened() else (False, None)
                if not good or picture is None:
                    raise StreamBroken("the video device gives no picture")
                yield partial(np.asarray, picture, np.uint8)
        finally:
            capture.release()

    def close(self) -> None:
        self._stopped.set()


class LiveCamera:
    """A `Camera` over any `Source`. `read` is for one thread at a time."""

    def __init__(self, name: str, connect: Callable[[], Source], *, timeout: float = OPEN_TIMEOUT) -> None:
        self.name = name
        self._connect = connect
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._source: Source | None = None
        self._newest: Callable[[], Image] | None = None
        self._sequence = 0
        self._at = 0.0
        self._connected = False
        self._failed = False
        self._given = 0
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()
        with self._changed:
            seen = self._changed.wait_for(lambda: self._sequence > 0 or self._failed, timeout)
        if not seen or self._failed:
            self.close()
            raise KioskError(ErrorCode.CAMERA_UNAVAILABLE, "the camera gives no picture")

    def read(self, timeout: float) -> Frame:
        """The newest picture not yet given. CAMERA_SILENT or, with the line lost, CAMERA_UNAVAILABLE."""
        deadline = time.monotonic() + timeout
        while True:
            decode, sequence, at = self._next(deadline)
            try:
                return Frame(decode(), sequence, at)
            except KioskError:
                continue  # a damaged picture: wait for the next

    def close(self) -> None:
        """Stop and let go of the camera."""
        self._stopped.set()
        with self._changed:
            source = self._source
            self._changed.notify_all()
        if source is not None:
            source.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_TIMEOUT)

    def _next(self, deadline: float) -> tuple[Callable[[], Image], int, float]:
        with self._changed:
            fresh = self._changed.wait_for(
                lambda: self._stopped.is_set() or self._sequence > self._given,
                max(0.0, deadline - time.monotonic()),
            )
            if self._stopped.is_set() or (not fresh and not self._connected):
                raise KioskError(ErrorCode.CAMERA_UNAVAILABLE, "the line to the camera is lost")
            if not fresh or self._newest is None:
                raise KioskError(ErrorCode.CAMERA_SILENT, "no new picture in time")
            self._given = self._sequence
            return self._newest, self._sequence, self._at

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except (OSError, HTTPException, StreamBroken, cv2.error):
                self._lost()
                self._stopped.wait(RETRY_SECONDS)

    def _follow(self) -> None:
        source = self._connect()
        try:
            with self._changed:
                self._source = source
            if not self._stopped.is_set():
                for picture in source.frames():
                    self._publish(picture)
        finally:
            source.close()

    def _publish(self, picture: Callable[[], Image]) -> None:
        if self._stopped.is_set():
            raise StreamBroken("closed")
        with self._changed:
            self._connected, self._newest = True, picture
            self._sequence += 1
            self._at = time.monotonic()
            self._changed.notify_all()

    def _lost(self) -> None:
        with self._changed:
            self._connected = False
            self._failed = self._sequence == 0  # not even the first connection came about
            self._source = None
            self._changed.notify_all()
