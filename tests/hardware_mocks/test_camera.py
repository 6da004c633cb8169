"""The simulated camera over its HTTP stream: frames, pages coming and going, and its faults."""

import http.client
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from hardware_mocks import scene
from hardware_mocks.camera import CameraServer


@pytest.fixture
def camera() -> Iterator[CameraServer]:
    server = CameraServer()
    yield server
    server.close()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with as much white in it as a real one has."""
    picture = Image.new("RGB", (738, 520), (230, 232, 226))
    picture.paste((20, 20, 20), (60, 420, 680, 440))
    path = tmp_path / "page.png"
    picture.save(path)
    return path


@contextmanager
def stream(camera: CameraServer) -> Iterator[Iterator[bytes]]:
    address = urlsplit(camera.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", address.path)
    response = connection.getresponse()
    assert response.headers.get_content_type() == "multipart/x-mixed-replace"

    def frames() -> Iterator[bytes]:
        while line := response.readline():
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
                response.readline()
                yield response.read(size)

    try:
        yield frames()
    finally:
        response.close()
        connection.close()


def pixels(jpeg: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))


def test_an_empty_desk_is_dark_and_has_the_frame_size(camera: CameraServer) -> None:
    with stream(camera) as frames:
        first = next(frames)
        assert any(next(frames) != first for _ in range(60))
    assert pixels(first).shape == (scene.FRAME_SIZE[1], scene.FRAME_SIZE[0])
    assert pixels(first).mean() < 90


def test_a_page_arrives_and_goes(camera: CameraServer, page: Path) -> None:
    with stream(camera) as frames:
        camera.show(page, "traveller")
        assert any(pixels(next(frames)).mean() > 120 for _ in range(60))
        camera.show(None)
        assert any(pixels(next(frames)).mean() < 90 for _ in range(60))


def test_a_frozen_camera_sends_nothing_new_and_recovers(camera: CameraServer) -> None:
    with stream(camera) as frames:
        next(frames)
        camera.set_fault("freeze")
        frozen, tick = camera.frame()
        assert tick == -1
        assert camera.frame() == (frozen, -1)
        camera.set_fault("")
        assert next(frames)


def test_an_unplugged_camera_hangs_up_and_takes_nobody(camera: CameraServer) -> None:
    with stream(camera) as frames:
        next(frames)
        camera.set_fault("disconnect")
        assert len(list(frames)) < 5
    address = urlsplit(camera.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", address.path)
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def sharpness(jpeg: bytes) -> float:
    grey = pixels(jpeg).astype(float)
    return float(np.percentile(np.abs(np.diff(grey[600:880, 300:900], axis=0)), 99.5))


def test_blur_and_glare_change_the_picture(page: Path) -> None:
    with Image.open(page) as opened:
        picture = opened.convert("RGB")
    sharp = scene.still(picture, "s", 0)
    assert sharpness(scene.still(picture, "s", 0, blur=5.0)) < sharpness(sharp) * 0.7
    bright = pixels(scene.still(picture, "s", 0, glare=True))
    assert (bright > 250).mean() > (pixels(sharp) > 250).mean() + 0.02


def test_an_unknown_fault_is_refused(camera: CameraServer) -> None:
    with pytest.raises(ValueError, match="earthquake"):
        camera.set_fault("earthquake")


def test_frames_repeat_to_the_byte_for_seed_and_number(page: Path) -> None:
    with Image.open(page) as opened:
        picture = opened.convert("RGB")
    assert scene.still(picture, "s", 3) == scene.still(picture, "s", 3)
    assert scene.still(picture, "s", 3) != scene.still(picture, "s", 4)
    assert scene.arriving(picture, "s", 1, 4) == scene.arriving(picture, "s", 1, 4)


@pytest.mark.parametrize("seed", [f"seed {n}" for n in range(40)])
def test_every_page_lies_inside_the_frame_nearly_straight(seed: str) -> None:
    place = scene.placement(seed)
    assert abs(place.turn) < 3
    for x, y in scene.corners(place, (1476, 1039)):
        assert 10 < x < scene.FRAME_SIZE[0] - 10
        assert 10 < y < scene.FRAME_SIZE[1] - 10


def test_other_paths_are_not_found(camera: CameraServer) -> None:
    address = urlsplit(camera.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", "/frame.jpg")
    response = connection.getresponse()
    assert response.read().startswith(b"\xff\xd8")
    connection.close()
    connection.request("GET", "/etc/passwd")
    assert connection.getresponse().status == 404
    connection.close()
