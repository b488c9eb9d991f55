"""The interface of GM/T 0033-2014 as Python functions: what to call, and its error numbers.

Each function bears the standard's name in snake case, and the standard's own name as an alias.
Where C returns a number and fills a buffer, these return the value or the number.  Known headers
disagree on numbers 03 to 0C: those here are the standard's, with SERVER_ERROR as 03.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from appliance.asn1 import oids
from appliance.asn1.tsp import PKIFailureInfo, PKIStatus, decode_response, encode_request
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Unavailable
from appliance.tsp.hashes import digest, document_imprint
from appliance.tsp.verifying.facts import original_request, precision, source_of_time
from appliance.tsp.verifying.report import Reason, Report
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

MAX_IN_DATA = 16 << 20


class StfCode(enum.IntEnum):
    """The standard's numbers: an image of PKIFailureInfo with a few more."""

    OK = 0
    INDATA_TOOLONG = 0x04000001
    NOT_ENOUGH_MEMORY = 0x04000002
    SERVER_ERROR = 0x04000003
    MALFORMAT = 0x04000004
    INVALID_ITEM = 0x04000005
    INVALID_SIGNATURE = 0x04000006
    INVALID_ALG = 0x04000007
    INVALID_REQUEST = 0x04000008
    INVALID_DATAFORMAT = 0x04000009
    TIME_NOT_AVAILABLE = 0x0400000A
    UNACCEPTED_POLICY = 0x0400000B
    UNACCEPTED_EXTENSION = 0x0400000C
    ADDINFO_NOT_AVAILBLE = 0x0400000D  # so the standard spells it
    SYSTEM_FAILURE = 0x0400000E


class Item(enum.IntEnum):
    """What GetTSDetail can be asked for."""

    TIME_OF_STAMP = 1
    CN_OF_TSSIGNER = 2
    ORIGINAL_DATA = 3
    CERT_OF_TSSERVER = 4
    CERTCHAIN_OF_TSSERVER = 5
    SOURCE_OF_TIME = 6
    TIME_PRECISION = 7
    RESPONSE_TYPE = 8
    SUBJECT_COUNTRY_OF_TSSIGNER = 9
    SUBJECT_ORGNIZATION_OF_TSSIGNER = 10  # so the standard spells it
    SUBJECT_CITY_OF_TSSIGNER = 11
    SUBJECT_EMAIL_OF_TSSIGNER = 12


WITH_CERTIFICATE: Final = 0
WITHOUT_CERTIFICATE: Final = 1
"""The request types: whether the reply is to carry the TSA's certificate."""

SGD_SM3, SGD_SHA256 = 0x00000001, 0x00000004
SGD_SM3_SM2, SGD_SHA256_RSA = 0x00020201, 0x00010004
"""Algorithms by the numbers of GM/T 0006."""

_HASHES = {SGD_SM3: oids.SM3, SGD_SHA256: oids.SHA256}
SIGNERS = {SGD_SM3_SM2: KeyAlgorithm.SM2, SGD_SHA256_RSA: KeyAlgorithm.RSA}
"""The key that signs, by signature algorithm; P-256 has no number in GM/T 0006."""

_SIGNATURES = {
    KeyAlgorithm.SM2: (oids.SM2_WITH_SM3, oids.SM2_SIGN, oids.SM2_CURVE, oids.EC_PUBLIC_KEY),
    KeyAlgorithm.RSA: (oids.RSA_ENCRYPTION, oids.SHA256_WITH_RSA),
}
_FAILURES: dict[int, StfCode] = {
    PKIFailureInfo.badAlg: StfCode.INVALID_ALG,
    PKIFailureInfo.badRequest: StfCode.INVALID_REQUEST,
    PKIFailureInfo.badDataFormat: StfCode.INVALID_DATAFORMAT,
    PKIFailureInfo.timeNotAvailable: StfCode.TIME_NOT_AVAILABLE,
    PKIFailureInfo.unacceptedPolicy: StfCode.UNACCEPTED_POLICY,
    PKIFailureInfo.unacceptedExtension: StfCode.UNACCEPTED_EXTENSION,
    PKIFailureInfo.addInfoNotAvailable: StfCode.ADDINFO_NOT_AVAILBLE,
    PKIFailureInfo.systemFailure: StfCode.SYSTEM_FAILURE,
}
_VERDICTS = {
    Reason.GENUINE: StfCode.OK,
    Reason.MALFORMED: StfCode.MALFORMAT,
    Reason.NOT_A_TIMESTAMP: StfCode.MALFORMAT,
    Reason.UNSUPPORTED: StfCode.INVALID_ALG,
    Reason.ALGORITHM_MISMATCH: StfCode.INVALID_ALG,
}
"""Whatever else is found is INVALID_SIGNATURE: the standard has no number for an open verdict."""

