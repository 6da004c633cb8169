"""Errors of the registry: refusals that a station gets as an answer, failures of the service itself."""

from dataclasses import dataclass
from enum import StrEnum

from registry.contract import ProblemCode


class RegistryErrorCode(StrEnum):
    """Codes of failures that whoever runs the service meets."""

    REGISTRY_NOT_CREATED = "REGISTRY_NOT_CREATED"  # the directory holds no registry
    REGISTRY_DAMAGED = "REGISTRY_DAMAGED"  # a file is not what was written, or open to others
    REGISTRY_TOO_NEW = "REGISTRY_TOO_NEW"  # the database was written by a newer program
    REGISTRY_WORLD_REFUSED = "REGISTRY_WORLD_REFUSED"  # asked for lab, is production, or the reverse
    REGISTRY_ADDRESS_IN_USE = "REGISTRY_ADDRESS_IN_USE"
    REGISTRY_SIGNER_REFUSED = "REGISTRY_SIGNER_REFUSED"  # a key of signers.json cannot be used here
    REGISTRY_NAME_INVALID = "REGISTRY_NAME_INVALID"  # a station id that is none


class RegistryError(Exception):
    """The service cannot start or go on. `detail` is English, without personal data or secrets."""

    def __init__(self, code: RegistryErrorCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Field:
    """One member that is wrong: RFC 6901 pointer as a fragment, and what is wrong with it."""

    pointer: str
    code: str


class Refusal(Exception):
    """A request that is answered with RFC 9457 problem details."""

    def __init__(
        self,
        status: int,
        code: ProblemCode,
        detail: str = "",
        *,
        fields: tuple[Field, ...] = (),
        stored_sha256: str = "",
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields
        self.stored_sha256 = stored_sha256
