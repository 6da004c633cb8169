"""Text in micrometres on a Pillow picture: fonts, fitting rules and letter spacing."""

from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from kiosk.errors import ErrorCode, KioskError

UM_PER_INCH = 25_400
CAP_HEIGHT = 0.714  # of the em, Noto Sans
OCR_ADVANCE = 0.723  # of the em, OCR-B
OCR_MIDDLE = 0.36  # of the em: middle of capitals and digits above the base line
SHRINKS = (1.0, 0.94, 0.88, 0.82, 0.76)
TWO_LINES = 0.58
LINE_STEP = 1.0  # em
_FOLDERS = (
    Path("/usr/share/fonts/truetype/noto"),
    Path("/usr/share/fonts/opentype/noto"),
    Path("/usr/share/fonts/opentype/ocr-b"),
    Path("/usr/share/fonts/noto"),
    Path("/usr/local/share/fonts"),
)
_FILES = {
    "regular": "NotoSans-Regular.ttf",
    "bold": "NotoSans-Bold.ttf",
    "cjk": "NotoSansCJK-Regular.ttc",
    "ocr": "OCRB.otf",
}
_PACKAGES = {"cjk": "fonts-noto-cjk", "ocr": "fonts-ocr-b"}
_CJK_FROM = "\u2e80"

Colour = tuple[int, int, int]


@cache
def font_path(face: str) -> Path:
    """The file of a face ("regular", "bold", "cjk", "ocr"); DEPENDENCY_MISSING without it."""
    for folder in _FOLDERS:
        if (path := folder / _FILES[face]).is_file():
            return path
    package = _PACKAGES.get(face, "fonts-noto-core")
    raise KioskError(
        ErrorCode.DEPENDENCY_MISSING, f"font {_FILES[face]} (package {package}) is not installed"
    )


@cache
def load_font(face: str, pixels: float) -> ImageFont.FreeTypeFont:
    # Basic layout: the other engine depends on a system library, and cards must not.
    return ImageFont.truetype(str(font_path(face)), pixels, layout_engine=ImageFont.Layout.BASIC)


def runs(text: str, face: str) -> list[tuple[str, str]]:
    """The text cut into (piece, face): Chinese, Japanese and Korean letters have a face of their own."""
    pieces = ((cjk, "".join(letters)) for cjk, letters in groupby(text, lambda letter: letter >= _CJK_FROM))
    return [(piece, "cjk" if cjk else face) for cjk, piece in pieces]


def drawable(text: str) -> bool:
    """False for a text whose letters need a font that this machine lacks: no boxes on a card."""
    return all(face != "cjk" or has_face("cjk") for _, face in runs(text, "regular"))


def has_face(face: str) -> bool:
    """Whether the font of a face is installed."""
    try:
        font_path(face)
    except KioskError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Pen:
    """Draws on `picture`, whose resolution is `dpi`; all arguments in micrometres."""

    picture: Image.Image
    dpi: int

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.picture)

    def px(self, micrometres: float) -> float:
        """Pixels, not rounded."""
        return micrometres * self.dpi / UM_PER_INCH

    def font(self, face: str, em: float) -> ImageFont.FreeTypeFont:
        return load_font(face, self.px(em))

    def width(self, text: str, face: str, em: float) -> float:
        """Advance width of a text in pixels."""
        return sum(float(self.font(of, em).getlength(piece)) for piece, of in runs(text, face))

    def text(
        self, x: float, top: float, text: str, *, face: str, em: float, colour: Colour, right: bool = False
    ) -> None:
        """One line whose capitals begin at `top`, beginning at `x`, or ending there."""
        at, base_line = self.px(x), self.px(top + CAP_HEIGHT * em)
        if right:
            at -= self.width(text, face, em)
        for piece, of in runs(text, face):
            font = self.font(of, em)
            self.draw.text((at, base_line), piece, font=font, fill=colour, anchor="ls")
            at += font.getlength(piece)

    def fitted(
        self, x: float, top: float, text: str, *, width: float, face: str, em: float, colour: Colour
    ) -> None:
        """A text in its room by rule: shrunk to 76 %, else two lines at 58 %, else cut at the end."""
        room = self.px(width)
        for share in SHRINKS:
            if self.width(text, face, em * share) <= room:
                drop = em * (1 - share) * CAP_HEIGHT  # smaller letters keep the base line
                self.text(x, top + drop, text, face=face, em=em * share, colour=colour)
                return
        small = em * TWO_LINES
        first, rest = self._broken(text, face, small, room)
        second = self._cut(rest, face, small, room)
        self.text(x, top, first, face=face, em=small, colour=colour)
        self.text(x, top + small * LINE_STEP, second, face=face, em=small, colour=colour)

    def _broken(self, text: str, face: str, em: float, room: float) -> tuple[str, str]:
        """The words that fit on one line, and the rest; a single long word is cut."""
        words = text.split()
        for count in range(len(words), 0, -1):
            head = " ".join(words[:count])
            if self.width(head, face, em) <= room:
                return head, " ".join(words[count:])
        head = self._cut(text, face, em, room)
        return head, text[len(head) :].lstrip()

    def _cut(self, text: str, face: str, em: float, room: float) -> str:
        while self.width(text, face, em) > room:
            text = text[:-1].rstrip()
        return text

    def ocr(self, left: float, centre: float, text: str, *, pitch: float, colour: Colour) -> None:
        """OCR-B at a fixed pitch, the first cell beginning at `left`, capitals centred on `centre`."""
        em = pitch / OCR_ADVANCE
        font = self.font("ocr", em)
        base_line = self.px(centre + OCR_MIDDLE * em)
        for place, character in enumerate(text):
            middle = self.px(left + pitch * (place + 0.5))
            self.draw.text((middle, base_line), character, font=font, fill=colour, anchor="ms")
