"""OCSPRequest: whatever is asked is answered, and what is answered is what was asked."""

import functools

from kit.authority import authority
from kit.ocsp import LATER, NOW, as_responder, responder

from appliance.asn1.status.ocsp import (
    GOOD,
    OcspRequest,
    ResponseStatus,
    decode_request,
    decode_response,
)
from appliance.asn1.status.ocsp_writing import encode_request
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.pki.ocsp.answering import OcspDesk, Served, answer

REFUSALS = (ResponseStatus.MALFORMED_REQUEST, ResponseStatus.UNAUTHORIZED)


def one_input(data: bytes) -> None:
    told = decode_response(desk().answer(data, NOW))
    try:
        request = decode_request(data)
    except Malformed:
        assert told.status is ResponseStatus.MALFORMED_REQUEST
        return
    check_written_again(request)
    # The authority of this run is a stranger to saved inputs.
    assert told.basic is not None or told.status in REFUSALS
    if not request.critical:
        check_answered(request)


def check_answered(request: OcspRequest) -> None:
    """All that was asked is told, in its order and its own octets."""
    signer = as_responder(responder(KeyAlgorithm.P256))
    octets = answer(
        request, lambda _: GOOD, signer, this_update=NOW, next_update=LATER, produced_at=NOW
    )
    basic = decode_response(octets).basic
    assert basic is not None
    told = [each.cert_id.der for each in basic.responses]
    assert told == [each.der for each in request.cert_ids]
    assert basic.nonce == request.nonce


def check_written_again(request: OcspRequest) -> None:
    """What the box understands of a request survives being written by itself."""
    again = decode_request(encode_request(request.cert_ids, request.nonce))
    assert (again.cert_ids, again.nonce) == (request.cert_ids, request.nonce)


@functools.cache
def desk() -> OcspDesk:
    """Answer for one authority, which finds everything good."""
    made = OcspDesk(lifetime_s=3600, kept=8)
    signer = as_responder(responder(KeyAlgorithm.P256))
    made.serve(Served(authority(KeyAlgorithm.P256).root.certificate, signer, lambda _: GOOD))
    return made
