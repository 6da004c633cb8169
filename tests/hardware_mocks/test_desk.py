"""The whole simulated desk: what repeats, what survives a kill, and what strikes when."""

import argparse
import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from card_io.apdu import Command
from card_io.errors import CardError, CardRemoved
from card_io.lds import mrz
from crypto.pki_lab import LabPki
from hardware_mocks.box import Box
from hardware_mocks.chip import CardImage
from hardware_mocks.clock import ScenarioClock, SystemClock
from hardware_mocks.commands import COMMAND
from hardware_mocks.desk import REHEARSAL, SimulatedDesk, _clock, open_desk, open_device
from hardware_mocks.device_host import Devices, DevicesUnavailable
from hardware_mocks.scenario import load_scenario
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardSlot, RehearsalDesk

CREATE_FILE = Command(0x00, 0xE0, 0x00, 0x00, bytes.fromhex("620E80020020820101830201018801 08"))
SCENARIO = """
name = "small"
seed = "small-1"
[clock]
start = 2026-11-23T04:00:00Z
seconds_per_step = 3
[box]
blanks = 2
[[traveller]]
title = "plain"
expect = { end = "CARD_ACTIVE" }
person = { surname = "DOE", given_names = "JANE", birth = 1990-01-02, sex = "F", nationality = "UTO" }
declaration = { purpose = "WORK", days = 3 }
[traveller.passport]
state = "UTO"
country = "UT"
number = "X1"
authority = "LAB"
issued = 2024-01-01
expiry = 2034-01-01
[[traveller]]
title = "no chip"
expect = { end = "REFUSED" }
person = { surname = "ROE", given_names = "JOHN", birth = 1980-01-02, sex = "M", nationality = "UTO" }
declaration = { purpose = "WORK", days = 3 }
[traveller.passport]
state = "UTO"
country = "UT"
number = "X2"
authority = "LAB"
issued = 2024-01-01
expiry = 2034-01-01
chip = false
"""
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
Opener = Callable[..., SimulatedDesk]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "pki"
    LabPki.create(folder, seed="desk", now=NOW, countries=("UT",))
    return folder


@pytest.fixture
def home(tmp_path: Path, pki: Path) -> Path:
    return make_home(tmp_path / "home", pki)


def make_home(path: Path, pki: Path) -> Path:
    path.mkdir()
    (path / "pki").symlink_to(pki)
    (path / "small.toml").write_text(SCENARIO)
    return path


@pytest.fixture
def opened() -> Iterator[Opener]:
    desks: list[SimulatedDesk] = []

    def opener(home: Path, faults: str = "", **options: Any) -> SimulatedDesk:
        scenario = home / "small.toml"
        scenario.write_text(SCENARIO + faults)
        desk = open_desk(home, scenario, in_process=True, **options)
        desks.append(desk)
        return desk

    yield opener
    for desk in desks:
        desk.close()


def frame(desk: SimulatedDesk) -> bytes:
    address = urlsplit(desk.uris.camera.partition(":")[2])
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    try:
        connection.request("GET", "/frame.jpg")
        return connection.getresponse().read()
    finally:
        connection.close()


def slot(desk: SimulatedDesk, name: str) -> CardSlot:
    return open_device(getattr(desk.uris, name))


def test_it_is_a_rehearsal_desk_with_readers_camera_and_printer(home: Path, opened: Opener) -> None:
    desk: RehearsalDesk = opened(home)
    assert desk.link == "in-process"
    assert desk.link_note
    assert desk.uris.camera.startswith("camera:http://127.0.0.1:")
    assert desk.uris.printer.startswith("ipp://127.0.0.1:")
    assert [t.expected_end for t in desk.travellers] == ["CARD_ACTIVE", "REFUSED"]
    assert len(set(desk.blank_serials())) == 2
    assert REHEARSAL.basis(home / "small.toml") == ("small", "small-1", NOW)


def test_presenting_lays_the_passport_down_and_withdrawing_takes_it(home: Path, opened: Opener) -> None:
    desk = opened(home)
    reader = slot(desk, "document_reader")
    assert not reader.card_present()
    desk.present(0)
    assert reader.card_present()
    assert len(frame(desk)) > 10_000
    desk.present(1)
    assert not reader.card_present()  # a passport without a chip
    desk.present(0)
    desk.withdraw()
    assert not reader.card_present()
    with pytest.raises(KioskError):
        desk.present(2)


