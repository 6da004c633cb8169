"""The HTTP face of the registry: routes, authentication, limits, problem details (RFC 9457).

Every request but health and dashboard needs `Authorization: Bearer TOKEN` of a known station. The
dashboard needs HTTP Basic with the dashboard's password; only a lab registry shows it without one,
and only to a browser on the same machine.
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from registry import contract, dashboard
from registry.config import Config, digest
from registry.contract import JSON_TYPE, KINDS, PROBLEM_TYPE, Health, Problem, ProblemCode
from registry.errors import Refusal
from registry.services import Registry
from registry.signing import PEER, SigningKeyEntry, SigningRoom
from registry.storage import Database

READ_SECONDS = 30.0
SIGN_LIMIT = 4096  # bytes
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported type",
    422: "Not acceptable content",
    500: "Internal error",
    503: "Not available now",
}
SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def build_app(
    database: Database,
    config: Config,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_ready: Callable[[], None] = lambda: None,
    signers: Mapping[str, SigningKeyEntry] | None = None,
) -> FastAPI:
    """The ASGI application; `on_ready` is called when it begins to serve, `signers` sign for stations."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_ready()
        yield

    app = FastAPI(title="Shekara registry", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.registry = Registry(database, config.world, clock)
    app.state.signing = SigningRoom(signers or {}, database, clock)
    app.state.config = config
    app.state.clock = clock
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _failed)
    for kind, rules in KINDS.items():
        app.add_api_route(rules.path, _receiver(kind), methods=["POST"], **_documented(kind))
    for path, endpoint, answer in (
        (contract.HEALTH_PATH, _health, contract.Health),
        (contract.STAYS_PATH, _stays, contract.Stays),
        (contract.ENROLMENT_PATH, _own("enrolment", "enrollment_id"), None),
        (contract.CREDENTIAL_PATH, _own("credential", "credential_id"), None),
        (contract.CREDENTIALS_PATH, _credentials, None),
    ):
        app.add_api_route(path, endpoint, methods=["GET"], response_model=answer)
    app.add_api_route(
        contract.SIGNATURE_PATH,
        _sign,
        methods=["POST"],
        status_code=201,
        response_model=contract.SignatureAnswer,
        operation_id="post_signature",
    )
    app.add_api_route("/", _dashboard, methods=["GET"], include_in_schema=False)
    return app


def _documented(kind: str) -> dict[str, Any]:
    """OpenAPI of a message route: the body's model, the receipt, the problem."""
    body = {JSON_TYPE: {"schema": KINDS[kind].model.model_json_schema()}}
    problem = {"content": {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}}}
    return {
        "status_code": 201,
        "operation_id": f"post_{kind}",
        "response_model": contract.Receipt,
        "responses": {409: problem | {"description": "Stored before"}, 422: problem | {"description": "No"}},
        "openapi_extra": {"requestBody": {"required": True, "content": body}},
    }


