"""Colours are checked by arithmetic: text 4.5:1, verdict pills 7:1, rings and borders 3:1."""

import pytest
from PySide6.QtGui import QColor

from ui import iconset
from ui.palette import THEMES, Palette, Tone, contrast, luminance
from ui.theme import style_sheet
from ui.widgets.frame import SECTIONS
from ui.widgets.verdict import ICONS

PALETTES = list(THEMES.values())
BACKGROUNDS = ("window", "surface", "sunken")


def test_the_arithmetic_agrees_with_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#ffffff") == pytest.approx(1)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda p: p.name)
@pytest.mark.parametrize("tone", list(Tone))
def test_verdict_pills_reach_seven(palette: Palette, tone: Tone) -> None:
    assert contrast(palette.fill(tone), palette.on(tone)) >= 7


@pytest.mark.parametrize("palette", PALETTES, ids=lambda p: p.name)
@pytest.mark.parametrize("tone", list(Tone))
def test_toned_text_is_readable_wherever_it_stands(palette: Palette, tone: Tone) -> None:
    for background in (*BACKGROUNDS, f"{tone}_soft"):
        assert contrast(palette.ink(tone), getattr(palette, background)) >= 4.5
        assert contrast(palette.text, getattr(palette, background)) >= 4.5


@pytest.mark.parametrize("palette", PALETTES, ids=lambda p: p.name)
def test_text_buttons_ribbon_and_rings(palette: Palette) -> None:
    for background in (*BACKGROUNDS, "accent_soft"):
        assert contrast(palette.text, getattr(palette, background)) >= 4.5
        assert contrast(palette.muted, getattr(palette, background)) >= 4.5
        assert contrast(palette.ring, getattr(palette, background)) >= 3
    for fill in ("accent", "accent_hover"):
        assert contrast(palette.on_accent, getattr(palette, fill)) >= 4.5
    for fill in ("ribbon", "ribbon_stripe", "ribbon_button"):
        assert contrast(palette.on_ribbon, getattr(palette, fill)) >= 4.5
    assert contrast(palette.strong_line, palette.surface) >= 3


@pytest.mark.parametrize("palette", PALETTES, ids=lambda p: p.name)
def test_the_style_sheet_has_every_token(palette: Palette) -> None:
    sheet = style_sheet(palette)
    assert "$" not in sheet
    assert palette.accent in sheet


def test_every_icon_draws_in_its_colour(qapp: object) -> None:
    assert set(SECTIONS) | set(ICONS.values()) <= iconset.names()
    wanted = QColor("#17659e")
    for name in iconset.names():
        image = iconset.pixmap(name, wanted.name(), 48).toImage()
        pixels = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
        inked = [color for color in pixels if color.alpha() > 200]
        assert inked, name
        for color in inked:
            off = (color.red() - wanted.red(), color.green() - wanted.green(), color.blue() - wanted.blue())
            assert max(map(abs, off)) <= 3, name
