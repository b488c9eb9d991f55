import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der
from appliance.asn1.extension import policies
from appliance.asn1.extension.policies import (
    PolicyConstraints,
    decode_certificate_policies,
    decode_inhibit_any_policy,
    decode_policy_constraints,
    decode_policy_mappings,
)
from appliance.errors import Malformed

OIDS = st.integers(0, 1000).map(lambda arc: f"2.999.{arc}")
COUNTS = st.integers(0, 1 << 20)
ONE, TWO = der.oid("2.999.1"), der.oid("2.999.2")


@given(st.lists(OIDS, min_size=1, max_size=8, unique=True), st.booleans())
def test_policies_written_by_a_second_library_are_read(found, has_qualifiers):
    qualifiers = ["https://a.example/cps"] if has_qualifiers else None
    theirs = x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), qualifiers) for oid in found]
    )
    assert decode_certificate_policies(theirs.public_bytes()) == tuple(found)


@given(st.none() | COUNTS, st.none() | COUNTS)
def test_constraints_written_by_a_second_library_are_read(explicit, mapping):
    if explicit is None and mapping is None:
        return
    theirs = x509.PolicyConstraints(explicit, mapping).public_bytes()
    assert decode_policy_constraints(theirs) == PolicyConstraints(explicit, mapping)


@given(COUNTS)
def test_inhibit_any_policy_written_by_a_second_library_is_read(count):
    assert decode_inhibit_any_policy(x509.InhibitAnyPolicy(count).public_bytes()) == count


@given(st.lists(st.tuples(OIDS, OIDS), min_size=1, max_size=8))
def test_mappings_written_are_read(pairs):
    written = der.sequence(*(der.sequence(der.oid(one), der.oid(other)) for one, other in pairs))
    assert decode_policy_mappings(written) == tuple(pairs)


@pytest.mark.parametrize(
    ("decode", "data"),
    [
        (decode_certificate_policies, der.sequence()),
        (decode_certificate_policies, der.sequence(der.sequence(ONE), der.sequence(ONE))),
        (decode_certificate_policies, der.sequence(ONE)),
        (decode_certificate_policies, der.sequence(der.sequence(ONE, ONE))),
        (
            decode_certificate_policies,
            der.sequence(*(der.sequence(der.oid(f"2.999.{arc}")) for arc in range(65))),
        ),
        (decode_policy_mappings, der.sequence()),
        (decode_policy_mappings, der.sequence(der.sequence(ONE))),
        (decode_policy_mappings, der.sequence(der.sequence(ONE, TWO, TWO))),
        (
            decode_policy_mappings,
            der.sequence(*[der.sequence(ONE, TWO)] * (policies.MAX_POLICIES + 1)),
        ),
        (decode_policy_constraints, der.sequence()),
        (decode_policy_constraints, der.sequence(der.integer(1))),
        (
            decode_policy_constraints,
            der.sequence(der.tlv(der.context(0, constructed=False), b"\xff")),
        ),
        (decode_inhibit_any_policy, der.integer(-1)),
        (decode_inhibit_any_policy, der.integer(1 << 40)),
    ],
)
def test_what_rfc_5280_does_not_know_is_malformed(decode, data):
    with pytest.raises(Malformed):
        decode(data)


@given(st.binary(max_size=64))
def test_garbage_is_malformed_and_nothing_else(data):
    for decode in (
        decode_certificate_policies,
        decode_policy_mappings,
        decode_policy_constraints,
        decode_inhibit_any_policy,
    ):
        try:
            decode(data)
        except Malformed:
            continue
