"""The backend of last resort: Python's integers, which are NOT constant-time.

Whoever can time this process, or share its processor, may learn shares and nonces.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import cast

from shiyin_cosign import curve
from shiyin_cosign.arithmetic import integers
from shiyin_cosign.arithmetic.api import Binding, Scalar, Triple
from shiyin_cosign.curve import N
from shiyin_cosign.encoding import hmac_sm3
from shiyin_cosign.errors import Fault, Malformed


class PureScalar:
    """A number in 1..n-1; see `api.Scalar`.  Python cannot zero it, `close` only lets it go."""

    __slots__ = ("_value",)

    def __init__(self, value: int) -> None:
        self._value = value

    def inverse(self) -> PureScalar:
        """Invert mod n."""
        return PureScalar(pow(self._open(), -1, N))

    def times(self, other: Scalar) -> PureScalar:
        """Multiply mod n."""
        return PureScalar(self._open() * _value(other) % N)

    def times_base(self) -> bytes:
        """Compute [x]G."""
        return _finite(integers.encode(integers.multiply(self._open(), integers.GENERATOR)))

    def times_point(self, point: bytes) -> bytes:
        """Compute [x]point."""
        product = integers.multiply(self._open(), integers.decode(point))
        return _finite(integers.encode(product))

    def respond(self, nonce: Scalar, challenge: bytes) -> bytes:
        """Compute nonce + challenge·x mod n, and close the nonce."""
        answer = (_value(nonce) + _number(challenge) * self._open()) % N
        nonce.close()
        return curve.scalar(answer)

    def finish(self, nonce: Scalar, rho: bytes, s3: bytes, r: bytes) -> bytes:
        """Compute rho·nonce + x·s3 - r mod n, and close the nonce."""
        s = (_number(rho) * _value(nonce) + self._open() * _number(s3) - _number(r)) % N
        nonce.close()
        return curve.scalar(s)

    def derive(self, label: bytes) -> bytes:
        """Compute HMAC-SM3 of a label, keyed with the 32 octets of x."""
        return hmac_sm3(curve.scalar(self._open()), label)

    def blinded(self, mask: bytes) -> bytes:
        """Compute x + mask mod n."""
        return curve.scalar((self._open() + _number(mask)) % N)

    def close(self) -> None:
        """Forget x."""
        self._value = 0

    def __repr__(self) -> str:
        return "<PureScalar>"

    def _open(self) -> int:
        if not self._value:
            raise Fault("a closed scalar was used")
        return self._value


class PureCredential:
    """An SM2 key; see `api.Credential`."""

    def __init__(self, secret: int) -> None:
        self._secret = secret
        self._inverse = pow(1 + secret, -1, N)
        self.public = PureScalar(secret).times_base()

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e with a nonce from the system's generator.  GB/T 32918.2 6.1."""
        while True:
            k = 1 + secrets.randbelow(N - 1)
            r = (_number(digest) + _number(PureScalar(k).times_base()[:32])) % N
            s = self._inverse * (k - r * self._secret) % N
            if r and s and r + k != N:
                return curve.scalar(r) + curve.scalar(s)


class PureBackend:
    """SM2 in Python's integers; see `api.Backend`."""

    name = "python"
    is_constant_time = False

    def draw(self) -> PureScalar:
        """Draw a scalar uniformly from 1..n-1."""
        return PureScalar(1 + secrets.randbelow(N - 1))

    def load(self, secret: bytes) -> PureScalar:
        """Take a scalar."""
        if not curve.is_scalar(secret):
            raise Malformed("a scalar lies in 1..n-1")
        return PureScalar(_number(secret))

    def load_blinded(self, blob: bytes, mask: bytes) -> PureScalar:
        """Take blob - mask mod n."""
        return self.load(curve.scalar((_number(blob) - _number(mask)) % N))

    def credential(self, secret: bytes) -> PureCredential:
        """Take a signing key."""
        if not curve.is_scalar(secret) or _number(secret) == N - 1:
            raise Malformed("a private key lies in 1..n-2")
        return PureCredential(_number(secret))

    def is_point(self, point: bytes) -> bool:
        """Tell whether X||Y is a point of the curve."""
        try:
            integers.decode(point)
        except Malformed:
            return False
        return True

    def add(self, left: bytes, right: bytes) -> bytes | None:
        """Add two public points."""
        return integers.encode(integers.add(integers.decode(left), integers.decode(right)))

    def combine(self, z: bytes, c: bytes, point: bytes) -> bytes | None:
        """Compute [z]G - [c]point."""
        minus = integers.negate(integers.decode(point))
        total = integers.sum_of([(_number(z), integers.GENERATOR), (_number(c), minus)])
        return integers.encode(total)

    def bind_many(self, bindings: Sequence[Binding]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for each."""
        return [_bind(*binding) for binding in bindings]

    def verify_digests(self, triples: Sequence[Triple]) -> list[bool]:
        """Verify r||s over e under a public key, for each."""
        return [_verify(*triple) for triple in triples]


def _bind(rho: bytes, q1: bytes, k: bytes) -> bytes | None:
    try:
        product = integers.multiply(_number(rho), integers.decode(q1))
        return integers.encode(integers.add(product, integers.decode(k)))
    except Malformed:
        return None


def _verify(public: bytes, digest: bytes, signature: bytes) -> bool:
    r, s = _number(signature[:32]), _number(signature[32:])
    t = (r + s) % N
    if len(digest) != 32 or len(signature) != 64 or not (0 < r < N and 0 < s < N) or t == 0:
        return False
    try:
        key = integers.decode(public)
    except Malformed:
        return False
    point = integers.encode(integers.sum_of([(s, integers.GENERATOR), (t, key)]))
    return point is not None and (_number(digest) + _number(point[:32])) % N == r


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _value(scalar: Scalar) -> int:
    return cast("PureScalar", scalar)._open()


def _finite(point: bytes | None) -> bytes:
    assert point is not None, "a number in 1..n-1 takes no point of prime order to infinity"
    return point
