"""Hair, beards and headscarves of the invented faces: what lies behind and before the face."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hardware_mocks.drawing import Colour, Point, ellipse, mix, smooth

if TYPE_CHECKING:
    from hardware_mocks.portraits import Face

SCARF: tuple[Colour, ...] = ((54, 84, 120), (128, 60, 74), (72, 112, 98), (160, 136, 104), (94, 84, 128))
MEN = ("crop", "side", "swept", "receding", "buzz")
WOMEN = ("parted", "long", "bob", "bun", "fringe")
SCARF_STYLE = "scarf"


def choose(face: Face) -> str:
    """The style asked for, or one that the seed gives."""
    if face.look.scarf:
        return SCARF_STYLE
    if face.look.hair:
        return face.look.hair
    if face.male and face.age > 0.6 and face.draw.random() < 0.6:
        return "receding"
    return face.draw.choice(MEN if face.male else WOMEN)


def behind(face: Face, style: str) -> None:
    """What is seen behind neck and ears."""
    dark = mix(face.hair, (0, 0, 0), 0.28)
    shapes: dict[str, list[Point]] = {
        "long": [
            (0, 84),
            (0.72, 112),
            (1.14, 300),
            (1.22, 560),
            (1.26, 820),
            (1.18, 1010),
            (0.62, 1060),
            (0, 1000),
        ],
        "parted": [
            (0, 84),
            (0.72, 112),
            (1.12, 300),
            (1.18, 560),
            (1.16, 800),
            (0.96, 960),
            (0.5, 980),
            (0, 940),
        ],
        "fringe": [
            (0, 80),
            (0.74, 108),
            (1.16, 300),
            (1.20, 560),
            (1.22, 820),
            (1.02, 980),
            (0.5, 1000),
            (0, 940),
        ],
        "bob": [
            (0, 82),
            (0.74, 108),
            (1.18, 300),
            (1.26, 560),
            (1.20, 760),
            (0.86, 850),
            (0.4, 850),
            (0, 820),
        ],
    }
    if style == "bun":
        bun = ellipse(face.cx + 8, 84, 92, 62)
        face.canvas.fill(bun, dark)
        _strands(face, [(face.at(-0.3, 100), face.at(0, 40), face.at(0.34, 96))], bun, 40)
    if style in shapes:
        shape = smooth(face.mirrored(shapes[style]))
        face.canvas.fill(shape, dark)
        paths = [(face.at(s * 0.5, 200), face.at(s * 1.1, 500), face.at(s * 1.0, 980)) for s in (-1, 1)]
        _strands(face, paths, shape, 150)


def front(face: Face, style: str) -> None:
    """What falls over forehead and temples, or the scarf round it all."""
    if style == SCARF_STYLE:
        _scarf(face)
        return
    drawers = {"receding": _receding, "buzz": _buzz, "fringe": _fringe}
    if style in drawers:
        drawers[style](face)
    elif style in WOMEN:
        _womens(face, style)
    else:
        _mens(face, style)


def _cap(face: Face, outer: list[Point], inner: list[Point], sweep: float, strands: int = 190) -> None:
    """Hair between an outer contour and the hairline, both left to right in face coordinates."""
    left = smooth([face.at(x, y) for x, y in outer], closed=False)
    line = smooth([face.at(x, y) for x, y in inner], closed=False)
    shape = left + line[::-1]
    c = face.canvas
    c.clip(face.outline, 1)
    c.shade([(x, y + 16) for x, y in line] + left[::-1], (0.66, 0.60, 0.58), 0.7, 14)
    c.clip(None)
    c.fill(shape, mix(face.hair, (0, 0, 0), 0.12), 1.0, 1.2)
    count = len(line)
    paths = []
    for k in range(9):
        start = left[int((0.08 + 0.84 * k / 8) * (len(left) - 1))]
        end = line[int((0.04 + 0.92 * k / 8) * (count - 1))]
        bend = (start[0] * 0.5 + end[0] * 0.5 + sweep * 60, start[1] * 0.62 + end[1] * 0.38)
        paths.append((start, bend, (end[0] + sweep * 24, end[1])))
    _strands(face, paths, shape, strands)
    shine = [(x, y * 0.72 + 40) for x, y in left[len(left) // 4 : len(left) // 2]]
    c.clip(shape, 4)
    c.line(shine, mix(face.hair, (255, 250, 240), 0.5), 26, 0.20, 16)
    c.clip(None)


def _strands(face: Face, paths: list[tuple[Point, Point, Point]], shape: list[Point], count: int) -> None:
    """Fine hair along curves between neighbouring guide paths, clipped to the shape."""
    rng = random.Random(f"strands/{face.look.seed}/{len(shape)}")
    c = face.canvas
    c.clip(shape, 1.5)
    for _ in range(count):
        t = rng.random() * (len(paths) - 1)
        i, f = int(t), t - int(t)
        a, b = paths[i], paths[min(i + 1, len(paths) - 1)]
        spread = 34.0
        path = [
            (
                p[0] + (q[0] - p[0]) * f + rng.gauss(0, spread * 0.5),
                p[1] + (q[1] - p[1]) * f + rng.gauss(0, spread * 0.4),
            )
            for p, q in zip(a, b, strict=True)
        ]
        tone: Colour = mix(face.hair, (255, 236, 214), rng.uniform(0.04, 0.20))
        if rng.random() < 0.55:
            tone = mix(face.hair, (0, 0, 0), rng.uniform(0.2, 0.55))
        c.line(
            smooth(path, closed=False, samples=6), tone, rng.choice((2, 2, 3)), rng.uniform(0.25, 0.55), 0.8
        )
    c.clip(None)


def _mens(face: Face, style: str) -> None:
    d = random.Random(f"hair/{face.look.seed}")
    lift = d.uniform(72, 96)
    burn = d.uniform(470, 520)
    right = [(0.40, lift + 14), (0.74, lift + 66), (0.96, 246), (1.05, 360), (1.01, burn)]
    outer = _both(right, (0, lift))
    edge = d.uniform(216, 244)
    inner = [
        (-0.93, burn),
        (-0.90, 370),
        (-0.74, 292),
        (-0.5, edge + 10),
        (0, edge - 6),
        (0.5, edge + 10),
        (0.74, 292),
        (0.90, 370),
        (0.93, burn),
    ]
    if style == "side":
        inner[3], inner[4], inner[5] = (-0.52, edge - 22), (0.02, edge + 12), (0.5, edge + 34)
    if style == "swept":
        inner[3], inner[4], inner[5] = (-0.52, edge - 20), (0.0, edge - 30), (0.52, edge - 20)
    _cap(face, outer, inner, {"crop": 0.1, "side": 0.9, "swept": -0.2}[style])


def _buzz(face: Face) -> None:
    c = face.canvas
    skull = smooth(
        face.mirrored([(0, 98), (0.40, 112), (0.72, 160), (0.92, 250), (1.01, 360), (1.0, 560), (0, 560)])
    )
    outer = _both([(0.40, 92), (0.78, 130), (1.1, 240), (1.2, 360), (1.1, 490)], (0, 80))
    inner = _both([(0.40, 244), (0.70, 284), (0.88, 370), (0.95, 490)], (0, 232))
    c.clip(skull, 1.5)
    c.fill([face.at(x, y) for x, y in [*outer, *inner[::-1]]], face.hair, 0.86, 9)
    _stipple(face, skull, 2600, 0.5, below=258)
    c.clip(None)


def _receding(face: Face) -> None:
    c = face.canvas
    for side in (-1, 1):
        tuft = [
            (0.99, 500),
            (1.03, 400),
            (0.95, 290),
            (0.78, 206),
            (0.60, 186),
            (0.64, 240),
            (0.76, 310),
            (0.86, 400),
            (0.93, 490),
        ]
        shape = smooth([face.at(side * x, y) for x, y in tuft])
        c.fill(shape, face.hair, 0.92, 5)
        guide = (face.at(side * 0.70, 200), face.at(side * 0.88, 300), face.at(side * 0.97, 470))
        _strands(face, [guide, guide], shape, 70)
    thin = smooth(
        [
            face.at(x, y)
            for x, y in _both([(0.42, 128), (0.76, 188), (0.70, 214), (0.4, 176), (0.0, 158)], (0, 112))
        ]
    )
    c.clip(face.outline, 1)
    c.fill(thin, face.hair, 0.5, 12)
    c.shade(ellipse(face.cx - 30, 250, 110, 40), (1.07, 1.06, 1.05), 0.9, 20)
    c.clip(None)


def _womens(face: Face, style: str) -> None:
    d = random.Random(f"hair/{face.look.seed}")
    low = {"long": 760, "parted": 640, "bob": 700, "bun": 500}[style]
    part = d.uniform(-0.25, 0.25)
    outer = _both([(0.42, 90), (0.78, 146), (1.03, 270), (1.14, 430), (1.08, low)], (part, 76))
    inner = _both([(0.40, 258), (0.76, 330), (0.93, 440), (1.04, low)], (part, 192))
    _cap(face, outer, inner, 0.0, 230)


def _fringe(face: Face) -> None:
    outer = _both([(0.42, 88), (0.80, 146), (1.05, 270), (1.17, 430), (1.08, 780)], (0, 74))
    inner = _both([(0.45, 372), (0.80, 384), (0.92, 470), (1.05, 780)], (0, 364))
    _cap(face, outer, inner, 0.0, 260)


def _both(right: list[Point], middle: Point) -> list[Point]:
    """A contour from the left end over the middle to the right end."""
    return [*((-x, y) for x, y in reversed(right)), middle, *right]


def _stipple(face: Face, shape: list[Point], count: int, opacity: float, below: float = 2000.0) -> None:
    """Single short hairs inside the canvas's clip, above the line `below`."""
    rng = random.Random(f"stipple/{face.look.seed}/{count}")
    c = face.canvas
    xs, ys = [p[0] for p in shape], [min(p[1], below) for p in shape]
    for _ in range(count):
        x, y = rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys))
        c.line(
            [(x, y), (x + rng.uniform(-3, 3), y + rng.uniform(2, 6))],
            mix(face.hair, (0, 0, 0), 0.3),
            2,
            opacity * rng.random(),
        )


