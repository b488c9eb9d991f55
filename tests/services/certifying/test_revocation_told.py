"""What becomes of certificates, and what lists and OCSP say of it, read by another library."""

import datetime as dt
from collections.abc import Iterable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from kit.certifying import (
    Home,
    ask,
    certificate_of,
    csr_of,
    person_key,
    revocation,
    serial_of,
    verify,
)

from appliance.asn1.status.crl import decode_crl
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.verifier import Verification
from appliance.errors import Conflict, NotFound, Refused
from appliance.services.certifying.certifier import Certifier
from appliance.services.certifying.messages import RevokeAsk
from appliance.services.certifying.revocation.press import Press
from appliance.services.certifying.revocation.status_room import TRY_LATER, StatusRoom
from appliance.store.issued import IssuedIndex

P256 = "issuing-p256"
DAY_S = 86_400


def issue(certifier: Certifier, number: int = 1, authority: str = P256) -> Certificate:
    wish = ask(number, authority=authority, csr=csr_of(person_key(number)))
    return certificate_of(certifier.issue([wish]))


def crl(home: Home, name: str = P256) -> x509.CertificateRevocationList:
    octets = (home.folder("published") / f"{name}.crl").read_bytes()
    return x509.load_der_x509_crl(octets)


def number_of(listed: x509.CertificateRevocationList) -> int:
    return listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def told(listed: x509.CertificateRevocationList) -> dict[int, str | None]:
    return {
        entry.serial_number: next(
            (
                each.value.reason.name
                for each in entry.extensions
                if isinstance(each.value, x509.CRLReason)
            ),
            None,
        )
        for entry in listed
    }


def turn(home: Home, certifier: Certifier, seconds: int = 2) -> None:
    home.hands.pass_time(seconds)
    certifier.rest()


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasons", "state"),
    [
        ((6,), "on_hold"),
        ((6, 8), "valid"),
        ((6, 1), "revoked"),
        ((4,), "revoked"),
        ((6, 8, 6, 8, 9), "revoked"),
    ],
)
def test_certificates_change_as_the_table_says(
    certifier: Certifier, reasons: Iterable[int], state: str
) -> None:
    certificate = issue(certifier)
    outcomes = [certifier.revoke(revocation(certificate, each, P256)) for each in reasons]
    assert outcomes[-1]["state"] == state


@pytest.mark.parametrize("reasons", [(8,), (1, 8), (1, 6), (4, 1)])
def test_what_the_table_does_not_have_is_a_conflict(
    certifier: Certifier, reasons: tuple[int, ...]
) -> None:
    certificate = issue(certifier)
    for each in reasons[:-1]:
        certifier.revoke(revocation(certificate, each, P256))
    with pytest.raises(Conflict):
        certifier.revoke(revocation(certificate, reasons[-1], P256))


def test_revoking_twice_is_revoking_once(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier)
    first = certifier.revoke(revocation(certificate, 4, P256))
    home.hands.pass_time(3600)
    assert certifier.revoke(revocation(certificate, 4, P256)) == first


@pytest.mark.parametrize("reason", [2, 7, 10])
def test_reasons_that_are_not_a_users_are_refused(certifier: Certifier, reason: int) -> None:
    certificate = issue(certifier)
    with pytest.raises(Refused):
        certifier.revoke(revocation(certificate, reason, P256))


def test_nobody_revokes_what_was_never_issued(certifier: Certifier) -> None:
    certificate = issue(certifier)
    with pytest.raises(NotFound):
        certifier.revoke(revocation(certificate, 1, "issuing-sm2"))


def test_a_key_is_not_lost_in_the_future(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier)
    later = home.hands.now.posix_us + 1
    with pytest.raises(Refused):
        certifier.revoke(RevokeAsk(1, P256, serial_of(certificate), 1, later))


