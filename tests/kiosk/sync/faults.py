"""Loopback servers that misbehave on command: scripted answers, and a proxy that loses answers."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket, bytes], None]


def read_request(connection: socket.socket) -> bytes:
    """One whole request (head and announced body), or what came before the end."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
    while missing > 0:
        chunk = connection.recv(65536)
        if not chunk:
            break
        received, missing = received + chunk, missing - len(chunk)
    return received


def reset(connection: socket.socket) -> None:
    """Close so that the peer sees a connection reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def raw(answer: bytes) -> Behaviour:
    return lambda connection, request: connection.sendall(answer)


def http(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def hang_up(connection: socket.socket, request: bytes) -> None:
    reset(connection)


class Drip:
    """Sends one byte now and then until the client leaves, then says so."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self.left = threading.Event()

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        connection.sendall(self._start)
        connection.settimeout(0.01)
        while True:
            try:
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
            try:
                connection.sendall(b"a")
            except OSError:
                break
        self.left.set()


class Server:
    """Answers each connection by the next behaviour of its script, the last one for ever."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes accept(); closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection = self.prepare(connection)
                    request = self.read(connection)
                    self.requests.append(request)
                    behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                    behaviour(connection, request)
                except OSError:
                    continue
                finally:
                    connection.close()

    def prepare(self, connection: socket.socket) -> socket.socket:
        """For servers that speak TLS."""
        return connection

    def read(self, connection: socket.socket) -> bytes:
        return read_request(connection)


def forward(port: int) -> Behaviour:
    """Pass the request on and the answer back."""
    return lambda connection, request: connection.sendall(_ask(port, request))


def forward_and_drop(port: int) -> Behaviour:
    """Pass the request on, wait for the whole answer, then reset: committed but never told."""

    def behave(connection: socket.socket, request: bytes) -> None:
        assert _ask(port, request)
        reset(connection)

    return behave


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        upstream.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        answer = b""
        while chunk := upstream.recv(65536):
            answer += chunk
        return answer


@contextmanager
def unused_url() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
