"""A registry that misbehaves: nothing is lost, nothing hangs, only our errors come out."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import OutboxMessage
from kiosk.storage import SqlStore
from kiosk.sync import RegistryClient
from kiosk.sync.transport import ANSWER_LIMIT, Answer
from kiosk.sync.verdict import Fate, judge, retry_after
from registry.contract import fingerprint

Connect = Callable[..., RegistryClient]
SHA = "ab" * 32
NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)

HEADS = (b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 409 C\r\n")
NAMES = (b"Location: ", b"Set-Cookie: ", b"Retry-After: ", b"Content-Length: ", b"ETag: ")
PIECES = st.sampled_from([*NAMES, b"\xff", b"\r\n", b"1", b":"])
MEMBERS = st.sampled_from(["code", "sha256", "stored_sha256", "id"])
VALUES = st.recursive(st.none() | st.integers() | st.text(), lambda values: st.dictionaries(MEMBERS, values))
BODIES = VALUES.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["etag", "retry-after"]), st.text(max_size=30))
UNSAFE = (
    "http://registry.example",
    "ftp://127.0.0.1",
    "https://",
    "https://u:p@h",
    "http://[::1",
    "https://h/?a",
)


@pytest.fixture
def one(fill: Callable[..., SqlStore], messages: list[OutboxMessage]) -> SqlStore:
    return fill(messages[:1])


def _receipt(sha256: str) -> bytes:
    return json.dumps({"id": "x", "sha256": sha256, "received_at": "2026-11-02T06:00:00Z"}).encode()


def _problem(status: int, **more: Any) -> bytes:
    return json.dumps({"type": "about:blank", "status": status, "code": "SOME_CODE", **more}).encode()


@pytest.mark.parametrize(
    ("answer", "fate", "code"),
    [
        (Answer(201, {}, _receipt(SHA)), Fate.SENT, None),
        (Answer(204, {"etag": f'"{SHA}"'}, b""), Fate.SENT, None),
        (Answer(201, {}, _receipt("cd" * 32)), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(200, {}, b"<html>please log in</html>"), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(200, {}, b"{"), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(302, {"location": "http://x"}, b""), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(409, {}, _problem(409, stored_sha256=SHA)), Fate.SENT, None),
        (Answer(409, {"etag": f'W/"{SHA}"'}, b'{"code": 1, "message": "exists"}'), Fate.SENT, None),
        (Answer(409, {}, _problem(409, stored_sha256="cd" * 32)), Fate.REFUSED, ErrorCode.REGISTRY_CONFLICT),
        (Answer(409, {}, _problem(409)), Fate.REFUSED, ErrorCode.REGISTRY_CONFLICT),
        (Answer(422, {}, _problem(422)), Fate.REFUSED, ErrorCode.REGISTRY_REFUSED),
        (Answer(400, {}, b'{"code": 17, "message": "osia"}'), Fate.REFUSED, ErrorCode.REGISTRY_REFUSED),
        (Answer(404, {}, b"<html>nginx</html>"), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(401, {}, _problem(401)), Fate.STOP, ErrorCode.REGISTRY_REFUSED),
        (Answer(403, {}, b""), Fate.STOP, ErrorCode.REGISTRY_REFUSED),
        (Answer(500, {}, b""), Fate.LATER, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(408, {}, _problem(408)), Fate.LATER, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(429, {}, _problem(429)), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(503, {}, b""), Fate.STOP, ErrorCode.REGISTRY_UNREACHABLE),
        (Answer(599, {}, _problem(599)), Fate.LATER, ErrorCode.REGISTRY_REFUSED),
    ],
)
def test_verdicts(answer: Answer, fate: Fate, code: ErrorCode | None) -> None:
    verdict = judge(answer, SHA, NOW)
    assert (verdict.fate, verdict.code) == (fate, code)


def test_a_servers_free_text_stays_out_of_the_outbox() -> None:
    verdict = judge(Answer(422, {}, _problem(422, code="Surname SPECIMENOV is wrong")), SHA, NOW)
    assert verdict.error == "REGISTRY_REFUSED: 422"
    assert judge(Answer(422, {}, _problem(422)), SHA, NOW).error == "REGISTRY_REFUSED: 422 SOME_CODE"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("999999999999", 3600.0),
        ("Mon, 02 Nov 2026 06:02:00 GMT", 120.0),
        ("Mon, 02 Nov 2026 05:00:00 GMT", 0.0),
        ("Mon, 02 Nov 2099 06:02:00 -0000", 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
        ("Mon, 99 Nov 99999 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", ["600", "Mon, 02 Nov 2026 06:11:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_registry_is_left_alone(
    kit: ModuleType, faults: ModuleType, store: SqlStore, connect: Connect, status: int, value: str
) -> None:
    now = datetime(2026, 11, 2, 6, 1, tzinfo=UTC)
    with faults.Server(faults.http(status, b"", f"Retry-After: {value}")) as server:
        client = connect(server.url)
        assert client.deliver(store, now).problem == "REGISTRY_UNREACHABLE"
        assert client.deliver(store, now + timedelta(seconds=599)).problem == "REGISTRY_UNREACHABLE"
        assert len(server.requests) == 1
        client.deliver(store, now + timedelta(seconds=600))
        assert len(server.requests) == 2
    assert store.queue().waiting == 5


def test_backoff_doubles_up_to_its_cap(
    kit: ModuleType, faults: ModuleType, one: SqlStore, connect: Connect
) -> None:
    now = kit.START
    with faults.unused_url() as url:
        client = connect(url)
        for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
            assert client.deliver(one, now).problem == "REGISTRY_UNREACHABLE"
            assert one.due_messages(now + timedelta(seconds=wait - 0.1)) == ()
            now += timedelta(seconds=wait)
            assert len(one.due_messages(now)) == 1


def test_no_jitter_does_not_mean_a_busy_loop(
    kit: ModuleType, faults: ModuleType, store: SqlStore, connect: Connect
) -> None:
    with faults.Server(faults.http(500)) as server:
        client = connect(server.url, random=bytes)
        assert client.deliver(store, kit.START).sent == 0
        assert len(server.requests) == 1


def test_server_errors_of_one_message_do_not_hold_the_others(
    kit: ModuleType,
    faults: ModuleType,
    fill: Callable[..., SqlStore],
    messages: list[OutboxMessage],
    connect: Connect,
) -> None:
    first = messages[0]
    copies = [
        OutboxMessage(f"m-{n}", first.kind, first.case_id, first.body | {"enrollment_id": f"e-{n}"})
        for n in range(5)
    ]
    good = [faults.http(201, _receipt(fingerprint(copy.body))) for copy in copies]
    store = fill(copies)
    with faults.Server(faults.http(500), good[1], faults.http(502), *good[3:]) as server:
        report = connect(server.url).deliver(store, kit.START)
        assert (report.sent, report.waiting, report.problem) == (3, 2, "")
    store = fill(copies)
    with faults.Server(faults.http(500)) as server:
        report = connect(server.url).deliver(store, kit.START)
        assert (report.sent, report.waiting, report.problem) == (0, 5, "REGISTRY_UNREACHABLE")
        assert len(server.requests) == 3


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_slow_drip_ends_with_the_deadline(
    kit: ModuleType, faults: ModuleType, one: SqlStore, connect: Connect, start: bytes
) -> None:
    drip = faults.Drip(start)
    with faults.Server(drip) as server:
        client = connect(server.url, timeout=0.2)
        report = client.deliver(one, kit.START)
        assert (report.sent, report.waiting, report.problem) == (0, 1, "REGISTRY_UNREACHABLE")
        assert drip.left.wait(10)
        with pytest.raises(KioskError) as caught:
            client.stays("UZB-FA0000001", 0.2)
    assert caught.value.code is ErrorCode.REGISTRY_UNREACHABLE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * (ANSWER_LIMIT + 1),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::bad/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; expires=\xff; domain=\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + b"\xff\xfe{}",
    ],
)
def test_garbage_is_nobody_there(
    kit: ModuleType, faults: ModuleType, one: SqlStore, connect: Connect, answer: bytes
) -> None:
    with faults.Server(faults.raw(answer)) as server:
        client = connect(server.url)
        assert not client.reachable()
        report = client.deliver(one, kit.START)
        assert (report.sent, report.waiting, report.problem) == (0, 1, "REGISTRY_UNREACHABLE")
        with pytest.raises(KioskError) as caught:
            client.stays("UZB-FA0000001", 10.0)
    assert caught.value.code is ErrorCode.REGISTRY_UNREACHABLE


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=120) | st.lists(PIECES).map(b"".join))
@example(head=b"HTTP/1.1 429 X\r\n", rest=b"Retry-After: \xff\r\n\r\n")
def test_arbitrary_bytes_raise_our_error_only(
    faults: ModuleType, messages: list[OutboxMessage], head: bytes, rest: bytes
) -> None:
    def behave(connection: Any, request: bytes) -> None:
        connection.sendall(head + rest)

    with faults.Server(behave) as server:
        client = RegistryClient(server.url, "token", "P17", timeout=10.0)
        assert client.submit(messages[0], NOW).fate is not Fate.SENT
        assert not client.reachable()
        with pytest.raises(KioskError):
            client.stays("UZB-FA0000001", 10.0)
        client.close()


@settings(max_examples=200, deadline=None)
@given(status=st.integers(100, 999), body=st.binary(max_size=60) | BODIES, headers=HEADERS)
def test_no_answer_breaks_the_judge(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert judge(Answer(status, headers, body), SHA, NOW).fate is not Fate.SENT


def test_a_message_that_has_no_address_is_refused_without_a_network(
    kit: ModuleType,
    fill: Callable[..., SqlStore],
    messages: list[OutboxMessage],
    faults: ModuleType,
    connect: Connect,
) -> None:
    case = messages[0].case_id
    bad = [
        OutboxMessage("m-1", "nothing", case, {}),
        OutboxMessage("m-2", "crossing", case, {"crossing_id": "../x"}),
        OutboxMessage("m-3", "crossing", case, {"crossing_id": 5}),
    ]
    with faults.unused_url() as url:
        report = connect(url).deliver(fill(bad), kit.START)
    assert (report.refused, report.waiting, report.problem) == (3, 0, "")


@pytest.mark.parametrize("url", UNSAFE)
def test_only_safe_addresses(url: str) -> None:
    with pytest.raises(KioskError) as caught:
        RegistryClient(url, "token", "P17")
    assert caught.value.code is ErrorCode.SETTINGS_INVALID


def test_neither_token_nor_document_is_logged_or_told(
    faults: ModuleType, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with faults.unused_url() as url:
        client = connect(url)
        with pytest.raises(KioskError) as caught:
            client.stays("UZB-FA0000001", 10.0)
    told = caplog.text + repr(caught.value) + repr(client)
    assert not any(secret in told for secret in ("token-of-17", "FA0000001"))
    assert caught.value.__suppress_context__
