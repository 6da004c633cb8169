"""A desk whose devices are simulated, and the invented travellers that step up to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kiosk.domain.documents import Declaration
from kiosk.domain.stay import Stay
from kiosk.ports.devices import Clock, RandomBytes


class StepObserver(Protocol):
    """Is told before and after each named step; a rehearsal uses it to inject its faults."""

    def __call__(self, step: str, moment: str) -> None:
        """`moment` is "begin" or "done"."""
        ...


@dataclass(frozen=True)
class DeviceUris:
    """Where the desk's devices are, by URI (`pcsc:…`, `camera:http://…`, `ipp://…`, `sim:…`)."""

    camera: str
    document_reader: str
    card_encoder: str
    printer: str


@dataclass(frozen=True)
class RehearsalTraveller:
    """One invented traveller of a scenario and what the guard does with them."""

    name: str  # shown to the tester only
    document_key: str
    declaration: Declaration
    decision: str  # "grant" or "refuse": what the guard presses when the desk allows it
    expected_end: str  # "CARD_ACTIVE" or "REFUSED"
    expected_reason: str = ""  # a finding or refusal code that must appear, "" for none
    stays: tuple[Stay, ...] = ()  # what the registry knows of them beforehand


@dataclass(frozen=True)
class PrintedJob:
    """A job as the simulated printer received it."""

    name: str
    document: bytes = field(repr=False)  # the raw document format as sent
    front_png: bytes = field(repr=False)
    back_png: bytes = field(repr=False)


@dataclass(frozen=True)
class RehearsalChip:
    """A specimen passport's chip as a card image, its zone, and the trust directory that vouches for it."""

    image: Path
    lines: tuple[str, ...]
    trust: Path


class RehearsalReader(Protocol):
    """A reader of the real smart card service on which a simulated chip lies."""

    uri: str
    environment: Mapping[str, str]  # must be set before the PC/SC library is first used

    def close(self) -> None: ...


class RehearsalDesk(Protocol):
    """A desk whose devices are simulated and which acts the traveller's part. Lab homes only."""

    uris: DeviceUris
    link: str  # "pcsc" or "in-process"
    link_note: str  # why the real stack is not used, or ""
    travellers: Sequence[RehearsalTraveller]
    clock: Clock
    random: RandomBytes

    def environment(self) -> Mapping[str, str]:
        """Variables that must be set before the PC/SC library is first used."""
        ...

    def blank_serials(self) -> tuple[str, ...]:
        """The manifest of the box of blanks."""
        ...

    def present(self, traveller: int) -> None:
        """Lay the passport before the camera and on the document reader."""
        ...

    def withdraw(self) -> None: ...

    def insert_blank(self) -> str:
        """Put the next blank (or the one a restart left inside) into the encoder: its serial."""
        ...

    def take_card(self, target: Path | None = None) -> None:
        """Take the card out of the encoder; its memory image is copied to `target`."""
        ...

    def on_step(self, step: str, moment: str) -> None:
        """A StepObserver: applies the scenario's faults and moves its clock."""
        ...

    def printed(self) -> tuple[PrintedJob, ...]: ...

    def close(self) -> None: ...
