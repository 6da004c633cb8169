"""Chip authentication within a read: which offer and form, and when the proof holds.

Owns the state between the key agreement and the first answer under the new keys. A chip that took part in
the agreement but cannot answer under its keys does not hold the private key: that is a failure, unless the
session ended over the length of a read, which is tried again.
"""

from __future__ import annotations

from dataclasses import replace

from card_io.apdu import Link
from card_io.emrtd.chip_authentication import (
    ChipAuthenticationResult,
    Form,
    Offer,
    chip_authentication,
    offers,
)
from card_io.errors import MalformedCardData, ProtocolUnsupported
from card_io.secure_messaging import SecureMessaging
from crypto.primitives import RandomBytes
from crypto.trust import Outcome

_NO_ANSWER = "chip does not answer under the new keys"


class ChipProof:
    """The proof of one chip; `result` None while it was not asked for or DG14 offers nothing."""

    def __init__(self) -> None:
        self.result: ChipAuthenticationResult | None = None
        self._attempts: list[tuple[Offer, Form]] | None = None
        self._running = False
        self._session: Link | None = None

    def run(self, link: Link, dg14: bytes, random: RandomBytes) -> Link:
        """The link to go on with; raises only what the link raises."""
        attempts = self._plan(dg14)
        while attempts:
            offer, form = attempts[0]
            self._running = True
            session, self.result = chip_authentication(link, offer, random, form)
            self._running = False
            if session is not link:
                self._session = session
                return session
            attempts.pop(0)  # refused: another form or offer, if there is one
        return link

    def open_on(self, link: Link) -> bool:
        """Whether `link` is the session with the new keys and the chip has not answered on it yet."""
        session = self._session
        return session is link and isinstance(session, SecureMessaging) and not session.proven

    def final(self, link: Link) -> ChipAuthenticationResult | None:
        """The result when the read ends with `link`; a promise that was not kept yet stays open."""
        if self.result is None or not self.open_on(link):
            return self.result
        return replace(self.result, outcome=Outcome.UNDETERMINED, detail="no answer under the new keys yet")

    def broken(self, link: Link, *, length_refused: bool = False) -> bool:
        """The session on `link` is over: judge the proof; whether to run it again once access is open."""
        if self._running:  # in the middle of the protocol
            self._running = False
            return self._next("session ended during chip authentication")
        if not self.open_on(link):
            return self._session is not None and self._succeeded()
        if length_refused:
            return True
        return self._next(_NO_ANSWER)

    def _succeeded(self) -> bool:
        return self.result is not None and self.result.outcome is Outcome.SUCCESSFUL

    def _next(self, why: str) -> bool:
        attempts = self._attempts or []
        if attempts:
            offer, form = attempts.pop(0)
            self.result = self.result or ChipAuthenticationResult(
                offer.name, Outcome.FAILED, "", offer.key.parameters, str(form), offer.key_id
            )
        if self.result is not None:
            self.result = replace(self.result, outcome=Outcome.FAILED, detail=why)
        self._session = None
        return bool(attempts)

    def _plan(self, dg14: bytes) -> list[tuple[Offer, Form]]:
        """Every offer in every form; undetermined if there are offers that cannot be used."""
        if self._attempts is None:
            try:
                self._attempts = [(offer, form) for offer in offers(dg14) for form in offer.forms]
            except (ProtocolUnsupported, MalformedCardData) as error:
                self._attempts = []
                if isinstance(error, ProtocolUnsupported):
                    self.result = ChipAuthenticationResult("CA", Outcome.UNDETERMINED, str(error.code))
        return self._attempts
