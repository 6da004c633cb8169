"""The card printer over IPP (RFC 8011, PWG 5100.14) through pyipp.

pyipp speaks asyncio only: each call here runs its own short event loop on the caller's lane. A job
carries our own unique name; before a new one is created the printer is asked for that name, so
that a repeat after a lost answer or a power cut never prints a second card.
"""

import asyncio
import io
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pyipp import IPP, IPPError
from pyipp.enums import IppOperation
from pyipp.exceptions import IPPConnectionError, IPPConnectionUpgradeRequired, IPPParseError, IPPResponseError
from pyipp.serializer import encode_dict

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardFaces, PrintState, PrintStatus
from kiosk.printing import pwg

MEDIA = "custom_cr80_85.6x53.98mm"  # PWG 5101.1 self-describing name
SIDES = "two-sided-long-edge"
USER = "shekara"
TIMEOUT = 15.0  # seconds for one request, answer included
# Printer-state reasons that wait for a person, whatever their severity suffix (RFC 8011 5.4.12).
NEEDS_PERSON = frozenset(
    {
        "media-empty",
        "media-needed",
        "media-jam",
        "cover-open",
        "door-open",
        "interlock-open",
        "input-tray-missing",
        "marker-supply-empty",
        "marker-supply-missing",
        "output-area-full",
        "paused",
    }
)
_STOPPED_PRINTER = 5  # printer-state
_TRANSIENT = frozenset({0x0502, 0x0504, 0x0505, 0x0507})  # service unavailable .. busy
_JOB_STATES = {
    3: PrintState.WAITING,
    4: PrintState.WAITING,
    5: PrintState.PRINTING,
    6: PrintState.STOPPED,
    7: PrintState.CANCELLED,
    8: PrintState.ABORTED,
    9: PrintState.COMPLETED,
}
_ENDED = (PrintState.CANCELLED, PrintState.ABORTED, PrintState.COMPLETED)
_JOB_ATTRIBUTES = ["job-id", "job-name", "job-state", "job-state-reasons", "number-of-documents"]
_PRINTER_ATTRIBUTES = ["printer-state", "printer-state-reasons", "printer-is-accepting-jobs"]

Answer = Mapping[str, Any]
T = TypeVar("T")


class _Client(IPP):
    """pyipp's client, handing documents over as a stream: aiohttp warns of large plain bytes."""

    async def _request(self, uri: str = "", data: Any = None, params: Any = None) -> bytes:
        stream = io.BytesIO(encode_dict(data)) if isinstance(data, dict) else data
        answer: bytes = await super()._request(uri, stream, params)
        return answer


@dataclass(frozen=True)
class _Job:
    status: PrintStatus
    has_document: bool


