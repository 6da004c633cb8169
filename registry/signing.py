"""The registry as a signing service: hashes of stations are signed with keys that stay here.

`signers.json` (0600) names each key: files in a lab, a token in production. A station is known by its access
token and by the certificate it shows in the TLS handshake; both must name it. Every signature is numbered and
stored before it is made.
"""

import base64
import hashlib
import json
from asyncio import Transport
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from uvicorn.protocols.http.h11_impl import H11Protocol

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.errors import CryptoError, KeyUnavailable, PolicyRefused
from crypto.signer import (
    AnyKey,
    algorithm_of,
    check_period,
    load_private_key,
    public_key_of,
    read_private_file,
    require_world,
    same_key,
    sign_digest_with,
)
from registry import contract
from registry.contract import ProblemCode
from registry.errors import Refusal, RegistryError, RegistryErrorCode
from registry.storage import Database

SIGNERS = "signers.json"
PEER = "shekara.peer"  # in the scope's extensions: whom the client's certificate names


@dataclass(frozen=True)
class SigningKeyEntry:
    """One key that may sign, with its certificate."""

    certificate: Certificate
    key: AnyKey
    algorithm: SignatureAlgorithm


class SigningRoom:
    """The keys of one registry."""

    def __init__(
        self, entries: Mapping[str, SigningKeyEntry], database: Database, clock: Callable[[], datetime]
    ) -> None:
        self._entries, self._database, self._clock = dict(entries), database, clock

    def sign(self, request: contract.SignatureRequest, station: str) -> contract.SignatureAnswer:
        """One signature over a hash; raises `Refusal`."""
        entry = self._entries.get(request.certificate)
        wanted = f"{entry.algorithm.scheme}-{entry.algorithm.hash_name}" if entry else ""
        hashed = bytes.fromhex(request.digest)
        if entry is None or request.algorithm != wanted:
            raise Refusal(404, ProblemCode.SIGNER_UNKNOWN, "no key of this certificate and algorithm")
        if len(hashed) != hashlib.new(entry.algorithm.hash_name).digest_size:
            raise Refusal(422, ProblemCode.INVALID, "the digest is not one of this algorithm")
        now = self._clock()
        try:
            check_period(entry.certificate, now)
        except PolicyRefused as error:
            raise Refusal(422, ProblemCode.SIGNER_NOT_NOW, error.detail) from None
        number = self._enter(request, station, now)
        try:
            signature = sign_digest_with(entry.key, entry.algorithm, hashed)
        except CryptoError as error:
            raise Refusal(503, ProblemCode.SIGNER_FAILED, str(error.code)) from None
        return contract.SignatureAnswer(
            signature_id=request.signature_id,
            signature=base64.b64encode(signature).decode("ascii"),
            number=number,
            at=now,
        )

    def _enter(self, request: contract.SignatureRequest, station: str, now: datetime) -> int:
        with self._database.transaction() as tables:
            number = tables.add_signature(
                signature_id=request.signature_id,
                certificate=request.certificate,
                digest=request.digest,
                station=station,
                at=now.isoformat(),
            )
        if number is None:
            raise Refusal(409, ProblemCode.CONFLICT, "this signature was asked for before")
        return number


def open_signers(directory: Path, world: str) -> dict[str, SigningKeyEntry]:
    """From `signers.json`; none when there is no such file. RegistryError, CryptoError."""
    path = directory / SIGNERS
    if not path.exists():
        return {}
    try:
        stored = json.loads(read_private_file(path))
        entries = [_entry(directory, item, world) for item in stored["signers"]]
    except (ValueError, KeyError, TypeError, OSError):
        raise RegistryError(RegistryErrorCode.REGISTRY_DAMAGED, f"{SIGNERS} cannot be used") from None
    except (KeyUnavailable, PolicyRefused) as error:
        raise RegistryError(RegistryErrorCode.REGISTRY_SIGNER_REFUSED, error.detail) from None
    return {entry.certificate.fingerprint: entry for entry in entries}


def _entry(directory: Path, item: Mapping[str, str], world: str) -> SigningKeyEntry:
    certificate = Certificate.parse((directory / item["certificate"]).read_bytes())
    require_world(certificate, "lab" if world == "lab" else "production")
    key = _key(directory, item, certificate, world)
    if not same_key(public_key_of(key), certificate.public_key):
        raise KeyUnavailable("the private key does not belong to the certificate")
    return SigningKeyEntry(certificate, key, algorithm_of(certificate.public_key))


def _key(directory: Path, item: Mapping[str, str], certificate: Certificate, world: str) -> AnyKey:
    if "key" in item:
        if world != "lab":
            raise PolicyRefused("production keys lie on a token, never in files")
        return load_private_key(directory / item["key"])
    from crypto.hsm import PinFile, Token, TokenCriteria  # only where a token is used

    criteria = TokenCriteria(item["module"], item.get("token", ""), item.get("token_serial", ""))
    return Token(criteria, PinFile(Path(item["pin_file"]))).key(certificate.public_key)


class PeerProtocol(H11Protocol):
    """HTTP that tells the application whom the client's TLS certificate names."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        name = common_name(tls.getpeercert(binary_form=True)) if tls is not None else ""
        inner: Any = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[PEER] = name
            await inner(scope, receive, send)

        self.app = app


def common_name(der: bytes | None) -> str:
    """Of a client certificate that TLS has verified; "" for none."""
    if not der:
        return ""
    found = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""
