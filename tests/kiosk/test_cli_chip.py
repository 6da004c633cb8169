"""`shekara chip read` before simulated chips as black boxes: exit status, verdict, files, interruption."""

import argparse
import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from card_io.apdu import BytesLink
from card_io.lds.face import parse_dg2
from card_io.lds.mrz import parse
from crypto.pki_lab import LabPki
from hardware_mocks.chip import CardImage
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_command import UTOPIA, write_chip
from hardware_mocks.chip_plan import LINES, load_plan
from kiosk.bootstrap.home import create_production_home
from kiosk.capture.images import decode_image
from kiosk.cli.chip import COMMAND, EXIT_ERROR, EXIT_INTERRUPTED, EXIT_NO
from kiosk.cli.command import Output
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.chip_reading import chip_request

MRZ = "\n".join(LINES)
FIELDS = ("--doc", "UT1234567", "--birth", "900101", "--expiry", "340101")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "pki"
    LabPki.create(folder, seed="chip", now=datetime.now(UTC), countries=(UTOPIA,))
    return folder


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory, lab: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("chips")
    kinds = ("pace-gm", "pace-cam", "bac", "tampered", "removed", "hostile-silent", "pace-only")
    found = {kind: folder / f"{kind}.json" for kind in kinds}
    for kind, path in found.items():
        write_chip(kind, path, lab)
    return found


def read(reader: object, *words: str, lab: Path | None = None, home: Path | None = None) -> tuple[int, Any]:
    """Exit status and answer; the trust of `lab` unless None."""
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    uri = f"sim:{reader}" if isinstance(reader, Path) else str(reader)
    trust = ("--trust", str(lab / "trust")) if lab is not None else ()
    stream = StringIO()
    out = Output(as_json=True, stream=stream)
    args = parser.parse_args(
        ["read", "--reader", uri, *trust, *words], argparse.Namespace(home=home, language=None, json=True)
    )
    status = COMMAND.run(args, out)
    out.finish()
    return status, json.loads(stream.getvalue())


def test_a_genuine_chip_is_read_and_its_files_are_kept(
    chips: dict[str, Path], lab: Path, tmp_path: Path
) -> None:
    place = tmp_path / "out" / "case"
    status, answer = read(chips["pace-cam"], "--mrz", MRZ, "--out", str(place), lab=lab)
    assert (status, answer["overall"]) == (0, "successful")
    assert answer["access"]["protocol"].startswith("PACE-ECDH-CAM")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in place.iterdir())
    image = CardImage.load(chips["pace-cam"])
    for name, path in {"DG1": "app/0101", "EF.SOD": "app/011D", "EF.CardSecurity": "mf/011D"}.items():
        assert (place / f"{name}.bin").read_bytes() == image.files[path]
        assert answer["files"][name] == len(image.files[path])
    face = parse_dg2(image.files["app/0102"])[0]
    assert (place / "portrait.jpg").read_bytes() == face.image
    pixels = decode_image((place / "portrait.png").read_bytes())
    assert (pixels == decode_image(face.image)).all()
    assert answer["portraits"][0] | {"width": face.width, "height": face.height} == answer["portraits"][0]
    assert sorted(answer["written"]) == sorted(file.name for file in place.iterdir())


def test_the_log_names_nobody_and_the_personal_record_is_apart(
    chips: dict[str, Path], lab: Path, tmp_path: Path
) -> None:
    read(chips["pace-gm"], "--mrz", MRZ, "--out", str(tmp_path / "out"), lab=lab)
    log = (tmp_path / "out" / "log.json").read_text()
    personal = json.loads((tmp_path / "out" / "log-personal.json").read_text())
    assert not any(part in log for part in ("SPECIMEN", "UT1234567", "900101"))
    assert personal["chip_mrz"] == list(LINES)
    assert json.loads(log)["transaction"] == personal["transaction"]


def test_the_answer_tells_steps_traffic_and_the_age_of_trust(chips: dict[str, Path], lab: Path) -> None:
    _, answer = read(chips["pace-gm"], "--mrz", MRZ, lab=lab)
    assert [step["step"] for step in answer["steps"]][:3] == ["card-access", "access", "security-object"]
    assert {step["outcome"] for step in answer["steps"]} <= {"done", "skipped"}
    assert answer["timing"]["received"] > sum(answer["files"].values())
    assert answer["timing"]["commands"] > len(answer["files"])
    assert answer["trust"]["authorities"] == 1
    assert answer["aborted"] is False


