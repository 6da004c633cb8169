"""The `sim` command: pages, scenarios, card files, programs with readers up."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from card_io.lds import mrz
from hardware_mocks.box import Box
from hardware_mocks.commands import COMMAND
from kiosk.errors import ErrorCode, KioskError


class Answer:
    """Collects what a command says."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.json = as_json
        self.lines: list[str] = []
        self.values: dict[str, Any] = {}

    def say(self, text: str = "") -> None:
        self.lines.append(text)

    def result(self, values: Mapping[str, Any]) -> None:
        self.values.update(values)


def run_sim(*words: str, as_json: bool = False) -> tuple[int, Answer]:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    answer = Answer(as_json=as_json)
    return COMMAND.run(parser.parse_args(words), answer), answer


def test_the_command_writes_a_page_and_describes_scenarios_and_cards(tmp_path: Path) -> None:
    target = tmp_path / "page.png"
    status, answer = run_sim("page", str(target), "--traveller", "2")
    assert status == 0
    assert target.stat().st_size > 100_000
    assert mrz.parse(answer.values["mrz"]).issuer == "KGZ"
    assert run_sim("page", str(tmp_path / "frame.jpg"), "--frame")[0] == 0
    assert len(run_sim("scenario")[1].values["travellers"]) >= 6
    box = Box(tmp_path, "cli", 3)
    serial = box.draw()
    assert run_sim("card", str(box.path(serial)))[1].values["serial"] == serial
    for words in (
        ("page", str(target), "--traveller", "99"),
        ("card", str(target)),
        ("page", "/nowhere/x.png"),
    ):
        with pytest.raises(KioskError) as caught:
            run_sim(*words)
        assert caught.value.code is ErrorCode.USAGE


@pytest.mark.pcsc
def test_the_command_runs_a_program_with_readers_up() -> None:
    status, answer = run_sim("pcsc", "--", sys.executable, "-c", "raise SystemExit(5)", as_json=True)
    if "error" in answer.values:
        pytest.skip(json.dumps(answer.values))
    assert status == 5
    assert set(answer.values["readers"]) == {"document", "blank"}