def beard(face: Face) -> None:
    """Stubble, moustache or beard of a man."""
    if not face.male:
        return
    kind = face.look.beard
    if kind is None:
        kind = face.draw.choices(("", "stubble", "moustache", "beard"), (5, 4, 1, 1 + face.age))[0]
    c = face.canvas
    c.clip(face.outline, 3)
    jaw = smooth(face.mirrored([(0.40, 700), (0.78, 690), (1.02, 600), (1.02, 900), (0.3, 930)]))
    c.shade(jaw, (0.90, 0.89, 0.90), 0.5 if face.age < 0.9 else 0.3, 26)
    if kind in ("stubble", "beard"):
        strong = 0.75 if kind == "beard" else 0.24
        full = [
            (0.0, 692),
            (0.26, 690),
            (0.44, 716),
            (0.62, 712),
            (0.9, 600),
            (1.03, 560),
            (1.04, 900),
            (0.4, 920),
            (0.0, 920),
        ]
        shape = smooth(face.mirrored(full))
        c.fill(shape, face.hair, strong * 0.8, 14)
        c.clip(shape, 8, within=face.outline)
        _stipple(face, shape, 1600 if kind == "beard" else 900, 0.45 * (0.5 + strong))
    elif kind == "moustache":
        lip = [(0.0, 700), (0.2, 692), (0.36, 716), (0.40, 752), (0.2, 726), (0.0, 724)]
        c.fill(smooth(face.mirrored(lip)), face.hair, 0.85, 5)
    c.clip(None)


