"""TimeStampReq: what is decoded can be written again as it came; a judgement is never an error."""

import contextlib

from kit.stamping import PROFILES

from appliance.asn1 import der
from appliance.asn1.tsp import PKIStatus, TimeStampReq, decode_request, decode_response
from appliance.errors import Malformed
from appliance.tsp.request import Accepted, PKIFailureInfo, judge

PROFILE = PROFILES["sm2"]


def one_input(data: bytes) -> None:
    request: TimeStampReq | None = None
    with contextlib.suppress(Malformed):
        request = decode_request(data)
    if request is not None:
        check_written_again(request, data)
    verdict = judge(data, PROFILE)
    if isinstance(verdict, Accepted):
        assert verdict.request == request
        assert verdict.policy in PROFILE.policies
        return
    assert request is not None or verdict.failure is PKIFailureInfo.badDataFormat
    answer = decode_response(verdict.response)
    assert (answer.status, answer.failure) == (PKIStatus.REJECTION, verdict.failure)
    assert len(verdict.response) < 512


def check_written_again(request: TimeStampReq, data: bytes) -> None:
    """Strict DER leaves one encoding, but for a certReq FALSE spelt out."""
    if request.has_extensions or request.has_trailing_octets:
        return
    head = (
        der.integer(request.version),
        request.imprint_tlv,
        b"" if request.req_policy is None else der.oid(request.req_policy),
        request.nonce_tlv,
    )
    spellings = [der.TRUE] if request.cert_req else [b"", b"\x01\x01\x00"]
    assert data in [der.sequence(*head, spelling) for spelling in spellings]
