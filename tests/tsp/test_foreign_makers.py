"""What other makers write, odd as it may be, and what is said of it.

Each row is a habit met in the field or in a library; the comments name who has it.
"""

import pytest
from kit.authority import TSA, VALIDITY, Subject, authority, generate
from kit.tokens import DOCUMENT, Recipe, ess_v1, ess_v2, ess_v2_with_null, hashed, tst_info

from appliance.asn1 import der, oids, sm2
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.names import encode_name
from appliance.asn1.signed import cms
from appliance.asn1.tsp import message_imprint
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.pki.issuing import issue, spki_of
from appliance.tsp.hashes import document_imprint
from appliance.tsp.verifying.report import Deviation, Reason, Sm2Id, Verdict
from appliance.tsp.verifying.verification import Expected, Trust, verify_token

ENGINE = LibcryptoEngine()
SM2, P256, RSA = (authority(algorithm) for algorithm in KeyAlgorithm)
TRUST = Trust.under(ENGINE, [made.root.certificate for made in (SM2, P256, RSA)])
EXPECTED = Expected(document_imprint(DOCUMENT))

GMT_DATA = "1.2.156.10197.6.1.4.2.1"
SHA1_WITH_RSA = "1.2.840.113549.1.1.5"
RSASSA_PSS = "1.2.840.113549.1.1.10"
ECDSA_WITH_SHA1 = "1.2.840.10045.4.1"
MD5 = "1.2.840.113549.2.5"

GMT = Deviation.GMT0010_CONTENT_TYPE
SM2_1 = Deviation.SM2_1_AS_SIGNATURE
CURVE = Deviation.CURVE_AS_SIGNATURE
KEY_TYPE = Deviation.KEY_TYPE_AS_SIGNATURE


def written(oid, *, null=False, curve=None):
    if curve is not None:
        return der.sequence(der.oid(oid), der.oid(curve))
    return algorithm_identifier(oid, null=null)


def pinned(value, attribute=oids.SIGNING_CERTIFICATE_V2):
    return cms.attribute(attribute, value)


def by_sm2(**changes):
    return Recipe(signer=SM2.tsa, **changes)


def by_p256(**changes):
    return Recipe(signer=P256.tsa, **changes)


def by_rsa(**changes):
    return Recipe(signer=RSA.tsa, **changes)


def signed_by_sm2(subject, octets, user_id=DEFAULT_ID):
    digest = ENGINE.message_digest(subject.key.public, octets, user_id)
    return sm2.signature_to_der(subject.key.sign_digest(digest))


def judge(recipe):
    return verify_token(recipe.token(), EXPECTED, TRUST)


SM2_CERTIFICATE, RSA_CERTIFICATE = SM2.tsa.certificate, RSA.tsa.certificate
MD5_PIN = der.sequence(
    der.sequence(der.sequence(algorithm_identifier(MD5), der.octet_string(bytes(16))))
)
SM3_IMPRINT = hashed(oids.SM3, DOCUMENT)

