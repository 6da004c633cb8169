"""Structured logs with an allow-list: a field that is not listed is redacted, whatever it holds.

One JSON object a line in `logs/kiosk.log` of the home. The audit log is something else: data.
"""

import logging
import logging.handlers
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

# Fields that may be written. None of them can hold personal data or a secret.
ALLOWED_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "logger", "code", "step", "moment", "phase", "item", "station",
        "case_id", "job_id", "seconds", "count", "waiting", "sent", "refused", "port", "device", "link",
        "reason", "outcome", "version", "world", "lane", "status", "exception_type", "bytes", "total",
    }
)  # fmt: skip
REDACTED = "‹redacted›"


def redact(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every field that is not on the list, and exceptions by their type alone."""
    error = record.pop("exc_info", None)
    if isinstance(error, BaseException):
        record["exception_type"] = type(error).__name__
    return {
        name: value if name in ALLOWED_FIELDS and _plain(value) else REDACTED
        for name, value in record.items()
    }


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def configure_logs(directory: Path) -> None:
    """Send log lines to `directory`/kiosk.log, five files of 2 MB at most."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        directory / "kiosk.log", maxBytes=2_000_000, backupCount=5, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger("shekara")
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> Any:
    """A logger below `shekara`; use keyword fields of the allow-list."""
    return structlog.get_logger(f"shekara.{name}")


def close_logs() -> None:
    """Close the log file (tests and the end of a run)."""
    root = logging.getLogger("shekara")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
