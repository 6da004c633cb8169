"""`shekara bench`: numbers for people and programs, sets synthetic and on disk, streams."""

import argparse
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kiosk.cli.bench import COMMAND
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError


def bench(*arguments: str, as_json: bool = True, what: str = "mrz") -> str:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    stream = io.StringIO()
    out = Output(as_json=as_json, stream=stream)
    assert COMMAND.run(parser.parse_args([what, *arguments]), out) == 0
    out.finish()
    return stream.getvalue()


def test_six_frames_kept_and_measured_again(tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    first: dict[str, Any] = json.loads(
        bench("--frames", "4", "--no-mrz", "2", "--seed", "5", "--save", kept, "--rows")
    )
    again = json.loads(bench("--set", kept))
    assert (first["total"]["frames"], first["no_mrz_frames"], len(first["rows"])) == (4, 2, 6)
    for name in ("total", "no_mrz_output", "by_format", "by_px_per_char", "by_degradation"):
        assert again[name] == first[name]


def test_a_table_for_people() -> None:
    text = bench("--frames", "1", "--no-mrz", "0", as_json=False)
    assert "exact %" in text
    assert "by px per char" in text


def test_streams_are_a_kind_of_the_same_command() -> None:
    summary = json.loads(bench("--streams", "0", what="stream"))
    assert (summary["seed"], summary["streams"]) == (9303, 0)
    assert bench("--streams", "0", what="stream", as_json=False)


def test_the_command_is_registered() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    commands = project["project"]["entry-points"]["shekara.commands"]
    assert commands[COMMAND.name] == "kiosk.cli.bench:COMMAND"


def test_an_unknown_set_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(KioskError) as caught:
        bench("--set", str(tmp_path / "none"))
    assert caught.value.code is ErrorCode.USAGE


@pytest.mark.parametrize("count", ["-1", "many"])
def test_counts_are_whole_numbers(count: str) -> None:
    with pytest.raises(SystemExit):
        bench("--frames", count)