def test_what_has_expired_is_not_revoked(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier)
    home.hands.pass_time(1100 * DAY_S)
    with pytest.raises(Conflict):
        certifier.revoke(revocation(certificate, 1, P256))


# --- lists ----------------------------------------------------------------------------------------


def test_a_list_tells_the_revoked_with_their_reasons(home: Home, certifier: Certifier) -> None:
    certificates = [issue(certifier, number) for number in range(1, 5)]
    for certificate, reason in zip(certificates, (1, 6, 0), strict=False):
        certifier.revoke(revocation(certificate, reason, P256))
    turn(home, certifier)
    listed = crl(home)
    assert told(listed) == {
        certificates[0].serial_number: "key_compromise",
        certificates[1].serial_number: "certificate_hold",
        certificates[2].serial_number: None,
    }
    issuer = decode_certificate((home.folder("published") / f"{P256}.cer").read_bytes())
    assert listed.is_signature_valid(x509.load_der_x509_certificate(issuer.der).public_key())
    assert listed.next_update_utc - listed.last_update_utc == dt.timedelta(days=1)


def test_an_sm2_list_verifies(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier, authority="issuing-sm2")
    certifier.revoke(revocation(certificate))
    turn(home, certifier)
    listed = decode_crl((home.folder("published") / "issuing-sm2.crl").read_bytes())
    issuer = decode_certificate((home.folder("published") / "issuing-sm2.cer").read_bytes())
    verdict = verify(issuer.spki, listed.signature_algorithm.oid, listed.tbs, listed.signature)
    assert verdict is Verification.VALID
    assert listed.find(certificate.serial_number_tlv) is not None


def test_a_released_certificate_leaves_the_list(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier)
    certifier.revoke(revocation(certificate, 6, P256))
    turn(home, certifier)
    assert len(list(crl(home))) == 1
    certifier.revoke(revocation(certificate, 8, P256))
    turn(home, certifier)
    assert len(list(crl(home))) == 0


def test_numbers_rise_over_starts_and_bursts(home: Home) -> None:
    certifier = home.open()
    certifier.rest()
    numbers = [number_of(crl(home))]
    for _ in range(3):
        certifier.publish_list(P256, is_delta=False)
        numbers.append(number_of(crl(home)))
    certifier.close()
    again = home.open()
    again.publish_list(P256, is_delta=False)
    numbers.append(number_of(crl(home)))
    again.close()
    assert numbers == sorted(set(numbers))
    assert all(number & 0xFF == 1 for number in numbers)


