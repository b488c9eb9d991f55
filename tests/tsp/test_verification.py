import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import STAMPED_AT, TSA, VALIDITY, authority, generate
from kit.tokens import DOCUMENT, NONCE, POLICY, Recipe, ess_v1, ess_v2, hashed, tst_info

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.signed import cms
from appliance.asn1.tsp import PKIFailureInfo, encode_rejection
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.pki.issuing import CertificateTemplate
from appliance.quantities import Utc
from appliance.tsp.hashes import digest_imprint, document_imprint
from appliance.tsp.verifying.report import Reason, Sm2Id, Verdict
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

ALGORITHMS = pytest.mark.parametrize("algorithm", KeyAlgorithm)
P256 = authority(KeyAlgorithm.P256)
SM2 = authority(KeyAlgorithm.SM2)
EXPECTED = Expected(document_imprint(DOCUMENT))
TRUST = Trust.under(
    LibcryptoEngine(), [authority(algorithm).root.certificate for algorithm in KeyAlgorithm]
)
SOUND = Recipe(signer=P256.tsa)
TOKEN = SOUND.token()
RSA_NULL = algorithm_identifier(oids.SHA384_WITH_RSA, null=True)


def judge(data, expected=EXPECTED, trust=TRUST, intermediates=()):
    return verify_token(data, expected, trust, Evidence(intermediates))


def under(root, template, **changes):
    return root.issue(template, "Odd TSA", P256.tsa.key, serial_number=b"\x77", **changes)


@ALGORITHMS
def test_a_genuine_token_is_valid_and_told_in_full(algorithm):
    made = authority(algorithm)
    report = judge(Recipe(signer=made.tsa).token())
    assert (report.verdict, report.reason) == (Verdict.VALID, Reason.GENUINE)
    assert report.detail == "The token is genuine."
    assert report.tst_info.gen_time == STAMPED_AT
    assert report.tst_info.accuracy_us == 500
    assert report.signer == made.tsa.certificate
    assert report.signer_name == f"TSA {algorithm.value}"
    assert report.chain_subjects == (
        f"CN=TSA {algorithm.value},O=Shiyin test,C=CN",
        f"CN=Root {algorithm.value},O=Shiyin test,C=CN",
    )
    assert report.sm2_id is (Sm2Id.STANDARD if algorithm is KeyAlgorithm.SM2 else None)


def test_a_response_is_judged_by_its_token():
    assert judge(SOUND.response()).verdict is Verdict.VALID


@pytest.mark.parametrize("oid", [oids.SM2_WITH_SM3, oids.SM2_SIGN, oids.SM2_CURVE])
def test_sm2_is_known_by_each_of_its_names(oid):
    report = judge(Recipe(signer=SM2.tsa, signature_algorithm=algorithm_identifier(oid)).token())
    assert report.verdict is Verdict.VALID
    assert report.algorithm == oid


@pytest.mark.parametrize("version", [1, 3])
def test_the_outer_oid_of_gmt_0010_is_accepted(version):
    recipe = Recipe(signer=SM2.tsa, content_type=oids.GMT0010_SIGNED_DATA, version=version)
    assert judge(recipe.token()).verdict is Verdict.VALID


@pytest.mark.parametrize("sm2_id", [Sm2Id.EMPTY, Sm2Id.NO_Z])
def test_an_sm2_token_under_a_non_standard_id_is_invalid_and_diagnosed(sm2_id):
    report = judge(Recipe(signer=SM2.tsa, sm2_id=sm2_id).token())
    assert (report.verdict, report.reason) == (Verdict.INVALID, Reason.NON_STANDARD_SM2_ID)
    assert report.sm2_id is sm2_id
    assert sm2_id.value in report.detail


@pytest.mark.parametrize(
    "pin",
    [
        cms.attribute(oids.SIGNING_CERTIFICATE, ess_v1(P256.tsa.certificate)),
        cms.attribute(oids.SIGNING_CERTIFICATE_V2, ess_v2(P256.tsa.certificate, oids.SHA256)),
        cms.attribute(oids.SIGNING_CERTIFICATE_V2, ess_v2(P256.tsa.certificate, oids.SM3)),
    ],
    ids=["v1", "v2 by default", "v2 by SM3"],
)
def test_each_form_of_pin_is_accepted(pin):
    assert judge(attrs.evolve(SOUND, signing_certificate=pin).token()).verdict is Verdict.VALID


def test_a_signer_may_be_named_by_its_key_identifier():
    key_id = P256.tsa.certificate.extensions.subject_key_id
    signer_id = der.tlv(der.context(0, constructed=False), key_id)
    recipe = attrs.evolve(SOUND, signer_id=signer_id, signer_version=3)
    assert judge(recipe.token()).verdict is Verdict.VALID


