"""The frames of the manager's own socket `manage`: what the box's user may do without a token."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from appliance.services.messages import Frame


class OpenFirst(Frame, frozen=True, array_like=True, tag="open-first"):
    """A wish for the first administrator."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]


class FirstOpened(Frame, frozen=True, array_like=True, tag="opened"):
    """The account that was opened, and its token, told this once."""

    id: str
    token: str


class Declined(Frame, frozen=True, array_like=True, tag="declined"):
    """Why not: the name of an error class of `errors`, and a sentence."""

    kind: str
    detail: str


ManageQuestion = OpenFirst
