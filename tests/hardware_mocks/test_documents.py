"""Specimen passports: page and chip say the same, and the lab's signature holds or breaks as told."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from card_io.lds import data_groups, mrz
from card_io.lds.face import parse_dg2
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, PassiveAuthentication, TrustStore, passive_authentication
from hardware_mocks import drawing, pages
from hardware_mocks.chip import CardImage
from hardware_mocks.documents import Specimen
from hardware_mocks.scenario import load_scenario

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
PLAN = load_scenario(None)
ALL = [Specimen(traveller, f"test/{n}") for n, traveller in enumerate(PLAN.traveller)]
TAMPERED = next(s for s in ALL if s.traveller.passport.tamper)
SOUND = ALL[0]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    return LabPki.create(tmp_path_factory.mktemp("lab") / "pki", seed="documents", now=NOW)


def groups_of(image: CardImage) -> dict[int, bytes]:
    return {
        int(name[-2:], 16): content for name, content in image.files.items() if name.startswith("app/010")
    }


def judged(image: CardImage, lab: LabPki) -> PassiveAuthentication:
    return passive_authentication(
        sod=image.files["app/011D"],
        data_groups=groups_of(image),
        listed_in_com=None,
        store=TrustStore.from_directory(lab.trust_directory),
        now=NOW,
        document_code="P",
        issuing_state=data_groups.parse_dg1(image.files["app/0101"]).issuer,
        card_access=image.files.get("mf/011C"),
    )


@pytest.mark.parametrize("specimen", ALL, ids=lambda s: s.traveller.title)
def test_the_mrz_is_valid_and_names_the_traveller(specimen: Specimen) -> None:
    read = mrz.parse(specimen.lines)
    person, passport = specimen.traveller.person, specimen.traveller.passport
    assert read.valid
    assert (read.issuer, read.document_number, read.nationality) == (
        passport.state,
        passport.number,
        person.nationality,
    )
    assert (read.surname, read.given_names) == (person.surname, person.given_names)


@pytest.mark.parametrize("specimen", ALL, ids=lambda s: s.traveller.title)
def test_the_chip_repeats_the_page_and_its_signature_is_judged_right(specimen: Specimen, lab: LabPki) -> None:
    image = specimen.chip(lab)
    assert data_groups.parse_dg1(image.files["app/0101"]).text == "".join(specimen.lines)
    assert image.bac == specimen.traveller.passport.bac
    assert image.pace == specimen.traveller.passport.pace
    assert ("mf/011C" in image.files) == specimen.traveller.passport.pace
    verdict = judged(image, lab)
    if specimen.traveller.passport.tamper:
        assert verdict.outcome is Outcome.FAILED
        found = {(f.reason.value, f.detail) for check in verdict.checks for f in check.findings}
        assert ("DG_HASH_MISMATCH", "DG2") in found
    else:
        assert verdict.outcome is Outcome.SUCCESSFUL


def test_a_swapped_portrait_is_still_a_picture_and_stands_on_the_page(lab: LabPki) -> None:
    face = parse_dg2(TAMPERED.chip(lab).files["app/0102"])[0]
    assert face.image.startswith(b"\xff\xd8\xff")
    assert TAMPERED.shown != TAMPERED.holder
    assert SOUND.shown == SOUND.holder


def test_the_national_name_is_in_dg11(lab: LabPki) -> None:
    details = data_groups.parse_dg11(SOUND.chip(lab).files["app/010B"])
    person = SOUND.traveller.person
    assert details.full_name == (person.national_surname, person.national_given_names)


def test_page_and_chip_repeat_to_the_byte(lab: LabPki) -> None:
    again = Specimen(SOUND.traveller, SOUND.key)
    assert again.chip(lab) == SOUND.chip(lab)
    first = SOUND.page().tobytes()
    pages._background.cache_clear()
    assert again.page().tobytes() == first
    assert Specimen(SOUND.traveller, "another seed").chip(lab) != SOUND.chip(lab)


def test_the_page_has_its_size_and_the_mrz_its_pitch() -> None:
    page = SOUND.page()
    assert page.size == (1476, 1039)
    zone = page.crop((0, 780, 1476, 1039)).convert("L").point([255 if v < 90 else 0 for v in range(256)])
    left, _, right, _ = zone.getbbox() or (0, 0, 0, 0)
    millimetres = (right - left) / pages.DPI * 25.4
    assert abs(millimetres - 44 * pages.MRZ_PITCH_MM) < 2.0


def test_ideographs_are_left_out_without_their_font(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(drawing._FONTS, "cjk", (tmp_path / "none.ttc", "fonts-noto-cjk"))
    chinese = next(s for s in ALL if s.traveller.passport.state == "CHN")
    assert isinstance(chinese.page(), Image.Image)


def test_every_group_can_be_tampered_with(lab: LabPki) -> None:
    for group in ("DG1", "DG11"):
        passport = dataclasses.replace(SOUND.traveller.passport, tamper=group)
        changed = Specimen(dataclasses.replace(SOUND.traveller, passport=passport), SOUND.key).chip(lab)
        different = [n for n in changed.files if changed.files[n] != SOUND.chip(lab).files[n]]
        assert different == [f"app/{0x100 + int(group[2:]):04X}"]
