"""The SM2 engine on our own C core: the default, 90,000 signatures a second and core in groups.

The C stands in appliance/crypto/native; what it promises about time, memory and faults is tested in
tests/crypto (test_constant_time, test_native_core, test_native_module).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from appliance.crypto import _native
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.crypto.libcrypto_cipher import hmac_sm3
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault

PRIVATE_OCTETS = 32
PUBLIC_OCTETS = 64
GROUP = 64
"""Nonces that are made together."""


class NativeEngine:
    """SM2 and SM3 by the C core; see `api.Sm2Engine`."""

    @property
    def name(self) -> str:
        """`native`."""
        return "native"

    @property
    def path(self) -> str:
        """`bmi2-adx`, `x86-64` or `portable`."""
        return _native.path()

    def generate(self) -> NativeKey:
        """Draw d from getrandom until it lies in 1 .. n-2.  GB/T 32918.1 6.1."""
        return NativeKey(_native.generate())

    def load(self, secret: SecretBuffer) -> NativeKey:
        """Take d from a 32-octet buffer; the caller still closes it.  Raises Malformed."""
        return NativeKey(_native.load(secret.view))

    def check_public(self, public: bytes) -> bool:
        """Tell whether X||Y is a point of the curve, coordinates below p."""
        return _native.check_public(public)

    def verify_digest(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Verify r||s over e.  Wrong lengths, ranges or points are False."""
        return _native.verify_digest(public, digest, signature)

    def verify_digests(self, triples: Iterable[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Verify many (public, e, r||s) in one call; the GIL is held only to read and answer."""
        return _native.verify_digests(triples)

    def draw_scalar(self) -> NativeScalar:
        """Draw a secret number uniformly from 1 .. n-1."""
        return NativeScalar(_native.draw_scalar())

    def load_scalar(self, secret: SecretBuffer) -> NativeScalar:
        """Take x from a 32-octet buffer; the caller still closes it.  Raises Malformed."""
        return NativeScalar(_native.load_scalar(secret.view))

    def load_blinded(self, blob: bytes, mask: bytes) -> NativeScalar:
        """Take x = blob - mask mod n.  Raises Malformed for a blob not below n."""
        return NativeScalar(_native.load_blinded(blob, mask))

    def bind_many(self, triples: Sequence[tuple[bytes, bytes, bytes]]) -> list[bytes | None]:
        """Compute [rho]Q1 + K for many public (rho, Q1, K); see `api.CosignEngine`."""
        return _native.bind_many(triples)

    def combine(self, z: bytes, challenge: bytes, point: bytes) -> bytes | None:
        """Compute the public [z]G - [c]X."""
        return _native.combine(z, challenge, point)

    def add_points(self, one: bytes, other: bytes) -> bytes | None:
        """Add public points."""
        return _native.add_points(one, other)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Verify r||s over a message with Z of DEFAULT_ID.  GB/T 32918.2 clause 7."""
        if len(public) != PUBLIC_OCTETS:
            return False
        digest = _native.message_digest(public, message, DEFAULT_ID)
        return _native.verify_digest(public, digest, signature)

    def message_digest(self, public: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """Compute e = SM3(Z || message).  GB/T 32918.2 6.1.

        Raises Malformed for a public key of another length, or an ID over 8191 octets.
        """
        return _native.message_digest(public, message, user_id)

    def sm3(self, data: bytes) -> bytes:
        """Hash `data` (GB/T 32905): 32 octets."""
        return _native.sm3(data)


class NativeKey:
    """An SM2 private key in pages of the C core's own; see `api.Sm2Key`.

    `is_locked` tells whether the kernel granted mlock (RLIMIT_MEMLOCK); a key it refused works all
    the same.  In a forked child the pages are empty, and every signature is a Fault.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: _native.Key) -> None:
        self._handle = handle

    @property
    def algorithm(self) -> KeyAlgorithm:
        """SM2."""
        return KeyAlgorithm.SM2

    @property
    def public(self) -> bytes:
        """X||Y; known after `close`, too."""
        return self._handle.public

    @property
    def is_locked(self) -> bool:
        """Whether the private half cannot reach swap."""
        return self._handle.locked

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e (32 octets) with a hedged nonce; returns r||s, verified before release."""
        return self._handle.sign_digest(digest)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message; all are verified before the first is released, else Fault."""
        return self._handle.sign_many(messages)

    def export_secret(self) -> SecretBuffer:
        """Copy d (32 octets) into a new locked buffer, for `sealing`; the caller closes it."""
        secret = SecretBuffer(PRIVATE_OCTETS)
        try:
            self._handle.export_into(secret.view)
        except Fault:
            secret.close()
            raise
        return secret

    def close(self) -> None:
        """Zero the private half, at once or when the last thread signing with it is done."""
        self._handle.close()

    def __reduce__(self) -> NoReturn:
        raise Fault("a private key is neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<NativeKey {self.public[:4].hex()}>"


class NativeScalar:
    """A secret number in a slot of the C core's locked pages; see `api.Sm2Scalar`.

    In a forked child the slots are empty, and every use is a Fault.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: _native.Scalar) -> None:
        self._handle = handle

    @property
    def is_locked(self) -> bool:
        """Whether it cannot reach swap."""
        return self._handle.locked

    def inverse(self) -> NativeScalar:
        """Give x^-1 mod n."""
        return NativeScalar(self._handle.inverse())

    def times(self, other: NativeScalar, /) -> NativeScalar:
        """Give the product mod n."""
        return NativeScalar(self._handle.times(other._handle))

    def times_base(self) -> bytes:
        """Give [x]G."""
        return self._handle.times_base()

    def times_point(self, point: bytes, /) -> bytes:
        """Give [x]Q.  Raises Malformed when Q is no point of the curve."""
        return self._handle.times_point(point)

    def nonces(self, hedges: Sequence[bytes], /) -> list[tuple[NativeScalar, bytes]]:
        """Draw k and [k]G for each hedge of 32 octets, in groups that share one inversion."""
        groups = (hedges[at : at + GROUP] for at in range(0, len(hedges), GROUP))
        return [
            (NativeScalar(handle), point)
            for group in groups
            for handle, point in self._handle.nonces(group)
        ]

    def answer(self, nonce: NativeScalar, r: bytes, /) -> bytes:
        """Give x(k + r); the nonce is closed whatever comes of it.  Raises Malformed."""
        return self._handle.answer(nonce._handle, r)

    def finish(self, nonce: NativeScalar, rho: bytes, s3: bytes, r: bytes, /) -> bytes:
        """Give rho w + x s3 - r; the nonce is closed.  Raises Malformed."""
        return self._handle.finish(nonce._handle, rho, s3, r)

    def respond(self, nonce: NativeScalar, challenge: bytes, /) -> bytes:
        """Give a + c x; the nonce is closed."""
        return self._handle.respond(nonce._handle, challenge)

    def blinded(self, mask: bytes, /) -> bytes:
        """Give x + mask mod n."""
        return self._handle.blinded(mask)

    def derive(self, label: bytes, /) -> bytes:
        """Derive 32 octets from a label."""
        with self.export_secret() as secret:
            return hmac_sm3(secret, label)

    def export_secret(self) -> SecretBuffer:
        """Copy x into a new locked buffer; the caller closes it."""
        secret = SecretBuffer(PRIVATE_OCTETS)
        try:
            self._handle.export_into(secret.view)
        except Fault:
            secret.close()
            raise
        return secret

    def close(self) -> None:
        """Zero it."""
        self._handle.close()

    def __reduce__(self) -> NoReturn:
        raise Fault("a secret number is neither copied nor pickled")

    def __repr__(self) -> str:
        return "<NativeScalar>"
