"""A small kiosk for window tests: the session's API over plain domain values, no devices, no waits.

Pictures are drawn by the simulators' painters, so that screenshots look like the real desk.
"""

import io
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image as Pillow

from card_io.lds.mrz import format_td3
from card_io.lds.spellings import Spellings
from hardware_mocks.pages import PageText, render_page
from hardware_mocks.portraits import Look, portrait
from hardware_mocks.scene import still
from kiosk.capture.images import decode_image
from kiosk.domain.audit import AuditEntry
from kiosk.domain.card import CardDescription, CardJob, JobState
from kiosk.domain.cases import Case, Decision, DecisionOutcome, Inspection, Stage
from kiosk.domain.documents import Declaration, PageReading, Sex, TravelDocument
from kiosk.domain.stay import Entitlement, EntitlementReason, Stay
from kiosk.domain.stock import BlankState
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import (
    CardFaces,
    CaseRow,
    DeliveryReport,
    Frame,
    Guidance,
    Hint,
    Progress,
    ProgressPhase,
    QueueState,
)

NATIONAL = "Турсунов Азизбек Бахтиёр ўғли"
NOW = datetime(2026, 11, 22, 9, 32, tzinfo=UTC)
LINES = format_td3(
    document_code="P",
    issuer="UZB",
    document_number="AD4417093",
    birth="910517",
    sex="M",
    expiry="310822",
    nationality="UZB",
    surname="TURSUNOV",
    given_names="AZIZBEK BAXTIYOR OGLI",
    optional="31705914170935",
)
GROUPS = {
    "optical": ("mrz_check_digits", "mrz_syntax", "document_expiry"),
    "chip_access": ("pace",),
    "chip_authenticity": ("active_authentication",),
    "security_object": ("sod_signature",),
    "issuer_certificates": ("document_signer", "csca", "revocation"),
    "integrity": ("data_groups", "com_sod"),
    "issuing_state": ("country",),
    "combined": ("mrz_dg1",),
}


def report(overall: str = "successful", **findings: tuple[str, str, str]) -> dict[str, Any]:
    """A report whose groups are green except those named: group=(outcome, reason, detail)."""
    groups = []
    for name, checks in GROUPS.items():
        outcome, reason, detail = findings.get(name, ("successful", "", ""))
        made = [{"name": check, "outcome": "successful", "findings": [], "evidence": {}} for check in checks]
        if reason:
            made[0] = {
                "name": checks[0],
                "outcome": outcome,
                "findings": [{"reason": reason, "detail": detail}],
                "evidence": {},
            }
        groups.append({"name": name, "outcome": outcome, "checks": made})
    return {"overall": overall, "groups": groups, "chip_is_genuine": overall == "successful"}


@cache
def face() -> Any:
    return portrait(Look("azizbek", Sex.MALE, 35))


@cache
def page() -> Any:
    text = PageText(
        state="UZB", document_code="P", number="AD4417093", surname="TURSUNOV",
        given_names="AZIZBEK BAXTIYOR OGLI", national_name="Турсунов Азизбек",
        personal_number="31705914170935",
        birth="17 05 1991", sex="M", birth_place="SAMARQAND", issued="23 08 2021", expiry="22 08 2031",
        authority="IIV 26214", mrz_lines=LINES,
    )  # fmt: skip
    return render_page(text, face())


