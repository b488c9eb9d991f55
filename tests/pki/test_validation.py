"""Path validation beside the corpus: revocation, time, budget, and what must not matter."""

import functools
import itertools

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.chains.case import judged, verify
from kit.chains.corpus import corpus
from kit.chains.making import AT, CA, DAY, Kind, Subject, but, revocation_list

from appliance.asn1 import oids
from appliance.asn1.extension.general_names import GeneralName, NameConstraints, NameKind
from appliance.asn1.status.crl import decode_crl
from appliance.asn1.status.ocsp import decode_response
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.validation import validating
from appliance.pki.validation.constraints import is_allowed
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import Validator, validate
from appliance.pki.validation.verdict import Code, Verdict
from appliance.quantities import Utc

NOW = Utc(int(AT.timestamp()) * 1_000_000)
ROOT = Subject.root(Kind.P256)
MIDDLE = ROOT.ca("CA")
LEAF = MIDDLE.leaf()
QUESTION = Question(at=NOW, now=NOW)
TOP_LIST = revocation_list(ROOT)


def decoded(subject):
    return decode_certificate(subject.der)


MATERIAL = Material(
    roots=[decoded(ROOT)], intermediates=[decoded(MIDDLE)], crls=[decode_crl(TOP_LIST)]
)


def asked(*lists, answers=(), leaf=LEAF, question=QUESTION, material=MATERIAL):
    given_material = attrs.evolve(
        material,
        crls=[*material.crls, *map(decode_crl, lists)],
        ocsp=[decode_response(each) for each in answers],
    )
    return validate(decoded(leaf), given_material, question, verify())


def answer(
    *,
    status=ocsp.OCSPCertStatus.GOOD,
    signer=MIDDLE,
    about=LEAF,
    issuer=MIDDLE,
    reason=None,
    days=7,
    certificates=None,
):
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        about.certificate,
        issuer.certificate,
        SHA256(),
        status,
        AT - 9 * DAY,
        AT - 9 * DAY + days * DAY + DAY,
        AT - 10 * DAY if is_revoked else None,
        reason,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    if certificates:
        builder = builder.certificates(certificates)
    return builder.sign(signer.key, SHA256()).public_bytes(Encoding.DER)


FRESH = functools.partial(answer, days=30)


# --- revocation -----------------------------------------------------------------------------------


def test_an_ocsp_answer_stands_in_for_a_list():
    assert asked().code is Code.NO_REVOCATION_DATA
    assert asked(answers=[FRESH()]).code is Code.VALID


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (None, Code.REVOKED),
        (x509.ReasonFlags.key_compromise, Code.REVOKED),
        (x509.ReasonFlags.certificate_hold, Code.ON_HOLD),
    ],
)
def test_an_answer_that_tells_of_revocation_outweighs_a_list_that_does_not(reason, code):
    bad = FRESH(status=ocsp.OCSPCertStatus.REVOKED, reason=reason)
    result = asked(revocation_list(MIDDLE), answers=[bad])
    assert (result.code, result.at_fault) == (code, decoded(LEAF))


def test_a_list_that_tells_of_revocation_outweighs_an_answer_that_does_not():
    bad = revocation_list(MIDDLE, entries=[(LEAF, None)])
    assert asked(bad, answers=[FRESH()]).code is Code.REVOKED


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (answer(), Code.CRL_STALE),
        (FRESH(status=ocsp.OCSPCertStatus.UNKNOWN), Code.NO_REVOCATION_DATA),
        (FRESH(signer=ROOT), Code.NO_REVOCATION_DATA),
        (FRESH(about=MIDDLE, issuer=ROOT, signer=ROOT), Code.NO_REVOCATION_DATA),
    ],
    ids=["stale", "unknown", "signed by another", "about another"],
)
def test_an_answer_that_does_not_count_is_no_answer(made, code):
    assert asked(answers=[made]).code is code


def test_the_word_of_a_revoked_responder_does_not_count():
    profile = but(CA, ca=None, usage="digital_signature", eku=(oids.OCSP_SIGNING,))
    responder = MIDDLE.issue("OCSP", profile)
    told = FRESH(
        status=ocsp.OCSPCertStatus.REVOKED, signer=responder, certificates=[responder.certificate]
    )
    assert asked(revocation_list(MIDDLE), answers=[told]).code is Code.REVOKED
    without = revocation_list(MIDDLE, entries=[(responder, None)])
    assert asked(without, answers=[told]).code is Code.VALID


