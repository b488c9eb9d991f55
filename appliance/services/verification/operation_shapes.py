"""Requests and answers of GB/T 38629-2020 Annex A, and the codes of its Annex D.

Fields have the standard's own names.  A body is JSON, or a form; octets are base64 in both.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta

from appliance.errors import Malformed
from appliance.pki.particulars import Particulars

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 32


class RespValue(enum.IntEnum):
    """The response codes of Annex D."""

    SUCCESS = 0
    CERT_ID = 0x04000001  # no such identifier
    CERT_INFO_TYPE = 0x04000002
    SERVER_CONNECT = 0x04000003  # nothing tells of revocation
    SIGN_METHOD = 0x04000004
    CERT = 0x04000007  # unlawful, or not in the server
    CERT_DECODE = 0x04000008
    CERT_INVALID_AF = 0x04000009  # expired
    CERT_INVALID_BF = 0x0400000A  # not yet valid
    CERT_REMOVED = 0x0400000B  # revoked
    INVALID_SIGNATURE = 0x0400000C
    INVALID_DATA_FORMAT = 0x0400000D
    SYSTEM_FAILURE = 0x0400000E


class SignMethod(enum.IntEnum):
    """The signature algorithms of GM/T 0006 that are verified here."""

    SHA256_RSA = 0x00010004
    SM3_SM2 = 0x00020201


class ExportCertRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a certificate by its identifier."""

    identification: Annotated[str, Meta(min_length=1, max_length=128)]


class ParseCertRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for one item of a certificate, by its number in GM/T 0006; 0 gives all of them."""

    cert: bytes
    infoType: Annotated[int, Meta(ge=0, le=0xFF)] = 0  # noqa: N815  Annex A's


class ValidateCertRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask whether a certificate is good; `ocsp` says that OCSP is asked, else lists."""

    cert: bytes
    ocsp: bool = False


class VerifySignedDataRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Verify a bare signature.

    `type` 1 has the certificate in `cert`, 2 its number in `certSN`.  `verifyLevel` 0 asks for its
    validity in time, 1 for its issuers besides, 2 for revocation besides.
    """

    signMethod: int  # noqa: N815
    type: Literal[1, 2] = 1
    cert: bytes = b""
    certSN: Annotated[str, Meta(max_length=128)] = ""  # noqa: N815
    inDataLen: int | None = None  # noqa: N815
    inData: bytes  # noqa: N815
    signature: bytes
    verifyLevel: Literal[0, 1, 2] = 2  # noqa: N815


class VerifySignedMessageRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Verify SignedData; without `originalTextFlag` the document comes in `inData`.

    The other flags tell what was put inside, which is seen there anyway.
    """

    inDataLen: int | None = None  # noqa: N815
    inData: bytes = b""  # noqa: N815
    signedMessage: bytes  # noqa: N815
    hashFlag: bool = False  # noqa: N815
    originalTextFlag: bool = False  # noqa: N815
    certificateChainFlag: bool = False  # noqa: N815
    crlFlag: bool = False  # noqa: N815
    authenticatedAttributesFlag: bool = False  # noqa: N815
    verifyLevel: Literal[0, 1, 2] = 2  # noqa: N815


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer: the code, and what was asked for; `detail` is a sentence for a person."""

    respValue: int  # noqa: N815
    detail: str = ""
    cert: bytes | None = None
    info: str | None = None
    particulars: Particulars | None = None
    state: int | None = None


# --- bodies ---------------------------------------------------------------------------------------

R = TypeVar("R", bound=msgspec.Struct)


def decode_request(kind: type[R], body: bytes, content_type: str) -> R:
    """Decode a body.  Raises Malformed."""
    try:
        if content_type != FORM:
            return msgspec.json.decode(body, type=kind)
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
        )
        if len(dict(fields)) < len(fields):
            raise Malformed("a field stands twice")
        return msgspec.convert(dict(fields), kind, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Malformed(str(error)) from error


def encode_answer(answer: Answer, content_type: str) -> bytes:
    """Encode an answer in the manner of its request; in a form, what is a table is JSON."""
    if content_type != FORM:
        return msgspec.json.encode(answer)
    plain = msgspec.to_builtins(answer)
    if answer.particulars is not None:
        plain["particulars"] = msgspec.json.encode(answer.particulars).decode()
    return urlencode(plain).encode()
