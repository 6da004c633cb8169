"""Multiples of points by the cryptography library alone (SEC 1 section 3.3; BSI TR-03111 section 4.3.1).

Owns the way around a library that hides its points. A multiple of the base point is the public key that the
library derives from the scalar. Of a multiple of another point its ECDH gives x; the library itself finds y
when it decompresses x, and the sign of y shows in one more ECDH: x(kP + P) and x(-kP + P) differ.

Why all this: PACE multiplies secrets (the ephemeral keys, and the nonce, which is as good as the password),
and big integers of Python take time that depends on their values. The library's ladders do not. Here secret
scalars are only added and multiplied modulo n before they go in; what comes out are points, and most of them
travel in clear anyway.
"""

from __future__ import annotations

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from crypto.ecmath import Curve, Point


@cache
def library_curve(oid: str) -> ec.EllipticCurve | None:
    """The library's curve of that object identifier, None if it has none."""
    try:
        return ec.get_curve_for_oid(x509.ObjectIdentifier(oid))()
    except LookupError:
        return None


def base_multiple(curve: Curve, scalar: int) -> Point | None:
    """scalar * G; None if the library lacks the curve or the scalar is not in 1..n-1."""
    known = library_curve(curve.oid)
    if known is None or not 0 < scalar < curve.n:
        return None
    numbers = ec.derive_private_key(scalar, known).public_key().public_numbers()
    return numbers.x, numbers.y


def x_of_multiple(curve: Curve, scalar: int, point: Point) -> int | None:
    """x of scalar * point for a point of the curve; None as `base_multiple`."""
    known = library_curve(curve.oid)
    if known is None or not 0 < scalar < curve.n:
        return None
    return _x(known, scalar, ec.EllipticCurvePublicNumbers(*point, known).public_key())


def multiple(curve: Curve, scalar: int, point: Point) -> Point | None:
    """scalar * point for a point of the curve; None without the curve or for a scalar not in 2..n-2."""
    known = library_curve(curve.oid)
    if known is None or not 1 < scalar < curve.n - 1:
        return None
    if point == curve.generator:
        return base_multiple(curve, scalar)
    public = ec.EllipticCurvePublicNumbers(*point, known).public_key()
    x, following = _x(known, scalar, public), _x(known, scalar + 1, public)
    compressed = b"\x02" + x.to_bytes(curve.size, "big")
    y = ec.EllipticCurvePublicKey.from_encoded_point(known, compressed).public_numbers().y
    return x, y if _follows(curve, (x, y), point, following) else curve.p - y


def _x(known: ec.EllipticCurve, scalar: int, public: ec.EllipticCurvePublicKey) -> int:
    shared = ec.derive_private_key(scalar, known).exchange(ec.ECDH(), public)
    return int.from_bytes(shared, "big")


def _follows(curve: Curve, first: Point, second: Point, x: int) -> bool:
    """Whether x belongs to the sum of two points with different x: the chord's equation without division."""
    across, up = first[0] - second[0], first[1] - second[1]
    return (up * up - (x + first[0] + second[0]) * across * across) % curve.p == 0