@pytest.mark.parametrize(
    ("demand", "silent", "revoked"),
    [
        (RevocationDemand.NONE, Code.VALID, Code.VALID),
        (RevocationDemand.KNOWN, Code.VALID, Code.REVOKED),
        (RevocationDemand.LEAF, Code.NO_REVOCATION_DATA, Code.REVOKED),
        (RevocationDemand.CHAIN, Code.NO_REVOCATION_DATA, Code.REVOKED),
    ],
)
def test_what_is_demanded_of_revocation(demand, silent, revoked):
    question = attrs.evolve(QUESTION, revocation=demand)
    assert asked(question=question).code is silent
    bad = revocation_list(MIDDLE, entries=[(LEAF, None)])
    assert asked(bad, question=question).code is revoked


def test_only_the_whole_chain_asks_for_the_lists_above():
    alone = attrs.evolve(MATERIAL, crls=[])
    good = revocation_list(MIDDLE)
    for demand, code in (
        (RevocationDemand.LEAF, Code.VALID),
        (RevocationDemand.CHAIN, Code.NO_REVOCATION_DATA),
    ):
        question = attrs.evolve(QUESTION, revocation=demand)
        assert asked(good, question=question, material=alone).code is code


def test_a_revocation_after_the_instant_asked_about_harms_by_its_reason():
    earlier = Utc(int((AT - 3 * DAY).timestamp()) * 1_000_000)
    question = attrs.evolve(QUESTION, at=earlier)
    for reason, code in (
        (x509.ReasonFlags.superseded, Code.VALID),
        (x509.ReasonFlags.key_compromise, Code.REVOKED),
        (None, Code.REVOKED),
    ):
        listed = revocation_list(MIDDLE, entries=[(LEAF, reason)])
        assert asked(listed, question=question).code is code


def test_a_validator_verifies_a_list_once():
    calls = []

    def counting(*arguments):
        calls.append(arguments)
        return verify()(*arguments)

    validator = Validator(counting)
    material = attrs.evolve(MATERIAL, crls=[*MATERIAL.crls, decode_crl(revocation_list(MIDDLE))])
    for _ in range(3):
        assert validator.validate(decoded(LEAF), material, QUESTION).is_valid
    assert len(calls) == 2 * 3 + 2


# --- what is told ---------------------------------------------------------------------------------


def test_a_failure_names_the_certificate_and_what_else_there_is_to_say():
    result = asked(revocation_list(MIDDLE, entries=[(LEAF, None)]))
    assert result.at_fault == decoded(LEAF)
    assert str(result) == "revoked: CN=Leaf,O=Corpus,C=CN (revoked)."
    assert result.chain == tuple(map(decoded, (LEAF, MIDDLE, ROOT)))
    assert not result.is_valid


def test_success_is_told_briefly():
    assert str(asked(revocation_list(MIDDLE))) == "valid."


def test_every_code_has_a_verdict():
    assert {code.verdict for code in Code} == set(Verdict)
    assert [code for code in Code if code.verdict is Verdict.VALID] == [Code.VALID]
    assert Code.REVOKED.verdict is Verdict.INVALID
    assert Code.UNKNOWN_ISSUER.verdict is Verdict.INDETERMINATE


def test_the_corpus_meets_every_code_but_the_budget():
    met = {case.expected for case in corpus()} - {None}
    assert met == set(Code) - {Code.TOO_MANY_CANDIDATES}


# --- what must not matter -------------------------------------------------------------------------


def test_a_malicious_set_costs_a_bounded_number_of_signatures():
    """Twelve namesakes that all issued each other, and no root: 12! paths."""
    knot = [ROOT.issue("Root", CA, ROOT.key) for _ in range(12)]
    calls = itertools.count()

    def counting(*arguments):
        next(calls)
        return verify()(*arguments)

    other = Material(roots=[decoded(Subject.root(Kind.P256))], intermediates=map_decoded(knot))
    result = validate(decoded(ROOT.leaf()), other, QUESTION, counting)
    assert result.code is Code.TOO_MANY_CANDIDATES
    assert next(calls) <= validating.MAX_SIGNATURES


def map_decoded(subjects):
    return [decoded(subject) for subject in subjects]


