"""The simulated printer: its codec, its operations, its faults, and jobs that outlive it."""

import http.client
import io
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hardware_mocks import pwg_raster
from hardware_mocks.ipp_codec import (
    Attributes,
    Group,
    IppError,
    Message,
    Plain,
    Tag,
    Value,
    decode,
    encode,
    number_of,
    one,
    text_of,
)
from hardware_mocks.print_engine import STOPPING, PrintEngine, State
from hardware_mocks.printer import BAD_REQUEST, NOT_FOUND, NOT_POSSIBLE, IppPrinter
from hardware_mocks.printer_attributes import MEDIA, OPERATIONS

RED, BLUE = (200, 30, 40), (30, 40, 200)


def raster_page(colour: tuple[int, int, int], width: int = 40, height: int = 25) -> bytes:
    """One page of PWG Raster (PWG 5102.4) in a single colour, written out by hand."""
    header = bytearray(1796)
    header[:10] = b"PwgRaster\0"
    fields = {276: 300, 280: 300, 372: width, 376: height, 384: 8, 388: 24, 392: 3 * width, 400: 19, 420: 3}
    for offset, value in fields.items():
        struct.pack_into(">I", header, offset, value)
    row = bytes([width - 1]) + bytes(colour)
    return bytes(header) + bytes([height - 1]) + row


CARD = b"RaS2" + raster_page(RED) + raster_page(BLUE)


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[IppPrinter]:
    device = IppPrinter(tmp_path / "spool", seconds_per_card=0.01)
    yield device
    device.close()


def ask(
    printer: IppPrinter, operation: str, attributes: Attributes | None = None, data: bytes = b""
) -> Message:
    group: Attributes = {
        "attributes-charset": one(Tag.CHARSET, "utf-8"),
        "attributes-natural-language": one(Tag.LANGUAGE, "en"),
        "printer-uri": one(Tag.URI, printer.uri),
        "requesting-user-name": one(Tag.NAME, "kiosk"),
        **(attributes or {}),
    }
    request = Message(OPERATIONS[operation], 7, ((Group.OPERATION, group),), data)
    address = urlsplit(printer.uri)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    try:
        connection.request("POST", address.path, encode(request), {"Content-Type": "application/ipp"})
        answer = decode(connection.getresponse().read())
    finally:
        connection.close()
    assert answer.request_id == 7
    return answer


def job_id(answer: Message) -> int:
    return number_of(answer.group(Group.JOB)["job-id"])


def wait_until(engine: PrintEngine, reached: Callable[[], bool]) -> None:
    with engine._changed:
        assert engine._changed.wait_for(reached, 10)


def await_end(printer: IppPrinter, number: int) -> Message:
    wait_until(printer.engine, lambda: bool((job := printer.engine.job(number)) and job.ended))
    return ask(printer, "Get-Job-Attributes", {"job-id": one(Tag.INTEGER, number)})


def state_of(answer: Message) -> tuple[int, str]:
    job = answer.group(Group.JOB)
    return number_of(job["job-state"]), text_of(job["job-state-reasons"])


def test_a_job_created_and_sent_is_printed_on_both_sides(printer: IppPrinter) -> None:
    created = ask(printer, "Create-Job", {"job-name": one(Tag.NAME, "card 1")})
    number = job_id(created)
    assert state_of(created) == (State.HELD, "job-incoming")
    ask(
        printer,
        "Send-Document",
        {
            "job-id": one(Tag.INTEGER, number),
            "document-format": one(Tag.MIME, "image/pwg-raster"),
            "last-document": one(Tag.BOOLEAN, True),
        },
        CARD,
    )
    assert state_of(await_end(printer, number)) == (State.COMPLETED, "job-completed-successfully")
    folder = printer.engine.folder(number)
    assert (folder / "document").read_bytes() == CARD
    for name, colour in (("front.png", RED), ("back.png", BLUE)):
        with Image.open(folder / name) as side:
            assert side.size == (40, 25)
            assert side.getpixel((3, 3)) == colour


