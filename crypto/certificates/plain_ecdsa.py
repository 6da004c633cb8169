"""ECDSA verification on the curves that the library leaves out (brainpoolP192r1, P224r1, P320r1).

Public values only, so the arithmetic need not be constant time (FIPS 186-5 6.4.2, RFC 5639).
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import algos

from crypto.certificates.asn1 import load, outside_bytes
from crypto.ecmath import Curve, Point, add, multiply
from crypto.errors import MalformedData, SignatureInvalid


@dataclass(frozen=True)
class PlainCurveKey:
    """A public point on one of our curves; it is checked to be on the curve when it is decoded."""

    curve: Curve
    point: Point

    def verify(self, signature: bytes, hashed: bytes) -> None:
        """Raises SignatureInvalid unless a DER ECDSA signature fits the hash value."""
        try:
            with outside_bytes("ECDSA signature"):
                parsed = load(algos.DSASignature, signature, "ECDSA signature")
                r, s = parsed["r"].native, parsed["s"].native
        except MalformedData as error:
            raise SignatureInvalid("ecdsa") from error
        if not self._fits(r, s, hashed):
            raise SignatureInvalid("ecdsa")

    def _fits(self, r: int, s: int, hashed: bytes) -> bool:
        n = self.curve.n
        if not (0 < r < n and 0 < s < n):
            return False
        number = int.from_bytes(hashed, "big") >> max(0, 8 * len(hashed) - n.bit_length())
        inverse = pow(s, -1, n)
        found = add(
            self.curve,
            multiply(self.curve, number * inverse % n),
            multiply(self.curve, r * inverse % n, self.point),
        )
        return found is not None and found[0] % n == r
