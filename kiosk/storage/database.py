"""The encrypted file: opening it with a raw key, migrations, transactions, errors as our codes.

SQLCipher with a raw 256-bit key (no passphrase derivation, so opening costs milliseconds), WAL
with a full sync at every commit: what a transaction stored is on disk when it returns.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlcipher3 import dbapi2

from kiosk.errors import ErrorCode, KioskError
from kiosk.storage.schema import REVISIONS

KEY_BYTES = 32
LOCK_SECONDS = 30.0
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",  # nothing in clear in temporary files
    "PRAGMA busy_timeout = 5000",
)


class Database:
    """One connection to one encrypted file.

    Meant for one lane; a second thread waits its turn, and gets LANE_TIMEOUT after 30 seconds.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        """Open or create `path` and bring its schema up to date.

        Raises STORAGE_KEY_WRONG, STORAGE_FAILED (also for a schema newer than this program),
        DISK_FULL.
        """
        if len(key) != KEY_BYTES:
            raise KioskError(ErrorCode.STORAGE_KEY_WRONG, "the database key is not 32 bytes")
        self._lock = threading.Lock()
        self._engine = _engine(path, key)
        try:
            with self.transaction() as connection:
                _migrate(connection)
        except KioskError:
            self._engine.dispose()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing; committed and synced when the block ends without an error."""
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise KioskError(ErrorCode.LANE_TIMEOUT, "another thread holds the database")
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, dbapi2.Error, OSError, UnicodeError) as error:
            raise translate(error) from None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Give the file back; closing twice is harmless."""
        with self._lock:
            self._engine.dispose()


def translate(error: Exception) -> KioskError:
    """Our error for a database or file error, by its number; texts may hold personal data."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    number = getattr(cause, "sqlite_errorcode", None)
    full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or (number is not None and number & 0xFF == dbapi2.SQLITE_FULL):
        return KioskError(ErrorCode.DISK_FULL, "the disk or the database's quota is full")
    if number == dbapi2.SQLITE_NOTADB:
        return KioskError(ErrorCode.STORAGE_KEY_WRONG, "the file does not open with this key")
    name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return KioskError(ErrorCode.STORAGE_FAILED, f"database error {name}")


def _engine(path: Path, key: bytes) -> Engine:
    def connect() -> Any:
        _create_private(path)
        connection = dbapi2.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        for setting in _SETTINGS:
            connection.execute(setting)
        return connection

    engine = create_engine(
        "sqlite://", module=dbapi2, creator=connect, poolclass=StaticPool, hide_parameters=True
    )
    # The driver is in autocommit mode, so the transaction is ours: it takes the write lock at once.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _create_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _migrate(connection: Connection) -> None:
    """Bring the schema to the last revision, inside the caller's transaction."""
    current = _revision(connection)
    if current == REVISIONS[-1]:
        return
    if current and current not in REVISIONS:
        raise KioskError(ErrorCode.STORAGE_FAILED, "the database was written by a newer program")
    # Only needed here: importing alembic costs more than opening the database.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str:
    """The stored schema revision, "" for a new file."""
    known = connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"))
    if known.first() is None:
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
