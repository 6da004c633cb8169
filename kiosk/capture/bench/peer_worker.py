"""A peer MRZ reader behind the worker protocol, run by the Python that has it: `peer_worker.py NAME`.

Needs the standard library and the peer; imports nothing of this project. Standard input holds one picture
path a line, standard output one JSON line each: `lines`, `t`, `cpu`, `err`, `rss_self_kb`, `rss_child_kb`.
A peer that is not there ends the program with the reason on standard error. Lines come as the peer gives
them; only PassportEye's repaired fields are put back into their places, since it repairs fields alone.
"""

import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO

MODEL = os.environ.get("PEER_MODEL", "mrz")
NARROW = 1000  # pixels: tesseract gets pictures at least this wide, as its makers advise
_LIKE = {"«": "<<", "‹": "<", "≪": "<<", "《": "<<", "〈": "<", "＜": "<", "(": "<", "{": "<", "[": "<"}
_SHAPES = ((30, 3), (44, 2), (36, 2))
_DATES = (
    "number",
    "check_number",
    "nationality",
    "date_of_birth",
    "check_date_of_birth",
    "sex",
    "expiration_date",
    "check_expiration_date",
)
_SECOND = {
    "TD3": (*_DATES, "personal_number", "check_personal_number", "check_composite"),
    "MRVA": (*_DATES, "optional1"),
    "TD2": (*_DATES, "optional1", "check_composite"),
    "MRVB": (*_DATES, "optional1"),
}
_TD1_FIRST = ("type", "country", "number", "check_number", "optional1")
_TD1_SECOND = (*_DATES[3:], "nationality", "optional2", "check_composite")

Read = Callable[[str], list[str]]


def passporteye() -> Read:
    """PassportEye with the model of PEER_MODEL, one block of text a strip."""
    read_mrz: Any = importlib.import_module("passporteye").read_mrz
    tesseract_with_model()

    def read(path: str) -> list[str]:
        found = read_mrz(path, extra_cmdline_params=f"-l {MODEL} --psm 6")
        return [] if found is None else rebuilt(found.to_dict(), raw_lines(found.aux))

    return read


def raw_lines(aux: Any) -> list[str]:
    """The lines as tesseract gave them to PassportEye."""
    text = aux.get("raw_text") or aux.get("text", "")
    return [line.replace(" ", "") for line in text.splitlines() if line.strip()]


def rebuilt(fields: Any, raw: list[str]) -> list[str]:
    """Lines with the repaired fields in their places; names from the raw lines."""

    def joined(names: tuple[str, ...]) -> str:
        return "".join(fields.get(name) or "" for name in names)

    form = fields.get("mrz_type")
    if form in _SECOND and len(raw) >= 2:
        width = 44 if form in ("TD3", "MRVA") else 36
        return [raw[0][:width].ljust(width, "<"), joined(_SECOND[form])]
    if form == "TD1" and len(raw) >= 3:
        return [joined(_TD1_FIRST), joined(_TD1_SECOND), raw[2][:30].ljust(30, "<")]
    return raw


def tesseract() -> Read:
    """The whole page to tesseract with the model of PEER_MODEL, and the lines that look like a zone."""
    program = tesseract_with_model()

    def read(path: str) -> list[str]:
        call = [program, "stdin", "stdout", "-l", MODEL, "--psm", "6"]
        done = subprocess.run(call, input=page(path), capture_output=True, check=False)
        return zone(done.stdout.decode("utf-8", "replace").splitlines())

    return read


def tesseract_with_model() -> str:
    """The program's path; LookupError where it or the model is missing."""
    program = shutil.which("tesseract")
    if program is None:
        raise LookupError("no tesseract on the PATH")
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False)
    if MODEL not in listed.stdout.split():
        raise LookupError(f"tesseract has no model {MODEL!r}; give its directory with --tessdata")
    return program


def page(path: str) -> bytes:
    """Grey PNG, enlarged where it is narrow."""
    cv2: Any = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    gray = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if gray is None:
        return b""
    if gray.shape[1] < NARROW:
        factor = NARROW / gray.shape[1]
        gray = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".png", gray)[1])


def zone(raw: list[str]) -> list[str]:
    """The run of lines that looks most like a zone: right count, nearly right lengths, most fillers."""
    lines = [line for line in map(cleaned, raw) if len(line) >= 26]
    best: tuple[int, list[str]] = (-1000, [])
    for width, count in _SHAPES:
        for at in range(len(lines) - count + 1):
            run = lines[at : at + count]
            off = [abs(len(line) - width) for line in run]
            if max(off) <= 3 and any("<<" in line for line in run):
                best = max(best, (sum(line.count("<") for line in run) - 3 * sum(off), run))
    return best[1] or [line for line in lines if "<<" in line][:3]


def cleaned(line: str) -> str:
    for sign, meant in _LIKE.items():
        line = line.replace(sign, meant)
    return re.sub("[^A-Z0-9<]", "", line.strip().upper())


def work(read: Read, answers: TextIO) -> None:
    """The protocol until the end of standard input."""
    _put(answers, {"ready": True})
    for line in sys.stdin:
        begun, worked = time.perf_counter(), processor_seconds()
        error, lines = None, list[str]()
        try:
            lines = [str(one) for one in read(line.rstrip("\n"))]
        except Exception as raised:  # noqa: BLE001 - whatever a peer raises is its answer
            error = f"{type(raised).__name__}: {str(raised)[:120]}"
        _put(
            answers,
            {
                "lines": lines,
                "t": time.perf_counter() - begun,
                "cpu": processor_seconds() - worked,
                "err": error,
                "rss_self_kb": peak_memory(),
                "rss_child_kb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
            },
        )


def processor_seconds() -> float:
    """Of this process and of the children that have ended."""
    uses = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def peak_memory() -> int:
    """Kilobytes; the kernel's own line, since `getrusage` begins with the peak of the starting process."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def _put(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


def main() -> None:
    """Start the peer named on the command line."""
    warnings.filterwarnings("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not stand among the answers
    peers = {"passporteye": passporteye, "tesseract": tesseract}
    try:
        read = peers[sys.argv[1]]()
    except (ImportError, LookupError) as error:
        sys.exit(str(error))
    work(read, answers)


if __name__ == "__main__":
    main()
