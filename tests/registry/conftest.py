"""An in-process registry and invented messages for it."""

import asyncio
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
    sod = "ab" * 32
    return {
        "enrolment": {
            "enrollment_id": "case-1",
            "station": "P17",
            "person": {
                "surname": "SPECIMENOV",
                "given_names": "AZIZ",
                "national_name": "СПЕЦИМЕНОВ АЗИЗ",
                "birth": "1990-05-17",
                "sex": "M",
                "nationality": "UZB",
            },
            "document": {
                "code": "P",
                "issuing_state": "UZB",
                "number": "FA0000001",
                "expiry": "2031-05-16",
                "key": "UZB-FA0000001",
            },
            "inspection": {
                "overall": "successful",
                "reasons": ["PACE_FALLBACK_BAC"],
                "sod_sha256": sod,
                "data_group_sha256": {"DG1": sod, "2": sod},
            },
            "decision": {
                "outcome": "GRANTED",
                "reason": "STAY_WITHIN_RULE",
                "by": "guard-1",
                "at": "2026-11-02T05:59:00+00:00",
            },
            "entitlement": {
                "rule": "VF30",
                "category": "VISA_FREE",
                "until": "2026-12-01",
                "days": 30,
                "used": 0,
                "limit": 90,
            },
            "declaration": {
                "purpose": "WORK",
                "days": 20,
                "host": "Host",
                "address": "Long street 5\nflat 2",
                "phone": "+7 000",
                "employer": "",
            },
            "is_test": True,
        },
        "image": {
            "buffer_id": "portrait-1",
            "enrollment_id": "case-1",
            "kind": "portrait",
            "mime": "image/jpeg",
            "sha256": "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c",
            "data_base64": "AAAA",
        },
        "crossing": {
            "crossing_id": "cross-1",
            "station": "P17",
            "document_key": "UZB-FA0000001",
            "direction": "ENTRY",
            "on": "2026-11-02",
            "until": "2026-12-01",
            "is_test": True,
        },
        "credential_request": {
            "credential_request_id": "job-1",
            "enrollment_id": "case-1",
            "card_number": "K17000001",
            "valid_until": "2026-12-01",
            "at": "2026-11-02T06:00:00Z",
        },
        "credential": {
            "credential_id": "card-1",
            "credential_request_id": "job-1",
            "card_number": "K17000001",
            "chip_serial": "479000000000010001",
            "sod_sha256": sod,
            "signer_serial": "01",
            "status": "ACTIVE",
            "valid_until": "2026-12-01",
            "at": "2026-11-02T06:01:00Z",
        },
    }


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
