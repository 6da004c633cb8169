"""`shekara seal verify`: printed cards, published samples in other symbols, and the exit status."""

import argparse
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crypto.pki_lab import LabPki
from crypto.seals import PROFILES, SubIndication, seal_bytes, seal_text
from kiosk.capture.symbols import read_qr, read_symbols
from kiosk.cli.command import Output
from kiosk.cli.seal import SealCommand
from kiosk.errors import ErrorCode, KioskError
from kiosk.messages import LANGUAGES, known_codes, known_labels
from kiosk.printing import symbol

sys.path.insert(0, str(Path(__file__).parent))
from seal_people import NOW, Person, lab, person, photographed, printed

SAMPLES = json.loads((Path(__file__).parents[1] / "vectors" / "seals.json").read_text("utf-8"))["samples"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    return lab(tmp_path_factory.mktemp("seal") / "pki")


@pytest.fixture(scope="module")
def someone(pki: LabPki) -> Person:
    return person(3, pki)


def verify(given: str | Path, trust: Path, *, as_json: bool = True) -> tuple[int, Any]:
    parser = argparse.ArgumentParser()
    command = SealCommand(lambda: NOW)
    command.configure(parser)
    args = parser.parse_args(["verify", str(given), "--trust", str(trust)])
    args.language, args.home = None, None
    written = StringIO()
    out = Output(as_json=as_json, stream=written)
    status = command.run(args, out)
    out.finish()
    return status, json.loads(written.getvalue()) if as_json else written.getvalue()


def test_a_photographed_card_is_valid(pki: LabPki, someone: Person, tmp_path: Path) -> None:
    picture = tmp_path / "card.jpg"
    cv2.imwrite(str(picture), photographed(printed(someone), "cli"))
    pytest.importorskip("zxingcpp")
    status, answer = verify(picture, pki.trust_directory)
    assert (status, answer["status"], answer["sub_indication"]) == (0, "VALID", None)
    assert answer["fields"]["mrz"].split("\n") == list(someone.card.mrz_lines)
    assert answer["fields"]["passport_number"] == someone.card.passport_number
    assert answer["fields"]["stay_until"] == someone.card.stay_until.isoformat()
    assert answer["zone"] in ("consistent", "not compared")
    assert (answer["symbol"], answer["profile"], answer["signer"]) == ("QR", "migrant-card", "KZLB")
    assert verify(picture, tmp_path)[1]["sub_indication"] == "UNKNOWN_CERTIFICATE"


def test_a_seal_on_another_zone_is_refused(pki: LabPki, tmp_path: Path) -> None:
    """A genuine seal cut out and stuck on another card."""
    pytest.importorskip("zxingcpp")
    one, other = person(3, pki), person(11, pki)
    forged = printed(Person(other.card, one.text, one.sod))
    picture = tmp_path / "forged.png"
    cv2.imwrite(str(picture), cv2.cvtColor(forged, cv2.COLOR_RGB2BGR))
    status, answer = verify(picture, pki.trust_directory)
    assert (status, answer["status"], answer["zone"]) == (1, "VALID", "different")


def test_a_text_is_enough(pki: LabPki, someone: Person) -> None:
    assert verify(someone.text, pki.trust_directory)[0] == 0
    status, told = verify(someone.text, pki.trust_directory, as_json=False)
    assert status == 0
    assert told.startswith("VALID: ")
    data = bytearray(seal_bytes(someone.text))
    data[-1] ^= 1
    status, answer = verify(seal_text(bytes(data)), pki.trust_directory)
    assert (status, answer["sub_indication"]) == (1, "INVALID_SIGNATURE")
    status, answer = verify("KZS1:abc", pki.trust_directory)
    assert (status, answer["sub_indication"]) == (1, "WRONG_FORMAT")


def test_without_a_seal_the_status_is_three(pki: LabPki, tmp_path: Path) -> None:
    pytest.importorskip("zxingcpp")
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((400, 600), 255, np.uint8))
    status, answer = verify(blank, pki.trust_directory)
    assert (status, answer["status"], answer["sub_indication"]) == (3, "INVALID", "READ_ERROR")
    other = tmp_path / "other.png"
    symbol.draw("HTTPS://EXAMPLE.ORG", 400, 300).save(other)
    assert verify(other, pki.trust_directory)[0] == 3
    status, answer = verify(tmp_path / "none.png", pki.trust_directory)
    assert (status, answer["error"]["code"]) == (3, "IMAGE_UNREADABLE")
    status, answer = verify(blank, tmp_path / "no such")
    assert (status, answer["error"]["code"]) == (3, "USAGE")


@pytest.mark.parametrize("kind", ["DataMatrix", "Aztec", "QRCode"])
@pytest.mark.parametrize("name", SAMPLES)
def test_published_samples_decode_from_their_symbols(
    name: str, kind: str, pki: LabPki, tmp_path: Path
) -> None:
    zxing = pytest.importorskip("zxingcpp")
    data = bytes.fromhex(SAMPLES[name]["bytes"])
    made = zxing.create_barcode(data, getattr(zxing.BarcodeFormat, kind))
    pixels = np.pad(np.array(made.to_image(scale=4, add_quiet_zones=True)), 24, constant_values=255)
    (found,) = read_symbols(pixels)
    assert (found.kind, found.payload) == (kind.removesuffix("Code"), data)
    if kind == "DataMatrix":
        cv2.imwrite(str(tmp_path / "sample.png"), pixels)
        status, answer = verify(tmp_path / "sample.png", pki.trust_directory)
        assert (status, answer["sub_indication"]) == (1, "UNKNOWN_CERTIFICATE")
        assert (answer["profile"], answer["fields"]) == (name, SAMPLES[name]["fields"])


def test_small_symbols_get_a_second_look(someone: Person) -> None:
    picture = np.asarray(symbol.draw(someone.text, 400, 300).convert("L"))
    small = np.asarray(cv2.resize(picture, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA), np.uint8)
    assert [found.payload.decode() for found in read_qr(small)] == [someone.text]


@pytest.mark.parametrize("missing", ["pyzbar", "zxingcpp"])
def test_a_missing_decoder_has_its_code(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(KioskError) as raised:
        read_symbols(np.full((60, 60), 255, np.uint8))
    assert raised.value.code is ErrorCode.DEPENDENCY_MISSING


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_and_feature_has_words(language: str) -> None:
    wanted = {f"SEAL_{sub.value}" for sub in SubIndication} | {"SEAL_VALID", "SEAL_ZONE_DIFFERENT"}
    assert wanted <= known_codes(language)
    features = {f"seal.{rule.name}" for profile in PROFILES.values() for rule in profile.rules.values()}
    assert features <= known_labels(language)
