"""Characters of an MRZ from pixels: what is printed, never what check digits would like.

`read_mrz` is the whole seam: a grey frame in, lines with a confidence per character or a hint out.
Position classes of the formats (Doc 9303-4 to -7) weigh as a prior; check digits are not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kiosk.capture.finder import Band, Gray, find_bands
from kiosk.capture.glyphs import ALPHABET, Templates, template_sets
from kiosk.capture.grid import Grid, Match, find_rows, fit_line, grown, match, pull
from kiosk.capture.mrz.evidence import Evidence
from kiosk.capture.mrz.guidance import explain
from kiosk.ports import Hint

MIN_MATCH = 0.8  # mean correlation below which a grid is not an MRZ
MIN_CELL = 0.5  # correlation every single character needs: less is glare or a finger
MIN_FITTING = 0.85  # share of characters whose class fits their position
LOOKS = ((6, 2), (3, 1))  # reach and stride of the first shifts tried, canonical pixels
HOPELESS = (0.45, 0.6)  # correlation after the first and second look below which no more is spent
MIN_CONFIDENCE = 0.95  # below, the picture is too poor to call anything the print
FIRST_LETTERS = "PVACI"  # of document codes (Doc 9303-4 to -7)
DOUBT = 0.9  # a character with less probability than this is doubtful
FOREIGN = 0.10  # correlation taken off a character of the wrong class for its position
RARE = 0.015  # taken off the letter O where digits may stand: issuers avoid it there
SHARPNESS = 45.0  # correlation to log-probability
MAX_BANDS = 14
MAX_LOOKS = 10  # blocks matched in one frame: a page full of text must not stall the camera

_LETTERS, _DIGITS, _ANY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<", "0123456789<", ALPHABET
_TD3 = ("L" * 44, "A" * 9 + "D" + "LLL" + "DDDDDDD" + "S" + "DDDDDDD" + "A" * 14 + "DD")
_TD2 = ("L" * 36, "A" * 9 + "D" + "LLL" + "DDDDDDD" + "S" + "DDDDDDD" + "A" * 7 + "D")
_MRVA = ("L" * 44, "A" * 9 + "D" + "LLL" + "DDDDDDD" + "S" + "DDDDDDD" + "A" * 16)
_MRVB = ("L" * 36, "A" * 9 + "D" + "LLL" + "DDDDDDD" + "S" + "DDDDDDD" + "A" * 8)
_TD1 = ("LLLLL" + "A" * 9 + "D" + "A" * 15, "DDDDDDD" + "S" + "DDDDDDD" + "LLL" + "A" * 11 + "D", "L" * 30)
_LAYOUTS = {44: (_TD3, _MRVA), 36: (_TD2, _MRVB), 30: (_TD1,)}
_CLASSES = {"L": _LETTERS, "D": _DIGITS, "A": _ANY, "S": "MFX<"}


@dataclass(frozen=True)
class MrzReading:
    """Lines as printed; `probabilities` per line and column; corners clockwise from the top left."""

    lines: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]
    grid: Grid

    @property
    def confidence(self) -> float:
        """Mean probability of the characters."""
        flat = [value for line in self.probabilities for value in line]
        return sum(flat) / len(flat)

    @property
    def doubtful(self) -> tuple[tuple[int, int], ...]:
        """(line, column) of every character below DOUBT."""
        return tuple(
            (row, column)
            for row, line in enumerate(self.probabilities)
            for column, value in enumerate(line)
            if value < DOUBT
        )


def read_mrz(gray: Gray) -> MrzReading | Hint:
    """Find and read the MRZ of a frame (height x width, 8 bit grey), or say why there is none."""
    best: Match | None = None
    widest, looks = 0.0, 0
    for band in islice(find_bands(gray), MAX_BANDS):
        widest = max(widest, band.length)
        for found in _matches(gray, band):
            looks += 1
            if _believable(found) and (reading := _decode(found)).confidence >= MIN_CONFIDENCE:
                return reading
            if best is None or found.mean > best.mean:
                best = found
        if looks >= MAX_LOOKS:
            break
    return explain(gray, _evidence(best, widest)).hint


def _evidence(best: Match | None, widest: float) -> Evidence:
    if best is None:
        return Evidence(span=widest)
    corners = tuple((float(x), float(y)) for x, y in best.grid.corners())
    return Evidence(corners, best.grid.pitch(), best.mean, widest)


def _matches(gray: Gray, band: Band) -> Iterator[Match]:
    """The band as part of a block of every standard length that fits, likeliest first."""
    for line in fit_line(gray, band)[:2]:
        block = find_rows(gray, line)
        if block is None:
            continue
        found, templates = _align(gray, block)
        if found.mean < MIN_MATCH:
            yield found
            continue
        whole = grown(gray, found.grid, templates)
        if whole is not None and whole.columns != found.grid.columns:
            yield _align(gray, whole)[0]
        elif whole is not None:
            yield found


def _believable(found: Match) -> bool:
    """Whether this is the print of an MRZ at all: OCR-B, the classes of the format, a known start."""
    if found.mean < MIN_MATCH or float(found.scores.max(axis=1).min()) < MIN_CELL:
        return False
    raw = found.scores.argmax(axis=1)
    fitting = _allowed(_layout(found))[np.arange(len(raw)), raw].mean()
    return bool(fitting >= MIN_FITTING and ALPHABET[raw[0]] in FIRST_LETTERS)


def _align(gray: Gray, grid: Grid) -> tuple[Match, Templates]:
    """Pull the grid onto its characters, choosing the rendering that fits this print best."""
    templates = template_sets()[len(template_sets()) // 2]
    for (reach, stride), hopeless in zip(LOOKS, HOPELESS, strict=True):
        found, shifts = match(gray, grid, templates, reach, stride)
        if found.mean < hopeless:
            return found, templates
        grid = pull(found, shifts)
    templates = _best_rendering(gray, grid)
    found, shifts = match(gray, grid, templates, 2, 1)
    return match(gray, pull(found, shifts), templates, 2, 1)[0], templates


def _best_rendering(gray: Gray, grid: Grid) -> Templates:
    return max(template_sets(), key=lambda templates: match(gray, grid, templates, 1, 1)[0].mean)


@cache
def _allowed(layout: tuple[str, ...]) -> NDArray[np.bool_]:
    """Cells x alphabet: whether a character belongs to the class of that position."""
    classes = {name: np.array([c in members for c in ALPHABET]) for name, members in _CLASSES.items()}
    return np.stack([classes[name] for line in layout for name in line])


def _layout(found: Match) -> tuple[str, ...]:
    visa = ALPHABET[int(found.scores[0].argmax())] == "V"
    return _LAYOUTS[found.grid.columns][-1 if visa else 0]


def _decode(found: Match) -> MrzReading:
    grid, layout = found.grid, _layout(found)
    scores = found.scores - np.where(_allowed(layout), 0.0, FOREIGN)
    scores[:, ALPHABET.index("O")] -= np.where(_allowed(layout)[:, ALPHABET.index("0")], RARE, 0.0)
    odds = np.exp(SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    probability = (odds / odds.sum(axis=1, keepdims=True)).max(axis=1)
    text = "".join(ALPHABET[index] for index in scores.argmax(axis=1))
    return MrzReading(
        tuple(text[row * grid.columns : (row + 1) * grid.columns] for row in range(grid.rows)),
        tuple(
            tuple(round(float(value), 4) for value in line)
            for line in probability.reshape(grid.rows, grid.columns)
        ),
        grid,
    )
