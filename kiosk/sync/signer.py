"""The signing service as a signer: a hash goes out over mutual TLS, a signature comes back and is verified.

The document never leaves the desk, and nothing is believed: a signature that does not fit the certificate at
hand is refused, and a service whose clock differs stops signing. What happens without it is a policy.
"""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from pydantic import ValidationError

from crypto.certificates import Certificate, SignatureAlgorithm, digest, verify_signature
from crypto.errors import CryptoErrorCode, KeyUnavailable, PolicyRefused
from crypto.signer import Signer, algorithm_of, check_period
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import RandomBytes
from kiosk.sync.client import checked_address
from kiosk.sync.transport import Answer, Unreachable, call
from registry import contract

SKEW = timedelta(minutes=5)
_ID_BYTES = 16


class RemoteSigner:
    """`crypto.signer.Signer` whose key lies at the registry. Used from one lane."""

    def __init__(
        self,
        base_url: str,
        token: str,
        station: str,
        certificate: Certificate,
        authority: Certificate,
        *,
        session: requests.Session,
        now: Callable[[], datetime],
        timeout: float,
        algorithm: SignatureAlgorithm | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """`session` carries this station's certificate; SETTINGS_INVALID for an address that is not https."""
        if not base_url.startswith("https://"):
            raise KioskError(ErrorCode.SETTINGS_INVALID, "signing.url: mutual TLS needs https")
        self._base, self._token, self._station = checked_address(base_url), token, station
        self.certificate, self.authority = certificate, authority
        self.algorithm = algorithm or algorithm_of(certificate.public_key)
        self._session, self._now, self._timeout, self._random = session, now, timeout, random

    @property
    def hash_name(self) -> str:
        """The hash of the signature, such as "sha256"."""
        return self.algorithm.hash_name

    def check(self, now: datetime) -> None:
        """Raises PolicyRefused unless the certificate covers `now`, KeyUnavailable when nobody answers."""
        check_period(self.certificate, now)
        answer = self._ask("GET", contract.HEALTH_PATH)
        try:
            told = contract.Health.model_validate_json(answer.body)
        except ValidationError:
            raise _unreachable(f"status {answer.status}") from None
        self._compare_clocks(told.time)

    def sign(self, data: bytes) -> bytes:
        """DER signature over `data`, of which only the hash is sent. KeyUnavailable, PolicyRefused."""
        request = contract.SignatureRequest(
            signature_id=self._random(_ID_BYTES).hex(),
            station=self._station,
            certificate=self.certificate.fingerprint,
            algorithm=f"{self.algorithm.scheme}-{self.hash_name}",
            digest=digest(self.hash_name, data).hex(),
        )
        target = contract.SIGNATURE_PATH.format(signature_id=request.signature_id)
        answer = self._ask("POST", target, request.model_dump_json().encode())
        if answer.status != 201:
            raise _refused(answer)
        try:
            told = contract.SignatureAnswer.model_validate_json(answer.body)
            signature = base64.b64decode(told.signature, validate=True)
        except ValueError:
            raise _unreachable("no signature in the answer") from None
        self._compare_clocks(told.at)
        verify_signature(self.certificate.verification_key, self.algorithm, signature, data)
        return signature

    def _compare_clocks(self, theirs: datetime) -> None:
        if abs(theirs - self._now()) > SKEW:
            raise PolicyRefused(
                "the clocks of desk and signing service differ", code=CryptoErrorCode.CRYPTO_CLOCK_WRONG
            )

    def _ask(self, method: str, target: str, body: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": contract.JSON_TYPE}
        if body is not None:
            headers["Content-Type"] = contract.JSON_TYPE
        url = self._base + target
        try:
            return call(self._session, method, url, timeout=self._timeout, headers=headers, body=body)
        except Unreachable as error:
            raise _unreachable(str(error)) from None

    def __repr__(self) -> str:
        return f"RemoteSigner({self._base!r}, {self.certificate.subject!r})"


class OfflinePolicy:
    """The service while it answers; else a token at the desk for so many signatures, or nobody.

    The choice is made by `check`, before a card is begun: one card is signed by one key.
    """

    def __init__(self, remote: Signer, local: Signer | None, limit: int) -> None:
        self._remote, self._local, self._limit = remote, local, limit
        self._chosen: Signer = remote
        self._used = 0  # of the token, since the service answered last

    @property
    def certificate(self) -> Certificate:
        """Of the key that was chosen."""
        return self._chosen.certificate

    @property
    def authority(self) -> Certificate | None:
        """Above the key that was chosen."""
        return self._chosen.authority

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """Of the key that was chosen."""
        return self._chosen.algorithm

    @property
    def hash_name(self) -> str:
        """Of the key that was chosen."""
        return self._chosen.hash_name

    @property
    def offline(self) -> bool:
        """Is the token in use?"""
        return self._chosen is not self._remote

    def check(self, now: datetime) -> None:
        """Chooses. KeyUnavailable (CRYPTO_SIGNER_UNREACHABLE) when neither may sign; PolicyRefused."""
        try:
            self._remote.check(now)
        except KeyUnavailable as error:
            if error.code is not CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE or self._local is None:
                raise
            self._require_left()
            self._local.check(now)
            self._chosen = self._local
            return
        self._chosen, self._used = self._remote, 0

    def sign(self, data: bytes) -> bytes:
        """With the key that was chosen."""
        if self.offline:
            self._require_left()
            self._used += 1
        return self._chosen.sign(data)

    def _require_left(self) -> None:
        if self._used >= self._limit:
            raise _unreachable("the token has made all the signatures it may without the service")


def _unreachable(detail: str) -> KeyUnavailable:
    return KeyUnavailable(f"signing service: {detail}", code=CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE)


def _refused(answer: Answer) -> KeyUnavailable:
    """5xx is a service that is not there; everything else is its decision."""
    if answer.status >= 500 or answer.status == 408:
        return _unreachable(f"status {answer.status}")
    try:
        code = str(contract.Problem.model_validate_json(answer.body).code)
    except ValidationError:
        code = ""
    return KeyUnavailable(
        f"signing service: {code or answer.status}", code=CryptoErrorCode.CRYPTO_SIGNER_REFUSED
    )
