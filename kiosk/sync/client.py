"""`ports.Registry` over HTTP: asks for stays, delivers the outbox so that each message counts once.

The id of every resource is ours and an acknowledgement names the digest of what is stored, so a
message whose answer was lost is simply sent again. Backoff: full jitter, 2 s doubling to 5 minutes.
"""

import ipaddress
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests
from pydantic import ValidationError

from kiosk.domain.stay import Stay
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import DeliveryReport, OutboxMessage, RandomBytes, Store
from kiosk.sync.transport import Answer, Unreachable, call, open_session
from kiosk.sync.verdict import Fate, Verdict, judge
from registry import contract

BACKOFF_BASE = 2.0  # seconds
BACKOFF_CAP = 300.0
DEADLINE = 20.0  # seconds for one message
ANY_TIME = timedelta(days=3650)  # reaches every message that waits for its next try
LATER_IN_A_ROW = 3  # server errors after which a round ends


class RegistryClient:
    """The registry as one station sees it. Used from one lane."""

    def __init__(
        self,
        base_url: str,
        token: str,
        station: str,
        *,
        timeout: float = DEADLINE,
        session: requests.Session | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """`timeout` bounds one message in seconds; `random` spreads the retries.

        SETTINGS_INVALID for an address that is not https, or http on this machine: tokens and
        people's data do not travel in clear.
        """
        self._base = checked_address(base_url)
        self._token = token
        self._station = station
        self._timeout = timeout
        self._session = session or open_session()
        self._random = random
        self._failures: dict[str, int] = {}
        self._closed_until: datetime | None = None

    def __repr__(self) -> str:
        return f"RegistryClient({self._base!r}, station={self._station!r})"

    def reachable(self) -> bool:
        """Whether a registry answers at all."""
        try:
            answer = self._ask("GET", contract.HEALTH_PATH, self._timeout)
            contract.Health.model_validate_json(answer.body)
        except (Unreachable, ValidationError):
            return False
        return answer.status == 200

    def stays(self, document_key: str, timeout: float) -> tuple[Stay, ...]:
        """As in `ports.Registry`; REGISTRY_REFUSED when the registry does not know this station."""
        try:
            answer = self._ask("GET", contract.stays_target(document_key), timeout)
        except Unreachable as error:
            raise KioskError(ErrorCode.REGISTRY_UNREACHABLE, str(error)) from None
        if answer.status in (401, 403):
            raise KioskError(ErrorCode.REGISTRY_REFUSED, f"status {answer.status}")
        try:
            told = contract.Stays.model_validate_json(answer.body)
        except ValidationError:
            told = None
        if answer.status != 200 or told is None or told.document_key != document_key:
            raise KioskError(ErrorCode.REGISTRY_UNREACHABLE, f"status {answer.status}, no list of stays")
        return tuple(Stay(stay.entered, stay.left) for stay in told.stays)

    def deliver(
        self, store: Store, now: datetime, limit: int = 50, *, at_once: bool = False
    ) -> DeliveryReport:
        """One round: `sent` and `refused` count this round, `waiting` is the queue after it.

        `at_once` leaves out the waiting times: all that waits is tried.
        """
        horizon = now + ANY_TIME if at_once else now
        sent = refused = in_a_row = 0
        problem, tried = "", set[str]()
        while not problem and len(tried) < limit:
            if self._closed_until is not None and now < self._closed_until and not at_once:
                problem = ErrorCode.REGISTRY_UNREACHABLE
                break
            due = [m for m in store.due_messages(horizon, limit) if m.id not in tried]
            if not due:
                break
            message = due[0]
            tried.add(message.id)
            verdict = self.submit(message, now)
            self._settle(store, message, verdict, now)
            sent += verdict.fate is Fate.SENT
            refused += verdict.fate is Fate.REFUSED
            in_a_row = in_a_row + 1 if verdict.fate is Fate.LATER else 0
            if verdict.fate is Fate.STOP or in_a_row == LATER_IN_A_ROW:
                problem = verdict.code or ErrorCode.REGISTRY_UNREACHABLE
        return DeliveryReport(sent, store.queue().waiting, refused, str(problem))

    def submit(self, message: OutboxMessage, now: datetime) -> Verdict:
        """Send one message and judge the answer; never raises for what the network does."""
        try:
            target = contract.target(message.kind, message.body)
            body = contract.canonical(message.body)
            sha256 = contract.fingerprint(message.body)
        except (ValueError, TypeError):
            return Verdict(Fate.REFUSED, ErrorCode.REGISTRY_REFUSED, "UNSENDABLE")
        try:
            answer = self._ask("POST", target, self._timeout, body)
        except Unreachable as error:
            return Verdict(Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE, str(error))
        return judge(answer, sha256, now)

    def close(self) -> None:
        self._session.close()

    def _ask(self, method: str, target: str, timeout: float, body: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": contract.JSON_TYPE}
        if body is not None:
            headers["Content-Type"] = contract.JSON_TYPE
        url = self._base + target
        return call(self._session, method, url, timeout=timeout, headers=headers, body=body)

    def _settle(self, store: Store, message: OutboxMessage, verdict: Verdict, now: datetime) -> None:
        """Write down what became of a message, and when it is to be tried again."""
        if verdict.fate is Fate.SENT:
            store.mark_sent(message.id, now)
        elif verdict.fate is Fate.REFUSED:
            store.mark_refused(message.id, now, verdict.error)
        else:
            store.mark_failed(message.id, now, self._next_try(message.id, verdict, now), verdict.error)
            return
        self._failures.pop(message.id, None)

    def _next_try(self, message_id: str, verdict: Verdict, now: datetime) -> datetime:
        failures = self._failures.get(message_id, 0)
        self._failures[message_id] = failures + 1
        fraction = int.from_bytes(self._random(4), "big") / (1 << 32)
        wait = fraction * min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(failures, 16))
        if verdict.wait is not None:
            wait = max(wait, verdict.wait)
            if verdict.fate is Fate.STOP:
                self._closed_until = now + timedelta(seconds=verdict.wait)
        return now + timedelta(seconds=wait)


def checked_address(base_url: str) -> str:
    """The address without a trailing slash."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise KioskError(ErrorCode.SETTINGS_INVALID, "the registry's address is none") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and _this_machine(host))
    if not host or not secure or parts.query or parts.fragment or parts.username:
        raise KioskError(ErrorCode.SETTINGS_INVALID, "the registry's address must be https, or this machine")
    return base_url.rstrip("/")


def _this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