@pytest.mark.parametrize(
    ("words", "fits"),
    [(("--can", "123456"), None), (("--can", "123456", "--doc", "ut1234567"), True), (FIELDS, True)],
)
def test_without_the_zone_the_chip_alone_is_judged(
    chips: dict[str, Path], lab: Path, words: tuple[str, ...], fits: bool | None
) -> None:
    status, answer = read(chips["pace-cam"], *words, lab=lab)
    assert (status, answer["overall"]) == (0, "successful")
    assert answer["compared_with_page"] is False
    assert answer["document_number_fits"] is fits


def test_both_keys_may_be_given(chips: dict[str, Path], lab: Path) -> None:
    """A wrong CAN beside the right zone does no harm."""
    assert read(chips["pace-gm"], "--mrz", MRZ, "--can", "000000", lab=lab)[0] == 0


def test_another_number_than_the_one_asked_for(chips: dict[str, Path], lab: Path) -> None:
    status, answer = read(chips["pace-cam"], "--can", "123456", "--doc", "UT7654321", lab=lab)
    assert (status, answer["error"]["code"]) == (EXIT_NO, "DOCUMENT_NUMBER_DIFFERS")


def test_a_changed_chip_and_one_without_trust_are_answered_no(chips: dict[str, Path], lab: Path) -> None:
    status, answer = read(chips["tampered"], "--mrz", MRZ, lab=lab)
    assert (status, answer["overall"]) == (EXIT_NO, "failed")
    status, answer = read(chips["pace-gm"], "--mrz", MRZ)
    assert (status, answer["overall"], answer["trust"]["authorities"]) == (EXIT_NO, "undetermined", 0)


def test_a_wrong_key_is_an_error_with_its_code(chips: dict[str, Path], lab: Path) -> None:
    other = ("--doc", "UT1234567", "--birth", "900102", "--expiry", "340101")
    status, answer = read(chips["pace-only"], *other, lab=lab)
    assert (status, answer["error"]["code"]) == (EXIT_ERROR, "CARD_ACCESS_DENIED")
    assert answer["error"]["advice"]


@pytest.mark.parametrize(("kind", "code"), [("removed", "CARD_REMOVED"), ("hostile-silent", "CARD_SILENT")])
def test_what_was_read_before_the_end_is_kept(
    kind: str, code: str, chips: dict[str, Path], lab: Path, tmp_path: Path
) -> None:
    place = tmp_path / "out"
    status, answer = read(chips[kind], "--mrz", MRZ, "--out", str(place), lab=lab)
    assert (status, answer["error"]["code"], answer["aborted"]) == (EXIT_ERROR, code, True)
    assert answer["overall"] != "successful"
    assert {f"{name.replace('/', '-')}.bin" for name in answer["files"]} <= set(answer["written"])
    assert json.loads((place / "report.json").read_text())["error"]["code"] == code


class _InterruptedSlot:
    """A reader before which somebody presses Ctrl-C at the n-th command."""

    name = "interrupted"

    def __init__(self, path: Path, at: int) -> None:
        from hardware_mocks.link import InProcessSlot

        self._slot = InProcessSlot("inside")
        self._slot.insert(path)
        self._left = at

    def card_present(self) -> bool:
        return True

    def wait_for_card(self, timeout: float, cancel: object = None) -> bool:
        return True

    def wait_for_removal(self, timeout: float, cancel: object = None) -> bool:
        return False

    @contextmanager
    def connect(self) -> Iterator[BytesLink]:
        with self._slot.connect() as link:

            def transmit(raw: bytes) -> bytes:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGINT)
                return link._transmit(raw)

            yield BytesLink(transmit)


