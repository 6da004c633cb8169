"""`shekara bench chip`: the count of commands is the minimum, and the numbers beside it add up."""

import argparse
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from card_io.lds.mrz import parse
from crypto.trust import TrustStore
from hardware_mocks.bench_chip import bench_chip
from kiosk import drivers
from kiosk.cli.bench import COMMAND
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.bare_primitives import bare_primitives
from kiosk.workflow.chip_bench import BLOCKS, Exchange, line_seconds, measure, minimum


def bench(*words: str) -> tuple[int, dict[str, Any]]:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    stream = StringIO()
    out = Output(as_json=True, stream=stream)
    status = COMMAND.run(parser.parse_args(["chip", *words]), out)
    out.finish()
    return status, json.loads(stream.getvalue())


@pytest.mark.parametrize("group", ["12", "13"])
def test_commands_are_the_arithmetic_minimum_at_every_block_size(group: str) -> None:
    status, answer = bench("--links", "in-process", "--rounds", "1", "--group", group)
    assert (status, answer["commands_are_the_minimum"]) == (0, True)
    assert [row["block"] for row in answer["rows"]] == ["223", "1000", "max"]
    for row in answer["rows"]:
        assert set(row["files"]) == {"EF.CardAccess", "EF.COM", "EF.SOD", "DG1", "DG2", "DG14"}
        blocks = sum(-(-size // row["block_bytes"]) for size in row["files"].values())
        # MSE:Set AT, GENERAL AUTHENTICATE four times, SELECT; MSE:Set AT and GENERAL AUTHENTICATE of the chip
        assert row["commands"] == row["minimum"] == 6 + blocks + 2
        assert row["bytes_received"] > sum(row["files"].values())
        assert 15_000 < row["files"]["DG2"] < 15_200
        assert row["cpu_ratio"] > 0
    assert answer["rows"][-1]["commands"] == 6 + 6 + 2


@pytest.mark.pcsc
@pytest.mark.slow
def test_the_real_service_takes_no_more_commands() -> None:
    status, answer = bench("--links", "pcsc", "--rounds", "1")
    if answer["skipped"]:
        pytest.skip(answer["skipped"]["pcsc"])
    assert status == 0
    assert [row["link"] for row in answer["rows"]] == ["pcsc"] * 3


def test_without_a_smart_card_service_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(directory: Path, image: Path) -> None:
        raise KioskError(ErrorCode.STACK_UNAVAILABLE, "pcscd is not installed")

    monkeypatch.setattr("kiosk.cli.bench_chip.real_reader", none)
    status, answer = bench("--links", "pcsc", "--rounds", "1")
    assert (status, answer["rows"]) == (0, [])
    assert answer["skipped"] == {"pcsc": "pcscd is not installed"}


@pytest.mark.parametrize("words", [("--links", "usb"), ("--links", ""), ("--group", "3")])
def test_what_cannot_be_measured_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(KioskError) as caught:
        bench("--rounds", "1", *words)
    assert caught.value.code is ErrorCode.USAGE


def test_the_primitives_are_those_of_the_run(tmp_path: Path) -> None:
    chip = bench_chip(tmp_path, 12)
    store = TrustStore.from_directory(chip.trust)
    slot = drivers.open_slot(f"sim:{chip.image}", lab=True)
    run = measure(slot, parse(chip.lines), store, BLOCKS["1000"])
    bare = bare_primitives(run)
    parts = (bare.agreements, bare.ciphers, bare.macs, bare.hashes, bare.signatures)
    assert bare.total == sum(parts)
    assert min(parts) > 0
    assert 0 < run.reading < run.terminal
    assert run.sent == sum(item.sent for item in run.exchanges)
    plain = [item for item in run.exchanges if not item.protected]
    assert len(plain) == 1 + 5  # EF.CardAccess, MSE:Set AT, GENERAL AUTHENTICATE four times


def test_another_chip_than_a_genuine_one_is_not_measured(tmp_path: Path) -> None:
    chip = bench_chip(tmp_path, 12)
    slot = drivers.open_slot(f"sim:{chip.image}", lab=True)
    with pytest.raises(KioskError) as caught:
        measure(slot, parse(chip.lines), TrustStore(), 223)
    assert caught.value.code is ErrorCode.INTERNAL


def test_minimum_counts_whole_blocks() -> None:
    files = {"DG1": bytes(93), "DG2": bytes(15_088), "EF.SOD": bytes(446)}
    assert minimum(files, 223) == 6 + (1 + 68 + 2) + 2
    assert minimum(files, 65_000) == 6 + 3 + 2


def test_line_time_is_nine_bits_a_byte_in_frames() -> None:
    """Command of 13 bytes, answer of 240: two frames, three more bytes each, two pauses of 86 us."""
    one = line_seconds([Exchange(13, 240, True)], 106_000)
    assert one == pytest.approx((13 + 240 + 6) * 9 / 106_000 + 2 * 1172 / 13_560_000)
    long = line_seconds([Exchange(13, 1000, True)], 106_000)
    assert long == pytest.approx((13 + 3 + 1000 + 4 * 3 + 3 * 3) * 9 / 106_000 + 8 * 1172 / 13_560_000)
    assert line_seconds([Exchange(13, 240, True)] * 2, 424_000) < one
