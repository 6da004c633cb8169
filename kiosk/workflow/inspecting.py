"""Steps 1 to 7: from the page before the camera to a decision."""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from threading import Event as CancelEvent
from typing import Any

from card_io.emrtd.checks import chip_mrz
from card_io.emrtd.reader import Progress as ReadProgress
from card_io.emrtd.report import InspectionReport, inspect
from card_io.errors import CardError
from card_io.lds import data_groups, face
from card_io.lds.mrz import Mrz
from card_io.lds.mrz_layout import unchecked_fields
from crypto.trust import Outcome
from kiosk.domain import cases as ev
from kiosk.domain.cases import Case, DecisionOutcome, Inspection, Stage
from kiosk.domain.documents import Declaration, PageReading, Sex, TravelDocument
from kiosk.domain.roles import Action, Role
from kiosk.domain.stay import Stay, assess
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Frame, Guidance, Hint, PageScan, Progress, ProgressPhase
from kiosk.workflow import names
from kiosk.workflow.card_data import read_mrz
from kiosk.workflow.case_log import CaseLog
from kiosk.workflow.chip_keys import ChipRead, key_texts, keys_of, read_with

FrameWatcher = Callable[[Frame, Guidance | None], None]
FRAME_TIMEOUT = 2.0  # seconds without a new frame before the camera counts as silent


def _ignore_frame(_frame: Frame, _guidance: Guidance | None) -> None:
    return None


