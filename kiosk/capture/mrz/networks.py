"""The trained networks: loaded from the package, run by OpenCV on the calling thread.

finder.onnx: frame -> mask, direction and pitch; centres.onnx: block -> where characters stand;
lines.onnx: strips -> which characters they are. `docs/mrz-model.md` is their model card.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture.mrz.straighten import FOLD, folded, stacked
from kiosk.errors import ErrorCode, KioskError

NAMES = ("finder", "centres", "lines")
SHAPES = {
    "finder": (1, 16, 120, 160),
    "centres": (1, 16, 32, 176),
    "lines": (1, 4, 32, 460),
}
MODEL = Path(__file__).parent / "model"  # beside this file; the package is installed unpacked

Float = NDArray[np.float32]


class Networks:
    """All three, ready to run; not for several threads at once."""

    def __init__(self) -> None:
        self._nets = {name: _load(name) for name in NAMES}

    def finder(self, frame: NDArray[np.uint8]) -> Float:
        """7 x h/8 x w/8 of a frame (h x w, multiples of 32): four mask logits, cos, sin, log2(pitch / 8)."""
        return np.asarray(self._run("finder", folded(frame[None], FOLD))[0])

    def centres(self, block: NDArray[np.uint8]) -> Float:
        """4 x h/4 x w/4 of a block picture: upright and inverted centre logits, dx and dy in strides."""
        return np.asarray(self._run("centres", folded(block[None], FOLD))[0])

    def lines(self, strips: NDArray[np.uint8]) -> Float:
        """n x cells x 40 of strips: logits of 37 symbols and of no character, then dx and dy in pitches."""
        return np.asarray(self._run("lines", stacked(strips))[0].transpose(1, 2, 0))

    def _run(self, name: str, pictures: Float) -> Float:
        net = self._nets[name]
        net.setInput(pictures)
        return np.asarray(net.forward(), np.float32)


def _load(name: str) -> cv2.dnn.Net:
    path = MODEL / f"{name}.onnx"
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
    except (OSError, cv2.error) as error:
        raise KioskError(ErrorCode.DEPENDENCY_MISSING, f"MRZ network {name}.onnx") from error
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    return net
