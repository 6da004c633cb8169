"""The simulated chip's own elliptic-curve arithmetic: curves of Doc 9303-11 table 4 and point operations.

PACE's mapping (Doc 9303-11 §4.4.3.3) needs points, which the library hides. The chip has its own code so
that terminal and chip agree only where the standard does. Affine points in and out, Jacobian inside; not
constant-time: these are laboratory cards.
"""

from cryptography.hazmat.primitives.asymmetric import ec

from hardware_mocks.chip_curves import P256, PARAMETERS, ChipCurve, Point

__all__ = [
    "P256",
    "PARAMETERS",
    "ChipCurve",
    "NotOnCurve",
    "Point",
    "add",
    "decode",
    "encode",
    "is_on_curve",
    "multiply",
    "p256_key",
]

_Jacobian = tuple[int, int, int]
_INFINITY: _Jacobian = (1, 1, 0)


class NotOnCurve(ValueError):
    """The octets are not the uncompressed encoding of a finite point of the curve."""


def _double(point: _Jacobian, curve: ChipCurve) -> _Jacobian:
    x, y, z = point
    if not z or not y:
        return _INFINITY
    p = curve.p
    yy = y * y % p
    s = 4 * x * yy % p
    zz = z * z % p
    m = (3 * x * x + curve.a * zz * zz) % p
    x3 = (m * m - 2 * s) % p
    return x3, (m * (s - x3) - 8 * yy * yy) % p, 2 * y * z % p


def _add(left: _Jacobian, right: _Jacobian, curve: ChipCurve) -> _Jacobian:
    if not left[2]:
        return right
    if not right[2]:
        return left
    p = curve.p
    x1, y1, z1 = left
    x2, y2, z2 = right
    zz1, zz2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * zz2 % p, x2 * zz1 % p
    s1, s2 = y1 * zz2 * z2 % p, y2 * zz1 * z1 % p
    h, r = (u2 - u1) % p, (s2 - s1) % p
    if not h:
        return _INFINITY if r else _double(left, curve)
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - s1 * hhh) % p, h * z1 * z2 % p


def _affine(point: _Jacobian, curve: ChipCurve) -> Point | None:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, curve.p)
    square = inverse * inverse % curve.p
    return x * square % curve.p, y * square * inverse % curve.p


def multiply(curve: ChipCurve, scalar: int, point: Point) -> Point | None:
    """scalar · point by 4-bit windows; None is the point at infinity."""
    table = [_INFINITY, (*point, 1)]
    for _ in range(14):
        table.append(_add(table[-1], table[1], curve))
    result = _INFINITY
    scalar %= curve.n
    for shift in range((scalar.bit_length() + 3) // 4 * 4 - 4, -1, -4):
        for _ in range(4):
            result = _double(result, curve)
        result = _add(result, table[scalar >> shift & 15], curve)
    return _affine(result, curve)


def add(curve: ChipCurve, left: Point | None, right: Point | None) -> Point | None:
    """left + right; None is the point at infinity."""
    jacobian = [(*point, 1) if point else _INFINITY for point in (left, right)]
    return _affine(_add(jacobian[0], jacobian[1], curve), curve)


def is_on_curve(curve: ChipCurve, point: Point) -> bool:
    x, y = point
    if not (0 <= x < curve.p and 0 <= y < curve.p):
        return False
    return (y * y - (x * x * x + curve.a * x + curve.b)) % curve.p == 0


def encode(curve: ChipCurve, point: Point) -> bytes:
    """Uncompressed octets 04‖X‖Y (TR-03111 §3.2.1)."""
    return b"\x04" + point[0].to_bytes(curve.size, "big") + point[1].to_bytes(curve.size, "big")


def decode(curve: ChipCurve, octets: bytes) -> Point:
    """Point of uncompressed octets; NotOnCurve for anything else."""
    if len(octets) != 1 + 2 * curve.size or octets[0] != 4:
        raise NotOnCurve
    point = int.from_bytes(octets[1 : 1 + curve.size], "big"), int.from_bytes(octets[1 + curve.size :], "big")
    if not is_on_curve(curve, point):
        raise NotOnCurve
    return point


def p256_key(scalar: int) -> ec.EllipticCurvePrivateKey:
    """The library's P-256 key of a scalar (Active Authentication signs with it)."""
    return ec.derive_private_key(scalar, ec.SECP256R1())
