"""The encrypted database: cases, stock, outbox, audit log, sealed images, migrations."""

from kiosk.storage.audit_log import create_audit_key, load_audit_key
from kiosk.storage.store import SqlStore, open_store

__all__ = ["SqlStore", "create_audit_key", "load_audit_key", "open_store"]