TANGLED = [case for case in corpus() if len(case.intermediates) > 1]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_order_of_what_is_given_does_not_matter(data):
    case = data.draw(st.sampled_from(TANGLED))
    shuffled = attrs.evolve(
        case,
        intermediates=data.draw(st.permutations(case.intermediates)),
        crls=tuple(data.draw(st.permutations(case.crls))),
    )
    assert judged(shuffled) == judged(case)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_decodes_is_judged_and_nothing_is_raised(data):
    case = data.draw(st.sampled_from([case for case in corpus() if case.expected is not None]))
    octets = bytearray(case.leaf)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_certificate(bytes(octets))
    except Malformed:
        return
    result = judged(attrs.evolve(case, leaf=bytes(octets)))
    assert isinstance(result.code, Code)
    assert result.code is not Code.VALID or bytes(octets) == case.leaf
    assert str(result).isprintable()


def test_a_name_is_not_asked_for_by_default():
    assert asked(
        revocation_list(MIDDLE), question=attrs.evolve(QUESTION, purpose=Purpose.SERVER)
    ).is_valid


# --- extremes -------------------------------------------------------------------------------------


def test_a_list_whose_entries_are_ill_formed_tells_nothing():
    listed = revocation_list(MIDDLE, entries=[(LEAF, x509.ReasonFlags.key_compromise)])
    reason = b"\x0a\x01\x01"
    assert listed.count(reason) == 1
    broken = decode_crl(listed.replace(reason, b"\x0a\x01\x07"))
    material = attrs.evolve(MATERIAL, crls=[*MATERIAL.crls, broken])
    result = validate(decoded(LEAF), material, QUESTION, every_signature_holds)
    assert (result.code, result.detail) == (
        Code.NO_REVOCATION_DATA,
        "reasonCode is none of RFC 5280 5.3.1",
    )


def every_signature_holds(*_):
    return Verification.VALID


def test_mappings_that_make_the_policy_tree_of_rfc_5280_explode_cost_little():
    """RFC 9618 3: with each CA that maps n policies to n, the tree has n times as many nodes."""
    policies = tuple(f"2.999.10.{number}" for number in range(60))
    crossed = tuple(itertools.islice(itertools.product(policies[:8], policies[:8]), 64))
    made = [ROOT]
    for number in range(6):
        made.append(made[-1].ca(f"CA {number}", policies=policies, mappings=crossed))
    leaf = made[-1].leaf(policies=policies)
    material = Material(roots=[decoded(ROOT)], intermediates=map_decoded(made[1:]))
    question = attrs.evolve(
        QUESTION, policies=frozenset({policies[7]}), revocation=RevocationDemand.NONE
    )
    assert validate(decoded(leaf), material, question, verify()).is_valid


@pytest.mark.parametrize(
    ("kind", "value"),
    [(NameKind.EMAIL, b"example.com"), (NameKind.EMAIL, b"@example.com")],
)
def test_what_is_no_mailbox_lies_within_no_subtree(kind, value):
    base = GeneralName(kind, b"example.com")
    assert not is_allowed(GeneralName(kind, value), [NameConstraints((base,), ())])


@pytest.mark.parametrize("uri", [b"http://[::1", b"urn:a", b"http://[2001:db8::1]/", b""])
def test_a_uri_without_a_host_is_neither_permitted_nor_free_of_exclusion(uri):
    name, base = (GeneralName(NameKind.URI, value) for value in (uri, b"example.com"))
    assert not is_allowed(name, [NameConstraints((base,), ())])
    assert not is_allowed(name, [NameConstraints((), (base,))])
    assert is_allowed(name, [])


@pytest.mark.parametrize(
    ("base", "host", "is_within"),
    [
        (b"", b"example.com", True),
        (b".example.com", b"example.com", False),
        (b"example.com.", b"a.example.com", True),
        (b"example.com", b"a.example.com.", True),
        (b"example.com", b"evil-example.com", False),
    ],
)
def test_dots_at_the_ends_of_a_dns_subtree(base, host, is_within):
    name, subtree = (GeneralName(NameKind.DNS, value) for value in (host, base))
    assert is_allowed(name, [NameConstraints((subtree,), ())]) is is_within
    assert is_allowed(name, [NameConstraints((), (subtree,))]) is not is_within
