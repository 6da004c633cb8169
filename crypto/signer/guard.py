"""Around every signature: the key's period, a sane clock, a number, and a line in the log before it is made.

A number is taken and stored before the key is used, so no signature exists that the log does not know; a
number whose signature then failed stays taken. Doc 9303-12 table 1 gives the period.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.errors import CryptoErrorCode, PolicyRefused
from crypto.signer.port import Signer, check_chain, check_period

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class SignatureRecord:
    """One signature: whose certificate (SHA-256, hexadecimal), its running number, when, over what.

    `digest` is the SHA-256 of the signed bytes in hexadecimal; it says nothing of the person.
    """

    certificate: str
    number: int
    at: datetime
    digest: str


class SignatureLog(Protocol):
    """Where signatures are counted and audited."""

    def last(self, certificate: str) -> SignatureRecord | None:
        """The newest record of that certificate (SHA-256), None before the first."""

    def record(self, record: SignatureRecord) -> None:
        """Durable when it returns; an error here stops the signature."""


class ClockSense:
    """Is the wall clock to be believed? It may not run away from the steady one, nor stand before `floor`.

    `monotonic` counts seconds. `floor` is a moment that is surely past, such as the making of the home.
    """

    def __init__(self, now: Callable[[], datetime], monotonic: Callable[[], float], floor: datetime) -> None:
        self._started, self._steady = now(), monotonic()
        self._monotonic = monotonic
        self._floor = floor

    def check(self, now: datetime, last: datetime | None) -> None:
        """Raises PolicyRefused (CRYPTO_CLOCK_WRONG); `last` is the time of the newest signature."""
        latest = self._floor if last is None else max(last, self._floor)
        if now < latest - CLOCK_TOLERANCE:
            raise _clock("the clock stands before something that has already happened")
        expected = self._started + timedelta(seconds=self._monotonic() - self._steady)
        if abs(now - expected) > CLOCK_TOLERANCE:
            raise _clock("the clock was moved since the start")


class GuardedSigner:
    """A signer behind its rules. Every certificate chains to the authority it was opened with."""

    def __init__(
        self,
        signer: Signer,
        log: SignatureLog,
        now: Callable[[], datetime],
        *,
        sense: ClockSense | None = None,
    ) -> None:
        """`sense` None: the clock is virtual (a rehearsal). Raises PolicyRefused, SignatureInvalid."""
        self._signer, self._log, self._now, self._sense = signer, log, now, sense
        self._last: dict[str, SignatureRecord | None] = {}
        self._prove_chain()

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key that would sign now."""
        return self._signer.certificate

    @property
    def authority(self) -> Certificate | None:
        """The CSCA above it."""
        return self._signer.authority

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What `sign` makes."""
        return self._signer.algorithm

    @property
    def hash_name(self) -> str:
        """The hash of the signature, such as "sha256"."""
        return self._signer.hash_name

    def check(self, now: datetime) -> None:
        """Raises PolicyRefused unless the key may sign at `now` and the clock can be believed.

        A signer with more than one key chooses here; `sign` stays with the choice.
        """
        self._signer.check(now)
        self._prove_chain()
        self._check_key(now)

    def sign(self, data: bytes) -> bytes:
        """Checks, numbers, logs, then signs."""
        now = self._now()
        self._check_key(now)
        certificate = self.certificate.fingerprint
        last = self._newest(certificate)
        record = SignatureRecord(
            certificate, (last.number if last else 0) + 1, now, hashlib.sha256(data).hexdigest()
        )
        self._log.record(record)
        self._last[certificate] = record
        return self._signer.sign(data)

    def _check_key(self, now: datetime) -> None:
        check_period(self.certificate, now)
        if self._sense is not None:
            last = self._newest(self.certificate.fingerprint)
            self._sense.check(now, last.at if last else None)

    def _newest(self, certificate: str) -> SignatureRecord | None:
        if certificate not in self._last:
            self._last[certificate] = self._log.last(certificate)
        return self._last[certificate]

    def _prove_chain(self) -> None:
        authority = self._signer.authority
        if authority is None:
            raise PolicyRefused("the signer's CSCA is not known here")
        check_chain(self._signer.certificate, authority)

    def __repr__(self) -> str:
        return f"GuardedSigner({self._signer!r})"


def _clock(detail: str) -> PolicyRefused:
    return PolicyRefused(detail, code=CryptoErrorCode.CRYPTO_CLOCK_WRONG)
