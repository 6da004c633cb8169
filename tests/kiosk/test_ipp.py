"""The printer client against the simulated printer, and against one that loses answers."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from hardware_mocks.printer import IppPrinter as SimulatedPrinter
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardFaces, PrintState
from kiosk.printing.ipp import IppPrinter

CREATE_JOB, SEND_DOCUMENT = 0x0005, 0x0006
FACES = CardFaces(
    front=np.full((64, 101, 3), 90, np.uint8),
    back=np.full((64, 101, 3), 200, np.uint8),
    dpi=300,
    front_png=b"",
    back_png=b"",
)
Tamper = Callable[[int, Callable[[], bytes]], bytes | None]


class Line:
    """An HTTP server before a printer: `tamper` may lose or change an answer. None drops the line."""

    def __init__(self, answer: Callable[[bytes], bytes], tamper: Tamper) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                operation = int.from_bytes(raw[2:4], "big")
                reply = tamper(operation, lambda: answer(raw))
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/ipp")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.uri = f"ipp://127.0.0.1:{self._server.server_port}/ipp/print"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedPrinter]:
    printer = SimulatedPrinter(tmp_path / "spool", seconds_per_card=0.02)
    yield printer
    printer.close()


@pytest.fixture
def client(simulated: SimulatedPrinter) -> IppPrinter:
    return IppPrinter(simulated.uri, timeout=5)


@pytest.fixture
def through(simulated: SimulatedPrinter) -> Iterator[Callable[[Tamper], IppPrinter]]:
    lines: list[Line] = []

    def make(tamper: Tamper) -> IppPrinter:
        lines.append(Line(simulated.answer, tamper))
        return IppPrinter(lines[-1].uri, timeout=2)

    yield make
    for line in lines:
        line.close()


def until(client: IppPrinter, job: str, *wanted: PrintState) -> tuple[str, ...]:
    """Poll until the job is in a wanted state; the test's own timeout ends a wait in vain."""
    while (status := client.status(job)).state not in wanted:
        assert status.job == job
    return status.reasons


def code_of(call: Callable[[], object]) -> ErrorCode:
    with pytest.raises(KioskError) as caught:
        call()
    return caught.value.code


def test_a_card_is_printed_once_on_both_sides(simulated: SimulatedPrinter, client: IppPrinter) -> None:
    assert client.ready() == (True, ())
    assert client.find("card-1") is None
    job = client.submit("card-1", FACES)
    until(client, job, PrintState.COMPLETED)
    folder = simulated.engine.folder(int(job))
    assert {path.name for path in folder.glob("*.png")} == {"front.png", "back.png"}
    found = client.find("card-1")
    assert found is not None
    assert (found.job, found.name, found.state) == (job, "card-1", PrintState.COMPLETED)


def test_the_same_name_never_prints_twice(simulated: SimulatedPrinter, client: IppPrinter) -> None:
    job = client.submit("card-1", FACES)
    assert client.submit("card-1", FACES) == job
    until(client, job, PrintState.COMPLETED)
    assert client.submit("card-1", FACES) == job
    assert len(simulated.engine.jobs()) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("media-empty", "media-empty-error"),
        ("jam", "media-jam-error"),
        ("ribbon", "marker-supply-empty-error"),
        ("cover", "cover-open-error"),
    ],
)
def test_a_stopped_printer_waits_for_a_person(
    simulated: SimulatedPrinter, client: IppPrinter, fault: str, reason: str
) -> None:
    simulated.engine.set_fault(fault)
    job = client.submit("card-1", FACES)
    assert reason in until(client, job, PrintState.STOPPED)
    assert client.ready() == (False, (reason,))
    simulated.engine.set_fault("")
    until(client, job, PrintState.COMPLETED)


def test_an_aborted_job_can_be_sent_again(simulated: SimulatedPrinter, client: IppPrinter) -> None:
    simulated.engine.set_fault("abort")
    job = client.submit("card-1", FACES)
    until(client, job, PrintState.ABORTED)
    second = client.submit("card-1", FACES)
    assert second != job
    until(client, second, PrintState.COMPLETED)
    found = client.find("card-1")
    assert found is not None
    assert found.job == second


