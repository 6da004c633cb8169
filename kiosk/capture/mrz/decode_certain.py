"""When a reading may be called certain: probable, and not because of check digits alone.

Check digits are a weak oracle: O and 0 differ by 24, so two such errors under the weights 7 and 3 cancel,
and G and 6, 1 and L, K and the filler do not differ at all modulo 10. A key resting on them is not certain.
"""

from typing import Literal

import numpy as np

from kiosk.capture.mrz.decode_zone import Zone
from kiosk.capture.mrz.prior import INDEX, RESIDUES, Floats, Whole

SUPPORT = 0.1  # probability every key character needs without the help of check digits
CHANGED = 1  # key characters that check digits may have changed
TWIN = 0.0003  # odds, without priors, of another text that the digits cannot tell from this one
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
RARE = "OI"  # letters that issuers avoid in numbers: one of them is a sign of a misread digit


def is_backed(zone: Zone, symbols: Whole) -> bool:
    """Whether number, birth and expiry rest on what is seen; `symbols` are all cells of the reading."""
    values, best = zone.alone(symbols)
    cells = zone.key_cells()
    if float(values.min()) < SUPPORT or int((best != symbols[cells]).sum()) > CHANGED:
        return False
    own, composite = zone.key_weights()
    if np.isin(symbols[cells[: _number_length(zone)]], [INDEX[letter] for letter in RARE]).any():
        return False
    return twin_odds(zone.seen[cells], symbols[cells], own, composite) <= TWIN


def _number_length(zone: Zone) -> int:
    part = next(part for part in zone.variant.parts if part.name == "document_number")
    return len(part.cells)


def twin_odds(seen: Floats, symbols: Whole, own: Whole, composite: Whole) -> float:
    """The best odds of another text that all check digits take for this one, with one or two changes.

    `seen` is n x 37, `symbols` n; `own` (n x parts) and `composite` (n) are the cells' weights, a check digit
    weighing -1 in its own sum. Errors in one picture are alike, so two changes count as their mean in
    logarithms, not as their sum.
    """
    odds = seen / seen[np.arange(len(symbols)), symbols][:, None]
    odds[np.arange(len(symbols)), symbols] = 0.0
    place, other = np.nonzero(odds > TWIN**2 / max(1.0, float(odds.max())))
    value, moved = odds[place, other], (RESIDUES[other] - RESIDUES[symbols[place]])[:, None]
    shifts = moved * np.concatenate((own[place], composite[place, None]), axis=1) % 10
    tens = 10 ** np.arange(shifts.shape[1])
    code, back = shifts @ tens, -shifts % 10 @ tens
    alone = value[code == 0].max(initial=0.0)
    first, second = _pairs(code, back)
    both = np.sqrt(value[first] * value[second])[place[first] != place[second]].max(initial=0.0)
    return float(max(alone, both))


def _pairs(code: Whole, back: Whole) -> tuple[Whole, Whole]:
    """Indexes (i, j) of all pairs with `code[j]` = `back[i]`."""
    order = np.argsort(code, kind="stable")
    low, high = (np.searchsorted(code[order], back, side) for side in _SIDES)
    counts = high - low
    begins = np.repeat(low - (np.cumsum(counts) - counts), counts)
    return np.repeat(np.arange(len(back)), counts), order[begins + np.arange(len(begins))]
