"""HTTP with hard limits: every call ends within its deadline and reads a bounded answer.

`requests` bounds each read of the socket but not their sum, so a server that drips bytes could hold
a call for ever. Here a watch shuts the socket when the call's time is up, in whatever phase it is.
Redirects, proxies from the environment and cookies are not followed; certificates are checked.
"""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

ANSWER_LIMIT = 1 << 20  # bytes
_CHUNK = 1 << 14
_TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


class Unreachable(Exception):
    """Nobody answered in time, or not in HTTP. Carries the kind of trouble, never an address."""


@dataclass(frozen=True)
class Answer:
    """One complete answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Watch:
    """Shuts the connections of one call when its time is up."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._handles: list[socket.socket] = []
        self._lock = threading.Lock()
        self.expired = False

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            while self._handles:
                self._handles.pop().close()

    def add(self, connected: socket.socket) -> None:
        """Take a second handle on the connection: it stays ours when TLS takes over the first."""
        handle = socket.fromfd(connected.fileno(), connected.family, connected.type)
        with self._lock:
            self._handles.append(handle)
            if self.expired:
                _shut(handle)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for handle in self._handles:
                _shut(handle)


def _shut(handle: socket.socket) -> None:
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster: that is what we want


_calls = threading.local()  # .watch: the watch of the call this thread is making


class _Watched(HTTPConnection):
    """Shows its socket to the call's watch, when new and when used again."""

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _calls.watch.add(connected)
        return connected

    def putrequest(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            _calls.watch.add(self.sock)
        super().putrequest(*args, **options)


class _WatchedSecure(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedSecure


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        # No cookies: nobody asked for them, and parsing garbage ones warns.
        del resp._original_response.msg["Set-Cookie"]
        return super().build_response(req, resp)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirects, not even looked at: `requests` would read their bodies unbounded."""


def open_session(
    *, ca_file: str | None = None, certificate: tuple[str, str] | None = None
) -> requests.Session:
    """A session for one lane. `ca_file`: the private CA; `certificate`: our file and its key's."""
    session = _Session()
    session.trust_env = False
    session.verify = ca_file or True
    session.cert = certificate
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def call(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeout: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Answer:
    """One request and its whole answer within `timeout` seconds, or `Unreachable`."""
    with _watching(timeout) as watch:
        try:
            answer = _exchange(session, method, url, timeout, headers, body)
        except _TROUBLE as error:
            # Cut off: texts of these errors hold addresses, and addresses hold document numbers.
            name = "deadline" if watch.expired else type(error).__name__
            raise Unreachable(name) from None
        if watch.expired:
            raise Unreachable("deadline")
    return answer


@contextmanager
def _watching(seconds: float) -> Iterator[_Watch]:
    with _Watch(seconds) as watch:
        _calls.watch = watch
        try:
            yield watch
        finally:
            del _calls.watch


def _exchange(
    session: requests.Session,
    method: str,
    url: str,
    timeout: float,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Answer:
    # Identity: a small answer stays small.
    asked = {"Accept-Encoding": "identity", **headers}
    response = session.request(
        method, url, data=body, headers=asked, timeout=timeout, allow_redirects=False, stream=True
    )
    with response:
        received = bytearray()
        for chunk in response.iter_content(_CHUNK):
            received += chunk
            if len(received) > ANSWER_LIMIT:
                raise ValueError("answer too large")
        lower = {str(name).lower(): str(value) for name, value in response.headers.items()}
        return Answer(response.status_code, lower, bytes(received))
