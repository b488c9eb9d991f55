"""X.509 certificates: one encoding each, printable names, signatures judged or not known."""

import functools

from appliance.asn1 import der
from appliance.asn1.x509 import assemble, decode_certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.native_engine import NativeEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Malformed


def one_input(data: bytes) -> None:
    try:
        certificate = decode_certificate(data)
    except Malformed:
        return
    algorithm = certificate.signature_algorithm
    algorithm_tlv = der.sequence(der.oid(algorithm.oid), algorithm.parameters)
    assert assemble(certificate.tbs, algorithm_tlv, certificate.signature) == data
    for name in (certificate.subject, certificate.issuer):
        assert str(name).isprintable()
        assert len(str(name)) < 16 * len(data)
    verdict = verify_signature(
        engine(), certificate.spki, algorithm.oid, certificate.tbs, certificate.signature
    )
    assert verdict in Verification


@functools.cache
def engine() -> Sm2Engine:
    return NativeEngine()
