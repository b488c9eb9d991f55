import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import STAMPED_AT, TSA, authority, generate, signing
from kit.signatures import DOCUMENT, ENGINE, signatory, signer, validated

from appliance.asn1 import der, keys, oids, sm2
from appliance.asn1.signed import cms
from appliance.asn1.signed.signed_data import encode_signed_data, signed_attributes, signer_info
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.signatures.forms import Form
from appliance.pki.signatures.making import Style, sign_data
from appliance.pki.signatures.report import SignatureCode
from appliance.pki.signatures.schemes import digest
from appliance.pki.signatures.signed import Against, verify_signed_data
from appliance.pki.validation.verdict import Verdict

STYLES = [
    Style(is_attached=attached, has_attributes=attributes, is_gmt=gmt)
    for attached in (True, False)
    for attributes in (True, False)
    for gmt in (True, False)
]


def made(*signers, style=STYLES[0], document=DOCUMENT):
    signatories = [signatory(each) for each in signers or (signer(),)]
    return sign_data(document, signatories, signed_at=STAMPED_AT, style=style)


def verified(encoded, **against):
    return verify_signed_data(encoded, Against(**against), ENGINE)


def code_of(report):
    (one,) = report.signers
    return one.code


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_signed_data_holds_for_its_document_and_no_other(algorithm, style):
    encoded = made(signer(algorithm), style=style)
    report = verified(encoded, document=DOCUMENT)
    assert (report.verdict, report.form) == (Verdict.VALID, Form.CMS)
    assert report.document == (DOCUMENT if style.is_attached else None)
    assert report.decisive.certificate == signer(algorithm).certificate
    told = report.decisive.signing_time
    assert told is None or told.posix_us == STAMPED_AT.posix_us // 10**6 * 10**6
    assert report.judged(validated).verdict is Verdict.VALID
    other = code_of(verified(encoded, document=b"another"))
    is_hashed = style.has_attributes or style.is_attached
    assert other is (SignatureCode.DOCUMENT_MISMATCH if is_hashed else SignatureCode.BAD_SIGNATURE)
    alone = code_of(verified(encoded))
    assert alone is (SignatureCode.VALID if style.is_attached else SignatureCode.NO_DOCUMENT)


def test_every_signer_must_hold():
    signers = [signer(algorithm) for algorithm in KeyAlgorithm]
    report = verified(made(*signers))
    assert [one.certificate for one in report.signers] != []
    assert len(report.signers) == 3
    assert report.verdict is Verdict.VALID
    encoded = made(*signers)
    place = encoded.index(DOCUMENT)
    tampered = encoded[:place] + b"X" + encoded[place + 1 :]
    assert {one.code for one in verified(tampered).signers} == {SignatureCode.DOCUMENT_MISMATCH}
    assert verified(tampered).verdict is Verdict.INVALID


def test_a_digest_does_where_attributes_are_signed_and_only_there():
    def known(algorithm):
        return digest(oids.SM3, DOCUMENT) if algorithm == oids.SM3 else None

    apart = made(style=Style())
    assert verified(apart, digest=known).verdict is Verdict.VALID
    assert code_of(verified(apart, digest=lambda _: bytes(32))) is SignatureCode.DOCUMENT_MISMATCH
    assert code_of(verified(apart, digest=lambda _: None)) is SignatureCode.NO_DOCUMENT
    bare = made(style=Style(has_attributes=False))
    assert code_of(verified(bare, digest=known)) is SignatureCode.NO_DOCUMENT


def test_a_digest_of_another_kind_is_not_passed_over_for_what_is_inside():
    report = verified(made(), digest=lambda _: None)
    assert code_of(report) is SignatureCode.NO_DOCUMENT


def test_the_certificate_that_must_have_signed_must_have():
    own, other = signer().certificate, authority(KeyAlgorithm.SM2).root.certificate
    assert verified(made(), expected=own).verdict is Verdict.VALID
    assert code_of(verified(made(), expected=other)) is SignatureCode.WRONG_CERTIFICATE


def test_a_certificate_may_be_given_that_is_not_inside():
    subject = signer()
    encoded = without_certificates(subject)
    assert code_of(verified(encoded)) is SignatureCode.NO_SIGNER_CERTIFICATE
    assert verified(encoded).verdict is Verdict.INDETERMINATE
    assert verified(encoded, certificates=[subject.certificate]).verdict is Verdict.VALID


def without_certificates(subject, document=DOCUMENT):
    return hand_made(subject, attributes=b"", signed=document, document=document)


def hand_made(subject, *, attributes, signed, document=DOCUMENT, content=True, **knobs):
    """Write SignedData by hand, with one SM2 signer whose signature is over `signed`."""
    certificate = subject.certificate
    info = signer_info(
        knobs.get("sid")
        or cms.issuer_and_serial_number(certificate.issuer.der, certificate.serial_number_tlv),
        knobs.get("digest_algorithm", oids.SM3),
        attributes,
        knobs.get("algorithm", keys.SM2_WITH_SM3),
        sm2.signature_to_der(signing(subject.key)(signed)),
    )
    return encode_signed_data(
        document if content else None, [oids.SM3], knobs.get("certificates", ()), [info]
    )


