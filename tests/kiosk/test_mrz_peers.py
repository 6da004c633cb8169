"""Readers side by side: a fake that really speaks the protocol, ours, and the real peers where they are."""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.capture.bench import peer_worker
from kiosk.capture.bench.peers import OURS, PEERS, fresh, lines_of, peer_named, side_by_side, written
from kiosk.capture.bench.synthetic import Sample, Truth
from kiosk.capture.bench.workers import Peer, Worker, one_core
from kiosk.cli.bench import COMMAND
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
FAKE = """
import json, os, sys
from pathlib import Path
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    if "crash" in path.name:
        sys.exit("crashed")
    if "hang" in path.name:
        sys.stdin.read()
    if "rubbish" in path.name:
        print("no object", flush=True)
        continue
    lines = LINES if path.read_bytes() and "empty" not in path.name else []
    facts = {"cores": len(os.sched_getaffinity(0)), "threads": os.environ["OMP_THREAD_LIMIT"]}
    answer = {"lines": lines, "t": 0.25, "cpu": 0.125, "err": None, "rss_self_kb": 2048, "rss_child_kb": 4096}
    print(json.dumps(answer | facts), flush=True)
"""


@pytest.fixture
def fake(tmp_path: Path) -> Peer:
    script = tmp_path / "fake.py"
    script.write_text(FAKE.replace("LINES", repr(list(TD3))))
    return Peer("fake", (sys.executable, str(script)))


@pytest.fixture
def frames(tmp_path: Path) -> list[tuple[Path, Truth]]:
    names = {"good": TD3, "empty": TD3, "none": ()}
    made = []
    for name, lines in names.items():
        path = tmp_path / f"{name}.bmp"
        cv2.imwrite(str(path), np.full((40, 60), 200, np.uint8))
        made.append((path, Truth(name, "TD3" if lines else "NONE", "x", lines)))
    return made


@pytest.fixture
def worker(fake: Peer) -> Iterator[Worker]:
    asked = Worker(fake, timeout=20)
    yield asked
    asked.close()


def test_a_worker_runs_on_one_core_with_one_thread(worker: Worker, frames: list[tuple[Path, Truth]]) -> None:
    answer = worker.ask(frames[0][0])
    assert (answer["lines"], answer["cores"], answer["threads"]) == (list(TD3), 1, "1")


def test_a_worker_that_crashes_or_talks_rubbish_is_started_anew(
    worker: Worker, frames: list[tuple[Path, Truth]], tmp_path: Path
) -> None:
    for name in ("crash", "rubbish"):
        assert worker.ask(tmp_path / name)["err"] == "crash or time-out"
        assert worker.ask(frames[0][0])["lines"] == list(TD3)


def test_a_worker_that_hangs_is_given_up(worker: Worker, tmp_path: Path) -> None:
    worker.timeout = 0.05
    answer = worker.ask(tmp_path / "hang")
    assert (answer["lines"], answer["err"]) == ([], "crash or time-out")


@pytest.mark.parametrize(
    ("program", "reason"),
    [("import sys; sys.exit('no such model')", "no such model"), ("pass", "does not start")],
)
def test_a_peer_that_does_not_come_up_is_missing_with_its_reason(program: str, reason: str) -> None:
    with pytest.raises(KioskError) as caught:
        Worker(Peer("broken", (sys.executable, "-c", program)))
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING
    assert reason in caught.value.detail
    with pytest.raises(KioskError):
        Worker(Peer("absent", ("/no/such/program",)))


def test_one_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_core() as core:
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


def test_ours_and_a_peer_see_the_same_files_and_a_missing_peer_is_said(
    fake: Peer, frames: list[tuple[Path, Truth]]
) -> None:
    done: list[int] = []
    absent = Peer("absent", (sys.executable, "-c", "import sys; sys.exit('not installed')"))
    compared = side_by_side([fake, absent], frames, done.append).to_json()
    ours, theirs = compared["readers"]
    assert (ours["name"], ours["frames"], ours["silent"], ours["errors"]) == ("ours", 2, 2, 0)
    assert (theirs["name"], theirs["frames"], theirs["exact"], theirs["key"]) == ("fake", 2, 1, 1)
    assert (theirs["silent"], theirs["no_mrz_frames"], theirs["no_mrz_output"]) == (1, 1, 1)
    assert theirs["seconds"] == {"median": 0.25, "p95": 0.25, "max": 0.25}
    assert theirs["times_ours"] == pytest.approx(0.25 / ours["seconds"]["median"], rel=0.05)
    assert (ours["times_ours"], theirs["peak_mb"]) == (1.0, 4)
    assert ours["peak_mb"] > 20
    assert compared["missing"] == {"absent": "not installed"}
    assert done == [1, 2, 3]
    text = "\n".join(lines_of(json.loads(json.dumps(compared))))
    assert "missing: not installed" in text
    assert "fake" in text


