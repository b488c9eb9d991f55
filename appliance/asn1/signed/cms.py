"""CMS SignedData (RFC 5652 clause 5) as tokens use it: one SignerInfo, signed attributes.

The reader gives what a verifier judges and keeps the octets that were signed; the writer gives the
pieces a token template is made of.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import msgspec

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import (
    MAX_ALGORITHM_OCTETS,
    AlgorithmIdentifier,
    algorithm_identifier,
    read_algorithm,
    read_oid,
)
from appliance.errors import Malformed

MAX_TOKEN_OCTETS = 64 * 1024
MAX_CERTIFICATES = 16
MAX_ATTRIBUTES = 32
MAX_VALUES = 16
MAX_DIGEST_ALGORITHMS = 8
MAX_SERIAL_OCTETS = 32
MAX_CACHED_OCTETS = 1024

_CACHED_VALUES = 512
_CONTEXT_0 = der.context(0)
_CONTEXT_1 = der.context(1)
_SUBJECT_KEY_IDENTIFIER = der.context(0, constructed=False)


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An attribute: its type in dotted form and its values as TLVs."""

    oid: str
    values: tuple[bytes, ...]


class Signer(msgspec.Struct, frozen=True, gc=False):
    """A SignerInfo.

    The signer is named by `issuer` (Name TLV) and `serial_number`, or else by `key_identifier`; the
    absent ones are empty, zero and None.  `signed_attrs` is the TLV as it stands, tag A0.
    """

    version: int
    issuer: bytes
    serial_number: int
    key_identifier: bytes | None
    digest_algorithm: str
    signed_attrs: bytes
    attributes: tuple[Attribute, ...]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    has_unsigned_attrs: bool

    def values(self, oid: str) -> tuple[bytes, ...]:
        """Give the values of the signed attribute `oid`; none when it is absent."""
        for attribute in self.attributes:
            if attribute.oid == oid:
                return attribute.values
        return ()

    @property
    def signed_octets(self) -> bytes:
        """The octets under the signature: the attributes under the tag SET OF (RFC 5652 5.4)."""
        return b"\x31" + self.signed_attrs[1:]


class SignedToken(msgspec.Struct, frozen=True, gc=False):
    """A ContentInfo of SignedData with content inside and exactly one SignerInfo."""

    content_type: str
    version: int
    digest_algorithms: tuple[str, ...]
    econtent_type: str
    econtent: bytes
    certificates: tuple[bytes, ...]
    has_crls: bool
    signer: Signer


# --- reading --------------------------------------------------------------------------


def decode_token(data: bytes) -> SignedToken:
    """Decode a TimeStampToken of at most 64 KiB.  Raises Malformed.

    Certificates and attributes may stand in any order: tokens in the field do not sort them.
    Versions, OIDs and what the attributes say are for the verifier to judge.
    """
    if len(data) > MAX_TOKEN_OCTETS:
        raise Malformed("token is too long")
    start, end = der.whole(data, der.SEQUENCE)
    content_type, position = read_oid(data, start, end)
    start, stop = der.expect(data, position, end, _CONTEXT_0)
    der.finish(stop, end)
    start, end = der.expect(data, start, stop, der.SEQUENCE)
    der.finish(end, stop)
    return _signed_data(data, start, end, content_type)


def _signed_data(data: bytes, position: int, end: int, content_type: str) -> SignedToken:
    version, position = read_version(data, position, end)
    digest_algorithms, position = read_digest_algorithms(data, position, end)
    econtent_type, econtent, position = _encapsulated_content(data, position, end)
    certificates: tuple[bytes, ...] = ()
    has_crls = False
    tag, start, stop = der.read(data, position, end)
    if tag == _CONTEXT_0:
        certificates = read_certificates(data, start, stop)
        tag, start, stop = der.read(data, stop, end)
    if tag == _CONTEXT_1:
        has_crls = True
        tag, start, stop = der.read(data, stop, end)
    if tag != der.SET:
        raise Malformed("SignedData has no signerInfos")
    der.finish(stop, end)
    start, end = der.expect(data, start, stop, der.SEQUENCE)
    if end != stop:
        raise Malformed("SignedData has more than one SignerInfo")
    return SignedToken(
        content_type=content_type,
        version=version,
        digest_algorithms=digest_algorithms,
        econtent_type=econtent_type,
        econtent=econtent,
        certificates=certificates,
        has_crls=has_crls,
        signer=_signer(data, start, end),
    )


