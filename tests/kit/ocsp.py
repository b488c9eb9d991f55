"""OCSP responders under the authorities of kit.authority, and answers with knobs."""

import functools

import attrs

from appliance.asn1 import der
from appliance.asn1.names import encode_name
from appliance.asn1.status.ocsp import GOOD, CertStatus, SingleResponse
from appliance.asn1.status.ocsp_writing import encode_response, encode_response_data
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.pki.issuing import spki_of
from appliance.pki.ocsp.answering import Responder
from appliance.pki.ocsp.asking import cert_id_of
from appliance.pki.ocsp.certifying import issue_responder
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.quantities import Utc
from kit.authority import VALIDITY, Subject, authority, generate, signing
from kit.crls import after_stamping

NOW = after_stamping(0)
LATER = after_stamping(1)


def verify(spki: bytes, algorithm: str, message: bytes, signature: bytes) -> Verification:
    """Judge a signature, as `Verify` does."""
    return verify_signature(LibcryptoEngine(), spki, algorithm, message, signature)


def make_responder(issuer: Subject, *, validity: Validity = VALIDITY) -> Subject:
    """Make a key, and have an authority certify it for OCSP."""
    key = generate(issuer.key.algorithm)
    encoded = issue_responder(
        encode_name("OCSP", organization="Shiyin test", country="CN"),
        spki_of(key.algorithm, key.public),
        serial_number=b"\x0c",
        validity=validity,
        issuer=issuer.identity,
        sign=signing(issuer.key),
    )
    return Subject(key, decode_certificate(encoded))


@functools.cache
def responder(algorithm: KeyAlgorithm) -> Subject:
    """Give the session's responder under the root of `algorithm`."""
    return make_responder(authority(algorithm).root)


def as_responder(subject: Subject) -> Responder:
    """Let it answer."""
    return Responder(subject.certificate, subject.key.algorithm, signing(subject.key))


@attrs.frozen(kw_only=True)
class Answer:
    """What goes into an answer about the TSA of an authority."""

    algorithm: KeyAlgorithm = KeyAlgorithm.P256
    about: Certificate | None = None
    signer: Subject | None = None
    status: CertStatus = GOOD
    this_update: Utc = NOW
    next_update: Utc | None = LATER
    nonce: bytes | None = None
    certificates: tuple[bytes, ...] | None = None

    def der(self) -> bytes:
        """Make the answer."""
        made = authority(self.algorithm)
        signer = self.signer or responder(self.algorithm)
        cert_id = cert_id_of(self.about or made.tsa.certificate, made.root.certificate)
        single = SingleResponse(cert_id, self.status, self.this_update, self.next_update)
        tbs = encode_response_data(
            signer.certificate.subject.der, self.this_update, [single], self.nonce
        )
        signature = signature_content(signer.key.algorithm, signing(signer.key)(tbs))
        certificates = self.certificates
        if certificates is None:
            certificates = (signer.certificate.der,)
        algorithm = SIGNATURE_ALGORITHMS[signer.key.algorithm]
        return encode_response(tbs, algorithm, signature, certificates)


def with_extension(encoded: bytes, number: int, extension: bytes) -> bytes:
    """Give a SEQUENCE one more field: extensions under a tag number."""
    start, stop = der.whole(encoded, der.SEQUENCE)
    added = der.tlv(der.context(number), der.sequence(extension))
    return der.sequence(encoded[start:stop], added)
