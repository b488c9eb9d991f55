"""A certificate, its issuer and an OCSPResponse: one encoding each, and no word on any other."""

from kit.fuzzing import Portions
from kit.ocsp import NOW

from appliance.asn1 import der
from appliance.asn1.status.ocsp import OcspResponse, decode_response
from appliance.asn1.status.ocsp_writing import encode_error, encode_response
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.ocsp.judging import OcspCode, judge_response

TOLD = (OcspCode.GOOD, OcspCode.REVOKED, OcspCode.UNKNOWN)


def one_input(data: bytes) -> None:
    portions = Portions(data)
    blocks = portions.block(), portions.block()
    octets = portions.rest()
    try:
        response = decode_response(octets)
        check_written_again(response, octets)
        certificate, issuer = map(decode_certificate, blocks)
    except Malformed:
        return
    for nonce in (None, b"n"):
        check_judgement(response, octets, certificate, issuer, nonce)


def check_written_again(response: OcspResponse, octets: bytes) -> None:
    basic = response.basic
    if basic is None:
        assert encode_error(response.status) == octets
        return
    algorithm = basic.signature_algorithm
    algorithm_tlv = der.sequence(der.oid(algorithm.oid), algorithm.parameters)
    again = encode_response(basic.tbs, algorithm_tlv, basic.signature, basic.certificates)
    assert again == octets


def check_judgement(
    response: OcspResponse,
    octets: bytes,
    certificate: Certificate,
    issuer: Certificate,
    nonce: bytes | None,
) -> None:
    # A verifier to whom all signatures hold: no fuzzer makes one.
    told = judge_response(
        response, certificate, issuer, at=NOW, verify=lambda *_: Verification.VALID, nonce=nonce
    )
    assert told.is_told == (told.code in TOLD)
    if told.is_told:
        assert certificate.serial_number_tlv in octets
        assert nonce is None or nonce in octets
