"""One home directory for all local state, made for one world and kept to it.

A lab home holds lab keys, a lab PKI and simulated devices; a production home holds none of these and
refuses them. Two homes never touch each other.
"""

import fcntl
import json
import os
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from card_io.lds.spellings import proposed_text
from crypto.pki_lab import LabPki
from crypto.vault import Vault
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RandomBytes
from kiosk.storage import create_audit_key

World = Literal["lab", "production"]
# Lab CSCAs: our own, the specimen travellers' states, and Utopia for tests.
LAB_COUNTRIES = ("KZ", "UZ", "KG", "TJ", "RU", "CN", "UT")
TRUST_FOLDER = "trust"
KEY_NAMES = ("vault", "database")


def default_home() -> Path:
    """SHEKARA_HOME, else the platform's data directory."""
    if named := os.environ.get("SHEKARA_HOME"):
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "shekara"


@dataclass(frozen=True)
class Home:
    """Paths of one home, and its world."""

    path: Path
    world: World
    created: datetime

    @property
    def lab(self) -> bool:
        return self.world == "lab"

    @property
    def settings(self) -> Path:
        return self.path / "settings.toml"

    @property
    def spellings(self) -> Path:
        """The home's own Latin spellings of names; may be absent."""
        return self.path / "spellings.toml"

    @property
    def pki(self) -> Path:
        return self.path / "pki"

    @property
    def trust(self) -> Path:
        """Trust data of other states, brought by `shekara trust import`; may be absent."""
        return self.path / TRUST_FOLDER

    @property
    def signer(self) -> Path:
        """Certificates of the keys that sign here, brought by `shekara pki import`; may be absent."""
        return self.path / "signer"

    @property
    def trust_directories(self) -> tuple[Path, ...]:
        """All that the kiosk loads as its trust store: a lab home trusts its own PKI too."""
        return (self.pki / "trust", self.trust) if self.lab else (self.trust,)

    @property
    def database(self) -> Path:
        return self.path / "db" / "kiosk.db"

    @property
    def registry(self) -> Path:
        return self.path / "registry"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def audit_key(self) -> Path:
        """PEM file of the key that signs the audit log."""
        return self.path / "keys" / "audit.pem"

    def key(self, name: str) -> bytes:
        """One of the home's own keys (KEY_NAMES), 32 bytes."""
        return Vault.load_key_file(self.path / "keys" / f"{name}.key")


def open_home(path: Path) -> Home:
    """HOME_MISSING when there is none, HOME_DAMAGED when its description cannot be read."""
    try:
        facts = tomllib.loads((path / "home.toml").read_text(encoding="utf-8"))
        world = facts["world"]
        if world not in ("lab", "production"):
            raise KioskError(ErrorCode.HOME_DAMAGED, "unknown world")
        return Home(path, world, datetime.fromisoformat(facts["created"]))
    except FileNotFoundError as error:
        raise KioskError(ErrorCode.HOME_MISSING, str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, OSError) as error:
        raise KioskError(ErrorCode.HOME_DAMAGED, type(error).__name__) from error


def trust_directories(path: Path) -> tuple[Path, ...]:
    """What the home at `path` trusts, own imports last; a home that is yet to be made finds them there."""
    try:
        return open_home(path).trust_directories
    except KioskError as error:
        if error.code is not ErrorCode.HOME_MISSING:
            raise
    return (path / TRUST_FOLDER,)


def create_lab_home(
    path: Path,
    *,
    random: RandomBytes,
    seed: str,
    now: datetime,
    say: Callable[[str], None] = lambda _text: None,
) -> Home:
    """Make a lab home: keys, lab PKI, description last, so that a torn creation is made again."""
    _refuse_existing(path)
    if (path / "pki").exists():
        shutil.rmtree(path / "pki")  # of a torn creation: without a description it never signed anything
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = path / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    say("keys")
    _create_keys(keys, random)
    say("lab certificates")
    LabPki.create(path / "pki", seed=seed, now=now, countries=LAB_COUNTRIES)
    for name in ("db", "registry", "sim", "logs"):
        (path / name).mkdir(mode=0o700, exist_ok=True)
    _write_durably(path / "home.toml", f'world = "lab"\ncreated = {json.dumps(now.isoformat())}\n')
    return open_home(path)


def create_production_home(path: Path, *, random: RandomBytes) -> Home:
    """Make an empty production home: own data keys, no certificates, no simulated anything."""
    _refuse_existing(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = path / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    _create_keys(keys, random)
    for name in ("db", "pki", "logs"):
        (path / name).mkdir(mode=0o700, exist_ok=True)
    created = datetime.now(UTC).isoformat()
    _write_durably(path / "home.toml", f'world = "production"\ncreated = "{created}"\n')
    return open_home(path)


def _refuse_existing(path: Path) -> None:
    """HOME_EXISTS; and HOME_DAMAGED where a database lies without its description: its keys must live."""
    if (path / "home.toml").exists():
        raise KioskError(ErrorCode.HOME_EXISTS, str(path))
    if (path / "db" / "kiosk.db").exists():
        raise KioskError(ErrorCode.HOME_DAMAGED, "a database without home.toml")


def _create_keys(directory: Path, random: RandomBytes) -> None:
    """The home's own keys; what a torn creation left behind was never used and is made anew."""
    for name in KEY_NAMES:
        (directory / f"{name}.key").unlink(missing_ok=True)
        Vault.create_key_file(directory / f"{name}.key", random)
    (directory / "audit.pem").unlink(missing_ok=True)
    create_audit_key(directory / "audit.pem", random)


def write_spellings(home: Home) -> None:
    """Put the packaged spellings into `home`, to be edited. USAGE when it has a file of its own."""
    if home.spellings.exists():
        raise KioskError(ErrorCode.USAGE, f"{home.spellings} is there already")
    _write_durably(home.spellings, proposed_text())


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class HomeLock:
    """One kiosk a home: an advisory lock that the system drops with the process."""

    def __init__(self, home: Home) -> None:
        self._file: IO[str] = (home.path / "lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise KioskError(ErrorCode.HOME_LOCKED, str(home.path)) from error

    def release(self) -> None:
        self._file.close()
