"""Faces on drawn portraits are found, and none where there is none."""

import numpy as np
import pytest
from PIL import Image as Pillow

from hardware_mocks.portraits import Look, portrait
from kiosk.capture.faces import find_faces
from kiosk.domain.documents import Sex
from kiosk.ports import Image


def bgr(picture: Pillow.Image) -> Image:
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"), np.uint8)[:, :, ::-1])


@pytest.mark.parametrize("seed", range(4))
def test_one_face_in_the_middle_of_a_portrait(seed: int) -> None:
    sex = Sex.MALE if seed % 2 else Sex.FEMALE
    picture = portrait(Look(seed=f"faces-{seed}", sex=sex, age=25 + 10 * seed))
    faces = find_faces(bgr(picture))
    assert faces
    x, y, width, height = faces[0]
    assert x < picture.width / 2 < x + width
    assert 0 <= y < y + height <= picture.height
    assert width > picture.width * 0.3


def test_place_and_size_follow_the_picture() -> None:
    small = portrait(Look(seed="faces-a", sex=Sex.MALE)).resize((240, 320))
    canvas = Pillow.new("RGB", (1200, 800), (225, 228, 230))
    canvas.paste(small, (800, 300))
    x, y, width, _height = find_faces(bgr(canvas))[0]
    assert 800 <= x <= 940
    assert 300 <= y <= 540
    assert 70 < width < 240


@pytest.mark.parametrize("shape", [(4, 4), (30, 900), (600, 800)])
def test_no_face_on_plain_paper(shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 3), 200, np.uint8)) == []
