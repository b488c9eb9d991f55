"""The verb set of the `admin` socket: what a manager may ask of the signer's authorities.

Every question carries a number of the manager's choice, which its answer repeats; a refusal says
why in the terms of `errors`.  The signer believes nothing here: it checks templates, bounds and
proofs of possession itself.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.services.messages import BATCH_LIMIT, Frame, Hello, Name, Number

RequestId = Annotated[bytes, Meta(min_length=16, max_length=16)]
SerialOctets = Annotated[bytes, Meta(min_length=1, max_length=20)]
FieldValues = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=32)],
        Annotated[str, Meta(max_length=256)],
    ],
    Meta(max_length=32),
]
"""What a template's `{field}` places are filled with: uid, name, department, ..."""


class IssueAsk(msgspec.Struct, frozen=True, array_like=True):
    """One certificate wanted.

    `request` names the wish for ever: asked twice, the same certificate is the answer.  The key
    comes with proof of possession as a PKCS#10 request in DER (`csr`), or is that of the
    certificate numbered `renews`, which then gives fields too.  `days` 0 means the template's.
    """

    request: RequestId
    authority: Name
    template: Name
    fields: FieldValues
    csr: Annotated[bytes, Meta(max_length=8192)] = b""
    renews: Annotated[bytes, Meta(max_length=20)] = b""
    days: Annotated[int, Meta(ge=0, le=7305)] = 0


class IssueBatch(Frame, frozen=True, array_like=True, tag="issue"):
    """Certificates wanted together: journalled in one commit."""

    batch: Number
    asks: Annotated[list[IssueAsk], Meta(min_length=1, max_length=BATCH_LIMIT)]


class IssueRefusal(msgspec.Struct, frozen=True, array_like=True):
    """Why one certificate was not issued: the name of an error class of `errors`, a sentence."""

    kind: str
    detail: str


class Issued(Frame, frozen=True, array_like=True, tag="issued"):
    """The certificates of a batch in DER, in the order asked, or why there is none."""

    batch: int
    results: list[bytes | IssueRefusal]


class RevokeAsk(Frame, frozen=True, array_like=True, tag="revoke"):
    """Revoke, hold, or with reason 8 (removeFromCRL) release from hold.  RFC 5280 5.3.1."""

    batch: Number
    authority: Name
    serial_number: SerialOctets
    reason: Annotated[int, Meta(ge=0, le=10)]
    invalid_since_us: int | None = None


class AuthoritiesAsk(Frame, frozen=True, array_like=True, tag="authorities?"):
    """A question for the authorities: names, algorithms, chains, counts, lists."""

    batch: Number


class TemplatesAsk(Frame, frozen=True, array_like=True, tag="templates?"):
    """A question for the certificate templates."""

    batch: Number


class TemplateAdd(Frame, frozen=True, array_like=True, tag="template"):
    """A new certificate template as JSON; the signer refuses one beyond its bounds."""

    batch: Number
    template: Annotated[bytes, Meta(max_length=65_536)]


class PublishLists(Frame, frozen=True, array_like=True, tag="lists"):
    """Sign the revocation list of an authority now, full or delta."""

    batch: Number
    authority: Name
    is_delta: bool = False


class SignManifest(Frame, frozen=True, array_like=True, tag="manifest"):
    """Sign the manifest of a batch export as detached CMS under the box's own certificate."""

    batch: Number
    manifest: Annotated[bytes, Meta(max_length=900_000)]


class CeremonyOpen(Frame, frozen=True, array_like=True, tag="ceremony"):
    """Prepare an act that needs two custodians; the answer holds the statement to be signed.

    The acts and their parameters stand in `ceremony.acts`; what is no text comes in `octets`.
    """

    batch: Number
    act: Name
    parameters: Annotated[dict[Name, Annotated[str, Meta(max_length=256)]], Meta(max_length=16)]
    octets: Annotated[
        dict[Name, Annotated[bytes, Meta(max_length=65_536)]], Meta(max_length=16)
    ] = msgspec.field(default_factory=dict)


class CeremonyApprove(Frame, frozen=True, array_like=True, tag="approve"):
    """One custodian's signature over the statement; the second distinct one performs the act."""

    batch: Number
    ceremony: RequestId
    custodian: Name
    signature: Annotated[bytes, Meta(max_length=1024)]


class Done(Frame, frozen=True, array_like=True, tag="done"):
    """An answer in plain values."""

    batch: int
    facts: dict[str, object]


class AdminRefusal(Frame, frozen=True, array_like=True, tag="refused"):
    """Why a question was refused: the name of an error class of `errors`, and a sentence."""

    batch: int
    kind: str
    detail: str


AdminQuestion = (
    IssueBatch
    | RevokeAsk
    | AuthoritiesAsk
    | TemplatesAsk
    | TemplateAdd
    | PublishLists
    | SignManifest
    | CeremonyOpen
    | CeremonyApprove
)
AdminAnswer = Hello | Issued | Done | AdminRefusal
