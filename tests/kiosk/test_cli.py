"""The command host: answers, errors with code and advice, exit status, help everywhere."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from kiosk.cli import main as host
from kiosk.cli.demo import _free
from kiosk.errors import ErrorCode, KioskError


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = host.main(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_an_error_answers_in_json_with_code_text_and_advice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = run(capsys, "--json", "--home", str(tmp_path / "no"), "case", "list")
    error = json.loads(out)["error"]
    assert status == host.EXIT_ERROR
    assert error["code"] == "HOME_MISSING"
    assert error["text"]
    assert error["advice"]


@pytest.mark.parametrize(("language", "letters"), [("ru", "каталог"), ("kk", "каталогы"), ("en", "home")])
def test_an_error_speaks_the_chosen_language(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, language: str, letters: str
) -> None:
    status, out, err = run(capsys, "case", "list", "--home", str(tmp_path / "no"), "--language", language)
    assert status == host.EXIT_ERROR
    assert out == ""
    assert letters in err
    assert "[HOME_MISSING]" in err


@pytest.mark.parametrize("arguments", [["nonsense"], ["case"], ["case", "list", "--wrong"]])
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, out, _ = run(capsys, *arguments, "--json")
    assert status == host.EXIT_USAGE
    assert json.loads(out)["error"]["code"] == "USAGE"


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = {entry.name for entry in entry_points(group="shekara.commands")}
    assert {"run", "demo", "case", "audit", "home", "sync", "sim", "registry"} <= names
    for name in sorted(names):
        with pytest.raises(SystemExit) as ended:
            host.main([name, "--help"])
        assert ended.value.code == 0
        assert "usage: shekara" in capsys.readouterr().out


def test_home_create_and_show_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = str(tmp_path / "h")
    status, out, _ = run(capsys, "--home", home, "--json", "home", "create")
    assert status == 0
    created = json.loads(out)
    assert created["world"] == "lab"
    _, out, _ = run(capsys, "home", "show", "--home", home, "--json")
    assert json.loads(out) == created
    status, out, _ = run(capsys, "audit", "check", "--home", home, "--json")
    assert (status, json.loads(out)["whole"]) == (0, True)
    status, out, _ = run(capsys, "sync", "queue", "--home", home, "--json")
    assert (status, json.loads(out)["waiting"]) == (0, 0)


def test_spellings_are_shown_written_and_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = str(tmp_path / "h")
    run(capsys, "--home", home, "home", "create")
    _, out, _ = run(capsys, "--home", home, "--json", "home", "spellings")
    packaged = json.loads(out)
    assert (packaged["own"], packaged["letters"]["Ә"]) == (False, "A")
    status, out, _ = run(capsys, "--home", home, "home", "spellings", "--write")
    assert (status, "Ә A" in out) == (0, True)
    file = tmp_path / "h" / "spellings.toml"
    file.write_text(file.read_text(encoding="utf-8") + '"ХАМИТ" = "HAMIT"\n', encoding="utf-8")
    _, out, _ = run(capsys, "--home", home, "home", "spellings", "--try", "Хамит Қасым")
    assert out == "HAMIT KASYM\n"
    _, out, _ = run(capsys, "--home", home, "home", "spellings", "--try", "Хамит", "--of", "ru", "--json")
    assert json.loads(out)["proposal"] == "KHAMIT"
    status, _, err = run(capsys, "--home", home, "home", "spellings", "--write")
    assert (status, "already" in err) == (host.EXIT_USAGE, True)


def test_a_plug_in_that_does_not_load_leaves_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    broken = host.Unavailable("broken", "No module named 'x'")
    parser = host.build_parser({"broken": broken})
    with pytest.raises(KioskError) as missing:
        broken.run(parser.parse_args(["broken", "anything"]), host.Output(as_json=False))
    assert missing.value.code is ErrorCode.DEPENDENCY_MISSING


def test_a_demo_never_overwrites(tmp_path: Path) -> None:
    assert _free(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo").mkdir()
    assert _free(tmp_path / "demo") == tmp_path / "demo-2"


def test_an_unforeseen_error_tells_where_but_not_what(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        name = help = "broken"

        def configure(self, parser: object) -> None:
            del parser

        def run(self, args: object, out: object) -> int:
            raise ValueError("surname ERIKSSON")

    monkeypatch.setattr(host, "_commands", lambda _: {"broken": Broken()})
    status, out, err = run(capsys, "broken", "--json")
    assert status == host.EXIT_ERROR
    error = json.loads(out)["error"]
    assert error["code"] == "INTERNAL"
    assert "ValueError at test_cli.py" in error["detail"]
    assert "ERIKSSON" not in out + err


def test_case_data_is_not_shown_outside_a_lab(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = str(tmp_path / "p")
    assert run(capsys, "home", "create", "--world", "production", "--home", home)[0] == 0
    status, out, _ = run(capsys, "case", "show", "x", "--home", home, "--json")
    assert status == host.EXIT_ERROR
    assert json.loads(out)["error"]["code"] == "ROLE_NOT_ALLOWED"
