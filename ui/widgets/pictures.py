"""Pictures of the desk: live camera with its hint, the page with its MRZ marked, faces, card sides."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from kiosk.ports import Corners
from ui import iconset
from ui.i18n import tr
from ui.theme import theme

MRZ_ZONE = 23.2  # mm from the bottom edge, every travel document (Doc 9303-3 4.2)
PAGE_HEIGHT = {2: 88.0, 3: 53.98}  # mm by number of MRZ lines: TD3 (Doc 9303-4), TD1 (Doc 9303-5)
CARD_RATIO = 85.60 / 53.98  # ID-1 (ISO/IEC 7810)
CORNER_RATIO = 3.18 / 85.60
CAMERA_RATIO = 4 / 3
REGION = "#ffd24a"  # outline over the live picture, in every theme


def fitted(inside: QRectF, ratio: float) -> QRectF:
    """The largest centred rectangle of width / height `ratio` inside another."""
    width = min(inside.width(), inside.height() * ratio)
    height = width / ratio
    return QRectF(
        inside.x() + (inside.width() - width) / 2, inside.y() + (inside.height() - height) / 2, width, height
    )


class DocumentView(QWidget):
    """Live picture while the page is looked for, then the page itself with its MRZ marked."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._live = False
        self._hint = ""
        self._region: Corners = ()
        self._note = ""
        self._lines = 0
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumSize(240, 150)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(400, 300)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(width / CAMERA_RATIO)

    def show_live(self, image: QImage, hint: str, region: Corners = ()) -> None:
        """`hint` is the text drawn on the picture, "" for none; `region` the corners of what it is about, in
        shares (0 to 1) of the picture's sides, () for none."""
        self._image, self._live, self._hint, self._region = image, True, hint, region
        self.update()

    def show_page(self, image: QImage, mrz_lines: int) -> None:
        """The rectified page; its MRZ lies in the bottom zone of the standard."""
        self._image, self._live, self._hint, self._lines = image, False, "", mrz_lines
        self.update()

    def show_empty(self, note: str) -> None:
        self._image, self._live, self._hint, self._note = None, False, "", note
        self.update()

    @property
    def live(self) -> bool:
        return self._live

    @property
    def region(self) -> Corners:
        """What is outlined on the live picture, in shares of its sides."""
        return self._region if self._live else ()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        palette = theme.palette
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self._image is None or self._image.isNull():
            self._paint_empty(painter, frame)
            return
        ratio = self._image.width() / self._image.height()
        target = fitted(frame, ratio)
        if not self._live:
            target.moveTop(frame.top())
        clip = QPainterPath()
        clip.addRoundedRect(target, 6, 6)
        painter.setClipPath(clip)
        painter.drawImage(target, self._image)
        if self._live and self._region:
            self._paint_region(painter, target)
        elif self._live:
            self._paint_guides(painter, target)
        else:
            self._paint_zone(painter, target)
        painter.setClipping(False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(palette.line), 1))
        painter.drawRoundedRect(target, 6, 6)
        if self._live and self._hint:
            self._paint_hint(painter, target)

    def _paint_empty(self, painter: QPainter, frame: QRectF) -> None:
        palette = theme.palette
        painter.setPen(QPen(QColor(palette.line), 1))
        painter.setBrush(QColor(palette.sunken))
        painter.drawRoundedRect(frame, 6, 6)
        side = 72.0
        middle = frame.center()
        icon = QRectF(middle.x() - side / 2, middle.y() - side + 4, side, side)
        iconset.paint(painter, "passport", icon, palette.strong_line)
        painter.setPen(QColor(palette.muted))
        font = self.font()
        font.setPointSizeF(theme.pt(12))
        painter.setFont(font)
        room = QRectF(frame.x() + 24, middle.y() + 16, frame.width() - 48, frame.height() / 2 - 24)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(room, int(flags) | int(Qt.TextFlag.TextWordWrap), self._note)

    def _paint_guides(self, painter: QPainter, target: QRectF) -> None:
        """Corner marks of the place where the page belongs (TD3, 125 x 88 mm)."""
        page = fitted(target.adjusted(28, 28, -28, -28), 125 / 88)
        length = page.width() * 0.08
        painter.setPen(QPen(QColor("#ffffff"), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for corner, dx, dy in (
            (page.topLeft(), 1, 1),
            (page.topRight(), -1, 1),
            (page.bottomRight(), -1, -1),
            (page.bottomLeft(), 1, -1),
        ):
            painter.drawLine(corner, corner + QPointF(dx * length, 0))
            painter.drawLine(corner, corner + QPointF(0, dy * length))

    def _paint_region(self, painter: QPainter, target: QRectF) -> None:
        """Outline of what the hint is about: light on dark, so that it shows on any picture."""
        outline = QPolygonF(
            [
                QPointF(target.x() + x * target.width(), target.y() + y * target.height())
                for x, y in self._region
            ]
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(16, 20, 24, 200), 6), (QColor(REGION), 3)):
            join = Qt.PenJoinStyle.RoundJoin
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, join))
            painter.drawPolygon(outline)

    def _paint_zone(self, painter: QPainter, target: QRectF) -> None:
        height = PAGE_HEIGHT.get(self._lines)
        if height is None:
            return
        top = target.bottom() - target.height() * MRZ_ZONE / height
        zone = QRectF(target.x() + 4, top, target.width() - 8, target.bottom() - top - 4)
        accent = QColor(theme.palette.ring)
        painter.setPen(QPen(accent, 2))
        accent.setAlpha(26)
        painter.setBrush(accent)
        painter.drawRoundedRect(zone, 4, 4)

    def _paint_hint(self, painter: QPainter, target: QRectF) -> None:
        font = self.font()
        font.setPointSizeF(theme.pt(13))
        font.setBold(True)
        painter.setFont(font)
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        flags |= int(Qt.TextFlag.TextWordWrap)
        room = QRectF(target.x() + 16, target.top() + 12, target.width() - 32, theme.px(60))
        text = painter.boundingRect(room.adjusted(16, 0, -16, 0), flags, self._hint)
        box = text.translated(0, 8).adjusted(-16, -8, 16, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(16, 20, 24, 225))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), self._hint)


