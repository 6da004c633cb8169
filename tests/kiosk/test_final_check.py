"""The final check: what is a difference between print, chip and case, and what only a bad picture."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from crypto.pki_lab import LabPki
from crypto.seals import seal_text
from crypto.trust import TrustStore
from kiosk.domain.card import CardJob
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Frame
from kiosk.workflow import final_check
from kiosk.workflow.card_data import sign_card_seal
from kiosk.workflow.desk import Desk
from kiosk.workflow.final_check import Printed, differences, look

sys.path.insert(0, str(Path(__file__).parent))
from seal_people import NOW, Person, lab, person, trust

LINES = ("A" * 30, "B" * 30, "C" * 30)
OTHER = ("A" * 30, "B" * 30, "D" * 30)


def desk(zones: Sequence[tuple[str, ...]], texts: Sequence[str]) -> Desk:
    """A camera whose pictures read as told, one after the other; the last again and again."""
    zone, text = _last_again(zones), _last_again(texts)
    frame = Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0)

    made: Any = SimpleNamespace(
        camera=SimpleNamespace(read=lambda _timeout: frame),
        proof=SimpleNamespace(read_zone=lambda _image: next(zone), read_symbol=lambda _image: next(text)),
    )
    return cast(Desk, made)


def _last_again(values: Sequence[Any]) -> Iterator[Any]:
    yield from values
    while True:
        yield values[-1]


def test_as_expected_settles_at_once() -> None:
    assert look(desk([(), LINES], ["", "TEXT"]), LINES, "TEXT", None) == Printed(LINES, "TEXT")


def test_misread_frames_spoil_nothing() -> None:
    assert look(desk([OTHER, OTHER, LINES], ["NOISE", "NOISE", "TEXT"]), LINES, "TEXT", None) == Printed(
        LINES, "TEXT"
    )


def test_a_difference_read_thrice_is_told() -> None:
    assert look(desk([OTHER], ["OTHER"]), LINES, "TEXT", None) == Printed(OTHER, "OTHER")


def test_an_unreadable_card_is_not_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final_check, "LOOK_TIMEOUT", 0.0)
    with pytest.raises(KioskError) as raised:
        look(desk([LINES], [""]), LINES, "TEXT", None)
    assert (raised.value.code, raised.value.detail) == (ErrorCode.FINAL_CHECK_UNREADABLE, "seal")


def test_looking_can_be_cancelled() -> None:
    cancel = Event()
    cancel.set()
    with pytest.raises(KioskError) as raised:
        look(desk([()], [""]), LINES, "TEXT", cancel)
    assert raised.value.code is ErrorCode.CANCELLED


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LabPki:
    return lab(tmp_path_factory.mktemp("final") / "pki")


@pytest.fixture(scope="module")
def store(pki: LabPki) -> TrustStore:
    return trust(pki)


def found(someone: Person, store: TrustStore, **changed: Any) -> tuple[str, ...]:
    """Differences of a perfect card, with something changed."""
    job = CardJob("1", changed.get("card", someone.card))
    seen = Printed(changed.get("lines", someone.card.mrz_lines), changed.get("text", someone.text))
    files = {"EF.SOD": changed.get("sod", someone.sod)}
    return differences(job, seen, files, store, NOW)


def test_a_good_card_has_no_difference(pki: LabPki, store: TrustStore) -> None:
    for number in range(5):
        assert found(person(number, pki), store) == ()


def test_every_difference_is_found(pki: LabPki, store: TrustStore) -> None:
    one, other = person(1, pki), person(2, pki)
    assert found(one, store, lines=other.card.mrz_lines) == ("zone",)
    assert found(one, store, sod=other.sod) == ("chip",)
    assert found(one, store, text=other.text) == ("chip", "seal")
    assert found(one, store, text="HTTPS://EXAMPLE.ORG") == ("seal",)
    assert found(one, TrustStore()) == ("seal UNKNOWN_CERTIFICATE",)
    signer = pki.signer("KZ", "seal")
    for change in (
        {"passport_number": "ZZ9"},
        {"stay_until": date(2030, 1, 1)},
        {"category": "OTHER"},
        {"entry_post": "Elsewhere"},
    ):
        altered = seal_text(sign_card_seal(replace(one.card, **change), one.sod, signer, NOW))
        assert found(one, store, text=altered) == ("seal",), change
