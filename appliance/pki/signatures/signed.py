"""SignedData: each signer held against the document, inside or apart (RFC 5652 5.4 to 5.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.names import read_name
from appliance.asn1.signed import ess
from appliance.asn1.signed.cms import Signer
from appliance.asn1.signed.signed_data import SignedData, are_signed_attributes, decode_signed_data
from appliance.asn1.x509 import Certificate, decode_certificate, read_time
from appliance.crypto.api import DEFAULT_ID, Sm2Engine
from appliance.errors import Malformed
from appliance.pki.names import same_name
from appliance.pki.signatures.forms import Form
from appliance.pki.signatures.report import SignatureCode, SignatureReport, SignerReport, failed
from appliance.pki.signatures.schemes import Scheme, digest, verify_octets, written_scheme
from appliance.quantities import Utc

Digest = Callable[[str], bytes | None]
"""Gives the digest of a document under a hash by OID; None when that is not known."""

_DATA = frozenset({oids.DATA, oids.GMT0010_DATA})


@attrs.frozen(kw_only=True)
class Against:
    """What SignedData is held against.

    `document` is one kept apart, `digest` its digest where the document itself stays at home: it
    serves only signers with signed attributes.  `expected` is the certificate that must have
    signed; `certificates` are those that may help.
    """

    document: bytes | None = attrs.field(default=None, repr=False)
    digest: Digest | None = None
    expected: Certificate | None = None
    certificates: Sequence[Certificate] = ()
    sm2_id: bytes = DEFAULT_ID


def verify_signed_data(encoded: bytes, against: Against, engine: Sm2Engine) -> SignatureReport:
    """Verify all signers.  Nothing is raised for what a sender may write.

    A document inside and another given must be the same.
    """
    try:
        signed = decode_signed_data(encoded)
        inside = tuple(map(decode_certificate, signed.certificates))
    except Malformed as error:
        return failed(Form.CMS, SignatureCode.MALFORMED, str(error))
    if not signed.signers:
        return failed(Form.CMS, SignatureCode.NOT_SIGNED, "it has no SignerInfo")
    if against.expected is not None:
        inside = (against.expected, *inside)
    known = tuple(dict.fromkeys((*inside, *against.certificates)))
    question = _Question(signed, against, known, engine)
    return SignatureReport(
        form=Form.CMS,
        signers=tuple(map(question.judge, signed.signers)),
        document=signed.econtent,
        certificates=signed.certificates,
        crls=signed.crls,
    )


class _Question:
    """One SignedData and what it is held against."""

    def __init__(
        self,
        signed: SignedData,
        against: Against,
        known: Sequence[Certificate],
        engine: Sm2Engine,
    ) -> None:
        self._signed = signed
        self._against = against
        self._known = known
        self._engine = engine

    def judge(self, signer: Signer) -> SignerReport:
        """Judge one signer."""
        try:
            certificate = self._certificate(signer)
            if isinstance(certificate, SignerReport):
                return certificate
            return self._signature(signer, certificate)
        except Malformed as error:  # inside an attribute
            return SignerReport(code=SignatureCode.MALFORMED, detail=str(error))

    def _certificate(self, signer: Signer) -> Certificate | SignerReport:
        named = [each for each in self._known if _is_named(signer, each)]
        if not named:
            return SignerReport(
                code=SignatureCode.NO_SIGNER_CERTIFICATE, detail="it is neither inside nor given"
            )
        fitting = [each for each in named if _is_pinned(signer, each)]
        expected = self._against.expected
        if not fitting or (expected is not None and expected not in fitting):
            return SignerReport(
                code=SignatureCode.WRONG_CERTIFICATE,
                certificate=named[0],
                detail="the signer names another certificate",
            )
        return fitting[0] if expected is None else expected

    def _signature(self, signer: Signer, certificate: Certificate) -> SignerReport:
        scheme = written_scheme(
            signer.signature_algorithm, signer.digest_algorithm, certificate.key
        )
        signing_time = _signing_time(signer)
        if not isinstance(scheme, Scheme):
            detail = f"{signer.signature_algorithm.oid} with {signer.digest_algorithm}"
            return SignerReport(code=scheme, certificate=certificate, detail=detail)
        octets: bytes | SignatureCode
        if signer.signed_attrs:
            octets = self._attributes_fault(signer) or signer.signed_octets
        else:
            octets = self._bare_document()
        if isinstance(octets, SignatureCode):
            code = octets
        else:
            code = verify_octets(
                self._engine,
                certificate.key,
                scheme,
                octets,
                signer.signature,
                sm2_id=self._against.sm2_id,
            )
        return SignerReport(
            code=code,
            certificate=certificate,
            algorithm=scheme.oid,
            digest_algorithm=scheme.hash_algorithm,
            signing_time=signing_time,
        )

    def _attributes_fault(self, signer: Signer) -> SignatureCode | None:
        """Hold the signed attributes against content and document.  RFC 5652 5.6, 11.1, 11.2."""
        types = signer.values(oids.CONTENT_TYPE)
        digests = signer.values(oids.MESSAGE_DIGEST)
        if len(types) != 1 or len(digests) != 1 or not self._is_content_type(types[0]):
            return SignatureCode.BAD_ATTRIBUTES
        start, stop = der.whole(digests[0], der.OCTET_STRING)
        stated = digests[0][start:stop]
        known = self._digests(signer.digest_algorithm)
        if not known or None in known:
            return SignatureCode.NO_DOCUMENT
        return None if known == {stated} else SignatureCode.DOCUMENT_MISMATCH

    def _is_content_type(self, value: bytes) -> bool:
        start, stop = der.whole(value, der.OBJECT_IDENTIFIER)
        stated, written = der.oid_text(value, start, stop), self._signed.econtent_type
        # The two names of data are mixed where GM/T 0010 meets an older library.
        return stated == written or {stated, written} <= _DATA

    def _digests(self, hash_algorithm: str) -> set[bytes | None]:
        """Give the digests of the document inside and of the one given; None for one not known."""
        documents = (self._signed.econtent, self._against.document)
        found = {digest(hash_algorithm, each) for each in documents if each is not None}
        if self._against.digest is not None:
            found.add(self._against.digest(hash_algorithm))
        return found

    def _bare_document(self) -> bytes | SignatureCode:
        """Give the octets that a signer without signed attributes has signed."""
        inside, given = self._signed.econtent, self._against.document
        if self._signed.econtent_type not in _DATA:  # RFC 5652 5.3 wants attributes then
            return SignatureCode.BAD_ATTRIBUTES
        document = given if inside is None else inside
        if document is None or self._against.digest is not None:
            return SignatureCode.NO_DOCUMENT
        if given is not None and given != document:
            return SignatureCode.DOCUMENT_MISMATCH
        if are_signed_attributes(document):
            return SignatureCode.AMBIGUOUS_DOCUMENT
        return document


def _is_named(signer: Signer, certificate: Certificate) -> bool:
    if signer.key_identifier is not None:
        return signer.key_identifier == certificate.extensions.subject_key_id
    if signer.serial_number != certificate.serial_number:
        return False
    return signer.issuer == certificate.issuer.der or _same_issuer(signer.issuer, certificate)


def _same_issuer(issuer: bytes, certificate: Certificate) -> bool:
    name, stop = read_name(issuer, 0, len(issuer))
    return stop == len(issuer) and same_name(name, certificate.issuer)


def _is_pinned(signer: Signer, certificate: Certificate) -> bool:
    """Tell whether every ESSCertID that was signed is of this certificate; there may be none."""
    pins = [
        *map(ess.read_signing_certificate, signer.values(oids.SIGNING_CERTIFICATE)),
        *map(ess.read_signing_certificate_v2, signer.values(oids.SIGNING_CERTIFICATE_V2)),
    ]
    return all(pin.cert_hash == _certificate_hash(pin, certificate) for pin in pins)


def _certificate_hash(pin: ess.EssCertId, certificate: Certificate) -> bytes | None:
    if pin.hash_algorithm == oids.SHA1:
        # ESSCertID of RFC 2634 knows no other hash; a second preimage is still out of reach.
        return hashlib.sha1(certificate.der, usedforsecurity=False).digest()
    return digest(pin.hash_algorithm, certificate.der)


def _signing_time(signer: Signer) -> Utc | None:
    values = signer.values(oids.SIGNING_TIME)
    return read_time(values[0], 0, len(values[0]))[0] if len(values) == 1 else None
