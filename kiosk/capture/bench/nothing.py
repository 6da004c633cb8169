"""Frames that hold no MRZ but much that looks like one to a finder: text, tables, slips, cards, faces."""

import cv2
import numpy as np

from kiosk.capture.bench import ink, scene
from kiosk.capture.bench.dice import Dice
from kiosk.capture.bench.ink import Pixels
from kiosk.capture.bench.layouts import LAYOUTS
from kiosk.capture.bench.pages import draw_page
from kiosk.capture.bench.texts import SHAPES

KINDS = ("desk", "face", "text", "card", "slip", "table", "barcode", "cut")
_TEXT = (
    "border road bread river the of and to in with letter paper seven green house morning number street "
    "winter office market train water field stone bridge under over between first second"
)
_WORDS = _TEXT.split()


def draw(dice: Dice, kind: str, size: tuple[int, int]) -> Pixels:
    """A scene of a kind of KINDS, except "cut", which needs a document."""
    ground = scene.desk(dice, size)
    if kind == "desk":
        return ground
    if kind == "face":
        return _face(dice, ground)
    if kind == "card":
        return _card(dice, ground)
    drawers = {"text": _text, "slip": _slip, "table": _table, "barcode": _barcode}
    sheet = drawers[kind](dice)
    return _placed(dice, ground, sheet)


def text_page(dice: Dice, size: tuple[int, int], line: float) -> Pixels:
    """A page of running text; `line` is the em in pixels."""
    width, height = size
    level = dice.whole(215, 250)
    sheet: Pixels = np.full((height, width, 3), (level, level, level), np.uint8)
    face = dice.pick(("sans", "serif"))
    upper = dice.chance(0.3)
    y = 2 * line
    while y < height - line:
        words = " ".join(dice.pick(_WORDS) for _ in range(24))
        count = dice.whole(20, 90) if dice.chance(0.2) else int(width / line * 1.6)
        ink.write(sheet, (words.upper() if upper else words)[:count], (line, y), face, line, (40, 36, 36))
        y += line * dice.pick((1.4, 1.4, 1.4, 2.4))
    return sheet


def _text(dice: Dice) -> Pixels:
    return text_page(dice, (900, 1100), dice.between(14, 34))


def _slip(dice: Dice) -> Pixels:
    """A payment slip: OCR-B lines that are no MRZ (other signs, other lengths)."""
    sheet: Pixels = np.full((520, 1150, 3), (225, 230, 252), np.uint8)
    cv2.rectangle(sheet, (20, 20), (1130, 380), (120, 130, 200), 2)
    ink.write(sheet, "Receipt / Payment part", (40, 60), "bold", 30, (60, 60, 90))
    rows = []
    for number in range(dice.whole(1, 2)):
        groups = [dice.letters("0123456789", dice.whole(4, 11)) for _ in range(3)]
        row = dice.pick(
            (f"{groups[0]}>{groups[1]}+ {groups[2]}>", "  ".join(groups), f"+{groups[1]} {groups[2]}")
        )
        rows.append((row, 120.0, 440.0 + 42 * number))
    mask = ink.ocr_mask((520, 1150), rows, dice.between(18, 24), cut=dice.pick(("round", "sharp")), size=1.0)
    ink.blend(sheet, (30, 30, 30), mask)
    return sheet


def _table(dice: Dice) -> Pixels:
    sheet: Pixels = np.full((800, 1100, 3), 244, np.uint8)
    step = dice.whole(26, 44)
    for y in range(40, 780, step):
        cells = "   ".join(dice.letters("0123456789<ABCDEF"[: dice.pick((10, 17))], 8) for _ in range(6))
        ink.write(sheet, cells, (40, y), dice.pick(("sans", "bold")), step * 0.6, (50, 45, 45))
        cv2.line(sheet, (30, y + step // 4), (1070, y + step // 4), (180, 180, 180), 1)
    return sheet


def _barcode(dice: Dice) -> Pixels:
    sheet: Pixels = np.full((560, 880, 3), 236, np.uint8)
    x = 60
    while x < 820:
        wide = dice.whole(2, 8)
        cv2.rectangle(sheet, (x, 120), (x + wide, 320), (25, 25, 25), -1)
        x += wide + dice.whole(2, 9)
    ink.write(sheet, dice.letters("0123456789", 13), (240, 370), "sans", 40, (30, 30, 30))
    ink.write(sheet, "<<<<<< " + dice.pick(_WORDS).upper() + " >>>>>>", (120, 470), "bold", 36, (90, 60, 60))
    return sheet


def _card(dice: Dice, ground: Pixels) -> Pixels:
    """A card or page of ours without its MRZ."""
    layout = dice.pick([one for one in LAYOUTS if one.visual != "back"])
    size = (ground.shape[1], ground.shape[0])
    strengths = {"hologram": dice.between(0.2, 1.0)} if dice.chance(0.4) else {}
    page = draw_page(dice, layout, None, 22.0, strengths)
    view = scene.look(
        dice,
        page,
        SHAPES[layout.form][1],
        dice.between(10, 26),
        size,
        quarter_turns=dice.pick((0, 0, 0, 1, 2, 3)),
        tilt=dice.between(0, 1),
        perspective=dice.between(0, 1),
    )
    return scene.lay(dice, ground, page, view)


def _face(dice: Dice, ground: Pixels) -> Pixels:
    height, width = ground.shape[:2]
    ground = np.asarray(cv2.GaussianBlur(ground, (0, 0), 6), np.uint8)
    tall = dice.whole(height // 2, height - 40)
    wide = int(tall * 0.8)
    box = (dice.whole(0, width - wide - 1), height - tall - 1, wide, tall)
    ink.portrait(dice, ground, box)
    return ground


def _placed(dice: Dice, ground: Pixels, sheet: Pixels) -> Pixels:
    """A sheet anywhere in the picture, turned a little or by quarters, seen aslant."""
    height, width = sheet.shape[:2]
    frame = np.array([ground.shape[1], ground.shape[0]], np.float64)
    size = min(frame / (width, height)) * dice.between(0.7, 1.5)
    edges = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    angle = np.radians(90 * dice.pick((0, 0, 0, 1, 2, 3)) + dice.around(10.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    ends = (edges - (width / 2, height / 2)) @ turn.T * size + frame * (0.5 + dice.around(0.15))
    ends += dice.field((4, 2), 18.0)
    matrix = cv2.getPerspectiveTransform(edges.astype(np.float32), ends.astype(np.float32))
    shape = (ground.shape[1], ground.shape[0])
    soft = cv2.GaussianBlur(sheet, (0, 0), 0.5)
    flat = cv2.warpPerspective(soft, matrix, shape, dst=ground.copy(), borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(flat, np.uint8)
