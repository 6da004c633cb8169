"""Random people's cards, printed and photographed, read back exactly; a thousand by `make seals`."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from seal_people import Camera, lab, person, printed, problem, trust


def run(folder: Path, numbers: range) -> Counter[str]:
    """How many ended how; "" is good. Prints whoever did not come back."""
    pki = lab(folder / "pki")
    store, camera, ends = trust(pki), Camera(), Counter[str]()
    for number in numbers:
        someone = person(number, pki)
        found = problem(someone, store, camera.read(printed(someone), str(number)))
        ends[found] += 1
        if found:
            print(f"person {number}: {found}")
    return ends


def test_a_few_random_people_read_back_exactly(tmp_path: Path) -> None:
    assert run(tmp_path, range(5)) == {"": 5}


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_a_thousand_random_people_read_back_exactly(tmp_path: Path) -> None:
    assert run(tmp_path, range(1000)) == {"": 1000}


def test_people_are_of_all_kinds(tmp_path: Path) -> None:
    pki = lab(tmp_path / "pki")
    people = [person(number, pki).card for number in range(60)]
    assert any(card.birth is None for card in people)
    assert any(not card.given_names for card in people)
    assert any(len(card.surname) > 30 for card in people)
    assert any("Қ" in card.national_name or "Ү" in card.national_name for card in people)
    assert any(card.national_name >= "\u0600" for card in people if card.national_name)
    assert {len(line) for card in people for line in card.mrz_lines} == {30}
    assert person(7, pki) == person(7, pki)
