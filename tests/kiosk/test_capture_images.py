"""Image decoding: right on good files, IMAGE_UNREADABLE and nothing else on bad ones."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from kiosk.capture.images import MAX_SIDE, decode_image, encode_jpeg
from kiosk.errors import ErrorCode, KioskError

FORMATS = ("JPEG", "PNG", "JPEG2000")


def picture(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    pixels = np.indices((size[1], size[0])).sum(axis=0) * 3 % 256
    out = io.BytesIO()
    Pillow.fromarray(pixels.astype(np.uint8), "L").convert(mode).save(out, kind)
    return out.getvalue()


GOOD = {kind: picture(kind) for kind in FORMATS}


@pytest.mark.parametrize("kind", FORMATS)
def test_good_files_become_bgr_pixels(kind: str) -> None:
    image = decode_image(GOOD[kind])
    assert (image.shape, image.dtype) == ((30, 40, 3), np.uint8)
    assert abs(int(image[10, 10, 0]) - 60) < 20


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA"])
def test_other_colour_modes_become_three_channels(mode: str) -> None:
    assert decode_image(picture("PNG", mode=mode)).shape == (30, 40, 3)


def test_channels_are_blue_first() -> None:
    out = io.BytesIO()
    Pillow.new("RGB", (4, 4), (250, 10, 20)).save(out, "PNG")
    assert decode_image(out.getvalue())[0, 0].tolist() == [20, 10, 250]


def test_jpeg_round_trip() -> None:
    image = decode_image(GOOD["PNG"])
    again = decode_image(encode_jpeg(image))
    assert np.abs(again.astype(int) - image.astype(int)).mean() < 6


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", bytes(5000)])
def test_what_is_no_picture_is_unreadable(data: bytes) -> None:
    with pytest.raises(KioskError) as caught:
        decode_image(data)
    assert caught.value.code is ErrorCode.IMAGE_UNREADABLE


def test_other_formats_are_unreadable() -> None:
    with pytest.raises(KioskError):
        decode_image(picture("GIF"))


def test_sizes_are_bounded_before_pixels_are_made() -> None:
    with pytest.raises(KioskError) as caught:
        decode_image(picture("PNG", (MAX_SIDE + 1, 1)))
    assert caught.value.code is ErrorCode.IMAGE_UNREADABLE
    header = bytearray(GOOD["PNG"])
    header[16:24] = b"\x00\x00\x7f\xff\x00\x00\x7f\xff"  # a bomb: 32767 x 32767 claimed
    with pytest.raises(KioskError):
        decode_image(bytes(header))


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files_are_unreadable_or_whole(kind: str) -> None:
    data = GOOD[kind]
    for length in range(0, len(data), 7):
        assert _shape(data[:length]) in (None, (30, 40, 3))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_flipped_byte_of_the_first_part_is_survived(kind: str) -> None:
    data = GOOD[kind]
    for place in range(min(len(data), 400)):
        for mask in (0xFF, 0x01, 0x80):
            _survives(data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_files_raise_only_our_error(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(GOOD[kind])
    places = data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=12))
    for place in places:
        damaged[place] = data.draw(st.integers(0, 255))
    _survives(bytes(damaged))


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x0cjP  \r\n\x87\n"]),
    st.binary(),
)
def test_rubbish_behind_a_magic_number_raises_only_our_error(magic: bytes, tail: bytes) -> None:
    _survives(magic + tail)


def _survives(data: bytes) -> None:
    shape = _shape(data)
    assert shape is None or len(shape) == 3


def _shape(data: bytes) -> tuple[int, ...] | None:
    """The decoded picture's shape, None where it is refused with the one code there is for that."""
    try:
        return decode_image(data).shape
    except KioskError as error:
        if error.code is not ErrorCode.IMAGE_UNREADABLE:
            raise
        return None
