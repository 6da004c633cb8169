"""The session on an opened desk: who may do what, what is refused, and how trouble ends."""

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from crypto.errors import CryptoError, CryptoErrorCode, KeyUnavailable
from crypto.seals import seal_text
from crypto.signer import Signer
from kiosk.bootstrap import Kiosk, create_lab_home, open_kiosk
from kiosk.bootstrap.rehearsal import scenario_basis
from kiosk.domain.card import JobState
from kiosk.domain.cases import DecisionOutcome
from kiosk.domain.roles import Role
from kiosk.domain.stay import EntitlementReason
from kiosk.domain.stock import BlankState
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Frame, Guidance, KeyCandidate, PageScan, RehearsalDesk
from kiosk.printing.press import CardPainter
from kiosk.workflow.desk import Operator
from kiosk.workflow.flow import replay
from kiosk.workflow.session import Session

sys.path.insert(0, str(Path(__file__).parent))
from desk_runs import write_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("session")]


def opened(tmp_path: Path, faults: str = "") -> Kiosk:
    scenario = write_scenario(tmp_path / "s.toml", faults, travellers=2)
    basis = scenario_basis(scenario)
    home = tmp_path / "home"
    create_lab_home(home, random=secrets.token_bytes, seed=basis.seed, now=basis.start)
    return open_kiosk(home, scenario=scenario, in_process=True, embedded_registry=False)


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    desk = opened(tmp_path_factory.mktemp("session"))
    yield desk
    desk.close()


@pytest.fixture
def desk(kiosk: Kiosk) -> Iterator[RehearsalDesk]:
    assert kiosk.desk is not None
    yield kiosk.desk
    kiosk.desk.withdraw()


def inspected(kiosk: Kiosk, role: Role, traveller: int = 0) -> Session:
    """A session of that role with a green document and a known right of stay."""
    session = kiosk.session("someone", role)
    session.open_case()
    assert kiosk.desk is not None
    kiosk.desk.present(traveller)
    session.scan_document(timeout=20)
    session.read_chip()
    session.assess_stay()
    session.declare(kiosk.desk.travellers[traveller].declaration)
    return session


def granted(kiosk: Kiosk, traveller: int = 0) -> Session:
    session = inspected(kiosk, Role.TESTER, traveller)
    session.decide(DecisionOutcome.GRANTED, "STAY_WITHIN_RULE")
    return session


def code_of(raised: pytest.ExceptionInfo[KioskError]) -> ErrorCode:
    return raised.value.code


