"""The operations of a signature verification server under their names in GB/T 38629-2020.

ExportCert, ParseCert, ValidateCert, VerifySignedData and VerifySignedMessage, once GM/T 0029: a
request is a Struct with the fields of Annex A, an answer carries `respValue`, a code of Annex D.
A body is JSON or a form, with octets in base64.  What has to do with private keys is not offered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from appliance.asn1 import oids, pem
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed, NotFound, Refused
from appliance.pki.particulars import describe
from appliance.pki.signatures.report import SignatureCode, SignatureReport
from appliance.pki.validation.verdict import Code, Validation
from appliance.services.verification.cert_items import CertItem, item_of
from appliance.services.verification.operation_shapes import (
    Answer,
    ExportCertRequest,
    ParseCertRequest,
    R,
    RespValue,
    SignMethod,
    ValidateCertRequest,
    VerifySignedDataRequest,
    VerifySignedMessageRequest,
    decode_request,
    encode_answer,
)
from appliance.services.verification.shapes import (
    CertificateQuestion,
    Check,
    Hash,
    SignatureQuestion,
)
from appliance.services.verification.verifying import Run, SignatureVerifier

BodyHandler = Callable[[bytes, str], Awaitable[bytes]]
"""Takes a body and its content type, and gives the body of the answer, of the same type."""

FindCertificate = Callable[[str], Awaitable[bytes]]
"""Gives the DER of the certificate that goes by an identifier.  Raises NotFound."""


@attrs.frozen
class Operations:
    """The operations over a verifier; `find` knows certificates by their identifiers."""

    verifier: SignatureVerifier
    find: FindCertificate

    async def export_cert(self, request: ExportCertRequest) -> Answer:
        """ExportCert: give a certificate that the server holds."""
        try:
            found = await self.find(request.identification)
        except NotFound:
            return _said(RespValue.CERT_ID, "no certificate goes by that identifier")
        return Answer(respValue=RespValue.SUCCESS, cert=found)

    async def parse_cert(self, request: ParseCertRequest) -> Answer:
        """ParseCert: give one item of a certificate, or all that it says."""
        certificate = _decoded(request.cert)
        if certificate is None:
            return _said(RespValue.CERT_DECODE)
        told = describe(certificate)
        if request.infoType == 0:
            return Answer(respValue=RespValue.SUCCESS, particulars=told)
        try:
            item = CertItem(request.infoType)
        except ValueError:
            return _said(RespValue.CERT_INFO_TYPE)
        return Answer(respValue=RespValue.SUCCESS, info=item_of(item, told))

    async def validate_cert(self, request: ValidateCertRequest) -> Answer:
        """ValidateCert: tell whether a certificate is good, by lists or by OCSP."""
        if _decoded(request.cert) is None:
            return _said(RespValue.CERT_DECODE)
        question = CertificateQuestion(
            certificate=_pem(request.cert), check="ocsp" if request.ocsp else "crl"
        )
        validation = await self.verifier.validation(question)
        code = _certificate_code(validation)
        # GB/T 19713 numbers: good 0, revoked 1, unknown 2.
        state = {RespValue.SUCCESS: 0, RespValue.CERT_REMOVED: 1}.get(code, 2)
        return Answer(respValue=code, detail=str(validation), state=state)

    async def verify_signed_data(self, request: VerifySignedDataRequest) -> Answer:
        """VerifySignedData: verify a bare signature over `inData`."""
        manner = _MANNERS.get(request.signMethod)
        if manner is None:
            return _said(RespValue.SIGN_METHOD)
        if request.inDataLen not in (None, len(request.inData)):
            return _said(RespValue.INVALID_DATA_FORMAT, "inDataLen is not the length of inData")
        encoded = request.cert
        if request.type == 2:
            try:
                encoded = await self.find(request.certSN)
            except NotFound:
                return _said(RespValue.CERT, "no certificate has that number")
        certificate = _decoded(encoded)
        if certificate is None:
            return _said(RespValue.CERT_DECODE)
        is_sm2 = certificate.key.curve == oids.SM2_CURVE
        if is_sm2 is not (request.signMethod == SignMethod.SM3_SM2):
            return _said(RespValue.SIGN_METHOD)
        question = SignatureQuestion(
            signatures=(request.signature,),
            document=request.inData,
            certificate=_pem(encoded),
            hash=manner,
            check=_check(request.verifyLevel),
        )
        return await self._verify(question, request.verifyLevel)

    async def verify_signed_message(self, request: VerifySignedMessageRequest) -> Answer:
        """VerifySignedMessage: verify SignedData, with the document inside or apart."""
        if request.inDataLen not in (None, len(request.inData)):
            return _said(RespValue.INVALID_DATA_FORMAT, "inDataLen is not the length of inData")
        if request.hashFlag:
            return _said(RespValue.INVALID_DATA_FORMAT, "send the document, not its digest")
        question = SignatureQuestion(
            signatures=(request.signedMessage,),
            form="cms",
            document=None if request.originalTextFlag else request.inData,
            check=_check(request.verifyLevel),
        )
        return await self._verify(question, request.verifyLevel)

    async def _verify(self, question: SignatureQuestion, level: int) -> Answer:
        (report,) = await self.verifier.reports(question)
        code = _signature_code(report, level)
        return Answer(respValue=code, detail=str(report.decisive))


_MANNERS: dict[int, Hash] = {SignMethod.SM3_SM2: "sm3", SignMethod.SHA256_RSA: "sha256"}

_CERTIFICATE_CODES = {
    Code.VALID: RespValue.SUCCESS,
    Code.EXPIRED: RespValue.CERT_INVALID_AF,
    Code.NOT_YET_VALID: RespValue.CERT_INVALID_BF,
    Code.REVOKED: RespValue.CERT_REMOVED,
    Code.ON_HOLD: RespValue.CERT_REMOVED,
    Code.CRL_STALE: RespValue.SERVER_CONNECT,
    Code.NO_REVOCATION_DATA: RespValue.SERVER_CONNECT,
    Code.UNSUPPORTED_ALGORITHM: RespValue.SIGN_METHOD,
}
_SIGNATURE_CODES = {
    SignatureCode.MALFORMED: RespValue.INVALID_DATA_FORMAT,
    SignatureCode.NO_DOCUMENT: RespValue.INVALID_DATA_FORMAT,
    SignatureCode.AMBIGUOUS_DOCUMENT: RespValue.INVALID_DATA_FORMAT,
    SignatureCode.UNSUPPORTED: RespValue.SIGN_METHOD,
    SignatureCode.ALGORITHM_MISMATCH: RespValue.SIGN_METHOD,
    SignatureCode.NO_SIGNER_CERTIFICATE: RespValue.CERT,
    SignatureCode.WRONG_CERTIFICATE: RespValue.CERT,
}
_IN_TIME = frozenset({Code.EXPIRED, Code.NOT_YET_VALID})


def _certificate_code(validation: Validation) -> RespValue:
    return _CERTIFICATE_CODES.get(validation.code, RespValue.CERT)


def _signature_code(report: SignatureReport, level: int) -> RespValue:
    """Give the code of the first signer that does not hold, as far as `level` asks."""
    for signer in report.signers:
        if signer.code is not SignatureCode.VALID:
            return _SIGNATURE_CODES.get(signer.code, RespValue.INVALID_SIGNATURE)
        found = signer.validation
        if found is None or found.is_valid or (level == 0 and not _is_about_leaf_time(found)):
            continue
        return _certificate_code(found)
    return RespValue.SUCCESS


def _is_about_leaf_time(validation: Validation) -> bool:
    return validation.code in _IN_TIME and validation.at_fault == validation.chain[0]


def _check(level: int) -> Check:
    return "both" if level == 2 else "none"


def _decoded(encoded: bytes) -> Certificate | None:
    try:
        return decode_certificate(encoded)
    except Malformed:
        return None


def _pem(encoded: bytes) -> str:
    return pem.write("CERTIFICATE", encoded).decode()


def _said(code: RespValue, detail: str = "") -> Answer:
    return Answer(respValue=code, detail=detail or code.name.lower().replace("_", " "))


def operation_table(operations: Operations) -> dict[str, BodyHandler]:
    """Give each operation by its name.  Unavailable is raised on, for the wire to say 503."""
    run = operations.verifier.run
    return {
        "ExportCert": _bound(ExportCertRequest, operations.export_cert, run),
        "ParseCert": _bound(ParseCertRequest, operations.parse_cert, run),
        "ValidateCert": _bound(ValidateCertRequest, operations.validate_cert, run),
        "VerifySignedData": _bound(VerifySignedDataRequest, operations.verify_signed_data, run),
        "VerifySignedMessage": _bound(
            VerifySignedMessageRequest, operations.verify_signed_message, run
        ),
    }


def _bound(kind: type[R], operation: Callable[[R], Awaitable[Answer]], run: Run) -> BodyHandler:
    async def handle(body: bytes, content_type: str) -> bytes:
        try:
            request = await run(lambda: decode_request(kind, body, content_type))
            answer = await operation(request)
        except (Malformed, Refused) as error:
            answer = _said(RespValue.INVALID_DATA_FORMAT, str(error))
        return encode_answer(answer, content_type)

    return handle