def test_jobs_are_found_by_name_after_the_printer_was_restarted(tmp_path: Path) -> None:
    first = IppPrinter(tmp_path, seconds_per_card=30)
    number = job_id(ask(first, "Print-Job", {"job-name": one(Tag.NAME, "mine")}, CARD))
    half = job_id(ask(first, "Create-Job", {"job-name": one(Tag.NAME, "half sent")}))
    wait_until(first.engine, lambda: first.engine.jobs()[0].state is State.PROCESSING)
    first.close()
    second = IppPrinter(tmp_path, seconds_per_card=0.01)
    try:
        assert state_of(await_end(second, number))[0] == State.COMPLETED
        assert state_of(await_end(second, half)) == (State.ABORTED, "submission-interrupted")
        listed = ask(
            second,
            "Get-Jobs",
            {
                "which-jobs": one(Tag.KEYWORD, "completed"),
                "my-jobs": one(Tag.BOOLEAN, True),
                "requested-attributes": one(Tag.KEYWORD, "job-id", "job-name"),
            },
        )
        names = [text_of(a["job-name"]) for kind, a in listed.groups if kind == Group.JOB]
        assert names == ["half sent", "mine"]
        assert job_id(ask(second, "Create-Job")) == half + 1
    finally:
        second.close()


@pytest.mark.parametrize(("fault", "reason"), STOPPING.items())
def test_a_stopped_printer_says_why_and_goes_on_when_helped(
    printer: IppPrinter, fault: str, reason: str
) -> None:
    printer.engine.set_fault(fault)
    number = job_id(ask(printer, "Print-Job", {}, CARD))
    wait_until(printer.engine, lambda: printer.engine.jobs()[-1].state is State.STOPPED)
    described = ask(printer, "Get-Printer-Attributes").group(Group.PRINTER)
    assert number_of(described["printer-state"]) == 5
    assert text_of(described["printer-state-reasons"]) == reason
    printer.engine.set_fault("")
    assert state_of(await_end(printer, number))[0] == State.COMPLETED


def test_a_fault_with_a_time_is_put_right_by_itself(printer: IppPrinter) -> None:
    printer.engine.set_fault("jam", 0.05)
    number = job_id(ask(printer, "Print-Job", {}, CARD))
    assert state_of(await_end(printer, number))[0] == State.COMPLETED


def test_abort_ends_one_job_only(printer: IppPrinter) -> None:
    printer.engine.set_fault("abort")
    assert state_of(await_end(printer, job_id(ask(printer, "Print-Job", {}, CARD)))) == (
        State.ABORTED,
        "aborted-by-system",
    )
    assert state_of(await_end(printer, job_id(ask(printer, "Print-Job", {}, CARD))))[0] == State.COMPLETED


def test_an_unreachable_printer_hangs_up(printer: IppPrinter) -> None:
    printer.engine.set_fault("offline")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(printer, "Get-Printer-Attributes")
    printer.engine.set_fault("")
    assert ask(printer, "Get-Printer-Attributes").code == 0


def test_a_document_that_is_no_raster_aborts(printer: IppPrinter) -> None:
    number = job_id(ask(printer, "Print-Job", {}, b"%PDF-1.7"))
    assert state_of(await_end(printer, number)) == (State.ABORTED, "document-format-error")


def test_a_job_can_be_cancelled_once(printer: IppPrinter) -> None:
    printer.engine.set_fault("media-empty")
    number = one(Tag.INTEGER, job_id(ask(printer, "Print-Job", {}, CARD)))
    assert ask(printer, "Cancel-Job", {"job-id": number}).code == 0
    assert ask(printer, "Cancel-Job", {"job-id": number}).code == NOT_POSSIBLE
    assert ask(printer, "Cancel-Job", {"job-id": one(Tag.INTEGER, 99)}).code == NOT_FOUND


def test_it_describes_a_card_printer(printer: IppPrinter) -> None:
    described = ask(printer, "Get-Printer-Attributes").group(Group.PRINTER)
    assert text_of(described["media-supported"]) == MEDIA
    assert {v.value for v in described["operations-supported"]} == set(OPERATIONS.values())
    only = ask(printer, "Get-Printer-Attributes", {"requested-attributes": one(Tag.KEYWORD, "printer-state")})
    assert list(only.group(Group.PRINTER)) == ["printer-state"]


def test_chunked_requests_are_taken(printer: IppPrinter) -> None:
    group = {
        "attributes-charset": one(Tag.CHARSET, "utf-8"),
        "attributes-natural-language": one(Tag.LANGUAGE, "en"),
        "printer-uri": one(Tag.URI, printer.uri),
    }
    raw = encode(Message(OPERATIONS["Get-Printer-Attributes"], 3, ((Group.OPERATION, group),)))
    address = urlsplit(printer.uri)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)
    connection.request(
        "POST",
        address.path,
        iter([raw[:20], raw[20:]]),
        {"Content-Type": "application/ipp"},
        encode_chunked=True,
    )
    assert decode(connection.getresponse().read()).code == 0
    connection.close()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    try:
        decode(data)
    except IppError:
        refused = True
    else:
        refused = False
    assert refused in (True, False)


