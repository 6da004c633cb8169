"""The registry's directory: its world, its stations' token digests, its own token files.

`registry.json` (0600) holds SHA-256 digests of tokens only; the token itself is in the file given
to the station (`token`, 0600). A token has 256 bits, so a plain digest cannot be guessed back.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto.errors import CryptoError
from crypto.signer import read_private_file
from registry.errors import RegistryError, RegistryErrorCode

CONFIG, DATABASE, TOKEN = "registry.json", "registry.db", "token"
WORLDS = ("lab", "production")
_STATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True)
class Config:
    """What a registry is told. In the lab the dashboard is open to this machine's own browser."""

    world: str
    stations: Mapping[str, str] = field(default_factory=dict)  # station id -> SHA-256 of its token
    dashboard: str = ""  # SHA-256 of the dashboard's password; "" : nobody may log in

    def station_of(self, token: str) -> str | None:
        """The station that owns the token. Compares with every station in constant time."""
        given = digest(token)
        owners = [name for name, kept in self.stations.items() if hmac.compare_digest(kept, given)]
        return owners[0] if owners else None


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def load(directory: Path) -> Config:
    """Read the directory's configuration; REGISTRY_NOT_CREATED, REGISTRY_DAMAGED."""
    path = directory / CONFIG
    if not path.exists():
        raise RegistryError(RegistryErrorCode.REGISTRY_NOT_CREATED, "no registry in the directory")
    try:
        stored = json.loads(read_private_file(path))
        config = Config(stored["world"], dict(stored["stations"]), str(stored["dashboard"]))
    except (CryptoError, ValueError, KeyError, TypeError):
        raise RegistryError(RegistryErrorCode.REGISTRY_DAMAGED, f"{CONFIG} cannot be used") from None
    if config.world not in WORLDS:
        raise RegistryError(RegistryErrorCode.REGISTRY_DAMAGED, f"{CONFIG} names no world")
    return config


def create(directory: Path, world: str) -> Config:
    """Make a registry of `world`, or accept the one that is there if its world is the same."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (directory / CONFIG).exists():
        config = load(directory)
        if config.world != world:
            raise RegistryError(
                RegistryErrorCode.REGISTRY_WORLD_REFUSED, f"this is a {config.world} registry"
            )
        return config
    config = Config(world)
    _save(directory, config)
    return config


def add_station(directory: Path, station: str, target: Path, *, random: RandomBytes | None = None) -> Config:
    """Give `station` a new token, written to `target` (0600); the one it had is void."""
    if not _STATION.fullmatch(station):
        raise RegistryError(RegistryErrorCode.REGISTRY_NAME_INVALID, "a station id is 1-32 of A-Za-z0-9._-")
    config, token = load(directory), _token(random)
    config = replace(config, stations={**config.stations, station: digest(token)})
    # The token first: a torn run then leaves a token nobody accepts, not a station without one.
    _write_private(target, f"{token}\n".encode())
    _save(directory, config)
    return config


def set_dashboard_password(directory: Path, target: Path, *, random: RandomBytes | None = None) -> Config:
    """Make a new password for the dashboard, written to `target` (0600)."""
    config, token = load(directory), _token(random)
    config = replace(config, dashboard=digest(token))
    _write_private(target, f"{token}\n".encode())
    _save(directory, config)
    return config


def _token(random: RandomBytes | None) -> str:
    return (random or secrets.token_bytes)(32).hex()


def _save(directory: Path, config: Config) -> None:
    content = {"world": config.world, "stations": dict(config.stations), "dashboard": config.dashboard}
    _write_private(directory / CONFIG, json.dumps(content, indent=1).encode())


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file of mode 0600 in one step."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
