"""Schnorr's proofs of knowing a share, bound to role, session, user and device.  Section 3."""

from __future__ import annotations

from dataclasses import dataclass

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.encoding import lp, sm3, tag, u8
from shiyin_cosign.errors import Malformed

PHONE = 1
SIGNER = 2


@dataclass(frozen=True, slots=True)
class Context:
    """Where a proof belongs."""

    role: int
    sid: bytes
    uid: bytes
    device: bytes

    def challenge(self, public: bytes, a: bytes) -> bytes:
        """Compute c."""
        fields = (u8(self.role), self.sid, self.uid, self.device, public, a)
        return curve.reduced(sm3(lp(tag("pok"), *fields)))


def prove(backend: Backend, context: Context, x: Scalar, public: bytes) -> tuple[bytes, bytes]:
    """Prove that x of X = [x]G is known: A and z."""
    nonce = backend.draw()
    a = nonce.times_base()
    return a, x.respond(nonce, context.challenge(public, a))


def holds(backend: Backend, context: Context, public: bytes, a: bytes, z: bytes) -> bool:
    """Tell whether a proof holds; off-curve points and z of n or more are False."""
    if int.from_bytes(z, "big") >= curve.N or not backend.is_point(a):
        return False
    try:
        return backend.combine(z, context.challenge(public, a), public) == a
    except Malformed:
        return False
