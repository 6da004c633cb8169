"""Scenarios: who comes to the desk, with what papers, what goes wrong, from one TOML file.

The seed drives every random choice; unknown keys, wrong types and impossible dates are refused
with SCENARIO_INVALID and the place. `scenarios/demo.toml` ships with the simulators.
"""

import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from hardware_mocks.chip_plan import kinds
from hardware_mocks.faults import Fault
from kiosk.domain.documents import Declaration, Sex
from kiosk.domain.stay import Stay
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RehearsalTraveller

ENDS = ("CARD_ACTIVE", "REFUSED")
DECISIONS = ("grant", "refuse")
TAMPERS = ("", "DG1", "DG2", "DG11")


@dataclass(frozen=True)
class Person:
    """Who the traveller is. `national_name` is surname and given names in national characters."""

    surname: str
    given_names: str
    birth: date
    sex: Sex
    nationality: str
    national_surname: str = ""
    national_given_names: str = ""
    birth_place: str = ""
    personal_number: str = ""
    # How the drawing looks; what is left out is drawn by the seed.
    skin: int | None = None
    hair_colour: int | None = None
    hair: str = ""
    eyes: str = ""
    beard: str | None = None
    scarf: bool = False

    @property
    def national_name(self) -> str:
        return f"{self.national_surname} {self.national_given_names}".strip()


@dataclass(frozen=True)
class Passport:
    """The booklet: what its page says and what its chip can do."""

    state: str  # alpha-3, as in the MRZ
    country: str  # alpha-2, whose lab document signer signs the chip
    number: str
    issued: date
    expiry: date
    authority: str
    document_code: str = "P<"
    signer: str = "default"
    chip: bool = True
    pace: bool = True
    pace_parameter: int = 12  # standardized domain parameters (Doc 9303-11 table 6): NIST P-256
    bac: bool = True
    active_authentication: bool = True
    tamper: str = ""  # a data group changed after signing


@dataclass(frozen=True)
class PastStay:
    """A stay that the registry knows of, counted back from the scenario's first day."""

    entered_days_ago: int
    left_days_ago: int | None = None

    def on(self, day: date) -> Stay:
        left = None if self.left_days_ago is None else day - timedelta(days=self.left_days_ago)
        return Stay(day - timedelta(days=self.entered_days_ago), left)


@dataclass(frozen=True)
class Expectation:
    """How the visit must end."""

    end: str
    reason: str = ""


@dataclass(frozen=True)
class Traveller:
    """One visit to the desk."""

    title: str
    person: Person
    passport: Passport
    declaration: Declaration
    expect: Expectation
    decision: str = "grant"
    stay: tuple[PastStay, ...] = ()
    # A kind of chip (`sim chip`) in the booklet; what the passport says of access and keys is then not used.
    chip: str = field(default="", repr=False)

    def rehearsal(self, day: date) -> RehearsalTraveller:
        """The traveller as the kiosk's port describes one."""
        return RehearsalTraveller(
            name=f"{self.person.given_names} {self.person.surname} ({self.title})",
            document_key=f"{self.passport.state}-{self.passport.number}",
            declaration=self.declaration,
            decision=self.decision,
            expected_end=self.expect.end,
            expected_reason=self.expect.reason,
            stays=tuple(stay.on(day) for stay in self.stay),
        )


@dataclass(frozen=True)
class ClockPlan:
    """When the day begins, and how many seconds pass at the begin of each step: by the step's name
    (shell pattern, first match) or by default."""

    start: datetime
    seconds_per_step: float = 2.0
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Box:
    """The box of blanks in the encoder's feeder."""

    blanks: int = 20


@dataclass(frozen=True)
class Press:
    """The simulated printer."""

    seconds_per_card: float = 0.3


@dataclass(frozen=True)
class Scenario:
    """A whole scenario."""

    name: str
    seed: str
    clock: ClockPlan
    traveller: tuple[Traveller, ...]
    box: Box = Box()
    printer: Press = Press()
    fault: tuple[Fault, ...] = ()

    @property
    def first_day(self) -> date:
        return self.clock.start.date()


