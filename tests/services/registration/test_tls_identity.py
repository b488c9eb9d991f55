"""The interface's certificate: a stopgap that says so, then ours, renewed before it ends."""

import stat

import pytest
from cryptography import x509
from kit.registration import outcome, town

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.errors import Unavailable
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from appliance.services.certifying.messages import IssueRefusal
from appliance.services.registration.requests import RequestDesk
from appliance.services.registration.tls_identity import TlsFiles, TlsKeeper

HOSTS = ("box.hospital.example", "10.1.2.3", "::1")
DAY_US = SECONDS_PER_DAY * US_PER_S


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


@pytest.fixture
def files(tmp_path):
    """Give the files of an identity that is not made yet."""
    return TlsFiles(tmp_path)


def at(place):
    return Utc(place.posix_us)


def shown(files):
    """Read what a client would be shown."""
    return [
        decode_certificate(each) for each in pem.read_all(files.chain.read_bytes(), "CERTIFICATE")
    ]


def test_a_box_without_an_authority_shows_a_stopgap_for_its_hosts(place, files):
    keeper = TlsKeeper(files, HOSTS)
    keeper.prepare(at(place))
    (stopgap,) = shown(files)
    names = x509.load_der_x509_certificate(stopgap.der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert [str(each.value) for each in names.value] == list(HOSTS)
    assert "without a certificate" in str(stopgap.subject)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert keeper.is_due(at(place))


def test_our_authority_s_certificate_takes_its_place_with_its_chain(place, files):
    keeper = TlsKeeper(files, HOSTS)
    keeper.prepare(at(place))
    key = files.key.read_bytes()
    above = shown(files)[0].der  # any certificate will do
    outcome(keeper.renew(RequestDesk(place.office()), [above]))
    leaf, issuer = shown(files)
    assert (leaf.subject.attributes, issuer.der) != ((), b"")
    assert not leaf.is_self_issued
    assert leaf.der in place.signer.issued.values()
    assert files.key.read_bytes() == key
    assert not keeper.is_due(at(place))
    place.posix_us += 300 * DAY_US
    assert keeper.is_due(at(place))


def test_a_stopgap_that_is_over_is_made_anew_and_a_certificate_stays(place, files):
    keeper = TlsKeeper(files, HOSTS)
    keeper.prepare(at(place))
    (first,) = shown(files)
    keeper.prepare(at(place))
    assert shown(files) == [first]
    place.posix_us += 40 * DAY_US
    keeper.prepare(at(place))
    assert shown(files) != [first]


def test_a_chain_of_another_key_or_none_is_not_used(place, files):
    keeper = TlsKeeper(files, HOSTS)
    keeper.prepare(at(place))
    for octets in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        files.chain.write_bytes(octets)
        assert keeper.held() is None
        keeper.prepare(at(place))
        assert keeper.held() is not None
    files.key.unlink()
    keeper.prepare(at(place))
    assert keeper.held() is not None


def test_a_refusal_leaves_what_is_there(place, files):
    keeper = TlsKeeper(files, HOSTS)
    keeper.prepare(at(place))
    before = files.chain.read_bytes()
    place.signer.refusal = IssueRefusal("Refused", "no such template")
    with pytest.raises(Unavailable, match="no such template"):
        outcome(keeper.renew(RequestDesk(place.office()), []))
    assert files.chain.read_bytes() == before


def test_what_waited_for_the_signer_is_asked_again_and_nothing_is_issued_twice(place, files):
    keeper, desk = TlsKeeper(files, HOSTS), RequestDesk(place.office())
    keeper.prepare(at(place))
    place.signer.is_away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            outcome(keeper.renew(desk, []))
    place.signer.is_away = False
    assert outcome(desk.resume()) == 1  # as the chores do first
    outcome(keeper.renew(desk, []))
    assert not keeper.is_due(at(place))
    assert len(place.signer.issued) == 1