def _receiver(kind: str) -> Endpoint:
    async def receive(request: Request) -> Response:
        station = _station(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
            raise Refusal(415, ProblemCode.WRONG_TYPE, f"send {JSON_TYPE}")
        raw = await _body(request, KINDS[kind].limit)
        registry: Registry = request.app.state.registry
        receipt = await run_in_threadpool(registry.receive, kind, request.path_params, raw, station)
        return _json(receipt.model_dump_json(), 201, etag=receipt.sha256)

    return receive


async def _sign(request: Request) -> Response:
    """A signature over a hash, for a station that its TLS certificate names, too."""
    station = _station(request)
    if request.scope.get("extensions", {}).get(PEER, "") != station:
        raise Refusal(403, ProblemCode.CLIENT_CERTIFICATE, "signing needs the station's own TLS certificate")
    raw = await _body(request, SIGN_LIMIT)
    try:
        asked = contract.SignatureRequest.model_validate_json(raw)
    except ValueError:
        raise Refusal(422, ProblemCode.INVALID, "members do not follow the model") from None
    if asked.station != station:
        raise Refusal(403, ProblemCode.STATION_MISMATCH, "the body names another station")
    if asked.signature_id != request.path_params["signature_id"]:
        raise Refusal(422, ProblemCode.ID_MISMATCH, "path and body name different ids")
    answer = await run_in_threadpool(request.app.state.signing.sign, asked, station)
    return _json(answer.model_dump_json(), 201)


def _own(kind: str, name: str) -> Endpoint:
    async def show(request: Request) -> Response:
        station, record_id = _station(request), request.path_params[name]
        registry: Registry = request.app.state.registry
        record, sha256 = await run_in_threadpool(registry.own_record, kind, record_id, station)
        return _json(dashboard.to_json(record), etag=sha256)

    return show


async def _health(request: Request) -> Response:
    state = request.app.state
    return _json(Health(status="ok", world=state.config.world, time=state.clock()).model_dump_json())


async def _stays(request: Request) -> Response:
    _station(request)
    key = request.path_params["document_key"]
    answer = await run_in_threadpool(request.app.state.registry.stays, key)
    return _json(answer.model_dump_json())


async def _credentials(request: Request) -> Response:
    """State of one card number: GET /v1/credentials?card_number=…"""
    _station(request)
    number = request.query_params.get("card_number", "")
    found = await run_in_threadpool(request.app.state.registry.card, number)
    return _json(dashboard.to_json({"credentials": [] if found is None else [found]}))


async def _dashboard(request: Request) -> Response:
    if not _may_look(request):
        raise Refusal(401, ProblemCode.UNAUTHENTICATED, "the dashboard needs its password")
    overview = await run_in_threadpool(request.app.state.registry.overview)
    page = dashboard.page(overview, request.app.state.clock())
    return Response(page, media_type="text/html; charset=utf-8", headers=SAFE)


def _station(request: Request) -> str:
    """The station whose token came along, or 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    config: Config = request.app.state.config
    station = config.station_of(token.strip()) if scheme.lower() == "bearer" else None
    if station is None:
        raise Refusal(401, ProblemCode.UNAUTHENTICATED, "no valid station token")
    return station


def _may_look(request: Request) -> bool:
    config: Config = request.app.state.config
    if config.world == "lab" and _from_this_machine(request):
        return True
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not config.dashboard:
        return False
    try:
        _, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(digest(password), config.dashboard)


def _from_this_machine(request: Request) -> bool:
    """A loopback peer that also calls us by a loopback name: no proxy, no rebound DNS name."""
    proxied = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    peer, named = (request.client.host if request.client else ""), request.url.hostname or ""
    return not proxied and _loopback(peer) and (named == "localhost" or _loopback(named))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _body(request: Request, limit: int) -> bytes:
    """The whole body, or 413 beyond `limit` bytes, or 408 when it takes too long."""
    announced = request.headers.get("content-length", "0")
    too_large = Refusal(413, ProblemCode.TOO_LARGE, f"at most {limit} bytes")
    if not announced.isascii() or not announced.isdigit() or int(announced[:12]) > limit:
        raise too_large
    collected = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                collected += chunk
                if len(collected) > limit:
                    raise too_large
    except ClientDisconnect:
        raise Refusal(400, ProblemCode.MALFORMED, "the sender left") from None
    except TimeoutError:
        raise Refusal(408, ProblemCode.MALFORMED, "the body did not arrive in time") from None
    return bytes(collected)


def _json(text: str, status: int = 200, *, etag: str = "") -> Response:
    headers = SAFE | ({"ETag": f'"{etag}"'} if etag else {})
    return Response(text, status, media_type=JSON_TYPE, headers=headers)


def _problem(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(refusal.status, "Error"),
        "status": refusal.status,
        "code": refusal.code.value,
        "detail": refusal.detail,
        "retryable": refusal.status in (408, 500, 503),
    }
    if refusal.fields:
        body["errors"] = [{"pointer": field.pointer, "code": field.code} for field in refusal.fields]
    if refusal.stored_sha256:
        body["stored_sha256"] = refusal.stored_sha256
    extra = {"ETag": f'"{refusal.stored_sha256}"'} if refusal.stored_sha256 else {}
    if refusal.status == 401:
        extra["WWW-Authenticate"] = 'Bearer, Basic realm="Shekara registry", charset="UTF-8"'
    return Response(
        dashboard.to_json(body),
        refusal.status,
        media_type=PROBLEM_TYPE,
        headers=SAFE | extra | (headers or {}),
    )


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _problem(error)


async def _not_routed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: ProblemCode.NOT_FOUND, 405: ProblemCode.METHOD_NOT_ALLOWED}
    code = known.get(error.status_code, ProblemCode.MALFORMED)
    return _problem(Refusal(error.status_code, code), dict(error.headers or {}))


async def _failed(_request: Request, _error: Exception) -> Response:
    return _problem(Refusal(500, ProblemCode.INTERNAL))