def test_a_token_without_certificate_waits_for_one_and_takes_it_when_supplied():
    bare = attrs.evolve(SOUND, certificates=()).token()
    report = judge(bare)
    assert (report.verdict, report.reason) == (
        Verdict.INDETERMINATE,
        Reason.NO_SIGNER_CERTIFICATE,
    )
    assert judge(bare, intermediates=[P256.tsa.certificate]).verdict is Verdict.VALID


def test_without_its_root_a_token_is_indeterminate_yet_told():
    report = judge(TOKEN, trust=Trust.under(LibcryptoEngine(), [SM2.root.certificate]))
    assert (report.verdict, report.reason) == (Verdict.INDETERMINATE, Reason.NO_TRUST_ANCHOR)
    assert report.signer_name == "TSA p256"


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        (Expected(document_imprint(DOCUMENT), nonce=NONCE, policy=POLICY), Reason.GENUINE),
        (Expected(digest_imprint(oids.SHA256, hashed(oids.SHA256, DOCUMENT))), Reason.GENUINE),
        (Expected(document_imprint(b"another")), Reason.IMPRINT_MISMATCH),
        (Expected(digest_imprint(oids.SM3, bytes(32))), Reason.UNSUPPORTED),
        (Expected(document_imprint(DOCUMENT), nonce=1), Reason.NONCE_MISMATCH),
        (Expected(document_imprint(DOCUMENT), policy="2.999.2"), Reason.POLICY_MISMATCH),
    ],
)
def test_what_is_expected_of_a_token_is_compared(expected, reason):
    assert judge(TOKEN, expected).reason is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"econtent": tst_info(version=2)}, Reason.UNSUPPORTED),
        ({"econtent": b"garbage"}, Reason.MALFORMED),
        ({"econtent": tst_info(gen_time=Utc(0))}, Reason.UNFIT_CERTIFICATE),
        ({"content_type": oids.DATA}, Reason.NOT_A_TIMESTAMP),
        ({"econtent_type": oids.DATA}, Reason.NOT_A_TIMESTAMP),
        ({"version": 1}, Reason.UNSUPPORTED),
        ({"signer_version": 3}, Reason.UNSUPPORTED),
        ({"digest_algorithm": oids.SHA1}, Reason.UNSUPPORTED),
        ({"digest_algorithm": oids.SM3}, Reason.ALGORITHM_MISMATCH),
        ({"digest_algorithms": (oids.SM3,)}, Reason.ALGORITHM_MISMATCH),
        ({"signature_algorithm": algorithm_identifier("1.2.3")}, Reason.UNSUPPORTED),
        ({"signature_algorithm": algorithm_identifier(oids.RSA_ENCRYPTION)}, Reason.UNSUPPORTED),
        ({"signature_algorithm": RSA_NULL}, Reason.ALGORITHM_MISMATCH),
        (
            {"signature_algorithm": der.sequence(der.oid(oids.ECDSA_WITH_SHA256), der.integer(1))},
            Reason.UNSUPPORTED,
        ),
        (
            {"content_type_attribute": cms.attribute(oids.CONTENT_TYPE, der.oid(oids.DATA))},
            Reason.CONTENT_MISMATCH,
        ),
        ({"message_digest": der.octet_string(bytes(32))}, Reason.CONTENT_MISMATCH),
        ({"signing_certificate": b""}, Reason.SIGNER_MISMATCH),
        (
            {
                "signing_certificate": cms.attribute(
                    oids.SIGNING_CERTIFICATE_V2, ess_v2(P256.root.certificate)
                )
            },
            Reason.SIGNER_MISMATCH,
        ),
        (
            {
                "signing_certificate": cms.attribute(
                    oids.SIGNING_CERTIFICATE, ess_v1(P256.root.certificate)
                )
            },
            Reason.SIGNER_MISMATCH,
        ),
        (
            {"signing_certificate": cms.attribute(oids.SIGNING_CERTIFICATE_V2, der.NULL_VALUE)},
            Reason.MALFORMED,
        ),
        ({"signer": attrs.evolve(P256.tsa, key=P256.root.key)}, Reason.BAD_SIGNATURE),
        ({"signer": attrs.evolve(SM2.tsa, key=SM2.root.key)}, Reason.BAD_SIGNATURE),
        ({"certificates": (P256.root.certificate,)}, Reason.NO_SIGNER_CERTIFICATE),
    ],
)
def test_what_is_wrong_with_a_token_is_named(changes, reason):
    report = judge(attrs.evolve(SOUND, **changes).token())
    assert report.reason is reason
    assert report.verdict is not Verdict.VALID
    assert report.detail.endswith(".")


