"""The error tree: seven kinds, told apart by what the caller can do about them.

Each protocol translates once, at its wire: error -> PKIFailureInfo, HTTP problem, exit code.
Key material never enters a message.
"""

from __future__ import annotations


class ApplianceError(Exception):
    """Something the box declines or fails to do."""


class Malformed(ApplianceError):
    """The input is not what its format asks for; the caller must send something else."""


class Refused(ApplianceError):
    """A policy forbids it; asking again changes nothing."""


class Unauthenticated(ApplianceError):
    """The caller has not shown who it is."""


class NotFound(ApplianceError):
    """There is no such thing."""


class Conflict(ApplianceError):
    """The thing is in another state than the request supposes."""


class Unavailable(ApplianceError):
    """It cannot be done now; trying again in `retry_after_s` seconds may help."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fault(ApplianceError):
    """The box itself is at fault; someone must look."""
