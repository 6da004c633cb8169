"""Who signs chips and seals of a home: the lab's own key files, a token, or the signing service.

A production home opens its desk only with both signers. Every signature is counted and audited, and
a certificate of the other world is refused whatever its key lies in.
"""

import getpass
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from crypto.certificates import Certificate, PublicKey
from crypto.certificates.certificate import SEAL_SIGNER
from crypto.errors import CryptoErrorCode, KeyUnavailable, PolicyRefused
from crypto.pki_lab import SEAL_SIGNER_NAME, LabPki
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


class Kind(StrEnum):
    """What a key signs, in the order of `Signers`; requests, files and the audit log call it so."""

    DOCUMENT = "ds"
    SEAL = "seal"


_LAB_NAMES = {Kind.DOCUMENT: "default", Kind.SEAL: SEAL_SIGNER_NAME}


class Signers(NamedTuple):
    """The two keys of a desk: for EF.SOD on the chip, for the seal on the back."""

    document: GuardedSigner
    seal: GuardedSigner


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
    """The signature log in the home's audit log: kind, number, certificate and digest of every signature."""

    def __init__(self, store: Store, station: str, kind: Kind) -> None:
        self._store, self._actor, self._kind = store, f"station:{station}", kind

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
            "kind": self._kind.value,
        }
        self._store.audit(self._actor, ACTION, record.at, details)


def open_signers(
    home: Home,
    settings: Settings,
    store: Store,
    clock: Clock,
    *,
    pin: PinPrompt,
    virtual_clock: bool,
    stack: ExitStack,
) -> Signers:
    """Both signers from where the settings say, ready to sign; what they hold open is closed by `stack`.

    Raises SIGNING_NOT_SET_UP (the detail names what is missing), SETTINGS_INVALID, and CRYPTO_* codes of
    key, token, service, clock and world.
    """
    keys = _Keys(home, settings, clock, pin, stack)
    sense = None if virtual_clock else ClockSense(clock.now, time.monotonic, home.created)
    made: list[GuardedSigner] = []
    for kind in Kind:
        signer = keys.signer(kind)
        require_world(signer.certificate, home.world)
        log = AuditedSignatures(store, settings.station.id, kind)
        made.append(GuardedSigner(signer, log, clock.now, sense=sense))
    for guarded in made:
        try:
            guarded.check(clock.now())
        except KeyUnavailable as error:
            if error.code is not CryptoErrorCode.CRYPTO_SIGNER_UNREACHABLE:
                raise  # without the service the desk opens: it can inspect, and its cards wait
    return Signers(*made)


def open_token(settings: SigningSettings, pin: PinPrompt) -> TokenKeyRing:
    """The token that the settings name; its session begins with the first use. SETTINGS_INVALID."""
    if not settings.module or not (settings.token or settings.token_serial):
        raise KioskError(ErrorCode.SETTINGS_INVALID, "signing.module, signing.token or signing.token_serial")
    from crypto.hsm import PinFile, Token, TokenCriteria  # a desk without a token needs no driver

    prompt = PinFile(Path(settings.pin_file)) if settings.pin_file else pin
    return Token(TokenCriteria(settings.module, settings.token, settings.token_serial), prompt)


def installed(home: Home, source: str, kind: Kind) -> tuple[Certificate, Certificate]:
    """Certificate of the key that signs (`source` TOKEN or REMOTE) and its CSCA, as imported.

    SIGNING_NOT_SET_UP when they are not there.
    """
    names = file_names(source, kind)
    try:
        found = [Certificate.parse((home.signer / name).read_bytes()) for name in names]
    except OSError as error:
        raise KioskError(ErrorCode.SIGNING_NOT_SET_UP, f"{home.signer.name}/{names[0]}") from error
    certificate, authority = found
    if kind_of(certificate) is not kind:
        raise PolicyRefused(f"{names[0]} is the certificate of another kind of signer")
    require_world(certificate, home.world)
    require_world(authority, home.world)
    check_chain(certificate, authority)
    return certificate, authority


def kind_of(certificate: Certificate) -> Kind:
    """Doc 9303-12 7.1: a seal signer has its purpose, a document signer none; PolicyRefused for others."""
    purposes = certificate.extended_key_usage
    if purposes is None:
        return Kind.DOCUMENT
    if purposes == {SEAL_SIGNER}:
        return Kind.SEAL
    raise PolicyRefused("the certificate is that of neither a document signer nor a seal signer")


def file_names(source: str, kind: Kind) -> tuple[str, str]:
    """Where `installed` looks, below the home's signer directory."""
    stem = source if kind is Kind.DOCUMENT else f"{source}-{kind}"
    return f"{stem}.cer", f"{stem}-csca.cer"


class _Keys:
    """One token or one service holds the keys of a home; it is opened once, its PIN asked for once."""

    def __init__(
        self, home: Home, settings: Settings, clock: Clock, pin: PinPrompt, stack: ExitStack
    ) -> None:
        self._home, self._settings, self._clock = home, settings, clock
        self._pin, self._stack = pin, stack
        self._lab = LabPki.open(home.pki) if home.lab else None
        if self._lab is not None:
            self._lab.refresh(clock.now())
        self._require_all()

    def signer(self, kind: Kind) -> Signer:
        source = self._settings.signing.source
        if source == "pkcs11":
            return self._token_signer(kind)
        if source == "remote":
            return self._remote_signer(kind)
        if self._lab is None:
            raise KioskError(ErrorCode.SIGNING_NOT_SET_UP, "signing.source")
        return self._lab.signer(STATION_COUNTRY, _LAB_NAMES[kind])

    def _require_all(self) -> None:
        """Every certificate is there, before anybody is asked for a PIN."""
        chosen = self._settings.signing
        if chosen.source == "remote" and not (chosen.url and chosen.certificate_file and chosen.key_file):
            raise KioskError(
                ErrorCode.SETTINGS_INVALID, "signing.url, signing.certificate_file, signing.key_file"
            )
        sources = {"pkcs11": [TOKEN], "remote": [REMOTE]}.get(chosen.source, [])
        if chosen.source == "remote" and chosen.offline == "token":
            sources = [REMOTE, TOKEN]
        for source in sources:
            for kind in Kind:
                installed(self._home, source, kind)

    @cached_property
    def _token(self) -> TokenKeyRing:
        token = open_token(self._settings.signing, self._pin)
        self._stack.callback(token.close)
        return token

    def _token_signer(self, kind: Kind) -> KeySigner:
        certificate, authority = installed(self._home, TOKEN, kind)
        key: AnyKey = self._token.key(certificate.public_key)
        return KeySigner(key, certificate, authority=authority)

    def _remote_signer(self, kind: Kind) -> OfflinePolicy:
        chosen = self._settings.signing
        certificate, authority = installed(self._home, REMOTE, kind)
        session = open_session(
            ca_file=chosen.ca_file or None, certificate=(chosen.certificate_file, chosen.key_file)
        )
        self._stack.callback(session.close)
        try:
            token = Path(self._settings.registry.token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise KioskError(ErrorCode.SETTINGS_INVALID, "registry.token_file") from error
        remote = RemoteSigner(
            chosen.url,
            token,
            self._settings.station.id,
            certificate,
            authority,
            session=session,
            now=self._clock.now,
            timeout=chosen.timeout,
        )
        local = self._token_signer(kind) if chosen.offline == "token" else None
        return OfflinePolicy(remote, local, chosen.offline_limit)
