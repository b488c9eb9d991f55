"""From a PIN to the mask of the share.  Section 7.

Every PIN opens a blob to some share; nothing here or in the store can tell a right one.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from dataclasses import dataclass, field

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.errors import Malformed

SALT_OCTETS = 16
PIN_LETTERS_MIN = 6
_N, _R, _P, _OCTETS = 32768, 8, 1, 48
_MEMORY = 128 * _N * _R + (1 << 20)


@dataclass(frozen=True, slots=True)
class Blinded:
    """The share of an epoch, under a PIN."""

    epoch: int
    salt: bytes = field(repr=False)
    blob: bytes = field(repr=False)

    def open(self, backend: Backend, pin: str) -> Scalar:
        """Give the share if the PIN is right, and a number that looks like one if it is not."""
        return backend.load_blinded(self.blob, _mask(pin, self.salt))


def blind(share: Scalar, pin: str, epoch: int) -> Blinded:
    """Hide a share under a PIN and a new salt.

    One share is never hidden twice: two blobs of it tell both PINs and the share.
    """
    salt = os.urandom(SALT_OCTETS)
    return Blinded(epoch, salt, share.blinded(_mask(pin, salt)))


def require_good(pin: str) -> str:
    """Give a new PIN back.  Raises Malformed for one that is short or of one letter."""
    normal = unicodedata.normalize("NFKC", pin)
    if len(normal) < PIN_LETTERS_MIN or len(set(normal)) == 1:
        raise Malformed(f"a PIN has {PIN_LETTERS_MIN} letters or more, and not one alone")
    return pin


def _mask(pin: str, salt: bytes) -> bytes:
    normal = unicodedata.normalize("NFKC", pin).encode()
    derived = hashlib.scrypt(normal, salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=_OCTETS)
    return curve.reduced(derived)
