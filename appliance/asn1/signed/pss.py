"""RSASSA-PSS-params (RFC 8017 A.2.3): read."""

from __future__ import annotations

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import parse_algorithm
from appliance.errors import Malformed

_DEFAULT_SALT_OCTETS = 20


@attrs.frozen
class PssParameters:
    """The hash, which is also that of the mask (MGF1), and the length of the salt."""

    hash_algorithm: str
    salt_octets: int


def decode_pss_parameters(data: bytes) -> PssParameters:
    """Decode parameters that fill `data`; absent fields have their defaults, of SHA-1.

    Raises Malformed, also for another mask than MGF1 with the same hash and another trailer than 1.
    """
    position, end = der.whole(data, der.SEQUENCE)
    fields: dict[int, bytes] = {}
    for tag, _, start, stop in der.children(data, position, end):
        number = tag - der.context(0)
        if not 0 <= number <= 3 or number <= max(fields, default=-1):
            raise Malformed("RSASSA-PSS-params has fields out of order or unknown")
        fields[number] = data[start:stop]
    hash_algorithm, mask_hash = oids.SHA1, oids.SHA1
    if 0 in fields:
        hash_algorithm = parse_algorithm(fields[0]).oid
    if 1 in fields:
        mask = parse_algorithm(fields[1])
        mask_hash = parse_algorithm(mask.parameters).oid if mask.oid == oids.MGF1 else mask.oid
    if mask_hash != hash_algorithm or fields.get(3, der.integer(1)) != der.integer(1):
        raise Malformed("RSASSA-PSS-params has another mask than MGF1 with its own hash")
    return PssParameters(hash_algorithm, _salt_octets(fields.get(2)))


def _salt_octets(field: bytes | None) -> int:
    if field is None:
        return _DEFAULT_SALT_OCTETS
    start, stop = der.whole(field, der.INTEGER)
    length = der.integer_value(field, start, stop, max_octets=3)
    if length < 0:
        raise Malformed("saltLength is negative")
    return length
