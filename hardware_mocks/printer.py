"""The simulated card printer on the network: IPP/2.0 over HTTP on the loopback interface.

Operations of RFC 8011 that a card desk needs, attributes of a CR80 card printer (PWG Raster, both
sides). `print_engine` holds the jobs. "offline" drops every connection, as a printer that was
switched off.
"""

import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from hardware_mocks.ipp_codec import (
    Attributes,
    Group,
    IppError,
    Message,
    Tag,
    Value,
    decode,
    encode,
    number_of,
    one,
    text_of,
)
from hardware_mocks.print_engine import Job, PrintEngine
from hardware_mocks.printer_attributes import DEFAULT_FORMAT, FORMATS, OPERATIONS, TEMPLATE, describe

PATH: Final = "/ipp/print"
MAX_REQUEST: Final = 64 * 1024 * 1024

OK, OK_IGNORED = 0x0000, 0x0001
BAD_REQUEST, NOT_POSSIBLE, NOT_FOUND = 0x0400, 0x0404, 0x0406
FORMAT_NOT_SUPPORTED, CHARSET_NOT_SUPPORTED = 0x040A, 0x040D
OPERATION_NOT_SUPPORTED, VERSION_NOT_SUPPORTED = 0x0501, 0x0503
_DEFAULT_JOB = ("job-id", "job-uri")  # what Get-Jobs gives when nothing is asked for
_Answer = tuple[int, list[tuple[int, Attributes]]]


