"""What a reader that could not read knows all the same: the input of the guidance."""

from dataclasses import dataclass

from kiosk.ports import Corners


@dataclass(frozen=True)
class Evidence:
    """The best guess at a zone that could not be read; nothing at all by default.

    `corners` in picture pixels, as far as it is known from the top left of the text as it would be read;
    they may lie outside the picture. `pitch` is pixels per character. `score` (0 to 1) says how much it
    looks like an MRZ; `kiosk.capture.mrz.guidance.TEXT_SCORE` and more counts as one. `span` is the length
    of the longest line of print that was seen, in pixels, whether it is an MRZ or not.
    """

    corners: Corners = ()
    pitch: float | None = None
    score: float = 0.0
    span: float = 0.0