def test_an_sm2_signature_that_is_not_der_is_bad():
    token = Recipe(signer=SM2.tsa).token()
    report = judge(token[:-66] + bytes(66))
    assert report.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "template",
    [
        attrs.evolve(TSA, extended_key_usage=()),
        attrs.evolve(TSA, extended_key_usage=(oids.TIME_STAMPING, "1.3.6.1.5.5.7.3.1")),
        attrs.evolve(TSA, key_usage=TSA.key_usage | {KeyUsage.KEY_CERT_SIGN}),
        attrs.evolve(TSA, private_key_usage_s=86_400),
    ],
    ids=["no purpose", "another purpose", "may sign certificates", "key past its period"],
)
def test_a_certificate_unfit_for_time_stamping_is_refused(template):
    report = judge(Recipe(signer=under(P256.root, template)).token())
    assert report.reason is Reason.UNFIT_CERTIFICATE


def test_a_certificate_without_a_usage_period_may_sign_while_it_is_valid():
    template = attrs.evolve(TSA, private_key_usage_s=None)
    assert judge(Recipe(signer=under(P256.root, template)).token()).verdict is Verdict.VALID


def test_the_path_is_judged_at_gen_time():
    template = attrs.evolve(TSA, private_key_usage_s=None)
    late = attrs.evolve(VALIDITY, not_before=Utc(STAMPED_AT.posix_us + 1_000_000))
    report = judge(Recipe(signer=under(P256.root, template, validity=late)).token())
    assert report.reason is Reason.BAD_PATH
    assert report.detail.startswith("At genTime, not yet valid: CN=Odd TSA")


def test_a_chain_inside_the_token_is_used():
    ca_template = CertificateTemplate(
        name="ca", key_usage=frozenset({KeyUsage.KEY_CERT_SIGN}), is_ca=True, path_len=0
    )
    ca = P256.root.issue(ca_template, "Issuing CA", generate(KeyAlgorithm.P256))
    tsa = ca.issue(TSA, "Deep TSA", generate(KeyAlgorithm.P256))
    report = judge(Recipe(signer=tsa, certificates=(tsa.certificate, ca.certificate)).token())
    assert report.verdict is Verdict.VALID
    assert [link.subject.common_name for link in report.chain] == [
        "Deep TSA",
        "Issuing CA",
        "Root p256",
    ]


@pytest.mark.parametrize(
    ("critical", "reason"), [(True, Reason.UNSUPPORTED), (False, Reason.GENUINE)]
)
def test_only_a_critical_extension_of_tst_info_stops_verification(critical, reason):
    listed = der.tlv(
        der.context(1),
        der.sequence(der.oid("1.2.3"), der.TRUE if critical else b"", der.octet_string(b"x")),
    )
    plain = tst_info()
    start, end = der.whole(plain, der.SEQUENCE)
    recipe = attrs.evolve(SOUND, econtent=der.sequence(plain[start:end], listed))
    assert judge(recipe.token()).reason is reason


def test_a_rejection_is_reported_with_its_bit_and_words():
    report = judge(encode_rejection(PKIFailureInfo(14), "no satellites"))
    assert (report.verdict, report.reason) == (Verdict.INVALID, Reason.REJECTION)
    assert PKIFailureInfo(14).name in report.detail
    assert "no satellites" in report.detail


def test_a_rejection_without_a_bit_or_with_an_unknown_one_is_reported():
    status = der.sequence(der.integer(2))
    assert judge(der.sequence(status)).detail == "The authority refused: 'it gave no reason'."
    status = der.sequence(der.integer(2), der.bit_string(b"\x00\x10", 4))
    assert "(11)" in judge(der.sequence(status)).detail


def test_granted_without_a_token_is_malformed():
    assert judge(der.sequence(der.sequence(der.integer(0)))).reason is Reason.MALFORMED


@given(st.binary(max_size=100))
def test_garbage_is_malformed_and_never_raises(data):
    assert judge(data).reason is Reason.MALFORMED


@given(
    st.sampled_from([TOKEN, Recipe(signer=SM2.tsa).token()]),
    st.lists(
        st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)),
        min_size=1,
        max_size=3,
        unique_by=lambda flip: flip[0],
    ),
)
def test_a_mutated_token_is_never_valid_and_never_raises(token, flips):
    mutated = bytearray(token)
    for position, mask in flips:
        mutated[position % len(token)] ^= mask
    if mutated != token:
        assert judge(bytes(mutated)).verdict is not Verdict.VALID


@given(st.integers(0, len(TOKEN) - 1))
def test_a_token_cut_short_is_malformed(length):
    assert judge(TOKEN[:length]).reason is Reason.MALFORMED
