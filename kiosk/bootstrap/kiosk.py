"""The opened kiosk: home, store, devices, registry and, in a lab, the rehearsal desk."""

import os
import secrets
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from card_io.perso.profile import Profile
from crypto.trust import TrustStore
from crypto.vault import Vault
from kiosk import drivers
from kiosk.bootstrap.home import Home, HomeLock, open_home
from kiosk.bootstrap.registry_process import RegistryProcess
from kiosk.bootstrap.rehearsal import open_rehearsal, tell_past_stays
from kiosk.bootstrap.signing import PinPrompt, TerminalPin, open_signers
from kiosk.capture.portrait import JpegStudio
from kiosk.capture.proof import PixelProof
from kiosk.capture.reader import PixelPageReader
from kiosk.domain.roles import Role
from kiosk.domain.stay import StayRule
from kiosk.errors import ErrorCode, KioskError
from kiosk.logs import close_logs, configure_logs, logger
from kiosk.ports import Camera, Clock, DeliveryReport, RandomBytes, Registry, RehearsalDesk, Store
from kiosk.printing.press import CardPainter
from kiosk.settings import Settings, load_settings, load_spellings
from kiosk.storage import open_store
from kiosk.sync import RegistryClient, open_session
from kiosk.workflow.delivery import deliver
from kiosk.workflow.desk import Desk, Hooks, Operator, Station
from kiosk.workflow.session import Session

SWITCHED_OFF = "http://127.0.0.1:9"  # discard port: a lab without its registry finds nobody there


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Kiosk:
    """Everything opened. `notices` are codes the face and the log must show (simulated link, …)."""

    home: Home
    settings: Settings
    ports: Desk = field(repr=False)
    desk: RehearsalDesk | None
    notices: tuple[tuple[str, str], ...]  # (code, detail)
    registry_process: RegistryProcess | None
    courier: Registry = field(repr=False)  # delivers on a lane of its own, beside the session's look-ups
    _closing: ExitStack = field(repr=False)

    @property
    def station(self) -> Station:
        return self.ports.station

    @property
    def store(self) -> Store:
        return self.ports.store

    @property
    def registry(self) -> Registry:
        return self.ports.registry

    @property
    def camera(self) -> Camera:
        return self.ports.camera

    def session(self, operator_id: str, role: Role) -> Session:
        """A session for one login; in a lab the rehearsal desk observes its steps."""
        if role is Role.TESTER and not self.home.lab:
            raise KioskError(ErrorCode.ROLE_NOT_ALLOWED, "a tester works in a lab home only")
        hooks = Hooks(on_step=self._on_step)
        return Session(self.ports, Operator(operator_id, role), hooks)

    def _on_step(self, step: str, moment: str) -> None:
        logger("flow").info("step", step=step, moment=moment)
        if self.desk is not None:
            self.desk.on_step(step, moment)

    def deliver(self, *, at_once: bool = False) -> DeliveryReport:
        """One round of the outbox; `at_once` when a person asks for it."""
        by = f"station:{self.station.id}"
        report = deliver(self.store, self.courier, self.ports.clock.now(), by, at_once=at_once)
        logger("sync").info(
            "delivery", sent=report.sent, waiting=report.waiting, refused=report.refused, code=report.problem
        )
        return report

    def close(self) -> None:
        self._closing.close()


def open_kiosk(
    path: Path,
    *,
    scenario: Path | None = None,
    in_process: bool = False,
    embedded_registry: bool = True,
    say: Callable[[str], None] = lambda _text: None,
    pin: PinPrompt | None = None,
) -> Kiosk:
    """Open a home and every device it names. A lab home gets its simulated desk and its registry.

    `pin` asks for the PIN of a signing token (default: the terminal). Raises HOME_*, SETTINGS_INVALID,
    SPELLINGS_INVALID, SIGNING_NOT_SET_UP, WORLD_REFUSED, DEVICE_UNKNOWN, device errors, CRYPTO_* of the
    signer; what was opened before an error is closed again.
    """
    with ExitStack() as stack:
        home = open_home(path)
        lock = HomeLock(home)
        stack.callback(lock.release)
        configure_logs(home.logs)
        stack.callback(close_logs)
        settings = load_settings(home.settings)
        load_spellings(home.spellings)  # what is wrong there is told before any device is opened
        say("database")
        store = open_home_store(home)
        stack.callback(store.close)
        notices: list[tuple[str, str]] = []
        desk = _open_rehearsal(home, settings, scenario, in_process, say, stack, notices)
        say("registry")
        process = _start_registry(home, settings, embedded_registry, stack, notices)
        ports = _open_ports(home, settings, store, desk, process, stack, pin or TerminalPin())
        courier = _registry(home, settings, process, stack)
        if desk is not None:
            _load_box(store, desk)
            tell_past_stays(desk, ports.registry, settings.station.id)
        for code, detail in notices:
            logger("start").warning("notice", code=code, reason=detail)
        logger("start").info("opened", station=settings.station.id, world=home.world)
        return Kiosk(home, settings, ports, desk, tuple(notices), process, courier, stack.pop_all())
    raise KioskError(ErrorCode.INTERNAL)  # pragma: no cover - the block above returns or raises


def open_home_store(home: Home) -> Store:
    """The store of a home alone. STORAGE_* errors."""
    settings = load_settings(home.settings)
    return open_store(
        home.database,
        database_key=home.key("database"),
        vault=Vault(home.key("vault")),
        audit_key=home.audit_key,
        station=settings.station.id,
    )