def _scarf(face: Face) -> None:
    """A headscarf with an oval opening, folds and a printed edge."""
    c = face.canvas
    rng = random.Random(f"scarf/{face.look.seed}")
    tone = rng.choice(SCARF)
    outer = [
        (0, 70),
        (0.34, 78),
        (0.72, 116),
        (1.04, 240),
        (1.22, 460),
        (1.18, 700),
        (1.12, 880),
        (1.36, 1000),
        (1.5, 1090),
        (0, 1100),
    ]
    hole = [
        (0, 246),
        (0.46, 262),
        (0.80, 350),
        (0.93, 480),
        (0.89, 620),
        (0.74, 740),
        (0.48, face.chin - 52),
        (0, face.chin - 8),
    ]
    shape, opening = smooth(face.mirrored(outer)), smooth(face.mirrored(hole))
    ring = _ring(shape, opening)
    c.clip(face.outline, 2)
    c.line([*opening, opening[0]], mix(face.skin, (60, 30, 24), 0.7), 26, 0.55, 12)
    c.clip(None)
    c.fill(ring, tone, 1.0, 1.0)
    c.clip(ring, 2)
    _folds(face, rng)
    c.line([*opening, opening[0]], mix(tone, (0, 0, 0), 0.45), 10, 0.7, 4)
    for x, y in opening[::5]:
        out = (face.cx + (x - face.cx) * 1.07, 540 + (y - 540) * 1.07)
        c.fill(ellipse(*out, 5, 5), mix(tone, (255, 250, 236), 0.6), 0.7, 1)
    c.shade(
        [face.at(0.75, 200), face.at(1.3, 300), face.at(1.3, 1000), face.at(0.95, 900)], (0.74,) * 3, 0.7, 30
    )
    c.clip(None)


def _folds(face: Face, rng: random.Random) -> None:
    """Cloth falling over the shoulders and drawn round the head."""
    c = face.canvas
    for k in range(26):
        side = -1 if k % 2 else 1
        x, drift = rng.uniform(0.1, 1.3), rng.uniform(-0.2, 0.2)
        y = rng.uniform(880, 940)
        fold = [
            face.at(side * x * 0.5, y),
            face.at(side * (x + drift) * 0.8, y + 80),
            face.at(side * (x + drift), 1100),
        ]
        shade = rng.choice((0.72, 0.78, 1.18))
        c.shade(_ribbon(smooth(fold, closed=False), 14), (shade,) * 3, 0.6, 7)
    for k in range(7):
        arc = [
            face.at(-1.1 + 0.02 * k, 520),
            face.at(-0.86, 200 + 12 * k),
            face.at(0, 96 + 21 * k),
            face.at(0.86, 200 + 12 * k),
            face.at(1.1 - 0.02 * k, 520),
        ]
        c.shade(_ribbon(smooth(arc, closed=False), 8), ((0.82, 1.14)[k % 2],) * 3, 0.4, 6)


def _ring(outer: list[Point], hole: list[Point]) -> list[Point]:
    """One polygon for a shape with a hole: both outlines joined by a seam at the top."""
    return [*outer, outer[0], hole[0], *hole[::-1]]


def _ribbon(path: list[Point], width: float) -> list[Point]:
    return [(x - width / 2, y) for x, y in path] + [(x + width / 2, y) for x, y in path[::-1]]
