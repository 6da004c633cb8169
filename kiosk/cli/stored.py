"""Opens the store of a home alone, for commands that need no devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.bootstrap.home import HomeLock, open_home
from kiosk.bootstrap.kiosk import open_home_store
from kiosk.ports import Store


@contextmanager
def opened_store(path: Path) -> Iterator[Store]:
    """The store of a home, under the home's lock. HOME_*, STORAGE_* errors."""
    home = open_home(path)
    lock = HomeLock(home)
    try:
        store = open_home_store(home)
        try:
            yield store
        finally:
            store.close()
    finally:
        lock.release()
