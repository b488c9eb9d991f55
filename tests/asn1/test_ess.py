import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, oids
from appliance.asn1.names import encode_name
from appliance.asn1.signed import cms
from appliance.asn1.signed.ess import (
    EssCertId,
    read_signing_certificate,
    read_signing_certificate_v2,
)
from appliance.errors import Malformed

ISSUER = encode_name("Root")
HASH = der.octet_string(b"hash")


@given(
    st.binary(min_size=1, max_size=64),
    st.sampled_from([oids.SHA256, oids.SM3, oids.SHA512]),
    st.integers(1, 1 << 159),
)
def test_what_is_written_is_read_back(cert_hash, algorithm, serial_number):
    written = cms.signing_certificate_v2(cert_hash, algorithm, ISSUER, der.integer(serial_number))
    read = read_signing_certificate_v2(written)
    assert read == EssCertId(algorithm, cert_hash, ISSUER, serial_number)


def test_version_1_means_sha_1_and_may_leave_the_issuer_out():
    value = der.sequence(der.sequence(der.sequence(HASH)))
    assert read_signing_certificate(value) == EssCertId(oids.SHA1, b"hash", None, None)


def test_sha_256_spelt_out_and_policies_are_taken():
    algorithm = der.sequence(der.oid(oids.SHA256), der.NULL_VALUE)
    value = der.sequence(der.sequence(der.sequence(algorithm, HASH)), der.sequence())
    assert read_signing_certificate_v2(value) == EssCertId(oids.SHA256, b"hash", None, None)


def test_only_the_first_certificate_is_the_signers():
    value = der.sequence(der.sequence(der.sequence(HASH), der.sequence(der.octet_string(b"ca"))))
    assert read_signing_certificate(value).cert_hash == b"hash"


@pytest.mark.parametrize(
    "value",
    [
        der.sequence(),
        der.sequence(der.sequence()),
        der.sequence(der.sequence(der.sequence(der.integer(1)))),
        der.sequence(der.sequence(der.sequence(HASH)), der.integer(1)),
        der.sequence(der.sequence(der.sequence(HASH)), der.sequence(), der.sequence()),
        der.sequence(der.sequence(der.sequence(HASH, der.sequence(der.sequence())))),
        der.sequence(
            der.sequence(der.sequence(der.sequence(der.oid("1.2.3"), der.integer(1)), HASH))
        ),
    ],
)
def test_an_ill_formed_value_is_refused(value):
    with pytest.raises(Malformed):
        read_signing_certificate_v2(value)


@given(st.binary(max_size=60))
def test_garbage_raises_only_malformed(data):
    nested = der.sequence(der.sequence(der.sequence(data)))
    for read in (read_signing_certificate, read_signing_certificate_v2):
        for candidate in (data, nested):
            try:
                read(candidate)
            except Malformed:
                continue