Respond = Callable[[bytes, KeyAlgorithm], bytes]
"""Answers a TimeStampReq by a TimeStampResp of that key; raises Unavailable when nobody does."""


class Environment:
    """What the standard calls a handle: whom to trust, whom to ask, and how answers travel.

    Without `respond` no response can be had; `transport` is what RESPONSE_TYPE tells.
    """

    def __init__(self, trust: Trust, respond: Respond | None = None, transport: str = "") -> None:
        self.trust = trust
        self.respond = respond
        self.transport = transport
        self.is_open = True


@attrs.frozen
class TsInfo:
    """What GetTSInfo gives: the TSA's common name, and genTime as a GeneralizedTime."""

    issuer_name: str
    time: str


def init_environment(
    trust: Trust, respond: Respond | None = None, transport: str = ""
) -> Environment:
    """Make a handle."""
    return Environment(trust, respond, transport)


def clear_environment(environment: Environment) -> StfCode:
    """Close a handle: every later call with it is INVALID_REQUEST."""
    if not environment.is_open:
        return StfCode.INVALID_REQUEST
    environment.is_open = False
    return StfCode.OK


def create_ts_request(
    environment: Environment,
    data: bytes,
    req_type: int,
    extension: bytes,
    hash_algorithm: int,
    *,
    nonce: int | None = None,
) -> bytes | StfCode:
    """Make the TimeStampReq for a document.  An extension is refused, as our TSA would."""
    if not environment.is_open or req_type not in (WITH_CERTIFICATE, WITHOUT_CERTIFICATE):
        return StfCode.INVALID_REQUEST
    if len(data) > MAX_IN_DATA:
        return StfCode.INDATA_TOOLONG
    if extension:
        return StfCode.UNACCEPTED_EXTENSION
    oid = _HASHES.get(hash_algorithm)
    imprint = None if oid is None else digest(oid, data)
    if oid is None or imprint is None:
        return StfCode.INVALID_ALG
    return encode_request(
        hash_algorithm=oid, imprint=imprint, nonce=nonce, cert_req=req_type == WITH_CERTIFICATE
    )


def create_ts_response(
    environment: Environment, request: bytes, signature_algorithm: int
) -> bytes | StfCode:
    """Have a TimeStampReq answered; a rejection becomes its number."""
    if not environment.is_open:
        return StfCode.INVALID_REQUEST
    signer = SIGNERS.get(signature_algorithm)
    if signer is None:
        return StfCode.INVALID_ALG
    if environment.respond is None:
        return StfCode.SERVER_ERROR
    try:
        response = environment.respond(request, signer)
    except Unavailable:
        return StfCode.SERVER_ERROR
    code = response_code(response)
    return response if code is StfCode.OK else code


def response_code(response: bytes) -> StfCode:
    """Tell the number for what became of a request."""
    try:
        decoded = decode_response(response)
    except Malformed:
        return StfCode.MALFORMAT
    if decoded.status in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        return StfCode.OK
    if decoded.failure is None:
        return StfCode.SYSTEM_FAILURE
    return _FAILURES.get(decoded.failure, StfCode.SYSTEM_FAILURE)