class Inspecting:
    """The inspection half of a session. Every method stores what it accepted before it returns."""

    def __init__(self, log: CaseLog) -> None:
        self._log = log
        self._desk = log.desk

    # -- page -----------------------------------------------------------------------------------

    def scan_document(
        self, *, cancel: CancelEvent | None, timeout: float, on_frame: FrameWatcher | None
    ) -> Case:
        """Watch the camera until the frames agree on a readable MRZ. MRZ_NOT_FOUND after `timeout`."""
        self._log.require(Action.INSPECT)
        with self._log.step("page"):
            self._log.hooks.on_progress(Progress(ProgressPhase.LOOK_FOR_PAGE))
            scan = self._watch(cancel, timeout, on_frame or _ignore_frame)
            mrz = read_mrz(scan.lines)
            page = PageReading(
                mrz_lines=scan.lines,
                confidence=_cautious(scan.confidence),
                doubtful=scan.doubtful,
                page_image=self._keep(scan.page, "page"),
                portrait_image=self._keep(scan.portrait, "page-portrait"),
                certain=scan.certain,
                unchecked=scan.unchecked,
                face_found=scan.face_found,
                keys=key_texts(scan.keys),
            )
            return self._log.accept(self._log.event(ev.PageRead, page=page, document=self._document(mrz)))

    def _watch(self, cancel: CancelEvent | None, timeout: float, on_frame: FrameWatcher) -> PageScan:
        deadline = time.monotonic() + timeout
        self._desk.page_reader.restart()
        while time.monotonic() < deadline:
            if cancel is not None and cancel.is_set():
                raise KioskError(ErrorCode.CANCELLED)
            frame = self._desk.camera.read(FRAME_TIMEOUT)
            found = self._desk.page_reader.read(frame)
            if isinstance(found, Guidance):
                on_frame(frame, found)
                continue
            on_frame(frame, Guidance(Hint.HOLD_STILL, found.corners))
            if self._readable(found.lines):
                return found
        raise KioskError(ErrorCode.MRZ_NOT_FOUND)

    @staticmethod
    def _readable(lines: tuple[str, ...]) -> bool:
        try:
            read_mrz(lines)
        except KioskError:
            return False
        return True

    def type_mrz(self, lines: tuple[str, ...], national_name: str) -> Case:
        """Take lines typed by hand: they must be a valid MRZ, check digits included. `national_name` is the
        name in national letters on the page, "" for none; the case keeps both."""
        self._log.require(Action.INSPECT)
        with self._log.step("page"):
            mrz = read_mrz(lines)
            if not mrz.valid:
                raise KioskError(ErrorCode.MRZ_INVALID, "a check digit does not match")
            unchecked = unchecked_fields(mrz.format)
            page = PageReading(mrz_lines=mrz.lines, confidence=1.0, typed=True, unchecked=unchecked)
            document = self._document(mrz, names.national_name(*names.parts_of(national_name)))
            return self._log.accept(self._log.event(ev.PageRead, page=page, document=document))

    def _keep(self, image: bytes, kind: str) -> str:
        """Seal an image before the event that names it; "" when there is none."""
        if not image:
            return ""
        image_id = f"{kind}-{self._desk.random(8).hex()}"
        self._desk.store.put_image(image_id, image, kind, self._log.case.id)
        return image_id

    def _local_now(self) -> datetime:
        return self._desk.station.local(self._desk.clock.now())

    def _today(self) -> date:
        return self._local_now().date()

    def _document(self, mrz: Mrz, national_name: str = "") -> TravelDocument:
        today = self._today()
        return TravelDocument(
            document_code=mrz.document_code,
            issuing_state=mrz.issuer,
            number=mrz.document_number,
            nationality=mrz.nationality,
            surname=mrz.surname,
            given_names=mrz.given_names,
            birth=mrz.birth_date(today),
            sex=Sex(mrz.sex),
            expiry=mrz.expiry_date(today),
            mrz_lines=mrz.lines,
            national_name=national_name,
            optional_data=mrz.optional,
        )

    # -- chip -----------------------------------------------------------------------------------

    def read_chip(self, *, cancel: CancelEvent | None, timeout: float) -> Case:
        """Read the chip with the key from the MRZ, judge page and chip together.

        A document without a chip, or one that cannot be read, is judged as far as it goes.
        """
        self._log.require(Action.INSPECT)
        page = self._log.case.page
        if page is None:
            raise KioskError(ErrorCode.EVENT_REFUSED, "no page was read")
        with self._log.step("chip"):
            mrz = read_mrz(page.mrz_lines)
            read = self._read(page, mrz, cancel, timeout)
            self._log.hooks.on_progress(Progress(ProgressPhase.VERIFY_DOCUMENT))
            result = read.result if read else None
            resolved, count = resolve(page, mrz, chip_mrz(result))
            report = inspect(
                result,
                store=self._desk.trust,
                now=self._local_now(),
                optical=resolved,
                typed=page.typed,
                resolved=count,
                refused_keys=read.refused if read else 0,
            )
            told = final_word(page, resolved, report)
            return self._log.accept(
                self._log.event(
                    ev.DocumentInspected,
                    inspection=self._inspection(report, result.files if result else {}, told),
                )
            )

    def _read(
        self, page: PageReading, mrz: Mrz, cancel: CancelEvent | None, timeout: float
    ) -> ChipRead | None:
        slot = self._desk.document_slot
        if not slot.wait_for_card(timeout, cancel):
            return None
        return read_with(
            slot,
            keys_of(mrz, page.keys),
            random=self._desk.random,
            on_progress=self._chip_progress,
            cancel=cancel,
            clock=self._seconds,
        )

    def _seconds(self) -> float:
        """The desk's own time: a scenario's record is the same every time."""
        return self._desk.clock.now().timestamp()

    def _chip_progress(self, progress: ReadProgress) -> None:
        self._log.hooks.on_progress(
            Progress(ProgressPhase.READ_CHIP, progress.file, progress.done, progress.total)
        )

    def _inspection(self, report: InspectionReport, files: Mapping[str, bytes], mrz: Mrz) -> Inspection:
        typed = self._log.case.document.national_name if self._log.case.document else ""
        document = self._document(mrz, _national_name(files) or typed)
        tree: dict[str, Any] = dict(report.to_json())
        tree["data_group_sha256"] = {
            name: hashlib.sha256(content).hexdigest()
            for name, content in sorted(files.items())
            if name.startswith("DG")
        }
        if "EF.SOD" in files:
            tree["sod_sha256"] = hashlib.sha256(files["EF.SOD"]).hexdigest()
        return Inspection(
            overall=report.overall.value,
            report=tree,
            document=document,
            portrait_image=self._keep(_portrait(files), "chip-portrait"),
            chip_read="DG1" in files,
        )

    # -- stay, declaration, decision ----------------------------------------------------------------

    def assess_stay(self) -> Case:
        """Look up past stays (registry and this desk) and apply the rule table."""
        self._log.require(Action.INSPECT)
        document = self._log.case.document
        if document is None:
            raise KioskError(ErrorCode.EVENT_REFUSED, "no document is known")
        with self._log.step("stay"):
            self._log.hooks.on_progress(Progress(ProgressPhase.LOOK_UP_STAYS))
            stays, known = self._stays(document.key)
            entitlement = assess(
                self._desk.rules,
                document.nationality,
                document.expiry,
                stays,
                self._today(),
                history_known=known,
            )
            return self._log.accept(self._log.event(ev.StayAssessed, entitlement=entitlement))

    def _stays(self, key: str) -> tuple[tuple[Stay, ...], bool]:
        own = set(self._desk.store.stays(key))
        try:
            central = set(self._desk.registry.stays(key, self._desk.lookup_timeout))
        except KioskError as error:
            if error.code is not ErrorCode.REGISTRY_UNREACHABLE:
                raise
            return _ordered(own), False
        return _ordered(own | central), True

    def declare(self, declaration: Declaration) -> Case:
        """Keep what the traveller declares."""
        self._log.require(Action.INSPECT)
        with self._log.step("declaration"):
            return self._log.accept(self._log.event(ev.DeclarationTaken, declaration=declaration))

    def refer(self, reason: str) -> Case:
        """Hand the case to the second line."""
        self._log.require(Action.REFER)
        with self._log.step("refer"):
            return self._log.accept(self._log.event(ev.CaseReferred, reason=reason))

    def grant_obstacle(self) -> str:
        """ "" when this login may grant entry now, else the code that says why not."""
        case = self._log.case
        if case.inspection is None:
            return ErrorCode.GRANT_NOT_INSPECTED.value
        decides_alone = self._log.operator.role is not Role.SECOND_LINE
        if case.inspection.overall == "failed" and decides_alone:
            return ErrorCode.GRANT_VERDICT_FAILED.value
        if case.inspection.overall != "successful" and decides_alone:
            return ErrorCode.GRANT_VERDICT_UNCERTAIN.value
        if case.entitlement is None or not case.entitlement.allowed:
            return ErrorCode.GRANT_NO_STAY.value
        if case.declaration is None:
            return ErrorCode.GRANT_NO_DECLARATION.value
        if case.stage is Stage.REFERRED and decides_alone:
            return ErrorCode.GRANT_VERDICT_UNCERTAIN.value
        return ""

    def decide(self, outcome: DecisionOutcome, reason: str) -> Case:
        """Decide the case; the messages to the registry are sealed in the same transaction."""
        self._log.require(Action.GRANT if outcome is DecisionOutcome.GRANTED else Action.REFUSE)
        obstacle = self.grant_obstacle()
        if outcome is DecisionOutcome.GRANTED and obstacle:
            raise KioskError(ErrorCode(obstacle))
        with self._log.step("decision"):
            event = self._log.event(ev.CaseDecided, outcome=outcome, reason=reason)
            return self._log.accept(event, images=self._portraits())

    def _portraits(self) -> Mapping[str, bytes]:
        inspection = self._log.case.inspection
        if inspection is None or not inspection.portrait_image:
            return {}
        return {inspection.portrait_image: self._desk.store.image(inspection.portrait_image)}


