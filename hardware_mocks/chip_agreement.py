"""Key agreement as the simulated chip runs it: one face for elliptic curves and for MODP groups.

Doc 9303-11 §4.4.3.3 (mappings), §9.4 (key agreement), table 4 (standardized domain parameters). Group
elements are octets as they travel: uncompressed points, or unsigned integers without leading zeros
(TR-03110-3 D.2.1.1). What the terminal sent is checked wherever it is used.
"""

from collections.abc import Callable
from typing import Protocol

from hardware_mocks import chip_math
from hardware_mocks.chip_apdu import SW, Refusal
from hardware_mocks.chip_groups import MODP, ModpGroup

RandomBytes = Callable[[int], bytes]


class Agreement(Protocol):
    """Domain parameters and what can be computed in them; Refusal 6A80 for octets that are no element."""

    tag: int  # of a public key inside 7F49 (§9.4.4)
    oid_arc: int  # 1 DH, 2 ECDH, as in the identifiers of PACE (generic mapping) and Chip Authentication
    base: bytes
    order: int
    prime: int

    def draw(self, random: RandomBytes) -> int: ...

    def times(self, scalar: int, element: bytes) -> bytes: ...

    def combine(self, left: bytes, right: bytes) -> bytes: ...

    def secret(self, element: bytes) -> bytes: ...

    def integrated(self, number: int) -> bytes: ...


def draw_below(order: int, size: int, random: RandomBytes) -> int:
    """A private key in [1, order-1]: `size` octets, surplus top bits cleared, redrawn when too large."""
    mask = (1 << order.bit_length()) - 1
    while True:
        scalar = int.from_bytes(random(size), "big") & mask
        if 1 <= scalar < order:
            return scalar


class CurveAgreement:
    """ECDH on one curve."""

    tag = 0x86
    oid_arc = 2

    def __init__(self, curve: chip_math.ChipCurve) -> None:
        self.curve = curve
        self.base = chip_math.encode(curve, curve.g)
        self.order, self.prime = curve.n, curve.p

    def draw(self, random: RandomBytes) -> int:
        """A private key."""
        return draw_below(self.order, self.curve.size, random)

    def times(self, scalar: int, element: bytes) -> bytes:
        """scalar · element; Refusal 6300 at the point at infinity."""
        return self._finite(chip_math.multiply(self.curve, scalar, self._point(element)))

    def combine(self, left: bytes, right: bytes) -> bytes:
        """The sum of two points."""
        return self._finite(chip_math.add(self.curve, self._point(left), self._point(right)))

    def secret(self, element: bytes) -> bytes:
        """The shared secret in a shared point: its x-coordinate, as long as the field."""
        return self._point(element)[0].to_bytes(self.curve.size, "big")

    def integrated(self, number: int) -> bytes:
        """Point encoding of integrated mapping (appendix B.2); Refusal 6A80 where p is not 3 modulo 4."""
        curve, p = self.curve, self.curve.p
        alpha = -number * number % p
        if p % 4 != 3 or not (alpha + alpha * alpha) % p:
            raise Refusal(SW.WRONG_DATA)
        x = -curve.b * pow(curve.a, -1, p) * (1 + pow((alpha + alpha * alpha) % p, -1, p)) % p
        h = (x * x * x + curve.a * x + curve.b) % p
        root = pow(h, p - 1 - (p + 1) // 4, p)
        if root * root * h % p == 1:
            return chip_math.encode(curve, (x, root * h % p))
        return chip_math.encode(curve, (alpha * x % p, root * pow(number, 3, p) * h % p))

    def _point(self, octets: bytes) -> chip_math.Point:
        try:
            return chip_math.decode(self.curve, octets)
        except chip_math.NotOnCurve as error:
            raise Refusal(SW.WRONG_DATA) from error

    def _finite(self, point: chip_math.Point | None) -> bytes:
        if point is None:
            raise Refusal(SW.AUTHENTICATION_FAILED)
        return chip_math.encode(self.curve, point)


class ModularAgreement:
    """Diffie-Hellman in one MODP group."""

    tag = 0x84
    oid_arc = 1

    def __init__(self, group: ModpGroup) -> None:
        self.group = group
        self.base = _octets(group.g)
        self.order, self.prime = group.q, group.p

    def draw(self, random: RandomBytes) -> int:
        """A private key, as long as the subgroup's order."""
        return draw_below(self.order, (self.order.bit_length() + 7) // 8, random)

    def times(self, scalar: int, element: bytes) -> bytes:
        """element to the power of scalar; Refusal 6300 at one."""
        return self._proper(pow(self._number(element), scalar, self.prime))

    def combine(self, left: bytes, right: bytes) -> bytes:
        """The product of two elements."""
        return self._proper(self._number(left) * self._number(right) % self.prime)

    def secret(self, element: bytes) -> bytes:
        """The shared secret: the shared element, as long as the prime."""
        return self._number(element).to_bytes(self.group.size, "big")

    def integrated(self, number: int) -> bytes:
        """The generator of integrated mapping: number to the power of the cofactor (appendix B.1)."""
        return self._proper(pow(number, (self.prime - 1) // self.order, self.prime))

    def _number(self, octets: bytes) -> int:
        number = int.from_bytes(octets, "big")
        if len(octets) > self.group.size or not 1 < number < self.prime - 1:
            raise Refusal(SW.WRONG_DATA)
        if pow(number, self.order, self.prime) != 1:
            raise Refusal(SW.WRONG_DATA)
        return number

    @staticmethod
    def _proper(number: int) -> bytes:
        if number == 1:
            raise Refusal(SW.AUTHENTICATION_FAILED)
        return _octets(number)


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


# Doc 9303-11 table 4: every identifier that is not reserved.
AGREEMENTS: dict[int, Agreement] = {
    **{number: ModularAgreement(group) for number, group in MODP.items()},
    **{number: CurveAgreement(curve) for number, curve in chip_math.PARAMETERS.items()},
}
