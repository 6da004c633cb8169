"""The works of the simulated card printer: a durable spool, one card at a time, and its faults.

A job is a folder of the spool with `job.json`, the document as received and both sides as PNG.
Every change is on disk before anybody hears of it, so that jobs outlive the printer's process;
what was half printed is printed to its end after a restart, what was half sent is aborted
(job-state-reasons submission-interrupted, RFC 8011 5.3.8).
"""

import io
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

from hardware_mocks import pwg_raster
from hardware_mocks.durable import read_json, write_durably, write_json

# Faults a tester can cause and the printer-state-reasons they show (RFC 8011 5.4.12).
STOPPING: Final = {
    "media-empty": "media-empty-error",
    "jam": "media-jam-error",
    "ribbon": "marker-supply-empty-error",
    "cover": "cover-open-error",
}
FAULTS: Final = (*STOPPING, "offline", "abort")


class State(IntEnum):
    """Job states (RFC 8011 5.3.7)."""

    PENDING = 3
    HELD = 4
    PROCESSING = 5
    STOPPED = 6
    CANCELLED = 7
    ABORTED = 8
    COMPLETED = 9


@dataclass(frozen=True)
class Job:
    """One job. Times are seconds of the printer's up-time, 0 while not reached."""

    id: int
    name: str
    user: str
    state: State
    reasons: tuple[str, ...]
    format: str
    complete: bool = False  # the whole document arrived
    size: int = 0
    sheets: int = 0
    created: int = 0
    processing: int = 0
    finished: int = 0

    @property
    def ended(self) -> bool:
        return self.state >= State.CANCELLED


