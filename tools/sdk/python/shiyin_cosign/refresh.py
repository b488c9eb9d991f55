"""The phone's half of a refresh: a new share under the same key, without I/O.  Section 8."""

from __future__ import annotations

import enum

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.encoding import equal, hmac_sm3, lp, read_fields, sm3, tag, u8, u32, xor
from shiyin_cosign.errors import Fault, Untrusted
from shiyin_cosign.identity import Identity


class Reason(enum.IntEnum):
    """Why the shares are changed."""

    PERIOD = 1
    PIN = 2
    DEVICE_REMOVED = 3


class Refresh:
    """One refresh of the share of epoch i: `begin`, `reveal`, `conclude`, in this order."""

    def __init__(self, backend: Backend, identity: Identity, share: Scalar, epoch: int) -> None:
        self._backend = backend
        self._identity = identity
        self._share = share
        self._epoch = epoch
        self._ephemeral = backend.draw()
        self._point = self._ephemeral.times_base()
        self._coin = sm3(lp(tag("coin"), self._point))
        self._transcript = b""
        self._key = b""
        self._next: Scalar | None = None

    def begin(self, reason: Reason) -> bytes:
        """Give the item of `refresh`."""
        return lp(self._coin, u8(reason))

    def reveal(self, answer: bytes) -> bytes:
        """Take T_s and give the item of `reveal`.  Raises Malformed."""
        (theirs,) = read_fields(answer, (curve.POINT_OCTETS,))
        common = self._ephemeral.times_point(theirs)[: curve.SCALAR_OCTETS]
        self._ephemeral.close()
        identity = self._identity
        fields = (identity.uid, identity.device, u32(self._epoch), self._coin, theirs, self._point)
        self._transcript = sm3(lp(tag("refresh"), *fields))
        self._next = self._share.times(self._backend.load(_coin(common, self._transcript)))
        self._key = identity.auth_key(self._next, self._epoch + 1)
        return lp(self._point, xor(self._key, hmac_sm3(common, lp(tag("ka"), self._transcript))))

    def conclude(self, answer: bytes) -> Scalar:
        """Take the signer's proof that it stored epoch i+1, and give the share of that epoch."""
        (proof,) = read_fields(answer, (32,))
        if self._next is None:
            raise Fault("a refresh was concluded before it began")
        if not equal(proof, hmac_sm3(self._key, lp(tag("refreshed"), self._transcript))):
            raise Untrusted("the signer does not prove that it has the new share")
        return self._next


def _coin(common: bytes, transcript: bytes) -> bytes:
    """Compute u, uniform in 1..n-1."""
    halves = [hmac_sm3(common, lp(tag("u"), u8(part), transcript)) for part in (1, 2)]
    return curve.scalar(1 + int.from_bytes(b"".join(halves), "big") % (curve.N - 1))
