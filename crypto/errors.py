"""The error family of `crypto`: one exception type with a code per kind of trouble an operator can meet.

`detail` is English for logs and bug reports: it never holds personal data or secrets. The kiosk shows
its own text and advice for every code, so the list stays short.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class CryptoErrorCode(StrEnum):
    """Stable codes; the kiosk has a text and an advice for each."""

    CRYPTO_MALFORMED = "CRYPTO_MALFORMED"
    """Bytes from outside (certificate, CRL, security object, sealed file) do not follow their standard."""

    CRYPTO_ALGORITHM_UNSUPPORTED = "CRYPTO_ALGORITHM_UNSUPPORTED"
    """The data names a hash, signature or curve which this version does not know."""

    CRYPTO_SIGNATURE_INVALID = "CRYPTO_SIGNATURE_INVALID"
    """A signature or an authentication tag does not fit its data and key."""

    CRYPTO_KEY_UNAVAILABLE = "CRYPTO_KEY_UNAVAILABLE"
    """A key or certificate file is missing, unreadable, readable by others, or does not fit its pair."""

    CRYPTO_POLICY_REFUSED = "CRYPTO_POLICY_REFUSED"
    """The operation is possible but forbidden: key outside its period, certificate profile violated."""

    CRYPTO_WORLD_REFUSED = "CRYPTO_WORLD_REFUSED"
    """A key or certificate of the lab in production, or the reverse."""

    CRYPTO_CLOCK_WRONG = "CRYPTO_CLOCK_WRONG"
    """The machine's clock cannot be believed, so nothing is signed."""

    CRYPTO_HSM_GONE = "CRYPTO_HSM_GONE"
    """No token with the configured label or serial number is there, or it was pulled out."""

    CRYPTO_HSM_FAILED = "CRYPTO_HSM_FAILED"
    """The token or its driver answers with an error, or the driver cannot be loaded."""

    CRYPTO_SESSION_LOST = "CRYPTO_SESSION_LOST"
    """The token ended the session, and a new one was ended as well."""

    CRYPTO_PIN_WRONG = "CRYPTO_PIN_WRONG"
    """The PIN of the token was not accepted; it is never tried again by itself."""

    CRYPTO_PIN_LOCKED = "CRYPTO_PIN_LOCKED"
    """The token takes no PIN any more."""

    CRYPTO_PIN_MISSING = "CRYPTO_PIN_MISSING"
    """Nobody is there to type the PIN, or they declined."""

    CRYPTO_SIGNER_UNREACHABLE = "CRYPTO_SIGNER_UNREACHABLE"
    """The signing service does not answer, and the offline policy has no other key."""

    CRYPTO_SIGNER_REFUSED = "CRYPTO_SIGNER_REFUSED"
    """The signing service answered and will not sign for this station."""


class CryptoError(Exception):
    """Base of all errors of `crypto`; raise a subclass."""

    default_code: ClassVar[CryptoErrorCode] = CryptoErrorCode.CRYPTO_MALFORMED

    def __init__(self, detail: str, *, code: CryptoErrorCode | None = None) -> None:
        self.code: CryptoErrorCode = code or self.default_code
        self.detail: str = detail
        super().__init__(f"{self.code}: {detail}")


class MalformedData(CryptoError):
    """Outside bytes break their format."""

    default_code = CryptoErrorCode.CRYPTO_MALFORMED


class UnsupportedAlgorithm(CryptoError):
    """A named algorithm, curve or parameter set is not supported."""

    default_code = CryptoErrorCode.CRYPTO_ALGORITHM_UNSUPPORTED


class SignatureInvalid(CryptoError):
    """A signature or authentication tag is wrong."""

    default_code = CryptoErrorCode.CRYPTO_SIGNATURE_INVALID


class KeyUnavailable(CryptoError):
    """A key cannot be used: missing, unreadable, badly protected or not the pair of its certificate."""

    default_code = CryptoErrorCode.CRYPTO_KEY_UNAVAILABLE


class PolicyRefused(CryptoError):
    """Our own rules forbid the operation now."""

    default_code = CryptoErrorCode.CRYPTO_POLICY_REFUSED
