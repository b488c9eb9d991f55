"""A plain client of RFC 3161 3.4 on http.client, and the parts of what comes back.

The parts are read by pyasn1, which shares nothing with the product.
"""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ
from pyasn1_modules import rfc3161, rfc5652

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
TIMEOUT_S = 30.0
SHA256 = "2.16.840.1.101.3.4.2.1"


@attrs.frozen
class Answer:
    """An HTTP answer."""

    status: int
    media_type: str
    body: bytes


@attrs.frozen
class Reply:
    """A TimeStampResp: status, the bits set in failInfo, and the token's DER if there is one."""

    status: int
    failures: tuple[int, ...]
    token: bytes


@attrs.frozen
class TokenParts:
    """What a verifier needs of a token; `signed_attributes` is tagged SET OF, as it is signed."""

    content_type: str
    tst_info: bytes
    digest_algorithm: str
    signature_algorithm: str
    signed_attributes: bytes
    message_digest: bytes
    signature: bytes
    certificates: tuple[bytes, ...]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", parts.path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.headers["Content-Type"], response.read())
    finally:
        connection.close()


def post_query(url: str, der: bytes) -> bytes:
    """Send a TimeStampReq; gives the octets of the TimeStampResp."""
    answer = post(url, der, {"Content-Type": QUERY_TYPE})
    assert (answer.status, answer.media_type) == (200, REPLY_TYPE)
    return answer.body


def read_reply(der: bytes) -> Reply:
    """Decode a TimeStampResp with nothing after it."""
    response, rest = decoder.decode(der, asn1Spec=rfc3161.TimeStampResp())
    assert not rest
    info, token = response["status"], response["timeStampToken"]
    failures = info["failInfo"] if info["failInfo"].isValue else ()
    return Reply(
        int(info["status"]),
        tuple(number for number, bit in enumerate(failures) if bit),
        encoder.encode(token) if token.isValue else b"",
    )


def token_of(der: bytes) -> bytes:
    """Give the token of a TimeStampResp that was granted."""
    reply = read_reply(der)
    assert (reply.status, reply.failures) == (0, ())
    assert der.endswith(reply.token)
    return reply.token


def read_token(token: bytes) -> TokenParts:
    """Take a token apart; its signed attributes must stand in it in DER."""
    info, _ = decoder.decode(token, asn1Spec=rfc5652.ContentInfo())
    signed, _ = decoder.decode(bytes(info["content"]), asn1Spec=rfc5652.SignedData())
    (signer,) = signed["signerInfos"]
    attributes = univ.SetOf()
    attributes.extend(signer["signedAttrs"])
    octets: bytes = encoder.encode(attributes)
    assert b"\xa0" + octets[1:] in token
    values = {str(each["attrType"]): bytes(each["attrValues"][0]) for each in attributes}
    digest, _ = decoder.decode(values[str(rfc5652.id_messageDigest)])
    return TokenParts(
        content_type=str(info["contentType"]),
        tst_info=bytes(signed["encapContentInfo"]["eContent"]),
        digest_algorithm=str(signer["digestAlgorithm"]["algorithm"]),
        signature_algorithm=str(signer["signatureAlgorithm"]["algorithm"]),
        signed_attributes=octets,
        message_digest=bytes(digest),
        signature=bytes(signer["signature"]),
        certificates=tuple(encoder.encode(each["certificate"]) for each in signed["certificates"]),
    )


def with_flipped_signature(der: bytes) -> bytes:
    """Give the same response with the last bit of its signature flipped."""
    return der[:-1] + bytes((der[-1] ^ 1,))


def tst_info(der: bytes) -> rfc3161.TSTInfo:
    """Give the TSTInfo of a TimeStampResp that was granted."""
    found, rest = decoder.decode(read_token(token_of(der)).tst_info, asn1Spec=rfc3161.TSTInfo())
    assert not rest
    return found


def make_query(
    *,
    version: int = 1,
    digest: str = SHA256,
    imprint: bytes = bytes(32),
    policy: str | None = None,
    nonce: int | None = None,
    extension: str | None = None,
) -> bytes:
    """Make a TimeStampReq, of forms that a sound client would not send too."""
    query = rfc3161.TimeStampReq()
    query["version"] = version
    query["messageImprint"]["hashAlgorithm"]["algorithm"] = digest
    query["messageImprint"]["hashedMessage"] = imprint
    if policy is not None:
        query["reqPolicy"] = policy
    if nonce is not None:
        query["nonce"] = nonce
    query["certReq"] = True
    if extension is not None:
        query["extensions"][0]["extnID"] = extension
        query["extensions"][0]["extnValue"] = b"\x05\x00"
    octets: bytes = encoder.encode(query)
    return octets