ACCEPTED = {
    "Tongsuo: SM3 throughout": (
        by_sm2(
            econtent=tst_info(
                hash_algorithm=oids.SM3,
                imprint=SM3_IMPRINT,
                imprint_tlv=message_imprint(oids.SM3, SM3_IMPRINT),
            )
        ),
        (),
    ),
    "BouncyCastle: NULL beside the hash of ESSCertIDv2": (
        by_sm2(signing_certificate=pinned(ess_v2_with_null(SM2_CERTIFICATE, oids.SM3))),
        (),
    ),
    "NULL beside SHA-256, which is the default anyway": (
        by_sm2(signing_certificate=pinned(ess_v2_with_null(SM2_CERTIFICATE, oids.SHA256))),
        (),
    ),
    "OpenSSL ts before 3: ESSCertID of version 1": (
        by_rsa(signing_certificate=pinned(ess_v1(RSA_CERTIFICATE), oids.SIGNING_CERTIFICATE)),
        (),
    ),
    "GM/T 0010 outside and inside, version 1": (
        by_sm2(
            content_type=oids.GMT0010_SIGNED_DATA,
            version=1,
            signature_algorithm=written(oids.SM2_SIGN),
        ),
        (GMT, SM2_1),
    ),
    "GM/T 0010 outside, SM2-with-SM3 inside": (
        by_sm2(content_type=oids.GMT0010_SIGNED_DATA),
        (GMT,),
    ),
    "PKCS #7 outside, SM2-1 inside": (
        by_sm2(signature_algorithm=written(oids.SM2_SIGN, null=True)),
        (SM2_1,),
    ),
    "the curve as signature algorithm": (
        by_sm2(signature_algorithm=written(oids.SM2_CURVE)),
        (CURVE,),
    ),
    "GM/T 0010 outside, the curve inside": (
        by_sm2(content_type=oids.GMT0010_SIGNED_DATA, signature_algorithm=written(oids.SM2_CURVE)),
        (GMT, CURVE),
    ),
    "OpenSSL cms: ecPublicKey as signature algorithm": (
        by_sm2(signature_algorithm=written(oids.EC_PUBLIC_KEY)),
        (KEY_TYPE,),
    ),
    "ecPublicKey with its curve": (
        by_sm2(signature_algorithm=written(oids.EC_PUBLIC_KEY, curve=oids.SM2_CURVE)),
        (KEY_TYPE,),
    ),
    "ecPublicKey with its curve, P-256": (
        by_p256(signature_algorithm=written(oids.EC_PUBLIC_KEY, curve=oids.PRIME256V1)),
        (KEY_TYPE,),
    ),
    "ECDSA with NULL": (
        by_p256(signature_algorithm=written(oids.ECDSA_WITH_SHA256, null=True)),
        (),
    ),
    "rsaEncryption without NULL": (
        by_rsa(signature_algorithm=written(oids.RSA_ENCRYPTION)),
        (),
    ),
    "sha256WithRSAEncryption": (
        by_rsa(signature_algorithm=written(oids.SHA256_WITH_RSA, null=True)),
        (),
    ),
    "certificates of strangers beside its own": (
        by_rsa(certificates=(P256.tsa.certificate, RSA_CERTIFICATE, SM2_CERTIFICATE)),
        (),
    ),
}

FAULTY = {
    "OpenSSL 3 cms: SM2 under the empty ID": (
        by_sm2(sm2_id=Sm2Id.EMPTY),
        Reason.NON_STANDARD_SM2_ID,
        "user ID that is empty",
    ),
    "OpenSSL ts with SM2 forced upon it: no Z": (
        by_sm2(sm2_id=Sm2Id.NO_Z),
        Reason.NON_STANDARD_SM2_ID,
        "leaves Z out",
    ),
    "the empty ID in the dress of GM/T 0010": (
        by_sm2(
            sm2_id=Sm2Id.EMPTY,
            content_type=oids.GMT0010_SIGNED_DATA,
            signature_algorithm=written(oids.SM2_CURVE),
        ),
        Reason.NON_STANDARD_SM2_ID,
        "user ID that is empty",
    ),
    "GmSSL: content and attributes under one hash": (
        by_sm2(sign=lambda octets: signed_by_sm2(SM2.tsa, tst_info() + octets)),
        Reason.BAD_SIGNATURE,
        "does not verify",
    ),
    "SM2 over SHA-256": (
        by_sm2(digest_algorithm=oids.SHA256),
        Reason.ALGORITHM_MISMATCH,
        oids.SHA256,
    ),
    "GM/T 0010 data as the type of what is signed": (
        by_sm2(econtent_type=GMT_DATA, content_type=oids.GMT0010_SIGNED_DATA),
        Reason.NOT_A_TIMESTAMP,
        f"is a TSTInfo, but its type says {GMT_DATA}",
    ),
    "PKCS #7 data as the type of what is signed": (
        by_rsa(econtent_type=oids.DATA),
        Reason.NOT_A_TIMESTAMP,
        f"is a TSTInfo, but its type says {oids.DATA}",
    ),
    "a signed document that is no TSTInfo": (
        by_rsa(econtent_type=oids.DATA, econtent=DOCUMENT),
        Reason.NOT_A_TIMESTAMP,
        "no TSTInfo",
    ),
    "ecPublicKey with another curve": (
        by_p256(signature_algorithm=written(oids.EC_PUBLIC_KEY, curve=oids.SM2_CURVE)),
        Reason.UNSUPPORTED,
        oids.EC_PUBLIC_KEY,
    ),
    "ecPublicKey of an RSA key": (
        by_rsa(signature_algorithm=written(oids.EC_PUBLIC_KEY)),
        Reason.UNSUPPORTED,
        "with the signer's key",
    ),
    "SM2-with-SM3 of a P-256 key": (
        by_p256(signature_algorithm=written(oids.SM2_WITH_SM3), digest_algorithm=oids.SM3),
        Reason.UNSUPPORTED,
        "with the signer's key",
    ),
    "RSA with SHA-1": (
        by_rsa(signature_algorithm=written(SHA1_WITH_RSA, null=True)),
        Reason.UNSUPPORTED,
        SHA1_WITH_RSA,
    ),
    "RSASSA-PSS": (
        by_rsa(signature_algorithm=der.sequence(der.oid(RSASSA_PSS), der.sequence())),
        Reason.UNSUPPORTED,
        RSASSA_PSS,
    ),
    "RSA with SHA-512 over a digest by SHA-256": (
        by_rsa(signature_algorithm=written(oids.SHA512_WITH_RSA, null=True)),
        Reason.ALGORITHM_MISMATCH,
        oids.SHA256,
    ),
    "ECDSA with SHA-1": (
        by_p256(signature_algorithm=written(ECDSA_WITH_SHA1)),
        Reason.UNSUPPORTED,
        ECDSA_WITH_SHA1,
    ),
    "ECDSA with SHA-384 over a digest by SHA-256": (
        by_p256(signature_algorithm=written(oids.ECDSA_WITH_SHA384)),
        Reason.ALGORITHM_MISMATCH,
        oids.SHA256,
    ),
    "a digest by MD5": (
        by_rsa(digest_algorithm=MD5, message_digest=der.octet_string(bytes(16))),
        Reason.UNSUPPORTED,
        MD5,
    ),
    "SignedData of version 1, as PKCS #7 has it": (
        by_rsa(version=1),
        Reason.UNSUPPORTED,
        "SignedData is of version 1",
    ),
    "SignedData of version 4": (by_rsa(version=4), Reason.UNSUPPORTED, "version 4"),
    "SignerInfo of version 3 with issuer and number": (
        by_rsa(signer_version=3),
        Reason.UNSUPPORTED,
        "SignerInfo is of version 3",
    ),
    "openssl cms without -cades: no pin": (
        by_rsa(signing_certificate=b""),
        Reason.SIGNER_MISMATCH,
        "does not pin",
    ),
    "a pin by a hash nobody knows here": (
        by_rsa(signing_certificate=pinned(MD5_PIN)),
        Reason.SIGNER_MISMATCH,
        "not the one it pinned",
    ),
}


