"""What the registry does with what stations send: validate, recognise repeats, keep the rules.

Rules across records: test data stays in the lab, a card only for an arrival that was granted, a
number and a chip live in one active card at most, a void number never becomes active.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from registry import contract
from registry.contract import KINDS, ProblemCode, Receipt, StayRecord, Stays
from registry.errors import Field, Refusal
from registry.storage import Database, Tables

POINTER_LENGTH = 100


class Registry:
    """The service behind the routes; every call is one transaction."""

    def __init__(self, database: Database, world: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._world = world
        self._clock = clock

    def receive(self, kind: str, path_ids: Mapping[str, str], raw: bytes, station: str) -> Receipt:
        """Store one message, or raise `Refusal` (409 with the stored digest for a repeat)."""
        body, model = _parse(kind, raw)
        if any(body.get(name) != value for name, value in path_ids.items()):
            raise Refusal(422, ProblemCode.ID_MISMATCH, "path and body name different ids")
        if body.get("station", station) != station:
            raise Refusal(403, ProblemCode.STATION_MISMATCH, "the body names another station")
        if body.get("is_test", self._lab) is not self._lab:
            raise Refusal(422, ProblemCode.WORLD_REFUSED, f"this is a {self._world} registry")
        record_id, sha256, now = "/".join(path_ids.values()), contract.fingerprint(body), self._clock()
        with self._database.transaction() as tables:
            _refuse_repeat(tables.record(kind, record_id), sha256, station)
            _KEEPERS[kind](tables, model, station)
            kept = {name: value for name, value in body.items() if name != "data_base64"}
            tables.add_record(kind, record_id, sha256=sha256, body=kept, station=station, at=now)
        return Receipt(id=record_id, sha256=sha256, received_at=now)

    @property
    def _lab(self) -> bool:
        return self._world == "lab"

    def stays(self, document_key: str) -> Stays:
        """Entries paired with the exits that follow them."""
        with self._database.transaction() as tables:
            crossings = tables.crossings(document_key)
        return Stays(document_key=document_key, stays=_pair(crossings))

    def own_record(self, kind: str, record_id: str, station: str) -> tuple[dict[str, Any], str]:
        """A record and its digest, for the station that sent it; to others it does not exist."""
        with self._database.transaction() as tables:
            record = tables.record(kind, record_id)
        if record is None or record["station"] != station:
            raise Refusal(404, ProblemCode.NOT_FOUND, "no such record of this station")
        return {**record["body"], "received_at": record["received_at"]}, record["sha256"]

    def card(self, number: str) -> dict[str, Any] | None:
        """State of a card number as any station may ask it: no person, no document."""
        with self._database.transaction() as tables:
            found = tables.number(number)
        shown = ("number", "state", "credential_id", "chip_serial")
        return None if found is None else {name: found[name] for name in shown}

    def overview(self, limit: int = 20) -> dict[str, Any]:
        """Counts, last arrivals, stations: what dashboard and `list` show."""
        with self._database.transaction() as tables:
            return {
                "world": self._world,
                "counts": tables.counts(),
                "arrivals": tables.last_arrivals(limit),
                "stations": tables.stations(),
            }


def _parse(kind: str, raw: bytes) -> tuple[dict[str, Any], BaseModel]:
    """The body as sent and as its model; 400 when it is no JSON object, 422 when it does not fit."""
    try:
        body = json.loads(raw)
        if not isinstance(body, dict):
            raise Refusal(400, ProblemCode.MALFORMED, "the body is not a JSON object")
        return body, KINDS[kind].model.model_validate_json(raw)
    except ValidationError as error:
        fields = tuple(Field(_pointer(e["loc"]), e["type"]) for e in error.errors(include_url=False)[:20])
        raise Refusal(422, ProblemCode.INVALID, "members do not follow the model", fields=fields) from None
    except (ValueError, RecursionError):
        raise Refusal(400, ProblemCode.MALFORMED, "the body is not JSON") from None


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return ("#/" + "/".join(parts)).encode("ascii", "replace").decode()[:POINTER_LENGTH]


def _refuse_repeat(stored: Mapping[str, Any] | None, sha256: str, station: str) -> None:
    """A repeat by its own station is told the stored digest; a stranger only that the id is taken."""
    if stored is None:
        return
    known = stored["sha256"] if stored["station"] == station else ""
    code = ProblemCode.DUPLICATE if known == sha256 else ProblemCode.CONFLICT
    raise Refusal(409, code, "the id is stored already", stored_sha256=known)


def _pair(crossings: list[tuple[str, str]]) -> list[StayRecord]:
    stays: list[StayRecord] = []
    for direction, day in crossings:
        on = date.fromisoformat(day)
        if direction == "ENTRY":
            stays.append(StayRecord(entered=on, left=None))
        elif stays and stays[-1].left is None:
            stays[-1] = StayRecord(entered=stays[-1].entered, left=on)
    return stays


def _enrolment_of(tables: Tables, enrollment_id: str, station: str) -> Mapping[str, Any]:
    record = tables.record("enrolment", enrollment_id)
    if record is None or record["station"] != station:
        raise Refusal(404, ProblemCode.NOT_FOUND, "no such enrolment of this station")
    return record


def _request_of(tables: Tables, request_id: str, station: str) -> None:
    request = tables.record("credential_request", request_id)
    if request is None or request["station"] != station:
        raise Refusal(404, ProblemCode.NOT_FOUND, "no such credential request of this station")


def _keep_enrolment(tables: Tables, body: contract.Enrolment, station: str) -> None:
    tables.add_arrival(
        enrollment_id=body.enrollment_id,
        station=station,
        nationality=body.person.nationality,
        outcome=body.decision.outcome,
        overall=body.inspection.overall if body.inspection else "",
        decided_at=body.decision.at.isoformat(),
        is_test=body.is_test,
    )


def _keep_image(tables: Tables, body: contract.ImageBuffer, station: str) -> None:
    _enrolment_of(tables, body.enrollment_id, station)
    try:
        data = base64.b64decode(body.data_base64, validate=True)
    except ValueError:
        raise Refusal(422, ProblemCode.IMAGE_DIGEST, "not base64") from None
    if hashlib.sha256(data).hexdigest() != body.sha256:
        raise Refusal(422, ProblemCode.IMAGE_DIGEST, "the image is not the one its digest names")
    tables.add_buffer(f"{body.enrollment_id}/{body.buffer_id}", data)


def _keep_crossing(tables: Tables, body: contract.Crossing, _station: str) -> None:
    tables.add_crossing(
        document_key=body.document_key,
        direction=body.direction,
        on=body.on.isoformat(),
        is_test=body.is_test,
    )


def _keep_request(tables: Tables, body: contract.CredentialRequest, station: str) -> None:
    enrolment = _enrolment_of(tables, body.enrollment_id, station)
    if enrolment["body"]["decision"]["outcome"] != "GRANTED":
        raise Refusal(422, ProblemCode.NOT_GRANTED, "the arrival was not granted")
    known = tables.number(body.card_number)
    if known is not None and known["request_id"]:
        raise Refusal(409, ProblemCode.NUMBER_TAKEN, "the card number belongs to another request")
    # A number may be void before its request arrives: it was spoiled while the post was offline.
    tables.set_number(
        body.card_number,
        state=known["state"] if known else "ORDERED",
        enrollment_id=body.enrollment_id,
        request_id=body.credential_request_id,
    )


def _keep_credential(tables: Tables, body: contract.Credential, station: str) -> None:
    _request_of(tables, body.credential_request_id, station)
    number = tables.number(body.card_number)
    if number is None or number["request_id"] != body.credential_request_id:
        raise Refusal(422, ProblemCode.ID_MISMATCH, "the request is for another card number")
    if number["state"] == "ACTIVE":
        raise Refusal(409, ProblemCode.NUMBER_ACTIVE, "the card number is active already")
    if body.status == "ACTIVE" and number["state"] == "VOID":
        raise Refusal(409, ProblemCode.NUMBER_VOID, "the card number is void")
    if body.status == "ACTIVE" and tables.chip_in_use(body.chip_serial):
        raise Refusal(409, ProblemCode.CHIP_TAKEN, "the chip is in another active card")
    tables.set_number(
        body.card_number,
        state="VOID" if number["state"] == "VOID" else body.status,
        credential_id=body.credential_id,
        chip_serial=body.chip_serial,
    )


def _keep_void(tables: Tables, body: contract.VoidNumber, station: str) -> None:
    number = tables.number(body.card_number)
    if number is not None and number["request_id"]:
        _request_of(tables, number["request_id"], station)
        if number["state"] == "ACTIVE":
            raise Refusal(409, ProblemCode.NUMBER_ACTIVE, "the card number is active")
    tables.set_number(body.card_number, state="VOID")


_KEEPERS: Mapping[str, Callable[[Tables, Any, str], None]] = {
    "enrolment": _keep_enrolment,
    "image": _keep_image,
    "crossing": _keep_crossing,
    "credential_request": _keep_request,
    "credential": _keep_credential,
    "void_number": _keep_void,
}
