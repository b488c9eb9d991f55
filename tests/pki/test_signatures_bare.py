import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import gmssl_oracle
from kit.authority import TSA, VALIDITY, authority, generate, make_root, signing
from kit.signatures import DOCUMENT, ENGINE, signer, validated

from appliance.asn1 import der, oids, sm2
from appliance.asn1.signed.signed_data import signed_attributes
from appliance.asn1.x509 import Validity
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.pki.signatures.bare import Manner, verify_bare
from appliance.pki.signatures.forms import Form, recognise, to_der
from appliance.pki.signatures.report import SignatureCode
from appliance.pki.validation.verdict import Code, Verdict
from appliance.quantities import Utc


def made(algorithm=KeyAlgorithm.SM2, document=DOCUMENT):
    return signing(signer(algorithm).key)(document)


def usb_key_blob(raw):
    return bytes(32) + raw[:32] + bytes(32) + raw[32:]


def verified(signature, algorithm=KeyAlgorithm.SM2, document=DOCUMENT, **manner):
    return verify_bare(signature, document, signer(algorithm).certificate, ENGINE, Manner(**manner))


def code_of(report):
    (one,) = report.signers
    return one.code


@pytest.mark.parametrize(
    ("write", "form"),
    [(bytes, Form.RAW), (sm2.signature_to_der, Form.DER), (usb_key_blob, Form.SKF)],
    ids=["raw", "DER", "USB key"],
)
def test_an_sm2_signature_holds_in_every_form_told_or_recognised(write, form):
    signature = write(made())
    for told in (Form.AUTO, form):
        report = verified(signature, form=told)
        assert (report.verdict, report.form) == (Verdict.VALID, form)
        assert code_of(verified(signature, document=b"another", form=told)) is (
            SignatureCode.BAD_SIGNATURE
        )


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_every_kind_of_key_is_known(algorithm):
    assert verified(made(algorithm), algorithm).verdict is Verdict.VALID
    assert code_of(verified(made(algorithm), algorithm, b"another")) is SignatureCode.BAD_SIGNATURE


def test_what_holds_here_holds_for_gmssl():
    raw = made()
    public = sm2.public_key_from_spki(signer().certificate.spki)
    digest = ENGINE.message_digest(public, DOCUMENT)
    assert gmssl_oracle.verify_digest(public, digest, raw)
    assert verified(raw).verdict is Verdict.VALID


def test_an_sm2_id_is_that_which_was_given():
    key = signer().key
    public = key.public
    signature = key.sign_digest(ENGINE.message_digest(public, DOCUMENT, b"doctor-7"))
    assert verified(signature, sm2_id=b"doctor-7").verdict is Verdict.VALID
    assert code_of(verified(signature)) is SignatureCode.BAD_SIGNATURE
    assert code_of(verified(made(), sm2_id=b"doctor-7")) is SignatureCode.NON_STANDARD_SM2_ID


@pytest.mark.parametrize(
    "digest",
    [
        lambda public: ENGINE.message_digest(public, DOCUMENT, b""),
        lambda _: ENGINE.sm3(DOCUMENT),
    ],
    ids=["empty ID", "no Z"],
)
def test_what_openssl_makes_by_default_is_told_apart_and_not_taken(digest):
    key = signer().key
    report = verified(key.sign_digest(digest(key.public)))
    assert code_of(report) is SignatureCode.NON_STANDARD_SM2_ID
    assert report.verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("signature", "form", "code"),
    [
        (bytes(63), Form.RAW, SignatureCode.MALFORMED),
        (bytes(64), Form.SKF, SignatureCode.MALFORMED),
        (b"\x01" + bytes(127), Form.SKF, SignatureCode.MALFORMED),
        (bytes(64), Form.RAW, SignatureCode.BAD_SIGNATURE),
        (b"", Form.AUTO, SignatureCode.BAD_SIGNATURE),
        (b"\x01" + bytes(127), Form.AUTO, SignatureCode.BAD_SIGNATURE),
    ],
)
def test_what_is_no_signature_is_refused(signature, form, code):
    assert code_of(verified(signature, form=form)) is code


def test_a_key_signs_only_as_it_can():
    sha256 = verified(made(), hash_algorithm=oids.SHA256)
    assert code_of(sha256) is SignatureCode.ALGORITHM_MISMATCH
    assert code_of(verified(made(), is_pss=True)) is SignatureCode.ALGORITHM_MISMATCH
    certificate = signer().certificate
    ed25519 = attrs.evolve(certificate.key, algorithm="1.3.101.112", curve=None)
    odd = attrs.evolve(certificate, key=ed25519)
    assert code_of(verify_bare(made(), DOCUMENT, odd, ENGINE)) is SignatureCode.UNSUPPORTED


def test_a_document_that_could_be_signed_attributes_is_left_undecided():
    document = signed_attributes(oids.DATA, bytes(32))
    report = verified(made(document=document), document=document)
    assert code_of(report) is SignatureCode.AMBIGUOUS_DOCUMENT
    assert report.verdict is Verdict.INDETERMINATE


def test_a_bare_digest_is_no_document():
    # Whoever may choose e has a signature on it without any key: r = e + x, and s from r.
    public = signer().key.public
    digest = ENGINE.message_digest(public, DOCUMENT)
    assert code_of(verified(made(), document=digest)) is SignatureCode.BAD_SIGNATURE


def test_the_certificate_speaks_its_own_code():
    root = authority(KeyAlgorithm.SM2).root
    key = generate(KeyAlgorithm.SM2)
    past = Utc.parse_generalized_time(b"20260101000000Z")
    ended = root.issue(TSA, "Ended", key, validity=Validity(VALIDITY.not_before, past))
    stranger = make_root(KeyAlgorithm.SM2).issue(TSA, "Stranger", key)
    for subject, code, reason in (
        (ended, Code.EXPIRED, "CERTIFICATE_EXPIRED"),
        (stranger, Code.UNKNOWN_ISSUER, "CERTIFICATE_UNKNOWN_ISSUER"),
    ):
        report = verify_bare(signing(key)(DOCUMENT), DOCUMENT, subject.certificate, ENGINE)
        assert report.verdict is Verdict.VALID
        (one,) = report.judged(validated).signers
        assert one.validation.code is code
        assert one.reason == reason
        assert "certificate" in str(one)


def test_a_bad_signature_is_not_mended_by_a_good_certificate():
    report = verified(made(), document=b"another").judged(validated)
    assert report.decisive.validation is None
    assert report.decisive.reason == "BAD_SIGNATURE"
    assert str(report.decisive) == "bad signature."


@given(st.binary(max_size=140), st.sampled_from(Form), st.sampled_from(KeyAlgorithm))
def test_garbage_is_never_valid_and_raises_nothing(signature, form, algorithm):
    report = verified(signature, algorithm, form=form)
    assert report.verdict is Verdict.INVALID


@given(st.binary(min_size=64, max_size=64))
def test_all_forms_of_one_pair_mean_the_same(raw):
    key = signer().certificate.key
    encoded = to_der(raw, Form.RAW, key)
    assert to_der(usb_key_blob(raw), Form.SKF, key) == encoded
    assert sm2.signature_from_der(encoded) == raw
    assert recognise(raw, Form.AUTO, key) in (Form.RAW, Form.CMS)
    assert der.whole(encoded, der.SEQUENCE)


def test_the_default_id_is_that_of_the_standard():
    assert Manner().sm2_id == DEFAULT_ID
