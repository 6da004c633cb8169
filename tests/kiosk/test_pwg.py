"""PWG Raster against a decoder written from the format's description."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hardware_mocks import pwg_raster
from kiosk.ports import Image
from kiosk.printing import pwg

MEDIA = "custom_cr80_85.6x53.98mm"


def page(height: int, width: int, seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def decoded(data: bytes) -> list[Image]:
    return [np.asarray(picture, np.uint8) for picture in pwg_raster.decode(data)]


def test_two_noisy_pages_come_back_exactly() -> None:
    pages = (page(64, 101, 1), page(64, 101, 2))
    found = decoded(pwg.encode(pages, 300, media=MEDIA))
    assert len(found) == 2
    assert all(np.array_equal(one, other) for one, other in zip(pages, found, strict=True))


@pytest.mark.parametrize("width", [1, 2, 127, 128, 129, 130, 256, 257, 1011])
def test_runs_and_literals_of_every_length(width: int) -> None:
    noisy, flat = page(3, width, width), np.full((3, width, 3), 7, np.uint8)
    half = noisy.copy()
    half[:, width // 2 :] = 200
    for one in (noisy, flat, half):
        assert np.array_equal(decoded(pwg.encode((one,), 300, media=MEDIA))[0], one)


def test_equal_lines_are_sent_once() -> None:
    flat = np.full((638, 1011, 3), 255, np.uint8)
    data = pwg.encode((flat,), 300, media=MEDIA)
    assert np.array_equal(decoded(data)[0], flat)
    assert len(data) < pwg.HEADER_BYTES + 200


def test_header_says_what_the_page_is() -> None:
    data = pwg.encode((page(638, 1011, 5), page(638, 1011, 6)), 300, media=MEDIA)
    assert data[:4] == b"RaS2"
    header = data[4 : 4 + pwg.HEADER_BYTES]

    def number(offset: int) -> int:
        return int.from_bytes(header[offset : offset + 4], "big")

    assert header[:10] == b"PwgRaster\0"
    assert [number(o) for o in (272, 276, 280, 372, 376, 384, 388, 392, 396, 400, 420)] == [
        1, 300, 300, 1011, 638, 8, 24, 3033, 0, 19, 3,
    ]  # fmt: skip
    assert (number(352), number(356)) == (243, 153)  # points
    assert [number(o) for o in (452, 456, 460)] == [2, 1, 1]
    assert header[1732:].rstrip(b"\0").decode() == MEDIA


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 300), st.just(3)), elements=st.integers(0, 2)
    )
)
def test_any_page_comes_back(one: Image) -> None:
    assert np.array_equal(decoded(pwg.encode((one,), 600, media=MEDIA))[0], one)
