"""What light and camera do to a scene. Every function takes a strength from 0 to 1; at 1 a patient person
still reads every character."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels

Float = NDArray[np.float32]


def _pixels(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def light(dice: Dice, picture: Pixels, strength: float) -> Pixels:
    """Brighter on one side, and often a shadow with an edge."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = dice.between(0, 2 * math.pi)
    along = (xs / width - 0.5) * math.cos(angle) + (ys / height - 0.5) * math.sin(angle)
    gain = 1.0 - 0.55 * strength * (along + 0.6)
    if dice.chance(0.5):
        turn = dice.between(0, 2 * math.pi)
        across = (xs / width - 0.5) * math.cos(turn) + (ys / height - 0.5) * math.sin(turn)
        steep = np.clip((across - dice.around(0.25)) * dice.between(15, 120), -40, 40)
        edge = 1 / (1 + np.exp(-steep))
        gain = gain * (1 - 0.5 * strength * edge)
    return _pixels(picture * gain[:, :, None])


def glare(dice: Dice, picture: Pixels, corners: NDArray[np.float64], strength: float) -> Pixels:
    """A reflected lamp on or near the MRZ: contrast falls to a quarter, never to nothing."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    middle, extent = corners.mean(axis=0), np.ptp(corners, axis=0)
    at = middle + np.array([dice.around(0.45), dice.around(0.45)]) * (extent + 40)
    angle = dice.between(0, math.pi)
    dx, dy = xs - at[0], ys - at[1]
    u = dx * math.cos(angle) + dy * math.sin(angle)
    v = dy * math.cos(angle) - dx * math.sin(angle)
    longer, shorter = dice.between(80, 320), dice.between(30, 120)
    alpha = (0.4 + 0.38 * strength) * np.exp(-((u / longer) ** 2) - (v / shorter) ** 2)
    return np.asarray(picture + (255.0 - picture) * alpha[:, :, None], np.uint8)


def exposure(dice: Dice, picture: Pixels, strength: float) -> Pixels:
    """Too dark or too flat."""
    low = 70 * strength * dice.between(0, 1)
    gain = 1 - strength * dice.between(0.3, 0.62)
    return _pixels(picture * gain + low)


def blur(picture: Pixels, strength: float, px_per_char: float) -> Pixels:
    """Out of focus by up to a tenth of a character."""
    sigma = 0.3 + 0.1 * strength * px_per_char
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def motion(dice: Dice, picture: Pixels, strength: float, px_per_char: float) -> Pixels:
    """A straight move of up to three tenths of a character while the shutter was open."""
    length = 0.3 * strength * px_per_char
    size = 2 * math.ceil(length / 2) + 1
    angle = dice.between(0, math.pi)
    kernel: Float = np.zeros((size, size), np.float32)
    for part in np.linspace(-0.5, 0.5, 4 * size):
        x = size // 2 + part * length * math.cos(angle)
        y = size // 2 + part * length * math.sin(angle)
        kernel[min(size - 1, max(0, round(y))), min(size - 1, max(0, round(x)))] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8)


def noise(dice: Dice, picture: Pixels, strength: float) -> Pixels:
    """Sensor noise, a little of it in every picture; colour noise is coarser than brightness noise."""
    height, width = picture.shape[:2]
    grain = dice.field((height, width, 1), 1.2 + 8.0 * strength)
    colour = cv2.resize(dice.field((height // 2, width // 2, 3), 0.8 + 5.0 * strength), (width, height))
    return _pixels(picture + grain + np.asarray(colour, np.float32))


def jpeg(picture: Pixels, strength: float) -> Pixels:
    """Through JPEG at quality 93 down to 38, as a camera's stream comes."""
    quality = round(93 - 55 * strength)
    good, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not good:
        raise AssertionError("a picture of this size can always be encoded")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