class IppPrinter:
    """A `Printer` at `ipp://host[:port]/path` or `ipps://…` (certificate checked)."""

    def __init__(self, uri: str, *, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(uri)
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname:
            raise KioskError(ErrorCode.DEVICE_UNKNOWN, "a printer's address begins with ipp:// or ipps://")
        self.name = uri
        self._timeout = timeout

    def submit(self, job_name: str, faces: CardFaces) -> str:
        """Send the card once and return the printer's job id.

        A job of that name that the printer already has is completed, not repeated. Raises
        PRINTER_UNAVAILABLE (no or no sound answer: ask `find` later) or PRINTER_REFUSED.
        """
        document = pwg.encode((faces.front, faces.back), faces.dpi, media=MEDIA)
        return self._run(self._submit(job_name, document))

    def find(self, job_name: str) -> PrintStatus | None:
        """The newest job of that name, finished or not; None when the printer does not know it."""
        job = self._run(self._find(job_name))
        return job.status if job else None

    def status(self, job: str) -> PrintStatus:
        """The job as the printer sees it; a job held up by the printer's own state is STOPPED."""
        return self._run(self._status(job))

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether a card sent now would be printed, and the printer's state reasons."""
        return self._run(self._ready())

    @staticmethod
    def _run(work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run(work)
        except (IPPConnectionError, IPPParseError, IPPResponseError, IPPConnectionUpgradeRequired) as error:
            raise _unavailable(error) from error
        except IPPError as error:
            raise _refused(error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(error) from error

    async def _ask(self, operation: IppOperation, message: dict[str, Any]) -> Answer:
        """One request on a connection of its own, within the timeout."""
        attributes = {"requesting-user-name": USER, **message.pop("operation-attributes-tag", {})}
        client = _Client(self.name, request_timeout=ceil(self._timeout), verify_ssl=True)
        async with asyncio.timeout(self._timeout), client:
            return await client.execute(operation, {"operation-attributes-tag": attributes, **message})

    async def _submit(self, job_name: str, document: bytes) -> str:
        known = await self._find(job_name)
        if known and known.status.state not in (PrintState.ABORTED, PrintState.CANCELLED):
            if not known.has_document:
                await self._send(known.status.job, document)
            return known.status.job
        answer = await self._ask(
            IppOperation.CREATE_JOB,
            {
                "operation-attributes-tag": {"job-name": job_name},
                "job-attributes-tag": {"media": MEDIA, "sides": SIDES, "copies": 1},
            },
        )
        job = _first(answer, "jobs").get("job-id")
        if not isinstance(job, int):
            raise KioskError(ErrorCode.PRINTER_UNAVAILABLE, "Create-Job was answered without a job id")
        await self._send(str(job), document)
        return str(job)

    async def _send(self, job: str, document: bytes) -> None:
        attributes = {
            "job-id": int(job),
            "document-format": pwg.MIME_TYPE,
            "last-document": True,
        }
        await self._ask(
            IppOperation.SEND_DOCUMENT, {"operation-attributes-tag": attributes, "data": document}
        )

    async def _find(self, job_name: str) -> _Job | None:
        found: list[_Job] = []
        for which in ("not-completed", "completed"):
            attributes = {"which-jobs": which, "my-jobs": True, "requested-attributes": _JOB_ATTRIBUTES}
            answer = await self._ask(IppOperation.GET_JOBS, {"operation-attributes-tag": attributes})
            found += [_job(record) for record in answer["jobs"] if record.get("job-name") == job_name]
        return max(found, key=lambda job: int(job.status.job), default=None)

    async def _status(self, job: str) -> PrintStatus:
        attributes = {"job-id": int(job), "requested-attributes": _JOB_ATTRIBUTES}
        answer = await self._ask(IppOperation.GET_JOB_ATTRIBUTES, {"operation-attributes-tag": attributes})
        status = _job(_first(answer, "jobs")).status
        if status.state in _ENDED:
            return status
        stopped, reasons = _condition(await self._printer())
        if not stopped and status.state is not PrintState.STOPPED:
            return status
        return PrintStatus(status.job, status.name, PrintState.STOPPED, (*status.reasons, *reasons))

    async def _printer(self) -> Answer:
        attributes = {"requested-attributes": _PRINTER_ATTRIBUTES}
        answer = await self._ask(
            IppOperation.GET_PRINTER_ATTRIBUTES, {"operation-attributes-tag": attributes}
        )
        return _first(answer, "printers")

    async def _ready(self) -> tuple[bool, tuple[str, ...]]:
        printer = await self._printer()
        stopped, reasons = _condition(printer)
        return printer.get("printer-is-accepting-jobs") is not False and not stopped, reasons


def _condition(printer: Answer) -> tuple[bool, tuple[str, ...]]:
    """Whether the printer waits for a person, and its state reasons."""
    reasons = _reasons(printer.get("printer-state-reasons"))
    return printer.get("printer-state") == _STOPPED_PRINTER or any(map(_needs_person, reasons)), reasons


def _first(answer: Answer, group: str) -> Answer:
    records = answer.get(group) or ()
    if not records:
        raise KioskError(ErrorCode.PRINTER_UNAVAILABLE, f"the printer's answer has no {group}")
    first: Answer = records[0]
    return first


def _job(record: Answer) -> _Job:
    number, state = record.get("job-id"), record.get("job-state")
    if not isinstance(number, int) or not isinstance(state, int):
        raise KioskError(ErrorCode.PRINTER_UNAVAILABLE, "a job without id or state")
    reasons = _reasons(record.get("job-state-reasons"))
    status = PrintStatus(
        job=str(number),
        name=str(record.get("job-name", "")),
        state=_JOB_STATES.get(int(state), PrintState.WAITING),
        reasons=reasons,
    )
    incoming = "job-incoming" in reasons or record.get("number-of-documents") == 0
    return _Job(status, has_document=not incoming)


def _reasons(value: object) -> tuple[str, ...]:
    listed: Iterable[object] = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(str(item) for item in listed if item not in (None, "", "none"))


def _needs_person(reason: str) -> bool:
    base = reason.removesuffix("-error").removesuffix("-warning")
    return base in NEEDS_PERSON


def _unavailable(error: BaseException) -> KioskError:
    return KioskError(ErrorCode.PRINTER_UNAVAILABLE, type(error).__name__)


def _refused(error: IPPError) -> KioskError:
    details = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    status = details.get("status-code", 0)
    code = ErrorCode.PRINTER_UNAVAILABLE if status in _TRANSIENT else ErrorCode.PRINTER_REFUSED
    return KioskError(code, f"IPP status 0x{int(status):04x}")
