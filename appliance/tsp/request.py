"""What a client may ask: a TimeStampReq is accepted, or rejected with exactly one failure bit."""

from __future__ import annotations

import msgspec

from appliance.asn1 import oids
from appliance.asn1.tsp import PKIFailureInfo, TimeStampReq, decode_request, encode_rejection
from appliance.errors import Malformed
from appliance.tsp.policy import Policy, Profile

__all__ = ["Accepted", "PKIFailureInfo", "Rejection", "judge"]

_DIGEST_OCTETS = {oids.SM3: 32, oids.SHA256: 32, oids.SHA384: 48, oids.SHA512: 64}
"""The hashes an imprint may be made with, in any profile."""


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A refusal as the client will read it."""

    failure: PKIFailureInfo
    text: str

    @property
    def response(self) -> bytes:
        """The TimeStampResp that says so."""
        return encode_rejection(self.failure, self.text)


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A request that may be answered, under `policy`."""

    request: TimeStampReq
    policy: Policy


def judge(data: bytes, profile: Profile) -> Accepted | Rejection:
    """Decide whether the TSA may answer the request in `data`.  RFC 3161 2.4.1-2.4.2.

    Nothing is raised for what a client may send.
    """
    try:
        request = decode_request(data)
    except Malformed as error:
        return Rejection(PKIFailureInfo.badDataFormat, f"not a TimeStampReq: {error}")
    if request.has_trailing_octets:
        return Rejection(PKIFailureInfo.badRequest, "octets after the TimeStampReq")
    if request.version != 1:
        return Rejection(PKIFailureInfo.badRequest, "the version of TimeStampReq is 1")
    digest_octets = _DIGEST_OCTETS.get(request.hash_algorithm)
    if digest_octets is None:
        return Rejection(PKIFailureInfo.badAlg, "the imprint's hash is not SM3 or SHA-2")
    if len(request.imprint) != digest_octets:
        return Rejection(PKIFailureInfo.badDataFormat, "the imprint does not fit its hash")
    if request.has_extensions:
        return Rejection(PKIFailureInfo.unacceptedExtension, "no extension is known here")
    policy = _policy(request.req_policy, profile)
    if policy is None:
        return Rejection(PKIFailureInfo.unacceptedPolicy, "the profile has no such policy")
    return Accepted(request, policy)


def _policy(wanted: str | None, profile: Profile) -> Policy | None:
    if wanted is None:
        return profile.policies[0]
    return next((policy for policy in profile.policies if policy.oid == wanted), None)