def test_a_broken_request_is_a_bad_request(printer: IppPrinter) -> None:
    assert decode(printer.answer(b"\x02\x00")).code == BAD_REQUEST
    good = encode(
        Message(
            OPERATIONS["Get-Printer-Attributes"],
            1,
            (
                (
                    Group.OPERATION,
                    {
                        "attributes-charset": one(Tag.CHARSET, "utf-8"),
                        "attributes-natural-language": one(Tag.LANGUAGE, "en"),
                        "printer-uri": one(Tag.URI, printer.uri),
                    },
                ),
            ),
        )
    )
    for index in range(len(good)):
        flipped = good[:index] + bytes([good[index] ^ 0x41]) + good[index + 1 :]
        assert decode(printer.answer(flipped)).code in range(0x0600)


texts = st.text(max_size=20)
plain: st.SearchStrategy[Value] = st.one_of(
    st.builds(lambda v: Value(Tag.INTEGER, v), st.integers(-(2**31), 2**31 - 1)),
    st.builds(lambda v: Value(Tag.BOOLEAN, v), st.booleans()),
    st.builds(lambda v: Value(Tag.KEYWORD, v), texts),
    st.builds(lambda v: Value(Tag.OCTETS, v), st.binary(max_size=20)),
    st.builds(lambda a, b: Value(Tag.RANGE, (a, b)), st.integers(0, 99), st.integers(0, 99)),
    st.builds(lambda a: Value(Tag.RESOLUTION, (a, a, 3)), st.integers(1, 1200)),
)
names = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=12)


def collection(value: Plain) -> Value:
    return Value(Tag.BEGIN_COLLECTION, value)


nested = st.recursive(
    plain,
    lambda inner: st.dictionaries(names, st.lists(inner, min_size=1, max_size=2).map(tuple), max_size=2).map(
        collection
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(names, st.lists(nested, min_size=1, max_size=3).map(tuple), max_size=4),
    st.binary(max_size=9),
)
def test_messages_are_read_as_they_were_written(attributes: Attributes, data: bytes) -> None:
    message = Message(0x000B, 5, ((Group.OPERATION, attributes),), data)
    assert decode(encode(message)) == message


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(0, len(CARD) - 1))
def test_raster_that_is_damaged_is_read_or_refused(junk: bytes, at: int) -> None:
    for data in (b"RaS2" + junk, CARD[:at] + junk + CARD[at + len(junk) :], CARD[:at]):
        try:
            pages = pwg_raster.decode(data)
        except pwg_raster.PwgError:
            continue
        assert pages


def test_raster_lines_of_every_kind_are_unpacked() -> None:
    page = bytearray(raster_page(RED, width=6, height=2)[:1796])
    literal = bytes([257 - 3]) + bytes(range(9))
    repeat = bytes([2]) + b"\x09\x08\x07"
    blank = bytes([0]) + b"\x01\x02\x03" + bytes([128])
    data = b"RaS2" + bytes(page) + b"\x00" + literal + repeat + b"\x00" + blank
    (picture,) = pwg_raster.decode(data)
    raw = picture.tobytes()
    assert raw[:18] == bytes(range(9)) + b"\x09\x08\x07" * 3
    assert raw[18:] == b"\x01\x02\x03" + b"\xff" * 15


@pytest.mark.skipif(shutil.which("ipptool") is None, reason="CUPS ipptool is not installed")
@pytest.mark.parametrize("suite", ["ipp-1.1.test", "ipp-2.0.test"])
def test_it_passes_the_conformance_suite_of_cups(printer: IppPrinter, tmp_path: Path, suite: str) -> None:
    document = tmp_path / "card.pwg"
    document.write_bytes(CARD)
    version = suite[4:7]
    result = subprocess.run(
        ["ipptool", "-V", version, "-tf", str(document), printer.uri, suite],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert "[FAIL]" not in result.stdout


def test_many_jobs_at_once_all_come_out(printer: IppPrinter) -> None:
    numbers: list[int] = []

    def send(index: int) -> None:
        numbers.append(job_id(ask(printer, "Print-Job", {"job-name": one(Tag.NAME, f"n{index}")}, CARD)))

    threads = [threading.Thread(target=send, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 7))
    for number in numbers:
        assert state_of(await_end(printer, number))[0] == State.COMPLETED


def test_pages_keep_their_resolution() -> None:
    out = io.BytesIO()
    page = pwg_raster.decode(CARD)[0]
    page.save(out, "PNG")
    assert page.info["dpi"] == (300, 300)
