"""Groups that PACE runs in, elliptic curve or finite field, behind one face (Doc 9303-11 section 9.5.1).

Owns the operations of the protocol and of its mappings. Elements are bytes as they travel: 04 || X || Y for a
point, the unsigned integer without leading zeros for a number. Every operation checks the elements it is
given: on the curve or in the subgroup, never the identity. Where the library knows the curve its code
multiplies (`crypto.point_multiples` says why); own arithmetic does the brainpool curves that it lacks.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from crypto.ecmath import CURVES, STANDARDIZED, Curve, Point, add, decode_point, encode_point, multiply
from crypto.errors import MalformedData, UnsupportedAlgorithm
from crypto.modp import MODP_GROUPS, ModpGroup, check_member
from crypto.point_multiples import base_multiple, multiple, x_of_multiple
from crypto.primitives import Cipher, RandomBytes, encrypt_cbc

_SURPLUS = 8  # random bytes beyond the order: the bias becomes negligible (FIPS 186-5 A.2.1)
# Doc 9303-11 section 4.4.3.3.1 constants c0 and c1 of the pseudo-random function, by block of output
_CONSTANTS: Mapping[int, tuple[bytes, bytes]] = MappingProxyType(
    {
        16: (
            bytes.fromhex("a668892a7c41e3ca739f40b057d85904"),
            bytes.fromhex("a4e136ac725f738b01c1f60217c188ad"),
        ),
        32: (
            bytes.fromhex("d463d65234124ef7897054986dca0a174e28df758cbaa03f240616414d5a1676"),
            bytes.fromhex("54bd7255f0aaf831bec3423fcf39d69b6cbf066677d0faae5aadd99df8e53517"),
        ),
    }
)


class Domain(Protocol):
    """A group of prime order with its generator."""

    @property
    def name(self) -> str:
        """Curve or group name."""

    @property
    def kind(self) -> str:
        """ECDH or DH."""

    @property
    def strength(self) -> int:
        """Security in bits, as NIST SP 800-57 part 1 table 2 compares groups."""

    @property
    def generator(self) -> bytes:
        """The standard generator."""

    def private_key(self, random: RandomBytes) -> int:
        """Uniform in 1 .. order - 1."""

    def power(self, scalar: int, element: bytes) -> bytes:
        """The element taken `scalar` times; MalformedData for a foreign element or the identity."""

    def combine(self, first: bytes, second: bytes) -> bytes:
        """Sum of points or product of numbers; MalformedData for foreign elements or the identity."""

    def secret(self, scalar: int, element: bytes) -> bytes:
        """What a key agreement gives to the KDF: x, or the number, in the full length of the field."""

    def integrated(self, value: int) -> bytes:
        """The element that the integrated mapping makes of the pseudo-random field element."""

    def generic(self, nonce: int, private: int, element: bytes) -> Callable[[int], bytes]:
        """The generic mapping (Doc 9303-11 section 4.4.3.3): gives multiples of the mapped generator.

        The generator is `nonce` times the standard one and `private` times `element`, combined. The function
        raises MalformedData for a foreign element, and where the generator would be the identity.
        """

    @property
    def modulus(self) -> int:
        """The prime p of the field."""


@dataclass(frozen=True)
class EcDomain:
    """A curve."""

    curve: Curve
    kind: str = "ECDH"

    @property
    def name(self) -> str:
        """The curve's name."""
        return self.curve.name

    @property
    def strength(self) -> int:
        """Half the bits of the order."""
        return self.curve.n.bit_length() // 2

    @property
    def modulus(self) -> int:
        """The prime of the field."""
        return self.curve.p

    @property
    def generator(self) -> bytes:
        """The base point."""
        return encode_point(self.curve, self.curve.generator)

    def private_key(self, random: RandomBytes) -> int:
        """Uniform in 1 .. n - 1."""
        return _scalar(random, self.curve.size, self.curve.n)

    def power(self, scalar: int, element: bytes) -> bytes:
        """A multiple of the point."""
        point = decode_point(self.curve, element)
        result = multiple(self.curve, scalar % self.curve.n, point)
        return self._finite(result if result is not None else multiply(self.curve, scalar, point))

    def combine(self, first: bytes, second: bytes) -> bytes:
        """The sum of two points."""
        points = decode_point(self.curve, first), decode_point(self.curve, second)
        return self._finite(add(self.curve, *points))

    def secret(self, scalar: int, element: bytes) -> bytes:
        """x of the multiple, as long as the field."""
        point = decode_point(self.curve, element)
        x = x_of_multiple(self.curve, scalar % self.curve.n, point)
        if x is None:
            return self.power(scalar, element)[1 : 1 + self.curve.size]
        return x.to_bytes(self.curve.size, "big")

    def integrated(self, value: int) -> bytes:
        """Point encoding for the integrated mapping (Doc 9303-11 section 4.4.3.3.2, appendix H.1)."""
        return encode_point(self.curve, encode_to_point(self.curve, value))

    def generic(self, nonce: int, private: int, element: bytes) -> Callable[[int], bytes]:
        """Multiples of G' = sG + kP: x G' = (xs)G + (xk)P, so G' itself, which is secret, is never made.

        Two multiplications in the library and one addition of points here.
        """
        point, n = decode_point(self.curve, element), self.curve.n

        def public(scalar: int) -> bytes:
            first = base_multiple(self.curve, scalar * nonce % n)
            second = multiple(self.curve, scalar * private % n, point)
            if first is None or second is None:  # a curve that the library lacks, or a scalar without use
                mapped = self.combine(self.power(nonce, self.generator), self.power(private, element))
                return self.power(scalar, mapped)
            return self._finite(add(self.curve, first, second))

        return public

    def _finite(self, point: Point | None) -> bytes:
        if point is None:
            raise MalformedData(f"point at infinity of {self.name}")
        return encode_point(self.curve, point)


