"""The sockets of the kiosk: a Protocol for every device and service, and their small values.

Adapters and simulators implement these; the workflow knows nothing else of them. Each room is loaded when
something of it is asked for: a program that reads one picture needs no cases and no registry.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiosk.ports.devices import (
        Camera,
        CardFaces,
        CardPress,
        CardSlot,
        Clock,
        Corners,
        Frame,
        Guidance,
        Hint,
        Image,
        KeyCandidate,
        PageReader,
        PageScan,
        Portrait,
        PortraitStudio,
        Printer,
        PrintProof,
        PrintState,
        PrintStatus,
        Progress,
        ProgressPhase,
        RandomBytes,
    )
    from kiosk.ports.rehearsal import (
        DeviceUris,
        PrintedJob,
        RehearsalChip,
        RehearsalDesk,
        RehearsalReader,
        RehearsalTraveller,
        StepObserver,
    )
    from kiosk.ports.services import (
        CaseRow,
        Commit,
        DeliveryReport,
        OutboxMessage,
        QueueState,
        Registry,
        Store,
    )

__all__ = [
    "Camera",
    "CardFaces",
    "CardPress",
    "CardSlot",
    "CaseRow",
    "Clock",
    "Commit",
    "Corners",
    "DeliveryReport",
    "DeviceUris",
    "Frame",
    "Guidance",
    "Hint",
    "Image",
    "KeyCandidate",
    "OutboxMessage",
    "PageReader",
    "PageScan",
    "Portrait",
    "PortraitStudio",
    "PrintProof",
    "PrintState",
    "PrintStatus",
    "PrintedJob",
    "Printer",
    "Progress",
    "ProgressPhase",
    "QueueState",
    "RandomBytes",
    "Registry",
    "RehearsalChip",
    "RehearsalDesk",
    "RehearsalReader",
    "RehearsalTraveller",
    "StepObserver",
    "Store",
]

_ROOMS = ("devices", "services", "rehearsal")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            for room in _ROOMS:
                module = import_module(f"{__name__}.{room}")
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