def _open_rehearsal(
    home: Home,
    settings: Settings,
    scenario: Path | None,
    in_process: bool,
    say: Callable[[str], None],
    stack: ExitStack,
    notices: list[tuple[str, str]],
) -> RehearsalDesk | None:
    named = settings.devices
    all_real = all((named.camera, named.document_reader, named.card_encoder, named.printer))
    if not home.lab or (all_real and scenario is None):
        return None
    say("simulated devices")
    desk = open_rehearsal(home.path, scenario, in_process=in_process)
    stack.callback(desk.close)
    os.environ.update(desk.environment())
    if desk.link != "pcsc" and not in_process:  # asked for is no news
        notices.append((ErrorCode.STACK_UNAVAILABLE.value, desk.link_note))
    return desk


def _start_registry(
    home: Home,
    settings: Settings,
    wanted: bool,
    stack: ExitStack,
    notices: list[tuple[str, str]],
) -> RegistryProcess | None:
    if not home.lab or not wanted or settings.registry.url:
        return None
    process = RegistryProcess(home.registry, settings.station.id)
    try:
        process.start()
    except KioskError as error:
        notices.append((error.code.value, error.detail))
        return None
    stack.callback(process.stop)
    return process


def _open_ports(
    home: Home,
    settings: Settings,
    store: Store,
    desk: RehearsalDesk | None,
    process: RegistryProcess | None,
    stack: ExitStack,
    pin: PinPrompt,
) -> Desk:
    clock: Clock = desk.clock if desk else SystemClock()
    random: RandomBytes = desk.random if desk else secrets.token_bytes
    uris = _uris(settings, desk)
    camera = drivers.open_video(uris["camera"], lab=home.lab)
    stack.callback(camera.close)
    signers = open_signers(home, settings, store, clock, pin=pin, virtual_clock=desk is not None, stack=stack)
    return Desk(
        station=_station(home, settings),
        store=store,
        registry=_registry(home, settings, process, stack),
        clock=clock,
        random=random,
        camera=camera,
        page_reader=PixelPageReader(),
        document_slot=drivers.open_slot(uris["document_reader"], lab=home.lab),
        card_slot=drivers.open_slot(uris["card_encoder"], lab=home.lab),
        studio=JpegStudio(),
        press=CardPainter(),
        proof=PixelProof(),
        printer=drivers.open_press(uris["printer"], lab=home.lab),
        trust=TrustStore.from_directory(*home.trust_directories, loaded_at=clock.now()),
        signer=signers.document,
        seal_signer=signers.seal,
        card_profile=Profile.load(settings.card_profile),
        rules=load_rules(),
        spellings=load_spellings(home.spellings),
        lookup_timeout=settings.registry.timeout,
    )


def _station(home: Home, settings: Settings) -> Station:
    named = settings.station
    return Station(
        named.id,
        named.name,
        named.prefix,
        home.lab,
        named.authority,
        utc_offset_hours=named.utc_offset_hours,
    )


def deliver_now(path: Path) -> DeliveryReport:
    """Send what waits in a home, without opening its devices; a lab home's own registry is started.

    Raises HOME_*, STORAGE_*, SETTINGS_INVALID.
    """
    with ExitStack() as stack:
        home = open_home(path)
        stack.callback(HomeLock(home).release)
        settings = load_settings(home.settings)
        store = open_home_store(home)
        stack.callback(store.close)
        process = _start_registry(home, settings, True, stack, [])
        registry = _registry(home, settings, process, stack)
        by = f"station:{settings.station.id}"
        return deliver(store, registry, datetime.now(UTC), by, at_once=True)


def _registry(home: Home, settings: Settings, process: RegistryProcess | None, stack: ExitStack) -> Registry:
    """A client for one lane: of the embedded registry, the configured one, or one that is switched off."""
    url, token_file = settings.registry.url, Path(settings.registry.token_file)
    if process is not None:
        url, token_file = process.url, process.token_file
    if not url and not home.lab:
        raise KioskError(ErrorCode.SETTINGS_INVALID, "registry.url")
    try:
        token = token_file.read_text(encoding="ascii").strip() if url else "none"
    except (OSError, UnicodeDecodeError) as error:
        raise KioskError(ErrorCode.SETTINGS_INVALID, "registry.token_file") from error
    timeout = settings.registry.timeout
    client = RegistryClient(
        url or SWITCHED_OFF,
        token,
        settings.station.id,
        timeout=timeout,
        session=open_session(ca_file=settings.registry.ca_file or None),
    )
    stack.callback(client.close)
    return client


def _uris(settings: Settings, desk: RehearsalDesk | None) -> dict[str, str]:
    """Where each device is: the settings decide, a lab's rehearsal desk fills the gaps."""
    uris: dict[str, str] = {}
    for name in ("camera", "document_reader", "card_encoder", "printer"):
        uri = str(getattr(settings.devices, name)) or (getattr(desk.uris, name) if desk else "")
        if not uri:
            raise KioskError(ErrorCode.SETTINGS_INVALID, f"devices.{name}")
        uris[name] = uri
    return uris


def _load_box(store: Store, desk: RehearsalDesk) -> None:
    """The simulated box of blanks is received like any other, by its manifest."""
    new = [serial for serial in desk.blank_serials() if store.blank_state(serial) is None]
    if new:
        store.receive_blanks(new, box="LAB-BOX", actor="tester", at=desk.clock.now())


def load_rules() -> tuple[StayRule, ...]:
    """The stay rules that ship with the product."""
    text = resources.files("kiosk.domain").joinpath("stay_rules.toml").read_text(encoding="utf-8")
    return tuple(
        StayRule(**{**row, "nationalities": frozenset(row["nationalities"])})
        for row in tomllib.loads(text)["rule"]
    )
