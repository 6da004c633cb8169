"""The simulated desk: devices, documents and a traveller's hands, for lab homes.

`REHEARSAL` is what the kiosk finds in the entry-point group `kiosk.rehearsal`: it opens a desk over
HOME/sim and over whatever a killed run left in the readers. Everything that a scenario fixes
follows from its seed; without a scenario file a home made for daily use keeps the machine's clock
and the system's randomness.
"""

import os
import shutil
import signal
import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from crypto.pki_lab import LabPki
from hardware_mocks.bench_chip import ReaderWithChip, bench_chip
from hardware_mocks.box import Box
from hardware_mocks.card_faults import CardFault
from hardware_mocks.chip import ImageError
from hardware_mocks.clock import RandomSource, ScenarioClock, SystemClock, randomness
from hardware_mocks.device_host import Devices, DevicesUnavailable
from hardware_mocks.faults import CAMERA, PRINTER, Fault, FaultLedger
from hardware_mocks.link import InProcessSlot
from hardware_mocks.papers import Papers
from hardware_mocks.print_engine import Spool, State
from hardware_mocks.readers import BLANK, DOCUMENT, UPDATE_BINARY, LocalReaders, Readers, open_readers
from hardware_mocks.scenario import Scenario, load_scenario
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardSlot, DeviceUris, PrintedJob, RehearsalChip, RehearsalTraveller

_open_slots: dict[str, CardSlot] = {}
NOBODY = -1
FINAL_CHECK = "check"  # the step whose picture is the printed card


class SimulatedDesk:
    """An open desk; implements `kiosk.ports.RehearsalDesk`. Made by `open_desk`."""

    def __init__(
        self,
        directory: Path,
        scenario: Scenario,
        lab: LabPki,
        clock: ScenarioClock | SystemClock,
        box: Box,
        readers: Readers,
        note: str,
        devices: Devices,
        random: RandomSource,
        die: Callable[[], None],
    ) -> None:
        self.scenario = scenario
        self.clock = clock
        self.random = random
        self.link, self.link_note = readers.link, note
        day = clock.now().date()
        self.travellers: tuple[RehearsalTraveller, ...] = tuple(t.rehearsal(day) for t in scenario.traveller)
        self.uris = DeviceUris(
            camera=f"camera:{devices.camera}",
            document_reader=readers.uri(DOCUMENT),
            card_encoder=readers.uri(BLANK),
            printer=devices.printer,
        )
        self._directory = directory
        self._papers = Papers(directory / "documents", scenario, lab)
        self._box = box
        self._readers = readers
        self._devices = devices
        self._die = die
        self._faults = FaultLedger(directory / "faults.json", scenario.name, scenario.fault)

    def environment(self) -> Mapping[str, str]:
        return self._readers.environment

    def blank_serials(self) -> tuple[str, ...]:
        return self._box.serials()

    def present(self, traveller: int) -> None:
        """Lay the passport before the camera and on the document reader."""
        if not 0 <= traveller < len(self.scenario.traveller):
            raise KioskError(ErrorCode.DOCUMENT_ABSENT, f"the scenario has no traveller {traveller + 1}")
        self._box.present(traveller)
        page, chip = self._papers.take(traveller)
        if chip is None:
            self._readers.remove(DOCUMENT)
        else:
            self._readers.insert(DOCUMENT, chip)
        self._order("show", page=str(page), seed=self._papers.specimen(traveller).key)

    def withdraw(self) -> None:
        """Take the passport away."""
        self._box.present(NOBODY)
        self._readers.remove(DOCUMENT)
        self._order("show", page=None)

    def insert_blank(self) -> str:
        """Put the next blank into the encoder, unless one is in it: its chip serial."""
        serial = self._box.draw()
        self._readers.insert(BLANK, self._box.path(serial))
        return serial

    def take_card(self, target: Path | None = None) -> None:
        """Take the card out of the encoder, if one is in; its memory image is copied to `target`."""
        serial = self._box.state.encoder
        self._readers.remove(BLANK)
        if not serial:
            return
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._box.path(serial), target)
        self._box.take_out()

    def on_step(self, step: str, moment: str) -> None:
        """Move the clock at the begin of a step, then let the faults strike that wait for it."""
        if moment == "begin":
            self.clock.step(step)
        if step == FINAL_CHECK:
            self._lay_print(moment)
        self._faults.strike(step, moment, self._box.state.presented + 1, self._strike)

    def printed(self) -> tuple[PrintedJob, ...]:
        """What the printer completed, oldest first."""
        spool = Spool(self._directory / "printer")
        return tuple(
            PrintedJob(
                job.name,
                spool.document(job.id),
                _bytes(spool.folder(job.id) / "front.png"),
                _bytes(spool.folder(job.id) / "back.png"),
            )
            for job in spool.jobs.values()
            if job.state is State.COMPLETED
        )

    def close(self) -> None:
        """Switch the devices off; what lies in the readers stays there."""
        self._readers.close()
        self._devices.close()

    def restore(self) -> None:
        """Put back what lay in the readers when the last run ended."""
        state = self._box.state
        if state.encoder:
            self.insert_blank()
        if 0 <= state.presented < len(self.scenario.traveller):
            self.present(state.presented)

    def _lay_print(self, moment: str) -> None:
        """The newest print, back up, under the camera; away when the check is done."""
        folder = self._newest_print() if moment == "begin" else None
        if folder is None:
            self._order("show", page=None)
        else:
            self._order("show", page=str(folder / "back.png"), seed=f"print/{folder.name}")

    def _newest_print(self) -> Path | None:
        spool = Spool(self._directory / "printer")
        done = [job for job in spool.jobs.values() if job.state is State.COMPLETED]
        return spool.folder(done[-1].id) if done else None

    def _strike(self, fault: Fault) -> None:
        if fault.action in PRINTER:
            self._order("printer", fault=PRINTER[fault.action], seconds=fault.seconds)
        elif fault.action in CAMERA:
            self._order("camera", fault=CAMERA[fault.action], seconds=fault.seconds)
        elif fault.action == "remove_document":
            self.withdraw()
        elif fault.action == "remove_card":
            self._readers.remove(BLANK)
        elif fault.action == "swap_card":
            self.take_card()
            self.insert_blank()
        elif fault.action == "mute_card":
            self._readers.arm(BLANK, CardFault("mute", "before", count=fault.count))
        elif fault.action == "tear_card":
            self._readers.arm(BLANK, CardFault("kill", "during", ins=UPDATE_BINARY, count=fault.count))
        else:
            self._kill(fault.action)

    def _kill(self, action: str) -> None:
        if action in ("kill_card", "kill_both"):
            self._readers.cut_power()
        if action in ("kill_kiosk", "kill_both"):
            self._die()

    def _order(self, op: str, **fields: object) -> None:
        try:
            self._devices.ask(op, **fields)
        except DevicesUnavailable as error:
            raise KioskError(ErrorCode.CAMERA_UNAVAILABLE, str(error)) from error


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _created(home: Path) -> datetime | None:
    """When the home was made; None where it does not say."""
    try:
        table = tomllib.loads((home / "home.toml").read_text("utf-8"))
        created = datetime.fromisoformat(str(table["created"]))
    except (OSError, ValueError, KeyError):
        return None
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _clock(home: Path, path: Path, scenario: Scenario, *, given: bool) -> ScenarioClock | SystemClock:
    """A home made for the scenario follows its clock, a home for daily use the machine's; a scenario
    given to an older home starts no earlier than that home's certificates."""
    created, start = _created(home), scenario.clock.start
    if not given and created is not None and created != start:
        return SystemClock()
    return ScenarioClock(path, scenario.clock, max(start, created or start))