def test_what_a_seed_fixes_is_equal_in_two_homes(tmp_path: Path, pki: Path, opened: Opener) -> None:
    facts = []
    for name in ("one", "two"):
        home = make_home(tmp_path / name, pki)
        desk = opened(home)
        desk.present(0)
        serial = desk.insert_blank()
        papers = {p.name: p.read_bytes() for p in (home / "sim" / "documents").glob("passport-01*")}
        blank = (home / "sim" / "cards" / f"blank-{serial}.json").read_bytes()
        facts.append(
            (papers, blank, desk.blank_serials(), desk.random(64), desk.clock.now(), desk.travellers)
        )
        desk.close()
    assert len(facts[0][0]) == 2
    assert facts[0] == facts[1]


def test_a_blank_stays_in_the_encoder_until_it_is_taken(home: Path, opened: Opener, tmp_path: Path) -> None:
    desk = opened(home)
    first = desk.insert_blank()
    assert desk.insert_blank() == first == desk.blank_serials()[0]
    desk.take_card(tmp_path / "out" / "memory.json")
    assert CardImage.load(tmp_path / "out" / "memory.json").serial == first
    desk.take_card()
    assert desk.insert_blank() == desk.blank_serials()[1]
    desk.take_card()
    with pytest.raises(KioskError) as caught:
        desk.insert_blank()
    assert caught.value.code is ErrorCode.BLANK_ABSENT
    desk.close()
    again = opened(home)
    assert len(again.blank_serials()) == 4
    assert again.insert_blank() == again.blank_serials()[2]


def test_a_damaged_box_is_reported(tmp_path: Path) -> None:
    (tmp_path / "box.json").write_text('{"seed": 1, "pockets": 3}')
    with pytest.raises(KioskError) as caught:
        Box(tmp_path, "s", 3)
    assert caught.value.code is ErrorCode.HOME_DAMAGED


KILLED = """
import sys
from pathlib import Path
from hardware_mocks.desk import open_desk, open_device
from card_io.apdu import Command
home = Path(sys.argv[1])
desk = open_desk(home, home / "small.toml", in_process=True)
desk.present(0)
serial = desk.insert_blank()
with open_device(desk.uris.card_encoder).connect() as link:
    link.send(Command(0, 0xA4, 4, 0x0C, bytes.fromhex("A0000002471001")))
    link.send(Command(0, 0xE0, 0, 0, bytes.fromhex(sys.argv[2])))
print(serial, desk.uris.printer, desk._devices.pid, desk.random(4).hex(), flush=True)
desk.on_step("personalise/write:DG2", "begin")
print("survived", flush=True)
"""


def test_a_killed_desk_comes_back_with_its_cards_and_the_fault_does_not_repeat(
    home: Path, opened: Opener
) -> None:
    fault = '[[fault]]\nstep = "personalise/write:DG2"\naction = "kill_both"\n'
    (home / "small.toml").write_text(SCENARIO + fault)
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), CREATE_FILE.data.hex()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    serial, _, _, drawn = run.stdout.split()
    desk = opened(home, fault)
    assert slot(desk, "document_reader").card_present()
    assert slot(desk, "card_encoder").card_present()
    assert desk.insert_blank() == serial
    assert "app/0101" in CardImage.load(home / "sim" / "cards" / f"blank-{serial}.json").files
    assert desk.clock.now() > NOW
    assert desk.random(4).hex() != drawn
    desk.on_step("personalise/write:DG2", "begin")  # would kill us


def test_camera_and_printer_end_with_their_parent(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from hardware_mocks.device_host import Devices\n"
        "d = Devices(Path(sys.argv[1])).ready(); print(d.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.returncode == -signal.SIGKILL
    host = int(run.stdout)
    try:
        # The orphan ends by itself; a pidfd becomes readable at that moment.
        handle = os.pidfd_open(host)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], 20)[0]
    os.close(handle)


def test_a_stale_socket_does_not_matter_and_bad_orders_are_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    (deep / "devices.sock").write_text("stale")
    devices = Devices(deep).ready()
    try:
        assert devices.ask("status")["printer"] == devices.printer
        for op, fields in (
            ("dance", {}),
            ("printer", {"fault": "earthquake"}),
            ("show", {"page": "/nowhere.png"}),
            ("camera", {}),
        ):
            with pytest.raises(DevicesUnavailable):
                devices.ask(op, **fields)
    finally:
        devices.close()
    with pytest.raises(DevicesUnavailable):
        devices.ask("status")


