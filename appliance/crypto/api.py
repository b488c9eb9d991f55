"""What an engine, a private key and a verifier are: the seam every backend fits.

SM2 values inside the box are raw and of fixed width, big-endian: public key X||Y (64 octets),
signature r||s (64 octets), digest e (32 octets).  DER is made and read at the edge, in `asn1.sm2`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

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
