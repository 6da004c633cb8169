"""The registry over HTTP: repeats, rules, refusals as problem details, limits, who may ask."""

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import app as app_module
from registry.contract import PROBLEM_TYPE, fingerprint, target

Bodies = dict[str, dict[str, Any]]
Client = Any  # conftest.Client


VALUES = st.recursive(st.none() | st.integers() | st.text(), st.lists)


def post(client: Client, kind: str, body: dict[str, Any], **options: Any) -> Response:
    return client.post(target(kind, body), json=body, **options)


def problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    content: dict[str, Any] = answer.json()
    assert (content["status"], content["code"], content["type"]) == (status, code, "about:blank")
    return content


@pytest.fixture
def filled(client: Client, bodies: Bodies) -> Client:
    for kind, body in bodies.items():
        answer = post(client, kind, body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["sha256"] == fingerprint(body)
        assert answer.headers["etag"] == f'"{fingerprint(body)}"'
    return client


def test_a_repeat_is_recognised_as_the_stations_own(filled: Client, bodies: Bodies) -> None:
    for kind, body in bodies.items():
        content = problem(post(filled, kind, body), 409, "DUPLICATE")
        assert content["stored_sha256"] == fingerprint(body)


def test_another_body_under_the_same_id_is_a_conflict(filled: Client, bodies: Bodies) -> None:
    other = bodies["crossing"] | {"until": "2026-12-02"}
    content = problem(post(filled, "crossing", other), 409, "CONFLICT")
    assert content["stored_sha256"] == fingerprint(bodies["crossing"])


def test_another_station_learns_nothing_of_a_taken_id(filled: Client, bodies: Bodies) -> None:
    filled.headers["Authorization"] = "Bearer token-of-18"
    content = problem(post(filled, "crossing", bodies["crossing"] | {"station": "P18"}), 409, "CONFLICT")
    assert "stored_sha256" not in content
    problem(filled.get("/v1/enrollments/case-1"), 404, "NOT_FOUND")
    problem(post(filled, "image", bodies["image"] | {"buffer_id": "x"}), 404, "NOT_FOUND")
    mine = {"reason": "CARD_SILENT", "station": "P18", "at": "2026-11-02T06:00:00Z"}
    problem(post(filled, "void_number", mine | {"card_number": "K17000001"}), 404, "NOT_FOUND")


def test_records_can_be_read_again(filled: Client, bodies: Bodies) -> None:
    read = filled.get("/v1/enrollments/case-1").json()
    assert read.pop("received_at") == "2026-11-02T06:00:00+00:00"
    assert read == bodies["enrolment"]
    assert filled.get("/v1/credentials/card-1").json()["status"] == "ACTIVE"
    cards = filled.get("/v1/credentials", params={"card_number": "K17000001"}).json()["credentials"]
    assert [card["state"] for card in cards] == ["ACTIVE"]
    assert filled.get("/v1/credentials?card_number=K17999999").json() == {"credentials": []}


def test_crossings_become_stays(filled: Client, bodies: Bodies) -> None:
    past = [("a", "ENTRY", "2026-06-01"), ("b", "EXIT", "2026-06-20"), ("c", "EXIT", "2026-06-25")]
    for name, direction, day in past:
        change = {"crossing_id": name, "direction": direction, "on": day, "until": None}
        assert post(filled, "crossing", bodies["crossing"] | change).status_code == 201
    stays = filled.get("/v1/documents/UZB-FA0000001/stays").json()["stays"]
    assert stays == [
        {"entered": "2026-06-01", "left": "2026-06-20"},
        {"entered": "2026-11-02", "left": None},
    ]
    assert filled.get("/v1/documents/UZB-OTHER/stays").json()["stays"] == []


@pytest.mark.parametrize(
    "header", [None, "Bearer ", "Bearer wrong", "Basic dG9rZW4tb2YtMTc=", "token-of-17", "Bearer é"]
)
def test_without_a_stations_token_nothing_is_told(client: Client, bodies: Bodies, header: str | None) -> None:
    del client.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header.encode()}
    for answer in (
        post(client, "crossing", bodies["crossing"], headers=headers),
        client.get("/v1/documents/UZB-FA0000001/stays", headers=headers),
        client.get("/v1/enrollments/case-1", headers=headers),
        client.get("/v1/credentials?card_number=K17000001", headers=headers),
    ):
        problem(answer, 401, "UNAUTHENTICATED")
    assert client.get("/v1/health").json()["world"] == "lab"


