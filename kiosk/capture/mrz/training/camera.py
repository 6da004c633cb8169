"""What a lens, a sensor and a file do to a grey picture; drawn anew for every sample, harder than the bench.

Pictures are float32, 0 to 255; `pitch` is pixels per character, to which blur and motion are scaled.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Random = np.random.Generator


def degraded(random: Random, picture: Float, pitch: float) -> NDArray[np.uint8]:
    """One photograph or scan: light, lens, sensor, file; small print is spared the worst."""
    mild = 0.45 if pitch < 8 else 0.7 if pitch < 12 else 1.0

    def maybe(share: float) -> float:
        return float(random.uniform(0.1, 1.0) * mild) if random.random() < share else 0.0

    picture = _light(random, picture, maybe(0.35), maybe(0.25))
    picture = _glare(random, picture, pitch, maybe(0.25))
    picture = _tone(random, picture, maybe(0.45))
    picture = _lens(random, picture, pitch, maybe(0.45), maybe(0.2))
    if random.random() < 0.12:
        picture = _small(random, picture, pitch)
    picture = _sensor(random, picture, 0.12 + maybe(0.35))
    if random.random() < 0.12:
        picture = _sharpened(random, picture)
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return _file(random, pixels) if random.random() < 0.6 else pixels


def _ramp(random: Random, shape: tuple[int, ...]) -> Float:
    """-0.5 to 0.5 across the picture in a random direction."""
    height, width = shape
    angle = random.uniform(0, 2 * math.pi)
    xs = np.linspace(-0.5, 0.5, width, dtype=np.float32) * np.float32(math.cos(angle))
    ys = np.linspace(-0.5, 0.5, height, dtype=np.float32) * np.float32(math.sin(angle))
    return np.asarray(xs[None, :] + ys[:, None], np.float32)


def _light(random: Random, picture: Float, slope: float, shadow: float) -> Float:
    if slope:
        picture = picture * (1 - 0.7 * slope * (_ramp(random, picture.shape) + 0.5))
    if shadow:
        steep = np.clip(
            (_ramp(random, picture.shape) + random.uniform(-0.3, 0.3)) * random.uniform(15, 250), -30, 30
        )
        picture = picture * (1 - 0.6 * shadow / (1 + np.exp(-steep)))
    return np.asarray(picture, np.float32)


def _glare(random: Random, picture: Float, pitch: float, strength: float) -> Float:
    """Up to three reflected lamps, soft or hard edged."""
    if not strength:
        return picture
    height, width = picture.shape
    for _ in range(random.integers(1, 4)):
        angle = random.uniform(0, math.pi)
        x, y = random.uniform(0, width), random.uniform(0, height)
        xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(x)
        ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(y)
        along = (xs * math.cos(angle) + ys * math.sin(angle)) / (pitch * random.uniform(2, 16))
        across = (ys * math.cos(angle) - xs * math.sin(angle)) / (pitch * random.uniform(1, 6))
        alpha = np.minimum(1.0, random.uniform(0.8, 2.0) * np.exp(-(along**2) - across**2))
        alpha = alpha * random.uniform(0.3, 0.45 + 0.4 * strength)
        picture = picture + (255 - picture) * alpha.astype(np.float32)
    return picture


def _tone(random: Random, picture: Float, strength: float) -> Float:
    """Too dark, too flat, too hard, or with another gamma."""
    if not strength:
        return picture
    gamma = math.exp(random.uniform(-0.7, 0.7) * strength)
    picture = 255 * np.power(np.clip(picture, 0, 255) / 255, np.float32(gamma))
    gain = 1 - strength * random.uniform(-0.35, 0.7)
    low = random.uniform(0, 90) * strength
    return np.asarray(picture * gain + low * (gain < 1), np.float32)


def _lens(random: Random, picture: Float, pitch: float, blur: float, motion: float) -> Float:
    if blur:
        sigma = 0.3 + 0.13 * blur * pitch
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    if motion:
        picture = _moved(random, picture, 0.36 * motion * pitch)
    return picture


def _moved(random: Random, picture: Float, length: float) -> Float:
    size = 2 * math.ceil(length / 2) + 1
    angle = random.uniform(0, math.pi)
    kernel: Float = np.zeros((size, size), np.float32)
    parts = np.linspace(-0.5, 0.5, 4 * size) * length
    ys = np.clip(np.rint(size // 2 + parts * math.sin(angle)), 0, size - 1).astype(int)
    xs = np.clip(np.rint(size // 2 + parts * math.cos(angle)), 0, size - 1).astype(int)
    np.add.at(kernel, (ys, xs), np.float32(1))
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def _small(random: Random, picture: Float, pitch: float) -> Float:
    """Stored smaller and enlarged again, as pictures on the web are; not below seven pixels per character."""
    factor = max(random.uniform(0.35, 0.9), 7.0 / pitch)
    if factor >= 1:
        return picture
    height, width = picture.shape
    method = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[random.integers(0, 3)]
    small = cv2.resize(
        picture, (max(8, int(width * factor)), max(8, int(height * factor))), interpolation=method
    )
    back = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[random.choice(3, p=(0.5, 0.4, 0.1))]
    return np.asarray(cv2.resize(small, (width, height), interpolation=back), np.float32)


def _sensor(random: Random, picture: Float, strength: float) -> Float:
    sigma = 10.0 * strength
    grain = random.standard_normal(picture.shape, dtype=np.float32) * np.float32(sigma)
    if random.random() < 0.3:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8), np.float32) * 2
    return picture + grain


def _sharpened(random: Random, picture: Float) -> Float:
    soft = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.8, 2.0))
    return np.asarray(picture + (picture - soft) * random.uniform(0.4, 1.6), np.float32)


def _file(random: Random, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    quality = int(random.integers(22, 95))
    good, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8) if good else pixels