def open_desk(
    home: Path,
    scenario: Path | None,
    *,
    in_process: bool = False,
    die: Callable[[], None] = _die,
) -> SimulatedDesk:
    """Start the simulated devices over HOME/sim and put back what lay in the readers.

    Raises SCENARIO_INVALID, HOME_DAMAGED, CAMERA_UNAVAILABLE; CryptoError without a lab PKI.
    """
    plan = load_scenario(scenario)
    directory = home / "sim"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = _clock(home, directory / "clock.json", plan, given=scenario is not None)
    lab = LabPki.open(home / "pki")
    box = Box(directory, plan.seed, plan.box.blanks)
    own_time = isinstance(clock, SystemClock)
    random = randomness(None if own_time else plan.seed, box.state.boots)
    with ExitStack() as closing:
        devices = Devices(directory, seconds_per_card=plan.printer.seconds_per_card)
        closing.callback(devices.close)
        readers, note = open_readers(directory / "pcsc", in_process=in_process)
        closing.callback(readers.close)
        try:
            devices.ready()
        except DevicesUnavailable as error:
            raise KioskError(ErrorCode.CAMERA_UNAVAILABLE, str(error)) from error
        desk = SimulatedDesk(directory, plan, lab, clock, box, readers, note, devices, random, die)
        desk.restore()
        if isinstance(readers, LocalReaders):
            _open_slots.update(readers.slots)
        closing.pop_all()
    return desk


def open_device(uri: str) -> CardSlot:
    """`sim:document` or `sim:blank` of the desk that is open in this process, or `sim:FILE.json`: a reader
    without PC/SC on which the card of that image lies. DEVICE_UNKNOWN."""
    name = uri.partition(":")[2]
    if name.endswith(".json"):
        return _reader_with(Path(name), uri)
    slot = _open_slots.get(name)
    if slot is None:
        raise KioskError(ErrorCode.DEVICE_UNKNOWN, f"{uri}: no desk with readers in this process is open")
    return slot


def _reader_with(path: Path, uri: str) -> CardSlot:
    slot = InProcessSlot("Simulated reader")
    try:
        slot.insert(path)
    except (OSError, ImageError) as error:
        raise KioskError(ErrorCode.DEVICE_UNKNOWN, f"{uri}: {error}") from error
    return slot


class Rehearsal:
    """What the kiosk's bootstrap needs of this package."""

    @staticmethod
    def basis(scenario: Path | None) -> tuple[str, str, datetime]:
        """Name, seed and start of a scenario, to make its home from."""
        plan = load_scenario(scenario)
        return plan.name, plan.seed, plan.clock.start

    @staticmethod
    def open(home: Path, scenario: Path | None, *, in_process: bool = False) -> SimulatedDesk:
        """As `open_desk`."""
        return open_desk(home, scenario, in_process=in_process)

    @staticmethod
    def chip(directory: Path, parameter: int) -> RehearsalChip:
        """As `bench_chip`."""
        return bench_chip(directory, parameter)

    @staticmethod
    def reader(directory: Path, image: Path) -> ReaderWithChip:
        """As `ReaderWithChip`."""
        return ReaderWithChip(directory, image)


REHEARSAL = Rehearsal()
