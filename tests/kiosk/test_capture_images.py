"""Image decoding: right on good files, IMAGE_UNREADABLE and nothing else on bad ones."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from kiosk.capture.images import MAX_SIDE, decode_image, encode_jpeg
from kiosk.capture.portrait import decode_portrait, portrait_png
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


def _siz(at: int, value: int, size: int = 4) -> bytes:
    """The JPEG 2000 file with one number of its SIZ segment replaced, the boxes around left as they are."""
    data = bytearray(GOOD["JPEG2000"])
    start = data.index(b"\xff\x4f\xff\x51") + at
    data[start : start + size] = value.to_bytes(size, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_siz(8, 60_000), ErrorCode.IMAGE_TOO_LARGE),  # the box says 40 pixels, the codestream 60000
        (_siz(8, 0xFFFFFFFF), ErrorCode.IMAGE_TOO_LARGE),
        (_siz(8, 8_000), ErrorCode.IMAGE_UNREADABLE),  # allowed by itself, but not what the box says
        (_siz(8, 0), ErrorCode.IMAGE_UNREADABLE),
        (_siz(40, 16_384, 2), ErrorCode.IMAGE_UNREADABLE),  # components
        (_siz(42, 37, 1), ErrorCode.IMAGE_UNREADABLE),  # bits a sample, less one
        (_siz(24, 0), ErrorCode.IMAGE_UNREADABLE),  # tiles without width
        (GOOD["JPEG2000"][:80], ErrorCode.IMAGE_UNREADABLE),
    ],
)
def test_hostile_jpeg_2000_is_refused_by_its_codestream(data: bytes, code: ErrorCode) -> None:
    with pytest.raises(KioskError) as caught:
        decode_portrait(data)
    assert caught.value.code is code


def test_many_tiles_are_refused() -> None:
    data = bytearray(_siz(8, 2_000))
    start = data.index(b"\xff\x4f\xff\x51")
    data[start + 12 : start + 16] = (2_000).to_bytes(4, "big")
    data[start + 24 : start + 32] = bytes((0, 0, 0, 1)) * 2
    with pytest.raises(KioskError) as caught:
        decode_portrait(bytes(data))
    assert (caught.value.code, caught.value.detail) == (ErrorCode.IMAGE_TOO_LARGE, "too many tiles")


def test_a_jpeg_that_claims_too_much_is_refused_by_its_header() -> None:
    data = bytearray(GOOD["JPEG"])
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = b"\x1f\xff\x1f\xff"
    with pytest.raises(KioskError) as caught:
        decode_portrait(bytes(data))
    assert caught.value.code is ErrorCode.IMAGE_TOO_LARGE


@pytest.mark.parametrize("kind", FORMATS)
def test_portraits_become_png_with_their_pixels(kind: str) -> None:
    made = portrait_png(GOOD[kind])
    assert (made.width, made.height, made.mime) == (40, 30, "image/png")
    assert np.array_equal(decode_image(made.image), decode_portrait(GOOD[kind]))


def test_a_portrait_may_have_four_million_pixels() -> None:
    data = picture("PNG", (2_001, 2_000))
    assert decode_image(data).shape == (2_000, 2_001, 3)
    with pytest.raises(KioskError) as caught:
        decode_portrait(data)
    assert caught.value.code is ErrorCode.IMAGE_TOO_LARGE


def test_other_formats_are_unreadable() -> None:
    with pytest.raises(KioskError):
        decode_image(picture("GIF"))


def test_sizes_are_bounded_before_pixels_are_made() -> None:
    with pytest.raises(KioskError) as caught:
        decode_image(picture("PNG", (MAX_SIDE + 1, 1)))
    assert caught.value.code is ErrorCode.IMAGE_TOO_LARGE
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
    """The decoded picture's shape, None where it is refused with one of the two codes for that."""
    try:
        return decode_image(data).shape
    except KioskError as error:
        if error.code not in (ErrorCode.IMAGE_UNREADABLE, ErrorCode.IMAGE_TOO_LARGE):
            raise
        return None
