"""The verb set of the `status` socket: a front asks the signer to answer OCSP requests.

The signer answers each; what it cannot answer is an OCSPResponse that says why.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from appliance.asn1.status.ocsp import MAX_REQUEST_OCTETS, MAX_RESPONSE_OCTETS
from appliance.services.messages import Frame, Hello, Number


class OcspAsk(Frame, frozen=True, array_like=True, tag="ocsp"):
    """One OCSPRequest in DER, as it came; `batch` is a number of the front's choice."""

    batch: Number
    request: Annotated[bytes, Meta(max_length=MAX_REQUEST_OCTETS)]


class OcspReply(Frame, frozen=True, array_like=True, tag="ocsp-answer"):
    """The OCSPResponse in DER."""

    batch: int
    response: Annotated[bytes, Meta(max_length=MAX_RESPONSE_OCTETS)]


OcspQuestion = OcspAsk
OcspAnswer = Hello | OcspReply
