"""Delivery to the central registry from the stored outbox."""

from kiosk.sync.client import RegistryClient
from kiosk.sync.transport import open_session

__all__ = ["RegistryClient", "open_session"]