def read_version(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Read a CMSVersion and where it ends.  Raises Malformed."""
    start, stop = der.expect(data, position, end, der.INTEGER)
    return der.integer_value(data, start, stop, max_octets=4), stop


def read_digest_algorithms(data: bytes, position: int, end: int) -> tuple[tuple[str, ...], int]:
    """Read digestAlgorithms as OIDs and where they end.  Raises Malformed."""
    start, stop = der.expect(data, position, end, der.SET)
    if stop - start > MAX_DIGEST_ALGORITHMS * MAX_ALGORITHM_OCTETS:
        raise Malformed("too many digestAlgorithms")
    return _parse_digest_algorithms(data[start:stop]), stop


@functools.lru_cache(_CACHED_VALUES)
def _parse_digest_algorithms(content: bytes) -> tuple[str, ...]:
    position, end = 0, len(content)
    found: list[str] = []
    while position < end:
        oid, position = read_digest_algorithm(content, position, end)
        found.append(oid)
        if len(found) > MAX_DIGEST_ALGORITHMS:
            raise Malformed("too many digestAlgorithms")
    return tuple(found)


def read_digest_algorithm(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Read a DigestAlgorithmIdentifier without parameters.  Raises Malformed."""
    algorithm, stop = read_algorithm(data, position, end)
    if not algorithm.is_plain:
        raise Malformed("a digest algorithm has parameters")
    return algorithm.oid, stop


def _encapsulated_content(data: bytes, position: int, end: int) -> tuple[str, bytes, int]:
    start, end = der.expect(data, position, end, der.SEQUENCE)
    econtent_type, position = read_oid(data, start, end)
    start, stop = der.expect(data, position, end, _CONTEXT_0)
    der.finish(stop, end)
    start, stop = der.expect(data, start, end, der.OCTET_STRING)
    der.finish(stop, end)
    return econtent_type, data[start:stop], end


def read_certificates(data: bytes, position: int, end: int) -> tuple[bytes, ...]:
    """Read what stands in `certificates`: X.509 alone, not yet decoded.  Raises Malformed."""
    found: list[bytes] = []
    for tag, tlv_start, _, stop in der.children(data, position, end):
        if tag != der.SEQUENCE or len(found) == MAX_CERTIFICATES:
            raise Malformed("certificates holds something else than a few certificates")
        found.append(data[tlv_start:stop])
    return tuple(found)


def _signer(data: bytes, position: int, end: int) -> Signer:
    version, position = read_version(data, position, end)
    (issuer, serial_number, key_identifier), position = read_signer_identifier(data, position, end)
    digest_algorithm, position = read_digest_algorithm(data, position, end)
    attributes_start = position
    start, position = der.expect(data, position, end, _CONTEXT_0)
    signed_attrs = data[attributes_start:position]
    attributes = read_attributes(data, start, position)
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


def read_signer_identifier(
    data: bytes, position: int, end: int
) -> tuple[tuple[bytes, int, bytes | None], int]:
    """Read (issuer, serial number, key identifier) as `Signer` has them.  Raises Malformed."""
    tag, start, stop = der.read(data, position, end)
    if tag == _SUBJECT_KEY_IDENTIFIER:
        return (b"", 0, data[start:stop]), stop
    if tag != der.SEQUENCE:
        raise Malformed("SignerInfo does not name its signer")
    content = data[start:stop]
    if len(content) > MAX_CACHED_OCTETS:
        return _issuer_and_serial(content), stop
    return _cached_issuer_and_serial(content), stop


def _issuer_and_serial(content: bytes) -> tuple[bytes, int, None]:
    end = len(content)
    _, name_stop = der.expect(content, 0, end, der.SEQUENCE)
    start, stop = der.expect(content, name_stop, end, der.INTEGER)
    der.finish(stop, end)
    serial_number = der.integer_value(content, start, stop, max_octets=MAX_SERIAL_OCTETS)
    return content[:name_stop], serial_number, None


def read_attributes(data: bytes, position: int, end: int) -> tuple[Attribute, ...]:
    """Read Attributes that fill a container, each type once.  Raises Malformed."""
    found: dict[str, Attribute] = {}
    while position < end:
        start, position = der.expect(data, position, end, der.SEQUENCE)
        content = data[start:position]
        is_short = position - start <= MAX_CACHED_OCTETS
        parsed = _cached_attribute(content) if is_short else _attribute(content)
        if parsed.oid in found or len(found) == MAX_ATTRIBUTES:
            raise Malformed("an attribute stands twice, or there are too many (RFC 5652 5.3)")
        found[parsed.oid] = parsed
    return tuple(found.values())


def _attribute(content: bytes) -> Attribute:
    end = len(content)
    oid, position = read_oid(content, 0, end)
    start, stop = der.expect(content, position, end, der.SET)
    der.finish(stop, end)
    return Attribute(oid, _values(content, start, stop))


# The signer's name is the same from token to token, and all attributes but messageDigest are.
_cached_issuer_and_serial = functools.lru_cache(_CACHED_VALUES)(_issuer_and_serial)
_cached_attribute = functools.lru_cache(_CACHED_VALUES)(_attribute)


def _values(data: bytes, position: int, end: int) -> tuple[bytes, ...]:
    found: list[bytes] = []
    while position < end:
        _, _, stop = der.read(data, position, end)
        if len(found) == MAX_VALUES:
            raise Malformed("an attribute has too many values")
        found.append(data[position:stop])
        position = stop
    if not found:
        raise Malformed("an attribute has no value")
    return tuple(found)


# --- writing --------------------------------------------------------------------------


def attribute(oid: str, *values: bytes) -> bytes:
    """Render an Attribute with these values as TLVs."""
    return der.sequence(der.oid(oid), der.set_of(values))


def issuer_and_serial_number(issuer: bytes, serial_number: bytes) -> bytes:
    """Render IssuerAndSerialNumber from a Name TLV and an INTEGER TLV."""
    return der.sequence(issuer, serial_number)


def certificate_set(certificates: Iterable[bytes]) -> bytes:
    """Render `certificates [0]`, sorted as DER has it: strict clients refuse another order."""
    return der.tlv(_CONTEXT_0, *sorted(certificates))


def signing_certificate_v2(
    cert_hash: bytes, hash_algorithm: str, issuer: bytes, serial_number: bytes
) -> bytes:
    """Render SigningCertificateV2 with one ESSCertIDv2 and its issuerSerial.  RFC 5035 clause 4.

    hashAlgorithm is left out for SHA-256, its DEFAULT.  `issuer` is a Name TLV, `serial_number` an
    INTEGER TLV.
    """
    algorithm = b"" if hash_algorithm == oids.SHA256 else algorithm_identifier(hash_algorithm)
    directory_name = der.tlv(der.context(4), issuer)
    issuer_serial = der.sequence(der.sequence(directory_name), serial_number)
    ess_cert_id = der.sequence(algorithm, der.octet_string(cert_hash), issuer_serial)
    return der.sequence(der.sequence(ess_cert_id))
