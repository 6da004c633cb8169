"""The registry's published interface: paths, wire models, canonical form. The kiosk knows only this.

Resources follow OSIA 7.1: the client chooses the id in the path, so a repeat is harmless. Bodies are
plain JSON objects of strings, integers, booleans and lists; unknown members are refused. Errors are
RFC 9457 problem details with a `code` of ours. Dates are ISO 8601, times carry their zone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

PROBLEM_TYPE = "application/problem+json"
JSON_TYPE = "application/json"
KIB = 1024


def _text(longest: int, shortest: int = 0) -> Any:
    """Free text without control characters other than line ends and tabs."""
    pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    return StringConstraints(min_length=shortest, max_length=longest, pattern=pattern)


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
StationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
CardNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{9}$")]
# As wide as an MRZ is: what a camera misread, or a forger printed, must be registrable too.
DocumentKey = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9<]{0,3}-[A-Z0-9<]{0,22}$")]
Nationality = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9<]{0,3}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MaybeSha256 = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{0,64}$")]
Finding = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,64}(:[^\x00-\x1f\x7f]{0,300})?$")]
Overall = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z _]{2,31}$")]
DataGroup = Annotated[str, StringConstraints(pattern=r"^(DG)?([1-9]|1[0-6])$")]
ChipSerial = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{0,32}$")]
SignerSerial = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{0,64}$")]
Count = Annotated[int, Field(ge=0, le=100_000)]
Name = Annotated[str, _text(120)]
Line = Annotated[str, _text(200)]
Base64 = Annotated[str, StringConstraints(min_length=4, max_length=2800 * KIB, pattern=r"^[A-Za-z0-9+/]+=*$")]


class _Body(BaseModel):
    """What a station sends: nothing missing, nothing more, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Person(_Body):
    surname: Name
    given_names: Name
    national_name: Line
    birth: date | None
    sex: Literal["M", "F", "X"]
    nationality: Nationality


class Document(_Body):
    code: Annotated[str, _text(2)]
    issuing_state: Nationality
    number: Annotated[str, _text(22)]
    expiry: date | None
    key: DocumentKey


class InspectionSummary(_Body):
    """The verdict and the digests that bind it to the chip's files."""

    overall: Overall
    reasons: Annotated[list[Finding], Field(max_length=100)]
    sod_sha256: MaybeSha256
    data_group_sha256: Annotated[dict[DataGroup, Sha256], Field(max_length=16)]


class DecisionRecord(_Body):
    outcome: Literal["GRANTED", "REFUSED", "WITHDRAWN"]
    reason: Line
    by: Annotated[str, _text(64)]
    at: AwareDatetime


class EntitlementRecord(_Body):
    """`until` is None when no stay was allowed."""

    rule: Code
    category: Code
    until: date | None
    days: Count
    used: Count
    limit: Count


class DeclarationRecord(_Body):
    purpose: Line
    days: Count
    host: Line
    address: Line
    phone: Annotated[str, _text(64)]
    employer: Line


class Enrolment(_Body):
    """One arrival. What the case never reached (a refusal before the declaration) is None."""

    enrollment_id: Id
    station: StationId
    person: Person
    document: Document
    inspection: InspectionSummary | None
    decision: DecisionRecord
    entitlement: EntitlementRecord | None
    declaration: DeclarationRecord | None
    is_test: bool


class ImageBuffer(_Body):
    buffer_id: Id
    enrollment_id: Id
    kind: Code
    mime: Literal["image/jpeg", "image/jp2", "image/png"]
    sha256: Sha256
    data_base64: Base64


class Crossing(_Body):
    """A border crossing; `until` is the last permitted day after an ENTRY."""

    crossing_id: Id
    station: StationId
    document_key: DocumentKey
    direction: Literal["ENTRY", "EXIT"]
    on: date
    until: date | None
    is_test: bool


class CredentialRequest(_Body):
    credential_request_id: Id
    enrollment_id: Id
    card_number: CardNumber
    valid_until: date
    at: AwareDatetime


class Credential(_Body):
    """A card: ACTIVE once handed over, or SPOILED. An active one names its chip and its SOD."""

    credential_id: Id
    credential_request_id: Id
    card_number: CardNumber
    chip_serial: ChipSerial
    sod_sha256: MaybeSha256
    signer_serial: SignerSerial
    status: Literal["ACTIVE", "SPOILED"]
    valid_until: date
    at: AwareDatetime

    @model_validator(mode="after")
    def _active_is_bound(self) -> "Credential":
        if self.status == "ACTIVE" and not (self.chip_serial and self.sod_sha256):
            raise ValueError("an active credential names its chip and its security object")
        return self


class VoidNumber(_Body):
    card_number: CardNumber
    reason: Line
    station: StationId
    at: AwareDatetime


class SignatureRequest(_Body):
    """A hash to be signed with the key of the certificate that has this SHA-256."""

    signature_id: Id
    station: StationId
    certificate: Sha256
    algorithm: Annotated[str, StringConstraints(pattern=r"^(ecdsa|rsa)-sha(256|384|512)$")]
    digest: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$")]


