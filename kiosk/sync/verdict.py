"""What an answer to a sent message means: acknowledged, to be tried later, or never to be taken.

Only the registry itself may acknowledge or refuse: an acknowledgement proves that it has our body by
the body's digest, a refusal comes as problem details. Anything else (a gateway's page, a login
portal, garbage) counts as no answer, so that nothing is lost by a stranger's "200 OK".
"""

import hmac
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from pydantic import ValidationError

from kiosk.errors import ErrorCode
from kiosk.sync.transport import Answer
from registry.contract import Problem, Receipt

LONGEST_WAIT = 3600.0  # seconds a server may ask us to stay away
_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_SERVER_BUSY = frozenset({429, 503})
_NOT_US = frozenset({401, 403})
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_ETAG = re.compile(r'(?:W/)?"([0-9a-f]{64})"')


class Fate(StrEnum):
    """What becomes of a message."""

    SENT = "SENT"
    LATER = "LATER"  # this message again later, others now
    STOP = "STOP"  # nobody useful is there: this and all others later
    REFUSED = "REFUSED"


class Verdict:
    """Fate, our error code, a note for the log (codes only), and how long to stay away (seconds)."""

    def __init__(
        self, fate: Fate, code: ErrorCode | None = None, note: str = "", wait: float | None = None
    ) -> None:
        self.fate = fate
        self.code = code
        self.note = note
        self.wait = wait

    @property
    def error(self) -> str:
        """One line for the outbox: our code and the registry's."""
        return f"{self.code}: {self.note}" if self.note else str(self.code or "")


def judge(answer: Answer, sha256: str, now: datetime) -> Verdict:
    """The verdict over the answer to a message whose body has the digest `sha256`."""
    problem = _problem(answer)
    note = f"{answer.status} {_code(problem)}".strip()
    if 200 <= answer.status < 300:
        return _acknowledged(answer, sha256, note)
    if answer.status in _RETRY:
        busy = answer.status in _SERVER_BUSY
        wait = retry_after(answer.headers.get("retry-after", ""), now)
        return Verdict(Fate.STOP if busy else Fate.LATER, ErrorCode.REGISTRY_UNREACHABLE, note, wait)
    if answer.status in _NOT_US:
        return Verdict(Fate.STOP, ErrorCode.REGISTRY_REFUSED, note)
    if problem is None or answer.status < 400:
        return Verdict(Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE, f"{note} not the registry's")
    if answer.status == 409:
        return _taken(answer, problem, sha256, note)
    fate = Fate.REFUSED if answer.status < 500 else Fate.LATER
    return Verdict(fate, ErrorCode.REGISTRY_REFUSED, note)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 10.2.3: seconds or a date), at most an hour."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _acknowledged(answer: Answer, sha256: str, note: str) -> Verdict:
    try:
        told = Receipt.model_validate_json(answer.body).sha256
    except ValidationError:
        told = _etag(answer)
    if _same(told, sha256):
        return Verdict(Fate.SENT)
    return Verdict(Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE, f"{note} without receipt")


def _taken(answer: Answer, problem: Problem, sha256: str, note: str) -> Verdict:
    """409: ours when the stored digest is our body's, else somebody else's."""
    if _same(problem.stored_sha256, sha256) or _same(_etag(answer), sha256):
        return Verdict(Fate.SENT)
    return Verdict(Fate.REFUSED, ErrorCode.REGISTRY_CONFLICT, note)


def _same(told: str, sha256: str) -> bool:
    return hmac.compare_digest(told.encode("utf-8", "surrogatepass"), sha256.encode())


def _etag(answer: Answer) -> str:
    found = _ETAG.fullmatch(answer.headers.get("etag", "").strip())
    return found.group(1) if found else ""


def _problem(answer: Answer) -> Problem | None:
    try:
        return Problem.model_validate_json(answer.body)
    except ValidationError:
        return None


def _code(problem: Problem | None) -> str:
    """The registry's code if it looks like one; a server's free text never reaches our log."""
    code = str(problem.code) if problem else ""
    return code if _CODE.fullmatch(code) else ""
