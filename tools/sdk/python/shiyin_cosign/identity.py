"""Who a phone is, and what is bound to that.  Sections 1 and 4."""

from __future__ import annotations

from dataclasses import dataclass

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.encoding import SUITE, lp, sm3, tag, u32
from shiyin_cosign.errors import Malformed, Untrusted

RHO_OCTETS = 16
_NAME_OCTETS_MAX = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """A device of a user, and the public key that it shares with the signer."""

    uid: bytes
    device: bytes
    public: bytes

    def commitment(self, sid: bytes, epoch: int, item: bytes, e: bytes, k: bytes) -> bytes:
        """Compute com of a session."""
        fields = (sid, self.uid, self.device, self.public, u32(epoch), item, e, k)
        return sm3(lp(tag("com"), SUITE, *fields))

    def auth_key(self, share: Scalar, epoch: int) -> bytes:
        """Derive K_a of an epoch from the share of that epoch."""
        return share.derive(lp(tag("auth"), self.uid, self.device, u32(epoch)))

    def shifted(self, backend: Backend) -> bytes:
        """Compute V = P + G."""
        shifted = backend.add(self.public, curve.BASE)
        if shifted is None:
            raise Untrusted("the public key is -G")
        return shifted


def binding(com: bytes, q1: bytes, k: bytes) -> bytes:
    """Compute rho, never 0."""
    rho = sm3(lp(tag("bind"), com, q1, k))[:RHO_OCTETS]
    return rho if any(rho) else u32(1).rjust(RHO_OCTETS, b"\0")


def require_name(octets: bytes, what: str) -> bytes:
    """Give a name back.  Raises Malformed unless it has 1 to 64 octets of UTF-8."""
    try:
        octets.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8") from error
    if not 1 <= len(octets) <= _NAME_OCTETS_MAX:
        raise Malformed(f"{what} has not 1 to 64 octets")
    return octets
