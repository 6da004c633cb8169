"""Colours of the desk as data, and the arithmetic that keeps them readable.

Contrast is WCAG 2.2 relative luminance. Text reaches 4.5:1, text on a filled verdict pill 7:1.
"""

from dataclasses import dataclass, fields
from enum import StrEnum


class Tone(StrEnum):
    """What a verdict or a device state looks like; always shown with an icon and a word."""

    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Palette:
    """One theme. `*_fill` and `*_on` are a filled pill and its text, `*_ink` the same tone as text."""

    name: str
    window: str
    surface: str
    sunken: str
    line: str
    strong_line: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    accent_hover: str
    accent_soft: str
    ring: str
    good_fill: str
    good_on: str
    good_ink: str
    bad_fill: str
    bad_on: str
    bad_ink: str
    doubt_fill: str
    doubt_on: str
    doubt_ink: str
    neutral_fill: str
    neutral_on: str
    neutral_ink: str
    good_soft: str
    bad_soft: str
    doubt_soft: str
    neutral_soft: str
    ribbon: str
    ribbon_stripe: str
    on_ribbon: str
    ribbon_button: str

    def fill(self, tone: Tone) -> str:
        return str(getattr(self, f"{tone}_fill"))

    def on(self, tone: Tone) -> str:
        return str(getattr(self, f"{tone}_on"))

    def ink(self, tone: Tone) -> str:
        return str(getattr(self, f"{tone}_ink"))

    def soft(self, tone: Tone) -> str:
        return str(getattr(self, f"{tone}_soft"))

    def tokens(self) -> dict[str, str]:
        return {item.name: str(getattr(self, item.name)) for item in fields(self)}


DAY = Palette(
    name="day",
    window="#f4f1ea",
    surface="#fffefb",
    sunken="#f7f4ee",
    line="#dfd9cc",
    strong_line="#8f8878",
    text="#1b2025",
    muted="#585e66",
    disabled="#8d8f8f",
    accent="#17659e",
    on_accent="#ffffff",
    accent_hover="#12557f",
    accent_soft="#e2eef6",
    ring="#17659e",
    good_fill="#17602f",
    good_on="#ffffff",
    good_ink="#17602f",
    bad_fill="#9a1b1e",
    bad_on="#ffffff",
    bad_ink="#9a1b1e",
    doubt_fill="#f0ae2b",
    doubt_on="#1c1503",
    doubt_ink="#744a00",
    neutral_fill="#4b525a",
    neutral_on="#ffffff",
    neutral_ink="#585e66",
    good_soft="#e7f2ea",
    bad_soft="#fbeaea",
    doubt_soft="#fdf1d8",
    neutral_soft="#eeece6",
    ribbon="#f5bd47",
    ribbon_stripe="#eeae2c",
    on_ribbon="#1c1503",
    ribbon_button="#fff4d9",
)

DARK = Palette(
    name="dark",
    window="#0c0f13",
    surface="#14191f",
    sunken="#0f1419",
    line="#2a323b",
    strong_line="#6b7783",
    text="#e9ebee",
    muted="#9ca6b0",
    disabled="#66707a",
    accent="#1f72b0",
    on_accent="#ffffff",
    accent_hover="#19649c",
    accent_soft="#152c3e",
    ring="#6fb9f0",
    good_fill="#186334",
    good_on="#ffffff",
    good_ink="#74d09a",
    bad_fill="#a11e22",
    bad_on="#ffffff",
    bad_ink="#ff9c94",
    doubt_fill="#e8a726",
    doubt_on="#1c1503",
    doubt_ink="#f3bf58",
    neutral_fill="#4d555e",
    neutral_on="#ffffff",
    neutral_ink="#a6b0ba",
    good_soft="#12271b",
    bad_soft="#331618",
    doubt_soft="#2f2510",
    neutral_soft="#1c222a",
    ribbon="#c98d1d",
    ribbon_stripe="#bd8214",
    on_ribbon="#171002",
    ribbon_button="#e6b95e",
)

THEMES: dict[str, Palette] = {palette.name: palette for palette in (DAY, DARK)}


def luminance(color: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
