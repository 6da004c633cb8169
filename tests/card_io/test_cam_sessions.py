"""Chip authentication mapping over a whole read: every session of it must prove the same key."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from card_io.apdu import BytesLink, Command, Response
from card_io.emrtd.access import AccessKey, AccessResult
from card_io.emrtd.cam import ChipAuthenticationMappingResult, same_chip
from card_io.emrtd.card_security import CARD_SECURITY, CHIP_AUTHENTICATION_MAPPING
from card_io.emrtd.reader import Progress, ReadResult, read_document
from card_io.emrtd.report import inspect
from card_io.errors import Cancelled, CardErrorCode
from card_io.lds import mrz
from crypto.pki_lab import LabPki
from crypto.trust import Outcome, TrustStore
from hardware_mocks.chip import Card
from hardware_mocks.chip_build import build_chip
from hardware_mocks.chip_plan import load_plan

O = Outcome  # noqa: E741
PLAN = load_plan("pace-cam")
MRZ = mrz.parse(PLAN.lines)
KEY = AccessKey(mrz_information=MRZ.access_information())


@pytest.fixture(scope="module")
def utopia(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> LabPki:
    folder: Path = tmp_path_factory.mktemp("utopia") / "pki"
    return LabPki.create(folder, seed="cam", now=now, countries=("UT",))


def chip(lab: LabPki, name: str = PLAN.name) -> BytesLink:
    card = Card(build_chip(replace(PLAN, name=name), lab.signer("UT")))
    card.power_on()
    return BytesLink(card.transmit)


class Breaking:
    """A link whose session ends at one protected command; what comes after is `after`'s."""

    def __init__(self, link: BytesLink, after: BytesLink, at: int) -> None:
        self.link, self.after, self.left = link, after, at
        self.commands = 0

    def send(self, command: Command) -> Response:
        self.commands += 1
        if command.cla & 0x0C:
            self.left -= 1
            if self.left == 0:
                self.link = self.after
                return Response(b"", 0x6988)
        return self.link.send(command)


def read(link: object, **options: object) -> ReadResult:
    return read_document(link, KEY, random=secrets.token_bytes, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [2, 12, 25])
def test_the_same_chip_after_a_break(at: int, utopia: LabPki, now: datetime) -> None:
    link = chip(utopia)
    result = read(Breaking(link, link, at))
    report = inspect(
        result,
        store=TrustStore.from_directory(utopia.trust_directory, loaded_at=now),
        now=now,
        optical=MRZ,
    )
    assert result.access is not None
    assert result.access.chip_mapping is not None
    assert result.access.chip_mapping.outcome is O.SUCCESSFUL
    assert (report.overall, report.chip_is_genuine) == (O.SUCCESSFUL, True)


def test_another_chip_after_a_break(utopia: LabPki, now: datetime) -> None:
    """The second chip is as genuine as the first, and another one."""
    result = read(Breaking(chip(utopia), chip(utopia, "twin"), 25))
    report = inspect(
        result,
        store=TrustStore.from_directory(utopia.trust_directory, loaded_at=now),
        now=now,
        optical=MRZ,
    )
    found = {item.name: item.outcome for item in report.groups["chip_authenticity"]}
    assert found[CARD_SECURITY] is O.SUCCESSFUL
    assert found[CHIP_AUTHENTICATION_MAPPING] is O.FAILED
    assert (report.overall, report.chip_is_genuine) == (O.FAILED, False)


def result(
    outcome: Outcome = O.SUCCESSFUL, key: bytes = b"key", file: bytes = b"file"
) -> ChipAuthenticationMappingResult:
    return ChipAuthenticationMappingResult("PACE", outcome, "", file, key)


@pytest.mark.parametrize(
    ("former", "latter", "outcome"),
    [
        (result(), result(), O.SUCCESSFUL),
        (result(), result(key=b"other"), O.UNDETERMINED),
        (result(), result(key=b"other", file=b"other"), O.FAILED),
        (result(), result(O.UNDETERMINED), O.UNDETERMINED),
        (result(O.UNDETERMINED), result(), O.UNDETERMINED),
        (result(O.FAILED), result(), O.FAILED),
        (result(), result(O.FAILED), O.FAILED),
        (result(), None, O.UNDETERMINED),
        (None, result(), O.UNDETERMINED),
        (None, result(O.FAILED), O.FAILED),
    ],
)
def test_two_sessions_together(
    former: ChipAuthenticationMappingResult | None,
    latter: ChipAuthenticationMappingResult | None,
    outcome: Outcome,
) -> None:
    both = same_chip(former, latter)
    assert both is not None
    assert both.outcome is outcome


def test_a_session_by_bac_takes_the_proof_away() -> None:
    first = AccessResult("PACE-ECDH-CAM-AES-128", chip_mapping=result())
    second = AccessResult("BAC", fallback=True).after(first)
    assert second.chip_mapping is not None
    assert (second.protocol, second.chip_mapping.outcome) == ("BAC", O.UNDETERMINED)
    assert AccessResult("BAC").after(AccessResult("BAC")) == AccessResult("BAC")
    assert AccessResult("BAC").after(None).chip_mapping is None


def watched(seen: list[Progress]) -> Callable[[Progress], None]:
    return seen.append


def test_card_security_has_progress(utopia: LabPki) -> None:
    seen: list[Progress] = []
    files = read(chip(utopia), on_progress=watched(seen)).files
    of_file = [(item.done, item.total) for item in seen if item.file == "EF.CardSecurity"]
    assert of_file[-1] == (len(files["EF.CardSecurity"]),) * 2
    assert {item.phase for item in seen if item.file == "EF.CardSecurity"} == {"access"}


@pytest.mark.parametrize("at", [1, 3, 5, 8, 20])
def test_a_read_stops_before_any_command(at: int, utopia: LabPki) -> None:
    cancel, link = threading.Event(), chip(utopia)

    class Stopping(Breaking):
        def send(self, command: Command) -> Response:
            if self.commands == at - 1:
                cancel.set()
            return super().send(command)

    stopping = Stopping(link, link, 0)
    result = read(stopping, cancel=cancel)
    assert stopping.commands == at
    assert isinstance(result.problem, Cancelled)
    assert result.aborted
    assert result.steps[-1].problem is CardErrorCode.CARD_CANCELLED


def test_a_missing_card_security_is_a_file_problem(utopia: LabPki) -> None:
    image = build_chip(PLAN, utopia.signer("UT"))
    card = Card(replace(image, files={k: v for k, v in image.files.items() if k != "mf/011D"}))
    card.power_on()
    result = read(BytesLink(card.transmit))
    assert result.file_problems["EF.CardSecurity"] is CardErrorCode.CARD_FILE_MISSING
    assert result.access is not None
    assert result.access.chip_mapping is not None
    assert result.access.chip_mapping.outcome is O.UNDETERMINED
