"""The MRZ reader against pages drawn here: every page exact, no page without MRZ ever read."""

import random
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Missed, Reading
from kiosk.capture.reader import PixelPageReader
from kiosk.ports import Frame, Hint, PageScan

OCRB = "/usr/share/fonts/opentype/ocr-b/OCRB.otf"
NOTO = "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"
PPMM = 10  # page pixels per millimetre
NAMES = (
    "ERIKSSON",
    "ANNA",
    "MARIA",
    "KARIMOV",
    "JAHONGIR",
    "ABDULLOEV",
    "RUSTAM",
    "ZHANG",
    "WEI",
    "QODIROVA",
    "FOZILJON",
)
STATES = ("UTO", "UZB", "KGZ", "TJK", "RUS", "CHN", "KAZ", "D<<")
PAGE = {44: (125.0, 88.0, 6.0, 6.35), 36: (105.0, 74.0, 6.0, 6.35), 30: (85.6, 53.98, 5.0, 4.23)}


@lru_cache
def font(path: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def mrz(dice: random.Random, columns: int) -> tuple[str, ...]:
    """Random lines in the shape of the format; check digits do not matter to the recogniser."""

    def digits(n: int) -> str:
        return "".join(dice.choice("0123456789") for _ in range(n))

    number = dice.choice(("AA", "N0", "C", "FA", "75", "O")) + digits(7)
    number = number[:9].ljust(9, "<")
    names = "<<".join((dice.choice(NAMES), "<".join(dice.sample(NAMES, dice.choice((1, 2))))))
    state, sex = dice.choice(STATES), dice.choice("MF<")
    optional = dice.choice(("", digits(14), "ZE" + digits(6) + "B", digits(5)))
    if columns == 30:
        first = ("I<" + state + number + digits(1) + optional).ljust(30, "<")[:30]
        second = (digits(7) + sex + digits(7) + state).ljust(29, "<") + digits(1)
        return first, second, names.ljust(30, "<")[:30]
    first = ("P<" + state + names).ljust(columns, "<")[:columns]
    tail = optional.ljust(columns - 30, "<")[: columns - 30] + digits(2)
    return first, number + digits(1) + state + digits(7) + sex + digits(7) + tail


@dataclass
class Look:
    """How hard a frame is: tilt in degrees, perspective and the rest in shares or pixels."""

    tilt: float = 0.0
    perspective: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    slope: float = 0.0
    quality: int = 95
    fill: float = 0.8
    ink: int = 30


def look(dice: random.Random) -> Look:
    return Look(
        tilt=dice.uniform(-8, 8),
        perspective=dice.uniform(0, 0.06),
        blur=dice.uniform(0.3, 1.5),
        noise=dice.uniform(0, 9),
        slope=dice.uniform(0, 0.45),
        quality=dice.randint(55, 95),
        fill=dice.uniform(0.62, 0.9),
        ink=dice.randint(15, 70),
    )


def page(dice: random.Random, lines: tuple[str, ...], ink: int = 30) -> Pillow.Image:
    """A specimen page: guilloche, portrait, captions and the MRZ where the standard puts it."""
    width, height, left, step = PAGE[len(lines[0])] if lines else PAGE[44]
    paper = Pillow.new("RGB", (int(width * PPMM), int(height * PPMM)), (232, 238, 240))
    draw = ImageDraw.Draw(paper)
    for wave in range(14):
        ys = [height * PPMM / 14 * wave + 30 * np.sin(x / 60 + wave) for x in range(0, paper.width, 8)]
        colour = tuple(dice.randint(175, 225) for _ in range(3))
        draw.line(list(zip(range(0, paper.width, 8), ys, strict=True)), fill=colour, width=2)
    draw.rectangle((60, 60, 380, height * 6.2), fill=(180, 190, 200))
    draw.ellipse((140, 120, 300, height * 5), fill=(205, 170, 150))
    for row in range(int((height - 30) / 7)):
        text = " ".join(dice.sample(NAMES, 2)).title()
        draw.text((440, 90 + row * 62), text, font=font(NOTO, 34), fill=(20, 20, 30))
        draw.text((440, 68 + row * 62), "Тегі / Фамилия / Surname", font=font(NOTO, 15), fill=(60, 60, 80))
    bottom = height - (7.3 if len(lines) == 3 else 9.5)
    for index, line in enumerate(reversed(lines)):
        for column, character in enumerate(line):
            where = ((left + 2.54 * (column + 0.5)) * PPMM, (bottom - step * index + 1.26) * PPMM)
            draw.text(where, character, font=font(OCRB, 2.54 * PPMM / 0.723), fill=(ink,) * 3, anchor="ms")
    return paper


def frame(dice: random.Random, paper: Pillow.Image, how: Look) -> NDArray[np.uint8]:
    """The page on a desk as a 1280 x 960 camera would give it, JPEG noise included."""
    source = np.asarray(paper)[:, :, ::-1]
    height, width = source.shape[:2]
    scale = how.fill * 1280 / width
    middle = np.array((width / 2, height / 2))
    corners = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float64)
    turn = np.deg2rad(how.tilt)
    spin = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    placed = (corners - middle) @ spin.T * scale
    placed *= 1 + np.array([dice.uniform(-1, 1) * how.perspective for _ in range(4)])[:, None]
    placed += (640 + dice.uniform(-30, 30), 480 + dice.uniform(-30, 30))
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), placed.astype(np.float32))
    desk = np.full((960, 1280, 3), (70, 85, 100), np.uint8)
    desk[::7] -= 12
    picture = cv2.warpPerspective(
        source, matrix, (1280, 960), desk, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT
    )
    light = 1 - how.slope * np.linspace(0, 1, 1280)[None, :, None] * dice.choice((1, 1, 0.5))
    generator = np.random.default_rng(dice.randint(0, 2**31))
    dirty = cv2.GaussianBlur(picture, (0, 0), max(how.blur, 0.05)) * light
    dirty = dirty + generator.normal(0, max(how.noise, 0.01), dirty.shape)
    clipped = np.clip(dirty, 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", clipped, (cv2.IMWRITE_JPEG_QUALITY, how.quality))[1]
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)