def test_a_guard_decides_but_does_not_personalise(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    session = inspected(kiosk, Role.BORDER_GUARD)
    assert session.grant_obstacle() == ""
    case = session.decide(DecisionOutcome.GRANTED, "STAY_WITHIN_RULE")
    assert case.entitlement is not None
    assert EntitlementReason.HISTORY_UNKNOWN in case.entitlement.reasons  # the registry is off
    with pytest.raises(KioskError) as refused:
        session.reserve_card()
    assert code_of(refused) is ErrorCode.ROLE_NOT_ALLOWED
    operator = kiosk.session("operator", Role.CARD_OPERATOR)
    operator.resume(case.id)
    assert operator.next_step() == "reserve_card"
    assert operator.reserve_card().job is not None
    with pytest.raises(KioskError) as also:
        operator.open_case()
    assert code_of(also) is ErrorCode.ROLE_NOT_ALLOWED


def test_a_typed_zone_needs_a_second_person(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    reader = inspected(kiosk, Role.TESTER)
    assert reader.case is not None
    assert reader.case.page is not None
    assert reader.case.document is not None
    lines = reader.case.page.mrz_lines
    session = kiosk.session("guard", Role.BORDER_GUARD)
    session.open_case()
    with pytest.raises(KioskError) as wrong:
        session.type_mrz((lines[0], "9" + lines[1][1:]))
    assert code_of(wrong) is ErrorCode.MRZ_INVALID
    case = session.type_mrz(lines, "Турсунов,  Азизбек")
    assert case.document is not None
    assert case.document.national_name == "Турсунов, Азизбек"
    assert case.document.surname == reader.case.document.surname
    case = session.read_chip()
    session.assess_stay()
    session.declare(desk.travellers[0].declaration)
    assert case.inspection is not None
    assert case.inspection.overall == "undetermined"
    assert session.grant_obstacle() == "GRANT_VERDICT_UNCERTAIN"
    with pytest.raises(KioskError) as refused:
        session.decide(DecisionOutcome.GRANTED, "X")
    assert code_of(refused) is ErrorCode.GRANT_VERDICT_UNCERTAIN
    second = kiosk.session("second", Role.SECOND_LINE)
    second.resume(case.id)
    assert second.decide(DecisionOutcome.GRANTED, "CHECKED_BY_HAND").decision is not None


class UnsureReader:
    """Reads the real page, but takes one character of the number for another; the right key comes second."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        number, rest = lines[1][:9], lines[1][9:]
        self.lines = (lines[0], number[:-1] + "Q" + rest)
        dates = (lines[1][13:19], lines[1][21:27])
        self.keys = tuple(KeyCandidate(n, *dates, 0.5) for n in (self.lines[1][:9], number))

    def restart(self) -> None: ...

    def read(self, frame: Frame) -> PageScan | Guidance:
        return PageScan(self.lines, 0.8, ((1, 8),), (), b"", b"", keys=self.keys)


def test_an_unsure_page_opens_the_chip_with_its_second_key(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    sure = inspected(kiosk, Role.TESTER)
    assert sure.case is not None
    assert sure.case.page is not None
    lines = sure.case.page.mrz_lines
    ports = replace(kiosk.ports, page_reader=UnsureReader(lines))
    session = Session(ports, Operator("guard", Role.BORDER_GUARD))
    session.open_case()
    session.scan_document()
    case = session.read_chip()
    assert case.page is not None
    assert case.page.mrz_lines != lines  # what was read stays what was read
    assert case.document is not None
    assert case.document.mrz_lines == lines  # DG1 is the final word
    assert case.inspection is not None
    assert case.inspection.chip_read
    assert case.inspection.overall == "undetermined"
    found = str(case.inspection.report)
    assert "ACCESS_OTHER_KEY" in found
    assert "MRZ_RESOLVED" in found
    assert replay(kiosk.store.events(case.id)).inspection == case.inspection


def test_without_a_chip_there_is_no_green(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    reader = inspected(kiosk, Role.TESTER)
    assert reader.case is not None
    assert reader.case.page is not None
    desk.withdraw()
    session = kiosk.session("guard", Role.BORDER_GUARD)
    session.open_case()
    session.type_mrz(reader.case.page.mrz_lines, "Турсунов, Азизбек")
    case = session.read_chip(timeout=0.2)
    assert case.document is not None
    assert case.document.national_name == "Турсунов, Азизбек"  # no chip that could say another
    assert replay(kiosk.store.events(case.id)).document == case.document
    assert case.inspection is not None
    assert not case.inspection.chip_read
    assert case.inspection.overall != "successful"
    assert session.grant_obstacle().startswith("GRANT_VERDICT")


def test_an_absent_page_is_reported_and_the_case_goes_on(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    session = kiosk.session("guard", Role.BORDER_GUARD)
    session.open_case()
    with pytest.raises(KioskError) as missing:
        session.scan_document(timeout=0.5)
    assert code_of(missing) is ErrorCode.MRZ_NOT_FOUND
    assert session.next_step() == "scan_document"


def test_another_card_in_the_encoder_is_not_handed_out(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    session = granted(kiosk)
    session.reserve_card()
    first = desk.insert_blank()
    session.draw_blank()
    session.personalise()
    session.print_card()
    desk.take_card()
    other = desk.insert_blank()
    assert other != first
    with pytest.raises(KioskError) as swapped:
        session.check_card()
    assert code_of(swapped) is ErrorCode.FINAL_CHECK_DIFFERENT
    case = session.case
    assert case is not None
    assert case.jobs[-1].state is JobState.SPOILED
    assert case.jobs[-1].spoil_reason == "FINAL_CHECK_DIFFERENT"
    assert case.job is None
    assert kiosk.store.blank_state(first) is BlankState.SPOILED
    assert kiosk.store.blank_state(other) is BlankState.LOADED
    session.reserve_card()
    session.draw_blank()
    assert session.case is not None
    assert session.case.job is not None
    assert session.case.job.chip_serial == other
    session.spoil("TEST_OVER")
    desk.take_card()


def test_a_print_that_says_something_else_spoils_the_card(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    session = granted(kiosk)
    session.reserve_card()
    serial = desk.insert_blank()
    session.draw_blank()
    session.personalise()
    case = session.print_card()
    assert case.job is not None
    lines = case.job.card.mrz_lines
    card = replace(case.job.card, mrz_lines=(lines[0], lines[1], "TESTZ<<DINARA<<<<<<<<<<<<<<<<<"))
    text = seal_text(kiosk.store.image(f"card-{case.job.id}-seal"))
    portrait = kiosk.store.image(case.job.portrait_image)
    newest = max((kiosk.home.path / "sim" / "printer").glob("*/back.png"))
    newest.write_bytes(CardPainter().render(card, portrait, text).back_png)
    with pytest.raises(KioskError) as different:
        session.check_card()
    assert code_of(different) is ErrorCode.FINAL_CHECK_DIFFERENT
    assert different.value.detail == "zone"
    case = session.case
    assert case is not None
    assert case.jobs[-1].state is JobState.SPOILED
    assert case.job is None
    assert kiosk.store.blank_state(serial) is BlankState.SPOILED
    assert session.next_step() == "reserve_card"
    assert replay(kiosk.store.events(case.id)).jobs == case.jobs
    desk.take_card()


class PulledOut:
    """A seal signer whose token is out of its reader until it is put back."""

    def __init__(self, signer: Signer) -> None:
        self._signer, self.there = signer, False
        self.certificate, self.authority = signer.certificate, signer.authority
        self.algorithm, self.hash_name = signer.algorithm, signer.hash_name

    def check(self, now: datetime) -> None:
        if not self.there:
            raise KeyUnavailable("pulled out", code=CryptoErrorCode.CRYPTO_HSM_GONE)
        self._signer.check(now)

    def sign(self, data: bytes) -> bytes:
        return self._signer.sign(data)


def test_no_card_is_written_that_could_not_get_its_seal(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    signer = PulledOut(kiosk.ports.seal_signer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kiosk, "ports", replace(kiosk.ports, seal_signer=signer))
        session = granted(kiosk)
        session.reserve_card()
        desk.insert_blank()
        session.draw_blank()
        with pytest.raises(CryptoError) as gone:
            session.personalise()
        assert gone.value.code is CryptoErrorCode.CRYPTO_HSM_GONE
        case = session.case
        assert case is not None
        assert case.job is not None
        assert case.job.state is JobState.READY
        assert case.job.step == ""
        signer.there = True
        case = session.personalise()
        assert case.job is not None
        assert case.job.state is JobState.PERSONALISED
        session.spoil("TEST_OVER")
    desk.take_card()


def test_a_blank_that_was_used_is_refused(kiosk: Kiosk, desk: RehearsalDesk) -> None:
    serial = desk.insert_blank()
    session = granted(kiosk)
    session.reserve_card()
    session.draw_blank()
    session.spoil("TEST_OVER")
    assert kiosk.store.blank_state(serial) is BlankState.SPOILED
    session.reserve_card()
    with pytest.raises(KioskError) as used:
        session.draw_blank()
    assert code_of(used) is ErrorCode.BLANK_NOT_LOADED
    desk.take_card()


def test_a_printer_that_stops_prints_once_when_it_is_put_right(tmp_path: Path) -> None:
    jam = '[[fault]]\nstep = "print/send"\naction = "printer_jam"\nseconds = 8.0\n'
    kiosk = opened(tmp_path, jam)
    try:
        assert kiosk.desk is not None
        session = granted(kiosk)
        session.reserve_card()
        kiosk.desk.insert_blank()
        session.draw_blank()
        session.personalise()
        with pytest.raises(KioskError) as stopped:
            session.print_card()
        assert code_of(stopped) is ErrorCode.PRINTER_STOPPED
        assert session.next_step() == "print_card"
        for _ in range(8):
            try:
                case = session.print_card()
            except KioskError as error:
                assert error.code is ErrorCode.PRINTER_STOPPED  # noqa: PT017 - still jammed
            else:
                break
        assert case.job is not None
        assert case.job.state is JobState.PRINTED
        assert len(kiosk.desk.printed()) == 1
        session.check_card()
        assert session.hand_over().finished
    finally:
        kiosk.close()