@pytest.mark.parametrize("action", ["remove_card", "kill_card", "tear_card", "mute_card"])
def test_card_faults_break_the_connection_and_the_card_can_come_back(
    home: Path, opened: Opener, action: str
) -> None:
    fault = f'[[fault]]\nstep = "personalise"\naction = "{action}"\n'
    desk = opened(home, fault)
    serial = desk.insert_blank()
    with slot(desk, "card_encoder").connect() as link:
        link.send(Command(0, 0xA4, 4, 0x0C, bytes.fromhex("A0000002471001")))
        assert link.send(CREATE_FILE).ok
        link.send(Command(0, 0xA4, 2, 0x0C, bytes.fromhex("0101")))
        desk.on_step("personalise", "begin")
        with pytest.raises(CardError):
            link.send(Command(0, 0xD6, 0, 0, bytes(16)))
    assert desk.insert_blank() == serial
    assert slot(desk, "card_encoder").card_present()


def test_a_lifted_passport_is_gone(home: Path, opened: Opener) -> None:
    desk = opened(home, '[[fault]]\nstep = "chip"\naction = "remove_document"\ntraveller = 1\n')
    desk.present(0)
    with slot(desk, "document_reader").connect() as link:
        desk.on_step("chip", "begin")
        with pytest.raises(CardRemoved):
            link.send(Command(0, 0x84, 0, 0, le=8))
    desk.present(0)
    assert slot(desk, "document_reader").card_present()


def test_printer_and_camera_faults_reach_their_devices(home: Path, opened: Opener) -> None:
    desk = opened(
        home,
        '[[fault]]\nstep = "print"\naction = "printer_offline"\nseconds = 0\n'
        '[[fault]]\nstep = "page"\naction = "camera_disconnect"\nseconds = 0\n',
    )
    assert frame(desk)
    desk.on_step("page", "begin")
    with pytest.raises(http.client.RemoteDisconnected):
        frame(desk)
    desk.on_step("print", "begin")
    address = urlsplit(desk.uris.printer)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    connection.request("POST", address.path, b"", {"Content-Type": "application/ipp"})
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def test_the_clock_moves_with_the_steps_only(home: Path, opened: Opener) -> None:
    desk = opened(home)
    before = desk.clock.now()
    assert before == NOW
    desk.on_step("page", "begin")
    desk.on_step("page", "done")
    assert (desk.clock.now() - before).total_seconds() == 3


def test_a_home_for_daily_use_keeps_the_machines_time(home: Path) -> None:
    plan = load_scenario(None)
    path = home / "clock.json"
    (home / "home.toml").write_text('world = "lab"\ncreated = "2026-12-24T10:00:00+00:00"\n')
    assert isinstance(_clock(home, path, plan, given=False), SystemClock)
    assert _clock(home, path, plan, given=True).now() == datetime(2026, 12, 24, 10, tzinfo=UTC)
    (home / "home.toml").write_text(f'world = "lab"\ncreated = "{plan.clock.start.isoformat()}"\n')
    assert isinstance(_clock(home, path, plan, given=False), ScenarioClock)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(KioskError) as caught:
        open_device("sim:toaster")
    assert caught.value.code is ErrorCode.DEVICE_UNKNOWN


@pytest.mark.pcsc
def test_on_the_real_stack_cards_come_back_after_a_power_cut(home: Path) -> None:
    (home / "small.toml").write_text(SCENARIO + '[[fault]]\nstep = "chip"\naction = "kill_card"\n')
    desk = open_desk(home, home / "small.toml")
    try:
        if desk.link != "pcsc":
            pytest.skip(desk.link_note)
        desk.present(0)
        serial = desk.insert_blank()
        assert desk.uris.card_encoder.startswith("pcsc:")
        assert "PCSCLITE_CSOCK_NAME" in desk.environment()
        readers: Any = desk._readers
        desk.on_step("chip", "begin")
        assert desk.insert_blank() == serial
        desk.present(0)
        slots = readers._stack.status()["slots"]
        assert slots["blank"]["serial"] == serial
        assert slots["document"]["inserted"]
    finally:
        desk.close()


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