def test_offline(simulated: SimulatedPrinter, client: IppPrinter) -> None:
    simulated.engine.set_fault("offline")
    for call in (client.ready, lambda: client.find("x"), lambda: client.submit("x", FACES)):
        assert code_of(call) is ErrorCode.PRINTER_UNAVAILABLE


def test_nobody_there(simulated: SimulatedPrinter) -> None:
    client = IppPrinter(simulated.uri, timeout=2)
    simulated._http.shutdown()
    simulated._http.server_close()
    assert code_of(client.ready) is ErrorCode.PRINTER_UNAVAILABLE


def test_lost_answer_after_create_job(
    simulated: SimulatedPrinter, client: IppPrinter, through: Callable[[Tamper], IppPrinter]
) -> None:
    def lose(operation: int, answer: Callable[[], bytes]) -> bytes | None:
        reply = answer()
        return None if operation == CREATE_JOB else reply

    assert code_of(lambda: through(lose).submit("card-1", FACES)) is ErrorCode.PRINTER_UNAVAILABLE
    found = client.find("card-1")
    assert found is not None
    assert found.state is PrintState.WAITING
    assert client.submit("card-1", FACES) == found.job  # completes the job that is there
    until(client, found.job, PrintState.COMPLETED)
    assert len(simulated.engine.jobs()) == 1


def test_lost_answer_after_send_document(
    simulated: SimulatedPrinter, client: IppPrinter, through: Callable[[Tamper], IppPrinter]
) -> None:
    def lose(operation: int, answer: Callable[[], bytes]) -> bytes | None:
        reply = answer()
        return None if operation == SEND_DOCUMENT else reply

    assert code_of(lambda: through(lose).submit("card-1", FACES)) is ErrorCode.PRINTER_UNAVAILABLE
    job = client.submit("card-1", FACES)
    until(client, job, PrintState.COMPLETED)
    assert len(simulated.engine.jobs()) == 1


def refusal(status: int) -> bytes:
    charset = b"\x01\x47\x00\x12attributes-charset\x00\x05utf-8"
    return b"\x02\x00" + status.to_bytes(2, "big") + b"\x00\x00\x00\x01" + charset + b"\x03"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0x0401, ErrorCode.PRINTER_REFUSED),  # forbidden
        (0x040A, ErrorCode.PRINTER_REFUSED),  # document-format-not-supported
        (0x0506, ErrorCode.PRINTER_REFUSED),  # not accepting jobs
        (0x0507, ErrorCode.PRINTER_UNAVAILABLE),  # busy
    ],
)
def test_a_printer_that_refuses(
    through: Callable[[Tamper], IppPrinter], status: int, code: ErrorCode
) -> None:
    def refuse(operation: int, answer: Callable[[], bytes]) -> bytes | None:
        return refusal(status) if operation == CREATE_JOB else answer()

    assert code_of(lambda: through(refuse).submit("card-1", FACES)) is code


@pytest.mark.parametrize(
    "reply", [b"", b"\x02", b"rubbish" * 9, refusal(0), b"\x02\x00\x00\x00\x00\x00\x00\x01"]
)
def test_answers_that_are_none(through: Callable[[Tamper], IppPrinter], reply: bytes) -> None:
    client = through(lambda _operation, _answer: reply)
    for call in (client.ready, lambda: client.status("1"), lambda: client.submit("x", FACES)):
        assert code_of(call) in (ErrorCode.PRINTER_UNAVAILABLE, ErrorCode.PRINTER_REFUSED)


def test_unknown_job(client: IppPrinter) -> None:
    assert code_of(lambda: client.status("4711")) is ErrorCode.PRINTER_REFUSED


@pytest.mark.parametrize("uri", ["http://x/", "ipp:", "sim:printer", ""])
def test_addresses_that_are_no_printer(uri: str) -> None:
    assert code_of(lambda: IppPrinter(uri)) is ErrorCode.DEVICE_UNKNOWN
