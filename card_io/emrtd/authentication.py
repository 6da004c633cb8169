"""Active Authentication: the chip signs our challenge with the key of DG15 (Doc 9303-11 section 6.1).

Owns the protocol and its signatures: ECDSA, plain r||s (BSI TR-03111) or DER as some states send it, and
RSA with message recovery (ISO/IEC 9796-2 digital signature scheme 1). A good signature says nothing about
the document before passive authentication binds DG15 and DG14: that is judged in `card_io.emrtd.report`
alone.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm as LibraryUnsupported
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from card_io.apdu import SW, Command, Ins, Link, Response
from card_io.errors import MalformedCardData
from card_io.lds.security_infos import parse_dg14, parse_dg15
from crypto.certificates.keys import digest, hash_object, load_verification_key
from crypto.certificates.plain_ecdsa import PlainCurveKey
from crypto.errors import CryptoError, SignatureInvalid
from crypto.primitives import RandomBytes
from crypto.trust import Outcome

CHALLENGE = 8  # bytes of RND.IFD
_SHORT_SIGNATURE = 231  # longest that fits a protected answer of 256 bytes with 3DES; AES: 223
_HEADER = 0x6A  # ISO/IEC 9796-2: partial recovery, trailer with or without hash identifier
_TRAILER_SHA1 = 0xBC
_TRAILER_HASHED = 0xCC
_ECDSA_HASHES = ("sha256", "sha1", "sha224", "sha384", "sha512")
_TRAILER_HASHES = {0x33: "sha1", 0x34: "sha256", 0x35: "sha512", 0x36: "sha384", 0x38: "sha224"}


@dataclass(frozen=True)
class AuthenticationResult:
    """How the protocol ended: successful, failed, or undetermined with keys this version cannot use.

    `protocol` is e.g. "AA-ECDSA-SHA256" or "AA-RSA-SHA1"; challenge and signature are the evidence.
    """

    protocol: str
    outcome: Outcome
    detail: str = ""
    challenge: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)


def active_authentication(
    link: Link, dg15: bytes, dg14: bytes | None, random: RandomBytes
) -> AuthenticationResult:
    """Let the chip sign eight fresh random bytes and check with DG15; DG14 names the hash for EC keys.

    Never raises for what the chip says, only what the link raises: CardRemoved, CardSilent,
    SecureMessagingError.
    """
    try:
        key = load_verification_key(parse_dg15(dg15))
    except (CryptoError, MalformedCardData) as error:
        return AuthenticationResult("AA", Outcome.UNDETERMINED, f"DG15: {error.code}")
    challenge = random(CHALLENGE)
    if isinstance(key, rsa.RSAPublicKey):
        response = _internal_authenticate(link, challenge, (key.key_size + 7) // 8)
    elif isinstance(key, ec.EllipticCurvePublicKey | PlainCurveKey):
        response = _internal_authenticate(link, challenge, 2 * ((_bits(key) + 7) // 8))
    else:
        return AuthenticationResult("AA", Outcome.UNDETERMINED, "DG15: key is neither RSA nor EC")
    if not response.ok:
        return AuthenticationResult("AA", Outcome.FAILED, f"chip refused with {response.sw:04X}", challenge)
    if isinstance(key, rsa.RSAPublicKey):
        return _judge_rsa(key, challenge, response.data)
    return _judge_ecdsa(key, _declared_hash(dg14), challenge, response.data)


def recovered_hash(frame: bytes, challenge: bytes) -> str | None:
    """Hash name of a recovered frame 6A M1 H trailer (ISO/IEC 9796-2) that fits the challenge, else None.

    H must be the hash of M1 || challenge; the trailer is BC (SHA-1) or a hash identifier and CC.
    """
    if len(frame) < 3 or frame[0] != _HEADER:
        return None
    trailer = 1 if frame[-1] == _TRAILER_SHA1 else 2
    name = "sha1" if trailer == 1 else _TRAILER_HASHES.get(frame[-2])
    if name is None or (trailer == 2 and frame[-1] != _TRAILER_HASHED):
        return None
    size = hashlib.new(name, usedforsecurity=False).digest_size
    message, digest = frame[1 : -trailer - size], frame[-trailer - size : -trailer]
    if len(frame) < 1 + size + trailer:
        return None
    expected = hashlib.new(name, message + challenge, usedforsecurity=False).digest()
    return name if hmac.compare_digest(expected, digest) else None


def recover_frame(key: rsa.RSAPublicKey, signature: bytes) -> bytes:
    """The frame inside an RSA signature, as long as the key; leading zeros are stripped.

    Signers may send min(s, n - s) (ISO/IEC 9796-2 section 8.2.2): a recovered value that does not end in
    the nibble C is then n minus the frame.
    """
    numbers = key.public_numbers()
    value = pow(int.from_bytes(signature, "big") % numbers.n, numbers.e, numbers.n)
    if value & 0x0F != 0x0C:
        value = numbers.n - value
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _internal_authenticate(link: Link, challenge: bytes, expected: int) -> Response:
    """INTERNAL AUTHENTICATE, with extended length where the signature needs it or the chip says so."""
    extended = expected > _SHORT_SIGNATURE
    command = Command(0x00, Ins.INTERNAL_AUTHENTICATE, 0, 0, challenge, 0, extended)
    response = link.send(command)
    if response.sw >> 8 == 0x61 or response.sw == SW.WRONG_LENGTH:
        other = Command(0x00, Ins.INTERNAL_AUTHENTICATE, 0, 0, challenge, 0, not extended)
        again = link.send(other)
        return again if len(again.data) >= len(response.data) else response
    return response


def _judge_rsa(key: rsa.RSAPublicKey, challenge: bytes, signature: bytes) -> AuthenticationResult:
    frame = recover_frame(key, signature)
    size = (key.key_size + 7) // 8
    full = size - 1 <= len(frame) <= size  # a short frame could be forged with a small exponent
    name = recovered_hash(frame, challenge) if full and len(signature) <= size else None
    if name is None:
        return _failed("AA-RSA", challenge, signature)
    return AuthenticationResult(f"AA-RSA-{name.upper()}", Outcome.SUCCESSFUL, "", challenge, signature)


def _judge_ecdsa(
    key: ec.EllipticCurvePublicKey | PlainCurveKey, declared: str | None, challenge: bytes, signature: bytes
) -> AuthenticationResult:
    """With the declared hash; with any of SHA if none is declared, the one of the key's size first."""
    usual = declared or _hash_for(_bits(key))
    names = (usual,) if declared else (usual, *(name for name in _ECDSA_HASHES if name != usual))
    try:
        forms = _forms(signature)
        fitting = next((n for n in names if any(_verifies(key, form, challenge, n) for form in forms)), "")
    except (CryptoError, LibraryUnsupported):
        protocol = f"AA-ECDSA-{usual.upper()}"
        return AuthenticationResult(protocol, Outcome.UNDETERMINED, "hash not known", challenge, signature)
    if not fitting:
        return _failed(f"AA-ECDSA-{usual.upper()}", challenge, signature)
    protocol = f"AA-ECDSA-{fitting.upper()}"
    return AuthenticationResult(protocol, Outcome.SUCCESSFUL, "", challenge, signature)


