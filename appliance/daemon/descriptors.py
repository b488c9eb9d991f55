"""How many descriptors this process may have open."""

from __future__ import annotations

import resource


def raise_descriptor_limit() -> None:
    """Raise the soft limit to the hard one.

    Each connection takes a descriptor; the usual soft limit of 1,024 is there for programs that
    call select(2), which our reactor does not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