def test_a_station_speaks_for_itself_only(client: Client, bodies: Bodies) -> None:
    problem(post(client, "crossing", bodies["crossing"] | {"station": "P18"}), 403, "STATION_MISMATCH")


@pytest.mark.parametrize(("world", "is_test"), [("lab", False), ("production", True)])
def test_worlds_do_not_mix(
    open_client: Callable[..., Client], bodies: Bodies, world: str, is_test: bool
) -> None:
    client = open_client(world)
    client.headers["Authorization"] = "Bearer token-of-17"
    for kind in ("enrolment", "crossing"):
        problem(post(client, kind, bodies[kind] | {"is_test": is_test}), 422, "WORLD_REFUSED")
        assert post(client, kind, bodies[kind] | {"is_test": not is_test}).status_code == 201


def test_an_arrival_that_was_not_granted_gets_no_card(client: Client, bodies: Bodies) -> None:
    refused = copy.deepcopy(bodies["enrolment"])
    refused["decision"]["outcome"] = "REFUSED"
    refused |= {"entitlement": None, "declaration": None, "inspection": None}
    refused["person"]["birth"] = refused["document"]["expiry"] = None
    assert post(client, "enrolment", refused).status_code == 201
    problem(post(client, "credential_request", bodies["credential_request"]), 422, "NOT_GRANTED")


def test_order_matters(client: Client, bodies: Bodies) -> None:
    for kind in ("image", "credential_request", "credential"):
        problem(post(client, kind, bodies[kind]), 404, "NOT_FOUND")


def test_a_number_and_a_chip_live_once(filled: Client, bodies: Bodies) -> None:
    request, card = bodies["credential_request"], bodies["credential"]
    again = request | {"credential_request_id": "job-2"}
    problem(post(filled, "credential_request", again), 409, "NUMBER_TAKEN")
    problem(post(filled, "credential", card | {"credential_id": "card-2"}), 409, "NUMBER_ACTIVE")
    second = again | {"card_number": "K17000002"}
    assert post(filled, "credential_request", second).status_code == 201
    twin = card | {"credential_id": "card-2", "credential_request_id": "job-2", "card_number": "K17000002"}
    problem(post(filled, "credential", twin), 409, "CHIP_TAKEN")
    problem(post(filled, "credential", twin | {"card_number": "K17000001"}), 422, "ID_MISMATCH")
    void = {"card_number": "K17000001", "reason": "x", "station": "P17", "at": "2026-11-02T06:00:00Z"}
    problem(post(filled, "void_number", void), 409, "NUMBER_ACTIVE")


def test_a_void_number_stays_void(client: Client, bodies: Bodies) -> None:
    assert post(client, "enrolment", bodies["enrolment"]).status_code == 201
    void = {"card_number": "K17000001", "reason": "x", "station": "P17", "at": "2026-11-02T06:00:00Z"}
    assert post(client, "void_number", void).status_code == 201
    problem(post(client, "void_number", void), 409, "DUPLICATE")
    assert post(client, "credential_request", bodies["credential_request"]).status_code == 201
    problem(post(client, "credential", bodies["credential"]), 409, "NUMBER_VOID")
    spoiled = bodies["credential"] | {"status": "SPOILED", "chip_serial": "", "sod_sha256": ""}
    assert post(client, "credential", spoiled).status_code == 201
    (card,) = client.get("/v1/credentials?card_number=K17000001").json()["credentials"]
    assert card["state"] == "VOID"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"extra": 1}, "#/extra"),
        ({"direction": "UP"}, "#/direction"),
        ({"on": "2.11.2026"}, "#/on"),
        ({"on": 20261102}, "#/on"),
        ({"is_test": "true"}, "#/is_test"),
        ({"document_key": "SPECIMENOV AZIZ"}, "#/document_key"),
        ({"document_key": "UZB-" + "A" * 23}, "#/document_key"),
        ({"until": 1.5}, "#/until"),
    ],
)
def test_wrong_members_are_pointed_at_and_not_quoted(
    client: Client, bodies: Bodies, change: dict[str, Any], pointer: str
) -> None:
    answer = post(client, "crossing", bodies["crossing"] | change)
    content = problem(answer, 422, "INVALID")
    assert [error["pointer"] for error in content["errors"]] == [pointer]
    assert "SPECIMENOV" not in answer.text


