"""Pictures of a case as the window gets them: a portrait that is no picture leaves its place empty."""

import io
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from kiosk.capture.images import encode_jpeg
from kiosk.domain.cases import Case
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.session import Session
from ui.models.desk import snapshot

PIL = pytest.importorskip("PIL.Image")


def _jpeg_2000() -> bytes:
    out = io.BytesIO()
    PIL.new("RGB", (32, 40), (250, 20, 10)).save(out, "JPEG2000")
    return out.getvalue()


IMAGES = {
    "jpeg": encode_jpeg(np.zeros((4, 3, 3), np.uint8)),
    "jp2": _jpeg_2000(),
    "broken": b"\xff\xd8\xff\xe0 nothing",
}


def _image(name: str) -> bytes:
    if name not in IMAGES:
        raise KioskError(ErrorCode.IMAGE_UNREADABLE, name)
    return IMAGES[name]


def _session() -> Session:
    return cast(Session, SimpleNamespace(next_step=lambda: "", grant_obstacle=lambda: "", image=_image))


CASE = cast(Case, SimpleNamespace(decision=None))


def test_jpeg_and_jpeg_2000_are_shown_and_what_is_no_picture_is_left_out() -> None:
    shown = snapshot(_session(), CASE, ("jpeg", "", "jp2", "broken")).images
    assert sorted(shown) == ["jp2", "jpeg"]
    assert (shown["jp2"].width(), shown["jp2"].height()) == (32, 40)
    assert shown["jp2"].pixelColor(16, 20).red() > 200


def test_a_picture_that_the_store_has_lost_is_a_problem() -> None:
    with pytest.raises(KioskError):
        snapshot(_session(), CASE, ("lost",))
