import attrs
import pytest
from kit.authority import TSA, authority, generate
from kit.crls import List, after_stamping, revoked
from kit.tokens import DOCUMENT, Recipe

from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.status.crl import CrlReason, decode_crl
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.pki.issuing import CertificateTemplate
from appliance.tsp.hashes import document_imprint
from appliance.tsp.verifying.report import Reason, Verdict
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

MADE = authority(KeyAlgorithm.SM2)
TRUST = Trust.under(LibcryptoEngine(), [MADE.root.certificate])
NOW = after_stamping(2)
EARLIER, LATER = after_stamping(-1), after_stamping(1)
TOKEN = Recipe(signer=MADE.tsa).token()

CA_TEMPLATE = CertificateTemplate(
    name="ca", key_usage=frozenset({KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}), is_ca=True
)
CA = MADE.root.issue(CA_TEMPLATE, "Issuing CA", generate(KeyAlgorithm.SM2), serial_number=b"\x55")
DEEP = CA.issue(TSA, "Deep TSA", generate(KeyAlgorithm.SM2))
DEEP_TOKEN = Recipe(signer=DEEP, certificates=(DEEP.certificate, CA.certificate)).token()


def judged(*lists, token=TOKEN, now=NOW):
    crls = [decode_crl(each.der()) for each in lists]
    expected = Expected(document_imprint(DOCUMENT))
    return verify_token(token, expected, TRUST, Evidence(crls=crls, now=now))


def listing(at, reason=None, *, issuer=MADE.root, certificate=MADE.tsa.certificate):
    return List(issuer=issuer, entries=(revoked(certificate, at, reason),))


@pytest.mark.parametrize(
    ("at", "reason", "expected"),
    [
        (LATER, CrlReason.SUPERSEDED, Reason.GENUINE),
        (EARLIER, CrlReason.SUPERSEDED, Reason.REVOKED),
        (LATER, CrlReason.KEY_COMPROMISE, Reason.REVOKED),
        (LATER, None, Reason.REVOKED),
        (LATER, CrlReason.CERTIFICATE_HOLD, Reason.ON_HOLD),
    ],
)
def test_the_revocation_of_the_signer_is_weighed(at, reason, expected):
    report = judged(listing(at, reason))
    assert report.reason is expected
    assert len(report.revocation) == 1
    assert report.chain_subjects[0].startswith("CN=TSA sm2")


@pytest.mark.parametrize(
    ("lists", "now", "reason"),
    [
        ([List(issuer=authority(KeyAlgorithm.P256).root)], NOW, Reason.NO_CRL),
        ([List(issuer=MADE.root)], after_stamping(9), Reason.STALE_CRL),
        ([List(issuer=MADE.root)], after_stamping(0), Reason.CRL_OUT_OF_SCOPE),
        ([List(issuer=attrs.evolve(MADE.root, key=MADE.tsa.key))], NOW, Reason.BAD_CRL),
    ],
)
def test_a_list_that_cannot_tell_leaves_the_verdict_open(lists, now, reason):
    report = judged(*lists, now=now)
    assert (report.verdict, report.reason) == (Verdict.INDETERMINATE, reason)


def test_a_list_of_the_signers_issuer_is_enough():
    report = judged(List(issuer=CA), token=DEEP_TOKEN)
    assert report.verdict is Verdict.VALID
    assert [status.code.value for status in report.revocation] == [
        "good",
        "no list of its issuer",
    ]


def test_a_revoked_authority_above_the_signer_invalidates():
    roots = listing(LATER, CrlReason.CA_COMPROMISE, certificate=CA.certificate)
    report = judged(List(issuer=CA), roots, token=DEEP_TOKEN)
    assert report.reason is Reason.REVOKED
    assert "Issuing CA" in report.detail


def test_revocation_outweighs_what_is_not_known():
    roots = listing(EARLIER, certificate=CA.certificate)
    assert judged(roots, token=DEEP_TOKEN).reason is Reason.REVOKED


def test_an_ill_formed_entry_makes_the_verification_malformed():
    odd = List(issuer=MADE.root, entries=(b"\x30\x03" + MADE.tsa.certificate.serial_number_tlv,))
    assert judged(odd).reason is Reason.MALFORMED
