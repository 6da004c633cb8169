"""Made-up network outputs for the decoder: noisy lattices over the 37 symbols, seeded."""

from collections.abc import Sequence

import numpy as np

from kiosk.capture.bench.dice import Dice
from kiosk.capture.mrz.prior import indexes
from kiosk.capture.mrz.reading import SYMBOLS, LogProbabilities

GROUPS = ("0ODQ", "1IL", "5S", "8B3", "2Z", "6G", "K<", "MNH", "UVW", "CG<", "4A", "7T", "EF", "XK")
_ALIKE = np.zeros((37, 37))
for _group in GROUPS:
    _members = indexes(_group)
    _ALIKE[np.ix_(_members, _members)] = 1.0
np.fill_diagonal(_ALIKE, 0.0)


def clear(lines: Sequence[str], best: float = 0.9999) -> LogProbabilities:
    """Every cell sure of its symbol."""
    text = np.stack([indexes(line) for line in lines])
    values = np.full((*text.shape, len(SYMBOLS)), (1 - best) / 36)
    np.put_along_axis(values, text[..., None], best, axis=2)
    return np.log(values).astype(np.float32)


def noisy(dice: Dice, lines: Sequence[str], level: float) -> LogProbabilities:
    """Scores as of a network on a picture of quality `level` (0 clean, 1 hardly readable).

    Logits: the true symbol leads; symbols of its confusion groups follow closer, the worse the cell; glare
    flattens runs of cells; the result is somewhat overconfident.
    """
    text = np.stack([indexes(line) for line in lines])
    source = dice.source
    quality = np.clip(source.gamma(1.5, level / 1.5, text.shape), 0, 2.5)[..., None]
    logits = source.standard_normal((*text.shape, 37)) * (0.7 + quality)
    logits += _ALIKE[text] * (1.5 + 5.0 * np.minimum(quality, 1.0)) + _ALIKE[text] * source.normal(
        0, 1.5 * quality, (*text.shape, 37)
    )
    lead = 11.0 - 5.0 * np.minimum(quality, 1.3)
    np.put_along_axis(logits, text[..., None], np.take_along_axis(logits, text[..., None], 2) + lead, axis=2)
    for _ in range(int(source.poisson(1.2 * level))):
        row, column = dice.whole(0, len(lines) - 1), dice.whole(0, len(lines[0]) - 1)
        hidden = logits[row, column : column + dice.whole(1, 3)]
        hidden *= dice.between(0.0, 0.3)
        hidden += source.standard_normal(hidden.shape)
    logits *= 1.5
    logits -= logits.max(axis=2, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
    return logits.astype(np.float32)


def plain(scores: LogProbabilities) -> tuple[str, ...]:
    """The likeliest symbol of every cell, nothing else considered."""
    return tuple("".join(SYMBOLS[symbol] for symbol in row) for row in scores.argmax(axis=2))
