"""Seeds of the fuzz targets for OCSP."""

from collections.abc import Mapping

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.extension.extensions import extension
from appliance.asn1.names import encode_name
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import UNKNOWN, CertStatus, CertStatusKind, ResponseStatus
from appliance.asn1.status.ocsp_writing import encode_error, encode_request
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.ocsp.asking import HASHES, cert_id_of, make_request
from kit.authority import authority
from kit.crls import after_stamping
from kit.fuzzing import block
from kit.ocsp import Answer, with_extension


def all_seeds() -> Mapping[str, Mapping[str, bytes]]:
    """Give the seeds by target."""
    return {"ocsp_request": request_seeds(), "ocsp_response": response_seeds()}


def request_seeds() -> Mapping[str, bytes]:
    """Ask in every way there is."""
    made = authority(KeyAlgorithm.P256)
    tsa, root = made.tsa.certificate, made.root.certificate
    cert_id = cert_id_of(tsa, root)
    asked = der.sequence(der.sequence(cert_id.der))
    requestor = der.tlv(der.context(1), der.tlv(der.context(4), encode_name("Who asks")))
    signature = der.sequence(
        algorithm_identifier(oids.ECDSA_WITH_SHA256),
        der.bit_string(b"signature"),
        der.tlv(der.context(0), der.sequence(der.sequence())),
    )
    odd = extension("1.2.3", der.NULL_VALUE, critical=True)
    empty = extension(oids.OCSP_NONCE, der.octet_string(b""))
    return {
        **{f"hash-{hash_oid}": make_request(tsa, root, hash_oid=hash_oid) for hash_oid in HASHES},
        "nonce": make_request(tsa, root, nonce=bytes(32)),
        "nonce-empty": der.sequence(with_extension(der.sequence(asked), 2, empty)),
        "several": encode_request([cert_id, cert_id_of(root, root)], b"n"),
        "signed": der.sequence(der.sequence(requestor, asked), der.tlv(der.context(0), signature)),
        "critical": der.sequence(with_extension(der.sequence(asked), 2, odd)),
        "critical-single": der.sequence(
            der.sequence(der.sequence(with_extension(der.sequence(cert_id.der), 0, odd)))
        ),
    }


def response_seeds() -> Mapping[str, bytes]:
    """Answer in every way there is, about a certificate that comes along with its issuer's."""
    made = authority(KeyAlgorithm.P256)
    revoked = CertStatus(CertStatusKind.REVOKED, after_stamping(-1), CrlReason.CERTIFICATE_HOLD)
    pair = block(made.tsa.certificate.der) + block(made.root.certificate.der)
    answers = {
        "good": Answer().der(),
        "good-nonce": Answer(nonce=b"n").der(),
        "revoked": Answer(status=revoked).der(),
        "revoked-silently": Answer(
            status=CertStatus(CertStatusKind.REVOKED, after_stamping(-1))
        ).der(),
        "unknown": Answer(status=UNKNOWN, next_update=None).der(),
        "by-issuer": Answer(signer=made.root, certificates=()).der(),
        "sm2": Answer(algorithm=KeyAlgorithm.SM2).der(),
        "try-later": encode_error(ResponseStatus.TRY_LATER),
    }
    return {name: pair + octets for name, octets in answers.items()}