def verify_ts_validity(
    environment: Environment,
    response: bytes,
    hash_algorithm: int,
    signature_algorithm: int,
    certificate: bytes = b"",
    *,
    data: bytes | None = None,
) -> StfCode:
    """Verify a token; with `data`, which some headers leave out, also that it is for that.

    `certificate` is the TSA's in DER where the token lacks it.
    """
    if not environment.is_open:
        return StfCode.INVALID_REQUEST
    hash_oid, signer = _HASHES.get(hash_algorithm), SIGNERS.get(signature_algorithm)
    if hash_oid is None or signer is None:
        return StfCode.INVALID_ALG
    try:
        supplied = [decode_certificate(certificate)] if certificate else []
    except Malformed:
        return StfCode.INVALID_DATAFORMAT
    report = _report(environment, response, supplied, data)
    if report.reason is Reason.REJECTION:
        return response_code(response)
    info = report.tst_info
    if info is not None and (
        info.hash_algorithm != hash_oid or report.algorithm not in _SIGNATURES[signer]
    ):
        return StfCode.INVALID_ALG
    return _VERDICTS.get(report.reason, StfCode.INVALID_SIGNATURE)


def get_ts_info(environment: Environment, response: bytes) -> TsInfo | StfCode:
    """Give the main facts of a token, which need not be valid."""
    name = get_ts_detail(environment, response, Item.CN_OF_TSSIGNER)
    time = get_ts_detail(environment, response, Item.TIME_OF_STAMP)
    if isinstance(name, StfCode):
        return name
    if isinstance(time, StfCode):
        return time
    return TsInfo(name.decode(), time.decode("ascii"))


def get_ts_detail(environment: Environment, response: bytes, item: int) -> bytes | StfCode:
    """Give one fact of a token, which need not be valid; empty when the token does not tell.

    Text is UTF-8, certificates and the request are DER, a chain is one certificate after another.
    """
    if not environment.is_open:
        return StfCode.INVALID_REQUEST
    if item not in _TELLERS and item != Item.RESPONSE_TYPE:
        return StfCode.INVALID_ITEM
    report = _report(environment, response)
    if report.reason is Reason.REJECTION:
        return response_code(response)
    if report.tst_info is None:
        return StfCode.MALFORMAT
    if item == Item.RESPONSE_TYPE:
        return environment.transport.encode()
    return _TELLERS[item](report)


def _report(
    environment: Environment,
    response: bytes,
    certificates: Sequence[Certificate] = (),
    data: bytes | None = None,
) -> Report:
    expected = Expected(None if data is None else document_imprint(data))
    return verify_token(response, expected, environment.trust, Evidence(certificates))


def _time(report: Report) -> bytes:
    return report.tst_info.gen_time.generalized_time() if report.tst_info else b""


def _certificate(report: Report) -> bytes:
    return report.signer.der if report.signer else b""


def _chain(report: Report) -> bytes:
    return b"".join(certificate.der for certificate in report.chain)


def _source(report: Report) -> bytes:
    told = source_of_time(report.tst_info) if report.tst_info else None
    return (told or "").encode()


def _precision(report: Report) -> bytes:
    told = precision(report.tst_info) if report.tst_info else None
    return (told or "").encode()


def _subject(oid: str, report: Report) -> bytes:
    attributes = report.signer.subject.attributes if report.signer else ()
    return next((text for kind, text in reversed(attributes) if kind == oid), "").encode()


_TELLERS: dict[int, Callable[[Report], bytes]] = {
    Item.TIME_OF_STAMP: _time,
    Item.CN_OF_TSSIGNER: functools.partial(_subject, oids.COMMON_NAME),
    Item.ORIGINAL_DATA: original_request,
    Item.CERT_OF_TSSERVER: _certificate,
    Item.CERTCHAIN_OF_TSSERVER: _chain,
    Item.SOURCE_OF_TIME: _source,
    Item.TIME_PRECISION: _precision,
    Item.SUBJECT_COUNTRY_OF_TSSIGNER: functools.partial(_subject, oids.COUNTRY),
    Item.SUBJECT_ORGNIZATION_OF_TSSIGNER: functools.partial(_subject, oids.ORGANIZATION),
    Item.SUBJECT_CITY_OF_TSSIGNER: functools.partial(_subject, oids.LOCALITY),
    Item.SUBJECT_EMAIL_OF_TSSIGNER: functools.partial(_subject, oids.EMAIL_ADDRESS),
}

STF_InitEnvironment = init_environment
STF_ClearEnvironment = clear_environment
STF_CreateTSRequest = create_ts_request
STF_CreateTSResponse = create_ts_response
STF_VerifyTSValidity = verify_ts_validity
STF_GetTSInfo = get_ts_info
STF_GetTSDetail = get_ts_detail
