"""Runs the command line as a person would, in processes of its own, and reads what it left behind."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRAVELLER = """
[[traveller]]
title = "{title}"
decision = "grant"
expect = {{ end = "CARD_ACTIVE" }}
person = {{ surname = "{surname}", given_names = "DINARA", birth = 1990-02-03, sex = "F", nationality = "UZB", birth_place = "NAVOI" }}
passport = {{ state = "UZB", country = "UZ", number = "{number}", issued = 2022-03-03, expiry = 2032-03-02, authority = "IIV 1" }}
declaration = {{ purpose = "tourism", days = 10 }}
"""  # noqa: E501


@dataclass(frozen=True)
class Run:
    """One finished command: status (negative: the signal that ended it), JSON answer, error lines."""

    status: int
    answer: dict[str, Any]
    errors: str


def shekara(*arguments: str, timeout: float = 500) -> Run:
    """`shekara --json …` in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHEKARA_")}
    done = subprocess.run(
        [sys.executable, "-m", "kiosk.cli.main", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=environment,
    )
    answer = json.loads(done.stdout) if done.stdout.strip() else {}
    return Run(done.returncode, answer, done.stderr)


def write_scenario(path: Path, faults: str = "", travellers: int = 1) -> Path:
    """A scenario of invented travellers, quick printer, with the given fault tables."""
    head = (
        'name = "test"\nseed = "test-1"\n[clock]\nstart = 2026-11-23T03:30:00Z\nseconds_per_step = 2\n'
        "[box]\nblanks = 6\n[printer]\nseconds_per_card = 0.05\n"
    )
    people = "".join(
        TRAVELLER.format(title=f"number {n}", surname=f"TEST{'ABCDEFG'[n]}", number=f"FA000000{n}")
        for n in range(travellers)
    )
    path.write_text(head + people + faults, encoding="utf-8")
    return path
