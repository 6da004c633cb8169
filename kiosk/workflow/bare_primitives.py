"""The cryptography of one chip read and nothing else, by the library directly: what a terminal cannot avoid.

Owns the list: the same operations, as often and over as many bytes as the read had them, without a protocol
around. Keys are made and ciphers set up as a plain program would: for each use. A terminal computes between
waits for the chip, with caches that others have used meanwhile; so can these, to be compared with it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from card_io.apdu import Command, Ins
from crypto.certificates import Certificate, SignatureAlgorithm
from crypto.ecmath import CURVES
from crypto.point_multiples import library_curve
from kiosk.errors import ErrorCode, KioskError
from kiosk.ports import CardSlot
from kiosk.workflow.chip_bench import Exchange, Run

_KEY, _BLOCK = bytes(range(16)), bytes(16)
_KDF_INPUT = bytes(36)
_DERIVATIONS = 5  # keys from the password, from PACE and from chip authentication
_PROTECTION = 16  # bytes of status, MAC and their objects in a protected answer
_PACE = Exchange(80, 80, True)  # its nonce and tokens come to two exchanges of the size of a public key
_HARMLESS = Command(0x00, Ins.GET_CHALLENGE, 0, 0, le=8)


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


def bare_primitives(run: Run, slot: CardSlot | None = None) -> Bare:
    """What the primitives of that run cost now, each kind timed by itself.

    With `slot` a harmless command goes to the chip on it wherever the terminal waited for the chip; without,
    they run in one go.
    """
    if slot is None:
        return _bare(run, lambda: None)
    with slot.connect() as link:
        return _bare(run, lambda: link.send(_HARMLESS))


def _bare(run: Run, wait: Callable[[], object]) -> Bare:
    signed, files = _signatures(run), list(run.read.files.values())
    agreements = ciphers = macs = 0.0
    for work in _agreements(_curve(run)):
        wait()
        agreements += _timed(work)
    for item in (*(item for item in run.exchanges if item.protected), _PACE, _PACE):
        wait()
        ciphers += _timed(partial(_cipher, item))
        macs += _timed(partial(_mac, item))
    return Bare(agreements, ciphers, macs, _timed(partial(_hash, files)), _timed(partial(_verify, signed)))


def _timed(work: Callable[[], None]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _curve(run: Run) -> ec.EllipticCurve:
    name = run.read.access.parameters if run.read.access is not None else ""
    curve = library_curve(CURVES[name].oid) if name in CURVES else None
    if curve is None:
        raise KioskError(ErrorCode.USAGE, f"the library does not know {name or 'the group'}")
    return curve


def _agreements(curve: ec.EllipticCurve) -> list[Callable[[], None]]:
    """PACE-GM: our mapping key, the nonce times G, our ephemeral key; the chip's mapping key, the mapped
    generator and the chip's ephemeral key multiplied. Chip authentication: one key, one agreement.
    """
    other = ec.generate_private_key(curve).public_key().public_numbers()

    def agree(number: int) -> None:
        ec.derive_private_key(number, curve).exchange(ec.ECDH(), other.public_key())

    return [partial(agree, number) for number in (3**90, 5**60, 7**50, 11**40)]


def _cipher(item: Exchange) -> None:
    """An initial value and the data of a protected answer."""
    size = (item.received - _PROTECTION) // 16 * 16
    if size > 0:
        Cipher(algorithms.AES(_KEY), modes.ECB()).encryptor().update(_BLOCK)  # noqa: S305 - one block
        Cipher(algorithms.AES(_KEY), modes.CBC(_BLOCK)).decryptor().update(bytes(size))


def _mac(item: Exchange) -> None:
    """A protected command and its answer."""
    for size in (item.sent, item.received):
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


def _signatures(run: Run) -> tuple[_Signed, ...]:
    """EF.SOD by the document signer, its certificate by the CSCA; a trust store checks lists once."""
    passive = run.report.passive
    if passive is None or passive.security_object is None:
        raise KioskError(ErrorCode.INTERNAL, "nothing was signed")
    signer, csca = passive.document_signer, passive.csca
    if signer is None or csca is None:
        raise KioskError(ErrorCode.INTERNAL, "nobody signed")
    info = passive.security_object.signed_data.signer
    return (
        _signed(signer, info.signed_attributes, info.signature, info.signature_algorithm),
        _signed(csca, signer.tbs, signer.signature, signer.signature_algorithm),
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
