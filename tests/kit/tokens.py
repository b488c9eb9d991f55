"""Tokens to be verified: a recipe with a knob for each thing that can be wrong in one."""

import hashlib
from collections.abc import Callable
from typing import Any

import attrs

from appliance.asn1 import der, keys, oids, sm2
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.signed import cms
from appliance.asn1.tsp import TSTInfo, encode_tst_info, message_imprint
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine, LibcryptoKey
from appliance.tsp.verifying.report import Sm2Id
from kit.authority import STAMPED_AT, Subject

DOCUMENT = b"a discharge letter"
POLICY = "2.999.1"
NONCE = 0x1F2E3D4C5B6A7988

_TST_INFO = der.oid(oids.TST_INFO)
_HASHES = {oids.SM3: "sm3", oids.SHA256: "sha256", oids.SHA384: "sha384", oids.SHA1: "sha1"}
_SIGNATURE_ALGORITHMS = {
    KeyAlgorithm.SM2: keys.SM2_WITH_SM3,
    KeyAlgorithm.P256: keys.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: algorithm_identifier(oids.RSA_ENCRYPTION, null=True),
}


def hashed(algorithm: str, data: bytes) -> bytes:
    """Hash by OID."""
    return hashlib.new(_HASHES[algorithm], data).digest()


def tst_info(**changes: object) -> bytes:
    """Render a TSTInfo over DOCUMENT by SHA-256, with other fields as named."""
    imprint = hashed(oids.SHA256, DOCUMENT)
    fields: dict[str, Any] = {
        "version": 1,
        "policy": POLICY,
        "imprint_tlv": message_imprint(oids.SHA256, imprint),
        "hash_algorithm": oids.SHA256,
        "imprint": imprint,
        "serial_number": 0x0102030405,
        "gen_time": STAMPED_AT,
        "accuracy_us": 500,
        "ordering": False,
        "nonce_tlv": der.integer(NONCE),
        "tsa": b"",
        "has_extensions": False,
    }
    return encode_tst_info(TSTInfo(**{**fields, **changes}))


@attrs.frozen(kw_only=True)
class Recipe:
    """What goes into a token; None stands for what a sound one has."""

    signer: Subject
    econtent: bytes = attrs.field(factory=tst_info)
    content_type: str = oids.SIGNED_DATA
    econtent_type: str = oids.TST_INFO
    version: int = 3
    signer_version: int = 1
    digest_algorithm: str | None = None
    digest_algorithms: tuple[str, ...] | None = None
    signature_algorithm: bytes | None = None
    signer_id: bytes | None = None
    content_type_attribute: bytes = cms.attribute(oids.CONTENT_TYPE, _TST_INFO)
    message_digest: bytes | None = None
    signing_certificate: bytes | None = None
    certificates: tuple[Certificate, ...] | None = None
    sm2_id: Sm2Id = Sm2Id.STANDARD
    sign: Callable[[bytes], bytes] | None = None

    @property
    def digest_oid(self) -> str:
        """The signer's digest algorithm."""
        if self.digest_algorithm is not None:
            return self.digest_algorithm
        return oids.SM3 if self.signer.key.algorithm is KeyAlgorithm.SM2 else oids.SHA256

    def token(self) -> bytes:
        """Make the token."""
        algorithms = self.digest_algorithms or (self.digest_oid,)
        certificates = self.certificates
        if certificates is None:
            certificates = (self.signer.certificate,)
        econtent = der.tlv(der.context(0), der.octet_string(self.econtent))
        signed_data = der.sequence(
            der.integer(self.version),
            der.set_of([algorithm_identifier(oid) for oid in algorithms]),
            der.sequence(der.oid(self.econtent_type), econtent),
            cms.certificate_set([one.der for one in certificates]) if certificates else b"",
            der.set_of([self._signer_info()]),
        )
        return der.sequence(der.oid(self.content_type), der.tlv(der.context(0), signed_data))

    def response(self) -> bytes:
        """Make the token in a TimeStampResp of status granted."""
        return der.sequence(der.sequence(der.integer(0)), self.token())

    def _signer_info(self) -> bytes:
        attributes = self._attributes()
        certificate = self.signer.certificate
        return der.sequence(
            der.integer(self.signer_version),
            self.signer_id
            or cms.issuer_and_serial_number(certificate.issuer.der, certificate.serial_number_tlv),
            algorithm_identifier(self.digest_oid),
            b"\xa0" + attributes[1:],
            self.signature_algorithm or _SIGNATURE_ALGORITHMS[self.signer.key.algorithm],
            der.octet_string((self.sign or self._sign)(attributes)),
        )

    def _attributes(self) -> bytes:
        digest = self.message_digest
        if digest is None:
            digest = der.octet_string(hashed(self.digest_oid, self.econtent))
        pin = self.signing_certificate
        if pin is None:
            pin = cms.attribute(oids.SIGNING_CERTIFICATE_V2, ess_v2(self.signer.certificate))
        return der.set_of(
            [
                self.content_type_attribute,
                cms.attribute(oids.MESSAGE_DIGEST, digest),
                *([pin] if pin else []),
            ]
        )

    def _sign(self, octets: bytes) -> bytes:
        key = self.signer.key
        if key.algorithm is not KeyAlgorithm.SM2:
            return key.sign_many([octets])[0]
        assert isinstance(key, LibcryptoKey)
        engine = LibcryptoEngine()
        digests = {
            Sm2Id.STANDARD: lambda: engine.message_digest(key.public, octets),
            Sm2Id.EMPTY: lambda: engine.message_digest(key.public, octets, b""),
            Sm2Id.NO_Z: lambda: engine.sm3(octets),
        }
        return sm2.signature_to_der(key.sign_digest(digests[self.sm2_id]()))


def ess_v2(certificate: Certificate, algorithm: str = oids.SM3) -> bytes:
    """Pin a certificate by SigningCertificateV2."""
    return cms.signing_certificate_v2(
        hashed(algorithm, certificate.der),
        algorithm,
        certificate.issuer.der,
        certificate.serial_number_tlv,
    )


def ess_v2_with_null(certificate: Certificate, algorithm: str) -> bytes:
    """Pin a certificate by SigningCertificateV2 whose hash has NULL parameters."""
    hash_algorithm = algorithm_identifier(algorithm, null=True)
    cert_hash = der.octet_string(hashed(algorithm, certificate.der))
    return der.sequence(der.sequence(der.sequence(hash_algorithm, cert_hash)))


def ess_v1(certificate: Certificate) -> bytes:
    """Pin a certificate by SigningCertificate of RFC 2634, without issuerSerial."""
    pin = der.sequence(der.octet_string(hashed(oids.SHA1, certificate.der)))
    return der.sequence(der.sequence(pin))
