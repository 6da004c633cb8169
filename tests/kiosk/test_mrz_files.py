"""Picture files for the MRZ reader: every common format right, everything else refused with a code."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from kiosk.capture import picture_files
from kiosk.capture.picture_files import (
    MAX_BYTES,
    READ_PIXELS,
    READ_SIDE,
    decode_picture,
    load_picture,
)
from kiosk.capture.picture_headers import kind_of
from kiosk.errors import ErrorCode, KioskError

WIDTH, HEIGHT = 64, 40
CODES = (ErrorCode.IMAGE_UNREADABLE, ErrorCode.IMAGE_TOO_LARGE)


def colours() -> Pillow.Image:
    """Smooth, and different in every corner, so that a turned picture is seen."""
    across, down = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    planes = (40 + 160 * across, 60 + 120 * down, 90 + 80 * across * down)
    return Pillow.fromarray(np.dstack(planes).astype(np.uint8), "RGB")


GRAY = np.asarray(colours().convert("L"), int)


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    colours().convert(mode).save(out, kind, **options)
    return out.getvalue()


def deep_png() -> bytes:
    return bytes(cv2.imencode(".png", (GRAY * 257).astype(np.uint16))[1])


def twelve_bit_tiff() -> bytes:
    out = io.BytesIO()
    Pillow.fromarray((GRAY * 16).astype(np.uint16)).save(out, "TIFF")
    return out.getvalue()


def several(kind: str) -> bytes:
    out = io.BytesIO()
    others = [Pillow.new("RGB", (WIDTH, HEIGHT), tone) for tone in ("black", "white")]
    colours().save(out, kind, save_all=True, append_images=others)
    return out.getvalue()


GOOD: dict[str, bytes] = {
    "jpeg": encoded("JPEG", quality=95),
    "jpeg-progressive": encoded("JPEG", quality=95, progressive=True),
    "jpeg-grey": encoded("JPEG", "L", quality=95),
    "jpeg-cmyk": encoded("JPEG", "CMYK", quality=95),
    "png": encoded("PNG"),
    "png-grey": encoded("PNG", "L"),
    "png-palette": encoded("PNG", "P"),
    "png-alpha": encoded("PNG", "RGBA"),
    "png-grey-alpha": encoded("PNG", "LA"),
    "png-16": deep_png(),
    "apng": several("PNG"),
    "tiff": encoded("TIFF"),
    "tiff-lzw": encoded("TIFF", compression="tiff_lzw"),
    "tiff-jpeg": encoded("TIFF", compression="jpeg", quality=95),
    "tiff-cmyk": encoded("TIFF", "CMYK"),
    "tiff-lab": encoded("TIFF", "RGB"),
    "tiff-pages": several("TIFF"),
    "bmp": encoded("BMP"),
    "bmp-palette": encoded("BMP", "P"),
    "webp": encoded("WEBP", quality=95),
    "webp-lossless": encoded("WEBP", lossless=True),
    "webp-alpha": encoded("WEBP", "RGBA", lossless=True),
    "webp-animated": several("WEBP"),
    "jpeg2000": encoded("JPEG2000"),
    "jpeg2000-grey": encoded("JPEG2000", "L"),
    "gif": encoded("GIF"),
    "gif-animated": several("GIF"),
}
COARSE = {"png-palette", "bmp-palette", "gif", "gif-animated"}  # few colours


@pytest.mark.parametrize("name", GOOD)
def test_every_format_becomes_the_same_grey_pixels(name: str) -> None:
    picture = decode_picture(GOOD[name])
    assert picture.pixels.shape == (HEIGHT, WIDTH)
    assert (picture.width, picture.height, picture.scale) == (WIDTH, HEIGHT, 1.0)
    limit = 24 if name in COARSE else 6
    assert np.abs(picture.pixels.astype(int) - GRAY).mean() < limit


def test_bilevel_and_float_files_are_read() -> None:
    bilevel = decode_picture(encoded("TIFF", "1", compression="group4")).pixels
    assert set(np.unique(bilevel)) == {0, 255}
    out = io.BytesIO()
    Pillow.fromarray((GRAY / 255).astype(np.float32)).save(out, "TIFF")
    spread = decode_picture(out.getvalue()).pixels
    assert (spread.min(), spread.max()) == (0, 255)


def test_twelve_bits_in_sixteen_are_spread() -> None:
    pixels = decode_picture(twelve_bit_tiff()).pixels.astype(int)
    assert pixels.max() == 255
    assert np.corrcoef(pixels.ravel(), GRAY.ravel())[0, 1] > 0.999


def test_a_deep_picture_has_one_scale_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "_BAND", 5 * WIDTH)
    pixels = decode_picture(twelve_bit_tiff()).pixels.astype(int)
    assert np.corrcoef(pixels.ravel(), GRAY.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_lies_on_white_paper(kind: str) -> None:
    picture = Pillow.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture.paste((10, 10, 10, 255), (5, 5, 15, 15))
    out = io.BytesIO()
    picture.save(out, kind, lossless=True)
    pixels = decode_picture(out.getvalue()).pixels
    assert pixels[0, 0] > 250
    assert pixels[10, 10] < 20


def test_a_transparent_palette_colour_lies_on_white_paper() -> None:
    picture = Pillow.new("P", (20, 20), 1)
    picture.putpalette((0, 0, 0, 0, 0, 0))
    picture.paste(0, (5, 5, 15, 15))
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=1)
    pixels = decode_picture(out.getvalue()).pixels
    assert (pixels[0, 0], pixels[10, 10]) == (255, 0)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("TIFF", "RGB")],
)
def test_pictures_stand_upright_by_their_tag(kind: str, mode: str, tag: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = tag
    stored = {
        1: GRAY,
        2: GRAY[:, ::-1],
        3: GRAY[::-1, ::-1],
        4: GRAY[::-1],
        5: GRAY.T,
        6: np.rot90(GRAY),
        7: np.rot90(GRAY.T, 2),
        8: np.rot90(GRAY, -1),
    }[tag]
    out = io.BytesIO()
    turned = Pillow.fromarray(np.ascontiguousarray(stored).astype(np.uint8)).convert(mode)
    turned.save(out, kind, exif=exif, quality=95)
    picture = decode_picture(out.getvalue())
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert np.abs(picture.pixels.astype(int) - GRAY).mean() < 6


def test_adobe_rgb_and_plain_cmyk_jpegs_keep_their_polarity() -> None:
    """RGB components without a colour transform, and CMYK with no Adobe marker: 0 is no ink."""
    plain = encoded("JPEG", "CMYK", quality=95)
    marker = plain.index(b"\xff\xee")
    length = struct.unpack_from(">H", plain, marker + 2)[0]
    out = io.BytesIO()
    inverted = Pillow.fromarray(255 - np.asarray(colours().convert("CMYK")), "CMYK")
    inverted.save(out, "JPEG", quality=95)  # stored inverted once more: now as a file without marker means it
    data = out.getvalue()
    assert data[marker : marker + 2] == b"\xff\xee"
    pixels = decode_picture(data[:marker] + data[marker + 2 + length :]).pixels
    assert np.abs(pixels.astype(int) - GRAY).mean() < 8
    adobe = decode_picture(encoded("JPEG", quality=95, keep_rgb=True)).pixels
    assert np.abs(adobe.astype(int) - GRAY).mean() < 6


# Size


def test_large_pictures_are_scaled_and_points_lead_back() -> None:
    wide = Pillow.new("L", (6000, 4000), 255)
    wide.paste(0, (4500, 1000, 4600, 1100))
    for kind in ("JPEG", "PNG", "JPEG2000"):
        out = io.BytesIO()
        wide.save(out, kind)
        picture = decode_picture(out.getvalue())
        assert picture.pixels.size <= READ_PIXELS
        assert (picture.width, picture.height) == (6000, 4000)
        rows, columns = np.nonzero(picture.pixels < 128)
        middle = picture.original(np.array([[columns.mean(), rows.mean()]]))[0]
        assert middle == pytest.approx((4549.5, 1049.5), abs=1.5)


def test_a_long_strip_keeps_within_the_side_limit() -> None:
    out = io.BytesIO()
    Pillow.new("L", (40000, 30), 200).save(out, "PNG")
    picture = decode_picture(out.getvalue())
    assert picture.pixels.shape[1] <= READ_SIDE
    assert picture.scale == pytest.approx(40000 / picture.pixels.shape[1])


def _png_claiming(width: int, height: int) -> bytes:
    data = bytearray(GOOD["png"])
    data[16:24] = struct.pack(">II", width, height)
    return bytes(data)


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(GOOD["jpeg"])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif_claiming(width: int, height: int) -> bytes:
    return GOOD["gif"][:6] + struct.pack("<HH", width, height) + GOOD["gif"][10:]


def _bmp_claiming(width: int, height: int) -> bytes:
    return GOOD["bmp"][:18] + struct.pack("<ii", width, height) + GOOD["bmp"][26:]


@pytest.mark.parametrize("claim", [_png_claiming, _jpeg_claiming, _bmp_claiming])
def test_bombs_are_refused_and_nothing_has_no_pixels(claim: Callable[[int, int], bytes]) -> None:
    assert _refusal(claim(60000, 60000)) is ErrorCode.IMAGE_TOO_LARGE
    assert _refusal(_gif_claiming(60000, 60000)) is ErrorCode.IMAGE_TOO_LARGE
    assert _refusal(claim(0, 40)) is ErrorCode.IMAGE_UNREADABLE
    assert _refusal(claim(64, 0)) is ErrorCode.IMAGE_UNREADABLE


def test_a_jpeg_of_many_scans_is_refused() -> None:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    data = GOOD["jpeg-progressive"]
    assert _refusal(data[:-2] + 200 * scan + data[-2:]) is ErrorCode.IMAGE_UNREADABLE


# Files


def test_a_file_is_read_whatever_its_name_says(tmp_path: Path) -> None:
    for name in ("png", "tiff", "webp-animated"):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(GOOD[name])
        assert load_picture(path).pixels.shape == (HEIGHT, WIDTH)


def test_what_is_no_readable_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ("pipe", "empty.jpg", "none.jpg", "loop", "", "a\0b", "x" * 5000)
    paths = [*(tmp_path / name for name in names), Path("/dev/zero"), Path("/dev/tty"), Path("/dev/stdin")]
    for path in paths:
        assert _file_refusal(path) is ErrorCode.IMAGE_UNREADABLE


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(GOOD["png"])
    path.chmod(0)
    assert _file_refusal(path) is ErrorCode.IMAGE_UNREADABLE


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.write(GOOD["jpeg"])
        file.truncate(MAX_BYTES + 1)
    assert _file_refusal(path) is ErrorCode.IMAGE_TOO_LARGE


# Damage


@pytest.mark.parametrize("name", GOOD)
def test_truncated_files_are_refused_or_whole(name: str) -> None:
    data = GOOD[name]
    for length in range(0, len(data), max(7, len(data) // 60)):
        _survives(data[:length])


@pytest.mark.parametrize("name", GOOD)
def test_every_flipped_byte_of_the_header_is_survived(name: str) -> None:
    data = GOOD[name]
    for place in range(min(len(data), 120)):
        _survives(data[:place] + bytes((data[place] ^ 0xFF,)) + data[place + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_damaged_files_raise_only_our_errors(name: str, data: st.DataObject) -> None:
    damaged = bytearray(GOOD[name])
    places = data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=12))
    for place in places:
        damaged[place] = data.draw(st.integers(0, 255))
    _survives(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([GOOD[name][:24] for name in sorted(GOOD)] + [b"", b"II+\0"]), st.binary())
def test_rubbish_behind_a_beginning_raises_only_our_errors(start: bytes, tail: bytes) -> None:
    _survives(start + tail)


def test_kinds_are_told_by_their_first_bytes() -> None:
    assert {name: str(kind_of(data)).lower() for name, data in GOOD.items()} == {
        name: "png" if name == "apng" else name.split("-")[0] for name in GOOD
    }
    assert kind_of(b"%PDF-1.7") is None


def _survives(data: bytes) -> None:
    assert _refusal(data) in (None, *CODES)


def _refusal(data: bytes) -> ErrorCode | None:
    try:
        picture = decode_picture(data)
    except KioskError as error:
        return error.code
    assert picture.pixels.ndim == 2
    assert picture.pixels.size
    return None


def _file_refusal(path: Path) -> ErrorCode | None:
    with pytest.raises(KioskError) as caught:
        load_picture(path)
    return caught.value.code
