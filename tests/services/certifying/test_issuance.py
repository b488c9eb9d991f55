"""What is issued, to whom, how often, and what is not."""

import pytest
from kit.certifying import (
    FIELDS,
    Home,
    ask,
    certificate_of,
    csr_of,
    person_key,
    revocation,
    serial_of,
    verify,
)

from appliance.asn1 import oids, pem
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification
from appliance.pki.issuing import spki_of
from appliance.pki.path import validate_path
from appliance.pki.signatures.signed import Against, verify_signed_data
from appliance.pki.validation.verdict import Verdict
from appliance.services.certifying.certifier import Certifier
from appliance.services.certifying.messages import IssueAsk, IssueRefusal

DAY_S = 86_400


def kind_of(certifier: Certifier, wish: IssueAsk) -> str:
    (result,) = certifier.issue([wish])
    return result.kind if isinstance(result, IssueRefusal) else "issued"


@pytest.mark.parametrize("authority", ["issuing-sm2", "issuing-p256"])
@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_person_gets_a_certificate_that_chains_to_the_root(
    home: Home, certifier: Certifier, authority: str, algorithm: KeyAlgorithm
) -> None:
    key = person_key(1, algorithm)
    certificate = certificate_of(certifier.issue([ask(authority=authority, csr=csr_of(key))]))
    facts = certifier.authorities()["authorities"][authority]
    issuer, root = map(decode_certificate, facts["chain"])
    path = validate_path(certificate, [issuer], [root], home.hands.now, verify)
    assert path.is_valid, str(path)
    assert certificate.spki == spki_of(algorithm, key.public)
    assert "Ann Li" in str(certificate.subject)
    assert certificate.extensions.find(oids.CRL_DISTRIBUTION_POINTS) is not None
    assert len(serial_of(certificate)) == 14
    assert (
        verify(
            issuer.spki, certificate.signature_algorithm.oid, certificate.tbs, certificate.signature
        )
        is Verification.VALID
    )


def test_the_same_wish_gives_the_same_certificate_for_ever(
    home: Home, certifier: Certifier
) -> None:
    (first,) = certifier.issue([ask()])
    home.hands.pass_time(DAY_S)
    again = certifier.issue([ask(), ask()])
    assert again == [first, first]


def test_a_wish_twice_in_a_batch_is_one(certifier: Certifier) -> None:
    one, two = certifier.issue([ask(), ask()])
    assert one == two
    assert certifier.authorities()["authorities"]["issuing-sm2"]["certificates"] == {"valid": 1}


def test_another_wish_under_the_number_of_the_first_is_a_conflict(certifier: Certifier) -> None:
    certifier.issue([ask()])
    assert kind_of(certifier, ask(fields={**FIELDS, "name": "Mallory"})) == "Conflict"
    assert kind_of(certifier, ask(days=1)) == "Conflict"
    assert kind_of(certifier, ask(csr=csr_of(person_key(2)))) == "Conflict"


def test_one_bad_wish_spoils_no_other(certifier: Certifier) -> None:
    good, bad, also_good = certifier.issue(
        [ask(1), ask(2, template="root"), ask(3, csr=csr_of(person_key(3)))]
    )
    assert isinstance(good, bytes)
    assert isinstance(also_good, bytes)
    assert bad == IssueRefusal("NotFound", "no authority issuing-sm2, or no template root")
    assert certifier.authorities()["refused_since_start"] == 1


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        (ask(authority="root-sm2"), "NotFound"),
        (ask(days=1096), "Refused"),
        (ask(csr=b"\x30\x00"), "Malformed"),
        (ask(csr=csr_of(person_key())[:-1] + bytes((csr_of(person_key())[-1] ^ 1,))), "Refused"),
        (ask(fields={}), "Refused"),
        (ask(csr=b"", renews=b""), "Malformed"),
        (ask(csr=csr_of(person_key()), renews=b"\x01"), "Malformed"),
        (ask(renews=b"\x01\x02"), "NotFound"),
    ],
)
def test_what_is_not_issued(certifier: Certifier, wish: IssueAsk, kind: str) -> None:
    assert kind_of(certifier, wish) == kind


