import functools
import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority, signing

from appliance.asn1 import der, keys, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.extension import extensions
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.names import encode_name
from appliance.asn1.pkcs10 import decode_request, encode_info
from appliance.asn1.x509 import assemble
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import spki_of
from appliance.pki.requests import make_request, open_request

ALGORITHMS = pytest.mark.parametrize("algorithm", KeyAlgorithm)
SUBJECT = encode_name("张三")
verify = functools.partial(verify_signature, LibcryptoEngine())
USAGE = extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE})


@functools.cache
def made(algorithm):
    key = authority(algorithm).tsa.key
    spki = spki_of(algorithm, key.public)
    return make_request(SUBJECT, spki, algorithm, signing(key), extensions=[USAGE])


@ALGORITHMS
def test_a_request_of_ours_is_opened(algorithm):
    opened = open_request(made(algorithm), verify)
    assert opened.algorithm is algorithm
    assert opened.subject.der == SUBJECT
    assert opened.spki == authority(algorithm).tsa.certificate.spki
    assert decode_request(made(algorithm)).extensions.key_usage == {KeyUsage.DIGITAL_SIGNATURE}


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_a_second_implementation_verifies_a_request_of_ours(algorithm):
    read = x509.load_der_x509_csr(made(algorithm))
    assert read.is_signature_valid
    assert read.subject.rfc4514_string() == "CN=张三"


@ALGORITHMS
@given(data=st.data())
def test_a_request_altered_anywhere_is_not_opened(algorithm, data):
    octets = bytearray(made(algorithm))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((Malformed, Refused)):
        open_request(bytes(octets), verify)


@ALGORITHMS
def test_a_request_for_anothers_key_is_refused(algorithm):
    other = authority(algorithm).root.certificate.spki
    stolen = make_request(SUBJECT, other, algorithm, signing(authority(algorithm).tsa.key))
    with pytest.raises(Refused, match="does not verify"):
        open_request(stolen, verify)


@pytest.mark.parametrize(
    ("algorithm", "scheme"),
    [
        (KeyAlgorithm.SM2, keys.ECDSA_WITH_SHA256),
        (KeyAlgorithm.SM2, algorithm_identifier(oids.SM2_SIGN)),
        (KeyAlgorithm.SM2, der.sequence(der.oid(oids.SM2_WITH_SM3), der.integer(1))),
        (KeyAlgorithm.P256, keys.SM2_WITH_SM3),
        (KeyAlgorithm.RSA, algorithm_identifier("1.2.840.113549.1.1.5", null=True)),
    ],
)
def test_a_request_signed_by_another_scheme_is_refused(algorithm, scheme):
    read = decode_request(made(algorithm))
    with pytest.raises(Refused, match="is not signed by"):
        open_request(assemble(read.info, scheme, read.signature), verify)


def foreign(key):
    built = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return built.public_bytes(serialization.Encoding.DER)


def test_a_request_of_another_library_is_opened():
    for key in (
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
    ):
        assert open_request(foreign(key), verify).subject.attributes == ()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),
        rsa.generate_private_key(3, 2048),
    ],
    ids=["P-384", "secp256k1", "RSA-1024", "RSA of exponent 3"],
)
def test_a_key_of_another_kind_or_a_weak_one_is_refused(key):
    with pytest.raises(Refused):
        open_request(foreign(key), verify)


def rsa_key(modulus, exponent, *more):
    return keys.rsa_spki(der.sequence(der.integer(modulus), der.integer(exponent), *more))


ODD = authority(KeyAlgorithm.P256).tsa.certificate.key.octets


@pytest.mark.parametrize(
    ("spki", "error"),
    [
        (rsa_key(3 * (1 << 2047) + 3, 65537), Refused),
        (rsa_key((1 << 2048) - 2, 65537), Refused),
        (rsa_key((1 << 8192) + 1, 65537), Refused),
        (rsa_key((1 << 8300) + 1, 65537), Malformed),
        (rsa_key(-(1 << 2047) - 1, 65537), Refused),
        (rsa_key(-5, 65537), Refused),
        (rsa_key((1 << 2047) + 1, 65538), Refused),
        (rsa_key((1 << 2047) + 1, 65537, der.integer(1)), Malformed),
        (
            der.sequence(algorithm_identifier(oids.RSA_ENCRYPTION), der.bit_string(der.sequence())),
            Malformed,
        ),
        (
            der.sequence(
                der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.PRIME256V1)),
                der.bit_string(b"\x02" + ODD[1:33]),
            ),
            Malformed,
        ),
        (
            der.sequence(
                der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.SM2_CURVE)),
                der.bit_string(b"\x02" + ODD[1:33]),
            ),
            Malformed,
        ),
        (keys.p256_spki(ODD[:-1] + bytes((ODD[-1] ^ 1,))), Refused),
        (spki_of(KeyAlgorithm.SM2, ODD[1:]), Refused),
    ],
    ids=itertools.count(),
)
def test_a_key_that_is_none_is_refused(spki, error):
    scheme = {
        oids.SM2_CURVE: keys.SM2_WITH_SM3,
        oids.PRIME256V1: keys.ECDSA_WITH_SHA256,
        None: keys.SHA256_WITH_RSA,
    }[keys.read_spki(spki, 0, len(spki))[0].curve]
    csr = assemble(encode_info(SUBJECT, spki), scheme, der.sequence(der.integer(1), der.integer(1)))
    with pytest.raises(error):
        open_request(csr, verify)


@given(st.binary(max_size=200))
def test_garbage_raises_only_malformed_or_refused(data):
    for candidate in (data, der.sequence(data)):
        with pytest.raises((Malformed, Refused)):
            open_request(candidate, verify)
