"""Activation codes and the QR text that carries them.  Section 2."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from shiyin_cosign.base64url import decode
from shiyin_cosign.encoding import lp, tag
from shiyin_cosign.errors import Malformed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ROUNDS = 10_000

_SYMBOLS = 16
_LOCATOR = 3
_CHECK_MODULUS = 31
_READ = str.maketrans("ILO", "110", " -\t\r\n")


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """A code: the locator says which, the secret (60 bits) is never sent."""

    locator: str
    secret: str = field(repr=False)

    def key(self) -> bytes:
        """Derive K_code, which takes some ten milliseconds."""
        salt = lp(tag("code"), self.locator.encode())
        return hashlib.pbkdf2_hmac("sm3", self.secret.encode(), salt, ROUNDS, 32)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a QR tells: the code, where the box is, and SM3 of the root to trust, if it says so."""

    code: ActivationCode
    url: str
    root: bytes


def read_code(typed: str) -> ActivationCode:
    """Read a code as people type it.  Raises Malformed, for a typing error as a rule."""
    symbols = typed.upper().translate(_READ)
    if len(symbols) != _SYMBOLS or any(symbol not in ALPHABET for symbol in symbols):
        raise Malformed("an activation code has sixteen letters and digits, without U")
    if symbols[-1] != check_symbol(symbols[:-1]):
        raise Malformed("the activation code has a typing error")
    return ActivationCode(symbols[:_LOCATOR], symbols[_LOCATOR:-1])


def check_symbol(symbols: str) -> str:
    """Compute the check symbol of the fifteen before it."""
    total = sum(place * ALPHABET.index(symbol) for place, symbol in enumerate(symbols, 1))
    return ALPHABET[total % _CHECK_MODULUS]


def read_qr(scanned: str) -> Invitation:
    """Read the text of a QR.  Raises Malformed."""
    try:
        parts = urlsplit(scanned.strip())
        fields = parse_qs(parts.query, strict_parsing=True)
    except ValueError as error:
        raise Malformed("the QR does not decode") from error
    if (parts.scheme, parts.path) != ("shiyin", "1") or any(
        len(fields.get(name, ())) > 1 for name in "aur"
    ):
        raise Malformed("not a QR of activation, version 1")
    if not {"a", "u"} <= fields.keys():
        raise Malformed("the QR lacks the code or the box's place")
    root = decode(fields["r"][0]) if "r" in fields else b""
    if len(root) not in (0, 32):
        raise Malformed("the root in the QR is not the 32 octets of an SM3")
    return Invitation(read_code(fields["a"][0]), fields["u"][0], root)
