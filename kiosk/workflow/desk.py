"""What a session works with: the station, the person at it, and every port of the desk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from card_io.lds.spellings import Spellings
from card_io.perso.profile import Profile
from crypto.signer import Signer
from crypto.trust import TrustStore
from kiosk.domain.roles import Role
from kiosk.domain.stay import StayRule
from kiosk.ports import (
    Camera,
    CardPress,
    CardSlot,
    Clock,
    PageReader,
    PortraitStudio,
    Printer,
    PrintProof,
    Progress,
    RandomBytes,
    Registry,
    StepObserver,
    Store,
)


@dataclass(frozen=True)
class Station:
    """Who this desk is. `prefix` starts its card numbers; `lab` is its world."""

    id: str
    name: str
    prefix: str
    lab: bool
    authority: str
    issuing_state: str = "KAZ"
    document_code: str = "AR"
    utc_offset_hours: int = 5

    def local(self, now: datetime) -> datetime:
        """The same moment in the post's own time: its date is the day that stays and expiries count in."""
        return now.astimezone(timezone(timedelta(hours=self.utc_offset_hours)))


@dataclass(frozen=True)
class Operator:
    """The login at the desk; exactly one role."""

    id: str
    role: Role


@dataclass(frozen=True)
class Desk:
    """Every port of one desk, opened and ready."""

    station: Station
    store: Store
    registry: Registry
    clock: Clock
    random: RandomBytes = field(repr=False)
    camera: Camera
    page_reader: PageReader
    document_slot: CardSlot
    card_slot: CardSlot
    studio: PortraitStudio
    press: CardPress
    proof: PrintProof
    printer: Printer
    trust: TrustStore
    signer: Signer
    seal_signer: Signer
    card_profile: Profile
    rules: Sequence[StayRule]
    spellings: Spellings = field(default_factory=Spellings)  # own ones, before the packaged
    lookup_timeout: float = 5.0


def _no_progress(_: Progress) -> None:
    return None


def _no_observer(step: str, moment: str) -> None:
    del step, moment


@dataclass
class Hooks:
    """Who listens to a session: the face for progress, a rehearsal for steps."""

    on_progress: Callable[[Progress], None] = _no_progress
    on_step: StepObserver = _no_observer
