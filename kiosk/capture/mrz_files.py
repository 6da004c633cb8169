"""Picture files through the MRZ reader: one answer a file, as an object for programs and as a worker.

Owns the worker protocol of `shekara mrz serve`: JSON lines, `{"ready": true}` first, then for each path one
line with `lines`, `certain`, `t` (seconds for file and zone), `cpu` (the same on the processor), `err` (a
code or null), `rss_self_kb` and `rss_child_kb` (peaks).
"""

import json
import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np

from kiosk.capture.mrz.reader import MrzReader
from kiosk.capture.mrz.reading import Candidate, Decoded, KeyCandidate, Missed, Reading
from kiosk.capture.picture_files import Picture, load_picture
from kiosk.errors import ErrorCode, KioskError

Corner = tuple[float, float]


@dataclass(frozen=True, eq=False)
class FileAnswer:
    """What the reader made of a picture."""

    picture: Picture
    outcome: Reading | Missed

    @property
    def lines(self) -> tuple[str, ...]:
        """As printed; () where nothing was read."""
        return self.outcome.lines if isinstance(self.outcome, Reading) else ()

    @property
    def region(self) -> tuple[Corner, ...]:
        """Corners of the zone in the file's own pixels, upright by its EXIF tag; clockwise from the top left
        of the text as it is read. () where nothing was found."""
        found = self.outcome
        corners = found.grid.corners() if isinstance(found, Reading) else np.array(found.region, np.float64)
        points = self.picture.original(corners.reshape(-1, 2))
        return tuple((round(float(x), 1), round(float(y), 1)) for x, y in points)


class FileReader:
    """The reader for files, loaded once. OpenCV gets one thread. Not for several threads at once."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._reader = MrzReader()

    def read(self, path: Path) -> FileAnswer:
        """IMAGE_UNREADABLE and IMAGE_TOO_LARGE as of `load_picture`."""
        picture = load_picture(path)
        try:
            return FileAnswer(picture, self._reader.read(picture.pixels))
        except (cv2.error, MemoryError) as error:
            raise KioskError(ErrorCode.INTERNAL, f"reader: {type(error).__name__}") from error


def as_json(answer: FileAnswer, *, keys: bool = False) -> dict[str, Any]:
    """What programs get: numbers rounded, `region` in the file's own pixels. `keys` may open a chip: on
    request only."""
    found = answer.outcome
    if isinstance(found, Missed):
        return {"lines": [], "hint": str(found.hint), "region": answer.region}
    decoded = found.decoded
    shown = _decoded(decoded) | {"region": answer.region}
    if keys:
        shown["keys"] = [_key(key) for key in decoded.keys]
    return shown


def _decoded(decoded: Decoded) -> dict[str, Any]:
    return {
        "lines": decoded.lines,
        "format": decoded.form,
        "fields": {
            name: {
                "text": value.text,
                "confidence": _rounded(value.confidence),
                "covered": value.covered,
                "agrees": value.agrees,
            }
            for name, value in decoded.fields.items()
        },
        "confidence": _rounded(decoded.confidence),
        "key_confidence": _rounded(decoded.key_confidence),
        "certain": decoded.certain,
        "unchecked": decoded.unchecked,
        "doubtful": decoded.doubtful,
        "alternatives": [_candidate(candidate) for candidate in decoded.alternatives],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {"lines": candidate.lines, "probability": _rounded(candidate.probability)}


def _key(key: KeyCandidate) -> dict[str, Any]:
    values = {"number": key.number, "birth": key.birth, "expiry": key.expiry}
    return {**values, "probability": _rounded(key.probability)}


def _rounded(value: float) -> float:
    return round(float(value), 6)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Send what C libraries print on standard error to nowhere. For processes of one thread only."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def peak_memory() -> int:
    """The most memory this process had resident, kilobytes. The kernel's own line where there is one: what
    `getrusage` tells a child begins with the peak of the process that started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(paths: Iterable[bytes], answers: TextIO) -> None:
    """Answer every path (one a line) until the end of `paths`. A bad path is answered, never raised."""
    reader = FileReader()
    _put(answers, {"ready": True})
    for line in paths:
        begun, worked = time.perf_counter(), time.process_time()
        answered = _served(reader, Path(os.fsdecode(line.rstrip(b"\r\n"))))
        _put(
            answers,
            {
                **answered,
                "t": time.perf_counter() - begun,
                "cpu": time.process_time() - worked,
                "rss_self_kb": peak_memory(),
                "rss_child_kb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
            },
        )


def _served(reader: FileReader, path: Path) -> dict[str, Any]:
    nothing: dict[str, Any] = {"lines": (), "certain": False}
    try:
        with quiet_decoders():
            found = reader.read(path).outcome
    except KioskError as error:
        return {**nothing, "err": str(error.code)}
    except Exception as error:  # noqa: BLE001 - one picture must not end the worker; the type says enough
        return {**nothing, "err": f"{ErrorCode.INTERNAL}: {type(error).__name__}"}
    if isinstance(found, Missed):
        return {**nothing, "err": None}
    return {"lines": found.lines, "certain": found.decoded.certain, "err": None}


def _put(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()
