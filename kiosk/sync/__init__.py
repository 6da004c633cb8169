"""The registry over the network: deliver, ask, sign. Knows of the registry its contract only."""

from kiosk.sync.client import RegistryClient
from kiosk.sync.signer import OfflinePolicy, RemoteSigner
from kiosk.sync.transport import open_session

__all__ = ["OfflinePolicy", "RegistryClient", "RemoteSigner", "open_session"]