def test_an_interruption_stops_and_keeps_what_there_is(
    chips: dict[str, Path], lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = _InterruptedSlot(chips["pace-gm"], 15)
    monkeypatch.setattr("kiosk.drivers.open_slot", lambda uri, lab: slot)
    before = signal.getsignal(signal.SIGINT)
    status, answer = read("sim:any", "--mrz", MRZ, "--out", str(tmp_path / "out"), lab=lab)
    assert (status, answer["error"]["code"]) == (EXIT_INTERRUPTED, "CARD_CANCELLED")
    assert answer["steps"][-1]["outcome"] == "aborted"
    assert "EF.SOD" in answer["files"]
    assert "DG2" not in answer["files"]
    assert (tmp_path / "out" / "EF.SOD.bin").exists()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_portrait_that_is_no_picture_is_told_and_kept(lab: Path, tmp_path: Path) -> None:
    plan = load_plan("pace-gm")
    image = build_chip(plan, LabPki.open(lab).signer(UTOPIA))
    group = image.files["app/0102"]
    start = group.index(b"\xff\xd8\xff")
    broken = {**image.files, "app/0102": group[: start + 3] + bytes(len(group) - start - 3)}

    replace(image, files=broken).save(tmp_path / "card.json")
    status, answer = read(tmp_path / "card.json", "--mrz", MRZ, "--out", str(tmp_path / "out"), lab=lab)
    assert status == EXIT_NO  # the group is no longer the signed one
    assert answer["portraits"][0]["problem"] == "IMAGE_UNREADABLE"
    assert (tmp_path / "out" / "portrait.jpg").read_bytes() == broken["app/0102"][start:]
    assert not (tmp_path / "out" / "portrait.png").exists()


def test_a_directory_with_something_in_it_is_left_alone(
    chips: dict[str, Path], lab: Path, tmp_path: Path
) -> None:
    (tmp_path / "DG1.bin").write_bytes(b"mine")
    words = ("--mrz", MRZ, "--out", str(tmp_path))
    with pytest.raises(KioskError) as caught:
        read(chips["bac"], *words, lab=lab)
    assert caught.value.code is ErrorCode.USAGE
    assert (tmp_path / "DG1.bin").read_bytes() == b"mine"
    assert read(chips["bac"], *words, "--force", lab=lab)[0] == 0
    assert (tmp_path / "DG1.bin").read_bytes() != b"mine"


def test_a_trust_directory_that_is_not_there(chips: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(KioskError) as caught:
        read(chips["bac"], "--mrz", MRZ, "--trust", str(tmp_path / "none"))
    assert caught.value.code is ErrorCode.USAGE
    assert "none" in caught.value.detail


def test_a_production_home_reads_no_simulated_chip(chips: dict[str, Path], tmp_path: Path) -> None:
    create_production_home(tmp_path / "home", random=lambda count: bytes(range(count)))
    with pytest.raises(KioskError) as caught:
        read(chips["bac"], "--mrz", MRZ, home=tmp_path / "home")
    assert caught.value.code is ErrorCode.WORLD_REFUSED


def test_the_tree_for_people(chips: dict[str, Path], lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    words = ["read", "--reader", f"sim:{chips['tampered']}", "--mrz", MRZ, "--trust", str(lab / "trust")]
    args = parser.parse_args(words, argparse.Namespace(home=None, language="en", json=False))
    assert COMMAND.run(args, Output(as_json=False)) == EXIT_NO
    said = capsys.readouterr()
    assert said.out.startswith("! Failed\n")
    assert "[DG_HASH_MISMATCH]" in said.out
    assert "Opening the chip" in said.err


@pytest.mark.parametrize("between", ["\n", r"\n", "/", ",", " ", " / "])
def test_lines_may_be_parted_in_any_way(between: str) -> None:
    request = chip_request(mrz=between.join(LINES).lower())
    assert request.optical == parse(LINES)
    assert request.key.mrz_information == parse(LINES).access_information()


def test_key_fields_are_the_key_of_the_zone() -> None:
    request = chip_request(number="UT1234567", birth="900101", expiry="340101")
    assert request.key.mrz_information == parse(LINES).access_information()
    assert request.optical is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, ErrorCode.USAGE),
        ({"number": "UT1234567"}, ErrorCode.USAGE),
        ({"number": "UT1234567", "birth": "900101"}, ErrorCode.USAGE),
        ({"can": "123456", "birth": "900101"}, ErrorCode.USAGE),
        ({"number": "UT 1", "birth": "900101", "expiry": "340101"}, ErrorCode.USAGE),
        ({"number": "UT1", "birth": "900101", "expiry": "2034"}, ErrorCode.USAGE),
        ({"can": "12E456"}, ErrorCode.USAGE),
        ({"mrz": MRZ, "birth": "900101"}, ErrorCode.USAGE),
        ({"mrz": "P<UTO"}, ErrorCode.MRZ_INVALID),
    ],
)
def test_too_little_or_too_much_is_refused(fields: dict[str, str], code: ErrorCode) -> None:
    with pytest.raises(KioskError) as caught:
        chip_request(**fields)
    assert caught.value.code is code