def test_nothing_is_signed_while_nothing_is_due(home: Home, certifier: Certifier) -> None:
    certifier.rest()
    before = number_of(crl(home))
    turn(home, certifier, DAY_S // 2 - 10)
    assert number_of(crl(home)) == before
    turn(home, certifier, 20)
    assert number_of(crl(home)) > before


def test_a_list_that_was_lost_or_altered_is_made_anew_at_a_start(home: Home) -> None:
    certifier = home.open()
    certifier.rest()
    before = number_of(crl(home))
    certifier.close()
    (home.folder("published") / f"{P256}.crl").write_bytes(b"altered")
    home.hands.pass_time(10)
    again = home.open()
    again.rest()
    assert number_of(crl(home)) > before
    again.close()


def test_a_delta_tells_what_changed_since_its_base(home: Home, certifier: Certifier) -> None:
    held, revoked, other = (issue(certifier, number) for number in range(1, 4))
    certifier.revoke(revocation(held, 6, P256))
    certifier.publish_list(P256, is_delta=False)
    base = number_of(crl(home))
    home.hands.pass_time(5)
    certifier.revoke(revocation(held, 8, P256))
    certifier.revoke(revocation(revoked, 4, P256))
    facts = certifier.publish_list(P256, is_delta=True)
    delta = crl(home, f"{P256}-delta")
    assert facts["is_delta"]
    assert told(delta) == {
        held.serial_number: "remove_from_crl",
        revoked.serial_number: "superseded",
    }
    indicator = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert indicator.critical
    assert indicator.value.crl_number == base
    assert other.serial_number not in told(delta)


def test_many_revocations_are_told_by_deltas(home: Home, certifier: Certifier) -> None:
    certifier._press = Press(
        certifier._journal, home.folder("published"), node=1, lifetime_s=DAY_S, delta_from=2
    )
    certificates = [issue(certifier, number) for number in range(1, 5)]
    certifier.rest()
    for certificate in certificates[:3]:
        certifier.revoke(revocation(certificate, 4, P256))
        turn(home, certifier)
    assert len(told(crl(home))) == 1
    assert len(told(crl(home, f"{P256}-delta"))) == 2


def test_the_expired_leave_the_list_after_one_more(home: Home, certifier: Certifier) -> None:
    wish = ask(authority=P256, csr=csr_of(person_key(1)), days=2)
    certificate = certificate_of(certifier.issue([wish]))
    certifier.revoke(revocation(certificate, 4, P256))
    turn(home, certifier, 2 * DAY_S + 10)
    assert len(told(crl(home))) == 1
    turn(home, certifier, 2 * DAY_S)
    assert len(told(crl(home))) == 0


# --- OCSP -----------------------------------------------------------------------------------------


def room(home: Home, certifier: Certifier) -> StatusRoom:
    opened = StatusRoom(lifetime_s=3600, now=lambda: home.hands.now)
    index = IssuedIndex.open(home.index_path)
    certifier.rest()
    for name, own in home.hands.served.items():
        opened.serve(certifier._issuers[name], own, index)
    return opened


def question(certificate: Certificate, home: Home) -> bytes:
    issuer = (home.folder("published") / f"{P256}.cer").read_bytes()
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(certificate.der),
        x509.load_der_x509_certificate(issuer),
        SHA256(),
    )
    return builder.build().public_bytes(Encoding.DER)


def status(octets: bytes) -> str:
    response = ocsp.load_der_ocsp_response(octets)
    return response.certificate_status.name if hasattr(response, "certificate_status") else "none"


def test_ocsp_knows_a_revocation_at_once(home: Home, certifier: Certifier) -> None:
    certificate = issue(certifier)
    opened = room(home, certifier)
    asked = question(certificate, home)
    assert status(opened.answer(asked)) == "GOOD"
    certifier.revoke(revocation(certificate, 1, P256))
    for serial in home.hands.changed:
        opened.forget(serial)
    response = ocsp.load_der_ocsp_response(opened.answer(asked))
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.key_compromise
    (responder,) = response.certificates
    responder.public_key().verify(response.signature, response.tbs_response_bytes, _ecdsa(response))


def _ecdsa(response: ocsp.OCSPResponse) -> object:
    assert response.signature_hash_algorithm is not None
    return ec.ECDSA(response.signature_hash_algorithm)


def test_ocsp_is_to_be_asked_again_before_it_is_ready(home: Home) -> None:
    assert StatusRoom(lifetime_s=60, now=lambda: home.hands.now).answer(b"") == TRY_LATER


def test_a_responder_is_short_lived_and_renews_itself(home: Home, certifier: Certifier) -> None:
    certifier.rest()
    first = home.hands.served[P256].certificate
    validity = first.validity
    assert validity.not_after.posix_us - validity.not_before.posix_us == 30 * DAY_S * 1_000_000
    turn(home, certifier, 14 * DAY_S)
    assert home.hands.served[P256].certificate is first
    turn(home, certifier, 2 * DAY_S)
    second = home.hands.served[P256].certificate
    assert second.serial_number != first.serial_number
    assert second.spki == first.spki


def test_a_responder_outlives_a_start(home: Home) -> None:
    certifier = home.open()
    certifier.rest()
    first = home.hands.served[P256].certificate
    certifier.close()
    again = home.open()
    again.rest()
    assert home.hands.served[P256].certificate.der == first.der
    again.close()
