"""Steps 8 to 12: from a granted case to a verified card in the traveller's hand.

Each method may be called again after a power cut: it looks at the case, asks the chip or the
printer where they are, and goes on from there.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import datetime
from threading import Event as CancelEvent
from typing import Any

from card_io.emrtd.access import AccessKey
from card_io.emrtd.reader import read_document
from card_io.emrtd.report import OWN_CARD, inspect
from card_io.lds.mrz import Mrz
from card_io.perso import card_keys
from card_io.perso import personaliser as perso
from crypto.seals import seal_text
from kiosk.domain import cases as ev
from kiosk.domain.card import CardJob, JobState
from kiosk.domain.cases import Case
from kiosk.domain.roles import Action
from kiosk.domain.stock import BlankState
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardFaces, PrintState, PrintStatus, Progress, ProgressPhase
from kiosk.workflow import final_check
from kiosk.workflow.card_data import build_data_groups, describe, read_mrz, sign_card_seal
from kiosk.workflow.case_log import CaseLog

BLANK_TIMEOUT = 10.0
PRINT_TIMEOUT = 180.0
PRINT_POLL = 0.1
STOPPED_PATIENCE = 2.0  # seconds a printer may report a stop before a person is called


def job_time(case: Case) -> datetime:
    """The moment a card's data is dated to: the decision, so that a resumed job builds the same bytes."""
    return case.decision.at if case.decision else case.opened_at


