"""The SM2 engine on our own C core: the default, 90,000 signatures a second and core in groups.

The C stands in appliance/crypto/native; what it promises about time, memory and faults is tested in
tests/crypto (test_constant_time, test_native_core, test_native_module).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from appliance.crypto import _native
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault

PRIVATE_OCTETS = 32
PUBLIC_OCTETS = 64


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
