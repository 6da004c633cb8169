"""The whole seam: a grey picture in, a `Reading` or a `Missed` out."""

import numpy as np

from kiosk.capture.mrz.reading import Decoded, Gray, Grid, Missed, Reading
from kiosk.capture.recogniser import MrzReading, read_mrz


class MrzReader:
    """Finds and reads the zone of one picture. Not for several threads at once."""

    def read(self, gray: Gray) -> Reading | Missed:
        """`gray` is height x width, 8 bit, any orientation."""
        found = read_mrz(gray)
        if not isinstance(found, MrzReading):
            return Missed(found)
        return _adapted(found)


def _adapted(found: MrzReading) -> Reading:
    grid = Grid(found.grid.matrix, found.grid.columns, found.grid.rows, found.grid.step)
    form = {30: "TD1", 36: "TD2", 44: "TD3"}[grid.columns]
    decoded = Decoded(
        lines=found.lines,
        form=form,
        characters=found.probabilities,
        confidence=found.confidence,
        key_confidence=found.confidence,
        certain=False,
        fields={},
        unchecked=(),
        alternatives=(),
        keys=(),
    )
    return Reading(decoded, grid, np.zeros((grid.rows, grid.columns, 37), np.float32))
