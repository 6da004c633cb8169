"""Passport chips described in TOML: what a chip offers, holds, does wrong and does on purpose.

One file for each kind lies in `chips/`; the tester guide has the keys. Unknown keys, wrong types and
protocols that do not exist are refused with the place.
"""

import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from card_io.errors import MalformedCardData
from card_io.lds import mrz
from card_io.lds.index import FILES
from hardware_mocks.chip_access import SUITES
from hardware_mocks.chip_agreement import AGREEMENTS
from hardware_mocks.chip_authentication import FORMS, ChipKey
from hardware_mocks.chip_behaviour import IDEAL, Behaviour
from hardware_mocks.chip_pace import DH_GM, DH_IM, ECDH_CAM, ECDH_GM, ECDH_IM, PACE_ARC, runs

# Nobody, of Utopia.
LINES = (
    "P<UTOSPECIMEN<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "UT12345675UTO9001011F3401011<<<<<<<<<<<<<<06",
)
CIPHERS = {suite.name: arc for arc, suite in SUITES.items()}
MAPPINGS = {"GM": (DH_GM, ECDH_GM), "IM": (DH_IM, ECDH_IM), "CAM": (0, ECDH_CAM)}
KEY_FORMS = ("explicit", "named", "standard")
AA_KINDS = ("ECDSA", "RSA")
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")
MAX_NESTING = 8000


class PlanError(ValueError):
    """The TOML describes no chip; the text says where and why."""


@dataclass(frozen=True)
class PaceOffer:
    """One PACEInfo: GM, IM or CAM; whether DH or ECDH follows from the parameter id."""

    mapping: str = "GM"
    cipher: str = "AES-128"
    parameter: int = 12

    def __post_init__(self) -> None:
        _choose("mapping", self.mapping, tuple(MAPPINGS))
        _choose("cipher", self.cipher, tuple(CIPHERS))
        if not runs(self.oid, self.parameter):
            raise ValueError(f"no PACE {self.mapping} with {self.cipher} and parameter {self.parameter}")

    @property
    def oid(self) -> bytes:
        """The protocol identifier."""
        arc = AGREEMENTS[self.parameter].oid_arc if self.parameter in AGREEMENTS else 1
        return PACE_ARC + bytes([MAPPINGS[self.mapping][arc - 1], CIPHERS[self.cipher]])


@dataclass(frozen=True)
class ChipAuthentication:
    """One Chip Authentication key; key_id 0: none. Not declared: DG14 names the public key only (3DES)."""

    ciphers: tuple[str, ...] = ("AES-128",)
    parameter: int = 12
    key_id: int = 0
    forms: tuple[str, ...] = FORMS
    declared: bool = True
    key_form: str = "explicit"

    def __post_init__(self) -> None:
        for cipher in self.ciphers:
            _choose("ciphers", cipher, tuple(CIPHERS))
        _choose("key_form", self.key_form, KEY_FORMS)
        if not self.declared and self.ciphers != ("3DES",):
            raise ValueError("what is not declared is 3DES")
        self.key(1)

    def key(self, private: int) -> ChipKey:
        """The chip's key pair."""
        ciphers = tuple(CIPHERS[name] for name in self.ciphers)
        return ChipKey(self.parameter, private, self.key_id or None, ciphers, self.forms)


@dataclass(frozen=True)
class ActiveAuthentication:
    """The Active Authentication key: ECDSA on a curve, or RSA of some bits, and the hash it signs with."""

    kind: str = "ECDSA"
    curve: str = "secp256r1"
    bits: int = 2048
    hash: str = "sha256"

    def __post_init__(self) -> None:
        _choose("kind", self.kind, AA_KINDS)
        _choose("hash", self.hash, HASHES)
        if not 1024 <= self.bits <= 4096:
            raise ValueError("bits: 1024 to 4096")


