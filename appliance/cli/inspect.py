"""`shiyin inspect FILE`: show what a token or reply says, without judging it."""

from __future__ import annotations

import argparse
from pathlib import Path

from appliance.asn1 import der
from appliance.asn1.signed.cms import SignedToken, decode_token
from appliance.asn1.tsp import PKIStatus, decode_response, decode_tst_info
from appliance.asn1.x509 import decode_certificate
from appliance.cli.context import Context, Exit, read_file
from appliance.tsp.verifying.facts import algorithm_name, time_facts

_TOKEN_LIMIT = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.add_argument("token", type=Path, help="a TimeStampResp or TimeStampToken in DER")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Show one token."""
    data = read_file(chosen.token, _TOKEN_LIMIT)
    facts: dict[str, object] = {}
    if _is_response(data):
        response = decode_response(data)
        facts["status"] = PKIStatus(response.status).name.lower()
        facts["status_text"] = list(response.status_texts)
        facts["failure_bit"] = response.failure
        data = response.token
    if data:
        facts |= _token_facts(decode_token(data))
    context.show(facts)
    return Exit.OK


def _is_response(data: bytes) -> bool:
    start, end = der.whole(data, der.SEQUENCE)
    return der.read(data, start, end)[0] == der.SEQUENCE


def _token_facts(token: SignedToken) -> dict[str, object]:
    info = decode_tst_info(token.econtent)
    certificates = [decode_certificate(each) for each in token.certificates]
    return {
        **time_facts(info),
        "ordering": info.ordering,
        "nonce": info.nonce_tlv[2:].hex() or None,
        "content_type": token.content_type,
        "digest_algorithm": algorithm_name(token.signer.digest_algorithm),
        "signature_algorithm": algorithm_name(token.signer.signature_algorithm.oid),
        "signed_attributes": [attribute.oid for attribute in token.signer.attributes],
        "certificates": [str(certificate.subject) for certificate in certificates],
        "note": "not verified: this only shows what the token says",
    }