def _bits(key: ec.EllipticCurvePublicKey | PlainCurveKey) -> int:
    """Size of the field."""
    return key.curve.p.bit_length() if isinstance(key, PlainCurveKey) else key.key_size


def _failed(protocol: str, challenge: bytes, signature: bytes) -> AuthenticationResult:
    return AuthenticationResult(protocol, Outcome.FAILED, "signature does not verify", challenge, signature)


def _forms(signature: bytes) -> list[bytes]:
    """The signature as DER: from plain r||s, and as it is when it looks like DER."""
    forms = []
    if signature and len(signature) % 2 == 0:
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        forms.append(encode_dss_signature(r, s))
    if signature.startswith(b"\x30"):
        forms.append(signature)
    return forms


def _verifies(
    key: ec.EllipticCurvePublicKey | PlainCurveKey, signature: bytes, data: bytes, name: str
) -> bool:
    try:
        if isinstance(key, PlainCurveKey):
            key.verify(signature, digest(name, data))
        else:
            key.verify(signature, data, ec.ECDSA(hash_object(name)))
    except (InvalidSignature, SignatureInvalid):
        return False
    return True


def _declared_hash(dg14: bytes | None) -> str | None:
    """The hash of ActiveAuthenticationInfo, None if DG14 is absent, broken or silent about it."""
    if dg14 is None:
        return None
    try:
        return parse_dg14(dg14).active_authentication_hash
    except MalformedCardData:
        return None


def _hash_for(bits: int) -> str:
    """Hash by size of the field (BSI TR-03111 section 4.1.3 as chips follow it)."""
    for limit, name in ((224, "sha224"), (256, "sha256"), (384, "sha384")):
        if bits <= limit:
            return name
    return "sha512"
