"""SM2 written out in Python integers, as GB/T 32918 says it: slow, variable in time, an oracle."""

from __future__ import annotations

from kit.sm2_standard import A, B, G, N, P

Point = tuple[int, int] | None
"""Affine; None is infinity."""

GENERATOR: Point = (int.from_bytes(G[:32], "big"), int.from_bytes(G[32:], "big"))


def add(a: Point, b: Point) -> Point:
    """Add two points.  GB/T 32918.1 3.2.3."""
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if a == b else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def multiply(k: int, point: Point = GENERATOR) -> Point:
    """Multiply a point by k >= 0, from the highest bit down."""
    result: Point = None
    for bit in f"{k:b}":
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def is_on_curve(x: int, y: int) -> bool:
    """Check the curve's equation."""
    return (y * y - x * x * x - A * x - B) % P == 0


def sign(d: int, k: int, e: int) -> tuple[int, int] | None:
    """Sign e with nonce k; None where another nonce must be drawn.  GB/T 32918.2 6.1."""
    point = multiply(k)
    assert point is not None
    r = (e + point[0]) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    return None if 0 in (r, s) or r + k == N else (r, s)


def verify(public: Point, e: int, r: int, s: int) -> bool:
    """Verify (r, s) over e.  GB/T 32918.2 7.1."""
    t = (r + s) % N
    if not (1 <= r < N and 1 <= s < N) or t == 0:
        return False
    point = add(multiply(s), multiply(t, public))
    return point is not None and (e + point[0]) % N == r


def encode(point: Point) -> bytes:
    """Render X||Y."""
    assert point is not None
    return point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def decode(octets: bytes) -> Point:
    """Read X||Y."""
    return int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")
