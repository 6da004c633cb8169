"""Whether cells hold a machine readable zone at all, or some other text in a grid."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from card_io.lds.mrz_layout import SHAPES, field_spans
from kiosk.capture.mrz.decode_forms import forms
from kiosk.capture.mrz.prior import DIGITS, FILLER, LETTERS, Floats
from kiosk.capture.mrz.reading import SYMBOLS, LogProbabilities

# Documented limits of `plausible`, to be tuned on real frames. All are shares or natural logarithms.
MIN_SHARPNESS = -0.9  # mean over the cells of the likeliest symbol's log-probability
MIN_FITTING = 0.88  # mean over the cells of the probability that the symbol is of the position's class
MIN_LINE_FITTING = 0.75  # the same for the worst line
MIN_FIRST = 0.05  # probability that the first symbol begins a document code of the form
SURE_FITTING = 0.97  # mean from which the first symbol may be misread, though not as a filler
MIN_DIGITS = 0.3  # share of digits in dates and check digits; the others may be unknown, that is fillers
MIN_FILLERS = 2.0  # expected number of fillers: no zone is without them

_FIRSTS = {"TD1": "IACPRSTX", "TD2": "IACPRSTX", "TD3": "P", "MRVA": "V", "MRVB": "V", "FRA": "I"}
_ALPHA = LETTERS + FILLER
_KINDS = {
    "document_code": _ALPHA,
    "issuer": _ALPHA,
    "nationality": _ALPHA,
    "name": _ALPHA,
    "surname": _ALPHA,
    "given_names": _ALPHA,
    "birth": DIGITS + FILLER,
    "expiry": DIGITS + FILLER,
    "sex": "MFX" + FILLER,
}


def plausible(scores: LogProbabilities) -> bool:
    """Whether `scores` (rows x columns x 37 raw log-probabilities) look like a zone of any form so shaped.

    Looks at sharpness, at the classes of positions (not at check digits), at the first letter and at fillers.
    ValueError for a shape that no form has.
    """
    possible = forms(scores.shape[:2])
    chances = np.exp(np.minimum(np.nan_to_num(scores.astype(np.float64), nan=-50.0), 0.0))
    if float(np.log(np.maximum(chances.max(axis=2), 1e-30)).mean()) < MIN_SHARPNESS:
        return False
    if float(chances[..., SYMBOLS.index(FILLER)].sum()) < MIN_FILLERS:
        return False
    return any(_fits(chances, form) for form in possible)


def _fits(chances: Floats, form: str) -> bool:
    fitting = (chances * _allowed(form)).sum(axis=2).mean(axis=1)
    known = float(chances[_dated(form)][:, : len(DIGITS)].sum(axis=1).mean())
    first = chances[0, 0, [SYMBOLS.index(letter) for letter in _FIRSTS[form]]].sum()
    worst, mean = float(fitting.min()), float(fitting.mean())
    empty = float(chances[0, 0, SYMBOLS.index(FILLER)])
    if known < MIN_DIGITS or (float(first) < MIN_FIRST and (mean < SURE_FITTING or empty > MIN_FIRST)):
        return False
    return mean >= MIN_FITTING and worst >= MIN_LINE_FITTING


@cache
def _dated(form: str) -> NDArray[np.bool_]:
    """Rows x columns: dates and check digits."""
    table = np.zeros(SHAPES[form], np.bool_)
    for name, span in field_spans(form).items():
        if name.endswith("_check") or name in ("birth", "expiry"):
            table[span.row, span.start : span.end] = True
    return table


@cache
def _allowed(form: str) -> Floats:
    """Rows x columns x 37: 1 where a symbol is of the position's class."""
    table = np.ones((*SHAPES[form], len(SYMBOLS)))
    for name, span in field_spans(form).items():
        group = DIGITS + FILLER if name.endswith("_check") else _KINDS.get(name, SYMBOLS)
        table[span.row, span.start : span.end] = [symbol in group for symbol in SYMBOLS]
    return table