class Spool:
    """Jobs on disk, by number."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.jobs: dict[int, Job] = {}
        for path in sorted(directory.glob("[0-9]*/job.json")):
            raw = read_json(path)
            job = Job(**{**raw, "state": State(raw["state"]), "reasons": tuple(raw["reasons"])})
            self.jobs[job.id] = job

    def folder(self, number: int) -> Path:
        return self.directory / f"{number:06d}"

    def save(self, job: Job) -> Job:
        self.folder(job.id).mkdir(exist_ok=True)
        write_json(self.folder(job.id) / "job.json", {**asdict(job), "reasons": list(job.reasons)})
        self.jobs[job.id] = job
        return job

    def document(self, number: int) -> bytes:
        path = self.folder(number) / "document"
        return path.read_bytes() if path.exists() else b""


class PrintEngine:
    """Takes jobs, prints them in order. Thread-safe; `close` stops the works, not the jobs."""

    def __init__(self, directory: Path, up_time: Callable[[], int], seconds_per_card: float = 0.3) -> None:
        self._spool = Spool(directory)
        self._up_time = up_time
        self._seconds = seconds_per_card
        self._changed = threading.Condition(threading.RLock())
        self._fault = ""
        self._timer: threading.Timer | None = None
        self._closing = False
        self._recover()
        self._thread = threading.Thread(target=self._work, daemon=True, name="printer works")
        self._thread.start()

    def _recover(self) -> None:
        for job in list(self._spool.jobs.values()):
            if job.ended:
                continue
            if job.complete:
                self._spool.save(replace(job, state=State.PENDING, reasons=("none",)))
            else:
                self._end(job, State.ABORTED, "submission-interrupted")

    def create(self, name: str, user: str) -> Job:
        """A job that waits for its document."""
        with self._changed:
            number = max(self._spool.jobs, default=0) + 1
            job = Job(number, name, user, State.HELD, ("job-incoming",), "", created=self._up_time())
            return self._spool.save(job)

    def add_document(self, number: int, data: bytes, document_format: str) -> Job:
        """The document of a created job; it is printed when its turn comes."""
        with self._changed:
            write_durably(self._spool.folder(number) / "document", data)
            job = replace(
                self._spool.jobs[number],
                state=State.PENDING,
                reasons=("none",),
                format=document_format,
                complete=True,
                size=len(data),
            )
            self._spool.save(job)
            self._changed.notify_all()
            return job

    def cancel(self, number: int) -> bool:
        """False when the job had ended already."""
        with self._changed:
            job = self._spool.jobs[number]
            if job.ended:
                return False
            self._end(job, State.CANCELLED, "job-canceled-by-user")
            self._changed.notify_all()
            return True

    def job(self, number: int) -> Job | None:
        with self._changed:
            return self._spool.jobs.get(number)

    def jobs(self) -> tuple[Job, ...]:
        """Oldest first."""
        with self._changed:
            return tuple(self._spool.jobs[number] for number in sorted(self._spool.jobs))

    def folder(self, number: int) -> Path:
        return self._spool.folder(number)

    @property
    def fault(self) -> str:
        with self._changed:
            return self._fault

    def set_fault(self, fault: str, seconds: float = 0.0) -> None:
        """Cause a fault, or clear it with ""; with `seconds` a person clears it after that time."""
        if fault and fault not in FAULTS:
            raise ValueError(f"a printer knows no fault {fault!r}")
        with self._changed:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._fault = fault
            if fault and seconds > 0:
                self._timer = threading.Timer(seconds, self.set_fault, ("",))
                self._timer.daemon = True
                self._timer.start()
            self._changed.notify_all()

    def printer_state(self) -> tuple[int, tuple[str, ...]]:
        """3 idle, 4 processing, 5 stopped (RFC 8011 5.4.11), and the reasons."""
        with self._changed:
            if self._fault in STOPPING:
                return 5, (STOPPING[self._fault],)
            busy = any(j.state is State.PROCESSING for j in self._spool.jobs.values())
            return (4 if busy else 3), ("none",)

    def close(self) -> None:
        with self._changed:
            self._closing = True
            if self._timer is not None:
                self._timer.cancel()
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next() is not None)
                job = self._next()
                if self._closing or job is None:
                    return
                processing = replace(
                    job, state=State.PROCESSING, reasons=("job-printing",), processing=self._up_time()
                )
                self._spool.save(processing)
            self._print(processing.id)

    def _next(self) -> Job | None:
        waiting = [j.id for j in self._spool.jobs.values() if j.state is State.PENDING]
        return self._spool.jobs[min(waiting)] if waiting else None

    def _print(self, number: int) -> None:
        try:
            pages = pwg_raster.decode(self._spool.document(number))
        except pwg_raster.PwgError:
            self._finish(number, State.ABORTED, "document-format-error")
            return
        if not self._wait_for_card(number):
            return
        for name, page in zip(("front.png", "back.png"), pages, strict=False):
            out = io.BytesIO()
            page.save(out, "PNG", dpi=page.info["dpi"])
            write_durably(self._spool.folder(number) / name, out.getvalue())
        self._finish(number, State.COMPLETED, "job-completed-successfully", sheets=(len(pages) + 1) // 2)

    def _wait_for_card(self, number: int) -> bool:
        """Let the card pass through the works; stop while a fault lasts. False: it will not come."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._gone(number) or self._fault == "abort", self._seconds
            )
            while self._fault in STOPPING and not self._closing and not self._gone(number):
                self._mark(number, State.STOPPED, ("printer-stopped",))
                self._changed.wait()
            if self._closing or self._gone(number):
                return False
            if self._fault == "abort":
                self._fault = ""
                self._end(self._spool.jobs[number], State.ABORTED, "aborted-by-system")
                return False
            self._mark(number, State.PROCESSING, ("job-printing",))
            return True

    def _gone(self, number: int) -> bool:
        return self._spool.jobs[number].ended

    def _mark(self, number: int, state: State, reasons: tuple[str, ...]) -> None:
        job = self._spool.jobs[number]
        if job.state is not state:
            self._spool.save(replace(job, state=state, reasons=reasons))
            self._changed.notify_all()

    def _finish(self, number: int, state: State, reason: str, sheets: int = 0) -> None:
        with self._changed:
            job = self._spool.jobs[number]
            if not job.ended:
                self._end(replace(job, sheets=sheets), state, reason)
            self._changed.notify_all()

    def _end(self, job: Job, state: State, reason: str) -> None:
        self._spool.save(replace(job, state=state, reasons=(reason,), finished=max(1, self._up_time())))
