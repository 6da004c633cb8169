"""PACE with generic mapping over elliptic curves (Doc 9303-11 section 4.4, BSI TR-03110-3 A.3, B.1).

Owns the choice among what a chip offers and the four steps of the protocol. Integrated mapping, chip
authentication mapping and finite-field Diffie-Hellman are recognised and refused with
CARD_PROTOCOL_UNSUPPORTED.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from card_io.apdu import CHAINED, SW, Command, Ins, Link, expect
from card_io.emrtd.bac import is_refusal, tries_left
from card_io.errors import (
    AccessDenied,
    MalformedCardData,
    ProtocolUnsupported,
    SecureMessagingError,
)
from card_io.lds.security_infos import ID_PACE, PaceInfo, oid_der
from card_io.secure_messaging import SecureMessaging
from card_io.tlv import Tlv
from crypto.ecmath import CURVES, STANDARDIZED, Curve, Point, add, decode_point, encode_point, multiply
from crypto.errors import MalformedData
from crypto.primitives import (
    COUNTER_ENCRYPTION,
    COUNTER_MAC,
    COUNTER_PASSWORD,
    Cipher,
    RandomBytes,
    decrypt_cbc,
    kdf,
    mac8,
    pad,
)

_ECDH_GENERIC = f"{ID_PACE}.2"
_CIPHERS = {1: Cipher.TDES, 2: Cipher.AES128, 3: Cipher.AES192, 4: Cipher.AES256}
_VERSION = 2
_DYNAMIC = 0x7C  # dynamic authentication data
_PUBLIC_KEY, _EC_POINT = 0x7F49, 0x86
_MAX_NONCE = 64


@dataclass(frozen=True)
class Password:
    """A PACE password: its reference (1 MRZ, 2 CAN; TR-03110-3 table 14) and f(pi), the input of the KDF."""

    reference: int
    secret: bytes = field(repr=False)

    @classmethod
    def mrz(cls, mrz_information: bytes) -> Password:
        """All twenty bytes of SHA-1 over MRZ_information."""
        return cls(1, hashlib.sha1(mrz_information, usedforsecurity=False).digest())

    @classmethod
    def can(cls, can: str) -> Password:
        """The digits themselves."""
        return cls(2, can.encode("ascii"))


@dataclass(frozen=True)
class Suite:
    """One PACE protocol this terminal speaks, with its domain parameters."""

    oid: str
    parameter_id: int
    cipher: Cipher
    curve: Curve

    @property
    def name(self) -> str:
        """E.g. PACE-ECDH-GM-AES-128."""
        return f"PACE-ECDH-GM-{self.cipher.label}"


def choose(infos: Iterable[PaceInfo]) -> Suite:
    """The first suite offered that we speak, AES before 3DES; ProtocolUnsupported if there is none."""
    suites = [suite for info in infos if (suite := _suite(info)) is not None]
    if not suites:
        raise ProtocolUnsupported("chip offers no PACE with generic mapping on a known curve")
    return min(suites, key=lambda suite: suite.cipher is Cipher.TDES)


def pace(link: Link, suite: Suite, password: Password, random: RandomBytes) -> SecureMessaging:
    """The session after PACE, counter zero.

    AccessDenied when the chip refuses the password; SecureMessagingError when the chip does not prove that
    it knows it; ProtocolUnsupported, StatusError or MalformedCardData when the protocol does not get that
    far.
    """
    _select_protocol(link, suite, password)
    nonce = _nonce(link, suite, password)
    try:
        generator = _map_nonce(link, suite.curve, nonce, random)
        own, other, secret = _agree(link, suite.curve, generator, random)
    except MalformedData as error:
        raise MalformedCardData(f"PACE: {error.detail}") from error
    encryption = kdf(secret, COUNTER_ENCRYPTION, suite.cipher)
    mac = kdf(secret, COUNTER_MAC, suite.cipher)
    _exchange_tokens(link, suite, mac, own, other)
    return SecureMessaging(link, suite.cipher, encryption, mac)


def _suite(info: PaceInfo) -> Suite | None:
    branch, _, cipher = info.oid.rpartition(".")
    curve = STANDARDIZED.get(-1 if info.parameter_id is None else info.parameter_id)
    known = branch == _ECDH_GENERIC and int(cipher) in _CIPHERS and info.version == _VERSION
    if not known or curve is None or info.parameter_id is None:
        return None
    return Suite(info.oid, info.parameter_id, _CIPHERS[int(cipher)], CURVES[curve])


def _select_protocol(link: Link, suite: Suite, password: Password) -> None:
    """MSE:Set AT; the parameter id is always sent, older Ukrainian chips insist on it."""
    data = (
        Tlv.of(0x80, Tlv(oid_der(suite.oid)).value)
        + Tlv.of(0x83, bytes([password.reference]))
        + Tlv.of(0x84, bytes([suite.parameter_id]))
    )
    response = link.send(Command(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, data))
    if response.ok or response.sw >> 4 == 0x63C:  # tries left, for passwords that count them
        return
    if response.sw in (SW.AUTHENTICATION_BLOCKED, SW.REFERENCE_DATA_UNUSABLE, 0x6283):
        raise AccessDenied(f"PACE password is blocked, status {response.sw:04X}", tries_left=0)
    raise ProtocolUnsupported(f"chip refuses its own PACE parameters with status {response.sw:04X}")


def _nonce(link: Link, suite: Suite, password: Password) -> int:
    """Step 1: the nonce s, decrypted with the password key."""
    encrypted = _authenticate(link, b"", 0x80)
    if not encrypted or len(encrypted) > _MAX_NONCE or len(encrypted) % suite.cipher.block_size:
        raise MalformedCardData("PACE nonce is not made of cipher blocks")
    key = kdf(password.secret, COUNTER_PASSWORD, suite.cipher)
    iv = bytes(suite.cipher.block_size)
    return int.from_bytes(decrypt_cbc(suite.cipher, key, iv, encrypted), "big")


def _map_nonce(link: Link, curve: Curve, nonce: int, random: RandomBytes) -> Point:
    """Step 2, generic mapping: G' = s*G + H (TR-03110-3 A.3.4.1)."""
    private = _private_key(curve, random)
    public = _finite(multiply(curve, private))
    answer = _authenticate(link, Tlv.of(0x81, encode_point(curve, public)), 0x82)
    shared = multiply(curve, private, decode_point(curve, answer))
    return _finite(add(curve, multiply(curve, nonce), shared))


