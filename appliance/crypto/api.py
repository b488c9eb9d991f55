"""What an engine, a private key and a verifier are: the seam every backend fits.

SM2 values inside the box are raw and of fixed width, big-endian: public key X||Y (64 octets),
signature r||s (64 octets), digest e (32 octets).  DER is made and read at the edge, in `asn1.sm2`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from appliance.crypto.secret import SecretBuffer

DEFAULT_ID = b"1234567812345678"
"""The user ID of Z when nothing else is agreed.  GM/T 0009-2012 clause 10."""


class KeyAlgorithm(enum.Enum):
    """The kinds of key the box signs with; each stands for one signature scheme and its hash."""

    SM2 = "sm2"  # SM2 with SM3, Z over DEFAULT_ID
    P256 = "p256"  # ECDSA with SHA-256 on P-256
    RSA = "rsa"  # RSASSA-PKCS1-v1_5 with SHA-256


class SigningKey(Protocol):
    """A private key as an opaque handle: it signs, tells its public half, and can be closed."""

    @property
    def algorithm(self) -> KeyAlgorithm:
        """The scheme this key signs with."""

    @property
    def public(self) -> bytes:
        """The public key: SM2 X||Y (64 octets), P-256 uncompressed point, RSA RSAPublicKey DER."""

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message; every SM2 signature was verified under `public` before it is returned.

        SM2 gives r||s, P-256 the DER of Ecdsa-Sig-Value, RSA the signature octets.  The GIL is not
        held while an SM2 engine works, so two threads sign at once.  Raises Fault when a made
        signature does not verify (a fault attack or broken hardware); then none of the batch is
        released.
        """

    def close(self) -> None:
        """Zero the private half, if the backend can; every later call raises Fault."""


class DigestKey(SigningKey, Protocol):
    """A private key that signs what was hashed elsewhere."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e of SM2, or the SHA-256 of a message (32 octets), in the form of `sign_many`.

        An SM2 signature was verified before release.
        """


class Sm2Key(DigestKey, Protocol):
    """An SM2 private key in locked native memory."""

    def export_secret(self) -> SecretBuffer:
        """Copy d (32 octets) into a new locked buffer, for `sealing`; the caller closes it."""


class Sm2Scalar(Protocol):
    """A secret number in 1 .. n-1: a share, a nonce, an ephemeral key of two-party signing.

    An opaque handle; equations stand in docs/protocol-cosign.md.  A closed one raises Fault.
    """

    def inverse(self) -> Sm2Scalar:
        """Give x^-1 mod n."""

    def times(self, other: Self, /) -> Sm2Scalar:
        """Give the product mod n."""

    def times_base(self) -> bytes:
        """Give [x]G."""

    def times_point(self, point: bytes, /) -> bytes:
        """Give [x]Q.  Raises Malformed when Q is no point of the curve."""

    def nonces(self, hedges: Sequence[bytes], /) -> list[tuple[Sm2Scalar, bytes]]:
        """Draw k and [k]G for each hedge, 32 octets that tell what k is for.

        Drawn over this share, fresh randomness and a counter too: neither a dead generator nor a
        copy of the machine that is asked for something else repeats one.
        """

    def answer(self, nonce: Self, r: bytes, /) -> bytes:
        """Give the signer's s3 = x(k + r); the nonce is closed whatever comes of it.

        Raises Malformed for an r not below n, and where k + r = 0.
        """

    def finish(self, nonce: Self, rho: bytes, s3: bytes, r: bytes, /) -> bytes:
        """Give the phone's s = rho w + x s3 - r, rho of 16 octets; the nonce is closed.

        Raises Malformed for an s3 or r not below n.
        """

    def respond(self, nonce: Self, challenge: bytes, /) -> bytes:
        """Give Schnorr's z = a + c x; the nonce is closed."""

    def blinded(self, mask: bytes, /) -> bytes:
        """Give x + mask mod n, which tells nothing of x to who lacks the mask."""

    def derive(self, label: bytes, /) -> bytes:
        """Derive 32 octets: HMAC-SM3 over a label, keyed with the 32 octets of x."""

    def export_secret(self) -> SecretBuffer:
        """Copy x into a new locked buffer, for `sealing`; the caller closes it."""

    def close(self) -> None:
        """Zero it; calling twice is harmless."""


class CosignEngine(Protocol):
    """What two-party signing needs beside an `Sm2Engine`; points are X||Y, never infinity."""

    def draw_scalar(self) -> Sm2Scalar:
        """Draw a secret number uniformly from 1 .. n-1."""

    def load_scalar(self, secret: SecretBuffer) -> Sm2Scalar:
        """Take x from a 32-octet buffer; the caller still closes it.  Raises Malformed."""

    def load_blinded(self, blob: bytes, mask: bytes) -> Sm2Scalar:
        """Take x = blob - mask mod n.  Raises Malformed for a blob not below n."""

    def bind_many(self, triples: Sequence[tuple[bytes, bytes, bytes]]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for many public (rho of 16 octets, Q1, K).

        None where Q1 or K is no point, or the sum is infinity.  The GIL is not held.
        """

    def combine(self, z: bytes, challenge: bytes, point: bytes) -> bytes | None:
        """Compute the public [z]G - [c]X, which a Schnorr proof compares; None as above."""

    def add_points(self, one: bytes, other: bytes) -> bytes | None:
        """Add public points; None as above."""

    def verify_digests(self, triples: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Verify many (public, e, r||s)."""


class Sm2Engine(Protocol):
    """A software backend for SM2 and SM3."""

    @property
    def name(self) -> str:
        """`native` or `libcrypto`."""

    @property
    def path(self) -> str:
        """Which of its code paths this processor runs; empty when that is not told."""

    def generate(self) -> Sm2Key:
        """Draw a new private key uniformly from 1 .. n-2.  GB/T 32918.1 6.1."""

    def load(self, secret: SecretBuffer) -> Sm2Key:
        """Take d from a 32-octet buffer; the caller still closes the buffer.

        Raises Malformed unless 1 <= d <= n-2.
        """

    def check_public(self, public: bytes) -> bool:
        """Tell whether X||Y is a point of the curve other than infinity, coordinates below p."""

    def verify_digest(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Verify r||s over e.  Wrong lengths, ranges or points are False, never an exception."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Verify r||s over a message with Z of DEFAULT_ID.  GB/T 32918.2 clause 7."""

    def message_digest(self, public: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """Compute e = SM3(Z || message).  GB/T 32918.2 6.1.

        An empty ID is a legal, if non-standard, ID.
        """

    def sm3(self, data: bytes) -> bytes:
        """Hash `data` (GB/T 32905): 32 octets."""
