import functools

import attrs
import pytest
from kit.authority import STAMPED_AT, TSA, VALIDITY, authority
from kit.crls import List, after_stamping, distribution_point, revoked, uri_name

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import Extension, extension
from appliance.asn1.status.crl import CrlReason, decode_crl
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.pki.revocation import RevocationCode, RevocationLists
from appliance.quantities import Utc

MADE = authority(KeyAlgorithm.SM2)
LISTS = RevocationLists(functools.partial(verify_signature, LibcryptoEngine()))
SOUND = List(issuer=MADE.root)
NOW = after_stamping(2)
EARLIER, LATER = after_stamping(-1), after_stamping(1)


def asked(*lists, certificate=MADE.tsa.certificate, now=NOW, made=MADE):
    decoded = [decode_crl(each.der()) for each in lists]
    return LISTS.status(certificate, made.root.certificate, decoded, STAMPED_AT, now)


def listing(at, reason=None, certificate=MADE.tsa.certificate):
    return attrs.evolve(SOUND, entries=(revoked(certificate, at, reason),))


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_list_of_the_issuer_without_the_certificate_says_good(algorithm):
    made = authority(algorithm)
    status = asked(List(issuer=made.root), certificate=made.tsa.certificate, made=made)
    assert status.code is RevocationCode.GOOD
    assert str(status).endswith(": good.")


@pytest.mark.parametrize(
    ("reason", "before", "after"),
    [
        (None, RevocationCode.REVOKED, RevocationCode.REVOKED),
        (CrlReason.UNSPECIFIED, RevocationCode.REVOKED, RevocationCode.GOOD),
        (CrlReason.KEY_COMPROMISE, RevocationCode.REVOKED, RevocationCode.REVOKED),
        (CrlReason.CA_COMPROMISE, RevocationCode.REVOKED, RevocationCode.REVOKED),
        (CrlReason.AFFILIATION_CHANGED, RevocationCode.REVOKED, RevocationCode.GOOD),
        (CrlReason.SUPERSEDED, RevocationCode.REVOKED, RevocationCode.GOOD),
        (CrlReason.CESSATION_OF_OPERATION, RevocationCode.REVOKED, RevocationCode.GOOD),
        (CrlReason.CERTIFICATE_HOLD, RevocationCode.ON_HOLD, RevocationCode.ON_HOLD),
        (CrlReason.REMOVE_FROM_CRL, RevocationCode.REVOKED, RevocationCode.REVOKED),
        (CrlReason.PRIVILEGE_WITHDRAWN, RevocationCode.REVOKED, RevocationCode.REVOKED),
        (CrlReason.AA_COMPROMISE, RevocationCode.REVOKED, RevocationCode.REVOKED),
    ],
)
def test_rfc_3161_clause_4_says_which_revocation_harms_what_was_signed(reason, before, after):
    """`before` is for a revocation before the signature, `after` for one after it."""
    assert asked(listing(EARLIER, reason)).code is before
    assert asked(listing(LATER, reason)).code is after


def test_a_harmless_revocation_is_told():
    status = asked(listing(LATER, CrlReason.SUPERSEDED))
    assert "good then; revoked since 2026-03-02T08:30:00" in str(status)
    assert str(status).endswith("(superseded).")
    assert str(asked(listing(LATER))).endswith("(no reason given).")


def test_without_a_list_of_the_issuer_nothing_is_known():
    other = List(issuer=authority(KeyAlgorithm.P256).root)
    assert asked(other).code is RevocationCode.NO_LIST
    assert asked().code is RevocationCode.NO_LIST


@pytest.mark.parametrize(
    ("next_update", "now", "code"),
    [
        (after_stamping(8), after_stamping(8), RevocationCode.GOOD),
        (after_stamping(8), after_stamping(9), RevocationCode.STALE),
        (after_stamping(8), None, RevocationCode.GOOD),
        (after_stamping(-1), None, RevocationCode.STALE),
        (None, None, RevocationCode.GOOD),
        (None, after_stamping(2), RevocationCode.STALE),
        (after_stamping(8), after_stamping(0), RevocationCode.OUT_OF_SCOPE),
    ],
)
def test_a_list_must_speak_for_the_time_in_question(next_update, now, code):
    assert asked(attrs.evolve(SOUND, next_update=next_update), now=now).code is code