def _agree(link: Link, curve: Curve, generator: Point, random: RandomBytes) -> tuple[bytes, bytes, bytes]:
    """Step 3 on the mapped generator: our public point, the chip's, and x of the shared one."""
    private = _private_key(curve, random)
    own = encode_point(curve, _finite(multiply(curve, private, generator)))
    other = _authenticate(link, Tlv.of(0x83, own), 0x84)
    shared = _finite(multiply(curve, private, decode_point(curve, other)))
    if hmac.compare_digest(own, other):
        raise SecureMessagingError("chip sent our own PACE key back")
    return own, other, shared[0].to_bytes(curve.size, "big")


def _exchange_tokens(link: Link, suite: Suite, mac: bytes, own: bytes, other: bytes) -> None:
    """Step 4: each side MACs the other's public point."""
    answer = _authenticate(link, Tlv.of(0x85, _token(suite, mac, other)), 0x86, last=True)
    if not hmac.compare_digest(_token(suite, mac, own), answer):
        raise SecureMessagingError("chip does not prove that it knows the PACE password")


def _token(suite: Suite, mac: bytes, point: bytes) -> bytes:
    content = Tlv.of(_PUBLIC_KEY, [oid_der(suite.oid), Tlv.of(_EC_POINT, point)])
    return mac8(suite.cipher, mac, pad(content, 8) if suite.cipher is Cipher.TDES else content)


def _authenticate(link: Link, data: bytes, tag: int, *, last: bool = False) -> bytes:
    """One GENERAL AUTHENTICATE of the chain; the value of the object `tag` in the answer."""
    cla = 0x00 if last else CHAINED
    command = Command(cla, Ins.GENERAL_AUTHENTICATE, 0, 0, Tlv.of(_DYNAMIC, data), 0)
    response = link.send(command)
    if response.sw >> 8 == SW.AUTHENTICATION_FAILED >> 8 or (last and is_refusal(response.sw)):
        raise AccessDenied(
            f"PACE password refused with status {response.sw:04X}", tries_left=tries_left(response.sw)
        )
    answer = Tlv(expect(response, command).data)
    if answer.tag != _DYNAMIC:
        raise MalformedCardData("PACE answer is not dynamic authentication data")
    return answer.require(tag).value


def _private_key(curve: Curve, random: RandomBytes) -> int:
    """Uniform in 1..n-1: eight bytes more than needed make the bias negligible (FIPS 186-5 A.2.1)."""
    return int.from_bytes(random(curve.size + 8), "big") % (curve.n - 1) + 1


def _finite(point: Point | None) -> Point:
    if point is None:
        raise MalformedCardData("PACE reached the point at infinity")
    return point
