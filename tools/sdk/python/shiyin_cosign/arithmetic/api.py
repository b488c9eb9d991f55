"""What a backend is: secret scalars as handles, and public arithmetic on points in batches.

Scalars are 32 octets, points 64 octets X||Y, never infinity; `None` stands for infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Binding = tuple[bytes, bytes, bytes]
"""rho (16 octets), Q1 and K."""
Triple = tuple[bytes, bytes, bytes]
"""Public key, e and r||s."""


class Scalar(Protocol):
    """A secret number in 1..n-1; a handle that does not show it, closed when it is not needed."""

    def inverse(self) -> Scalar:
        """Invert mod n."""

    def times(self, other: Scalar) -> Scalar:
        """Multiply mod n."""

    def times_base(self) -> bytes:
        """Compute [x]G."""

    def times_point(self, point: bytes) -> bytes:
        """Compute [x]point.  Raises Malformed for no point of the curve."""

    def respond(self, nonce: Scalar, challenge: bytes) -> bytes:
        """Compute nonce + challenge·x mod n, and close the nonce."""

    def finish(self, nonce: Scalar, rho: bytes, s3: bytes, r: bytes) -> bytes:
        """Compute rho·nonce + x·s3 - r mod n, and close the nonce."""

    def derive(self, label: bytes) -> bytes:
        """Compute HMAC-SM3 of a label, keyed with the 32 octets of x."""

    def blinded(self, mask: bytes) -> bytes:
        """Compute x + mask mod n."""

    def close(self) -> None:
        """Forget x; every later use raises Fault."""


class Credential(Protocol):
    """An SM2 signing key of this phone alone."""

    @property
    def public(self) -> bytes:
        """The public key."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e: r||s."""


class Backend(Protocol):
    """One way to do the arithmetic."""

    @property
    def name(self) -> str:
        """`native`, `openssl` or `python`."""

    @property
    def is_constant_time(self) -> bool:
        """Whether secrets are kept out of the time that it takes."""

    def draw(self) -> Scalar:
        """Draw a scalar uniformly from 1..n-1."""

    def load(self, secret: bytes) -> Scalar:
        """Take a scalar.  Raises Malformed unless it lies in 1..n-1."""

    def load_blinded(self, blob: bytes, mask: bytes) -> Scalar:
        """Take blob - mask mod n.  Raises Malformed where that is 0."""

    def credential(self, secret: bytes) -> Credential:
        """Take a signing key.  Raises Malformed unless it lies in 1..n-2."""

    def is_point(self, point: bytes) -> bool:
        """Tell whether X||Y is a point of the curve, coordinates below p."""

    def add(self, left: bytes, right: bytes) -> bytes | None:
        """Add two public points.  Raises Malformed for no point of the curve."""

    def combine(self, z: bytes, c: bytes, point: bytes) -> bytes | None:
        """Compute [z]G - [c]point of public values.  Raises Malformed for no point of the curve."""

    def bind_many(self, bindings: Sequence[Binding]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for each; None also where either is no point of the curve."""

    def verify_digests(self, triples: Sequence[Triple]) -> list[bool]:
        """Verify r||s over e under a public key, for each.  GB/T 32918.2 clause 7."""
