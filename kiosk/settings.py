"""Settings of one home: `settings.toml`, overridden by `SHEKARA_…` variables; unknown keys refused. And its
own Latin spellings of names, `spellings.toml`.

Settings never hold secrets: keys live in files of their own (lab) or in tokens (production).
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from card_io.errors import MalformedCardData
from card_io.lds.spellings import Spellings, proposed_spellings, read_spellings
from kiosk.errors import ErrorCode, KioskError

# Variables of the launcher and the command host; all others with the prefix are settings.
OTHER_VARIABLES = frozenset(
    {
        "SHEKARA_HOME",
        "SHEKARA_VENV",
        "SHEKARA_NO_SETUP",
        "SHEKARA_TEST_JOBS",
        "SHEKARA_READER_DOCUMENT",  # set by `shekara sim pcsc` for its command
        "SHEKARA_READER_BLANK",
        "SHEKARA_TEST_MASTER_LISTS",  # folder of published master lists, for tests
        "SHEKARA_PASSPORTEYE_PYTHON",  # the Python that has the peer of `shekara bench mrz`
    }
)


class StationSettings(BaseModel):
    """Who this desk is."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field("KZ-LAB-01", pattern=r"^[A-Z0-9-]{3,20}$")
    name: str = Field("Korday", min_length=1, max_length=40)
    booth: str = Field("1", max_length=8)
    prefix: str = Field("L01", pattern=r"^[A-Z0-9]{3}$")
    authority: str = Field("BORDER SERVICE (LAB)", max_length=60)
    utc_offset_hours: int = Field(5, ge=-12, le=14)  # Kazakhstan has been UTC+5 throughout since 2024-03-01


class DeviceSettings(BaseModel):
    """Devices by URI; in a lab home empty means the simulated one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    camera: str = ""
    document_reader: str = ""
    card_encoder: str = ""
    printer: str = ""


class RegistrySettings(BaseModel):
    """Where the registry is. Empty in a lab home: the embedded one is started."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str = ""
    token_file: str = ""
    ca_file: str = ""  # PEM of a private certification authority; empty: the system's
    timeout: float = Field(5.0, gt=0, le=60)


class SigningSettings(BaseModel):
    """Who signs the cards of this home. Empty in a lab home: its own lab PKI."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: Literal["", "pkcs11", "remote"] = ""
    module: str = ""  # PKCS#11 driver, a shared library
    token: str = ""  # label of the token
    token_serial: str = ""
    pin_file: str = ""  # 0600; empty: somebody types the PIN
    url: str = ""  # of the signing service
    certificate_file: str = ""  # this station's certificate for mutual TLS, and its key
    key_file: str = ""
    ca_file: str = ""
    timeout: float = Field(5.0, gt=0, le=60)
    offline: Literal["wait", "token"] = "wait"
    offline_limit: int = Field(50, ge=1, le=10_000)  # signatures of the token before the service must answer


class Settings(BaseSettings):
    """All settings. Environment: SHEKARA_LANGUAGE, SHEKARA_STATION__PREFIX, …"""

    model_config = SettingsConfigDict(
        env_prefix="SHEKARA_", env_nested_delimiter="__", extra="forbid", frozen=True
    )
    station: StationSettings = StationSettings.model_validate({})
    devices: DeviceSettings = DeviceSettings.model_validate({})
    registry: RegistrySettings = RegistrySettings.model_validate({})
    signing: SigningSettings = SigningSettings.model_validate({})
    language: Literal["kk", "ru", "en"] = "ru"
    theme: Literal["day", "dark"] = "day"
    card_profile: str = Field("iso7816", pattern=r"^[a-z0-9-]{1,40}$")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file (which comes in as initial values)."""
        return (env_settings, init_settings)


def load_settings(path: Path) -> Settings:
    """Settings from a TOML file (absent: defaults). SETTINGS_INVALID names the offending keys."""
    values: dict[str, Any] = {}
    _refuse_unknown_variables(os.environ)
    try:
        if path.exists():
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Settings(**values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise KioskError(ErrorCode.SETTINGS_INVALID, f"{path.name}: {error}") from error
    except ValidationError as error:
        keys = ", ".join(".".join(str(part) for part in e["loc"]) for e in error.errors())
        raise KioskError(ErrorCode.SETTINGS_INVALID, f"{path.name}: {keys}") from error


def load_spellings(path: Path) -> Spellings:
    """The packaged Latin spellings, entries of the TOML file `path` before them (absent: as packaged).

    SPELLINGS_INVALID names the file and the table and entry, or the line and column.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return proposed_spellings().overridden(read_spellings(text))
    except MalformedCardData as error:
        place = error.detail.removeprefix("spellings: ")
        raise KioskError(ErrorCode.SPELLINGS_INVALID, f"{path.name}: {place}") from error
    except (UnicodeDecodeError, OSError) as error:
        raise KioskError(ErrorCode.SPELLINGS_INVALID, f"{path.name}: {error}") from error


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {f"SHEKARA_{name}".upper() for name in Settings.model_fields} | OTHER_VARIABLES
    for name in environment:
        if name.startswith("SHEKARA_") and name.split("__")[0] not in known:
            raise KioskError(ErrorCode.SETTINGS_INVALID, f"environment variable {name}")
