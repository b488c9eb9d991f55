"""SubjectPublicKeyInfo of any kind read; of P-256 and RSA written (RFC 3279, RFC 5480).

SM2 keys are written by `asn1.sm2`.
"""

from __future__ import annotations

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier, read_algorithm
from appliance.errors import Malformed

# OpenSSL 3 writes SM2-with-SM3 without parameters, as RFC 5758 asks of ECDSA.
SM2_WITH_SM3 = algorithm_identifier(oids.SM2_WITH_SM3)
ECDSA_WITH_SHA256 = algorithm_identifier(oids.ECDSA_WITH_SHA256)
SHA256_WITH_RSA = algorithm_identifier(oids.SHA256_WITH_RSA, null=True)

_P256_KEY = der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.PRIME256V1))
_RSA_KEY = algorithm_identifier(oids.RSA_ENCRYPTION, null=True)


@attrs.frozen
class PublicKeyInfo:
    """A SubjectPublicKeyInfo: its DER, the key's algorithm, its named curve if any, and its octets.

    `octets` is the content of subjectPublicKey: a point as X9.62 writes it, or an RSAPublicKey.
    """

    der: bytes = attrs.field(repr=False)
    algorithm: str
    curve: str | None
    octets: bytes = attrs.field(repr=False)


def p256_spki(point: bytes) -> bytes:
    """Render the SubjectPublicKeyInfo of an uncompressed P-256 point (65 octets)."""
    if len(point) != 65 or point[0] != 4:
        raise Malformed("an uncompressed P-256 point is 65 octets")
    return der.sequence(_P256_KEY, der.bit_string(point))


def rsa_spki(public: bytes) -> bytes:
    """Render the SubjectPublicKeyInfo of an RSAPublicKey in DER (RFC 8017 A.1.1)."""
    der.whole(public, der.SEQUENCE)
    return der.sequence(_RSA_KEY, der.bit_string(public))


def read_spki(data: bytes, position: int, end: int) -> tuple[PublicKeyInfo, int]:
    """Read a SubjectPublicKeyInfo and where it ends.  Raises Malformed.

    The key itself is not judged here: that is the verifier's part.
    """
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    algorithm, at = read_algorithm(data, start, stop)
    key_start, key_stop = der.expect(data, at, stop, der.BIT_STRING)
    der.finish(key_stop, stop)
    curve = _named_curve(algorithm.parameters) if algorithm.oid == oids.EC_PUBLIC_KEY else None
    octets = der.bit_string_octets(data, key_start, key_stop)
    return PublicKeyInfo(data[position:stop], algorithm.oid, curve, octets), stop


def _named_curve(parameters: bytes) -> str:
    """Explicit curves are refused: RFC 5480 2.1.1, and CVE-2020-0601 shows why."""
    start, stop = der.whole(parameters, der.OBJECT_IDENTIFIER)
    return der.oid_text(parameters, start, stop)
