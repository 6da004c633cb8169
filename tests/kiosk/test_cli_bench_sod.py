"""`shekara bench sod` measures what it says, for a key in memory and a key on a token."""

import json

import pytest

from kiosk.cli.bench_sod import measured, softhsm_module
from kiosk.cli.main import main


def test_numbers_belong_together(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.cli.bench_sod.softhsm_module", lambda: None)
    assert main(["bench", "sod", "--each", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["file"]) == {"per_second", "bare_per_second", "ratio"}
    assert all(value > 0 for value in told["file"].values())
    assert told["hsm"] is None
    assert "softhsm2" in told["hsm_missing"]


def test_a_key_on_a_token_is_measured_and_removed(softhsm, tmp_path, capsys) -> None:
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text(softhsm.pin)
    named = ["--module", softhsm.module, "--token", "spare", "--pin-file", str(pin)]
    assert main(["bench", "sod", "--each", "1", "--json", *named]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["hsm"]["per_second"] > 0
    from crypto.hsm import PinFile, Token, TokenCriteria

    token = Token(TokenCriteria(softhsm.module, "spare"), PinFile(pin))
    found = token.run(lambda session: [item.label for item in session.get_objects({})])
    token.close()
    assert "LAB bench" not in found


@pytest.mark.parametrize("wrong", [["--each", "0"], ["--token", "x"], ["--pin-file", "x"]])
def test_wrong_usage(wrong: list[str]) -> None:
    assert main(["bench", "sod", *wrong]) == 2


def test_the_driver_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    driver = tmp_path / "driver.so"
    driver.touch()
    monkeypatch.setenv("SOFTHSM2_MODULE", str(driver))
    assert softhsm_module() == str(driver)


def test_more_rounds_are_one_measurement() -> None:
    from crypto.issuing import generate_ec_key

    key = generate_ec_key("brainpoolP256r1", lambda count: b"\x07" * count)
    assert set(measured(key, 1, rounds=3)) == {"per_second", "bare_per_second", "ratio"}
