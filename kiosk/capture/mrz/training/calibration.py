"""What the decoder has to know of the shipped networks: `python -m kiosk.capture.mrz.training.calibration`.

Reads frames of the bench's kind but of a seed that is neither trained nor measured on, and fits temperature,
floor and the threshold of certainty; the numbers belong into `prior.NETWORK`.
"""

import argparse
from collections.abc import Iterator

import cv2
import numpy as np

from kiosk.capture.bench.synthetic import make
from kiosk.capture.mrz.blocks import Shown, find_grids, show
from kiosk.capture.mrz.decode_calibrate import Sample, calibrate
from kiosk.capture.mrz.finder import find_zones
from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reading import Gray

SEED = 77
FRAMES = 480
FOUND = 0.8  # mean probability of the best symbols from which a grid counts as the right one


def pairs(frames: int) -> Iterator[Sample]:
    """Scores of the best grid of every frame, and what is printed there."""
    networks = Networks()
    for index in range(frames):
        picture = make(SEED, index)
        gray = np.asarray(cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY), np.uint8)
        best = _best(gray, networks)
        lines = picture.truth.lines
        if best is not None and best.sure > FOUND and best.scores.shape[:2] == (len(lines), len(lines[0])):
            yield best.scores, lines


def _best(gray: Gray, networks: Networks) -> Shown | None:
    zones = find_zones(gray, networks)
    shown = [show(gray, grid, networks) for zone in zones for grid in find_grids(gray, zone, networks)]
    return max(shown, key=lambda found: found.sure, default=None)


def main(arguments: list[str] | None = None) -> int:
    """Print the fitted `Network`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"frames to read (default: {FRAMES})")
    args = parser.parse_args(arguments)
    samples = list(pairs(args.frames))
    print(f"{len(samples)} zones: {calibrate(samples)}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
