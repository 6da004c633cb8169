"""Draws both sides of the card from its description: the desk's `CardPress`."""

import io
from datetime import date

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from kiosk.domain.card import CardDescription
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import LANGUAGES, label
from kiosk.ports import CardFaces
from kiosk.printing import artwork, layout, symbol
from kiosk.printing.artwork import BLUE, DEEP, GOLD
from kiosk.printing.pen import UM_PER_INCH, Colour, Pen, drawable, load_font

DRAWN_DPI = 600  # the drawing; 300 dpi is reduced from it
INK: Colour = (18, 24, 34)
CAPTION: Colour = (28, 92, 128)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
OVERPRINT = (200, 40, 58, 58)
MAX_PORTRAIT_PIXELS = 24_000_000
PORTRAIT_FORMATS = ("JPEG", "JPEG2000", "PNG")
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, OverflowError, IndexError, KeyError, EOFError)


class CardPainter:
    """A `CardPress`; `dpi` is 300 or 600. The same description gives the same pixels."""

    def __init__(self, dpi: int = 300) -> None:
        if dpi not in (300, 600):
            raise ValueError("a card printer has 300 or 600 dpi")
        self.dpi = dpi

    def render(self, card: CardDescription, portrait: bytes, code: str) -> CardFaces:
        """Both sides, without a symbol while `code` is "".

        IMAGE_UNREADABLE for a broken portrait, ValueError for MRZ lines not TD1 or a code too long.
        """
        lines = card.mrz_lines
        if len(lines) != layout.MRZ_ROWS or any(len(line) != layout.MRZ_COLUMNS for line in lines):
            raise ValueError("the card needs three MRZ lines of thirty characters")
        face = _decode_portrait(portrait)
        front, back = self._reduced(self._front(card, face)), self._reduced(self._back(card))
        if code:
            _paste_symbol(back, code, self.dpi)
        return CardFaces(
            front=np.array(front, np.uint8),
            back=np.array(back, np.uint8),
            dpi=self.dpi,
            front_png=_png(front, self.dpi),
            back_png=_png(back, self.dpi),
        )

    def _reduced(self, picture: Image.Image) -> Image.Image:
        return picture.resize(artwork.size_px(self.dpi), Image.Resampling.LANCZOS)

    def _front(self, card: CardDescription, face: Image.Image) -> Image.Image:
        pen = Pen(artwork.front_ground(DRAWN_DPI).copy(), DRAWN_DPI)
        _header(pen)
        _portrait(pen, face)
        _ghost(pen, face)
        if card.specimen:
            _overprint(pen, (54_000, 33_500), 8_400, 18.0)
        for slot in layout.FRONT:
            _field(pen, slot, _front_value(card, slot.name))
        x, top, width, em = layout.NATIONAL_NAME
        if card.national_name and drawable(card.national_name):
            pen.fitted(x, top, card.national_name.upper(), width=width, face="regular", em=em, colour=INK)
        _access_number(pen, card.can)
        return pen.picture

    def _back(self, card: CardDescription) -> Image.Image:
        pen = Pen(artwork.back_ground(DRAWN_DPI).copy(), DRAWN_DPI)
        if card.specimen:
            _overprint(pen, (38_000, 15_800), 6_000, 12.0)
        for slot in layout.BACK:
            if value := _back_value(card, slot.name):
                _field(pen, slot, value)
        _found(pen)
        for centre, line in zip(layout.MRZ_CENTRES, card.mrz_lines, strict=True):
            pen.ocr(layout.MRZ_LEFT, centre, line, pitch=layout.MRZ_PITCH, colour=BLACK)
        return pen.picture


def _front_value(card: CardDescription, name: str) -> str:
    values = {
        "surname": card.surname,
        "given_names": card.given_names or "—",
        "birth": _day(card.birth),
        "sex": card.sex.value,
        "nationality": card.nationality,
        "valid_until": _day(card.valid_until),
        "number": card.number,
    }
    return values[name]


def _back_value(card: CardDescription, name: str) -> str:
    values = {
        "passport_number": card.passport_number,
        "iin": card.iin,
        "category": " / ".join(label(card.category, language).upper() for language in LANGUAGES),
        "entry_post": card.entry_post,
        "entry_date": _day(card.entry_date),
        "authority": card.authority,
    }
    return values[name]


def _day(day: date | None) -> str:
    return day.strftime("%d.%m.%Y") if day else "XX.XX.XXXX"  # unknown parts as X (Doc 9303-3 4.8)


def _header(pen: Pen) -> None:
    middle = layout.HEADER_HEIGHT / 2 - 150
    artwork.emblem(pen.draw, (pen.px(8_300), pen.px(middle)), pen.px(4_100), GOLD)
    kazakh, russian, english = layout.TITLE
    pen.text(14_200, 2_700, kazakh, face="bold", em=2_650, colour=WHITE)
    pen.text(14_200, 6_400, f"{russian}  ·  {english}", face="regular", em=1_700, colour=WHITE)
    right = 73_600
    for row, line in enumerate(layout.STATE):
        face = "bold" if row == 0 else "regular"
        pen.text(right, 2_700 + row * 2_050, line, face=face, em=1_300, colour=WHITE, right=True)
    box = tuple(pen.px(value) for value in (75_600, 2_900, 82_600, 7_700))
    artwork.chip_symbol(pen.draw, (box[0], box[1], box[2], box[3]), GOLD)


