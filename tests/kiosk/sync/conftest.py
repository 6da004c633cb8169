"""A store with a queue of real messages, a real registry server, and the fault servers."""

import importlib.util
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from kiosk.ports import OutboxMessage
from kiosk.storage import SqlStore
from kiosk.sync import RegistryClient
from registry.app import build_app
from registry.commands import _listener
from registry.config import Config, digest
from registry.storage import Database

TOKEN = "token-of-17"
TESTS = Path(__file__).parents[2]


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kit() -> ModuleType:
    return _load("sync_storage_kit", TESTS / "kiosk" / "storage" / "kit.py")


@pytest.fixture(scope="session")
def faults() -> ModuleType:
    return _load("sync_faults", Path(__file__).with_name("faults.py"))


@pytest.fixture
def messages() -> list[OutboxMessage]:
    """One whole arrival, each message after the one it needs."""
    bodies: dict[str, dict[str, Any]] = json.loads((TESTS / "vectors" / "registry_messages.json").read_text())
    needs = {"enrolment": "", "crossing": "enrolment", "credential": "credential_request"}
    return [
        OutboxMessage(f"m-{kind}", kind, "case-0001", body, f"m-{before}" if before else "")
        for kind, body in bodies.items()
        for before in (needs.get(kind, "enrolment"),)
    ]


@pytest.fixture(scope="session")
def fresh(kit: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, migrated once: copying it is faster than making another."""
    made: Path = tmp_path_factory.mktemp("fresh") / "kiosk.db"
    kit.open_at(made).close()
    return made


@pytest.fixture
def fill(kit: ModuleType, tmp_path: Path, fresh: Path) -> Iterator[Callable[..., SqlStore]]:
    """Opens a store whose outbox holds the given messages."""
    stores: list[SqlStore] = []

    def make(messages: list[OutboxMessage]) -> SqlStore:
        path = tmp_path / f"kiosk-{len(stores)}.db"
        shutil.copy(fresh, path)
        store: SqlStore = kit.open_at(path)
        stores.append(store)
        opened = kit.commits(1)[0]
        event = replace(opened.event, at=kit.START)
        store.append(replace(opened, event=event, outbox=tuple(messages)))
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(fill: Callable[..., SqlStore], messages: list[OutboxMessage]) -> SqlStore:
    return fill(messages)


class RealRegistry:
    """The registry application on a real socket; can be stopped and started on its port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = 0
        self.overview: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        ready = threading.Event()
        self._database = Database(self._directory / "registry.db")
        app = build_app(self._database, Config("lab", {"P17": digest(TOKEN)}), on_ready=ready.set)
        self._registry = app.state.registry
        listener = _listener("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        assert ready.wait(30)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._database.close()

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self._registry.overview()["counts"]
        return counts


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    real = RealRegistry(tmp_path)
    real.start()
    yield real
    real.stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., RegistryClient]]:
    """Makes clients; their jitter is the largest unless told otherwise."""
    clients: list[RegistryClient] = []

    def make(url: str, **options: Any) -> RegistryClient:
        settings = {"timeout": 10.0, "random": lambda count: b"\xff" * count} | options
        clients.append(RegistryClient(url, TOKEN, "P17", **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
