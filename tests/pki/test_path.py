import functools
import itertools

import attrs
import pytest
from kit.authority import TSA, VALIDITY, authority, certificates, generate, make_root

from appliance.asn1 import der
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.pki import path
from appliance.pki.issuing import CertificateTemplate
from appliance.pki.path import PathCache, PathCode, validate_path
from appliance.quantities import Utc

NOW = Utc.parse_generalized_time(b"20260301000000Z")
CA = CertificateTemplate(name="ca", key_usage=frozenset({KeyUsage.KEY_CERT_SIGN}), is_ca=True)
ROOT = authority(KeyAlgorithm.P256).root
KEY = generate(KeyAlgorithm.P256)
verify = functools.partial(verify_signature, LibcryptoEngine())


def validated(leaf, intermediates=(), roots=(ROOT,), at=NOW):
    return validate_path(
        leaf.certificate, certificates(intermediates), certificates(roots), at, verify
    )


def line(length, template=CA):
    """Intermediates one under the other, the topmost first."""
    made = [ROOT]
    for number in range(length):
        made.append(made[-1].issue(template, f"CA {number}", KEY))
    return made[1:]


class Counting:
    """Verifies for real, and counts."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        return verify(*arguments)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_leaf_directly_under_its_root_is_valid(algorithm):
    made = authority(algorithm)
    result = validated(made.tsa, roots=[made.root])
    assert result.is_valid
    assert result.chain == (made.tsa.certificate, made.root.certificate)
    assert str(result) == "valid."


def test_algorithms_may_be_mixed_along_a_chain():
    ca = authority(KeyAlgorithm.SM2).root.issue(CA, "P-256 CA", KEY)
    leaf = ca.issue(TSA, "RSA leaf", authority(KeyAlgorithm.RSA).tsa.key)
    assert validated(leaf, [ca], [authority(KeyAlgorithm.SM2).root]).is_valid


def test_intermediates_are_used_in_any_order():
    made = line(3)
    leaf = made[-1].issue(TSA, "leaf", KEY)
    for order in itertools.permutations(made):
        result = validated(leaf, order)
        assert result.is_valid
        assert len(result.chain) == 5


def test_a_trusted_leaf_needs_no_issuer():
    assert validated(ROOT).chain == (ROOT.certificate,)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (Utc(VALIDITY.not_before.posix_us - 1), PathCode.NOT_YET_VALID),
        (VALIDITY.not_before, PathCode.VALID),
        (VALIDITY.not_after, PathCode.VALID),
        (Utc(VALIDITY.not_after.posix_us + 1), PathCode.EXPIRED),
    ],
)
def test_validity_includes_its_ends(at, code):
    assert validated(authority(KeyAlgorithm.P256).tsa, at=at).code is code


def test_an_expired_issuer_ends_the_path():
    early = attrs.evolve(VALIDITY, not_after=Utc(NOW.posix_us - 1_000_000))
    root = make_root(KeyAlgorithm.P256, validity=early)
    result = validated(root.issue(TSA, "leaf", KEY), roots=[root])
    assert (result.code, result.at_fault) == (PathCode.EXPIRED, root.certificate)
    assert str(result) == "expired: CN=Root p256,O=Shiyin test,C=CN."


def test_without_its_issuer_a_leaf_is_of_unknown_issuer():
    result = validated(authority(KeyAlgorithm.SM2).tsa)
    assert result.code is PathCode.UNKNOWN_ISSUER


def test_a_key_identifier_that_differs_is_another_issuer():
    namesake = make_root(KeyAlgorithm.P256)
    assert validated(namesake.issue(TSA, "leaf", KEY)).code is PathCode.UNKNOWN_ISSUER


def test_a_signature_by_another_key_is_bad():
    forger = attrs.evolve(ROOT, key=KEY)
    result = validated(forger.issue(TSA, "leaf", KEY))
    assert result.code is PathCode.BAD_SIGNATURE


def test_a_sound_path_is_found_beside_a_broken_one():
    ca = ROOT.issue(CA, "CA", KEY)
    broken = attrs.evolve(ROOT, key=KEY).issue(CA, "CA", KEY, serial_number=b"\x10")
    leaf = ca.issue(TSA, "leaf", KEY)
    assert validated(leaf, [broken, ca]).is_valid
    assert validated(leaf, [broken]).code is PathCode.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("template", "code"),
    [
        (TSA, PathCode.NOT_A_CA),
        (attrs.evolve(CA, key_usage=frozenset({KeyUsage.CRL_SIGN})), PathCode.BAD_KEY_USAGE),
    ],
)
def test_an_issuer_must_be_a_ca_that_may_sign(template, code):
    ca = ROOT.issue(template, "CA", KEY)
    assert validated(ca.issue(TSA, "leaf", KEY), [ca]).code is code


@pytest.mark.parametrize(
    ("path_len", "below", "code"),
    [
        (0, 0, PathCode.VALID),
        (0, 1, PathCode.PATH_TOO_LONG),
        (1, 1, PathCode.VALID),
        (1, 2, PathCode.PATH_TOO_LONG),
    ],
)
def test_path_len_counts_the_intermediates_below(path_len, below, code):
    made = [ROOT.issue(attrs.evolve(CA, path_len=path_len), "top", KEY)]
    for number in range(below):
        made.append(made[-1].issue(CA, f"below {number}", KEY))
    assert validated(made[-1].issue(TSA, "leaf", KEY), made).code is code


def test_a_path_holds_eight_certificates_and_no_more():
    made = line(7)
    assert validated(made[5].issue(TSA, "leaf", KEY), made).is_valid
    assert validated(made[6].issue(TSA, "leaf", KEY), made).code is PathCode.PATH_TOO_LONG


def test_an_unknown_critical_extension_is_not_supported():
    # keyUsage, 2.5.29.15, made nameConstraints, 2.5.29.30, which nobody processes here.
    odd = authority(KeyAlgorithm.P256).tsa.certificate
    replaced = odd.der.replace(der.oid("2.5.29.15"), der.oid("2.5.29.30"))
    result = validate_path(decode_certificate(replaced), [], certificates([ROOT]), NOW, verify)
    assert result.code is PathCode.UNSUPPORTED_CRITICAL_EXTENSION


def test_an_unknown_algorithm_is_not_supported():
    result = validate_path(
        authority(KeyAlgorithm.P256).tsa.certificate,
        [],
        certificates([ROOT]),
        NOW,
        lambda *_: Verification.UNSUPPORTED,
    )
    assert result.code is PathCode.UNSUPPORTED_ALGORITHM


def test_a_malicious_set_costs_a_bounded_number_of_signatures():
    """Twelve namesakes that all issued each other, and no root: 12! paths."""
    top = make_root(KeyAlgorithm.P256)
    knot = [
        attrs.evolve(top, key=top.key).issue(
            CA, "Root p256", top.key, serial_number=bytes([number])
        )
        for number in range(1, 13)
    ]
    leaf = top.issue(TSA, "leaf", KEY)
    counting = Counting()
    result = validate_path(
        leaf.certificate, certificates(knot), certificates([ROOT]), NOW, counting
    )
    assert result.code is PathCode.TOO_MANY_CANDIDATES
    assert counting.calls <= path.MAX_STEPS


def test_a_known_path_is_not_verified_again():
    counting = Counting()
    cache = PathCache([ROOT.certificate], counting)
    leaf = authority(KeyAlgorithm.P256).tsa.certificate
    first = cache.validate(leaf, [], NOW)
    assert cache.validate(cache.certificate(leaf.der), [], Utc(NOW.posix_us + 1)) is first
    assert counting.calls == 1


def test_a_known_path_does_not_hold_outside_its_validity():
    cache = PathCache([ROOT.certificate], verify)
    leaf = authority(KeyAlgorithm.P256).tsa.certificate
    assert cache.validate(leaf, [], NOW).is_valid
    late = Utc(VALIDITY.not_after.posix_us + 1)
    assert cache.validate(leaf, [], late).code is PathCode.EXPIRED
    assert cache.validate(leaf, [], NOW).is_valid


def test_a_failure_is_not_remembered():
    ca = ROOT.issue(CA, "CA", KEY)
    leaf = ca.issue(TSA, "leaf", KEY).certificate
    cache = PathCache([ROOT.certificate], verify)
    assert cache.validate(leaf, [], NOW).code is PathCode.UNKNOWN_ISSUER
    assert cache.validate(leaf, [ca.certificate], NOW).is_valid
    assert cache.validate(leaf, [], NOW).is_valid


def test_the_longest_unused_path_is_forgotten_first():
    counting = Counting()
    cache = PathCache([ROOT.certificate], counting, capacity=2)
    leaves = [ROOT.issue(TSA, f"leaf {number}", KEY).certificate for number in range(3)]
    for number in (0, 1, 0, 2, 0):
        cache.validate(leaves[number], [], NOW)
    assert counting.calls == 3
    cache.validate(leaves[1], [], NOW)
    assert counting.calls == 4
