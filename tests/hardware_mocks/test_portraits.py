"""Invented faces: repeatable, different, and accepted by the face finder that the kiosk uses."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hardware_mocks import drawing
from hardware_mocks.hair import MEN, SCARF_STYLE, WOMEN
from hardware_mocks.portraits import HEIGHT, WIDTH, Look, portrait, portrait_jpeg
from kiosk.domain.documents import Sex
from kiosk.errors import ErrorCode, KioskError

STYLES = [(Sex.MALE, style) for style in MEN] + [(Sex.FEMALE, style) for style in (*WOMEN, SCARF_STYLE)]


def looks() -> list[Look]:
    kinds = ("round", "almond", "narrow")
    return [
        Look(
            f"face {index}",
            sex,
            age=20 + index * 5,
            hair="" if style == SCARF_STYLE else style,
            scarf=style == SCARF_STYLE,
            skin=index % 6,
            eyes=kinds[index % 3],
            beard=("", "stubble", "moustache", "beard")[index % 4],
        )
        for index, (sex, style) in enumerate(STYLES)
    ]


@pytest.fixture(scope="module")
def finders() -> tuple[cv2.CascadeClassifier, cv2.CascadeClassifier]:
    folder = cv2.data.haarcascades
    return (
        cv2.CascadeClassifier(folder + "haarcascade_frontalface_default.xml"),
        cv2.CascadeClassifier(folder + "haarcascade_eye.xml"),
    )


@pytest.mark.parametrize("look", looks(), ids=lambda look: f"{look.sex}-{look.hair or 'scarf'}-{look.age}")
def test_the_face_finder_sees_one_face_with_two_eyes(
    look: Look, finders: tuple[cv2.CascadeClassifier, cv2.CascadeClassifier]
) -> None:
    faces, eyes = finders
    grey = cv2.cvtColor(np.asarray(portrait(look)), cv2.COLOR_RGB2GRAY)
    found = faces.detectMultiScale(grey, 1.1, 5, minSize=(150, 150))
    assert len(found) == 1
    x, y, w, h = (int(v) for v in found[0])
    assert abs(x + w / 2 - WIDTH / 2) < 25
    pair = eyes.detectMultiScale(grey[y : y + h * 6 // 10, x : x + w], 1.1, 4, minSize=(30, 30))
    assert len(pair) == 2


def test_a_picture_repeats_to_the_byte_and_differs_between_seeds() -> None:
    look = Look("repeat", Sex.FEMALE, 30)
    first = portrait_jpeg(look)
    portrait.cache_clear()
    portrait_jpeg.cache_clear()
    assert portrait_jpeg(look) == first
    others = {portrait_jpeg(Look(f"repeat {n}", Sex.FEMALE, 30)) for n in range(3)}
    assert len(others | {first}) == 4


def test_the_jpeg_has_passport_size_and_fits_a_chip() -> None:
    data = portrait_jpeg(Look("size", Sex.MALE, 40))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (WIDTH, HEIGHT)
    assert 8_000 < len(data) < 40_000


def test_a_missing_font_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(drawing._FONTS, "ocr-b", (tmp_path / "no.otf", "fonts-ocr-b"))
    drawing.font.cache_clear()
    with pytest.raises(KioskError) as caught:
        drawing.font("ocr-b", 20)
    drawing.font.cache_clear()
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING
    assert caught.value.detail == "fonts-ocr-b"