@pytest.mark.parametrize(("recipe", "deviations"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_sound_token_of_another_dialect_is_valid_and_its_habits_are_told(recipe, deviations):
    report = judge(recipe)
    assert report.verdict is Verdict.VALID, report.detail
    assert report.deviations == deviations


@pytest.mark.parametrize(("recipe", "reason", "detail"), FAULTY.values(), ids=FAULTY)
def test_what_another_maker_got_wrong_is_named(recipe, reason, detail):
    report = judge(recipe)
    assert report.reason is reason
    assert detail in report.detail


def test_the_habits_of_a_token_are_told_even_when_it_is_not_valid():
    recipe, _, _ = FAULTY["the empty ID in the dress of GM/T 0010"]
    report = judge(recipe)
    assert report.deviations == (GMT, CURVE)
    assert report.sm2_id is Sm2Id.EMPTY


def under_empty_id(issuer, template, common_name, key):
    """Issue as `openssl x509` does for SM2 without distid."""
    encoded = issue(
        template,
        encode_name(common_name),
        spki_of(key.algorithm, key.public),
        serial_number=b"\x21",
        validity=VALIDITY,
        issuer=issuer.identity,
        sign=lambda tbs: sm2.signature_from_der(signed_by_sm2(issuer, tbs, b"")),
    )
    return Subject(key, decode_certificate(encoded))


def test_a_certificate_signed_under_the_empty_id_is_diagnosed():
    """Where OpenSSL runs the authority and a conformant maker the token."""
    odd = under_empty_id(SM2.root, TSA, "Odd TSA", generate(KeyAlgorithm.SM2))
    report = judge(Recipe(signer=odd))
    assert report.reason is Reason.NON_STANDARD_SM2_ID
    assert report.detail == (
        "The certificate of CN=Odd TSA is signed under a user ID that is empty."
    )
    assert report.sm2_id is Sm2Id.STANDARD


def test_a_certificate_that_is_badly_signed_in_no_known_way_is_a_bad_path():
    mended = bytearray(SM2.tsa.certificate.der)
    mended[-1] ^= 1
    odd = Subject(SM2.tsa.key, decode_certificate(bytes(mended)))
    pin = pinned(ess_v2(odd.certificate))
    assert judge(Recipe(signer=odd, signing_certificate=pin)).reason is Reason.BAD_PATH
