"""`shekara sim chip` and the reader on which such a chip lies."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from card_io.apdu import Command
from crypto.pki_lab import LabPki
from crypto.sod import SecurityObject
from hardware_mocks.chip import CardImage
from hardware_mocks.chip_plan import kinds
from hardware_mocks.commands import COMMAND
from hardware_mocks.desk import open_device
from kiosk.errors import ErrorCode, KioskError


class Answer:
    """Collects what the command says."""

    json = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: dict[str, Any] = {}

    def say(self, text: str = "") -> None:
        self.lines.append(text)

    def result(self, values: Mapping[str, Any]) -> None:
        self.values.update(values)


def sim(*words: str) -> Answer:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    answer = Answer()
    assert COMMAND.run(parser.parse_args(words), answer) == 0
    return answer


def test_the_kinds_are_listed_with_their_purpose() -> None:
    answer = sim("chip")
    assert set(answer.values["kinds"]) == set(kinds())
    assert len(answer.lines) == len(kinds()) >= 40
    assert all(text.endswith(".") for text in answer.values["kinds"].values())


def test_a_kind_becomes_a_signed_card_image(tmp_path: Path) -> None:
    target, lab = tmp_path / "card.json", tmp_path / "lab"
    answer = sim("chip", "pace-cam", str(target), "--lab", str(lab))
    assert answer.values["can"] == "123456"
    assert answer.values["trust"] == str(lab / "trust")
    image = CardImage.load(target)
    signer = LabPki.open(lab).signer("UT").certificate
    assert SecurityObject.parse(image.files["app/011D"]).document_signer == signer
    sim("chip", "full", str(target), "--lab", str(lab))
    assert LabPki.open(lab).signer("UT").certificate == signer


def test_a_file_of_the_testers_own_becomes_a_card_image(tmp_path: Path) -> None:
    plan, target = tmp_path / "mine.toml", tmp_path / "card.json"
    plan.write_text('name = "mine"\nbac = false\n', "utf-8")
    assert sim("chip", str(plan), str(target)).values["trust"] is None
    with open_device(f"sim:{target}").connect() as link:
        select = bytes.fromhex("A0000002471001")
        assert link.send(Command(0x00, 0xA4, 0x04, 0x0C, select)).sw == 0x9000
        assert link.send(Command(0x00, 0xB0, 0x81, 0x00, le=2)).data == b"\x61\x5b"


@pytest.mark.parametrize(
    "words", [("chip", "bac"), ("chip", "no-such-kind", "x.json"), ("chip", "bac", "/nowhere/x.json")]
)
def test_what_cannot_be_made_is_a_usage_error(words: tuple[str, ...]) -> None:
    with pytest.raises(KioskError) as caught:
        sim(*words)
    assert caught.value.code is ErrorCode.USAGE


def test_a_reader_needs_a_card_image(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}", "utf-8")
    for name in ("absent.json", "bad.json"):
        with pytest.raises(KioskError) as caught:
            open_device(f"sim:{tmp_path / name}")
        assert caught.value.code is ErrorCode.DEVICE_UNKNOWN
