"""The curve in Python's integers: Jacobian coordinates, variable in time.  GB/T 32918.1 clause 3.

A point is (X, Y, Z) with x = X/Z², y = Y/Z³; infinity has Z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from shiyin_cosign import curve
from shiyin_cosign.curve import A, B, N, P
from shiyin_cosign.errors import Malformed

Jacobian = tuple[int, int, int]

INFINITY: Jacobian = (1, 1, 0)
GENERATOR: Jacobian = (curve.GX, curve.GY, 1)
_WINDOW = 4


def decode(octets: bytes) -> Jacobian:
    """Read X||Y.  Raises Malformed for no point of the curve."""
    if len(octets) != curve.POINT_OCTETS:
        raise Malformed("a point has 64 octets")
    x, y = int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")
    if x >= P or y >= P or (y * y - x * x * x - A * x - B) % P:
        raise Malformed("not a point of the curve")
    return x, y, 1


def encode(point: Jacobian) -> bytes | None:
    """Render X||Y; None for infinity."""
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return curve.point(x * square % P, y * square * inverse % P)


def double(point: Jacobian) -> Jacobian:
    """Double a point, with a = -3."""
    x, y, z = point
    square = y * y % P
    z2 = z * z % P
    slope = 3 * (x - z2) * (x + z2) % P
    middle = 4 * x * square % P
    new_x = (slope * slope - 2 * middle) % P
    new_y = (slope * (middle - new_x) - 8 * square * square) % P
    return new_x, new_y, 2 * y * z % P


def add(left: Jacobian, right: Jacobian) -> Jacobian:
    """Add two points, whatever they are."""
    x1, y1, z1 = left
    x2, y2, z2 = right
    if z1 == 0 or z2 == 0:
        return right if z1 == 0 else left
    z1z1, z2z2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2z2 % P, x2 * z1z1 % P
    s1, s2 = y1 * z2 * z2z2 % P, y2 * z1 * z1z1 % P
    h, slope = (u2 - u1) % P, (s2 - s1) % P
    if h == 0:
        return double(left) if slope == 0 else INFINITY
    h2 = h * h % P
    h3, middle = h * h2 % P, u1 * h2 % P
    x3 = (slope * slope - h3 - 2 * middle) % P
    return x3, (slope * (middle - x3) - s1 * h3) % P, h * z1 * z2 % P


def negate(point: Jacobian) -> Jacobian:
    """Mirror a point."""
    x, y, z = point
    return x, -y % P, z


def multiply(number: int, point: Jacobian) -> Jacobian:
    """Multiply a point by a number of 0 or more."""
    return sum_of([(number, point)])


def sum_of(terms: Sequence[tuple[int, Jacobian]]) -> Jacobian:
    """Add up numbers times points, doubling for all of them at once."""
    tables = [(number % N, _multiples(point)) for number, point in terms]
    bits = max(number.bit_length() for number, _ in tables)
    total = INFINITY
    for low in range(bits - bits % _WINDOW, -1, -_WINDOW):
        if total[2]:
            for _ in range(_WINDOW):
                total = double(total)
        for number, table in tables:
            digit = number >> low & (1 << _WINDOW) - 1
            if digit:
                total = add(total, table[digit])
    return total


def _multiples(point: Jacobian) -> list[Jacobian]:
    table = [INFINITY, point]
    while len(table) < 1 << _WINDOW:
        table.append(add(table[-1], point))
    return table