def test_a_list_signed_by_another_key_is_not_believed():
    forged = attrs.evolve(SOUND, issuer=attrs.evolve(MADE.root, key=MADE.tsa.key))
    assert asked(forged).code is RevocationCode.BAD_SIGNATURE


def test_a_forged_newer_list_does_not_hide_a_genuine_one():
    forged = attrs.evolve(SOUND, this_update=NOW, issuer=attrs.evolve(MADE.root, key=MADE.tsa.key))
    genuine = listing(EARLIER, CrlReason.KEY_COMPROMISE)
    assert asked(forged, genuine).code is RevocationCode.REVOKED


def test_the_newest_list_is_believed():
    old = attrs.evolve(SOUND, this_update=after_stamping(0))
    new = listing(EARLIER)
    assert asked(old, new).code is asked(new, old).code is RevocationCode.REVOKED


def test_an_issuer_that_may_not_sign_lists_is_not_believed():
    plain = attrs.evolve(TSA, extended_key_usage=())
    ca = MADE.root.issue(plain, "No lists", MADE.tsa.key)
    leaf = ca.issue(TSA, "leaf", MADE.tsa.key).certificate
    made = decode_crl(List(issuer=ca).der())
    status = LISTS.status(leaf, ca.certificate, [made], STAMPED_AT, NOW)
    assert status.code is RevocationCode.BAD_SIGNATURE


def test_a_list_with_an_unknown_critical_extension_is_not_used():
    odd = extension("2.5.29.27", der.integer(1), critical=True)
    assert asked(attrs.evolve(SOUND, extensions=(odd,))).code is RevocationCode.UNSUPPORTED


def test_a_list_of_an_unknown_algorithm_is_not_used():
    made = attrs.evolve(SOUND, issuer=attrs.evolve(authority(KeyAlgorithm.RSA).root))
    made = attrs.evolve(made, issuer=attrs.evolve(made.issuer, certificate=MADE.root.certificate))
    assert asked(made).code is RevocationCode.UNSUPPORTED


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ((1,), RevocationCode.GOOD),
        ((2,), RevocationCode.OUT_OF_SCOPE),
        ((4,), RevocationCode.OUT_OF_SCOPE),
    ],
)
def test_a_list_for_other_certificates_is_not_used(flags, code):
    assert asked(attrs.evolve(SOUND, extensions=(distribution_point(*flags),))).code is code


def test_a_list_for_users_says_nothing_of_an_authority():
    only_users = attrs.evolve(SOUND, extensions=(distribution_point(1),))
    status = asked(only_users, certificate=MADE.root.certificate)
    assert status.code is RevocationCode.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("uri", "code"), [(b"http://a/", RevocationCode.GOOD), (b"b", RevocationCode.OUT_OF_SCOPE)]
)
def test_a_list_of_a_distribution_point_is_for_its_certificates(uri, code):
    names = der.tlv(der.context(0), der.tlv(der.context(0), uri_name(b"http://a/")))
    points = Extension(
        oids.CRL_DISTRIBUTION_POINTS, critical=False, value=der.sequence(der.sequence(names))
    )
    tsa = MADE.tsa.certificate
    listed = (*tsa.extensions.listed, points)
    pointed = attrs.evolve(tsa, extensions=attrs.evolve(tsa.extensions, listed=listed))
    made = attrs.evolve(SOUND, extensions=(distribution_point(uri=uri),))
    assert asked(made, certificate=pointed).code is code
    assert asked(made).code is RevocationCode.OUT_OF_SCOPE


def test_a_list_that_drops_expired_certificates_says_nothing_of_them():
    short = attrs.evolve(VALIDITY, not_after=after_stamping(1))
    tsa = MADE.root.issue(TSA, "Short", MADE.tsa.key, validity=short).certificate
    late = attrs.evolve(SOUND, this_update=after_stamping(2))
    assert asked(late, certificate=tsa).code is RevocationCode.OUT_OF_SCOPE
    since = der.tlv(der.GENERALIZED_TIME, Utc(0).generalized_time())
    kept = attrs.evolve(late, extensions=(extension(oids.EXPIRED_CERTS_ON_CRL, since),))
    assert asked(kept, certificate=tsa).code is RevocationCode.GOOD
