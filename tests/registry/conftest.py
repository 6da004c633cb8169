"""An in-process registry and invented messages for it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from registry.app import build_app
from registry.config import Config, digest
from registry.storage import Database

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
TOKENS = {"P17": "token-of-17", "P18": "token-of-18"}
Bodies = dict[str, dict[str, Any]]


class Client:
    """Blocking calls into the application, without a network."""

    def __init__(self, app: FastAPI, peer: str) -> None:
        self.app = app
        self.headers: dict[str, str] = {}
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 50000))

    def request(self, method: str, path: str, *, headers: Any = None, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            base = "http://127.0.0.1:8000"
            async with httpx.AsyncClient(transport=self._transport, base_url=base) as client:
                return await client.request(method, path, headers=self.headers | (headers or {}), **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@pytest.fixture
def bodies() -> Bodies:
    """One whole arrival by kind, in the order of sending."""
    stored = Path(__file__).parents[1] / "vectors" / "registry_messages.json"
    read: Bodies = json.loads(stored.read_text())
    return read


@pytest.fixture
def open_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Makes clients of registries in the test's directory."""
    databases: list[Database] = []

    def make(world: str = "lab", *, peer: str = "127.0.0.1", password: str = "") -> Client:
        database = Database(tmp_path / "registry.db")
        databases.append(database)
        stations = {name: digest(token) for name, token in TOKENS.items()}
        config = Config(world, stations, digest(password) if password else "")
        app = build_app(database, config, clock=lambda: NOW)
        return Client(app, peer)

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def client(open_client: Callable[..., Client]) -> Client:
    """The lab registry as station P17 sees it."""
    made = open_client()
    made.headers["Authorization"] = "Bearer token-of-17"
    return made
