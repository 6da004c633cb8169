"""The desk's own icon set: 24 x 24 stroke drawings in `ui/icons`, tinted by the theme."""

from functools import cache
from importlib import resources

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_FOLDER = resources.files("ui") / "icons"


def names() -> frozenset[str]:
    """Every icon that ships."""
    return frozenset(entry.name.removesuffix(".svg") for entry in _FOLDER.iterdir())


@cache
def _source(name: str) -> str:
    return (_FOLDER / f"{name}.svg").read_text(encoding="ascii")


def paint(painter: QPainter, name: str, target: QRectF, color: str | QColor) -> None:
    """Draw an icon into `target`, sharp at any size."""
    tinted = _source(name).replace("currentColor", QColor(color).name())
    QSvgRenderer(QByteArray(tinted.encode())).render(painter, target)


@cache
def pixmap(name: str, color: str, size: int, ratio: float = 1.0) -> QPixmap:
    """A square picture of `size` device-independent pixels."""
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    paint(painter, name, QRectF(0, 0, picture.width(), picture.height()), color)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, color: str, disabled: str, size: int = 24) -> QIcon:
    """A QIcon with its disabled tint; drawn at twice the size for high-density screens."""
    made = QIcon(pixmap(name, color, size, 2.0))
    made.addPixmap(pixmap(name, disabled, size, 2.0), QIcon.Mode.Disabled)
    return made