def test_path_and_body_agree(client: Client, bodies: Bodies) -> None:
    answer = client.post("/v1/crossings/other", json=bodies["crossing"])
    problem(answer, 422, "ID_MISMATCH")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b'{"a":"\\ud800"}']
)
def test_what_is_not_json_is_malformed(client: Client, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/crossings/cross-1", content=raw, headers=headers)
    assert answer.status_code in (400, 413, 422)
    assert answer.headers["content-type"] == PROBLEM_TYPE


def test_a_body_that_stops_in_the_middle_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    monkeypatch.setattr(app_module, "READ_SECONDS", 0.01)
    headers = {"Content-Type": "application/json"}
    problem(client.post("/v1/crossings/cross-1", content=stuck(), headers=headers), 408, "MALFORMED")


def test_bodies_are_limited_and_typed(client: Client, bodies: Bodies) -> None:
    large = bodies["crossing"] | {"extra": "x" * 40_000}
    problem(post(client, "crossing", large), 413, "TOO_LARGE")
    headers = {"Content-Type": "application/json"}
    chunks = _chunks(json.dumps(large).encode())
    problem(client.post("/v1/crossings/cross-1", content=chunks, headers=headers), 413, "TOO_LARGE")
    headers = {"Content-Type": "text/plain"}
    problem(client.post("/v1/crossings/cross-1", content=b"{}", headers=headers), 415, "WRONG_TYPE")


def test_an_image_is_the_one_its_digest_names(client: Client, bodies: Bodies) -> None:
    post(client, "enrolment", bodies["enrolment"])
    problem(post(client, "image", bodies["image"] | {"data_base64": "AAAB"}), 422, "IMAGE_DIGEST")
    problem(post(client, "image", bodies["image"] | {"data_base64": "AAA=="}), 422, "IMAGE_DIGEST")
    problem(post(client, "image", bodies["image"] | {"mime": "text/html"}), 422, "INVALID")


def test_unknown_paths_and_methods_are_problems_too(client: Client) -> None:
    problem(client.get("/nothing"), 404, "NOT_FOUND")
    answer = client.request("DELETE", "/v1/enrollments/case-1")
    problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"]


def test_a_failure_inside_is_a_problem_without_details(
    client: Client, bodies: Bodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("SPECIMENOV")

    monkeypatch.setattr(client.app.state.registry, "receive", fail)  # type: ignore[attr-defined]
    answer = post(client, "crossing", bodies["crossing"])
    problem(answer, 500, "INTERNAL")
    assert "SPECIMENOV" not in answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps({"on": value}).encode()))
def test_arbitrary_bodies_never_fail_inside(client: Client, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/crossings/cross-1", content=raw, headers=headers)
    assert answer.status_code in (400, 422)


def test_the_dashboard_shows_no_person(filled: Client) -> None:
    page = filled.get("/")
    assert page.status_code == 200
    assert "K17000001" in page.text
    assert "UZB" in page.text
    assert not any(word in page.text for word in ("SPECIMENOV", "AZIZ", "FA0000001", "1990", "case-1"))
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_dashboard_escapes_what_stations_sent(client: Client, bodies: Bodies) -> None:
    enrolment = copy.deepcopy(bodies["enrolment"])
    enrolment["inspection"]["overall"] = "not supported"
    post(client, "enrolment", enrolment)
    assert "Not supported" in client.get("/").text


@pytest.mark.parametrize(
    ("world", "peer", "headers"),
    [
        ("production", "127.0.0.1", {}),
        ("lab", "10.0.0.5", {}),
        ("lab", "127.0.0.1", {"Host": "evil.example"}),
        ("lab", "127.0.0.1", {"X-Forwarded-For": "10.0.0.5"}),
    ],
)
def test_the_dashboard_is_closed_to_strangers(
    open_client: Callable[..., Client], world: str, peer: str, headers: dict[str, str]
) -> None:
    client = open_client(world, peer=peer, password="secret")
    for wrong in (headers, headers | _basic("wrong"), headers | {"Authorization": "Basic !"}):
        answer = client.get("/", headers=wrong)
        problem(answer, 401, "UNAUTHENTICATED")
        assert "Basic" in answer.headers["www-authenticate"]
    assert client.get("/", headers=headers | _basic("secret")).status_code == 200


def test_without_a_password_nobody_logs_in(open_client: Callable[..., Client]) -> None:
    problem(open_client("production").get("/", headers=_basic("")), 401, "UNAUTHENTICATED")


async def _chunks(raw: bytes) -> AsyncIterator[bytes]:
    yield raw[:10]
    yield raw[10:]


def _basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"x:{password}".encode()).decode()}


def test_the_interface_describes_itself(client: Client) -> None:
    described = client.get("/openapi.json").json()
    assert "Enrolment" in json.dumps(described["paths"]["/v1/enrollments/{enrollment_id}"]["post"])
