"""How values are written into columns: UTC times as sortable text, canonical JSON, its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kiosk.domain.cases import Event, event_from_json, event_to_json
from kiosk.errors import ErrorCode, KioskError


def time_text(at: datetime) -> str:
    """UTC with microseconds, so that text order is time order."""
    if at.tzinfo is None:
        raise KioskError(ErrorCode.INTERNAL, "a time without a zone reached the store")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def json_text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def damaged(what: str) -> KioskError:
    """A stored record that cannot be what we wrote. `what` names table and position only."""
    return KioskError(ErrorCode.STORAGE_FAILED, f"damaged record: {what}")


def event_text(event: Event) -> str:
    return json_text(event_to_json(event))


def event_of(record: str, sha256: str, where: str) -> Event:
    """The event of a stored record; STORAGE_FAILED when it is not what was written."""
    if digest(record) != sha256:
        raise damaged(where)
    try:
        return event_from_json(json.loads(record))
    except (KeyError, TypeError, ValueError, AttributeError):
        # The cause is cut off: its text could quote the record.
        raise damaged(where) from None


def object_of(text: str, where: str) -> dict[str, Any]:
    """A stored JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        raise damaged(where) from None
    if not isinstance(value, dict):
        raise damaged(where)
    return value
