"""Which runtime reads faster: OpenCV's or ONNX Runtime, on one core, in one run.

`python -m kiosk.capture.mrz.training.runtimes`: per network the median of both, and what a fresh process
spends on importing the library and loading all three networks.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kiosk.capture.mrz.networks import NAMES, SHAPES

RUNS = 31
FRESH = 5
Float = NDArray[np.float32]
_FRESH_OPENCV = """
import sys, cv2
for path in sys.argv[1:]: cv2.dnn.readNetFromONNX(path)
"""
_FRESH_ONNX = """
import sys, cv2, onnxruntime
for path in sys.argv[1:]: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
"""


def _median(run: Callable[[], object], times: int = RUNS) -> float:
    run()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def _fresh(code: str, paths: list[str]) -> float:
    return _median(lambda: subprocess.run([sys.executable, "-c", code, *paths], check=True), FRESH)


def main() -> int:
    """Print the comparison."""
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    folder = resources.files("kiosk.capture.mrz") / "model"
    paths = [str(folder / f"{name}.onnx") for name in NAMES]
    print(f"{'network':10}{'OpenCV ms':>12}{'ONNX Runtime ms':>18}{'largest difference':>20}")  # noqa: T201
    for name, path in zip(NAMES, paths, strict=True):
        pictures = np.random.default_rng(0).standard_normal(SHAPES[name], dtype=np.float32)
        net = cv2.dnn.readNetFromONNX(path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def opencv(net: cv2.dnn.Net = net, pictures: Float = pictures) -> object:
            net.setInput(pictures)
            return net.forward()

        def onnx(session: object = session, pictures: object = pictures) -> object:
            return session.run(None, {"pictures": pictures})[0]  # type: ignore[attr-defined]

        apart = float(np.abs(np.asarray(opencv()) - np.asarray(onnx())).max())
        times = f"{_median(opencv) * 1e3:12.2f}{_median(onnx) * 1e3:18.2f}"
        print(f"{name:10}{times}{apart:20.6f}")  # noqa: T201
    print(  # noqa: T201
        f"fresh process, import and load: OpenCV {_fresh(_FRESH_OPENCV, paths):.3f} s, "
        f"with ONNX Runtime {_fresh(_FRESH_ONNX, paths):.3f} s"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
