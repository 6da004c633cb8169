"""The page reader of the desk: frames to MRZ lines, the straightened page and the portrait on it."""

import cv2
import numpy as np

from kiosk.capture.images import encode_jpeg
from kiosk.capture.mrz.decode import combine, decode
from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Reading
from kiosk.capture.mrz.stream import StreamReader
from kiosk.capture.mrz.vote import by_scores
from kiosk.capture.page import cut
from kiosk.ports import Frame, Guidance, PageScan


class PixelPageReader:
    """A `PageReader` that works on the pixels alone. Used from one thread."""

    def __init__(self, stream: StreamReader | None = None, *, pictures: bool = True) -> None:
        self._stream = stream or StreamReader(MrzReader(), by_scores(combine, decode))
        self._pictures = pictures

    def restart(self) -> None:
        self._stream.restart()

    def read(self, frame: Frame) -> PageScan | Guidance:
        """Lines as printed once the frames agree on them, until then what would help."""
        gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
        found = self._stream.push(gray, frame.at)
        return found if isinstance(found, Guidance) else self._scan(frame, found.reading)

    def _scan(self, frame: Frame, reading: Reading) -> PageScan:
        decoded = reading.decoded
        page, portrait, face_found = b"", b"", False
        if self._pictures:
            pieces = cut(frame.image, reading.grid, decoded.form)
            page, face_found = encode_jpeg(pieces.page), pieces.face_found
            portrait = b"" if pieces.portrait is None else encode_jpeg(pieces.portrait)
        return PageScan(
            lines=decoded.lines,
            confidence=round(decoded.confidence, 4),
            doubtful=decoded.doubtful,
            corners=tuple((round(float(x), 1), round(float(y), 1)) for x, y in reading.grid.corners()),
            page=page,
            portrait=portrait,
            certain=decoded.certain,
            unchecked=decoded.unchecked,
            keys=decoded.keys,
            face_found=face_found,
        )
