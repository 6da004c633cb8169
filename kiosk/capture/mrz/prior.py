"""What is likely in print before any pixel is seen: symbols, states, misprints (Doc 9303-3 sections 4 and 5).

Everything is a probability with a floor: real documents break every rule now and then. What belongs
to a trained network (NETWORK) is fitted by `decode_calibrate.calibrate`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from card_io.lds.mrz_codes import StateKind, state_codes, state_kind
from kiosk.capture.mrz.reading import SYMBOLS, LogProbabilities

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]

# Kinds of documents: nothing wrong; digits wrong and the composite digit made from the wrong ones; from the
# right ones; digits that mean nothing, as on dummies. Share of documents, and probability that one digit of
# such a document is wrong in print.
KINDS = (0.967, 0.01, 0.02, 0.003)
WRONG = (1e-5, 0.3, 0.25, 0.85)
MISSING, ODD = 0.1, 0.01  # share of wrong check digits that are a filler, and that are a letter
EMPTY_DIGIT = 0.5  # share of empty TD3 personal numbers whose check digit is a filler (Doc 9303-4)


@dataclass(frozen=True)
class Network:
    """What is known of a trained network.

    `temperature`: networks are overconfident, their logits are divided by this; `floor`: share of every cell
    that is spread over all symbols, for nothing is impossible; `certain`: key_confidence from which a reading
    may be called certain.
    """

    temperature: float
    floor: float
    certain: float


NETWORK = Network(temperature=0.735, floor=1e-7, certain=0.999)  # training/calibration.py, 288 frames

DIGITS, LETTERS, FILLER = SYMBOLS[:10], SYMBOLS[10:36], SYMBOLS[36]
INDEX = {symbol: index for index, symbol in enumerate(SYMBOLS)}
VALUES: Whole = np.array([*range(36), 0], np.intp)  # Doc 9303-3 section 4.9
RESIDUES: Whole = VALUES % 10

NUMBER_LETTERS = {"O": 0.1, "I": 0.3, "Q": 0.5}  # issuers avoid what looks like a digit; others weigh 1
# Letters of names in transliteration, per thousand, roughly; mixed half and half with an even spread.
_NAME_LETTERS = (
    "A128 B20 C22 D32 E82 F10 G22 H34 I82 J12 K36 L54 M38 N80 O66 P16 Q4 R64 S56 T40 U42 V26 W8 X4 Y26 Z22"
)

_SHORT = "KS< EU< UT< IA< SI<"  # certificate codes that some issuers print
_HISTORIC_WEIGHT = 0.1
RARE_STATES = ("IAO", "XCT")
UNKNOWN_STATE = 0.01  # share of documents with a code outside the list
SAME_STATE = 0.7  # share of documents issued to nationals


def indexes(text: Iterable[str]) -> Whole:
    """Symbol indexes of characters."""
    return np.array([INDEX[character] for character in text], np.intp)


def evidence(scores: LogProbabilities, temperature: float, floor: float) -> Floats:
    """Cells x 37 probabilities (each cell sums to 1) from log-probabilities of any leading shape.

    Tempered (p ** (1 / temperature), renormalised), then `floor` of each cell spread evenly. What is not a
    number counts as no evidence.
    """
    flat = np.nan_to_num(np.asarray(scores, np.float64).reshape(-1, len(SYMBOLS)), nan=0.0, neginf=-1e9)
    flat = (flat - flat.max(axis=1, keepdims=True)) / temperature
    sharp = np.exp(flat)
    sharp /= sharp.sum(axis=1, keepdims=True)
    return np.asarray(sharp * (1.0 - floor) + floor / len(SYMBOLS), np.float64)


@cache
def name_letters() -> Floats:
    """Probabilities of A to Z in names."""
    weights = np.array([float(item[1:]) for item in _NAME_LETTERS.split()])
    return np.asarray(0.5 * weights / weights.sum() + 0.5 / 26, np.float64)


@cache
def number_letters() -> Floats:
    """Probabilities of A to Z in document numbers and personal numbers."""
    weights = np.array([NUMBER_LETTERS.get(letter, 1.0) for letter in LETTERS])
    return np.asarray(weights / weights.sum(), np.float64)


@cache
def states() -> tuple[Whole, Floats]:
    """Symbol indexes (n x 3) of the known codes and their probabilities (sum 1)."""
    old = _SHORT.split()
    known: list[str] = []
    for code in sorted(state_codes()):
        rare = state_kind(code) is StateKind.HISTORIC or code in RARE_STATES
        (old if rare else known).append(code.ljust(3, FILLER))
    weights = np.array([1.0] * len(known) + [_HISTORIC_WEIGHT] * len(old))
    return np.stack([indexes(code) for code in known + old]), weights / weights.sum()


@cache
def wrong_symbol() -> Floats:
    """Probability of each symbol given that a check digit is wrong and the symbol is not the right digit."""
    return np.array([(1 - MISSING - ODD) / 9] * 10 + [ODD / 26] * 26 + [MISSING])
