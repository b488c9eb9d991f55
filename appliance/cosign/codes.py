"""The codes that a phone is told, their numbers in DER and their HTTP statuses.

docs/protocol-cosign.md section 11; one table for both transports.
"""

from __future__ import annotations

import enum


class Code(enum.StrEnum):
    """Why something was not done; the values are kept for ever."""

    MALFORMED = "malformed"
    CREDENTIAL_REJECTED = "credential_rejected"
    PIN_WRONG = "pin_wrong"
    DEVICE_LOCKED = "device_locked"
    DEVICE_REVOKED = "device_revoked"
    ACTIVATION_REJECTED = "activation_rejected"
    DEVICE_UNKNOWN = "device_unknown"
    SESSION_UNKNOWN = "session_unknown"
    ITEM_UNKNOWN = "item_unknown"
    EPOCH_MISMATCH = "epoch_mismatch"
    REFRESH_PENDING = "refresh_pending"
    SESSION_BURNT = "session_burnt"
    REPLAYED = "replayed"
    NEEDS_REACTIVATION = "needs_reactivation"
    ITEM_FINAL = "item_final"
    CONTENT_REFUSED = "content_refused"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"

    @classmethod
    def of(cls, number: int) -> Code:
        """Find a code by its number.  Raises ValueError."""
        if not 1 <= number <= len(_STATUSES):
            raise ValueError(f"no code has the number {number}")
        return list(_STATUSES)[number - 1]

    @property
    def number(self) -> int:
        """The number in DER."""
        return _NUMBERS[self]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUSES[self]


_STATUSES = {
    Code.MALFORMED: 400,
    Code.CREDENTIAL_REJECTED: 401,
    Code.PIN_WRONG: 403,
    Code.DEVICE_LOCKED: 403,
    Code.DEVICE_REVOKED: 403,
    Code.ACTIVATION_REJECTED: 403,
    Code.DEVICE_UNKNOWN: 404,
    Code.SESSION_UNKNOWN: 404,
    Code.ITEM_UNKNOWN: 404,
    Code.EPOCH_MISMATCH: 409,
    Code.REFRESH_PENDING: 409,
    Code.SESSION_BURNT: 409,
    Code.REPLAYED: 409,
    Code.NEEDS_REACTIVATION: 409,
    Code.ITEM_FINAL: 409,
    Code.CONTENT_REFUSED: 422,
    Code.TOO_MANY: 429,
    Code.UNAVAILABLE: 503,
}
_NUMBERS = {code: number for number, code in enumerate(_STATUSES, 1)}
