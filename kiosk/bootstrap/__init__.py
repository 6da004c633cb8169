"""Composition: from settings and a home directory to a desk that is ready to work."""

from kiosk.bootstrap.home import Home, create_lab_home, create_production_home, default_home, open_home
from kiosk.bootstrap.kiosk import Kiosk, open_kiosk

__all__ = [
    "Home",
    "Kiosk",
    "create_lab_home",
    "create_production_home",
    "default_home",
    "open_home",
    "open_kiosk",
]
