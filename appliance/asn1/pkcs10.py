"""Certification requests (PKCS #10, RFC 2986; GM/T 0092 for SM2): a strict decoder, and a writer.

The signature is not judged here; `pki.requests` does that.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import AlgorithmIdentifier, read_algorithm, read_oid
from appliance.asn1.extension.extensions import Extensions, read_extensions
from appliance.asn1.keys import PublicKeyInfo, read_spki
from appliance.asn1.names import Name, read_name
from appliance.errors import Malformed

MAX_OCTETS = 16_384
MAX_ATTRIBUTES = 16

_V1 = der.integer(0)
_ATTRIBUTES = der.context(0)


@attrs.frozen(eq=False, repr=False)
class CertificationRequest:
    """A decoded request; two are equal when their DER is.

    `info` is the TLV that the signature covers, `extensions` what the requester asks for, and
    `signature` the content of the BIT STRING, as the scheme writes it.
    """

    der: bytes
    info: bytes
    subject: Name
    key: PublicKeyInfo
    extensions: Extensions
    signature_algorithm: AlgorithmIdentifier
    signature: bytes

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""
        return self.key.der

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificationRequest) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<CertificationRequest of {self.subject}>"


def decode_request(data: bytes) -> CertificationRequest:
    """Decode one request that fills `data`.  RFC 2986 4.

    Raises Malformed for anything that is not strict DER, an attribute that stands twice, an
    ill-formed extensionRequest, and past `MAX_OCTETS`.
    """
    if len(data) > MAX_OCTETS:
        raise Malformed("certification request is too long")
    start, stop = der.whole(data, der.SEQUENCE)
    position, info_stop = der.expect(data, start, stop, der.SEQUENCE)
    if not data.startswith(_V1, position, info_stop):
        raise Malformed("certification request is not of version v1")
    subject, position = read_name(data, position + len(_V1), info_stop)
    key, position = read_spki(data, position, info_stop)
    extensions = _read_attributes(data, position, info_stop)
    algorithm, position = read_algorithm(data, info_stop, stop)
    signature_start, signature_stop = der.expect(data, position, stop, der.BIT_STRING)
    der.finish(signature_stop, stop)
    return CertificationRequest(
        der=data,
        info=data[start:info_stop],
        subject=subject,
        key=key,
        extensions=extensions,
        signature_algorithm=algorithm,
        signature=der.bit_string_octets(data, signature_start, signature_stop),
    )


def _read_attributes(data: bytes, position: int, end: int) -> Extensions:
    """Read the attributes for the extensions in them.

    The field is not OPTIONAL, yet makers of requests leave it out; nothing hangs on it.
    """
    if position == end:
        return Extensions()
    start, stop = der.expect(data, position, end, _ATTRIBUTES)
    der.finish(stop, end)
    extensions = Extensions()
    seen: set[str] = set()
    for tag, _, attribute_start, attribute_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE or len(seen) == MAX_ATTRIBUTES:
            raise Malformed("attributes has something else than attributes, or too many")
        kind, values_at = read_oid(data, attribute_start, attribute_stop)
        if kind in seen:
            raise Malformed(f"attribute {kind} stands twice")
        seen.add(kind)
        values_start, values_stop = der.expect(data, values_at, attribute_stop, der.SET)
        der.finish(values_stop, attribute_stop)
        if kind == oids.EXTENSION_REQUEST:
            extensions = read_extensions(data, values_start, values_stop)
        elif not list(der.children(data, values_start, values_stop)):
            raise Malformed(f"attribute {kind} has no value")
    return extensions


# --- writing --------------------------------------------------------------------------------------


def encode_info(subject: bytes, spki: bytes, extensions: Iterable[bytes] = ()) -> bytes:
    """Render the CertificationRequestInfo to be signed, asking for the extensions given in DER.

    `x509.assemble` makes the request of it.
    """
    asked = list(extensions)
    attributes = (
        der.sequence(der.oid(oids.EXTENSION_REQUEST), der.set_of([der.sequence(*asked)]))
        if asked
        else b""
    )
    return der.sequence(_V1, subject, spki, der.tlv(_ATTRIBUTES, attributes))
