"""Certification requests: one encoding each; one that opens is signed by a key fit to certify."""

import functools

from appliance.asn1 import der
from appliance.asn1.keys import read_spki
from appliance.asn1.pkcs10 import decode_request
from appliance.asn1.x509 import assemble
from appliance.crypto.verifier import verify_signature
from appliance.errors import Malformed, Refused
from appliance.pki.public_keys import algorithm_of
from appliance.pki.requests import open_request
from fuzz.targets.certificate import engine


def one_input(data: bytes) -> None:
    try:
        request = decode_request(data)
    except Malformed:
        return
    scheme = request.signature_algorithm
    scheme_tlv = der.sequence(der.oid(scheme.oid), scheme.parameters)
    assert assemble(request.info, scheme_tlv, request.signature) == data
    assert str(request.subject).isprintable()
    try:
        opened = open_request(data, functools.partial(verify_signature, engine()))
    except (Malformed, Refused):
        return
    assert opened.spki == request.spki
    assert opened.algorithm is algorithm_of(read_spki(opened.spki, 0, len(opened.spki))[0])
