"""The camera client against streams that behave and streams that do not."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from kiosk.capture.camera import LiveCamera, open_camera
from kiosk.capture.mjpeg import MjpegStream, StreamBroken
from kiosk.errors import ErrorCode, KioskError

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=xx\r\n\r\n"


def jpeg(level: int) -> bytes:
    good, data = cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))
    assert good
    return bytes(data)


def part(data: bytes) -> bytes:
    return b"--xx\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


class Device:
    """A stream server whose every connection is played by `script`; `hold` keeps it open and silent."""

    def __init__(self, script: Callable[[socket.socket, threading.Event], None]) -> None:
        self.done = threading.Event()
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        return f"camera:http://127.0.0.1:{self._socket.getsockname()[1]}/video"

    def _serve(self) -> None:
        while not self.done.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                try:
                    self._script(connection, self.done)
                except OSError:
                    continue  # the client went away

    def close(self) -> None:
        self.done.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@contextmanager
def device(script: Callable[[socket.socket, threading.Event], None]) -> Iterator[Device]:
    made = Device(script)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def camera(uri: str) -> Iterator[LiveCamera]:
    opened = open_camera(uri)
    assert isinstance(opened, LiveCamera)
    try:
        yield opened
    finally:
        opened.close()


def code_of(call: Callable[[], object]) -> ErrorCode:
    with pytest.raises(KioskError) as caught:
        call()
    return caught.value.code


def test_pictures_come_decoded_and_counted() -> None:
    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + part(jpeg(40)))
        done.wait(10)

    with device(script) as server, camera(server.uri) as live:
        frame = live.read(5)
        assert frame.image.shape == (48, 64, 3)
        assert abs(int(frame.image.mean()) - 40) < 3
        assert frame.sequence == 1
        assert frame.at > 0


def test_only_the_newest_picture_is_given_and_only_once() -> None:
    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + b"".join(part(jpeg(level)) for level in (10, 100, 200)))
        done.wait(10)

    with device(script) as server, camera(server.uri) as live:
        frames = []
        while not frames or frames[-1].sequence < 3:
            frames.append(live.read(5))
        assert abs(int(frames[-1].image.mean()) - 200) < 3
        assert code_of(lambda: live.read(0.05)) is ErrorCode.CAMERA_SILENT


def test_a_frozen_stream_is_silent_within_the_timeout() -> None:
    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + part(jpeg(10)) + b"--xx\r\nContent-Length: 5000\r\n\r\nhalf")
        done.wait(10)

    with device(script) as server, camera(server.uri) as live:
        live.read(5)
        assert code_of(lambda: live.read(0.1)) is ErrorCode.CAMERA_SILENT


def test_damaged_pictures_are_dropped() -> None:
    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + part(b"no picture at all"))
        done.wait(10)

    with device(script) as server, camera(server.uri) as live:
        assert code_of(lambda: live.read(0.2)) is ErrorCode.CAMERA_SILENT


def test_a_lost_line_is_told_and_comes_back() -> None:
    again, lost = threading.Event(), threading.Event()

    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + part(jpeg(70 if again.is_set() else 10)))
        if again.is_set():
            done.wait(10)
        else:
            lost.wait(10)
            again.wait(10)

    def cut(line: socket.socket, done: threading.Event) -> None:
        if not again.is_set() and lost.is_set():
            return
        script(line, done)

    with device(cut) as server, camera(server.uri) as live:
        assert abs(int(live.read(5).image.mean()) - 10) < 3
        lost.set()
        again.set()
        assert abs(int(live.read(10).image.mean()) - 70) < 3


def test_a_line_that_stays_away_is_unavailable() -> None:
    calls = []

    def script(line: socket.socket, done: threading.Event) -> None:
        calls.append(1)
        if len(calls) == 1:
            line.sendall(HEAD + part(jpeg(10)))

    with device(script) as server, camera(server.uri) as live:
        live.read(5)
        assert code_of(lambda: live.read(0.3)) is ErrorCode.CAMERA_UNAVAILABLE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n--xx\r\n",
        HEAD,
        HEAD + b"--xx\r\n\r\n",
        HEAD + b"--xx\r\nContent-Length: -5\r\n\r\n",
        HEAD + b"--xx\r\nContent-Length: 99999999999999999999\r\n\r\n",
        HEAD + b"--xx\r\nContent-Length: 900\r\n\r\nshort",
        HEAD + b"x" * 20000,
        HEAD + b"nothing\r\n" * 100,
        HEAD + b"--xx\r\n" + b"A: b\r\n" * 100,
    ],
)
def test_streams_that_are_none_make_the_camera_unavailable(answer: bytes) -> None:
    with device(lambda line, _done: line.sendall(answer)) as server:
        assert code_of(lambda: open_camera(server.uri)) is ErrorCode.CAMERA_UNAVAILABLE


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert code_of(lambda: open_camera(f"camera:http://127.0.0.1:{port}/")) is ErrorCode.CAMERA_UNAVAILABLE


@pytest.mark.parametrize("uri", ["camera:ftp://x/", "camera:", "v4l2:/dev/video999", "v4l2:/etc/passwd"])
def test_addresses_without_a_camera(uri: str) -> None:
    assert code_of(lambda: open_camera(uri)) is ErrorCode.CAMERA_UNAVAILABLE


def test_unknown_kinds_of_address() -> None:
    assert code_of(lambda: open_camera("tape:reel")) is ErrorCode.DEVICE_UNKNOWN


def test_a_closed_camera_gives_nothing() -> None:
    def script(line: socket.socket, done: threading.Event) -> None:
        line.sendall(HEAD + part(jpeg(10)))
        done.wait(10)

    with device(script) as server:
        live = open_camera(server.uri)
        live.close()
        assert code_of(lambda: live.read(1)) is ErrorCode.CAMERA_UNAVAILABLE


def test_a_stream_needs_an_http_address() -> None:
    with pytest.raises(StreamBroken):
        MjpegStream("file:///etc/passwd")
