"""The registry's directory and its commands, with the real server as its own process."""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from registry import config
from registry.commands import COMMAND, main
from registry.errors import RegistryError, RegistryErrorCode
from registry.messages import LANGUAGES, message
from registry.storage import Database, meta


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["--json", *arguments]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_create_is_private_repeatable_and_keeps_its_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "registry"
    make = ("create", "--dir", str(home), "--world", "lab", "--station", "P17")
    assert _run(capsys, *make)["stations"] == ["P17"]
    token = (home / "token").read_text().strip()
    assert _run(capsys, *make)["world"] == "lab"
    assert (home / "token").read_text().strip() == token
    assert {file.stat().st_mode & 0o777 for file in home.iterdir()} == {0o600}
    assert token not in (home / "registry.json").read_text()
    assert config.load(home).station_of(token) == "P17"
    assert config.load(home).station_of("another") is None
    assert main(["--json", "create", "--dir", str(home), "--world", "production"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "REGISTRY_WORLD_REFUSED"
    assert error["text"]
    assert error["advice"]
    (home / "token").unlink()
    _run(capsys, *make)
    assert config.load(home).station_of((home / "token").read_text().strip()) == "P17"


def test_a_new_token_voids_the_old(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "registry"
    _run(capsys, "create", "--dir", str(home), "--world", "lab", "--station", "P17")
    old = (home / "token").read_text().strip()
    _run(capsys, "token", "--dir", str(home), "--station", "P17", "--out", str(tmp_path / "p17"))
    new = (tmp_path / "p17").read_text().strip()
    assert (config.load(home).station_of(old), config.load(home).station_of(new)) == (None, "P17")
    _run(capsys, "password", "--dir", str(home))
    assert config.load(home).dashboard == config.digest((home / "dashboard-password").read_text().strip())
    with pytest.raises(RegistryError) as caught:
        config.add_station(home, "no station", tmp_path / "x")
    assert caught.value.code is RegistryErrorCode.REGISTRY_NAME_INVALID


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_failure_has_words(language: str) -> None:
    words = [message(code, language) for code in RegistryErrorCode]
    assert all(text and advice for text, advice in words)
    assert len(set(words)) == len(words)


def test_a_failure_is_told_to_people_in_their_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--dir", str(tmp_path)]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "[REGISTRY_NOT_CREATED]" in told.err


@pytest.mark.parametrize("content", [b"", b"[]", b'{"world": "moon", "stations": {}, "dashboard": ""}'])
def test_a_damaged_configuration_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        config.load(tmp_path)
    assert caught.value.code is RegistryErrorCode.REGISTRY_NOT_CREATED
    path = tmp_path / "registry.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(RegistryError) as caught:
        config.load(tmp_path)
    assert caught.value.code is RegistryErrorCode.REGISTRY_DAMAGED


def test_a_configuration_open_to_others_is_refused(tmp_path: Path) -> None:
    config.create(tmp_path, "lab")
    (tmp_path / "registry.json").chmod(0o644)
    with pytest.raises(RegistryError) as caught:
        config.load(tmp_path)
    assert caught.value.code is RegistryErrorCode.REGISTRY_DAMAGED


def test_a_database_that_is_none_or_newer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"x" * 8192)
    with pytest.raises(RegistryError) as caught:
        Database(tmp_path / "bad.db")
    assert caught.value.code is RegistryErrorCode.REGISTRY_DAMAGED
    database = Database(tmp_path / "new.db")
    with database.transaction() as tables:
        tables._connection.execute(meta.update().values(schema=99))
    database.close()
    with pytest.raises(RegistryError) as caught:
        Database(tmp_path / "new.db")
    assert caught.value.code is RegistryErrorCode.REGISTRY_TOO_NEW


def test_list_tells_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.create(tmp_path, "lab")
    assert _run(capsys, "list", "--dir", str(tmp_path))["arrivals"] == []
    assert main(["list", "--dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "lab registry: 0 arrivals, 0 active cards\n"


def test_the_command_has_the_hosts_shape() -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    args = parser.parse_args(["serve", "--port", "80", "--with-parent"])
    assert (COMMAND.name, args.action, args.port, args.with_parent, args.dir) == (
        "registry",
        "serve",
        80,
        0,
        None,
    )


def _serve(home: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A server as its own process and its address."""
    command = [sys.executable, "-m", "registry.commands", "--json", "serve", "--dir", str(home), *more]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["url"]


def test_it_serves_writes_its_ready_file_and_stops(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    home = tmp_path / "registry"
    server, url = _serve(
        home,
        "--world",
        "lab",
        "--station",
        "P17",
        "--ready-file",
        str(ready),
        "--with-parent",
        str(os.getpid()),
    )
    with server:
        try:
            told = json.loads(ready.read_text())
            assert (told["url"], told["pid"]) == (url, server.pid)
            with urllib.request.urlopen(f"{url}/v1/health", timeout=10) as answer:
                assert json.load(answer)["status"] == "ok"
            taken = ["serve", "--dir", str(home), "--port", str(told["port"])]
            assert main(taken) == 3
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'registry.commands', '--json', 'serve', '--dir',"
        " sys.argv[1], '--world', 'lab', '--with-parent'], stdout=subprocess.PIPE, text=True)\n"
        "sys.stdout.write(p.stdout.readline()); sys.stdout.flush(); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "registry")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = json.loads(parent.stdout.readline())["pid"]
        descriptor = os.pidfd_open(child)
        parent.kill()
    # Readable once the process has ended: waits without polling the clock.
    assert select.select([descriptor], [], [], 30)[0] == [descriptor]
    os.close(descriptor)


def test_a_wrong_parent_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.create(tmp_path, "lab")
    command = [
        sys.executable,
        "-m",
        "registry.commands",
        "serve",
        "--dir",
        str(tmp_path),
        "--with-parent",
        "1",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 3
    assert "parent" in ended.stderr
