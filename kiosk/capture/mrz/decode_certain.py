"""When a reading may be called certain: probable, and not because of check digits alone.

Check digits are a weak oracle: O and 0 differ by 24, so two such errors under the weights 7 and 3 cancel,
and G and 6, 1 and L, K and the filler do not differ at all modulo 10. A key resting on them is not certain.
"""

import numpy as np

from kiosk.capture.mrz.decode_zone import Zone
from kiosk.capture.mrz.prior import INDEX, RESIDUES, Floats, Whole

SUPPORT = 0.1  # probability every key character needs without the help of check digits
CHANGED = 1  # key characters that check digits may have changed
TWIN = 0.0003  # odds, without priors, of another text that the digits cannot tell from this one
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
    places = np.arange(len(symbols))
    odds = seen / seen[places, symbols][:, None]
    odds[places, symbols] = 0.0
    moved = (RESIDUES[None, :] - RESIDUES[symbols][:, None])[..., None]
    shifts = np.concatenate((moved * own[:, None, :], moved * composite[:, None, None]), axis=2) % 10
    code = (shifts * 10 ** np.arange(shifts.shape[2])).sum(axis=2)
    back = ((-shifts % 10) * 10 ** np.arange(shifts.shape[2])).sum(axis=2)
    flat = np.flatnonzero(odds.ravel() > TWIN**2 / max(1.0, float(odds.max())))
    place, code, back, value = (
        flat // odds.shape[1],
        code.ravel()[flat],
        back.ravel()[flat],
        odds.ravel()[flat],
    )
    alone = value[code == 0].max(initial=0.0)
    paired = (code[:, None] == back[None, :]) & (place[:, None] != place[None, :])
    both = np.sqrt(value[:, None] * value[None, :])[paired].max(initial=0.0)
    return float(max(alone, both))