def resolve(page: PageReading, optical: Mrz, chip: Mrz | None) -> tuple[Mrz, int]:
    """The printed zone with its doubtful characters settled by DG1, and how many those are.

    Only where nothing but doubtful characters differ: a surely read one that differs is a mismatch.
    """
    if chip is None or page.typed or [len(x) for x in chip.lines] != [len(x) for x in optical.lines]:
        return optical, 0
    differing = {
        (row, column)
        for row, pair in enumerate(zip(optical.lines, chip.lines, strict=True))
        for column, (read, told) in enumerate(zip(*pair, strict=True))
        if read != told
    }
    return (chip, len(differing)) if differing <= set(page.doubtful) else (optical, 0)


def final_word(page: PageReading, optical: Mrz, report: InspectionReport) -> Mrz:
    """Whose fields the case goes on with: DG1's where the page was not read surely and the chip's data were
    not found to be altered, else the page's. Both are stored."""
    chip, passive = report.chip_mrz, report.passive
    if chip is None or passive is None or page.certain or page.typed:
        return optical
    return optical if passive.outcome is Outcome.FAILED else chip


def _cautious(confidence: float) -> float:
    """In steps of 0.05 and never above 0.95: a reading is never certain by itself."""
    return min(int(confidence * 20) / 20, 0.95)


def _ordered(stays: set[Stay]) -> tuple[Stay, ...]:
    return tuple(sorted(stays, key=lambda stay: (stay.entered, stay.left or date.max)))


def _national_name(files: Mapping[str, bytes]) -> str:
    """The name in national characters from DG11, "" when the chip has none that can be read."""
    if "DG11" not in files:
        return ""
    try:
        return ", ".join(data_groups.parse_dg11(files["DG11"]).full_name)
    except CardError:
        return ""


def _portrait(files: Mapping[str, bytes]) -> bytes:
    if "DG2" not in files:
        return b""
    try:
        faces = face.parse_dg2(files["DG2"])
    except CardError:
        return b""
    return faces[0].image if faces else b""
