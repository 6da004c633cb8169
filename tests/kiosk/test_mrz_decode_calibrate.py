"""Calibration finds the temperature that was put in, and a threshold that no wrong key passes."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.texts import FORMATS, compose
from kiosk.capture.mrz.decode_calibrate import LEAST, Sample, calibrate, fit_certain, fit_evidence
from kiosk.capture.mrz.prior import Network, indexes
from kiosk.capture.mrz.reading import SYMBOLS


def _samples(count: int, temperature: float) -> list[Sample]:
    """Zones whose cells are drawn from their own scores, then sharpened: exactly that overconfident."""
    found: list[Sample] = []
    for index in range(count):
        dice = Dice("calibrate", index)
        lines = compose(dice, FORMATS[index % 6]).lines
        text = np.stack([indexes(line) for line in lines])
        logits = dice.source.standard_normal((*text.shape, len(SYMBOLS))) * 3
        chances = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
        drawn = (dice.source.random(text.shape)[..., None] > chances.cumsum(axis=2)).sum(axis=2)
        drawn = np.minimum(drawn, len(SYMBOLS) - 1)
        _swap(logits, drawn, text)
        logits *= temperature
        logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
        found.append((logits.astype(np.float32), lines))
    return found


def _swap(logits: Any, drawn: Any, text: Any) -> None:
    """Exchange the drawn symbol's score with the printed one's."""
    high = np.take_along_axis(logits, drawn[..., None], 2)
    low = np.take_along_axis(logits, text[..., None], 2)
    np.put_along_axis(logits, drawn[..., None], low, 2)
    np.put_along_axis(logits, text[..., None], high, 2)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    found, floor = fit_evidence(_samples(30, temperature))
    assert found == pytest.approx(temperature, rel=0.15)
    assert floor <= 1e-3


def test_the_threshold_lies_above_every_wrong_key() -> None:
    path = Path(__file__).with_name("lattice.py")
    spec = importlib.util.spec_from_file_location("lattice", path)
    assert spec is not None
    assert spec.loader is not None
    lattice = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lattice)
    shown, told = (compose(Dice("other", index), "TD3").lines for index in (1, 2))
    scores = lattice.clear(shown)
    right = fit_certain([(scores, shown)], Network(1.0, 1e-5, 0.5))
    wrong = fit_certain([(scores, told)], Network(1.0, 1e-5, 0.5))
    assert right == LEAST
    assert LEAST < wrong < 1.0
    assert calibrate([(scores, shown)]).certain == LEAST


def test_calibration_needs_samples() -> None:
    with pytest.raises(ValueError, match="samples"):
        fit_evidence([])