@dataclass(frozen=True)
class DhDomain:
    """A subgroup modulo a prime."""

    group: ModpGroup
    kind: str = "DH"

    @property
    def name(self) -> str:
        """The group's name."""
        return self.group.name

    @property
    def strength(self) -> int:
        """80 bits for a prime of 1024 bits, 112 for 2048."""
        return 80 if self.group.p.bit_length() < 2048 else 112

    @property
    def modulus(self) -> int:
        """The prime of the field."""
        return self.group.p

    @property
    def generator(self) -> bytes:
        """g."""
        return _octets(self.group.g)

    def private_key(self, random: RandomBytes) -> int:
        """Uniform in 1 .. q - 1."""
        return _scalar(random, (self.group.q.bit_length() + 7) // 8, self.group.q)

    def power(self, scalar: int, element: bytes) -> bytes:
        """element ^ scalar."""
        return self._proper(pow(self._decode(element), scalar % self.group.q, self.group.p))

    def combine(self, first: bytes, second: bytes) -> bytes:
        """The product of two numbers."""
        return self._proper(self._decode(first) * self._decode(second) % self.group.p)

    def secret(self, scalar: int, element: bytes) -> bytes:
        """element ^ scalar, as long as p."""
        return self.power(scalar, element).rjust(self.group.size, b"\x00")

    def integrated(self, value: int) -> bytes:
        """value ^ ((p - 1) / q), which lies in the subgroup (Doc 9303-11 section 4.4.3.3.2)."""
        return self._proper(pow(value, (self.group.p - 1) // self.group.q, self.group.p))

    def generic(self, nonce: int, private: int, element: bytes) -> Callable[[int], bytes]:
        """Powers of g' = g^s h, h being element ^ private."""
        mapped = self.combine(self.power(nonce, self.generator), self.power(private, element))
        return lambda scalar: self.power(scalar, mapped)

    def _decode(self, element: bytes) -> int:
        if not 0 < len(element) <= self.group.size + 1:  # one zero byte in front is met
            raise MalformedData(f"number of {len(element)} bytes for {self.name}")
        value = int.from_bytes(element, "big")
        return value if value == self.group.g else check_member(self.group, value)

    def _proper(self, value: int) -> bytes:
        if value in (0, 1):
            raise MalformedData(f"identity of {self.name}")
        return _octets(value)


DOMAINS: Mapping[int, Domain] = MappingProxyType(
    {
        **{number: DhDomain(group) for number, group in MODP_GROUPS.items()},
        **{number: EcDomain(CURVES[name]) for number, name in STANDARDIZED.items()},
    }
)
"""Standardised domain parameters by id: 0 to 2 and 8 to 18 (Doc 9303-11 section 9.5.1), others reserved."""


def same_element(first: bytes, second: bytes) -> bool:
    """Whether two encodings are one element, in constant time; zero bytes in front do not count."""
    size = max(len(first), len(second))
    return hmac.compare_digest(first.rjust(size, b"\x00"), second.rjust(size, b"\x00"))


def pseudo_random(cipher: Cipher, nonce: bytes, key: bytes, modulus: int) -> int:
    """R_p(s, t): field element from the chip's nonce s and our nonce t (Doc 9303-11 section 4.4.3.3.1).

    MalformedData unless s has one block of 16 bytes (3DES, AES-128) or 32 (AES-192, AES-256).
    """
    block = 16 if cipher.key_length == 16 else 32
    if len(nonce) != block or len(key) != cipher.key_length:
        raise MalformedData(f"nonces of {len(nonce)} and {len(key)} bytes for {cipher.label}")
    c0, c1 = _CONSTANTS[block]
    iv = bytes(cipher.block_size)
    state = encrypt_cbc(cipher, key, iv, nonce)[: cipher.key_length]
    output = b""
    while 8 * len(output) < modulus.bit_length() + 64:
        output += encrypt_cbc(cipher, state, iv, c1)
        state = encrypt_cbc(cipher, state, iv, c0)[: cipher.key_length]
    return int.from_bytes(output, "big") % modulus


def encode_to_point(curve: Curve, value: int) -> Point:
    """Simplified Shallue-Woestijne-Ulas for p = 3 mod 4 (Doc 9303-11 section 4.4.3.3.2, appendix H.1).

    UnsupportedAlgorithm for other primes (P-224), MalformedData for the three values without an image.
    """
    p, a, b = curve.p, curve.a, curve.b
    if p % 4 != 3:
        raise UnsupportedAlgorithm(f"integrated mapping on {curve.name}")
    alpha = -value * value % p
    denominator = (alpha + alpha * alpha) % p
    if denominator == 0:
        raise MalformedData("no point for this value")
    x2 = -b * pow(a, -1, p) * (1 + pow(denominator, -1, p)) % p
    x3 = alpha * x2 % p
    h2 = (x2 * x2 * x2 + a * x2 + b) % p
    u = value * value * value * h2 % p
    root = pow(h2, p - 1 - (p + 1) // 4, p)
    if root * root * h2 % p == 1:
        return x2, root * h2 % p
    return x3, root * u % p


def _scalar(random: RandomBytes, size: int, order: int) -> int:
    return int.from_bytes(random(size + _SURPLUS), "big") % (order - 1) + 1


def _octets(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
