"""The codes by which the box says no, and their numbers in DER.  Section 11."""

from __future__ import annotations

import enum


class Code(enum.StrEnum):
    """Why something was not done; the order is the numbers', from 1 on."""

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

    @property
    def number(self) -> int:
        """The number in DER."""
        return _NUMBERS[self]

    @classmethod
    def of(cls, number: int) -> Code:
        """Find a code by its number; one that this version does not know reads as `malformed`."""
        return _BY_NUMBER.get(number, cls.MALFORMED)

    @classmethod
    def named(cls, name: str) -> Code:
        """Find a code by its name; one that this version does not know reads as `malformed`."""
        return cls(name) if name in cls.__members__.values() else cls.MALFORMED


_BY_NUMBER = dict(enumerate(Code, 1))
_NUMBERS = {code: number for number, code in _BY_NUMBER.items()}