def _field(pen: Pen, slot: layout.Slot, value: str) -> None:
    pen.fitted(
        slot.x,
        slot.y,
        slot.caption_text,
        width=slot.width,
        face="regular",
        em=layout.CAPTION_EM,
        colour=CAPTION,
    )
    face = "bold" if slot.bold else "regular"
    top = slot.y + layout.CAPTION_EM * 0.714 + 620
    pen.fitted(slot.x, top, value, width=slot.width, face=face, em=slot.em, colour=INK)


def _access_number(pen: Pen, can: str) -> None:
    top = layout.FRONT[-1].y
    pen.text(layout.CAN_LEFT, top, layout.CAN_CAPTION, face="regular", em=layout.CAPTION_EM, colour=CAPTION)
    pen.ocr(layout.CAN_LEFT, layout.CAN_CENTRE, can, pitch=layout.MRZ_PITCH, colour=BLACK)


def _found(pen: Pen) -> None:
    x, top, width, em = layout.FOUND_LINE
    kazakh, russian, english = layout.FOUND
    for row, line in enumerate((kazakh, f"{russian}  ·  {english}")):
        y = top + row * layout.FOUND_STEP
        pen.fitted(x, y, line, width=width, face="regular", em=em, colour=DEEP)


def _decode_portrait(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=PORTRAIT_FORMATS) as picture:
            if picture.width * picture.height > MAX_PORTRAIT_PIXELS:
                raise KioskError(ErrorCode.IMAGE_UNREADABLE, "unreasonable portrait size")
            return picture.convert("RGB")
    except (*_DECODER_ERRORS, Image.DecompressionBombError) as error:
        raise KioskError(ErrorCode.IMAGE_UNREADABLE, f"portrait: {type(error).__name__}") from error


def _cropped(face: Image.Image, box: tuple[int, int, int, int], pen: Pen) -> Image.Image:
    """The portrait cut, never stretched, to the shape of a box, a little more kept at the top."""
    size = round(pen.px(box[2])), round(pen.px(box[3]))
    return ImageOps.fit(face, size, Image.Resampling.LANCZOS, centering=(0.5, 0.35))


def _portrait(pen: Pen, face: Image.Image) -> None:
    x, y = (round(pen.px(value)) for value in layout.PORTRAIT[:2])
    picture = _cropped(face, layout.PORTRAIT, pen)
    mask = Image.new("L", picture.size, 0)
    radius = pen.px(1_100)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius, fill=255)
    pen.picture.paste(picture, (x, y), mask)
    edge = (x, y, x + picture.width - 1, y + picture.height - 1)
    pen.draw.rounded_rectangle(edge, radius, outline=BLUE, width=max(1, round(pen.px(130))))


def _ghost(pen: Pen, face: Image.Image) -> None:
    """A small second portrait in one colour that fades into the ground."""
    x, y = (round(pen.px(value)) for value in layout.GHOST[:2])
    gray = ImageOps.autocontrast(ImageOps.grayscale(_cropped(face, layout.GHOST, pen)))
    tinted = ImageOps.colorize(gray, black=DEEP, white=(238, 246, 250))
    mask = Image.new("L", tinted.size, 0)
    inset = tinted.width * 0.10
    ImageDraw.Draw(mask).ellipse((inset, inset, mask.width - inset, mask.height - inset), fill=205)
    mask = mask.filter(ImageFilter.GaussianBlur(tinted.width * 0.06))
    pen.picture.paste(tinted, (x, y), mask)


def _overprint(pen: Pen, centre: tuple[int, int], em: int, degrees: float) -> None:
    """ҮЛГІ / ОБРАЗЕЦ / SPECIMEN across the fields, under the text so that nothing gets unreadable."""
    font = load_font("bold", pen.px(em))
    width = round(max(font.getlength(word) for word in layout.SPECIMEN)) + 8
    height = round(pen.px(em) * 1.05)
    sheet = Image.new("RGBA", (width, height * len(layout.SPECIMEN)), (*OVERPRINT[:3], 0))
    draw = ImageDraw.Draw(sheet)
    for row, word in enumerate(layout.SPECIMEN):
        draw.text((width / 2, height * (row + 0.5)), word, font=font, fill=OVERPRINT, anchor="mm")
    turned = sheet.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    corner = (round(pen.px(centre[0]) - turned.width / 2), round(pen.px(centre[1]) - turned.height / 2))
    pen.picture.paste(turned, corner, turned)


def _paste_symbol(back: Image.Image, code: str, dpi: int) -> None:
    """The seal's symbol in its field; ValueError when it does not fit."""
    x, y, side = (round(value * dpi / UM_PER_INCH) for value in layout.SEAL)
    picture = symbol.draw(code, side, dpi)
    margin = (side - picture.width) // 2
    back.paste(picture, (x + margin, y + margin))


def _png(picture: Image.Image, dpi: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()
