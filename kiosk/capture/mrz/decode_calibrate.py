"""Fits what the decoder assumes of a network to pictures that it was not trained on."""

from collections.abc import Sequence

import numpy as np

from card_io.lds.mrz_layout import field_spans, longest_overflow
from kiosk.capture.mrz.decode import decode_any
from kiosk.capture.mrz.decode_forms import KEY
from kiosk.capture.mrz.prior import NETWORK, Floats, Network, Whole, evidence, indexes
from kiosk.capture.mrz.reading import LogProbabilities

TEMPERATURES = tuple(np.round(np.geomspace(0.5, 4.0, 28), 3).tolist())
FLOORS = (1e-8, 1e-7, 1e-6, 3e-6, 1e-5, 2e-5, 5e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
LEAST = 0.99  # no threshold below this, however well the sample went
MARGIN = 3.0  # a threshold leaves this factor between its doubt and that of the surest wrong reading

Sample = tuple[LogProbabilities, tuple[str, ...]]  # raw scores and the lines as printed


def calibrate(samples: Sequence[Sample]) -> Network:
    """Temperature and floor of greatest likelihood, then the threshold that calls no wrong key certain.

    Needs some hundred zones, hard ones among them; cells count as independent. ValueError without samples.
    """
    temperature, floor = fit_evidence(samples)
    return Network(temperature, floor, fit_certain(samples, Network(temperature, floor, LEAST)))


def fit_evidence(samples: Sequence[Sample]) -> tuple[float, float]:
    """Temperature and floor under which the printed symbols are likeliest."""
    if not samples:
        raise ValueError("samples are needed to calibrate")
    scores = np.concatenate([scores.reshape(-1, scores.shape[-1]) for scores, _ in samples])
    truth = np.concatenate([indexes("".join(lines)) for _, lines in samples])
    found = [
        (_likelihood(evidence(scores, temperature, 0.0), truth, floor), temperature, floor)
        for temperature in TEMPERATURES
        for floor in FLOORS
    ]
    _, temperature, floor = max(found)
    return temperature, floor


def _likelihood(seen: Floats, truth: Whole, floor: float) -> float:
    chance = seen[np.arange(len(truth)), truth]
    return float(np.log(chance * (1 - floor) + floor / seen.shape[1]).sum())


def fit_certain(samples: Sequence[Sample], network: Network = NETWORK) -> float:
    """The lowest key_confidence that keeps a MARGIN above every wrong key that could be called certain.

    Doubt (1 - confidence) is what is compared. Only readings that pass the other conditions of certainty
    count, so `network.certain` should be low.
    """
    doubt = 1 - LEAST
    for scores, lines in samples:
        read = decode_any(scores, network=network)
        if read.certain and _key(read.form, read.lines) != _key(read.form, lines):
            doubt = min(doubt, (1 - read.key_confidence) / MARGIN)
    return 1 - doubt


def _key(form: str, lines: tuple[str, ...]) -> list[str]:
    """Number, birth and expiry with their digits, and the optional data of forms that may continue there."""
    spans, names = field_spans(form), [*KEY, *(f"{name}_check" for name in KEY)]
    if longest_overflow(form) and spans["document_number_check"].of(lines) == "<":
        names.append("optional")
    return [spans[name].of(lines) for name in names if name in spans]
