"""SM2's group by plain integers, and signatures made to fit without a private key.

From any R = s*G + t*P the values r = t - s and e = r - x(R) satisfy the verification equation; so a
digest can be found for any r and s, at the ends of their ranges and outside them.
"""

from kit.sm2_standard import A, B, G, N, P, scalar

Point = tuple[int, int] | None
"""Affine coordinates; None is infinity."""


def point_of(public: bytes) -> Point:
    """Read X||Y."""
    return int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")


def public_of(point: Point) -> bytes:
    """Render X||Y."""
    assert point is not None
    return scalar(point[0]) + scalar(point[1])


def add(left: Point, right: Point) -> Point:
    """Add two points."""
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    if left == right:
        slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def multiply(k: int, point: Point) -> Point:
    """Multiply by k mod n."""
    total: Point = None
    for bit in f"{k % N:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def with_x_from(x: int) -> tuple[int, int]:
    """Find the first point of the curve at or after x."""
    while True:
        square = (x**3 + A * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y
        x += 1


def digest_fitting(public: bytes, r: int, s: int) -> bytes:
    """Find e under which r and s satisfy the equation of GB/T 32918.2 7.1, their ranges aside."""
    total = add(multiply(s, point_of(G)), multiply(r + s, point_of(public)))
    return scalar((r - (total[0] if total else 0)) % N)


def public_fitting(target: Point, s: int, t: int) -> bytes:
    """Find the public key under which s*G + t*P is `target`."""
    minus_s_g = multiply(N - s, point_of(G))
    return public_of(multiply(pow(t, -1, N), add(target, minus_s_g)))
