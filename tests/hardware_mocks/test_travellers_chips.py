"""A traveller may carry any kind of chip; the tester guide has a line for each."""

import copy
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from card_io.lds import mrz
from card_io.lds.data_groups import parse_dg1
from card_io.lds.face import parse_dg2
from crypto.pki_lab import LabPki
from crypto.sod import SecurityObject
from hardware_mocks import documents
from hardware_mocks.chip import CardImage
from hardware_mocks.chip_plan import kinds, load_plan, purpose
from hardware_mocks.documents import Specimen
from hardware_mocks.papers import Papers
from hardware_mocks.portraits import Look
from hardware_mocks.scenario import Scenario, parse_scenario
from kiosk.errors import ErrorCode, KioskError
from tests.card_io.chip_bench import NOW

GUIDE = Path(__file__).parents[2] / "docs" / "tester-guide.md"
DEMO = tomllib.loads(resources.files("hardware_mocks").joinpath("scenarios/demo.toml").read_text("utf-8"))


def scenario(kind: str | None, **passport: Any) -> Scenario:
    """The demo's first traveller, with that chip."""
    table = copy.deepcopy(DEMO)
    table["traveller"] = table["traveller"][:1]
    if kind is not None:
        table["traveller"][0]["chip"] = kind
    table["traveller"][0]["passport"] |= passport
    return parse_scenario(table)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    folder = tmp_path_factory.mktemp("lab") / "pki"
    return LabPki.create(folder, seed="travellers", now=NOW, countries=("KZ", "UZ"))


@pytest.fixture(autouse=True)
def quick_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is not asked here, only whose it is."""
    monkeypatch.setattr(documents, "portrait_jpeg", face)
    monkeypatch.setattr(Specimen, "page", lambda specimen: Image.new("RGB", (8, 8)))


def face(look: Look) -> bytes:
    return b"\xff\xd8\xff\xe0" + look.seed.encode() + bytes(100) + b"\xff\xd9"


@pytest.mark.parametrize("kind", kinds())
def test_chip_of_every_kind_holds_the_travellers_data(kind: str, lab: LabPki) -> None:
    specimen = Specimen(scenario(kind).traveller[0], "test/0")
    image, plan = specimen.chip(lab), load_plan(kind)
    assert image.behaviour.to_mapping().keys() == plan.behaviour.to_mapping().keys()
    assert image.bac is plan.bac
    assert image.pace is bool(plan.pace)
    assert image.can == (plan.can or None)
    spoilt = {plan.tamper, *plan.bombs, *plan.nested, *plan.missing}
    if "DG1" not in spoilt:
        assert parse_dg1(image.files["app/0101"]) == mrz.parse(specimen.lines)
    if "DG2" not in spoilt:
        assert parse_dg2(image.files["app/0102"])[0].image == face(specimen.holder)
    if "EF.SOD" not in spoilt:
        signed = SecurityObject.parse(image.files["app/011D"])
        assert signed.document_signer == lab.signer("UZ").certificate
        assert set(signed.hashes) >= {1, 2}
    assert CardImage.from_json(image.to_json()) == image


def test_each_traveller_has_keys_of_their_own(lab: LabPki) -> None:
    first, second = (Specimen(scenario("ca-ecdh").traveller[0], key).chip(lab) for key in ("a", "b"))
    assert first.ca_keys != second.ca_keys
    assert first.cplc != second.cplc
    assert first.rng_seed != second.rng_seed


def test_papers_of_another_kind_are_other_papers(lab: LabPki, tmp_path: Path) -> None:
    taken = [Papers(tmp_path, scenario(kind), lab).take(0) for kind in (None, "pace-cam", "bac", "pace-cam")]
    assert len({page for page, _ in taken}) == len({chip for _, chip in taken}) == 3
    assert taken[1] == taken[3]


@pytest.mark.parametrize(
    ("kind", "passport"), [("no-such", {}), ("bac", {"tamper": "DG2"}), ("bac", {"chip": False})]
)
def test_impossible_chips_are_refused(kind: str, passport: dict[str, Any]) -> None:
    with pytest.raises(KioskError) as caught:
        scenario(kind, **passport)
    assert caught.value.code is ErrorCode.SCENARIO_INVALID
    assert "traveller[0].chip" in caught.value.detail


def test_the_guide_has_one_line_for_each_kind() -> None:
    """As the first line of its file says it."""
    table = GUIDE.read_text("utf-8").partition("| Kind | What it is |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", table, re.MULTILINE)
    assert listed == [(kind, purpose(kind)) for kind in kinds()]
