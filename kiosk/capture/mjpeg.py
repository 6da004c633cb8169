"""A motion-JPEG stream over HTTP (multipart/x-mixed-replace, RFC 2046) as single JPEG files.

Everything the other side can do wrong (silence, cut lines, endless headers, rubbish) ends in
OSError, `http.client.HTTPException` or StreamBroken, never in a hang beyond the socket timeout.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

SOCKET_TIMEOUT = 4.0  # seconds without a byte after which the line counts as dead
MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_LINE_BYTES = 8192
MAX_HEADER_LINES = 40
_CHUNK = 65536


class StreamBroken(Exception):
    """The stream is not motion JPEG, or ended."""


class MjpegStream:
    """One connection. `frames` yields JPEG bytes; `close` may be called from another thread."""

    def __init__(self, url: str, *, timeout: float = SOCKET_TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StreamBroken("a stream's address begins with http:// or https://")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._socket: socket.socket | None = None
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def frames(self) -> Iterator[bytes]:
        """Connect and yield pictures until the line ends, which raises."""
        self._connection.connect()
        self._socket = self._connection.sock  # http.client lets go of it where the answer has no end
        self._connection.request("GET", self._path)
        response = self._connection.getresponse()
        boundary = _boundary(response)
        while True:
            headers = _part_headers(response, boundary)
            yield _body(response, headers)

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # already gone
                self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def _boundary(response: HTTPResponse) -> bytes:
    headers: Message = response.headers
    if response.status != 200 or headers.get_content_type() != "multipart/x-mixed-replace":
        raise StreamBroken(f"HTTP status {response.status} or another content type")
    boundary = headers.get_boundary("")
    if not boundary:
        raise StreamBroken("no boundary")
    return b"--" + boundary.removeprefix("--").encode("latin-1")


def _line(response: HTTPResponse) -> bytes:
    line = response.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise StreamBroken("the stream ended, or a line without end")
    return line.rstrip(b"\r\n")


def _part_headers(response: HTTPResponse, boundary: bytes) -> dict[str, str]:
    """Skip to the next boundary and read the part's headers, names in lower case."""
    for _ in range(MAX_HEADER_LINES):
        if _line(response) == boundary:
            break
    else:
        raise StreamBroken("no boundary where a part should begin")
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADER_LINES):
        line = _line(response)
        if not line:
            return headers
        name, _colon, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise StreamBroken("too many header lines")


def _body(response: HTTPResponse, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal() and len(length) < 10):
        raise StreamBroken("a part without a length")
    if not 0 < int(length) <= MAX_FRAME_BYTES:
        raise StreamBroken("a part too large or empty")
    wanted, parts = int(length), []
    while wanted:
        chunk = response.read(min(wanted, _CHUNK))
        if not chunk:
            raise StreamBroken("a picture is cut off")
        parts.append(chunk)
        wanted -= len(chunk)
    return b"".join(parts)
