"""The backend on the C core of the box, compiled from the same source as an optional extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from shiyin_cosign import _native, curve
from shiyin_cosign.arithmetic.api import Binding, Scalar, Triple
from shiyin_cosign.encoding import hmac_sm3
from shiyin_cosign.errors import Malformed


class NativeScalar:
    """A number in locked pages of the C core's own; see `api.Scalar`."""

    __slots__ = ("_handle",)

    def __init__(self, handle: _native.Scalar) -> None:
        self._handle = handle

    def inverse(self) -> NativeScalar:
        """Invert mod n."""
        return NativeScalar(self._handle.inverse())

    def times(self, other: Scalar) -> NativeScalar:
        """Multiply mod n."""
        return NativeScalar(self._handle.times(_handle(other)))

    def times_base(self) -> bytes:
        """Compute [x]G."""
        return self._handle.times_base()

    def times_point(self, point: bytes) -> bytes:
        """Compute [x]point."""
        return self._handle.times_point(point)

    def respond(self, nonce: Scalar, challenge: bytes) -> bytes:
        """Compute nonce + challenge·x mod n, and close the nonce."""
        return self._handle.respond(_handle(nonce), challenge)

    def finish(self, nonce: Scalar, rho: bytes, s3: bytes, r: bytes) -> bytes:
        """Compute rho·nonce + x·s3 - r mod n, and close the nonce."""
        return self._handle.finish(_handle(nonce), rho, s3, r)

    def derive(self, label: bytes) -> bytes:
        """Compute HMAC-SM3 of a label, keyed with the 32 octets of x."""
        octets = bytearray(curve.SCALAR_OCTETS)
        self._handle.export_into(octets)
        derived = hmac_sm3(octets, label)
        octets[:] = bytes(len(octets))
        return derived

    def blinded(self, mask: bytes) -> bytes:
        """Compute x + mask mod n."""
        return self._handle.blinded(mask)

    def close(self) -> None:
        """Zero x."""
        self._handle.close()

    def __repr__(self) -> str:
        return "<NativeScalar>"


class NativeCredential:
    """An SM2 key in locked pages; see `api.Credential`."""

    def __init__(self, secret: bytes) -> None:
        self._key = _native.load(secret)
        self.public = self._key.public

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e with a hedged nonce; verified before release."""
        return self._key.sign_digest(digest)


class NativeBackend:
    """SM2 by the C core; see `api.Backend`."""

    name = "native"
    is_constant_time = True

    def draw(self) -> NativeScalar:
        """Draw a scalar uniformly from 1..n-1."""
        return NativeScalar(_native.draw_scalar())

    def load(self, secret: bytes) -> NativeScalar:
        """Take a scalar."""
        return NativeScalar(_native.load_scalar(secret))

    def load_blinded(self, blob: bytes, mask: bytes) -> NativeScalar:
        """Take blob - mask mod n."""
        return NativeScalar(_native.load_blinded(blob, mask))

    def credential(self, secret: bytes) -> NativeCredential:
        """Take a signing key."""
        return NativeCredential(secret)

    def is_point(self, point: bytes) -> bool:
        """Tell whether X||Y is a point of the curve."""
        return _native.check_public(point)

    def add(self, left: bytes, right: bytes) -> bytes | None:
        """Add two public points."""
        _require_point(left)
        _require_point(right)
        return _native.add_points(left, right)

    def combine(self, z: bytes, c: bytes, point: bytes) -> bytes | None:
        """Compute [z]G - [c]point."""
        _require_point(point)
        return _native.combine(z, c, point)

    def bind_many(self, bindings: Sequence[Binding]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for each."""
        return _native.bind_many(bindings)

    def verify_digests(self, triples: Sequence[Triple]) -> list[bool]:
        """Verify r||s over e under a public key, for each."""
        return _native.verify_digests(triples)


def _require_point(point: bytes) -> None:
    if not _native.check_public(point):
        raise Malformed("not a point of the curve")


def _handle(scalar: Scalar) -> _native.Scalar:
    return cast("NativeScalar", scalar)._handle