def test_the_pinned_certificate_is_the_one():
    subject = signer()
    twin = authority(KeyAlgorithm.SM2).root.issue(
        TSA, "Twin", subject.key, serial_number=subject.certificate.serial_number_tlv[2:]
    )
    sound = made(style=Style(is_attached=True))
    replaced = sound.replace(subject.certificate.der, twin.certificate.der)
    if len(subject.certificate.der) == len(twin.certificate.der):
        assert code_of(verified(replaced)) is SignatureCode.WRONG_CERTIFICATE
    report = verified(sound, expected=twin.certificate)
    assert code_of(report) is SignatureCode.WRONG_CERTIFICATE


def test_signed_attributes_do_not_pass_for_a_document():
    attributes = signed_attributes(oids.DATA, digest(oids.SM3, DOCUMENT))
    stolen = hand_made(signer(), attributes=b"", signed=attributes, document=attributes)
    report = verified(stolen, certificates=[signer().certificate])
    assert code_of(report) is SignatureCode.AMBIGUOUS_DOCUMENT
    assert report.verdict is not Verdict.VALID


@pytest.mark.parametrize(
    "attributes",
    [
        der.set_of([cms.attribute(oids.CONTENT_TYPE, der.oid(oids.DATA))]),
        signed_attributes(oids.TST_INFO, digest(oids.SM3, DOCUMENT)),
        der.set_of([cms.attribute(oids.MESSAGE_DIGEST, der.octet_string(bytes(32)))]),
    ],
    ids=["no digest", "another content type", "no content type"],
)
def test_attributes_say_what_was_signed(attributes):
    encoded = hand_made(signer(), attributes=attributes, signed=attributes)
    report = verified(encoded, certificates=[signer().certificate])
    assert code_of(report) is SignatureCode.BAD_ATTRIBUTES


def test_an_attribute_of_another_type_is_malformed():
    attributes = der.set_of(
        [
            cms.attribute(oids.CONTENT_TYPE, der.oid(oids.DATA)),
            cms.attribute(oids.MESSAGE_DIGEST, der.NULL_VALUE),
        ]
    )
    encoded = hand_made(signer(), attributes=attributes, signed=attributes)
    report = verified(encoded, certificates=[signer().certificate])
    assert code_of(report) is SignatureCode.MALFORMED


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [
        (keys.SM2_WITH_SM3, SignatureCode.VALID),
        (der.sequence(der.oid(oids.SM2_SIGN)), SignatureCode.VALID),
        (der.sequence(der.oid(oids.SM2_CURVE), der.NULL_VALUE), SignatureCode.VALID),
        (der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.SM2_CURVE)), SignatureCode.VALID),
        (keys.ECDSA_WITH_SHA256, SignatureCode.ALGORITHM_MISMATCH),
        (der.sequence(der.oid("2.999.1")), SignatureCode.UNSUPPORTED),
        (der.sequence(der.oid(oids.RSASSA_PSS)), SignatureCode.UNSUPPORTED),
    ],
)
def test_the_names_that_sm2_goes_by_are_known(algorithm, code):
    encoded = hand_made(signer(), attributes=b"", signed=DOCUMENT, algorithm=algorithm)
    assert code_of(verified(encoded, certificates=[signer().certificate])) is code


def test_a_signer_may_be_named_by_its_key():
    subject = signer()
    named = der.tlv(
        der.context(0, constructed=False), subject.certificate.extensions.subject_key_id
    )
    encoded = hand_made(subject, attributes=b"", signed=DOCUMENT, sid=named)
    assert verified(encoded, certificates=[subject.certificate]).verdict is Verdict.VALID


def test_certificates_without_a_signer_are_no_signature():
    encoded = encode_signed_data(None, [], [signer().certificate.der], [])
    assert code_of(verified(encoded, document=DOCUMENT)) is SignatureCode.NOT_SIGNED


def test_a_revoked_or_strange_certificate_spoils_a_good_signature():
    stranger = attrs.evolve(signer(), key=generate(KeyAlgorithm.SM2))
    assert code_of(verified(made(stranger))) is SignatureCode.BAD_SIGNATURE


@given(st.data())
def test_damage_is_never_valid_for_another_document(draw):
    octets = bytearray(SOUND)
    position = draw.draw(st.integers(0, len(octets) - 1))
    octets[position] ^= draw.draw(st.integers(1, 255))
    report = verified(bytes(octets))
    if report.verdict is Verdict.VALID:  # outside of what is signed, as in the certificate's end
        assert report.document == DOCUMENT


SOUND = made()
