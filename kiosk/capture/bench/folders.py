"""Sets on disk: a directory of pictures with `truth.json`, read and written."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from kiosk.capture.bench.synthetic import Sample, Truth
from kiosk.capture.picture_files import load_picture
from kiosk.errors import ErrorCode, KioskError

TRUTH = "truth.json"


class Folder:
    """A directory whose `truth.json` is a list of objects: `file`, `lines` ([] without MRZ), `type`, and what
    else is known: `condition`, or `degradations` with strengths, `px_per_char`, `layout`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = _entries(path / TRUTH)

    def __len__(self) -> int:
        return len(self._entries)

    def files(self, limit: int | None = None) -> Iterator[tuple[Path, Truth]]:
        """Files in the order of the list, not opened."""
        for entry in self._entries[:limit]:
            yield self._path / Path(entry["file"]).name, _truth(entry)

    def samples(self, limit: int | None = None) -> Iterator[Sample]:
        """Pictures, decoded as `shekara mrz read` does; IMAGE_UNREADABLE for a file that is none."""
        for path, truth in self.files(limit):
            begun = time.perf_counter()
            try:
                picture = load_picture(path)
            except KioskError as error:
                raise KioskError(error.code, f"{path.name}: {error.detail}") from error
            yield Sample(picture.pixels, truth, time.perf_counter() - begun)


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KioskError(ErrorCode.USAGE, f"{path}: no list of pictures ({type(error).__name__})") from error
    good = isinstance(loaded, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("file"), str)
        and isinstance(entry.get("lines"), list)
        for entry in loaded
    )
    if not good:
        raise KioskError(ErrorCode.USAGE, f"{path}: every entry needs file and lines")
    entries: list[dict[str, Any]] = loaded
    return entries


def _truth(entry: dict[str, Any]) -> Truth:
    condition = entry.get("condition")
    degradations = entry.get("degradations") or ({str(condition): 1.0} if condition else {})
    return Truth(
        name=Path(entry["file"]).stem,
        form=str(entry.get("type", "unknown")),
        layout=str(entry.get("layout", "unknown")),
        lines=tuple(map(str, entry["lines"])),
        misprinted=tuple(entry.get("misprinted", ())),
        px_per_char=float(entry.get("px_per_char", 0.0)),
        turned=int(entry.get("turned", 0)),
        degradations={str(name): float(strength) for name, strength in degradations.items()},
    )


class Keeper:
    """Writes samples as PNG files and, at the end, their `truth.json`; never over another set."""

    def __init__(self, path: Path) -> None:
        if (path / TRUTH).exists():
            raise KioskError(ErrorCode.USAGE, f"{path} holds a set already")
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._truths: list[dict[str, Any]] = []

    def keep(self, sample: Sample) -> None:
        truth = sample.truth.to_json()
        good, data = cv2.imencode(".png", sample.image)
        if not good:
            raise KioskError(ErrorCode.IMAGE_UNREADABLE, "the picture cannot be encoded")
        (self._path / truth["file"]).write_bytes(bytes(data))
        self._truths.append(truth)

    def finish(self) -> None:
        text = json.dumps(self._truths, indent=1, ensure_ascii=False) + "\n"
        (self._path / TRUTH).write_text(text, encoding="utf-8")