class Portrait(QWidget):
    """One face with its caption; 3 : 4."""

    def __init__(self, caption_key: str) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._key = caption_key
        self.set_height(106)
        theme.changed.connect(self._rescale)
        tr.changed.connect(self._reword)
        self._reword()

    def set_height(self, picture: int) -> None:
        """Height of the picture in pixels; the caption comes on top of it."""
        self._picture = picture
        self._rescale()

    def _rescale(self) -> None:
        self.setFixedSize(round(self._picture * 0.75), self._picture + theme.px(22))
        self.update()

    def show_image(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    def _reword(self) -> None:
        self.setAccessibleName(tr(self._key))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        palette = theme.palette
        frame = QRectF(0.5, 0.5, self.width() - 1, self.height() - theme.px(22) - 1)
        clip = QPainterPath()
        clip.addRoundedRect(frame, 6, 6)
        painter.fillPath(clip, QColor(palette.sunken))
        if self._image is not None and not self._image.isNull():
            painter.setClipPath(clip)
            painter.drawImage(frame, self._image, _filling(self._image, frame))
            painter.setClipping(False)
        else:
            side = min(frame.width(), frame.height()) * 0.5
            center = frame.center()
            box = QRectF(center.x() - side / 2, center.y() - side / 2, side, side)
            iconset.paint(painter, "face", box, palette.line)
        painter.setPen(QPen(QColor(palette.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame, 6, 6)
        font = self.font()
        font.setPointSizeF(theme.pt(10))
        painter.setFont(font)
        painter.setPen(QColor(palette.muted))
        caption = QRectF(0, self.height() - theme.px(20), self.width(), theme.px(20))
        painter.drawText(caption, int(Qt.AlignmentFlag.AlignCenter), tr(self._key))


def _filling(image: QImage, frame: QRectF) -> QRectF:
    """The part of an image, centred and high, that fills a frame without stretching."""
    ratio = frame.width() / frame.height()
    width = min(float(image.width()), image.height() * ratio)
    height = width / ratio
    return QRectF((image.width() - width) / 2, (image.height() - height) * 0.35, width, height)


class CardSide(QWidget):
    """One side of the card at its true proportions, 85.60 x 53.98 mm, round corners."""

    def __init__(self, caption_key: str) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._key = caption_key
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(280, 200)
        theme.changed.connect(self.update)
        tr.changed.connect(self.update)

    def show_image(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    def card_rect(self) -> QRectF:
        """Where the card is drawn."""
        return fitted(QRectF(self.rect()).adjusted(1, 1, -1, -5 - theme.px(20)), CARD_RATIO)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        palette, card = theme.palette, self.card_rect()
        radius = card.width() * CORNER_RATIO
        clip = QPainterPath()
        clip.addRoundedRect(card, radius, radius)
        painter.fillPath(clip, QColor(palette.sunken))
        if self._image is not None:
            painter.setClipPath(clip)
            painter.drawImage(card, self._image)
            painter.setClipping(False)
        else:
            side = card.height() * 0.3
            box = QRectF(card.center().x() - side / 2, card.center().y() - side / 2, side, side)
            iconset.paint(painter, "cards", box, palette.line)
        painter.setPen(QPen(QColor(palette.strong_line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(card, radius, radius)
        font = self.font()
        font.setPointSizeF(theme.pt(10))
        painter.setFont(font)
        painter.setPen(QColor(palette.muted))
        caption = QRectF(card.x(), card.bottom() + 4, card.width(), theme.px(20))
        painter.drawText(caption, int(Qt.AlignmentFlag.AlignCenter), tr(self._key))