def test_samples_become_files_without_loss(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
    [(path, truth)] = list(written([Sample(image, Truth("a", "TD3", "x", TD3))], tmp_path))
    assert truth.lines == TD3
    assert np.array_equal(np.asarray(cv2.imread(str(path))), image)


def test_the_cost_of_a_fresh_process_is_a_ratio_of_medians() -> None:
    cost = fresh(1)
    for kind in ("seconds", "processor_seconds"):
        assert cost[f"{kind}_ratio"] == pytest.approx(
            cost[f"reader_{kind}"] / cost[f"opencv_{kind}"], rel=0.02
        )


# On the command line


def bench(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    stream = io.StringIO()
    out = Output(as_json=True, stream=stream)
    assert COMMAND.run(parser.parse_args(["mrz", *arguments]), out) == 0
    out.finish()
    answer: dict[str, Any] = json.loads(stream.getvalue())
    return answer


def test_the_bench_compares_on_the_first_frames_of_its_set(fake: Peer) -> None:
    command = f"fake={' '.join(fake.command)}"
    answer = bench(
        *("--frames", "0", "--no-mrz", "1", "--peer-frames", "1", "--seed", "5"),
        *("--peer-worker", command, "--fresh", "1"),
    )
    assert [reader["name"] for reader in answer["side_by_side"]["readers"]] == ["ours", "fake"]
    assert answer["side_by_side"]["readers"][1]["frames"] == 1
    assert answer["fresh"]["rounds"] == 1


def test_a_directory_is_compared_on_its_own_files_and_timed_with_them(
    fake: Peer, frames: list[tuple[Path, Truth]], tmp_path: Path
) -> None:
    entries = [{"file": path.name, "lines": truth.lines, "type": truth.form} for path, truth in frames]
    (tmp_path / "truth.json").write_text(json.dumps(entries))
    command = f"fake={' '.join(fake.command)}"
    answer = bench("--set", str(tmp_path), "--peer-worker", command, "--rows")
    assert answer["side_by_side"]["readers"][1]["exact"] == 1
    rows = answer["rows"]
    assert all(row["file_seconds"] > 0 for row in rows)
    longest = max(row["seconds"] + row["file_seconds"] for row in rows)
    assert answer["seconds_with_files"]["max"] == pytest.approx(longest, abs=1e-4)


@pytest.mark.parametrize("arguments", [["--peers", "unknown"], ["--peer-worker", "noname"]])
def test_wrong_peers_are_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(KioskError) as caught:
        bench("--frames", "0", "--no-mrz", "0", *arguments)
    assert caught.value.code is ErrorCode.USAGE


# The peers' own side


def test_peers_are_started_with_what_they_need(tmp_path: Path) -> None:
    passporteye = peer_named("passporteye", python="/opt/peer/bin/python", tessdata=tmp_path)
    assert passporteye.command[0] == "/opt/peer/bin/python"
    assert passporteye.environment == {"TESSDATA_PREFIX": str(tmp_path)}
    tesseract = peer_named("tesseract", tesseract=Path("/opt/t/tesseract"))
    assert tesseract.command[0] == sys.executable
    assert tesseract.environment["PATH"].startswith("/opt/t" + os.pathsep)


def test_the_lines_most_like_a_zone_are_taken() -> None:
    page = ["REPUBLIC OF UTOPIA", TD3[0].replace("<<", "«", 1), TD3[1].lower(), "x"]
    assert peer_worker.zone(page) == [*TD3]
    assert peer_worker.zone(["A page of plain text without any fillers in it"]) == []


def test_repaired_fields_stand_in_their_places() -> None:
    fields = {
        **{"mrz_type": "TD3", "number": "L898902C3", "check_number": "6", "nationality": "UTO"},
        **{"date_of_birth": "740812", "check_date_of_birth": "2", "sex": "F"},
        **{"expiration_date": "120415", "check_expiration_date": "9", "personal_number": "ZE184226B<<<<<"},
        **{"check_personal_number": "1", "check_composite": "0"},
    }
    raw = [TD3[0][:40], TD3[1].replace("0", "O")]
    assert peer_worker.rebuilt(fields, raw) == [*TD3]
    assert peer_worker.rebuilt({"mrz_type": None}, raw) == raw


def test_a_peer_s_failure_is_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: str) -> list[str]:
        if path == "bad":
            raise RuntimeError("no picture")
        return [path]

    monkeypatch.setattr(sys, "stdin", io.StringIO("one\nbad\n"))
    out = io.StringIO()
    peer_worker.work(read, out)
    ready, one, bad = map(json.loads, out.getvalue().splitlines())
    assert ready == {"ready": True}
    assert (one["lines"], one["err"], bad["lines"]) == (["one"], None, [])
    assert bad["err"] == "RuntimeError: no picture"


def _why_not(name: str) -> str:
    """Why the real peer cannot run here, "" if it can."""
    tessdata = os.environ.get("TESSDATA_PREFIX")
    if shutil.which("tesseract") is None:
        return "no tesseract on the PATH"
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False)
    if "mrz" not in listed.stdout.split():
        return f"no model mrz in {tessdata or 'the default directory of models'}"
    if name == "passporteye" and "SHEKARA_PASSPORTEYE_PYTHON" not in os.environ:
        return "SHEKARA_PASSPORTEYE_PYTHON is not set"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_a_real_peer_reads_a_clean_zone(name: str, tmp_path: Path) -> None:
    if reason := _why_not(name):
        pytest.skip(reason)
    from kiosk.capture.bench import ink

    rows = [(line, 60.0, 900.0 + 60 * number) for number, line in enumerate(TD3)]
    mask = ink.ocr_mask((1100, 1300), rows, 26.0, cut="round", size=1.0)
    page = np.full((1100, 1300, 3), 245, np.uint8)
    ink.blend(page, (30, 30, 30), mask)
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), page)
    peer = peer_named(name, python=os.environ.get("SHEKARA_PASSPORTEYE_PYTHON"))
    compared = side_by_side([peer], [(path, Truth("page", "TD3", "x", TD3))]).to_json()
    assert compared["missing"] == {}
    theirs = compared["readers"][1]
    assert (theirs["frames"], theirs["errors"], theirs["exact"]) == (1, 0, 1)


def test_ours_is_a_worker_like_any_other(tmp_path: Path) -> None:
    ours = Worker(OURS)
    try:
        assert ours.ask(tmp_path / "none.png")["err"] == "IMAGE_UNREADABLE"
    finally:
        ours.close()