class Refused(Exception):
    """The request cannot be granted; carries the IPP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"0x{status:04x}")
        self.status = status


class IppPrinter:
    """One printer on 127.0.0.1."""

    def __init__(self, directory: Path, port: int = 0, seconds_per_card: float = 0.3) -> None:
        self._began = time.monotonic()
        self.engine = PrintEngine(directory, self.up_time, seconds_per_card)
        self._handlers: dict[int, Callable[[Message, Attributes], _Answer]] = {
            OPERATIONS["Print-Job"]: self._print_job,
            OPERATIONS["Validate-Job"]: self._validate_job,
            OPERATIONS["Create-Job"]: self._create_job,
            OPERATIONS["Send-Document"]: self._send_document,
            OPERATIONS["Cancel-Job"]: self._cancel_job,
            OPERATIONS["Get-Job-Attributes"]: self._get_job_attributes,
            OPERATIONS["Get-Jobs"]: self._get_jobs,
            OPERATIONS["Get-Printer-Attributes"]: self._get_printer_attributes,
        }
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        return f"ipp://127.0.0.1:{self._http.server_port}{PATH}"

    @property
    def reachable(self) -> bool:
        return self.engine.fault != "offline"

    def up_time(self) -> int:
        """Seconds since it was switched on, at least 1."""
        return int(time.monotonic() - self._began) + 1

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.engine.close()

    def answer(self, raw: bytes) -> bytes:
        """The answer to one IPP request; anything that is none gets client-error-bad-request."""
        try:
            request = decode(raw)
        except IppError:
            return encode(Message(BAD_REQUEST, 0, ((Group.OPERATION, _operation_group()),)))
        try:
            status, groups = self._dispatch(request)
        except Refused as refusal:
            status, groups = refusal.status, []
        version = request.version if request.version in ((1, 0), (1, 1), (2, 0)) else (2, 0)
        return encode(
            Message(
                status, request.request_id, ((Group.OPERATION, _operation_group()), *groups), version=version
            )
        )

    def _dispatch(self, request: Message) -> _Answer:
        if request.version[0] not in (1, 2):
            raise Refused(VERSION_NOT_SUPPORTED)
        operation = request.group(Group.OPERATION)
        names = list(operation)
        if request.request_id < 1 or names[:2] != ["attributes-charset", "attributes-natural-language"]:
            raise Refused(BAD_REQUEST)
        if text_of(operation["attributes-charset"]).lower() not in ("utf-8", "us-ascii"):
            raise Refused(CHARSET_NOT_SUPPORTED)
        handler = self._handlers.get(request.code)
        if handler is None:
            raise Refused(OPERATION_NOT_SUPPORTED)
        if not text_of(operation.get("printer-uri")) and not text_of(operation.get("job-uri")):
            raise Refused(BAD_REQUEST)
        return handler(request, operation)

    def _print_job(self, request: Message, operation: Attributes) -> _Answer:
        kind = self._format(operation)
        job = self.engine.create(*_names(operation))
        job = self.engine.add_document(job.id, request.data, kind)
        return OK, [(Group.JOB, self._job_attributes(job, _SUBMITTED))]

    def _validate_job(self, _request: Message, operation: Attributes) -> _Answer:
        self._format(operation)
        return OK, []

    def _create_job(self, _request: Message, operation: Attributes) -> _Answer:
        job = self.engine.create(*_names(operation))
        return OK, [(Group.JOB, self._job_attributes(job, _SUBMITTED))]

    def _send_document(self, request: Message, operation: Attributes) -> _Answer:
        job = self._job(operation)
        if "last-document" not in operation:
            raise Refused(BAD_REQUEST)
        if job.complete or job.ended:
            raise Refused(NOT_POSSIBLE)
        job = self.engine.add_document(job.id, request.data, self._format(operation))
        return OK, [(Group.JOB, self._job_attributes(job, _SUBMITTED))]

    def _cancel_job(self, _request: Message, operation: Attributes) -> _Answer:
        if not self.engine.cancel(self._job(operation).id):
            raise Refused(NOT_POSSIBLE)
        return OK, []

    def _get_job_attributes(self, _request: Message, operation: Attributes) -> _Answer:
        job = self._job(operation)
        return OK, [(Group.JOB, self._job_attributes(job, _wanted(operation, ("all",))))]

    def _get_jobs(self, _request: Message, operation: Attributes) -> _Answer:
        which = text_of(operation.get("which-jobs"), "not-completed")
        if which not in ("completed", "not-completed"):
            raise Refused(0x040B)  # client-error-attributes-or-values-not-supported
        jobs = [job for job in self.engine.jobs() if job.ended == (which == "completed")]
        if any(item.value is True for item in operation.get("my-jobs", ())):
            user = text_of(operation.get("requesting-user-name"))
            jobs = [job for job in jobs if job.user == user]
        if which == "completed":
            jobs.reverse()
        limit = number_of(operation.get("limit"), len(jobs))
        wanted = _wanted(operation, _DEFAULT_JOB)
        return OK, [(Group.JOB, self._job_attributes(job, wanted)) for job in jobs[:limit]]

    def _get_printer_attributes(self, _request: Message, operation: Attributes) -> _Answer:
        state, reasons = self.engine.printer_state()
        queued = sum(not job.ended for job in self.engine.jobs())
        everything = describe(self.uri, state, reasons, self.up_time(), queued)
        return OK, [(Group.PRINTER, _select(everything, _wanted(operation, ("all",))))]

    def _format(self, operation: Attributes) -> str:
        asked = text_of(operation.get("document-format"), DEFAULT_FORMAT)
        if asked not in FORMATS or text_of(operation.get("compression"), "none") != "none":
            raise Refused(FORMAT_NOT_SUPPORTED)
        return asked

    def _job(self, operation: Attributes) -> Job:
        tail = text_of(operation.get("job-uri")).rpartition("/")[2]
        number = int(tail) if tail.isdecimal() else number_of(operation.get("job-id"))
        job = self.engine.job(number)
        if job is None:
            raise Refused(NOT_FOUND)
        return job

    def _job_attributes(self, job: Job, wanted: Iterable[str]) -> Attributes:
        ended = job.finished if job.ended else 0
        everything: Attributes = {
            "job-id": one(Tag.INTEGER, job.id),
            "job-uri": one(Tag.URI, f"{self.uri}/{job.id}"),
            "job-printer-uri": one(Tag.URI, self.uri),
            "job-name": one(Tag.NAME, job.name),
            "job-originating-user-name": one(Tag.NAME, job.user),
            "job-state": one(Tag.ENUM, int(job.state)),
            "job-state-reasons": one(Tag.KEYWORD, *job.reasons),
            "job-printer-up-time": one(Tag.INTEGER, self.up_time()),
            "time-at-creation": one(Tag.INTEGER, job.created),
            "time-at-processing": _moment(job.processing),
            "time-at-completed": _moment(ended),
            "number-of-documents": one(Tag.INTEGER, int(job.complete)),
            "job-k-octets": one(Tag.INTEGER, -(-job.size // 1024)),
            "job-media-sheets-completed": one(Tag.INTEGER, job.sheets),
            "sides": one(Tag.KEYWORD, "two-sided-long-edge"),
            "attributes-charset": one(Tag.CHARSET, "utf-8"),
            "attributes-natural-language": one(Tag.LANGUAGE, "en"),
        }
        return _select(everything, wanted)


_SUBMITTED: Final = ("job-id", "job-uri", "job-state", "job-state-reasons")


def _moment(seconds: int) -> tuple[Value, ...]:
    return one(Tag.INTEGER, seconds) if seconds else one(Tag.NO_VALUE, b"")


def _names(operation: Attributes) -> tuple[str, str]:
    name = text_of(operation.get("job-name"), "untitled")
    return name, text_of(operation.get("requesting-user-name"), "anonymous")


def _wanted(operation: Attributes, default: tuple[str, ...]) -> tuple[str, ...]:
    asked = tuple(v.value for v in operation.get("requested-attributes", ()) if isinstance(v.value, str))
    return asked or default


def _select(everything: Attributes, wanted: Iterable[str]) -> Attributes:
    names = set(wanted)
    if names & {"all", "job-description", "printer-description"}:
        chosen = set(everything)
        if "all" not in names and "job-template" not in names:
            chosen -= TEMPLATE
        return {name: values for name, values in everything.items() if name in chosen | names}
    if "job-template" in names:
        names |= TEMPLATE
    return {name: values for name, values in everything.items() if name in names}


def _operation_group() -> Attributes:
    return {
        "attributes-charset": one(Tag.CHARSET, "utf-8"),
        "attributes-natural-language": one(Tag.LANGUAGE, "en"),
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], printer: IppPrinter) -> None:
        self.printer = printer
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_POST(self) -> None:
        if not self.server.printer.reachable:
            self.close_connection = True
            return
        if self.headers.get_content_type() != "application/ipp" or not self.path.startswith(PATH):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        body = self._body()
        if body is None:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        answer = self.server.printer.answer(body)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/ipp")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.send_error(status)

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_REQUEST:
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes | None:
        body = bytearray()
        while True:
            line = self.rfile.readline(64).split(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                return None
            if not 0 <= size <= MAX_REQUEST - len(body):
                return None
            body += self.rfile.read(size)
            self.rfile.readline(8)
            if size == 0:
                return bytes(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The printer keeps no access log."""