def test_a_certificate_never_outlives_its_authority(home: Home, certifier: Certifier) -> None:
    home.hands.pass_time(3640 * DAY_S)  # the demo's authority holds for 3650 days
    certificate = certificate_of(certifier.issue([ask()]))
    assert certificate.validity.not_after.isoformat() == "2036-02-27T11:00:00.000000Z"
    home.hands.pass_time(10 * DAY_S)
    assert kind_of(certifier, ask(2)) == "Refused"


def test_days_shorten_a_validity(certifier: Certifier) -> None:
    validity = certificate_of(certifier.issue([ask(days=7)])).validity
    assert validity.not_after.posix_us - validity.not_before.posix_us == 7 * DAY_S * 1_000_000


# --- renewals -------------------------------------------------------------------------------------


def test_a_renewal_keeps_key_and_fields_and_has_its_own_number(
    home: Home, certifier: Certifier
) -> None:
    old = certificate_of(certifier.issue([ask()]))
    home.hands.pass_time(300 * DAY_S)
    new = certificate_of(certifier.issue([ask(2, fields={}, renews=serial_of(old))]))
    assert (new.spki, new.subject.der) == (old.spki, old.subject.der)
    assert new.serial_number != old.serial_number
    assert new.validity.not_after > old.validity.not_after


def test_a_key_is_renewed_as_often_as_the_rules_say(certifier: Certifier) -> None:
    first = certificate_of(certifier.issue([ask()]))
    wishes = [ask(number, fields={}, renews=serial_of(first)) for number in range(2, 6)]
    results = certifier.issue(wishes[:2]) + certifier.issue(wishes[2:])
    assert [isinstance(each, bytes) for each in results] == [True, True, True, False]


@pytest.mark.parametrize("reason", [1, 4, 6])
def test_what_is_withdrawn_is_not_renewed(certifier: Certifier, reason: int) -> None:
    old = certificate_of(certifier.issue([ask()]))
    certifier.revoke(revocation(old, reason))
    assert kind_of(certifier, ask(2, fields={}, renews=serial_of(old))) == "Refused"


def test_what_has_expired_is_not_renewed(home: Home, certifier: Certifier) -> None:
    old = certificate_of(certifier.issue([ask()]))
    home.hands.pass_time(1100 * DAY_S)
    assert kind_of(certifier, ask(2, fields={}, renews=serial_of(old))) == "Refused"


def test_a_renewal_changes_neither_fields_nor_template(certifier: Certifier) -> None:
    old = certificate_of(certifier.issue([ask()]))
    others = {**FIELDS, "name": "Mallory"}
    assert kind_of(certifier, ask(2, fields=others, renews=serial_of(old))) == "Refused"
    assert kind_of(certifier, ask(2, template="server", renews=serial_of(old))) == "NotFound"


def test_a_compromised_key_is_never_certified_again(certifier: Certifier) -> None:
    certificate = certificate_of(certifier.issue([ask()]))
    certifier.revoke(revocation(certificate, 1))
    assert kind_of(certifier, ask(2)) == "Refused"
    assert kind_of(certifier, ask(3, authority="issuing-p256")) == "Refused"


# --- manifests ------------------------------------------------------------------------------------


def test_a_manifest_is_signed_under_the_boxs_own_certificate(
    home: Home, certifier: Certifier
) -> None:
    facts = certifier.sign_manifest(b"manifest")
    report = verify_signed_data(facts["cms"], Against(document=b"manifest"), LibcryptoEngine())
    assert report.verdict is Verdict.VALID, report
    own, issuer, root = map(decode_certificate, pem.read_all(facts["chain"], "CERTIFICATE"))
    assert validate_path(own, [issuer], [root], home.hands.now, verify).is_valid
    other = verify_signed_data(facts["cms"], Against(document=b"Manifest"), LibcryptoEngine())
    assert other.verdict is Verdict.INVALID


def test_the_boxs_own_certificate_renews_itself(home: Home, certifier: Certifier) -> None:
    chains = [certifier.sign_manifest(b"one")["chain"] for _ in range(2)]
    home.hands.pass_time(200 * DAY_S)
    chains.append(certifier.sign_manifest(b"two")["chain"])
    assert chains[0] == chains[1] != chains[2]
