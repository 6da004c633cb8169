"""Where in a picture zones may be: a coarse look at the whole by the finder network.

Every zone comes with its middle, reading direction and character pitch, good enough for a block picture.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.networks import Networks
from kiosk.capture.mrz.reading import Gray

GLANCE, LOOK = 480, 640  # longer side of the picture the finder sees: first, and where that gave no reading
MULTIPLE = 32
THRESHOLD = 0.0  # mask logit
MIN_PLACES = 12  # of the mask; smaller spots are no part of a zone
MIN_LENGTH = 8.0  # pitches; a scrap of a line can lead to its block
MAX_ZONES = 3
PART = 0.6  # of each side, when looking closer
CELL = 4  # finder pixels per mask place
_APART = math.radians(12)

Double = NDArray[np.float64]


@dataclass(frozen=True)
class Zone:
    """A candidate in picture pixels: `angle` is the reading direction, `weight` how much was seen of it."""

    middle: tuple[float, float]
    angle: float
    pitch: float
    length: float
    height: float
    weight: float

    def upright(self) -> "Zone":
        """The same place, read in the likelier of its two ways: nobody has seen which way up the text is."""
        return self if math.cos(self.angle) >= 0 else replace(self, angle=self.angle + math.pi)

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Clockwise from the top left of the text as it is read."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        halves = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return tuple(
            (
                self.middle[0] + (x * self.length * cos - y * self.height * sin) / 2,
                self.middle[1] + (x * self.length * sin + y * self.height * cos) / 2,
            )
            for x, y in halves
        )


@dataclass(frozen=True, eq=False)
class _Blob:
    """Mask places of one candidate in finder pixels, and the mean direction and pitch there."""

    points: Double
    weights: Double
    angle: float
    pitch: float


def find_zones(gray: Gray, networks: Networks, look: int = LOOK) -> list[Zone]:
    """Up to MAX_ZONES candidates, heaviest first, seen with `look` pixels along the longer side."""
    frame, scale = _looked_at(gray, look)
    out = networks.finder(frame)
    blobs = _joined(_blobs(out))
    zones = [zone for blob in blobs if (zone := _zone(blob, scale)) is not None]
    return sorted(zones, key=lambda zone: -zone.weight)[:MAX_ZONES]


def find_zones_closer(gray: Gray, networks: Networks) -> list[Zone]:
    """Small print in large pictures: the same on four overlapping parts."""
    height, width = gray.shape
    tall, wide = math.ceil(height * PART), math.ceil(width * PART)
    zones = []
    for top in (0, height - tall):
        for left in (0, width - wide):
            part = np.ascontiguousarray(gray[top : top + tall, left : left + wide])
            for zone in find_zones(part, networks):
                middle = (zone.middle[0] + left, zone.middle[1] + top)
                zones.append(replace(zone, middle=middle))
    return sorted(zones, key=lambda zone: -zone.weight)[:MAX_ZONES]


def _looked_at(gray: Gray, look: int) -> tuple[Gray, float]:
    """The picture at `look` pixels, sides filled up to multiples, and picture pixels per finder pixel."""
    height, width = gray.shape
    scale = max(height, width) / look
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    small = cv2.resize(gray, size, interpolation=method)
    bottom, right = -size[1] % MULTIPLE, -size[0] % MULTIPLE
    full = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(full, np.uint8), scale


def _blobs(out: NDArray[np.float32]) -> list[_Blob]:
    _, height, width = out.shape
    logits = out[:4].reshape(2, 2, height, width).transpose(2, 0, 3, 1).reshape(2 * height, 2 * width)
    mask = (logits > THRESHOLD).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    large = stats[1:, cv2.CC_STAT_AREA] >= MIN_PLACES
    blobs = []
    for label in np.flatnonzero(large) + 1:
        left, top, wide, tall = (int(value) for value in stats[label, : cv2.CC_STAT_AREA])
        ys, xs = np.nonzero(labels[top : top + tall, left : left + wide] == label)
        ys, xs = ys + top, xs + left
        weights = 1 / (1 + np.exp(-logits[ys, xs].astype(np.float64)))
        cos, sin, size = (
            float((out[channel, ys // 2, xs // 2] * weights).sum() / weights.sum()) for channel in (4, 5, 6)
        )
        points = np.stack([xs, ys], axis=1) * float(CELL) + (CELL - 1) / 2
        blobs.append(
            _Blob(
                points.astype(np.float64), weights, math.atan2(sin, cos), 8 * 2 ** min(3.0, max(-3.0, size))
            )
        )
    return blobs


def _joined(blobs: list[_Blob]) -> list[_Blob]:
    """Pieces of one zone, torn apart by glare or a stamp, put together again."""
    left = sorted(blobs, key=lambda blob: -float(blob.weights.sum()))
    whole: list[_Blob] = []
    for blob in left:
        for place, other in enumerate(whole):
            if _same_zone(other, blob):
                whole[place] = _Blob(
                    np.vstack([other.points, blob.points]),
                    np.concatenate([other.weights, blob.weights]),
                    other.angle,
                    other.pitch,
                )
                break
        else:
            whole.append(blob)
    return whole


def _same_zone(first: _Blob, second: _Blob) -> bool:
    turned = abs((second.angle - first.angle + math.pi) % (2 * math.pi) - math.pi)
    if turned > _APART or not 0.7 < second.pitch / first.pitch < 1.43:
        return False
    apart = second.points.mean(axis=0) - first.points.mean(axis=0)
    across = abs(-apart[0] * math.sin(first.angle) + apart[1] * math.cos(first.angle))
    along = abs(apart[0] * math.cos(first.angle) + apart[1] * math.sin(first.angle))
    return bool(across < 2.5 * first.pitch and along < 40 * first.pitch)


def _zone(blob: _Blob, scale: float) -> Zone | None:
    angle = _axis(blob)
    along = blob.points @ np.array([math.cos(angle), math.sin(angle)])
    across = blob.points @ np.array([-math.sin(angle), math.cos(angle)])
    (left, right), (top, bottom) = _quantiles(along, 0.01), _quantiles(across, 0.02)
    length, height = right - left + CELL, bottom - top + CELL
    if length < MIN_LENGTH * blob.pitch:
        return None
    u, v = (left + right) / 2, (top + bottom) / 2
    x = u * math.cos(angle) - v * math.sin(angle)
    y = u * math.sin(angle) + v * math.cos(angle)
    return Zone(
        (float((x + 0.5) * scale - 0.5), float((y + 0.5) * scale - 0.5)),
        angle,
        blob.pitch * scale,
        float(length * scale),
        float(height * scale),
        float(blob.weights.sum()),
    )


def _quantiles(values: Double, share: float) -> tuple[float, float]:
    """As np.quantile for `share` and 1 - `share`, which takes longer to begin than to do it."""
    ordered = np.sort(values)
    places = (len(ordered) - 1) * share, (len(ordered) - 1) * (1 - share)
    low, high = np.interp(places, np.arange(len(ordered)), ordered)
    return float(low), float(high)


def _axis(blob: _Blob) -> float:
    """The long axis of the places, pointing where the network says the text runs."""
    centred = blob.points - np.average(blob.points, axis=0, weights=blob.weights)
    spread, axes = np.linalg.eigh((centred * blob.weights[:, None]).T @ centred)
    if spread[1] < 6 * spread[0]:
        return blob.angle
    axis = math.atan2(axes[1, 1], axes[0, 1])
    return axis if math.cos(axis - blob.angle) > 0 else axis + math.pi