class _Answer(BaseModel):
    """What the registry answers: readers ignore members they do not know."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Receipt(_Answer):
    """Proof that a body was stored: only the registry could know its digest and say so."""

    id: str
    sha256: str
    received_at: AwareDatetime


class StayRecord(_Answer):
    """A past stay, both days counted; `left` None: no exit is known."""

    entered: date
    left: date | None


class Stays(_Answer):
    document_key: str
    stays: Annotated[list[StayRecord], Field(max_length=2000)]


class Health(_Answer):
    status: Literal["ok"]
    world: Literal["lab", "production"]
    time: AwareDatetime


class SignatureAnswer(_Answer):
    """`signature` is Base64 of a DER ECDSA value or an RSA string; `number` counts this key's signatures."""

    signature_id: str
    signature: str
    number: int
    at: AwareDatetime


class Problem(_Answer):
    """RFC 9457. `code` is ours; OSIA's older {code, message} form also fits (`code` a number)."""

    status: int | None = None
    code: str | int
    detail: str = ""
    stored_sha256: str = ""


class ProblemCode(StrEnum):
    """Codes of refusals; stations show their own words for them."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    STATION_MISMATCH = "STATION_MISMATCH"  # the body speaks for another station
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    MALFORMED = "MALFORMED"  # not a JSON object
    INVALID = "INVALID"  # the object does not follow its model
    ID_MISMATCH = "ID_MISMATCH"  # path and body name different things
    TOO_LARGE = "TOO_LARGE"
    WRONG_TYPE = "WRONG_TYPE"
    DUPLICATE = "DUPLICATE"  # stored before, and it is the same
    CONFLICT = "CONFLICT"  # stored before, and it is another
    WORLD_REFUSED = "WORLD_REFUSED"  # a test record for production, or the reverse
    NOT_GRANTED = "NOT_GRANTED"  # a card for somebody who was not let in
    NUMBER_TAKEN = "NUMBER_TAKEN"
    NUMBER_VOID = "NUMBER_VOID"
    NUMBER_ACTIVE = "NUMBER_ACTIVE"
    CHIP_TAKEN = "CHIP_TAKEN"
    IMAGE_DIGEST = "IMAGE_DIGEST"
    CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE"  # signing needs mutual TLS with the station's own certificate
    SIGNER_UNKNOWN = "SIGNER_UNKNOWN"  # no key of that certificate, or not of that algorithm
    SIGNER_NOT_NOW = "SIGNER_NOT_NOW"  # outside the key's period
    SIGNER_FAILED = "SIGNER_FAILED"  # the token answers with an error
    INTERNAL = "INTERNAL"


@dataclass(frozen=True)
class Kind:
    """One kind of message: where it goes, what it is, how large it may be (bytes)."""

    path: str
    model: type[_Body]
    limit: int = 32 * KIB
    query: str = ""


# The keys are the outbox's message kinds; the placeholders are members of the body.
KINDS: Mapping[str, Kind] = {
    "enrolment": Kind("/v1/enrollments/{enrollment_id}", Enrolment, query="finalize=true"),
    "image": Kind("/v1/enrollments/{enrollment_id}/buffer/{buffer_id}", ImageBuffer, 2816 * KIB),
    "crossing": Kind("/v1/crossings/{crossing_id}", Crossing),
    "credential_request": Kind("/v1/credentialRequests/{credential_request_id}", CredentialRequest),
    "credential": Kind("/v1/credentials/{credential_id}", Credential),
    "void_number": Kind("/v1/cardNumbers/{card_number}/void", VoidNumber),
}
HEALTH_PATH = "/v1/health"
STAYS_PATH = "/v1/documents/{document_key}/stays"
ENROLMENT_PATH = "/v1/enrollments/{enrollment_id}"
CREDENTIAL_PATH = "/v1/credentials/{credential_id}"
CREDENTIALS_PATH = "/v1/credentials"
SIGNATURE_PATH = "/v1/signatures/{signature_id}"


def target(kind: str, body: Mapping[str, Any]) -> str:
    """Path and query for a message; ValueError when kind or ids are none of ours."""
    if kind not in KINDS:
        raise ValueError("unknown kind of message")
    names = [part[1:-1] for part in KINDS[kind].path.split("/") if part.startswith("{")]
    values = {name: body.get(name) for name in names}
    if not all(isinstance(value, str) and value and not value.startswith(".") for value in values.values()):
        raise ValueError("the body lacks an id of its path")
    path = KINDS[kind].path.format(**{name: quote(str(value), safe="") for name, value in values.items()})
    return f"{path}?{KINDS[kind].query}" if KINDS[kind].query else path


def stays_target(document_key: str) -> str:
    return STAYS_PATH.format(document_key=quote(document_key, safe=""))


def canonical(body: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed and sent: RFC 8785 as far as strings and integers go."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def fingerprint(body: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical form, lower-case hex; ValueError for what has none."""
    return hashlib.sha256(canonical(body)).hexdigest()