class Issuing:
    """The card half of a session."""

    def __init__(self, log: CaseLog) -> None:
        self._log = log
        self._desk = log.desk
        self._faces: tuple[tuple[str, str], CardFaces] | None = None
        self._report: Mapping[str, Any] = {}

    # -- reserve and draw ---------------------------------------------------------------------------

    def reserve_card(self) -> Case:
        """Take the next number of the station's block and describe the card."""
        self._log.require(Action.PERSONALISE)
        case = self._log.case
        if case.job is not None:
            return case
        with self._log.step("reserve"):
            number = self._desk.store.next_card_number(self._desk.station.prefix)
            now = self._desk.clock.now()
            card = describe(case, self._desk.station, number, card_keys.new_can(self._desk.random), now)
            event = self._log.event(
                ev.CardReserved,
                job_id=self._desk.random(8).hex(),
                card=card,
                portrait_image=self._portrait_id(case),
            )
            return self._log.accept(event, card_number=number)

    @staticmethod
    def _portrait_id(case: Case) -> str:
        if case.inspection and case.inspection.portrait_image:
            return case.inspection.portrait_image
        return case.page.portrait_image if case.page else ""

    def draw_blank(self, *, cancel: CancelEvent | None) -> Case:
        """Read the serial of the blank in the encoder and put it IN_JOB in the ledger."""
        self._log.require(Action.PERSONALISE)
        job = self._job()
        if job.chip_serial:
            return self._log.case
        with self._log.step("blank"):
            self._log.hooks.on_progress(Progress(ProgressPhase.DRAW_BLANK))
            serial = self._serial_in_encoder(cancel)
            state = self._desk.store.blank_state(serial)
            if state is None:
                raise KioskError(ErrorCode.BLANK_UNKNOWN, f"chip serial {serial}")
            if state is not BlankState.LOADED:
                raise KioskError(ErrorCode.BLANK_NOT_LOADED, f"chip serial {serial} is {state}")
            return self._log.accept(self._log.event(ev.BlankDrawn, job_id=job.id, chip_serial=serial))

    def _serial_in_encoder(self, cancel: CancelEvent | None) -> str:
        if not self._desk.card_slot.wait_for_card(BLANK_TIMEOUT, cancel):
            raise KioskError(ErrorCode.BLANK_ABSENT)
        with self._desk.card_slot.connect() as link:
            return perso.read_serial(link)

    # -- personalise --------------------------------------------------------------------------------

    def personalise(self, *, cancel: CancelEvent | None) -> Case:
        """Write, lock and verify the card, journalled step by step."""
        self._log.require(Action.PERSONALISE)
        job = self._job()
        if job.state is not JobState.READY:
            return self._log.case
        if not job.chip_serial:
            raise KioskError(ErrorCode.EVENT_REFUSED, "no blank was drawn")
        with self._log.step("personalise"):
            if not self._desk.card_slot.wait_for_card(BLANK_TIMEOUT, cancel):
                raise KioskError(ErrorCode.BLANK_ABSENT)
            for signer in (self._desk.signer, self._desk.seal_signer):
                signer.check(self._desk.clock.now())  # before the card is touched; may choose a key
            maker = perso.Personaliser(
                self._desk.card_profile,
                self._desk.signer,
                journal=_Journal(self, job.id),
                random=self._desk.random,
                now=max(job_time(self._log.case), self._key_starts()),
                on_progress=self._on_perso_progress,
                cancel=cancel,
            )
            card = maker.run(self._desk.card_slot.connect, self._request(job), self._verify)
            self._keep_files(job, card.files)
            event = self._log.event(
                ev.CardPersonalised,
                job_id=job.id,
                sod_sha256=hashlib.sha256(card.sod).hexdigest(),
                signer_serial=card.document_signer_serial.lower(),
            )
            return self._log.accept(event)

    def _key_starts(self) -> datetime:
        """A case may be older than the key that signs its card: nothing is dated before the key."""
        certificate = self._desk.signer.certificate
        first, _ = certificate.private_key_usage or (None, None)
        return max(certificate.not_before, first or certificate.not_before)

    def _request(self, job: CardJob) -> perso.PersonalisationRequest:
        portrait = self._desk.studio.prepare(self._desk.store.image(job.portrait_image))
        groups = build_data_groups(job.card, portrait, job_time(self._log.case))
        return perso.PersonalisationRequest(
            job_id=job.id,
            data_groups=groups,
            mrz_information=read_mrz(job.card.mrz_lines).access_information(),
            can=job.card.can,
            expected_serial=job.chip_serial,
        )

    def journal(self, job_id: str, step: str, phase: str, detail: str) -> None:
        """One line of the personalisation journal: stored before a step, and after it."""
        event = self._log.event(ev.CardStep, job_id=job_id, step=step, phase=phase, detail=detail)
        if phase == "begin":
            self._log.accept(event)
            self._log.hooks.on_step(f"personalise/{step}", "begin")
        else:
            self._log.hooks.on_step(f"personalise/{step}", "done")
            self._log.accept(event)

    def _on_perso_progress(self, progress: perso.Progress) -> None:
        self._log.hooks.on_progress(
            Progress(ProgressPhase.PERSONALISE, _label(progress), progress.done, progress.total)
        )

    def _verify(self, request: perso.VerificationRequest) -> perso.VerificationResult:
        """Judge the fresh card as an inspection system would: PACE, passive and active authentication."""
        self._log.hooks.on_progress(Progress(ProgressPhase.VERIFY_CARD))
        key = AccessKey(mrz_information=request.mrz_information)
        expected = read_mrz(self._job().card.mrz_lines)
        files, overall, reasons = self._inspect_card(request.open_link, key, expected)
        return perso.VerificationResult(ok=overall == "successful", files=files, findings=tuple(reasons))

    def _inspect_card(
        self, open_link: Any, key: AccessKey, expected: Mrz
    ) -> tuple[Mapping[str, bytes], str, list[str]]:
        with open_link() as link:
            seconds = self._desk.clock.now  # a scenario's record is the same every time
            result = read_document(link, key, random=self._desk.random, clock=lambda: seconds().timestamp())
        if result.problem is not None:
            raise result.problem
        now = self._desk.station.local(self._desk.clock.now())
        report = inspect(result, store=self._desk.trust, now=now, optical=expected, profile=OWN_CARD)
        self._report = report.to_json()
        overall = report.overall.value
        if overall == "successful" and not report.chip_is_genuine:
            overall = "undetermined"
        return result.files, overall, [f"{reason}:{detail}" for _, reason, detail in report.reasons()]

    def _keep_files(self, job: CardJob, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            self._desk.store.put_image(f"card-{job.id}-{name}", content, "card-file", self._log.case.id)

    # -- print --------------------------------------------------------------------------------------

    def preview(self) -> CardFaces | None:
        """Both sides as they will be printed, without the seal until it is signed; None before the card."""
        job = self._log.case.job
        if job is None:
            return None
        text = self._symbol_text(job)
        if self._faces is None or self._faces[0] != (job.id, text):
            portrait = self._desk.studio.prepare(self._desk.store.image(job.portrait_image))
            self._faces = ((job.id, text), self._desk.press.render(job.card, portrait.image, text))
        return self._faces[1]

    def _symbol_text(self, job: CardJob) -> str:
        """The signed seal as its symbol says it, "" before it is signed."""
        try:
            return seal_text(self._desk.store.image(f"card-{job.id}-seal"))
        except KioskError as error:
            if error.code is not ErrorCode.IMAGE_UNREADABLE:
                raise
            return ""

    def _sign_seal(self, job: CardJob) -> None:
        """Sign the seal over the finished card once; a resumed job keeps the one it has."""
        if self._symbol_text(job):
            return
        sod = self._desk.store.image(f"card-{job.id}-EF.SOD")
        seal = sign_card_seal(job.card, sod, self._desk.seal_signer, self._desk.clock.now())
        self._desk.store.put_image(f"card-{job.id}-seal", seal, "card-seal", self._log.case.id)

    def print_card(self, *, cancel: CancelEvent | None) -> Case:
        """Send the job once, wait for its end. A stop is reported, the job stays in the printer."""
        self._log.require(Action.PRINT)
        job = self._job()
        if job.state is not JobState.PERSONALISED:
            return self._log.case
        with self._log.step("print"):
            if not job.print_name:
                self._sign_seal(job)
                self._proof_read(job)
                name = f"shekara-{job.id}"
                self._log.accept(self._log.event(ev.PrintRequested, job_id=job.id, print_name=name))
            status = self._submitted(self._job())
            self._await_print(status, cancel)
            return self._log.accept(self._log.event(ev.CardPrinted, job_id=job.id))

    def _proof_read(self, job: CardJob) -> None:
        """Read our own drawing again before it costs a card: MRZ and symbol must say what the chip says."""
        self._log.hooks.on_progress(Progress(ProgressPhase.DRAW_CARD))
        faces = self.preview()
        if faces is None:
            raise KioskError(ErrorCode.PRINT_MISMATCH, "nothing to print")
        lines, symbol = self._desk.proof.read_back(faces.back)
        if lines != job.card.mrz_lines or symbol != self._symbol_text(job):
            raise KioskError(ErrorCode.PRINT_MISMATCH, "the drawn back side does not read back")

    def _submitted(self, job: CardJob) -> PrintStatus:
        """The printer's view of our job, sent now unless the printer already has it."""
        status = self._desk.printer.find(job.print_name)
        if status is None:
            faces = self.preview()
            if faces is None:
                raise KioskError(ErrorCode.PRINT_MISMATCH, "nothing to print")
            with self._log.step("print/send"):
                accepted = self._desk.printer.submit(job.print_name, faces)
            status = self._desk.printer.status(accepted)
        if not job.printer_job:
            self._log.accept(self._log.event(ev.PrintAccepted, job_id=job.id, printer_job=status.job))
        return status

    def _await_print(self, status: PrintStatus, cancel: CancelEvent | None) -> None:
        cancel = cancel or CancelEvent()
        deadline = time.monotonic() + PRINT_TIMEOUT
        stopped_since: float | None = None
        while status.state is not PrintState.COMPLETED:
            self._log.hooks.on_progress(Progress(ProgressPhase.PRINT, ",".join(status.reasons)))
            if status.state in (PrintState.ABORTED, PrintState.CANCELLED):
                raise KioskError(ErrorCode.PRINT_ABORTED, ",".join(status.reasons))
            now = time.monotonic()
            stopped_since = (stopped_since or now) if status.state is PrintState.STOPPED else None
            if stopped_since is not None and now - stopped_since > STOPPED_PATIENCE:
                raise KioskError(ErrorCode.PRINTER_STOPPED, ",".join(status.reasons))
            if now > deadline:
                raise KioskError(ErrorCode.PRINTER_UNAVAILABLE, "the job does not end")
            if cancel.wait(PRINT_POLL):
                raise KioskError(ErrorCode.CANCELLED)
            status = self._desk.printer.status(status.job)

    # -- check, hand over, spoil ----------------------------------------------------------------------

    def check_card(self, *, cancel: CancelEvent | None) -> Case:
        """Read the printed card with the camera and open the chip once more, now with the printed CAN.

        What differs between print, chip and case ends the job: the card is spoiled, its number void, and
        FINAL_CHECK_DIFFERENT names it. FINAL_CHECK_UNREADABLE asks to lay the card down again.
        """
        self._log.require(Action.PERSONALISE)
        job = self._job()
        if job.state is not JobState.PRINTED:
            return self._log.case
        with self._log.step("check"):
            self._log.hooks.on_progress(Progress(ProgressPhase.FINAL_CHECK))
            printed = final_check.look(self._desk, job.card.mrz_lines, self._symbol_text(job), cancel)
            serial = self._serial_in_encoder(cancel)
            if serial != job.chip_serial:
                raise self._differs(job, f"chip serial {serial}")
            key = AccessKey(can=job.card.can)
            expected = read_mrz(job.card.mrz_lines)
            files, overall, _ = self._inspect_card(self._desk.card_slot.connect, key, expected)
            found = final_check.differences(job, printed, files, self._desk.trust, self._desk.clock.now())
            if hashlib.sha256(files.get("EF.SOD", b"")).hexdigest() != job.sod_sha256:
                found = (*found, "EF.SOD")
            if found:
                raise self._differs(job, ", ".join(found))
            if overall != "successful":
                raise KioskError(ErrorCode.CARD_NOT_VERIFIED, overall)
            self._desk.store.put_image(
                f"card-{job.id}-report", json.dumps(self._report).encode(), "card-report", self._log.case.id
            )
            return self._log.accept(self._log.event(ev.CardChecked, job_id=job.id, overall=overall))

    def _differs(self, job: CardJob, what: str) -> KioskError:
        """Spoil the card for a difference; the error to raise."""
        self._spoil(job, ErrorCode.FINAL_CHECK_DIFFERENT)
        return KioskError(ErrorCode.FINAL_CHECK_DIFFERENT, what)

    def hand_over(self) -> Case:
        """The card becomes ACTIVE in the traveller's hand, and the registry is told."""
        self._log.require(Action.HAND_OVER)
        job = self._job()
        with self._log.step("hand-over"):
            self._log.hooks.on_progress(Progress(ProgressPhase.HAND_OVER))
            return self._log.accept(self._log.event(ev.CardHandedOver, job_id=job.id))

    def spoil(self, reason: str) -> Case:
        """End the job: number void, blank spoiled. The case may then have another card."""
        self._log.require(Action.SPOIL)
        job = self._job()
        with self._log.step("spoil"):
            return self._spoil(job, reason)

    def _spoil(self, job: CardJob, reason: str) -> Case:
        event = self._log.event(ev.CardSpoiled, job_id=job.id, reason=reason)
        return self._log.accept(event, void_number=job.card.number)

    def _job(self) -> CardJob:
        job = self._log.case.job
        if job is None:
            raise KioskError(ErrorCode.EVENT_REFUSED, "the case has no card job")
        return job


def _label(progress: perso.Progress) -> str:
    return f"{progress.step}:{progress.name}" if progress.name else str(progress.step)


class _Journal:
    """The personaliser's journal, kept in the case's own history."""

    def __init__(self, issuing: Issuing, job_id: str) -> None:
        self._issuing = issuing
        self._job_id = job_id

    def record(self, step: str, phase: str, detail: str) -> None:
        self._issuing.journal(self._job_id, step, phase, detail)
