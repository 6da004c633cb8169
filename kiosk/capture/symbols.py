"""Two-dimensional symbols in a picture: QR by ZBar; DataMatrix, Aztec and binary QR by ZXing.

Both libraries are loaded when a symbol is looked for. ZBar alters binary payloads, so it is believed for text
only; the second decoder gives bytes exactly.
"""

from dataclasses import dataclass
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import ErrorCode, KioskError

Gray = NDArray[np.uint8]
SCALES = (1.0, 2.0)  # a second look for small symbols
MAX_SIDE = 4_000  # pixels of an enlarged picture
_KINDS = {"QRCode": "QR", "DataMatrix": "DataMatrix", "Aztec": "Aztec"}


@dataclass(frozen=True)
class Symbol:
    """One symbol: "QR", "DataMatrix" or "Aztec", its bytes, and the decoder that read it."""

    kind: str
    payload: bytes
    decoder: str


def read_qr(gray: Gray) -> tuple[Symbol, ...]:
    """QR symbols whose payload is ASCII text, by ZBar. DEPENDENCY_MISSING without it."""
    for scale in SCALES:
        if found := _by_zbar(_scaled(gray, scale)):
            return found
    return ()


def read_symbols(gray: Gray) -> tuple[Symbol, ...]:
    """All symbols that either decoder reads, ZBar's first, no payload twice. DEPENDENCY_MISSING."""
    found = {symbol.payload: symbol for symbol in read_qr(gray)}
    for scale in SCALES:
        more = _by_zxing(_scaled(gray, scale))
        for symbol in more:
            found.setdefault(symbol.payload, symbol)
        if more:
            break
    return tuple(found.values())


def _scaled(gray: Gray, scale: float) -> Gray:
    if scale == 1 or max(gray.shape) * scale > MAX_SIDE:
        return gray
    size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _by_zbar(gray: Gray) -> tuple[Symbol, ...]:
    try:
        from pyzbar import pyzbar
    except ImportError as error:
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, "pyzbar or the system library libzbar0") from error
    symbols = pyzbar.decode(np.ascontiguousarray(gray), symbols=[pyzbar.ZBarSymbol.QRCODE])
    return tuple(Symbol("QR", bytes(item.data), "zbar") for item in symbols if item.data.isascii())


def _by_zxing(gray: Gray) -> tuple[Symbol, ...]:
    zxing = _zxing()
    wanted = [zxing.BarcodeFormat.QRCode, zxing.BarcodeFormat.DataMatrix, zxing.BarcodeFormat.Aztec]
    found = zxing.read_barcodes(np.ascontiguousarray(gray), formats=wanted)
    return tuple(
        Symbol(_KINDS[item.format.name], bytes(item.bytes), "zxing")
        for item in found
        if item.valid and item.format.name in _KINDS
    )


def _zxing() -> ModuleType:
    try:
        import zxingcpp
    except ImportError as error:
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, "zxing-cpp") from error
    module: ModuleType = zxingcpp
    return module
