"""Tokens as the authority renders them, under our own verification."""

import hashlib

import pytest
from kit.authority import STAMPED_AT, authority
from kit.clock import FakeClock, reading_at
from kit.stamping import DIGESTS, PROFILES, WIDE, digest_of

from appliance.asn1 import oids
from appliance.asn1.tsp import encode_request
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.gate import TimeRules
from appliance.tsp.hashes import HASHES, document_imprint
from appliance.tsp.serial import SerialSource
from appliance.tsp.template import SignerCertificate, render_template
from appliance.tsp.verifying.report import Reason, Verdict
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

DOCUMENT = b"a discharge letter"
NONCE = 77
TRUST = Trust.under(
    LibcryptoEngine(), [authority(algorithm).root.certificate for algorithm in KeyAlgorithm]
)


def stamped(profile, hash_algorithm, *, cert_req=True):
    """Have a profile's real key answer a request for DOCUMENT; returns the TimeStampResp."""
    made = authority(profile.algorithm)
    tsa = made.tsa.certificate
    signer = SignerCertificate(
        certificate=tsa.der,
        issuer=tsa.issuer.der,
        serial_number=tsa.serial_number_tlv,
        subject=tsa.subject.der,
        chain=(made.root.certificate.der,),
    )
    template = render_template(profile, WIDE, signer, digest_of(profile))
    tsa_authority = Authority(
        PROFILES,
        {(profile.name, WIDE.oid): template},
        serials=SerialSource(1, bytes(8)),
        last_gen_time_us=0,
        digests=DIGESTS,
        rules=TimeRules(production=True, allow_system_time=False),
    )
    imprint = hashlib.new(HASHES[hash_algorithm], DOCUMENT).digest()
    request = encode_request(
        hash_algorithm=hash_algorithm, imprint=imprint, nonce=NONCE, cert_req=cert_req
    )
    clock = FakeClock(reading_at(STAMPED_AT.posix_us))
    (prepared,) = tsa_authority.prepare([Ask(profile.name, request)], clock)
    assert isinstance(prepared, Prepared)
    (signature,) = made.tsa.key.sign_many([prepared.signed_attributes])
    return prepared.response(signature)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("hash_algorithm", HASHES)
def test_what_the_authority_issues_verifies(profile, hash_algorithm):
    expected = Expected(document_imprint(DOCUMENT), nonce=NONCE, policy=WIDE.oid)
    report = verify_token(stamped(profile, hash_algorithm), expected, TRUST)
    assert report.verdict is Verdict.VALID, report.detail
    assert report.tst_info.gen_time == STAMPED_AT
    assert report.signer_name == f"TSA {profile.algorithm.value}"


def test_without_cert_req_the_certificate_must_be_supplied():
    response = stamped(PROFILES["sm2"], oids.SM3, cert_req=False)
    expected = Expected(document_imprint(DOCUMENT))
    assert verify_token(response, expected, TRUST).reason is Reason.NO_SIGNER_CERTIFICATE
    tsa = authority(KeyAlgorithm.SM2).tsa.certificate
    assert verify_token(response, expected, TRUST, Evidence([tsa])).verdict is Verdict.VALID
