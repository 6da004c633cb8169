"""Gives the storage tests their kit and an open store."""

import importlib.util
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


@pytest.fixture
def store(kit: ModuleType, path: Path) -> Iterator[SqlStore]:
    opened = kit.open_at(path)
    yield opened
    opened.close()