def jpeg(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


@cache
def camera_frame() -> Any:
    return decode_image(still(page(), "fake", 1))


@cache
def png(color: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", (1011, 638), color).save(out, "PNG")
    return out.getvalue()


@dataclass
class Plan:
    """What the fake desk will do: the report, the stay, and errors to raise once by method name."""

    report: dict[str, Any] = field(default_factory=report)
    allowed: bool = True
    doubtful: tuple[tuple[int, int], ...] = ()
    unchecked: tuple[str, ...] = ()
    face_found: bool = True
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    frames: int = 2
    hold: dict[str, Any] = field(default_factory=dict)  # method name -> threading.Event to wait for


class FakeSession:
    """kiosk.workflow.session.Session as the window sees it."""

    def __init__(self, kiosk: "FakeKiosk", operator: str) -> None:
        self.kiosk, self.operator = kiosk, operator
        self.case: Case | None = None
        self.on_progress: Any = lambda _progress: None

    def _begin(self, name: str) -> None:
        self.kiosk.calls.append(name)
        waiting = self.kiosk.plan.hold.get(name)
        if waiting is not None:
            waiting.wait(20)
        errors = self.kiosk.plan.errors.get(name)
        if errors:
            raise errors.pop(0)

    def _keep(self, **changes: Any) -> Case:
        assert self.case is not None
        self.case = replace(self.case, sequence=self.case.sequence + 1, **changes)
        self.kiosk.cases[self.case.id] = self.case
        return self.case

    def open_case(self) -> Case:
        self._begin("open_case")
        number = len(self.kiosk.cases) + 1
        self.case = Case(f"{number:032x}", "KZ-LAB-01", self.operator, True, NOW)
        return self._keep()

    def close_case(self) -> None:
        self.case = None

    def unfinished(self) -> tuple[CaseRow, ...]:
        return tuple(row for row in self.kiosk.store.cases() if not row.finished)

    def resume(self, case_id: str) -> Case:
        self._begin("resume")
        self.case = self.kiosk.cases[case_id]
        return self.case

    def next_step(self) -> str:
        case = self.case
        if case is None or case.finished:
            return ""
        if case.decision is not None:
            job = case.job
            if job is None:
                return "reserve_card"
            if job.state is JobState.READY:
                return "personalise" if job.chip_serial else "draw_blank"
            after = {"PERSONALISED": "print_card", "PRINTED": "check_card", "CHECKED": "hand_over"}
            return after.get(job.state, "")
        for name, step in (
            ("page", "scan_document"),
            ("inspection", "read_chip"),
            ("entitlement", "assess_stay"),
        ):
            if getattr(case, name) is None:
                return step
        return "declare"

    def scan_document(self, *, cancel: Any = None, timeout: float = 30, on_frame: Any = None) -> Case:
        self._begin("scan_document")
        for number in range(self.kiosk.plan.frames):
            on_frame(Frame(camera_frame(), number, float(number)), Guidance(Hint.HOLD_STILL))
        plan = self.kiosk.plan
        read = PageReading(LINES, 0.994, plan.doubtful, "page", "page-face")
        return self._page(replace(read, unchecked=plan.unchecked, face_found=plan.face_found))

    def type_mrz(self, lines: tuple[str, ...], national_name: str = "") -> Case:
        self._begin("type_mrz")
        return self._page(PageReading(tuple(lines), 1.0, typed=True), national_name)

    def _page(self, reading: PageReading, national_name: str = "") -> Case:
        return self._keep(page=reading, document=document(national_name), inspection=None, entitlement=None)

    def read_chip(self, *, cancel: Any = None) -> Case:
        self._begin("read_chip")
        self.on_progress(Progress(ProgressPhase.READ_CHIP, "DG2", 9000, 18000))
        tree = self.kiosk.plan.report
        found = Inspection(
            tree["overall"], tree, document("Турсунов Азизбек Бахтиёр ўғли"), "chip-face", True
        )
        return self._keep(inspection=found, document=found.document, stage=Stage.INSPECTED)

    def assess_stay(self) -> Case:
        self._begin("assess_stay")
        stays = (Stay(date(2026, 6, 14), date(2026, 7, 3)), Stay(date(2026, 9, 1), date(2026, 9, 21)))
        good = self.kiosk.plan.allowed
        reason = EntitlementReason.WITHIN_RULE if good else EntitlementReason.NO_DAYS_LEFT
        until = date(2026, 12, 21) if good else None
        used = 41 if good else 90
        stay = Entitlement(
            good,
            (reason,),
            "visa-free-30-90-180",
            "VISA_FREE",
            until,
            30 if good else 0,
            used,
            90,
            180,
            stays,
        )
        return self._keep(entitlement=stay)

    def grant_obstacle(self) -> str:
        case = self.case
        if case is None or case.inspection is None:
            return "GRANT_NOT_INSPECTED"
        if case.inspection.overall == "failed":
            return "GRANT_VERDICT_FAILED"
        if case.inspection.overall != "successful" and not self.kiosk.second_line:
            return "GRANT_VERDICT_UNCERTAIN"
        if case.entitlement is None or not case.entitlement.allowed:
            return "GRANT_NO_STAY"
        return "" if case.declaration else "GRANT_NO_DECLARATION"

    def declare(self, declaration: Declaration) -> Case:
        self._begin("declare")
        return self._keep(declaration=declaration)

    def refer(self, reason: str) -> Case:
        self._begin("refer")
        return self._keep(referred=reason, stage=Stage.REFERRED)

    def decide(self, outcome: DecisionOutcome, reason: str) -> Case:
        self._begin("decide")
        return self._keep(decision=Decision(outcome, reason, self.operator, NOW), stage=Stage.DECIDED)

    def _job(self, **changes: Any) -> Case:
        assert self.case is not None
        assert self.case.job is not None
        return self._keep(jobs=(*self.case.jobs[:-1], replace(self.case.job, **changes)))

    def reserve_card(self) -> Case:
        self._begin("reserve_card")
        assert self.case is not None
        card = CardDescription(
            number=f"LAB{len(self.case.jobs) + 141:06d}", document_code="AR", issuing_state="KAZ",
            surname="TURSUNOV", given_names="AZIZBEK", national_name="", sex=Sex.MALE,
            birth=date(1991, 5, 17),
            nationality="UZB", passport_number="AD4417093", category="VISA_FREE", entry_post="Lab post",
            entry_date=date(2026, 11, 22), stay_until=date(2026, 12, 21), valid_until=date(2026, 12, 21),
            issued_on=date(2026, 11, 22), authority="", can="123456",
        )  # fmt: skip
        return self._keep(jobs=(*self.case.jobs, CardJob(f"job{len(self.case.jobs)}", card)))

    def draw_blank(self, *, cancel: Any = None) -> Case:
        self.on_progress(Progress(ProgressPhase.DRAW_BLANK))
        self._begin("draw_blank")
        return self._job(chip_serial="4090A1B2C3D40001")

    def personalise(self, *, cancel: Any = None) -> Case:
        self.on_progress(Progress(ProgressPhase.PERSONALISE, "write:DG2", 10100, 18200))
        self._begin("personalise")
        return self._job(state=JobState.PERSONALISED, sod_sha256="00")

    def print_card(self, *, cancel: Any = None) -> Case:
        self.on_progress(Progress(ProgressPhase.PRINT))
        self._begin("print_card")
        return self._job(state=JobState.PRINTED)

    def check_card(self, *, cancel: Any = None) -> Case:
        try:
            self._begin("check_card")
        except KioskError as error:
            if error.code is ErrorCode.FINAL_CHECK_DIFFERENT:  # the workflow ends the job itself
                self._job(state=JobState.SPOILED, spoil_reason=error.code.value)
            raise
        return self._job(state=JobState.CHECKED)

    def hand_over(self) -> Case:
        self._begin("hand_over")
        self._job(state=JobState.ACTIVE)
        return self._keep(stage=Stage.CARD_ACTIVE)

    def spoil(self, reason: str) -> Case:
        self._begin("spoil")
        return self._job(state=JobState.SPOILED, spoil_reason=reason)

    def preview(self) -> CardFaces | None:
        if self.case is None or self.case.job is None:
            return None
        front, back = np.full((638, 1011, 3), 222, np.uint8), np.full((638, 1011, 3), 236, np.uint8)
        return CardFaces(front, back, 300, b"", b"")

    def image(self, image_id: str) -> bytes:
        return jpeg(page() if image_id == "page" else face())


def document(national: str) -> TravelDocument:
    return TravelDocument(
        "P", "UZB", "AD4417093", "UZB", "TURSUNOV", "AZIZBEK BAXTIYOR OGLI", date(1991, 5, 17), Sex.MALE,
        date(2031, 8, 22), LINES, national_name=national,
    )  # fmt: skip


class FakeStore:
    def __init__(self, kiosk: "FakeKiosk") -> None:
        self.kiosk = kiosk

    def cases(self) -> tuple[CaseRow, ...]:
        return tuple(
            CaseRow(case.id, case.stage, case.opened_at, case.finished)
            for case in reversed(self.kiosk.cases.values())
        )

    def stock_counts(self) -> dict[BlankState, int]:
        return {BlankState.LOADED: 47, BlankState.ISSUED: 3, BlankState.SPOILED: 1}

    def queue(self) -> QueueState:
        return QueueState(waiting=9, sent=12, refused=0, cases=3)

    def audit_entries(self) -> tuple[AuditEntry, ...]:
        return tuple(
            AuditEntry(
                n, NOW, "KZ-LAB-01", "tester", "CaseOpened", f"{n:032x}", {}, "0" * 64, f"{n * 7919:064x}"
            )
            for n in range(1, 15)
        )

    def check_audit(self) -> None:
        return None


class FakeRehearsal:
    link, link_note = "pcsc", ""
    travellers = tuple(
        SimpleNamespace(name=name) for name in ("Azizbek (UZB)", "Aigul (KGZ)", "Farrukh (TJK)")
    )

    def __init__(self) -> None:
        self.moves: list[str] = []

    def present(self, traveller: int) -> None:
        self.moves.append(f"present {traveller}")

    def withdraw(self) -> None:
        self.moves.append("withdraw")

    def insert_blank(self) -> str:
        self.moves.append("insert")
        return "00"

    def take_card(self) -> None:
        self.moves.append("take")


class FakeKiosk:
    """kiosk.bootstrap.Kiosk as the window sees it."""

    def __init__(self, plan: Plan | None = None, *, lab: bool = True) -> None:
        self.plan = plan or Plan()
        self.second_line = False
        self.calls: list[str] = []
        self.cases: dict[str, Case] = {}
        self.store = FakeStore(self)
        self.desk = FakeRehearsal() if lab else None
        self.notices: tuple[tuple[str, str], ...] = ()
        self.station = SimpleNamespace(
            id="KZ-LAB-01", name="Konysbayeva", prefix="LAB", lab=lab, utc_offset_hours=5
        )
        self.settings = SimpleNamespace(station=SimpleNamespace(booth="1"))
        device = SimpleNamespace(name="Simulated", card_present=lambda: True)
        self.ports = SimpleNamespace(
            printer=SimpleNamespace(name="Card printer", ready=lambda: (True, ())),
            document_slot=device,
            card_slot=device,
            camera=device,
            clock=SimpleNamespace(now=lambda: NOW),
            spellings=Spellings(),
        )

    def session(self, operator: str, role: object) -> FakeSession:
        return FakeSession(self, operator)

    def deliver(self, *, at_once: bool = False) -> DeliveryReport:
        return DeliveryReport(sent=0, waiting=3, refused=0)

    def close(self) -> None:
        return None


def failing(*names: str, code: ErrorCode = ErrorCode.INTERNAL) -> dict[str, list[Exception]]:
    """Errors that each named method raises once."""
    return {name: [KioskError(code)] for name in names}
