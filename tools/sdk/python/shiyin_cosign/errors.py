"""What can go wrong, told apart by what the caller can do about it.

No message ever holds key material or a PIN.
"""

from __future__ import annotations

from shiyin_cosign.codes import Code


class CosignError(Exception):
    """Something that this package declines or fails to do."""


class Malformed(CosignError):
    """An input is not what its format asks for; another one must be given."""


class Untrusted(CosignError):
    """What the box sent does not check: it errs or cheats, or somebody stands between."""


class StoreError(CosignError):
    """The phone's store is absent, altered, or under another key."""


class Unreachable(CosignError):
    """The box did not answer; the same may be tried again."""


class Fault(CosignError):
    """This machine or this program is at fault."""


class Rejected(CosignError):
    """The box says no, by a code of section 11.

    `tries_left` stands beside `pin_wrong` and `activation_rejected`, `epoch` beside
    `epoch_mismatch`; both are None where the box did not tell.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        tries_left: int | None = None,
        epoch: int | None = None,
    ) -> None:
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail
        self.tries_left = tries_left
        self.epoch = epoch
