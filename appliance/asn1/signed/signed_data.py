"""CMS SignedData of any kind (RFC 5652 clause 5, RFC 2315 clause 9, GM/T 0010): read and written.

Several signers or none, content inside or apart, with signed attributes or without.  What is read
keeps the octets that were signed; nothing is judged here.  Tokens have a shorter way in `asn1.cms`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier, read_algorithm, read_oid
from appliance.asn1.signed import ber
from appliance.asn1.signed.cms import (
    Attribute,
    Signer,
    attribute,
    certificate_set,
    read_attributes,
    read_certificates,
    read_digest_algorithm,
    read_digest_algorithms,
    read_signer_identifier,
    read_version,
)
from appliance.errors import Malformed

MAX_OCTETS = 24 << 20
MAX_SIGNERS = 16
MAX_CRLS = 16
CONTENT_TYPES = frozenset({oids.SIGNED_DATA, oids.GMT0010_SIGNED_DATA})

_CONTEXT_0 = der.context(0)
_CONTEXT_1 = der.context(1)
_VERSION = der.integer(1)


class SignedData(msgspec.Struct, frozen=True, gc=False):
    """A ContentInfo of SignedData; `econtent` is None where the document is kept apart.

    A Signer without signed attributes has empty `signed_attrs`.
    """

    content_type: str
    version: int
    digest_algorithms: tuple[str, ...]
    econtent_type: str
    econtent: bytes | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    signers: tuple[Signer, ...]


# --- reading --------------------------------------------------------------------------------------


def is_signed_data(data: bytes) -> bool:
    """Tell whether `data` begins as a ContentInfo of SignedData does, in DER or in BER."""
    if data[:1] != b"\x30" or len(data) < 2:
        return False
    position = 2 + (data[1] & 0x7F if data[1] > 0x80 else 0)
    return any(data.startswith(der.oid(each), position) for each in CONTENT_TYPES)


def decode_signed_data(data: bytes, *, max_octets: int = MAX_OCTETS) -> SignedData:
    """Decode a ContentInfo of SignedData that fills `data`.  Raises Malformed.

    Open lengths are closed first, as streaming writers leave them; all else is strict DER.
    """
    if len(data) > max_octets:
        raise Malformed("SignedData is too long")
    data = ber.definite(data)
    start, end = der.whole(data, der.SEQUENCE)
    content_type, position = read_oid(data, start, end)
    if content_type not in CONTENT_TYPES:
        raise Malformed(f"the content type {content_type} is not SignedData")
    start, stop = der.expect(data, position, end, _CONTEXT_0)
    der.finish(stop, end)
    start, end = der.expect(data, start, stop, der.SEQUENCE)
    der.finish(end, stop)
    return _signed_data(data, start, end, content_type)


def _signed_data(data: bytes, position: int, end: int, content_type: str) -> SignedData:
    version, position = read_version(data, position, end)
    digest_algorithms, position = read_digest_algorithms(data, position, end)
    econtent_type, econtent, position = _content(data, position, end)
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    tag, start, stop = der.read(data, position, end)
    if tag == _CONTEXT_0:
        certificates = read_certificates(data, start, stop)
        tag, start, stop = der.read(data, stop, end)
    if tag == _CONTEXT_1:
        crls = _crls(data, start, stop)
        tag, start, stop = der.read(data, stop, end)
    if tag != der.SET:
        raise Malformed("SignedData has no signerInfos")
    der.finish(stop, end)
    return SignedData(
        content_type=content_type,
        version=version,
        digest_algorithms=digest_algorithms,
        econtent_type=econtent_type,
        econtent=econtent,
        certificates=certificates,
        crls=crls,
        signers=_signers(data, start, stop),
    )


def _content(data: bytes, position: int, end: int) -> tuple[str, bytes | None, int]:
    start, end = der.expect(data, position, end, der.SEQUENCE)
    econtent_type, position = read_oid(data, start, end)
    if position == end:
        return econtent_type, None, end
    start, stop = der.expect(data, position, end, _CONTEXT_0)
    der.finish(stop, end)
    # RFC 2315 let any type stand here; then what was hashed depends on who reads it.
    start, stop = der.expect(data, start, end, der.OCTET_STRING)
    der.finish(stop, end)
    return econtent_type, data[start:stop], end


def _crls(data: bytes, position: int, end: int) -> tuple[bytes, ...]:
    """Give the lists; another format of revocation information, [1], is passed over."""
    found: list[bytes] = []
    for count, (tag, tlv_start, _, stop) in enumerate(der.children(data, position, end)):
        if tag not in (der.SEQUENCE, _CONTEXT_1) or count == MAX_CRLS:
            raise Malformed("crls holds something else than a few lists")
        if tag == der.SEQUENCE:
            found.append(data[tlv_start:stop])
    return tuple(found)


def _signers(data: bytes, position: int, end: int) -> tuple[Signer, ...]:
    found: list[Signer] = []
    for tag, _, start, stop in der.children(data, position, end):
        if tag != der.SEQUENCE or len(found) == MAX_SIGNERS:
            raise Malformed("signerInfos holds something else than a few signers")
        found.append(_signer(data, start, stop))
    return tuple(found)


def _signer(data: bytes, position: int, end: int) -> Signer:
    version, position = read_version(data, position, end)
    (issuer, serial_number, key_identifier), position = read_signer_identifier(data, position, end)
    digest_algorithm, position = read_digest_algorithm(data, position, end)
    signed_attrs, attributes, position = _signed_attributes(data, position, end)
    signature_algorithm, position = read_algorithm(data, position, end)
    start, stop = der.expect(data, position, end, der.OCTET_STRING)
    has_unsigned_attrs = stop != end
    if has_unsigned_attrs:
        _, position = der.expect(data, stop, end, _CONTEXT_1)
        der.finish(position, end)
    return Signer(
        version=version,
        issuer=issuer,
        serial_number=serial_number,
        key_identifier=key_identifier,
        digest_algorithm=digest_algorithm,
        signed_attrs=signed_attrs,
        attributes=attributes,
        signature_algorithm=signature_algorithm,
        signature=data[start:stop],
        has_unsigned_attrs=has_unsigned_attrs,
    )


def _signed_attributes(
    data: bytes, position: int, end: int
) -> tuple[bytes, tuple[Attribute, ...], int]:
    tag, start, stop = der.read(data, position, end)
    if tag != _CONTEXT_0:
        return b"", (), position
    return data[position:stop], read_attributes(data, start, stop), stop


def are_signed_attributes(document: bytes) -> bool:
    """Tell whether a document has the form of what stands under a signature with attributes.

    A signature over such octets is one over another document too: the signed attributes of one
    SignedData pass for the content of another that has none.
    """
    if document[:1] != b"\x31":
        return False
    try:
        start, stop = der.whole(document, der.SET)
        types = {each.oid for each in read_attributes(document, start, stop)}
    except Malformed:
        return False
    return oids.MESSAGE_DIGEST in types


# --- writing --------------------------------------------------------------------------------------


def signed_attributes(content_type: str, message_digest: bytes, *more: bytes) -> bytes:
    """Render the SET OF Attribute to be signed; `more` are whole Attributes.  RFC 5652 5.4."""
    required = (
        attribute(oids.CONTENT_TYPE, der.oid(content_type)),
        attribute(oids.MESSAGE_DIGEST, der.octet_string(message_digest)),
    )
    return der.set_of((*required, *more))


def signer_info(
    identifier: bytes,
    digest_algorithm: str,
    attributes: bytes,
    signature_algorithm: bytes,
    signature: bytes,
) -> bytes:
    """Render a SignerInfo, version 1, named by IssuerAndSerialNumber.

    `attributes` is what `signed_attributes` gave, or empty; `signature_algorithm` a whole TLV.
    """
    return der.sequence(
        _VERSION,
        identifier,
        algorithm_identifier(digest_algorithm),
        b"\xa0" + attributes[1:] if attributes else b"",
        signature_algorithm,
        der.octet_string(signature),
    )


def encode_signed_data(
    econtent: bytes | None,
    digest_algorithms: Iterable[str],
    certificates: Iterable[bytes],
    signer_infos: Iterable[bytes],
    *,
    is_gmt: bool = False,
) -> bytes:
    """Render a ContentInfo of SignedData over data, which is left out where it is None.

    With `is_gmt` under the content types of GM/T 0010, else of RFC 5652.
    """
    outer = oids.GMT0010_SIGNED_DATA if is_gmt else oids.SIGNED_DATA
    inner = oids.GMT0010_DATA if is_gmt else oids.DATA
    content = b"" if econtent is None else der.tlv(_CONTEXT_0, der.octet_string(econtent))
    inside = tuple(certificates)
    signed_data = der.sequence(
        _VERSION,
        der.set_of(map(algorithm_identifier, dict.fromkeys(digest_algorithms))),
        der.sequence(der.oid(inner), content),
        certificate_set(inside) if inside else b"",
        der.set_of(signer_infos),
    )
    return der.sequence(der.oid(outer), der.tlv(_CONTEXT_0, signed_data))
