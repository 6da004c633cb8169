"""Neck, shoulders, clothes and ears of the invented faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware_mocks.drawing import ellipse, mix, smooth

if TYPE_CHECKING:
    from hardware_mocks.portraits import Face


def shoulders(face: Face) -> None:
    """Neck, shadow of the chin, clothing and collar."""
    c, w = face.canvas, 1.0 if face.male else 0.93
    neck = 0.60 if face.male else 0.50
    shadow = mix(face.skin, (92, 52, 40), 0.30)
    c.fill(smooth(face.mirrored([(neck, 690), (neck, 880), (neck + 0.12, 960), (0.9, 1085)])), shadow)
    c.fill(smooth(face.mirrored([(neck - 0.14, 760), (neck - 0.2, 960), (0.35, 1085)])), face.skin, 0.5, 26)
    c.shade(ellipse(face.cx, face.chin + 8, face.half * 0.62, 58), (0.66, 0.60, 0.58), 0.85, 22)
    body = [(neck + 0.10, 938), (1.06 * w, 986), (1.52 * w, 1030), (1.76 * w, 1110)]
    dip = 992 if face.male else 1030
    shape = face.mirrored([*body, (0.9, 1130)])
    collar = smooth(
        [face.at(-neck - 0.10, 938), face.at(0, dip + 26), face.at(neck + 0.10, 938)], closed=False
    )
    c.fill([*collar, *shape[:5], *shape[5:]], face.cloth)
    c.shade(
        [face.at(1.0, 980), face.at(1.9, 1040), face.at(1.9, 1100), face.at(1.1, 1100)], (0.7,) * 3, 0.7, 24
    )
    c.shade(
        [face.at(-1.0, 970), face.at(-0.7, 960), face.at(-0.8, 1100), face.at(-1.2, 1100)],
        (1.2,) * 3,
        0.7,
        22,
    )
    c.line(collar, mix(face.cloth, (0, 0, 0), 0.35), 7, 0.8, 1.5)
    if face.male and face.draw.random() < 0.7:
        _shirt(face, neck)


def _shirt(face: Face, neck: float) -> None:
    c = face.canvas
    white = face.draw.choice(((236, 238, 242), (206, 218, 232), (222, 214, 206)))
    for side in (-1, 1):
        lapel = [(neck + 0.06, 918), (neck + 0.13, 968), (0.46, 1046), (0.02, 1010), (0.18, 982)]
        c.fill([face.at(side * x, y) for x, y in lapel], white)
        c.line([face.at(side * x, y) for x, y in lapel[1:4]], (120, 124, 130), 4, 0.7, 1.2)
    front = [
        face.at(0.02, 1010),
        face.at(0.36, 1052),
        face.at(0.26, 1085),
        face.at(-0.26, 1085),
        face.at(-0.36, 1052),
    ]
    c.fill([*front, face.at(-0.02, 1010)], mix(white, (120, 120, 130), 0.14))
    c.line([face.at(0, 1012), face.at(0, 1085)], (150, 152, 158), 3, 0.7, 1)


def ears(face: Face) -> None:
    """Both ears, drawn before the face."""
    tone = mix(face.skin, (168, 84, 62), 0.18)
    for side in (-1, 1):
        ear = [(0.95, 480), (1.06, 462), (1.12, 500), (1.09, 566), (1.02, 622), (0.94, 610)]
        face.canvas.fill(smooth([face.at(side * x, y) for x, y in ear]), tone)
        inner = [(1.00, 492), (1.06, 500), (1.05, 556), (1.00, 590)]
        face.canvas.shade(smooth([face.at(side * x, y) for x, y in inner]), (0.74, 0.64, 0.60), 0.7, 7)
