"""`shekara mrz read` and `serve`: lines, JSON lines, exit status, the worker protocol, light imports."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.capture import mrz_files
from kiosk.capture.mrz.reading import (
    Candidate,
    Decoded,
    FieldReading,
    Gray,
    Grid,
    KeyCandidate,
    Missed,
    Reading,
)
from kiosk.capture.mrz_files import FileReader, as_json, serve
from kiosk.capture.picture_files import READ_PIXELS
from kiosk.cli import main as host
from kiosk.cli import mrz
from kiosk.ports import Hint

ROOT = Path(__file__).parents[2]
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
MISREAD = (TD3[0].replace("ANNA", "ANHA"), TD3[1])


@dataclass(frozen=True)
class Known:
    """Details that are given."""

    seen: tuple[tuple[float, ...], ...]
    named: Mapping[str, FieldReading]
    others: tuple[Candidate, ...] = ()
    openers: tuple[KeyCandidate, ...] = ()

    def characters(self) -> tuple[tuple[float, ...], ...]:
        return self.seen

    def fields(self) -> Mapping[str, FieldReading]:
        return self.named

    def alternatives(self) -> tuple[Candidate, ...]:
        return self.others

    def keys(self) -> tuple[KeyCandidate, ...]:
        return self.openers


def reading(scale: float = 10.0) -> Reading:
    matrix = np.array([[scale, 0, 50], [0, scale, 100], [0, 0, 1]], np.float64)
    decoded = Decoded(
        lines=TD3,
        form="TD3",
        confidence=0.987654321,
        key_confidence=0.99,
        certain=True,
        unchecked=("names",),
        details=Known(
            seen=tuple((0.5,) + (1.0,) * 43 for _ in TD3),
            named={"number": FieldReading("L898902C3", 0.9, covered=True, agrees=True)},
            others=(Candidate(MISREAD, 0.01),),
            openers=(KeyCandidate("L898902C3", "740812", "120415", 0.99),),
        ),
    )
    return Reading(decoded, Grid(matrix, 44, 2, 1.66), np.zeros((2, 44, 37), np.float32))


class Fake:
    """Reads bright pictures, misses dark ones, fails on those that are one pixel high."""

    def read(self, gray: Gray) -> Reading | Missed:
        if gray.shape[0] == 1:
            raise cv2.error("too small")
        if gray.shape[0] == 2:
            raise ArithmeticError("a bug with a person's data in it")
        if gray.mean() > 100:
            return reading()
        return Missed(Hint.TOO_FAR, ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0)))


@pytest.fixture(autouse=True)
def _fake_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(mrz_files, "MrzReader", Fake)
    monkeypatch.setattr(host, "_commands", lambda arguments=(): {"mrz": mrz.COMMAND})
    threads = cv2.getNumThreads()
    yield
    cv2.setNumThreads(threads)


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, str]:
    made = {
        "good": np.full((300, 500), 200, np.uint8),
        "dark": np.zeros((300, 500), np.uint8),
        "flat": np.zeros((1, 500), np.uint8),
        "bug": np.zeros((2, 500), np.uint8),
    }
    for name, pixels in made.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    (tmp_path / "text.png").write_text("no picture")
    return {name: str(tmp_path / f"{name}.png") for name in (*made, "text", "none")}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = host.main(["mrz", "read", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_one_picture_prints_its_lines(capsys: pytest.CaptureFixture[str], pictures: dict[str, str]) -> None:
    assert run(capsys, pictures["good"]) == (0, "\n".join(TD3) + "\n", "")


def test_several_pictures_print_their_names_and_one_without_lines_is_status_3(
    capsys: pytest.CaptureFixture[str], pictures: dict[str, str]
) -> None:
    names = [pictures[name] for name in ("good", "dark", "text", "none", "good")]
    status, out, err = run(capsys, *names)
    assert status == 3
    assert out == 2 * (f"{pictures['good']}:\n" + "\n".join(TD3) + "\n")
    assert [line.split(":")[0] for line in err.splitlines() if "[" in line] == names[1:4]
    assert err.count("[IMAGE_UNREADABLE]") == 2
    assert "[MRZ_NOT_FOUND]" in err


def test_json_lines_hold_everything_but_keys_nobody_asked_for(
    capsys: pytest.CaptureFixture[str], pictures: dict[str, str]
) -> None:
    status, out, err = run(capsys, "--json", *(pictures[name] for name in ("good", "dark", "text")))
    good, dark, text = map(json.loads, out.splitlines())
    assert (status, err) == (3, "")
    assert good["file"] == pictures["good"]
    assert (good["lines"], good["format"], good["certain"]) == (list(TD3), "TD3", True)
    assert good["fields"]["number"] == {
        "text": "L898902C3",
        "confidence": 0.9,
        "covered": True,
        "agrees": True,
    }
    assert (good["confidence"], good["unchecked"], good["doubtful"]) == (
        0.987654,
        ["names"],
        [[0, 0], [1, 0]],
    )
    assert good["alternatives"] == [{"lines": list(MISREAD), "probability": 0.01}]
    assert len(good["region"]) == 4
    assert "keys" not in good
    assert (dark["lines"], dark["hint"], len(dark["region"])) == ([], "TOO_FAR", 4)
    assert (text["lines"], text["error"]["code"]) == ([], "IMAGE_UNREADABLE")
    assert text["error"]["advice"]
    out = run(capsys, "--json", "--keys", pictures["good"])[1]
    assert json.loads(out)["keys"] == [
        {"number": "L898902C3", "birth": "740812", "expiry": "120415", "probability": 0.99}
    ]


def test_a_name_that_is_no_utf_8_is_shown_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.png")
    assert run(capsys, "--json", name)[0] == 3
    assert run(capsys, name)[0] == 3


def test_a_failing_reader_is_an_error_with_a_code(
    capsys: pytest.CaptureFixture[str], pictures: dict[str, str]
) -> None:
    status, out, _ = run(capsys, "--json", pictures["flat"], pictures["good"])
    first, second = map(json.loads, out.splitlines())
    assert (status, first["error"]["code"], second["lines"]) == (3, "INTERNAL", list(TD3))


def test_the_region_is_in_the_pixels_of_the_file(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "large.jpg"), np.full((4000, 6000), 200, np.uint8))
    answer = FileReader().read(tmp_path / "large.jpg")
    assert answer.picture.pixels.size <= READ_PIXELS
    outcome = answer.outcome
    assert isinstance(outcome, Reading)
    small = outcome.grid.corners()[0]
    factor = 6000 / answer.picture.pixels.shape[1]
    expected = [(value + 0.5) * factor - 0.5 for value in small]
    assert as_json(answer)["region"][0] == pytest.approx(expected, abs=0.6)


# The worker


def ask(*paths: bytes | str) -> list[dict[str, Any]]:
    out = io.StringIO()
    serve((os.fsencode(path) + b"\n" for path in paths), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_worker_answers_every_line_and_outlives_bad_ones(pictures: dict[str, str]) -> None:
    paths = [pictures[name] for name in ("good", "none", "text", "flat", "bug", "dark", "good")]
    ready, *answers = ask(*paths, b"", b"a\0b", b"\xff\xfe", "/dev/zero")
    assert ready == {"ready": True}
    assert [answer["err"] for answer in answers] == [
        None,
        "IMAGE_UNREADABLE",
        "IMAGE_UNREADABLE",
        "INTERNAL",
        "INTERNAL: ArithmeticError",
        None,
        None,
        *4 * ["IMAGE_UNREADABLE"],
    ]
    assert [bool(answer["lines"]) for answer in answers] == [True, *5 * [False], True, *4 * [False]]
    assert answers[0]["lines"] == list(TD3)
    assert [answer["certain"] for answer in answers] == [True, *5 * [False], True, *4 * [False]]
    for answer in answers:
        assert set(answer) == {"lines", "certain", "t", "cpu", "err", "rss_self_kb", "rss_child_kb"}
        assert answer["t"] >= 0
        assert answer["rss_self_kb"] > 1000


def test_what_decoders_say_does_not_reach_standard_error(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = bytes(cv2.imencode(".jpg", np.full((80, 80), 200, np.uint8))[1])
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.bmp").write_bytes(bytes(cv2.imencode(".bmp", np.zeros((80, 80), np.uint8))[1])[:900])
    for name in ("cut.jpg", "cut.bmp"):
        host.main(["mrz", "read", "--json", str(tmp_path / name)])
        ask(str(tmp_path / name))
    assert capfd.readouterr().err == ""


_PROGRAM = """
import sys
from kiosk.cli import main as host
from kiosk.cli.mrz import COMMAND
host._commands = lambda arguments=(): {"mrz": COMMAND}
status = host.main(sys.argv[1:])
heavy = ("PySide6", "sqlalchemy", "cryptography", "aiohttp", "pydantic", "requests", "smartcard", "structlog")
from kiosk.capture.mrz_files import peak_memory
print("peak", peak_memory() // 1024, file=sys.stderr)
print("heavy", *(name for name in heavy if name in sys.modules), file=sys.stderr)
sys.exit(status)
"""


def program(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-c", _PROGRAM, "mrz", *arguments]
    return subprocess.run(call, input=data, capture_output=True, env=environment, check=False)


def test_a_fresh_process_reads_with_the_real_reader_and_loads_no_more_than_it_needs(
    pictures: dict[str, str],
) -> None:
    done = program("read", "--json", pictures["dark"], pictures["flat"], pictures["bug"])
    assert done.returncode == 3
    assert [json.loads(line)["lines"] for line in done.stdout.splitlines()] == [[], [], []]
    assert done.stderr.splitlines()[-1] == b"heavy"


def _enormous(folder: Path) -> list[str]:
    """100 megapixels and more in small files, the forms that cost decoders most."""
    tall = np.full((10000, 10000), 200, np.uint8)
    progressive = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    cv2.imwrite(str(folder / "100.jpg"), tall)
    cv2.imwrite(str(folder / "100-progressive.jpg"), tall, progressive)
    cv2.imwrite(str(folder / "100.png"), tall, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    cv2.imwrite(str(folder / "25-deep.png"), tall[:2500].astype(np.uint16), (cv2.IMWRITE_PNG_COMPRESSION, 1))
    cv2.imwrite(str(folder / "40-alpha.png"), cv2.merge([tall[:4000]] * 4), (cv2.IMWRITE_PNG_COMPRESSION, 1))
    cv2.imwrite(str(folder / "16.jp2"), cv2.merge([tall[:1600]] * 3))
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.mark.slow
def test_enormous_pictures_are_read_or_refused_within_500_megabytes(tmp_path: Path) -> None:
    names = _enormous(tmp_path)
    done = program("read", "--json", *names)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == names
    refused = {Path(answer["file"]).name for answer in answers if "error" in answer}
    assert not refused & {"100.jpg", "100.png", "16.jp2"}
    assert all(answer["error"]["code"] == "IMAGE_TOO_LARGE" for answer in answers if "error" in answer)
    peak, heavy = done.stderr.splitlines()
    assert heavy == b"heavy"
    assert int(peak.split()[1]) < 500


def test_a_fresh_worker_ends_with_its_input(pictures: dict[str, str]) -> None:
    done = program("serve", data=os.fsencode(pictures["dark"]) + b"\n\n")
    assert done.returncode == 0
    ready, first, second = map(json.loads, done.stdout.splitlines())
    assert (ready, first["err"], second["err"]) == ({"ready": True}, None, "IMAGE_UNREADABLE")
    assert done.stderr.splitlines()[-1] == b"heavy"


def test_only_the_called_command_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert set(host._commands(["--json", "home", "show"])) == {"home"}
    assert {"home", "case", "sync"} <= set(host._commands(["--help"]))
    assert {"home", "case", "sync"} <= set(host._commands(["nonsense"]))
    assert set(host._commands()) == set(host._commands(["--", "home"]))
