"""A lab PKI with one of everything, and a document signed by it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto.pki_lab import LabPki, LabSpec, Zoo
from crypto.trust import TrustStore

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DATA_GROUPS = {1: b"\x61\x05first", 2: b"\x75\x06second", 11: b"\x6b\x04more"}


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def data_groups() -> dict[int, bytes]:
    return dict(DATA_GROUPS)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    text = (Path(__file__).parent / "pki" / "zoo.toml").read_text("utf-8")
    spec = LabSpec.from_toml(text)
    return LabPki.create(tmp_path_factory.mktemp("zoo") / "pki", seed="zoo", now=NOW, spec=spec)


@pytest.fixture(scope="session")
def standard_lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    """The lab of the zoo that ships with the product."""
    directory = tmp_path_factory.mktemp("standard") / "pki"
    return LabPki.create(directory, seed="zoo", now=NOW, spec=Zoo.standard().spec)


@pytest.fixture
def store(zoo: LabPki) -> TrustStore:
    return TrustStore.from_directory(zoo.trust_directory, loaded_at=NOW)
