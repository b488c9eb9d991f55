"""The backend on OpenSSL: constant in time as far as OpenSSL's own arithmetic is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Binding, Scalar, Triple
from shiyin_cosign.arithmetic.bignum import Bignum, Sm2, sm2
from shiyin_cosign.curve import N
from shiyin_cosign.encoding import hmac_sm3
from shiyin_cosign.errors import Malformed


class OpensslScalar:
    """A number in 1..n-1 inside OpenSSL; see `api.Scalar`."""

    __slots__ = ("_x",)

    def __init__(self, number: Bignum) -> None:
        self._x = number

    def inverse(self) -> OpensslScalar:
        """Invert mod n."""
        return OpensslScalar(sm2().invert(self._x))

    def times(self, other: Scalar) -> OpensslScalar:
        """Multiply mod n."""
        return OpensslScalar(sm2().multiply(self._x, _number(other)))

    def times_base(self) -> bytes:
        """Compute [x]G."""
        workshop = sm2()
        return _finite(workshop.encoded(workshop.product(self._x, None, None)))

    def times_point(self, point: bytes) -> bytes:
        """Compute [x]point."""
        workshop = sm2()
        with workshop.decoded(point) as handle:
            return _finite(workshop.encoded(workshop.product(None, handle, self._x)))

    def respond(self, nonce: Scalar, challenge: bytes) -> bytes:
        """Compute nonce + challenge·x mod n, and close the nonce."""
        workshop = sm2()
        product = workshop.multiply(Bignum.of(challenge), self._x)
        answer = workshop.add(_number(nonce), product).octets()
        nonce.close()
        return answer

    def finish(self, nonce: Scalar, rho: bytes, s3: bytes, r: bytes) -> bytes:
        """Compute rho·nonce + x·s3 - r mod n, and close the nonce."""
        workshop = sm2()
        left = workshop.multiply(Bignum.of(rho, is_secret=False), _number(nonce))
        right = workshop.multiply(self._x, Bignum.of(s3, is_secret=False))
        total = workshop.add(left, right)
        s = workshop.subtract(total, Bignum.of(r, is_secret=False)).octets()
        nonce.close()
        return s

    def derive(self, label: bytes) -> bytes:
        """Compute HMAC-SM3 of a label, keyed with the 32 octets of x."""
        return hmac_sm3(self._x.octets(), label)

    def blinded(self, mask: bytes) -> bytes:
        """Compute x + mask mod n."""
        return sm2().add(self._x, Bignum.of(mask)).octets()

    def close(self) -> None:
        """Zero x."""
        self._x.close()

    def __repr__(self) -> str:
        return "<OpensslScalar>"


class OpensslCredential:
    """An SM2 key; see `api.Credential`."""

    def __init__(self, secret: bytes) -> None:
        workshop = sm2()
        self._d = Bignum.of(secret)
        one = Bignum.of(b"\1", is_secret=False)
        self._inverse = workshop.invert(workshop.add(self._d, one))
        self.public = OpensslScalar(self._d).times_base()

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e with a nonce from OpenSSL's private generator.  GB/T 32918.2 6.1."""
        workshop = sm2()
        while True:
            k = workshop.random()
            x = OpensslScalar(k).times_base()[: curve.SCALAR_OCTETS]
            r = curve.scalar((_integer(digest) + _integer(x)) % N)
            number = Bignum.of(r, is_secret=False)
            rest = workshop.subtract(k, workshop.multiply(number, self._d))
            s = workshop.multiply(self._inverse, rest).octets()
            if any(r) and any(s) and any(workshop.add(number, k).octets()):
                return r + s


class OpensslBackend:
    """SM2 by ctypes on libcrypto; see `api.Backend`."""

    name = "openssl"
    is_constant_time = True

    def __init__(self) -> None:
        sm2()  # raises Fault where OpenSSL has no SM2

    def draw(self) -> OpensslScalar:
        """Draw a scalar uniformly from 1..n-1."""
        return OpensslScalar(sm2().random())

    def load(self, secret: bytes) -> OpensslScalar:
        """Take a scalar."""
        if not curve.is_scalar(secret):
            raise Malformed("a scalar lies in 1..n-1")
        return OpensslScalar(Bignum.of(secret))

    def load_blinded(self, blob: bytes, mask: bytes) -> OpensslScalar:
        """Take blob - mask mod n."""
        difference = sm2().subtract(Bignum.of(blob), Bignum.of(mask))
        if sm2().library.BN_is_zero(difference.open):
            raise Malformed("a scalar lies in 1..n-1")
        return OpensslScalar(difference)

    def credential(self, secret: bytes) -> OpensslCredential:
        """Take a signing key."""
        if not curve.is_scalar(secret) or _integer(secret) == N - 1:
            raise Malformed("a private key lies in 1..n-2")
        return OpensslCredential(secret)

    def is_point(self, point: bytes) -> bool:
        """Tell whether X||Y is a point of the curve."""
        try:
            with sm2().decoded(point):
                return True
        except Malformed:
            return False

    def add(self, left: bytes, right: bytes) -> bytes | None:
        """Add two public points."""
        workshop = sm2()
        with workshop.decoded(left) as first, workshop.decoded(right) as second:
            total = workshop.library.EC_POINT_new(workshop.group)
            group, context = workshop.group, workshop.context
            workshop.library.EC_POINT_add(group, total, first, second, context)
            return workshop.encoded(total)

    def combine(self, z: bytes, c: bytes, point: bytes) -> bytes | None:
        """Compute [z]G - [c]point."""
        workshop = sm2()
        minus_c = curve.scalar(-_integer(c) % N)
        with workshop.decoded(point) as handle:
            numbers = _public(z), _public(minus_c)
            return workshop.encoded(workshop.product(numbers[0], handle, numbers[1]))

    def bind_many(self, bindings: Sequence[Binding]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for each."""
        workshop = sm2()
        return [_bind(workshop, *binding) for binding in bindings]

    def verify_digests(self, triples: Sequence[Triple]) -> list[bool]:
        """Verify r||s over e under a public key, for each."""
        workshop = sm2()
        return [_verify(workshop, *triple) for triple in triples]


def _bind(workshop: Sm2, rho: bytes, q1: bytes, k: bytes) -> bytes | None:
    group, context = workshop.group, workshop.context
    try:
        with workshop.decoded(q1) as point, workshop.decoded(k) as other:
            # Zero times G leads OpenSSL from its ladder of 256 steps to half as many of wNAF.
            total = workshop.product(workshop.zero, point, _public(rho))
            workshop.library.EC_POINT_add(group, total, total, other, context)
            return workshop.encoded(total)
    except Malformed:
        return None


def _verify(workshop: Sm2, public: bytes, digest: bytes, signature: bytes) -> bool:
    r, s = _integer(signature[:32]), _integer(signature[32:])
    t = (r + s) % N
    if len(digest) != 32 or len(signature) != 64 or not (0 < r < N and 0 < s < N) or t == 0:
        return False
    try:
        with workshop.decoded(public) as key:
            total = workshop.product(_public(signature[32:]), key, _public(curve.scalar(t)))
            point = workshop.encoded(total)
    except Malformed:
        return False
    return point is not None and (_integer(digest) + _integer(point[:32])) % N == r


def _public(octets: bytes) -> Bignum:
    return Bignum.of(octets, is_secret=False)


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _number(scalar: Scalar) -> Bignum:
    return cast("OpensslScalar", scalar)._x


def _finite(point: bytes | None) -> bytes:
    assert point is not None, "a number in 1..n-1 takes no point of prime order to infinity"
    return point
