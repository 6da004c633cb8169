"""Where the page lies: a desk, a hand, and the view of a camera above them (one homography a frame)."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.bench import ink
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels
from kiosk.capture.bench.pages import Page

MARGIN = 6.0  # pixels between the MRZ block and the edge of the frame
TILT = 15.0  # degrees at strength 1
LEAN = 0.30  # change of size from one end of the page to the other at strength 1, about

Points = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Page pixels to frame pixels; where the block's corners come to lie, and the pitch there."""

    matrix: NDArray[np.float64]  # 3 x 3
    corners: Points  # 4 x 2
    px_per_char: float


def project(matrix: NDArray[np.float64], points: Points) -> Points:
    """N x 2 points through a homography."""
    ends = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    result: Points = ends[:, :2] / ends[:, 2:]
    return result


def look(
    dice: Dice,
    page: Page,
    columns: int,
    target: float,
    size: tuple[int, int],
    *,
    quarter_turns: int,
    tilt: float,
    perspective: float,
) -> View:
    """Place the page so that its whole MRZ is in a frame of `size` (width, height) at about `target` pixels
    per character, smaller where that does not fit. `tilt` and `perspective` are strengths."""
    angle = math.radians(
        90 * quarter_turns + dice.pick((-1, 1)) * max(0.8, TILT * tilt) * dice.between(0.7, 1)
    )
    lean_to = dice.between(0, 2 * math.pi)
    jitter = np.array([dice.around(0.25), dice.around(0.25)]) * size
    for shrink in np.geomspace(1.0, 0.2, 24):
        placed = _placed(page, target * shrink / page.pitch, angle, (lean_to, perspective), size)
        corners = project(placed, page.corners)
        low, high = MARGIN - corners.min(axis=0), np.array(size) - MARGIN - corners.max(axis=0)
        if np.all(low <= high):
            shift = np.clip(_centring(page, placed, size) + jitter, low, high)
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ placed
            corners = corners + shift
            return View(matrix, corners, _pitch(corners, columns))
    raise AssertionError("no MRZ is larger than five frames")


