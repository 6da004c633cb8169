"""What `shekara chip read --out DIR` leaves behind: files as read, portraits, report, log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from card_io.emrtd.inspection_log import log_record
from card_io.emrtd.reader import ReadResult
from card_io.errors import CardError
from card_io.lds.face import FaceImage, parse_dg2
from card_io.lds.image_header import JPEG
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.chip_reading import ChipInspection


def prepare(directory: Path, *, force: bool) -> None:
    """Make the directory, closed to others; USAGE if something lies in it, unless `force`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not force and any(directory.iterdir()):
            raise KioskError(ErrorCode.USAGE, f"{directory}: not empty (--force writes over it)")
    except OSError as error:
        raise KioskError(ErrorCode.USAGE, f"{directory}: {error.strerror}") from error


def write(
    directory: Path, done: ChipInspection, answer: Mapping[str, Any], *, transaction: str, software: str
) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Everything that came of a read; the names of the files written, and what became of each portrait.

    USAGE when the disk refuses.
    """
    portraits = portraits_of(done.read)
    record = log_record(done.report, done.read, transaction=transaction, software=software)
    files = {f"{name.replace('/', '-')}.bin": data for name, data in raw_files(done.read).items()}
    for portrait in portraits:
        files |= portrait.files
    about: list[Mapping[str, Any]] = [portrait.facts for portrait in portraits]
    files["report.json"] = _json({**answer, "portraits": about})
    files["log.json"], files["log-personal.json"] = _json(record.log), _json(record.personal)
    try:
        for name, data in files.items():
            _write(directory / name, data)
    except OSError as error:
        raise KioskError(ErrorCode.USAGE, f"{directory}: {error.strerror}") from error
    return sorted(files), about


def raw_files(read: ReadResult) -> dict[str, bytes]:
    """All files by their name in Doc 9303-10, EF.CardSecurity among them."""
    mapping = read.access.chip_mapping if read.access is not None else None
    card_security = mapping.card_security if mapping is not None else None
    return {**read.files, **({"EF.CardSecurity": card_security} if card_security is not None else {})}


class Portrait:
    """One picture of DG2: the file as it was read, and its pixels as a PNG if they can be had."""

    def __init__(self, face: FaceImage, number: int) -> None:
        stem = "portrait" if number == 1 else f"portrait-{number}"
        original = f"{stem}.{'jpg' if face.mime == JPEG else 'jp2'}"
        self.files = {original: face.image}
        self.facts: dict[str, Any] = {"file": original, "mime": face.mime, "bytes": len(face.image)}
        try:
            from kiosk.capture.portrait import portrait_png  # a decoder that most calls do not need

            made = portrait_png(face.image)
        except KioskError as error:
            self.facts |= {"problem": str(error.code), "detail": error.detail}
        else:
            self.files[f"{stem}.png"] = made.image
            self.facts |= {"png": f"{stem}.png", "width": made.width, "height": made.height}


def portraits_of(read: ReadResult) -> list[Portrait]:
    """All pictures of DG2; none if it was not read or is no face record."""
    if "DG2" not in read.files:
        return []
    try:
        return [Portrait(face, number) for number, face in enumerate(parse_dg2(read.files["DG2"]), 1)]
    except CardError:
        return []


def _write(path: Path, data: bytes) -> None:
    """For the owner alone, also where a file of that name was there before."""
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(data)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n").encode()
