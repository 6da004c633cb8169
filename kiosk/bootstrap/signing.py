"""Who signs the cards of a home: the lab's own key file, a token, or the signing service; never by default.

A production home opens its desk only with a token or the service. Every signature is counted and audited, and
a certificate of the other world is refused whatever its key lies in.
"""

import getpass
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from crypto.certificates import Certificate, PublicKey
from crypto.errors import CryptoErrorCode, KeyUnavailable
from crypto.pki_lab import LabPki
from crypto.signer import (
    AnyKey,
    ClockSense,
    GuardedSigner,
    KeySigner,
    SignatureRecord,
    Signer,
    SigningKey,
    check_chain,
    require_world,
)
from kiosk.bootstrap.home import Home
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import Clock, Store
from kiosk.settings import Settings, SigningSettings
from kiosk.sync import OfflinePolicy, RemoteSigner, open_session

STATION_COUNTRY = "KZ"  # whose document signer signs the cards of a lab home
ACTION = "signature"
TOKEN, REMOTE = "token", "remote"


class PinPrompt(Protocol):
    """Asks somebody for the PIN of a token (`crypto.hsm.PinPrompt`)."""

    def pin(self, token: str, *, wrong: bool) -> str:
        """The PIN; `wrong`: the last was not accepted. Raises KeyUnavailable (CRYPTO_PIN_MISSING)."""


class TerminalPin:
    """Asks at the terminal, without showing what is typed."""

    def pin(self, token: str, *, wrong: bool) -> str:
        """As in `PinPrompt`."""
        if not sys.stdin.isatty():
            raise KeyUnavailable("no terminal to ask for a PIN", code=CryptoErrorCode.CRYPTO_PIN_MISSING)
        typed = getpass.getpass(f"{'Wrong PIN. ' if wrong else ''}PIN of the token {token}: ")
        if not typed:
            raise KeyUnavailable("no PIN was typed", code=CryptoErrorCode.CRYPTO_PIN_MISSING)
        return typed


class TokenKeyRing(Protocol):
    """What is needed of `crypto.hsm.Token`."""

    def generate_ec(self, curve: str, label: str, random: Callable[[int], bytes]) -> SigningKey: ...

    def key(self, public_key: PublicKey) -> SigningKey: ...

    def close(self) -> None: ...


class AuditedSignatures:
    """The signature log in the home's audit log: number, certificate and digest of every signature."""

    def __init__(self, store: Store, station: str) -> None:
        self._store, self._actor = store, f"station:{station}"

    def last(self, certificate: str) -> SignatureRecord | None:
        """As in `crypto.signer.SignatureLog`."""
        for entry in reversed(self._store.audit_entries()):
            if entry.action == ACTION and entry.details.get("certificate") == certificate:
                details = entry.details
                return SignatureRecord(certificate, int(details["number"]), entry.at, details["digest"])
        return None

    def record(self, record: SignatureRecord) -> None:
        """As in `crypto.signer.SignatureLog`."""
        details = {
            "certificate": record.certificate,
            "number": str(record.number),
            "digest": record.digest,
        }
        self._store.audit(self._actor, ACTION, record.at, details)


def open_signer(
    home: Home,
    settings: Settings,
    store: Store,
    clock: Clock,
    *,
    pin: PinPrompt,
    virtual_clock: bool,
    stack: ExitStack,
) -> GuardedSigner:
    """The signer that the settings name, ready to sign; what it holds open is closed by `stack`.

    Raises SIGNING_NOT_SET_UP, SETTINGS_INVALID, and CRYPTO_* codes of key, token, service, clock and world.
    """
    signer = _signer(home, settings, clock, pin, stack)
    require_world(signer.certificate, home.world)
    log = AuditedSignatures(store, settings.station.id)
    sense = None if virtual_clock else ClockSense(clock.now, time.monotonic, home.created)
    guarded = GuardedSigner(signer, log, clock.now, sense=sense)
    try:
        guarded.check(clock.now())
    except KeyUnavailable as error:
        if error.code is not CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE:
            raise  # without the service the desk opens: it can inspect, and its cards wait
    return guarded


def open_token(settings: SigningSettings, pin: PinPrompt) -> TokenKeyRing:
    """The token that the settings name; its session begins with the first use. SETTINGS_INVALID."""
    if not settings.module or not (settings.token or settings.token_serial):
        raise KioskError(ErrorCode.SETTINGS_INVALID, "signing.module, signing.token or signing.token_serial")
    from crypto.hsm import PinFile, Token, TokenCriteria  # a desk without a token needs no driver

    prompt = PinFile(Path(settings.pin_file)) if settings.pin_file else pin
    return Token(TokenCriteria(settings.module, settings.token, settings.token_serial), prompt)


def installed(home: Home, source: str) -> tuple[Certificate, Certificate]:
    """Certificate of the key that signs (`source` TOKEN or REMOTE) and its CSCA, as imported.

    SIGNING_NOT_SET_UP when they are not there.
    """
    try:
        found = [Certificate.parse((home.signer / name).read_bytes()) for name in file_names(source)]
    except OSError as error:
        raise KioskError(
            ErrorCode.SIGNING_NOT_SET_UP, f"{home.signer.name}/{file_names(source)[0]}"
        ) from error
    certificate, authority = found
    require_world(certificate, home.world)
    require_world(authority, home.world)
    check_chain(certificate, authority)
    return certificate, authority


def file_names(source: str) -> tuple[str, str]:
    """Where `installed` looks, below the home's signer directory."""
    return f"{source}.cer", f"{source}-csca.cer"


def _signer(home: Home, settings: Settings, clock: Clock, pin: PinPrompt, stack: ExitStack) -> Signer:
    chosen = settings.signing
    if chosen.source == "pkcs11":
        return _token_signer(home, chosen, pin, stack)
    if chosen.source == "remote":
        return _remote_signer(home, settings, clock, pin, stack)
    if not home.lab:
        raise KioskError(ErrorCode.SIGNING_NOT_SET_UP, "signing.source")
    lab_pki = LabPki.open(home.pki)
    lab_pki.refresh(clock.now())
    return lab_pki.signer(STATION_COUNTRY)


def _token_signer(home: Home, chosen: SigningSettings, pin: PinPrompt, stack: ExitStack) -> KeySigner:
    certificate, authority = installed(home, TOKEN)
    token = open_token(chosen, pin)
    stack.callback(token.close)
    key: AnyKey = token.key(certificate.public_key)
    return KeySigner(key, certificate, authority=authority)


def _remote_signer(
    home: Home, settings: Settings, clock: Clock, pin: PinPrompt, stack: ExitStack
) -> OfflinePolicy:
    chosen = settings.signing
    if not chosen.url or not chosen.certificate_file or not chosen.key_file:
        raise KioskError(
            ErrorCode.SETTINGS_INVALID, "signing.url, signing.certificate_file, signing.key_file"
        )
    certificate, authority = installed(home, REMOTE)
    session = open_session(
        ca_file=chosen.ca_file or None, certificate=(chosen.certificate_file, chosen.key_file)
    )
    stack.callback(session.close)
    try:
        token = Path(settings.registry.token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KioskError(ErrorCode.SETTINGS_INVALID, "registry.token_file") from error
    remote = RemoteSigner(
        chosen.url,
        token,
        settings.station.id,
        certificate,
        authority,
        session=session,
        now=clock.now,
        timeout=chosen.timeout,
    )
    local = _token_signer(home, chosen, pin, stack) if chosen.offline == "token" else None
    return OfflinePolicy(remote, local, chosen.offline_limit)