def load_scenario(path: Path | None) -> Scenario:
    """Read a scenario file, or the shipped demo; SCENARIO_INVALID with the place of the mistake."""
    try:
        if path is None:
            text = resources.files("hardware_mocks").joinpath("scenarios/demo.toml").read_text("utf-8")
        else:
            text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KioskError(ErrorCode.SCENARIO_INVALID, f"{path or 'demo.toml'}: {error}") from error
    return parse_scenario(table)


def parse_scenario(table: Mapping[str, Any]) -> Scenario:
    """A scenario from TOML values; SCENARIO_INVALID."""
    scenario = _build(Scenario, table, "scenario")
    for index, traveller in enumerate(scenario.traveller):
        _check(traveller, f"traveller[{index}]")
    if not scenario.traveller:
        raise _wrong("traveller", "nobody comes")
    if scenario.clock.start.tzinfo is None:
        raise _wrong("clock.start", "a time without its zone")
    if not 1 <= scenario.box.blanks <= 1000:
        raise _wrong("box.blanks", "1 to 1000")
    return scenario


def _check(traveller: Traveller, where: str) -> None:
    passport = traveller.passport
    for value, allowed, place in (
        (traveller.decision, DECISIONS, "decision"),
        (traveller.expect.end, ENDS, "expect.end"),
        (passport.tamper, TAMPERS, "passport.tamper"),
        (traveller.chip, ("", *kinds()), "chip"),
    ):
        if value not in allowed:
            raise _wrong(f"{where}.{place}", f"{value!r} is none of {', '.join(filter(None, allowed))}")
    if traveller.chip and (passport.tamper or not passport.chip):
        raise _wrong(f"{where}.chip", "its kind says what is wrong with it, and the passport has one")
    if not traveller.person.birth < passport.issued < passport.expiry:
        raise _wrong(f"{where}.passport", "birth, issue and expiry are not in that order")
    if passport.tamper == "DG11" and not traveller.person.national_surname:
        raise _wrong(f"{where}.passport.tamper", "DG11 is there only with a national name")
    if len(passport.state) not in (1, 3) or len(passport.country) != 2:
        raise _wrong(f"{where}.passport", "state is alpha-3 and country is alpha-2")


T = TypeVar("T")


def _wrong(where: str, why: str) -> KioskError:
    return KioskError(ErrorCode.SCENARIO_INVALID, f"{where}: {why}")


def _build(kind: type[T], table: Any, where: str) -> T:
    if not isinstance(table, Mapping):
        raise _wrong(where, "not a table")
    hints = typing.get_type_hints(kind)
    unknown = set(table) - set(hints)
    if unknown:
        raise _wrong(where, f"unknown key {min(unknown)!r}")
    values = {name: _typed(hints[name], value, f"{where}.{name}") for name, value in table.items()}
    for item in fields(kind):  # type: ignore[arg-type]
        bare = item.default is MISSING and item.default_factory is MISSING
        if bare and item.name not in values:
            raise _wrong(where, f"{item.name} is missing")
    try:
        return kind(**values)
    except ValueError as error:
        raise _wrong(where, str(error)) from error


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(next(h for h in typing.get_args(hint) if h is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "not a list")
        item = typing.get_args(hint)[0]
        return tuple(_typed(item, part, f"{where}[{index}]") for index, part in enumerate(value))
    if origin is not None:
        return {str(key): _typed(float, part, f"{where}.{key}") for key, part in dict(value).items()}
    if is_dataclass(hint):
        return _build(typing.cast(type, hint), value, where)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is Sex:
        if value not in list(Sex):
            raise _wrong(where, "M, F or X")
        return Sex(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise _wrong(where, f"not a {hint.__name__}")
    return value.astimezone(UTC) if hint is datetime and value.tzinfo else value
