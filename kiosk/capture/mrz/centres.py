"""Where every character of a block stands, and which way up it is: peaks of the centre network's heat."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reading import Gray
from kiosk.capture.mrz.straighten import BLOCK_SIZE, Matrix, sample

STRIDE = 4
MIN_HEAT = 0.3
MAX_PEAKS = 300

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Centres:
    """`peaks` (n x 3: x, y, score) on the block picture that `matrix` cuts out; text reads left to right."""

    peaks: Float
    matrix: Matrix
    upright: float  # share of the heat that agrees with this way up


def find_centres(gray: Gray, matrix: Matrix, networks: Networks) -> Centres:
    """Character centres of a block picture; the matrix is turned about where the text stands on its head."""
    picture = sample(gray, matrix, BLOCK_SIZE)
    out = networks.centres(picture)
    upright, inverted = _peaks(out[0], out[2:4]), _peaks(out[1], out[2:4])
    masses = float(upright[:, 2].sum()), float(inverted[:, 2].sum())
    share = masses[0] / max(1e-6, sum(masses))
    if share >= 0.5:
        return Centres(upright, matrix, share)
    last = np.array([BLOCK_SIZE[0] - 1, BLOCK_SIZE[1] - 1], np.float32)
    inverted[:, :2] = last - inverted[:, :2]
    turn = np.array([[-1, 0, last[0]], [0, -1, last[1]], [0, 0, 1]], np.float64)
    return Centres(inverted, matrix @ turn, 1 - share)


def _peaks(logits: Float, offsets: Float) -> Float:
    heat = (1 / (1 + np.exp(-logits))).astype(np.float32)
    top = np.asarray(cv2.dilate(heat, np.ones((3, 3), np.uint8)))
    ys, xs = np.nonzero((heat >= top) & (heat > MIN_HEAT))
    scores = heat[ys, xs]
    if len(xs) > MAX_PEAKS:
        best = np.argsort(-scores)[:MAX_PEAKS]
        ys, xs, scores = ys[best], xs[best], scores[best]
    dx, dy = np.clip(offsets[:, ys, xs], -0.75, 0.75)
    half = (STRIDE - 1) / 2
    return np.stack([(xs + dx) * STRIDE + half, (ys + dy) * STRIDE + half, scores], axis=1).astype(np.float32)