def specimen(seed: int, columns: int) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    dice = random.Random(seed)
    lines, how = mrz(dice, columns), look(dice)
    return lines, frame(dice, page(dice, lines, how.ink), how)


@lru_cache
def reader() -> MrzReader:
    return MrzReader()


def read_mrz(gray: NDArray[np.uint8]) -> Reading | Missed:
    return reader().read(gray)


@pytest.mark.parametrize("columns", [44, 36, 30])
@pytest.mark.parametrize("seed", range(4))
def test_pages_are_read_exactly(seed: int, columns: int) -> None:
    lines, gray = specimen(seed, columns)
    reading = read_mrz(gray)
    assert isinstance(reading, Reading)
    assert reading.lines == lines


def colour(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(gray[:, :, None], 3, axis=2)


def test_wrong_check_digits_are_read_as_printed() -> None:
    dice = random.Random(77)
    lines = (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C37UTO7408123F1204158ZE184226B<<<<<19",
    )
    reading = read_mrz(frame(dice, page(dice, lines), Look(tilt=2, noise=3)))
    assert isinstance(reading, Reading)
    assert reading.lines == lines
    assert reading.decoded.confidence > 0.95


def test_digits_in_names_are_read_as_printed() -> None:
    dice = random.Random(78)
    lines = (
        "PNRUSZDRIL7K<<SERGEQ<ANATOL9EVI3<<<<<<<<<<<<",
        "3919353498RUS7207233M<<<<<<<4151218910003<50",
    )
    reading = read_mrz(frame(dice, page(dice, lines), Look(noise=3)))
    assert isinstance(reading, Reading)
    assert reading.lines == lines


def test_scan_has_corners_page_and_confidence() -> None:
    dice = random.Random(5)
    lines = mrz(dice, 44)
    reader, picture = PixelPageReader(), colour(frame(dice, page(dice, lines), Look(tilt=4)))
    shots = [np.maximum(picture, np.uint8(number % 2 * 40)) for number in range(1, 7)]  # as light flickers
    scans = [reader.read(Frame(shot, number, number / 4)) for number, shot in enumerate(shots, 1)]
    scan = next((each for each in scans if isinstance(each, PageScan)), None)
    assert isinstance(scan, PageScan)
    assert scan.lines == lines
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = scan.corners
    assert x0 < x1
    assert x3 < x2
    assert y0 < y3
    assert y1 < y2
    straight = cv2.imdecode(np.frombuffer(scan.page, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert straight.shape == (704, 1000)
    again = read_mrz(np.asarray(straight, np.uint8))
    assert isinstance(again, Reading)
    assert again.lines == lines


@pytest.mark.parametrize("seed", range(6))
def test_pages_without_mrz_give_a_hint(seed: int) -> None:
    dice = random.Random(seed)
    bare = page(dice, ())
    if seed % 2:  # a page full of OCR-B that is no MRZ
        draw = ImageDraw.Draw(bare)
        for row in range(12):
            text = "<".join(dice.choice(NAMES) for _ in range(7))[: dice.choice((30, 40, 44))]
            draw.text((60, 40 + row * 68), text, font=font(OCRB, 35), fill=(20, 20, 20))
    assert isinstance(read_mrz(frame(dice, bare, Look(noise=4))), Missed)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_flat_and_noisy_frames_give_a_hint(level: int) -> None:
    flat = np.full((960, 1280), level, np.uint8)
    noise = np.random.default_rng(level).integers(0, 256, (960, 1280), dtype=np.uint8)
    assert read_mrz(flat) == Missed(Hint.NO_DOCUMENT if level else Hint.TOO_DARK)
    assert isinstance(read_mrz(noise), Missed)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (40, 60)])
def test_tiny_frames_give_a_hint(shape: tuple[int, int]) -> None:
    assert isinstance(read_mrz(np.full(shape, 128, np.uint8)), Missed)


def test_hints_say_what_to_do() -> None:
    def hint(how: Look) -> Hint | None:
        dice = random.Random(12)
        found = read_mrz(frame(dice, page(dice, mrz(dice, 44)), how))
        return found.hint if isinstance(found, Missed) else None

    assert hint(Look(blur=8)) is Hint.BLURRED
    assert hint(Look(fill=1.25)) is Hint.TOO_CLOSE


def test_glare_over_the_lines_gives_a_hint_not_a_guess() -> None:
    dice = random.Random(3)
    gray = frame(dice, page(dice, mrz(dice, 44)), Look())
    cv2.ellipse(gray, (640, 770), (200, 70), 0, 0, 360, 255, -1)
    found = read_mrz(gray)
    assert isinstance(found, Missed)
    assert found.hint is Hint.GLARE
    assert found.region
