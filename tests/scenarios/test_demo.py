"""The main job as a user runs it: real PC/SC stack, registry, evidence; repeatable; offline."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from desk_runs import Run, shekara, write_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """The shipped scenario, once, over the real stack."""
    target = tmp_path_factory.mktemp("demo") / "out"
    return shekara("demo", "--out", str(target)), target


@pytest.mark.pcsc
@pytest.mark.xdist_group("shipped")
def test_every_traveller_ends_as_the_scenario_says(shipped: tuple[Run, Path]) -> None:
    done, _ = shipped
    assert done.status == 0, done.errors[-3000:]
    assert done.answer["link"] == "pcsc"
    travellers = done.answer["travellers"]
    assert len(travellers) >= 7
    assert all(t["as_expected"] for t in travellers)
    assert done.answer["queue"]["waiting"] == done.answer["queue"]["refused"] == 0
    assert done.answer["audit_whole"] is True
    ends = {t["name"].split("(")[1].rstrip(")"): t for t in travellers}
    tampered = next(t for title, t in ends.items() if "DG2" in title)
    assert tampered["verdict"] == "failed"
    assert "DG_HASH_MISMATCH:DG2" in tampered["reasons"]
    assert tampered["card_number"] == ""


@pytest.mark.pcsc
@pytest.mark.xdist_group("shipped")
def test_evidence_is_complete_and_others_accept_the_signature(shipped: tuple[Run, Path]) -> None:
    done, target = shipped
    issued = [t for t in done.answer["travellers"] if t["card_number"]]
    assert len(issued) >= 4
    for traveller in issued:
        place = target / f"traveller-{traveller['number']:02}"
        for name in (
            "case.jsonl",
            "inspection.json",
            "card/front.png",
            "card/back.png",
            "card/inspection.json",
        ):
            assert (place / name).stat().st_size > 0, name
        for name in ("EF.CardAccess", "EF.COM", "EF.SOD", "DG1", "DG2", "DG14", "DG15"):
            assert (place / "card" / "files" / f"{name}.bin").stat().st_size > 0, name
        for name in ("document.pwg", "front.png", "back.png"):
            assert (place / "printed" / name).stat().st_size > 0, name
        report = json.loads((place / "card" / "inspection.json").read_text())
        assert report["overall"] == "successful"
        assert report["chip_is_genuine"] is True
        if shutil.which("openssl"):
            checked = subprocess.run(
                [
                    "openssl", "cms", "-verify", "-noverify", "-inform", "DER",
                    "-in", str(place / "card" / "files" / "EF.SOD.cms.der"), "-out", "/dev/null",
                ],
                capture_output=True,
                check=False,
            )  # fmt: skip
            assert checked.returncode == 0, checked.stderr
    refused = [t for t in done.answer["travellers"] if not t["card_number"]]
    assert all(not (target / f"traveller-{t['number']:02}" / "card").exists() for t in refused)


@pytest.mark.pcsc
@pytest.mark.xdist_group("shipped")
def test_what_was_printed_is_what_was_drawn(shipped: tuple[Run, Path]) -> None:
    """The printer decoded the raster by its own code: pixels must be ours."""
    from PIL import Image

    done, target = shipped
    issued = next(t for t in done.answer["travellers"] if t["card_number"])
    place = target / f"traveller-{issued['number']:02}"
    for side in ("front.png", "back.png"):
        with Image.open(place / "card" / side) as drawn, Image.open(place / "printed" / side) as printed:
            assert printed.size == drawn.size == (1011, 638)
            assert printed.convert("RGB").tobytes() == drawn.convert("RGB").tobytes()


def _digests(target: Path) -> dict[str, str]:
    wanted = [*target.glob("traveller-*/case.jsonl"), *target.glob("traveller-*/card/**/*")]
    return {
        str(path.relative_to(target)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(wanted)
        if path.is_file()
    }


def test_the_same_scenario_gives_the_same_cards_and_case_log(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "two.toml", travellers=2)
    runs = [tmp_path / "first", tmp_path / "second"]
    for target in runs:
        done = shekara(
            "demo", "--scenario", str(scenario), "--out", str(target), "--in-process", "--no-registry"
        )
        assert done.status == 0, done.errors[-3000:]
    first, second = map(_digests, runs)
    assert len(first) > 25
    assert first == second


def test_registry_stopped_then_started_drains_without_duplicates(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "one.toml")
    home = str(tmp_path / "home")
    done = shekara(
        "demo", "--home", home, "--scenario", str(scenario), "--out", str(tmp_path / "out"), "--no-registry",
        "--in-process",
    )  # fmt: skip
    assert done.status == 0, done.errors[-3000:]
    queue = shekara("sync", "queue", "--home", home)
    assert queue.answer["cases_waiting"] == 1
    assert queue.answer["waiting"] >= 4
    drained = shekara("sync", "deliver", "--home", home)
    assert (drained.status, drained.answer["waiting"], drained.answer["refused"]) == (0, 0, 0)
    again = shekara("sync", "deliver", "--home", home)
    assert (again.status, again.answer["sent"]) == (0, 0)
    listed = shekara("registry", "list", "--home", home)
    assert listed.answer["counts"]["enrolment"] == 1
    assert listed.answer["counts"]["ACTIVE"] == 1
    chain = shekara("audit", "check", "--home", home)
    assert (chain.status, chain.answer["whole"]) == (0, True)
    cases = shekara("case", "list", "--home", home)
    assert [case["stage"] for case in cases.answer["cases"]] == ["SYNCED"]
