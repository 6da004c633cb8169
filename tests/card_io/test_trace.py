"""Traces: what was recorded replays, and secrets do not get into a trace."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_io.apdu import BytesLink, Command
from card_io.errors import MalformedCardData
from card_io.trace import Exchange, Recorder, Replay, dump, keep_everything, load

VECTORS = Path(__file__).parents[1] / "vectors"
SELECT = Command(0x00, 0xA4, 0x02, 0x0C, b"\x01\x1e")
PUT_SECRET = Command(0x00, 0xDA, 0x01, 0x02, b"123456")
READ = Command(0x00, 0xB0, 0x00, 0x00, le=4)
PROTECTED = Command(0x0C, 0xA4, 0x02, 0x0C, b"\x8e\x08secretly", 0)


def echo(raw: bytes) -> bytes:
    return b"name\x90\x00"


def test_recorded_is_replayed() -> None:
    recorder = Recorder(BytesLink(echo), keep_everything)
    answers = [recorder.send(SELECT), recorder.send(READ)]
    replay = Replay(load(dump(recorder.exchanges)))
    assert [replay.send(SELECT), replay.send(READ)] == answers
    assert replay.finished


@pytest.mark.parametrize("command", [PUT_SECRET, READ, PROTECTED, Command(0x00, 0x82, 0, 0, bytes(40), 40)])
def test_secrets_and_personal_data_are_zeros(command: Command) -> None:
    recorder = Recorder(BytesLink(echo))
    recorder.send(command)
    (exchange,) = recorder.exchanges
    assert exchange.redacted
    assert exchange.response == bytes(4) + b"\x90\x00"
    assert Command.parse(exchange.command).data == bytes(len(command.data))
    assert exchange.command[:4] == command.header
    with pytest.raises(MalformedCardData):
        Replay(recorder.exchanges)


def test_harmless_commands_stay() -> None:
    recorder = Recorder(BytesLink(echo))
    recorder.send(SELECT)
    assert recorder.exchanges == (Exchange(SELECT.encode(), b"name\x90\x00"),)
    assert "name" not in repr(recorder.exchanges)


def test_replay_refuses_other_commands() -> None:
    replay = Replay([Exchange(SELECT.encode(), b"\x90\x00")])
    with pytest.raises(MalformedCardData):
        replay.send(READ)
    assert replay.send(SELECT).ok
    with pytest.raises(MalformedCardData):
        replay.send(SELECT)


def test_published_traces_load() -> None:
    for path in VECTORS.glob("trace_*.json"):
        trace = json.loads(path.read_text())
        exchanges = load(path.read_text())
        assert exchanges == load(json.dumps(trace["apdus"]))
        chip = Replay(exchanges)
        for exchange in exchanges:  # as a card behind a reader
            assert chip.transmit(exchange.command) == exchange.response
        assert chip.finished
        assert chip.transmit(exchanges[0].command) == b"\x6f\x00"
        assert chip.transmit(b"") == b"\x6f\x00"


@given(st.text(max_size=30) | st.recursive(st.integers() | st.text(), st.lists).map(json.dumps))
@settings(max_examples=100, deadline=None)
def test_foreign_files_are_refused(text: str) -> None:
    try:
        assert all(isinstance(exchange, Exchange) for exchange in load(text))
    except MalformedCardData:
        return
