"""The cryptography of one chip read and nothing else, by the library directly: what a terminal cannot avoid.

Owns the list: the same operations, as often and over as many bytes as the read had them, without a protocol
around. Keys are made and ciphers set up as a plain program would: for each use.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.ecmath import CURVES
from crypto.library_points import library_curve
from crypto.trust import TrustStore
from kiosk.errors import ErrorCode, KioskError
from kiosk.workflow.chip_bench import Exchange, Run

_KEY, _BLOCK = bytes(range(16)), bytes(16)
_KDF_INPUT = bytes(36)
_DERIVATIONS = 5  # keys from the password, from PACE and from chip authentication
_PROTECTION = 16  # bytes of status, MAC and their objects in a protected answer


@dataclass(frozen=True)
class Bare:
    """Seconds of processor time by kind of operation."""

    agreements: float
    ciphers: float
    macs: float
    hashes: float
    signatures: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.agreements + self.ciphers + self.macs + self.hashes + self.signatures


@dataclass(frozen=True)
class _Signed:
    key: ec.EllipticCurvePublicKey
    data: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: hashes.HashAlgorithm


def bare_primitives(run: Run, store: TrustStore) -> Bare:
    """What the primitives of that run cost now, each kind timed by itself."""
    signed = _signatures(run, store)
    files = list(run.read.files.values())
    name = run.read.access.parameters if run.read.access is not None else ""
    curve = library_curve(CURVES[name].oid) if name in CURVES else None
    if curve is None:
        raise KioskError(ErrorCode.USAGE, f"the library does not know {name}")
    known, other = curve, ec.generate_private_key(curve).public_key().public_numbers()
    protected = [item for item in run.exchanges if item.protected]
    return Bare(
        _timed(lambda: _agree(known, other)),
        _timed(lambda: _cipher(protected)),
        _timed(lambda: _mac(protected)),
        _timed(lambda: _hash(files)),
        _timed(lambda: _verify(signed)),
    )


def _timed(work: Callable[[], None]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _agree(curve: ec.EllipticCurve, other: ec.EllipticCurvePublicNumbers) -> None:
    """PACE-GM: our mapping key, the nonce times G, our ephemeral key; the chip's mapping key, the mapped
    generator and the chip's ephemeral key multiplied. Chip authentication: one key, one agreement.
    """
    secrets = [ec.derive_private_key(number, curve) for number in (3**90, 5**60, 7**50, 11**40)]
    for secret in secrets:
        secret.exchange(ec.ECDH(), other.public_key())


def _cipher(exchanges: Sequence[Exchange]) -> None:
    """An initial value and the data of every protected answer; the nonce."""
    for item in (*exchanges, Exchange(0, 16 + _PROTECTION, True)):
        size = (item.received - _PROTECTION) // 16 * 16
        if size > 0:
            Cipher(algorithms.AES(_KEY), modes.ECB()).encryptor().update(_BLOCK)  # noqa: S305 - one block
            Cipher(algorithms.AES(_KEY), modes.CBC(_BLOCK)).decryptor().update(bytes(size))


def _mac(exchanges: Sequence[Exchange]) -> None:
    """Every protected command and answer; the two tokens."""
    sizes = [size for item in exchanges for size in (item.sent, item.received)]
    for size in (*sizes, 80, 80):
        context = CMAC(algorithms.AES(_KEY))
        context.update(bytes(size))
        context.finalize()


def _hash(files: Sequence[bytes]) -> None:
    """Every file once, and the key derivations."""
    for data in files:
        hashlib.sha256(data).digest()
    for _ in range(_DERIVATIONS):
        hashlib.sha1(_KDF_INPUT, usedforsecurity=False).digest()


def _verify(signed: Sequence[_Signed]) -> None:
    for item in signed:
        item.key.verify(item.signature, item.data, ec.ECDSA(item.algorithm))


def _signatures(run: Run, store: TrustStore) -> tuple[_Signed, ...]:
    """EF.SOD by the document signer, its certificate and the revocation list by the CSCA."""
    passive = run.report.passive
    if passive is None or passive.security_object is None:
        raise KioskError(ErrorCode.INTERNAL, "nothing was signed")
    signer, csca = passive.document_signer, passive.csca
    if signer is None or csca is None:
        raise KioskError(ErrorCode.INTERNAL, "nobody signed")
    info = passive.security_object.signed_data.signer
    lists = store.crls(csca, now=run.report.inspected_at) if run.report.inspected_at else ()
    return (
        _signed(signer, info.signed_attributes, info.signature, info.signature_algorithm),
        _signed(csca, signer.tbs, signer.signature, signer.signature_algorithm),
        *(_signed(csca, item.tbs, item.signature, item.signature_algorithm) for item in lists[:1]),
    )


def _signed(by: Certificate, data: bytes, signature: bytes, algorithm: bytes) -> _Signed:
    key, name = by.public_key, SignatureAlgorithm.parse(algorithm).hash_name
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KioskError(ErrorCode.INTERNAL, "the lab signs with elliptic curves")
    known: dict[str, type[hashes.HashAlgorithm]] = {
        "sha256": hashes.SHA256,
        "sha384": hashes.SHA384,
        "sha512": hashes.SHA512,
    }
    return _Signed(key, data, signature, known[name]())
