"""Devices by URI. The part before the colon names a driver of the entry-point group
`kiosk.devices`; our simulators and any vendor's driver register the same way.
"""

from importlib.metadata import entry_points
from typing import Any, cast

from card_io import pcsc
from kiosk.capture import camera
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Camera, CardSlot, Printer
from kiosk.printing import ipp

SIMULATED = "sim"
ANSWER_SECONDS = 30.0  # key generation on a slow card takes ten


def open_pcsc(uri: str) -> CardSlot:
    """`pcsc:` and the start of a reader's name; `pcsc:` alone takes the first reader.

    A card that keeps a command for ANSWER_SECONDS is given up as silent.
    """
    return pcsc.PcscSlot(uri.partition(":")[2], deadline=ANSWER_SECONDS)


def open_camera(uri: str) -> Camera:
    """`camera:http://…` (MJPEG) or `v4l2:/dev/video0`."""
    return camera.open_camera(uri)


def open_printer(uri: str) -> Printer:
    """`ipp://host:port/path`."""
    return ipp.IppPrinter(uri)


def _open(uri: str, *, lab: bool) -> Any:
    scheme = uri.partition(":")[0]
    if scheme == SIMULATED and not lab:
        raise KioskError(ErrorCode.WORLD_REFUSED, uri)
    for entry in entry_points(group="kiosk.devices", name=scheme):
        return entry.load()(uri)
    raise KioskError(ErrorCode.DEVICE_UNKNOWN, uri)


def open_slot(uri: str, *, lab: bool) -> CardSlot:
    """A chip reader by URI; WORLD_REFUSED for a simulated one outside a lab, DEVICE_UNKNOWN."""
    return cast(CardSlot, _open(uri, lab=lab))


def open_video(uri: str, *, lab: bool) -> Camera:
    """A camera by URI; errors as `open_slot`, and CAMERA_UNAVAILABLE."""
    return cast(Camera, _open(uri, lab=lab))


def open_press(uri: str, *, lab: bool) -> Printer:
    """A card printer by URI; errors as `open_slot`."""
    return cast(Printer, _open(uri, lab=lab))
