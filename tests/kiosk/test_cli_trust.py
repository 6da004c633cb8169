"""`shekara trust`: import, list and check, for people and for programs."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from crypto.issuing import build_crl
from crypto.pki_lab import LabPki, LabSpec
from kiosk.bootstrap.home import create_production_home
from kiosk.cli.command import Output
from kiosk.cli.trust import COMMAND
from kiosk.errors import ErrorCode, KioskError

SPEC = """
[[authority]]
country = "KZ"
crl = "none"
[[signer]]
country = "KZ"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    folder = tmp_path_factory.mktemp("lab") / "pki"
    return LabPki.create(folder, seed="cli", now=datetime.now(UTC), spec=LabSpec.from_toml(SPEC))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    create_production_home(tmp_path / "home", random=lambda count: bytes(range(count)))
    return tmp_path / "home"


def run(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    stream = StringIO()
    out = Output(as_json=True, stream=stream)
    args = parser.parse_args(arguments, argparse.Namespace(home=home, language=None, json=True))
    status = COMMAND.run(args, out)
    out.finish()
    return status, json.loads(stream.getvalue())


def test_import_list_check(lab: LabPki, home: Path, tmp_path: Path) -> None:
    root, now = str(lab.trust_directory / "KZ_csca.cer"), datetime.now(UTC)
    status, answer = run(home, "import", root)
    assert status == 0
    assert (answer["imported"], answer["usable"], answer["trusted"], answer["rejected"]) == (1, 1, 1, [])
    status, answer = run(home, "list")
    assert [(item["country"], item["standing"]) for item in answer["authorities"]] == [("KZ", "trusted")]
    assert answer["authorities"][0]["source"] == "KZ_csca.cer"
    assert run(home, "check")[1]["in_order"] is True
    old = now - timedelta(days=100)
    stale = build_crl(lab._authority("KZ"), number=1, this_update=old, next_update=old + timedelta(days=90))
    (tmp_path / "stale.crl").write_bytes(stale.der)
    assert run(home, "import", str(tmp_path / "stale.crl"))[1]["usable"] == 1
    status, answer = run(home, "check")
    assert (status, answer["in_order"]) == (1, False)
    assert [item["state"] for item in answer["revocation_lists"]] == ["stale"]


def test_refusals(lab: LabPki, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nonsense").write_bytes(b"hello")
    status, answer = run(home, "import", str(tmp_path / "nonsense"))
    assert status == 1
    assert answer["rejected"] == [{"subject": "file", "reason": "TRUST_CONTENT_UNKNOWN", "detail": ""}]
    assert "TRUST_CONTENT_UNKNOWN" in capsys.readouterr().err
    with pytest.raises(KioskError) as caught:
        run(home, "import", str(tmp_path / "absent"))
    assert caught.value.code is ErrorCode.USAGE


def test_a_home_that_is_yet_to_be_made_finds_what_was_imported(lab: LabPki, tmp_path: Path) -> None:
    home = tmp_path / "later"
    assert run(home, "list")[1]["authorities"] == []
    root = next(lab.trust_directory.glob("*.cer"))
    assert run(home, "import", str(root))[1]["trusted"] == 1
    assert len(run(home, "list")[1]["authorities"]) == 1
    (home / "home.toml").write_text("world = ", encoding="utf-8")
    with pytest.raises(KioskError) as caught:
        run(home, "list")
    assert caught.value.code is ErrorCode.HOME_DAMAGED


def test_a_directory_in_place_of_a_home(lab: LabPki, tmp_path: Path) -> None:
    folder = str(lab.trust_directory)
    status, answer = run(tmp_path / "nowhere", "check", "--trust", folder)
    assert (status, answer["trusted"], answer["directories"]) == (0, 1, [folder])
    with pytest.raises(KioskError):
        run(tmp_path, "list", "--trust", str(tmp_path / "absent"))