def _placed(
    page: Page, scale: float, angle: float, lean: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Scaled and turned about the MRZ's middle, seen aslant, the middle at the frame's middle."""
    middle = page.corners.mean(axis=0)
    reach = math.hypot(*page.pixels.shape[:2]) * scale
    to, strength = lean
    slope = LEAN * strength / reach * 1.6
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    centre = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    aslant = np.array([[1, 0, 0], [0, 1, 0], [slope * math.cos(to), slope * math.sin(to), 1]])
    back = np.array([[1, 0, size[0] / 2], [0, 1, size[1] / 2], [0, 0, 1]])
    result: NDArray[np.float64] = back @ aslant @ turn @ centre
    return result


def _centring(page: Page, placed: NDArray[np.float64], size: tuple[int, int]) -> Points:
    height, width = page.pixels.shape[:2]
    edges = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    result: Points = np.array(size) / 2 - project(placed, edges).mean(axis=0)
    return result


def _pitch(corners: Points, columns: int) -> float:
    top, bottom = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3])
    return float(top + bottom) / 2 / columns


def desk(dice: Dice, size: tuple[int, int]) -> Pixels:
    """A table top: wood, cloth, steel or a sheet, with things on it."""
    width, height = size
    base = np.array(dice.pick(((70, 110, 150), (50, 70, 90), (120, 120, 118), (40, 40, 44), (190, 195, 198))))
    grain = dice.pick(((height // 4, 8), (8, width // 6), (height // 3, width // 3), (6, 6)))
    noise = cv2.resize(
        dice.field((max(2, grain[0]), max(2, grain[1])), 1.0), size, interpolation=cv2.INTER_LINEAR
    )
    picture = np.asarray(
        np.clip(base + np.asarray(noise)[:, :, None] * dice.between(3, 14), 0, 255), np.uint8
    )
    for _ in range(dice.whole(0, 3)):
        _thing(dice, picture)
    return picture


def _thing(dice: Dice, picture: Pixels) -> None:
    height, width = picture.shape[:2]
    at = (dice.whole(0, width), dice.whole(0, height))
    colour = (dice.whole(10, 240), dice.whole(10, 240), dice.whole(10, 240))
    kind = dice.pick(("pen", "cup", "sheet", "keys"))
    if kind == "pen":
        end = (at[0] + dice.whole(-350, 350), at[1] + dice.whole(-350, 350))
        cv2.line(picture, at, end, colour, dice.whole(8, 20), cv2.LINE_AA)
    elif kind == "cup":
        radius = dice.whole(60, 130)
        cv2.circle(picture, at, radius, colour, -1, cv2.LINE_AA)
        cv2.circle(picture, at, int(radius * 0.8), (30, 40, 60), -1, cv2.LINE_AA)
    elif kind == "sheet":
        corner = cv2.boxPoints((at, (dice.whole(200, 600), dice.whole(150, 400)), dice.around(40.0)))
        cv2.fillConvexPoly(picture, np.asarray(corner, np.int32), (235, 238, 240), cv2.LINE_AA)
    else:
        for x in range(at[0], at[0] + 400, 44):
            cv2.rectangle(picture, (x, at[1]), (x + 36, at[1] + 36), (50, 50, 52), -1)


def lay(dice: Dice, ground: Pixels, page: Page, view: View) -> Pixels:
    """The page on the ground, with a soft shadow, resampled as a lens would."""
    size = (ground.shape[1], ground.shape[0])
    shrink = page.pitch / view.px_per_char
    source = page.pixels
    if shrink > 1.15:
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.42 * shrink), np.uint8)
    flat = cv2.warpPerspective(source, view.matrix, size, flags=cv2.INTER_LINEAR)
    full = np.full(source.shape[:2], 255, np.uint8)
    cover = np.asarray(cv2.warpPerspective(full, view.matrix, size, flags=cv2.INTER_LINEAR), np.float32) / 255
    shadow = np.roll(
        np.asarray(cv2.blur(cover, (25, 25)), np.float32), (dice.whole(-9, 9), dice.whole(-9, 9)), (0, 1)
    )
    dimmed = ground * (1 - 0.45 * shadow[:, :, None])
    mixed = dimmed * (1 - cover[:, :, None]) + np.asarray(flat, np.float32) * cover[:, :, None]
    return np.asarray(mixed, np.uint8)


def thumb(dice: Dice, picture: Pixels, page: Page, view: View) -> None:
    """A finger that holds the page at an edge away from the MRZ."""
    _height, width = page.pixels.shape[:2]
    top = float(page.corners[:, 1].min())
    if top < 6 * page.pitch:
        return
    side = dice.pick((0, 1))
    at = np.array([[side * width, dice.between(0.1, 0.5) * top]], np.float64)
    inward = np.array([[width / 2, at[0, 1]]], np.float64)
    tip, towards = project(view.matrix, at)[0], project(view.matrix, inward)[0]
    angle = math.degrees(math.atan2(*(towards - tip)[::-1]))
    length, thick = round(5.5 * view.px_per_char), round(3.0 * view.px_per_char)
    level = dice.whole(110, 210)
    skin = (int(level * 0.68), int(level * 0.8), level)
    centre = (round(float(tip[0])), round(float(tip[1])))
    layer = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(layer, centre, (max(2, length), max(2, thick)), angle, 0, 360, 255, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(layer, (0, 0), 1 + view.px_per_char / 8)
    keep = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(keep, np.asarray(view.corners, np.int32), 255)
    keep = np.asarray(cv2.dilate(keep, np.ones((9, 9), np.uint8)), np.uint8)
    mask = np.where(keep > 0, 0, np.asarray(soft, np.float32) / 255).astype(np.float32)
    ink.blend(picture, skin, mask)
