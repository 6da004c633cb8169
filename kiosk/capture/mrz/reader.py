"""The whole seam: a grey picture in, a `Reading` or a `Missed` out."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from card_io.lds.mrz import parse
from kiosk.capture.mrz.blocks import Shown, find_grids, show
from kiosk.capture.mrz.decode import decode
from kiosk.capture.mrz.evidence import Evidence
from kiosk.capture.mrz.finder import GLANCE, LOOK, Zone, find_zones, find_zones_closer
from kiosk.capture.mrz.guidance import explain, longest_print
from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reading import Decoded, Gray, Grid, Missed, Reading

MOST_EMPTY = 0.1  # mean probability that a cell of the block shows nothing
MOST_HIDDEN = 0.035  # share of cells that show nothing: more is not left to check digits
LEAST_BEYOND = 0.5  # mean probability that the cells around the block show nothing
LEAST_SURE = 0.7  # mean probability of the likeliest symbols
LEAST_CONFIDENCE = 0.02  # of the whole text: below, something is next to certainly wrong
SURE = 0.93  # no other grid is tried
GRIDS = 3  # of one zone
SCORE_OF_ZONE = 0.65  # of a zone the finder saw and nobody read
SHORT = 36  # columns of TD2, MRV-B and the old French card
CLEAR, GAP = 1.9, 0.12  # cells that are seen beyond the ends of such lines
CLOSER_FROM = 1500  # pixels of the longer side: larger pictures are looked at in parts, too


class MrzReader:
    """Finds and reads the zone of one picture. Not for several threads at once."""

    def __init__(self) -> None:
        self._networks = Networks()

    def read(self, gray: Gray) -> Reading | Missed:
        """`gray` is height x width, 8 bit, any orientation; the zone with the best evidence is read."""
        best = Evidence()
        for zone in self._zones(gray):
            outcome = self._read_zone(gray, zone)
            if isinstance(outcome, Reading):
                return outcome
            if outcome.score > best.score:
                best = outcome
        if not best.corners:
            best = Evidence(span=longest_print(gray))
        guidance = explain(gray, best)
        return Missed(guidance.hint, guidance.region)

    def _zones(self, gray: Gray) -> Iterator[Zone]:
        yield from find_zones(gray, self._networks, GLANCE)
        yield from find_zones(gray, self._networks, LOOK)
        if max(gray.shape) >= CLOSER_FROM:
            yield from find_zones_closer(gray, self._networks)

    def _read_zone(self, gray: Gray, zone: Zone) -> Reading | Evidence:
        seen: list[Shown] = []
        for grid in islice(find_grids(gray, zone, self._networks), GRIDS):
            seen.append(show(gray, grid, self._networks))
            if seen[-1].sure > SURE:
                break
        for shown in sorted(seen, key=lambda found: -found.sure):
            decoded = decode(shown.scores) if _acceptable(shown) else None
            if decoded is not None and _is_worth(decoded, shown.grid, gray):
                return Reading(decoded, shown.grid, shown.scores)
        if not seen:
            return Evidence(zone.upright().corners(), zone.pitch, SCORE_OF_ZONE, zone.length)
        grid, sure = seen[0].grid, max(shown.sure for shown in seen)
        corners = tuple((float(x), float(y)) for x, y in grid.corners())
        length = grid.pitch() * grid.columns
        return Evidence(corners, grid.pitch(), max(sure, SCORE_OF_ZONE), length)


def _is_worth(decoded: Decoded, grid: Grid, gray: Gray) -> bool:
    """Whether a reading is delivered: not next to certainly wrong somewhere, and of a whole zone."""
    return decoded.confidence >= LEAST_CONFIDENCE and _is_whole(decoded, grid, gray)


def _is_whole(decoded: Decoded, grid: Grid, gray: Gray) -> bool:
    """False where 36 columns may be a part of 44 that the picture's edge cuts off; no other format can be."""
    if grid.columns != SHORT:
        return True
    if decoded.form == "MRVB" and decoded.lines[0].startswith("V"):
        return _margin(grid, gray) > GAP  # no composite digit: only the gap behind the end can tell
    checks = parse(decoded.lines).checks
    margin = _margin(grid, gray)
    if decoded.lines[0].startswith("P"):  # the code of passports, whose lines are 44 long
        return checks["composite"] or margin >= CLEAR
    return checks["composite"] or margin >= CLEAR or (sum(checks.values()) > 1 and margin > GAP)


def _margin(grid: Grid, gray: Gray) -> float:
    """How many cells before and behind the lines the picture shows, 0 to 2: the least of all."""
    steps = np.linspace(0, 2, 51)
    least = 2.0
    for row in range(grid.rows):
        for edge, way in ((-0.5, -1.0), (grid.columns - 0.5, 1.0)):
            points = grid.points(np.stack([edge + way * steps, np.full(len(steps), row)], axis=1))
            inside = (points >= -0.5).all(axis=1) & (points <= np.array(gray.shape[::-1]) - 0.5).all(axis=1)
            least = min(least, 2.0 if inside.all() else float(steps[int(np.argmin(inside))]))
    return least


def _acceptable(shown: Shown) -> bool:
    """Whether every cell of the grid, and nothing beyond its ends, shows a character."""
    return (
        shown.sure > LEAST_SURE
        and float(shown.empty.mean()) < MOST_EMPTY
        and float((shown.empty > 0.5).mean()) <= MOST_HIDDEN
        and float(shown.empty[:, (0, -1)].mean(axis=0).max()) < 0.5
        and float(shown.beyond.mean()) > LEAST_BEYOND
    )
