"""Gives the storage tests their kit and an open store."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kiosk.storage import SqlStore


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("storage_kit", Path(__file__).with_name("kit.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db" / "kiosk.db"


@pytest.fixture(scope="session")
def fresh(kit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, migrated once: copying it is faster than making another."""
    made: Path = tmp_path_factory.mktemp("fresh") / "kiosk.db"
    kit.open_at(made).close()
    return made


@pytest.fixture
def store(kit: ModuleType, path: Path, fresh: Path) -> Iterator[SqlStore]:
    path.parent.mkdir()
    shutil.copy(fresh, path)
    opened = kit.open_at(path)
    yield opened
    opened.close()
