"""The drawn card: geometry of the standard, machine-readable parts, and the rules for long text."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from hardware_mocks.portraits import Look, portrait_jpeg
from kiosk.capture.proof import PixelProof
from kiosk.domain.card import CardDescription
from kiosk.domain.documents import Sex
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardFaces, Image
from kiosk.printing import layout, pen, symbol
from kiosk.printing.press import CardPainter

CODE = "KZS1:" + ("Q7X2M9K+D/LP3T%4" * 19)[:296]  # as long as a seal of ours
PORTRAIT = portrait_jpeg(Look(seed="card-7", sex=Sex.MALE, age=34))
CARD = CardDescription(
    number="SHK000042",
    document_code="AR",
    issuing_state="KAZ",
    surname="KARIMOV",
    given_names="JAHONGIR RUSTAMOVICH",
    national_name="КАРИМОВ ЖАҲОНГИР РУСТАМОВИЧ",
    sex=Sex.MALE,
    birth=date(1990, 8, 12),
    nationality="UZB",
    passport_number="FA1234567",
    category="VISA-FREE 30",
    entry_post="ЖІБЕК ЖОЛЫ / ZHIBEK ZHOLY",
    entry_date=date(2026, 11, 22),
    stay_until=date(2026, 12, 21),
    valid_until=date(2026, 12, 21),
    issued_on=date(2026, 11, 22),
    authority="ҰҚК ШЕКАРА ҚЫЗМЕТІ / BORDER SERVICE",
    can="407613",
    mrz_lines=(
        "ARKAZSHK0000421<<<<<<<<<<<<<<<",
        "9008124M2612214UZB<<<<<<<<<<<6",
        "KARIMOV<<JAHONGIR<RUSTAMOVICH<",
    ),
)
LONG: dict[str, Any] = {
    "surname": "PAPANDROPOULOUS WOLFESCHLEGELSTEINHAUSEN",
    "given_names": "JONATHON ALEC MUHAMMAD ABDURRAHMONJON BOBOMURODOVICH",
    "national_name": "张伟 ЗҲАНГ ВЕЙ",
    "iin": "900812300123",
    "birth": None,
    "entry_post": "ҚОРҒАС ХАЛЫҚАРАЛЫҚ ӨТКІЗУ ПУНКТІ / KHORGOS INTERNATIONAL CHECKPOINT",
}


@pytest.fixture(scope="module")
def faces() -> CardFaces:
    return CardPainter().render(CARD, PORTRAIT, CODE)


def mm(value: float) -> int:
    return round(value * 300 / 25.4)


def test_sizes_and_png_files(faces: CardFaces) -> None:
    for side, png in ((faces.front, faces.front_png), (faces.back, faces.back_png)):
        assert (side.shape, side.dtype) == ((638, 1011, 3), np.uint8)
        with Pillow.open(io.BytesIO(png)) as picture:
            assert np.array_equal(np.asarray(picture), side)
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_600_dpi_has_twice_the_pixels() -> None:
    faces = CardPainter(600).render(CARD, PORTRAIT, CODE)
    assert (faces.front.shape, faces.dpi) == ((1275, 2022, 3), 600)
    assert PixelProof().read_back(faces.back) == (CARD.mrz_lines, CODE)


def test_same_description_same_pixels(faces: CardFaces) -> None:
    again = CardPainter().render(CARD, PORTRAIT, CODE)
    assert np.array_equal(again.front, faces.front)
    assert again.back_png == faces.back_png


@pytest.mark.parametrize("change", [{}, LONG, {"specimen": False}, {"sex": Sex.UNSPECIFIED}])
def test_the_back_is_read_again(change: dict[str, Any]) -> None:
    card = replace(CARD, **change)
    assert PixelProof().read_back(CardPainter().render(card, PORTRAIT, CODE).back) == (CARD.mrz_lines, CODE)


def test_the_proof_sees_a_wrong_back(faces: CardFaces) -> None:
    blank = np.full_like(faces.back, 255)
    assert PixelProof().read_back(blank) == ((), "")
    other = replace(CARD, mrz_lines=(*CARD.mrz_lines[:2], "KARIMOV<<JAHONGIR<RUSTAMOVNA<<"))
    lines, code = PixelProof().read_back(CardPainter().render(other, PORTRAIT, "other").back)
    assert lines != CARD.mrz_lines
    assert code == "other"


def dark_rows(side: Image, top: int, bottom: int) -> list[int]:
    dark = (side[top:bottom, mm(5) : mm(82)] < 90).all(axis=2).sum(axis=1)
    return [top + int(row) for row in np.flatnonzero(dark > 8)]


def test_mrz_lies_where_figure_6_wants_it(faces: CardFaces) -> None:
    """Middle line 11.5 mm above the edge, strips 4.23 mm apart, 5.0 mm from the left, 76.2 mm long."""
    height = faces.back.shape[0]
    for centre in (15.73, 11.5, 7.27):
        middle = height - mm(centre)
        rows = dark_rows(faces.back, middle - mm(2), middle + mm(2))
        assert abs((rows[0] + rows[-1]) / 2 - middle) <= 3
        assert rows[-1] - rows[0] <= mm(2.95)
    zone = (faces.back[height - mm(18) : height - mm(5)] < 90).all(axis=2)
    columns = np.flatnonzero(zone.any(axis=0))
    assert mm(5.0) <= columns[0] <= mm(6.0)
    assert mm(79.6) <= columns[-1] <= mm(81.2)


def test_margin_is_free_of_data(faces: CardFaces) -> None:
    """2.0 mm free but for the header zone (Doc 9303-5); ink is black or nearly."""
    edge = mm(2.0)
    for side, top in ((faces.front, mm(11)), (faces.back, 0)):
        inked = (side < 60).all(axis=2)
        inked[:top] = False
        assert not inked[:, :edge].any()
        assert not inked[:, -edge:].any()
        assert not inked[-edge:].any()


def test_access_number_is_on_an_mrz_line_and_not_over_the_portrait() -> None:
    assert layout.CAN_CENTRE in layout.MRZ_CENTRES
    left, _top, width, height = layout.PORTRAIT
    assert left + width < layout.CAN_LEFT
    assert (width, height) >= (26_000, 32_000)
    assert layout.CARD[0] - layout.MARGIN >= layout.CAN_LEFT + 6 * layout.MRZ_PITCH


def test_slots_stay_on_the_card_and_apart() -> None:
    for slots in (layout.FRONT, layout.BACK):
        boxes = [(s.x, s.y, s.x + s.width, s.y + layout.CAPTION_EM + s.em) for s in slots]
        for x0, y0, x1, y1 in boxes:
            assert layout.MARGIN <= x0 < x1 <= layout.CARD[0] - layout.MARGIN
            assert layout.MARGIN <= y0 < y1 <= layout.CARD[1] - layout.MARGIN
        for one in boxes:
            overlapping = [b for b in boxes if b is not one and _overlap(one, b)]
            assert not overlapping


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_captions_fit_at_legible_size() -> None:
    """1.0 to 1.8 mm high capitals (Doc 9303-3), not shrunk by more than a little."""
    assert 1_000 <= layout.CAPTION_EM * pen.CAP_HEIGHT <= 1_800
    sheet = pen.Pen(Pillow.new("RGB", (10, 10)), 600)
    for slot in (*layout.FRONT, *layout.BACK):
        width = sheet.width(slot.caption_text, "regular", layout.CAPTION_EM)
        assert width <= sheet.px(slot.width), slot.name


def test_specimen_overprint_is_there_only_when_wanted(faces: CardFaces) -> None:
    clean = CardPainter().render(replace(CARD, specimen=False), PORTRAIT, CODE)
    for marked, plain in ((faces.front, clean.front), (faces.back, clean.back)):
        changed = np.abs(marked.astype(int) - plain.astype(int)).max(axis=2) > 8
        assert changed.mean() > 0.03
    zone = slice(638 - mm(23.0), 638)
    assert np.array_equal(faces.back[zone], clean.back[zone])


@pytest.mark.parametrize("text", ["A", "MULLER WAGNER", "X" * 200, "A B " * 60, "ҚОРҒАС " * 12, "张伟" * 40])
def test_fitted_text_never_leaves_its_room(text: str) -> None:
    picture = Pillow.new("RGB", (600, 120), (255, 255, 255))
    sheet = pen.Pen(picture, 300)
    sheet.fitted(2_000, 2_000, text, width=30_000, face="bold", em=3_200, colour=(0, 0, 0))
    inked = np.flatnonzero((np.asarray(picture) < 128).any(axis=(0, 2)))
    assert inked[0] >= mm(2.0) - 2
    assert inked[-1] <= mm(32.0) + 2


@pytest.mark.parametrize("portrait", [b"", b"\xff\xd8\xff\xe0rubbish", PORTRAIT[:200], b"GIF89a"])
def test_a_broken_portrait_is_unreadable(portrait: bytes) -> None:
    with pytest.raises(KioskError) as caught:
        CardPainter().render(CARD, portrait, CODE)
    assert caught.value.code is ErrorCode.IMAGE_UNREADABLE


@pytest.mark.parametrize("kind", ["JPEG2000", "PNG"])
def test_other_portrait_formats_are_drawn(kind: str) -> None:
    out = io.BytesIO()
    picture = Pillow.new("L", (90, 160), 120)
    ImageDraw.Draw(picture).ellipse((20, 40, 70, 120), fill=220)
    picture.save(out, kind)
    assert CardPainter().render(CARD, out.getvalue(), CODE).front.shape == (638, 1011, 3)


@pytest.mark.parametrize("lines", [(), ("A" * 30, "B" * 30), ("A" * 30, "B" * 30, "C" * 29)])
def test_wrong_mrz_shapes_are_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="thirty"):
        CardPainter().render(replace(CARD, mrz_lines=lines), PORTRAIT, CODE)


def test_a_code_too_long_for_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        CardPainter().render(CARD, PORTRAIT, "x" * 1500)


# Version, bytes at level M, millimetres at 0.339 and at 0.254 mm a module, quiet zone included.
SIZES = (
    (6, 106, 16.6, 12.4),
    (7, 122, 17.9, 13.5),
    (8, 152, 19.3, 14.5),
    (9, 180, 20.7, 15.5),
    (10, 213, 22.0, 16.5),
)


@pytest.mark.parametrize(("version", "capacity", "wide", "narrow"), SIZES)
def test_symbols_have_the_sizes_of_the_table(version: int, capacity: int, wide: float, narrow: float) -> None:
    for length, expected in ((capacity, version), (capacity + 1, version + 1)):
        text = "a" * length  # lower case: byte mode, as in the table
        size = symbol.size_of(text, 4_000, 300)
        assert (size.version, size.dots) == (expected, 4)
    fitting = symbol.size_of("a" * capacity, 4_000, 300)
    assert fitting.side_um(300) / 1_000 == pytest.approx(wide, abs=0.06)
    assert fitting.side_um(300) == pytest.approx(
        symbol.size_of("a" * capacity, 4_000, 600).side_um(600), abs=1
    )
    tight = round(narrow / 25.4 * 300) + 1
    assert symbol.size_of("a" * capacity, tight, 300).dots == 3


def test_the_seal_fits_its_field_at_the_wanted_module() -> None:
    for dpi, dots in ((300, 4), (600, 8)):
        side = round(layout.SEAL[2] * dpi / 25_400)
        assert symbol.size_of(CODE, side, dpi) == symbol.SymbolSize(10, "M", 65, dots)
        assert symbol.size_of("A" * 366, side, dpi).dots == dots  # version 11: long numbers and posts
    x, y, side = layout.SEAL
    assert x + side <= layout.CARD[0] - layout.MARGIN
    assert y >= layout.MARGIN
    assert y + side <= layout.FOUND_LINE[1]
    assert all(slot.x + slot.width < x for slot in layout.BACK)


def test_error_correction_rises_where_the_version_has_room() -> None:
    assert symbol.size_of("A" * 40, 276, 300).level in ("Q", "H")
    assert symbol.size_of("A" * 40, 276, 300).version == symbol.size_of("A" * 61, 276, 300).version == 3


def test_without_a_seal_there_is_no_symbol() -> None:
    back = CardPainter().render(CARD, PORTRAIT, "").back
    assert PixelProof().read_back(back) == (CARD.mrz_lines, "")


def test_a_missing_font_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pen, "_FOLDERS", (Path("/nonexistent"),))
    pen.font_path.cache_clear()
    with pytest.raises(KioskError) as caught:
        pen.font_path("ocr")
    pen.font_path.cache_clear()
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING


def test_the_reviewed_preview_still_shows_the_card(faces: CardFaces) -> None:
    """docs/images was looked at by people; a change of the drawing wants that again."""
    with Pillow.open(Path(__file__).parents[2] / "docs" / "images" / "card-back.png") as reviewed:
        difference = np.abs(np.asarray(reviewed).astype(int) - faces.back.astype(int))
    assert difference.mean() < 3