@dataclass(frozen=True)
class ChipPlan:
    """One chip. Files are named as in Doc 9303-10: DG1 to DG16, EF.COM, EF.SOD, EF.CardAccess and so on."""

    name: str
    lines: tuple[str, ...] = LINES
    can: str = ""
    bac: bool = True
    pace: tuple[PaceOffer, ...] = ()
    chip_authentication: tuple[ChipAuthentication, ...] = ()
    active_authentication: ActiveAuthentication | None = None
    groups: tuple[int, ...] = (1, 2)
    portrait: int = 0  # octets of the picture, filled up with a comment; 0: as drawn
    extended_limit: int = 0  # octets of a command and of an answer, as EF.ATR/INFO says; 0: no such file
    missing: tuple[str, ...] = ()  # files that are left away after signing
    tamper: str = ""  # a file changed after signing
    bombs: Mapping[str, str] = field(default_factory=dict)  # file to the length octets after its tag
    nested: Mapping[str, int] = field(default_factory=dict)  # file to the depth of empty sequences in it
    behaviour: Behaviour = IDEAL

    def __post_init__(self) -> None:
        try:
            mrz.parse(self.lines).access_information()
        except MalformedCardData as error:
            raise ValueError(f"lines: {error}") from error
        for name in (*self.missing, *filter(None, (self.tamper,)), *self.bombs, *self.nested):
            _choose("file", name, tuple(FILES))
        for name in self.behaviour.endless:
            _choose("endless", name, tuple(FILES))
        if not {1, 2} <= set(self.groups) or not set(self.groups) <= set(range(1, 17)) - {14, 15}:
            raise ValueError("groups: 1, 2 and others up to 16; 14 and 15 come with their protocols")
        if self.can and not (len(self.can) == 6 and self.can.isascii() and self.can.isdigit()):
            raise ValueError("can: six digits")
        if not 0 <= self.portrait <= 60_000 or not 0 <= self.extended_limit <= 65_535:
            raise ValueError("portrait: to 60000; extended_limit: to 65535")
        for octets in self.bombs.values():
            bytes.fromhex(octets)
        if any(not 1 <= depth <= MAX_NESTING for depth in self.nested.values()):
            raise ValueError(f"nested: 1 to {MAX_NESTING}")


def kinds() -> tuple[str, ...]:
    """Names of the chips that ship with the simulators."""
    entries = resources.files("hardware_mocks").joinpath("chips").iterdir()
    return tuple(sorted(entry.name[:-5] for entry in entries if entry.name.endswith(".toml")))


def purpose(kind: str) -> str:
    """What a shipped kind is for: the comment in its first line."""
    text = resources.files("hardware_mocks").joinpath(f"chips/{kind}.toml").read_text("utf-8")
    return text.partition("\n")[0].removeprefix("# ")


def load_plan(kind: str | Path) -> ChipPlan:
    """The plan of a shipped kind by name, or of a file; PlanError with the place of the mistake."""
    try:
        if isinstance(kind, str) and kind in kinds():
            text = resources.files("hardware_mocks").joinpath(f"chips/{kind}.toml").read_text("utf-8")
        else:
            text = Path(kind).read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise PlanError(f"{kind}: {error}") from error
    try:
        return parse_plan(table)
    except PlanError as error:
        raise PlanError(f"{kind}: {error}") from error


def parse_plan(table: Mapping[str, Any]) -> ChipPlan:
    """A plan from TOML values; PlanError."""
    return _build(ChipPlan, table, "chip")


_T = TypeVar("_T")


def _choose(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{what}: {value!r} is none of {', '.join(allowed)}")


def _build(kind: type[_T], table: Any, where: str) -> _T:
    if not isinstance(table, Mapping):
        raise PlanError(f"{where}: not a table")
    hints = typing.get_type_hints(kind)
    unknown = set(table) - {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise PlanError(f"{where}: unknown key {min(unknown)!r}")
    values = {name: _value(hints[name], value, f"{where}.{name}") for name, value in table.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise PlanError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise PlanError(f"{where}: not a list")
        return tuple(_value(parts[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise PlanError(f"{where}: not a table")
        return {name: _value(parts[1], item, f"{where}.{name}") for name, item in value.items()}
    if type(None) in parts:
        hint = parts[0]
    if is_dataclass(hint):
        return _build(typing.cast(type, hint), value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise PlanError(f"{where}: not a {hint.__name__}")
    return value
