"""The four extensions of certificate policies: a strict, bounded decoder.

RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14.  Qualifiers are passed over.
"""

from __future__ import annotations

import attrs

from appliance.asn1 import der
from appliance.errors import Malformed

MAX_POLICIES = 64


@attrs.frozen
class PolicyConstraints:
    """After how many certificates a policy is required, and mapping forbidden; None is never."""

    require_explicit_policy: int | None
    inhibit_policy_mapping: int | None


def decode_certificate_policies(data: bytes) -> tuple[str, ...]:
    """Decode the policies that fill `data`; one may stand once.  Raises Malformed."""
    start, stop = der.whole(data, der.SEQUENCE)
    policies: list[str] = []
    for tag, _, info_start, info_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE or len(policies) == MAX_POLICIES:
            raise Malformed("certificatePolicies has something else than policies, or too many")
        policy, position = _identifier(data, info_start, info_stop)
        if position < info_stop:
            der.finish(der.expect(data, position, info_stop, der.SEQUENCE)[1], info_stop)
        policies.append(policy)
    if not policies or len(set(policies)) < len(policies):
        raise Malformed("certificatePolicies is empty or has a policy twice")
    return tuple(policies)


def decode_policy_mappings(data: bytes) -> tuple[tuple[str, str], ...]:
    """Decode pairs of issuerDomainPolicy and subjectDomainPolicy.  Raises Malformed."""
    start, stop = der.whole(data, der.SEQUENCE)
    pairs: list[tuple[str, str]] = []
    for tag, _, pair_start, pair_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE or len(pairs) == MAX_POLICIES:
            raise Malformed("policyMappings has something else than mappings, or too many")
        issuer_policy, position = _identifier(data, pair_start, pair_stop)
        subject_policy, position = _identifier(data, position, pair_stop)
        der.finish(position, pair_stop)
        pairs.append((issuer_policy, subject_policy))
    if not pairs:
        raise Malformed("policyMappings is empty")
    return tuple(pairs)


def decode_policy_constraints(data: bytes) -> PolicyConstraints:
    """Decode PolicyConstraints that fill `data`.  Raises Malformed."""
    position, end = der.whole(data, der.SEQUENCE)
    if position == end:
        raise Malformed("policyConstraints is empty")
    fields: list[int | None] = []
    for number in (0, 1):
        if position < end and data[position] == der.context(number, constructed=False):
            _, start, position = der.read(data, position, end)
            fields.append(_skip_certs(data, start, position))
        else:
            fields.append(None)
    der.finish(position, end)
    return PolicyConstraints(*fields)


def decode_inhibit_any_policy(data: bytes) -> int:
    """Decode after how many certificates anyPolicy stops to count.  Raises Malformed."""
    return _skip_certs(data, *der.whole(data, der.INTEGER))


def _identifier(data: bytes, position: int, end: int) -> tuple[str, int]:
    start, stop = der.expect(data, position, end, der.OBJECT_IDENTIFIER)
    return der.oid_text(data, start, stop), stop


def _skip_certs(data: bytes, start: int, stop: int) -> int:
    count = der.integer_value(data, start, stop, max_octets=4)
    if count < 0:
        raise Malformed("SkipCerts is negative")
    return count
