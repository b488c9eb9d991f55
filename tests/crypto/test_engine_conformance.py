"""What every SM2 engine does alike, and that each believes what the others sign."""

import copy
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import gmssl_oracle, sm2_arithmetic, sm2_standard
from kit.sm2_standard import DIGEST, MESSAGE, PUBLIC, SIGNATURE, N, P, R, S, scalar, secret_of

from appliance.crypto.api import KeyAlgorithm, Sm2Engine
from appliance.crypto.engine import make_native
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import Fault, Malformed

MAKERS = {"native": make_native, "libcrypto": LibcryptoEngine}
EDGE_DIGESTS = [bytes(32), b"\xff" * 32, scalar(N), scalar(N - 1), scalar(1)]

X, Y = sm2_arithmetic.with_x_from(1)  # x + p still fits 32 octets
ABOVE_ORDER = sm2_arithmetic.with_x_from(N)  # n <= x < p

octets_32 = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module", params=list(MAKERS))
def engine(request) -> Sm2Engine:
    return MAKERS[request.param]()


@pytest.fixture(scope="module", params=itertools.permutations(MAKERS), ids="-to-".join)
def pair(request) -> tuple[Sm2Engine, Sm2Engine]:
    signer, judge = request.param
    return MAKERS[signer](), MAKERS[judge]()


@pytest.fixture(scope="module")
def key(engine):
    return engine.generate()


def test_an_engine_tells_its_name(engine, request):
    assert engine.name in MAKERS


# --- hashes ---------------------------------------------------------------------------------------


def test_sm3_gives_the_answers_of_gbt_32905(engine):
    assert engine.sm3(b"abc").hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )
    assert engine.sm3(b"abcd" * 16).hex() == (
        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    )


@given(data=st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_sm3_agrees_with_gmssl(engine, data):
    assert engine.sm3(data) == gmssl_oracle.hash_sm3(data)


def test_the_digest_is_that_of_gbt_32918_5(engine):
    assert engine.message_digest(PUBLIC, MESSAGE) == DIGEST


@pytest.mark.parametrize("user_id", [b"", b"A", b"ALICE123@YAHOO.COM", b"x" * 8191])
def test_the_digest_takes_any_user_id(engine, user_id):
    curve = scalar(sm2_standard.A) + scalar(sm2_standard.B) + sm2_standard.G
    entl = (8 * len(user_id)).to_bytes(2, "big")
    z = gmssl_oracle.hash_sm3(entl + user_id + curve + PUBLIC)
    expected = gmssl_oracle.hash_sm3(z + MESSAGE)
    assert engine.message_digest(PUBLIC, MESSAGE, user_id) == expected


def test_a_user_id_whose_bits_two_octets_cannot_count_is_malformed(engine):
    with pytest.raises(Malformed):
        engine.message_digest(PUBLIC, MESSAGE, b"x" * 8192)


def test_a_digest_over_a_short_public_key_is_malformed(engine):
    with pytest.raises(Malformed):
        engine.message_digest(PUBLIC[1:], MESSAGE)


# --- keys -----------------------------------------------------------------------------------------


def test_the_private_key_of_the_standard_has_its_public_key(engine):
    with secret_of(sm2_standard.PRIVATE) as secret:
        key = engine.load(secret)
    assert key.public == PUBLIC
    assert key.algorithm is KeyAlgorithm.SM2


def test_the_smallest_private_key_has_the_base_point(engine):
    with secret_of(scalar(1)) as secret:
        assert engine.load(secret).public == sm2_standard.G


def test_the_largest_private_key_signs(engine):
    with secret_of(scalar(N - 2)) as secret:
        key = engine.load(secret)
    assert engine.verify_digest(key.public, DIGEST, key.sign_digest(DIGEST))


@pytest.mark.parametrize("d", [0, N - 1, N, N + 1, 2**256 - 1])
def test_a_private_key_out_of_range_is_malformed(engine, d):
    with secret_of(scalar(d)) as secret, pytest.raises(Malformed):
        engine.load(secret)


@pytest.mark.parametrize("size", [1, 31, 33])
def test_a_private_key_of_another_length_is_malformed(engine, size):
    with secret_of(b"\x01" * size) as secret, pytest.raises(Malformed):
        engine.load(secret)


def test_generated_keys_differ_and_lie_on_the_curve(engine):
    publics = {engine.generate().public for _ in range(8)}
    assert len(publics) == 8
    assert all(engine.check_public(public) for public in publics)


def test_an_exported_secret_is_what_was_loaded(engine):
    with secret_of(sm2_standard.PRIVATE) as secret:
        key = engine.load(secret)
    with key.export_secret() as exported:
        assert exported.view == sm2_standard.PRIVATE


def test_a_small_secret_is_exported_with_its_leading_zeros(engine):
    with secret_of(scalar(258)) as secret:
        key = engine.load(secret)
    with key.export_secret() as exported:
        assert exported.view == scalar(258)


def test_a_key_outlives_the_buffer_it_came_from(engine):
    with secret_of(sm2_standard.PRIVATE) as secret:
        key = engine.load(secret)
    assert engine.verify_digest(PUBLIC, DIGEST, key.sign_digest(DIGEST))


def test_a_closed_key_does_nothing(engine):
    key = engine.generate()
    key.close()
    key.close()
    for use in (lambda: key.sign_digest(DIGEST), lambda: key.sign_many([b""]), key.export_secret):
        with pytest.raises(Fault):
            use()


def test_a_key_does_not_show_its_secret(engine):
    with secret_of(sm2_standard.PRIVATE) as secret:
        key = engine.load(secret)
    shown = (repr(key) + str(key)).lower()
    assert sm2_standard.PRIVATE.hex() not in shown
    assert str(int.from_bytes(sm2_standard.PRIVATE, "big")) not in shown


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_key_is_neither_copied_nor_pickled(key, duplicate):
    with pytest.raises(Fault):
        duplicate(key)


# --- points ---------------------------------------------------------------------------------------


def test_points_of_the_curve_are_taken(engine):
    assert engine.check_public(PUBLIC)
    assert engine.check_public(sm2_standard.G)
    assert engine.check_public(scalar(X) + scalar(Y))
    assert engine.check_public(sm2_arithmetic.public_of(ABOVE_ORDER))


BAD_POINTS = {
    "empty": b"",
    "short": PUBLIC[:-1],
    "with a form octet": b"\x04" + PUBLIC,
    "infinity as zeros": bytes(64),
    "off the curve": PUBLIC[:-1] + b"\x14",
    "swapped": PUBLIC[32:] + PUBLIC[:32],
    "x + p": scalar(X + P) + scalar(Y),
    "y = p": scalar(X) + scalar(P),
    "all ones": b"\xff" * 64,
}


@pytest.mark.parametrize("public", BAD_POINTS.values(), ids=BAD_POINTS)
def test_what_is_no_point_is_refused(engine, public):
    assert not engine.check_public(public)
    assert not engine.verify_digest(public, DIGEST, SIGNATURE)
    assert not engine.verify(public, MESSAGE, SIGNATURE)


# --- verification ---------------------------------------------------------------------------------


def test_the_signature_of_the_standard_verifies(engine):
    assert engine.verify_digest(PUBLIC, DIGEST, SIGNATURE)
    assert engine.verify(PUBLIC, MESSAGE, SIGNATURE)


BAD_SIGNATURES = {
    "empty": b"",
    "short": SIGNATURE[:-1],
    "long": SIGNATURE + b"\0",
    "r = 0": bytes(32) + S,
    "s = 0": R + bytes(32),
    "both 0": bytes(64),
    "r = n": scalar(N) + S,
    "s = n": R + scalar(N),
    "r = n + 1": scalar(N + 1) + S,
    "s = n + 1": R + scalar(N + 1),
    "r + s = n": R + scalar(N - int.from_bytes(R, "big")),
    "swapped": S + R,
    "all ones": b"\xff" * 64,
}


@pytest.mark.parametrize("signature", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_a_signature_out_of_shape_or_range_is_refused(engine, signature):
    assert not engine.verify_digest(PUBLIC, DIGEST, signature)
    assert not engine.verify(PUBLIC, MESSAGE, signature)


FITTING = {
    "r = s = 1": (1, 1),
    "r = 1": (1, 0x1234),
    "s = 1": (0x1234, 1),
    "r = n - 1": (N - 1, 5),
    "s = n - 1": (5, N - 1),
    "both n - 1": (N - 1, N - 1),
    "r + s = n + 1": (2, N - 1),
}
FITTING_OUT_OF_RANGE = {
    "r = 0": (0, 0x1234),
    "s = 0": (0x1234, 0),
    "r = n": (N, 0x1234),
    "s = n": (0x1234, N),
    "r = n + 1": (N + 1, 0x1234),
    "s = n + 1": (0x1234, N + 1),
    "r = 2^256 - 1": (2**256 - 1, 0x1234),
    "s = 2^256 - 1": (0x1234, 2**256 - 1),
    "r + s = n": (0x1234, N - 0x1234),
    "r = s = 0": (0, 0),
}


@pytest.mark.parametrize(("r", "s"), FITTING.values(), ids=FITTING)
def test_a_fitting_signature_at_the_ends_of_the_range_verifies(engine, r, s):
    digest = sm2_arithmetic.digest_fitting(PUBLIC, r, s)
    assert engine.verify_digest(PUBLIC, digest, scalar(r) + scalar(s))


@pytest.mark.parametrize(("r", "s"), FITTING_OUT_OF_RANGE.values(), ids=FITTING_OUT_OF_RANGE)
def test_a_fitting_signature_out_of_range_is_refused(engine, r, s):
    digest = sm2_arithmetic.digest_fitting(PUBLIC, r, s)
    assert not engine.verify_digest(PUBLIC, digest, scalar(r) + scalar(s))


def test_a_digest_above_the_order_counts_modulo_the_order(engine, key):
    signature = key.sign_digest(scalar(N + 5))
    assert engine.verify_digest(key.public, scalar(N + 5), signature)
    assert engine.verify_digest(key.public, scalar(5), signature)


def test_an_abscissa_above_the_order_counts_modulo_the_order(engine):
    """One point in 2^128 has x of n or more: the public key is made so that R is one of them."""
    s, t = 0x55, 0x1234
    public = sm2_arithmetic.public_fitting(ABOVE_ORDER, s, t)
    digest = sm2_arithmetic.digest_fitting(public, t - s, s)
    assert engine.verify_digest(public, digest, scalar(t - s) + scalar(s))


def test_adding_equal_points_verifies(engine):
    """With P = (s/t)*G both halves of s*G + t*P are one point, where addition divides by zero."""
    s, t = 0x55, 0x1234
    g = sm2_arithmetic.point_of(sm2_standard.G)
    public = sm2_arithmetic.public_of(sm2_arithmetic.multiply(s * pow(t, -1, N), g))
    digest = sm2_arithmetic.digest_fitting(public, t - s, s)
    assert engine.verify_digest(public, digest, scalar(t - s) + scalar(s))


def test_a_signature_whose_point_is_infinity_is_refused(engine):
    """With P = -(s/t)*G the halves cancel; an x of 0 read out of infinity would fit e = r."""
    s, t = 0x55, 0x1234
    g = sm2_arithmetic.point_of(sm2_standard.G)
    public = sm2_arithmetic.public_of(sm2_arithmetic.multiply(-s * pow(t, -1, N), g))
    assert engine.check_public(public)
    assert not engine.verify_digest(public, scalar(t - s), scalar(t - s) + scalar(s))


@pytest.mark.parametrize(
    "digest", [b"", DIGEST[:-1], DIGEST + b"\0"], ids=["none", "short", "long"]
)
def test_a_digest_of_another_length_is_refused(engine, key, digest):
    assert not engine.verify_digest(PUBLIC, digest, SIGNATURE)
    with pytest.raises(Malformed):
        key.sign_digest(digest)


@given(bit=st.integers(0, 64 * 8 + 32 * 8 + 64 * 8 - 1))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_anywhere_is_refused(engine, bit):
    changed = sm2_standard.flip_bit(PUBLIC + DIGEST + SIGNATURE, bit)
    assert not engine.verify_digest(changed[:64], changed[64:96], changed[96:])


@given(public=st.binary(max_size=70), digest=octets_32, signature=st.binary(max_size=70))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused_without_an_exception(engine, public, digest, signature):
    assert engine.verify_digest(public, digest, signature) is False
    assert engine.verify(public, digest, signature) is False
    assert engine.check_public(public) is False


# --- signing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", EDGE_DIGESTS, ids=["0", "2^256-1", "n", "n-1", "1"])
def test_one_engine_verifies_what_another_signs_at_the_edges(pair, digest):
    signer, judge = pair
    key = signer.generate()
    assert judge.verify_digest(key.public, digest, key.sign_digest(digest))


@given(digest=octets_32, d=st.integers(1, N - 2))
@settings(max_examples=30, deadline=None)
def test_one_engine_verifies_what_another_signs(pair, digest, d):
    signer, judge = pair
    with secret_of(scalar(d)) as secret:
        key, twin = signer.load(secret), judge.load(secret)
    assert key.public == twin.public
    assert judge.verify_digest(key.public, digest, key.sign_digest(digest))


@pytest.mark.parametrize("digest", [DIGEST, *EDGE_DIGESTS])
def test_gmssl_verifies_what_an_engine_signs(engine, key, digest):
    assert gmssl_oracle.verify_digest(key.public, digest, key.sign_digest(digest))


def test_two_signatures_of_one_digest_differ(key):
    first, second = key.sign_digest(DIGEST), key.sign_digest(DIGEST)
    assert first[:32] != second[:32]
    assert first[32:] != second[32:]


@pytest.mark.parametrize("count", [0, 1, 2, 65])
def test_sign_many_signs_each_message_in_order(pair, count):
    signer, judge = pair
    key = signer.generate()
    messages = [b"message %d" % number for number in range(count)]
    signatures = key.sign_many(messages)
    assert len(signatures) == count
    for message, signature in zip(messages, signatures, strict=True):
        assert judge.verify(key.public, message, signature)
        assert not judge.verify(key.public, message + b"!", signature)


def test_sign_many_never_shares_a_nonce(key):
    signatures = key.sign_many([b"same"] * 40)
    assert len({signature[:32] for signature in signatures}) == 40


def test_threads_sign_at_once_with_one_key(engine, key):
    batches = [[b"%d %d" % (thread, number) for number in range(25)] for thread in range(4)]
    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(key.sign_many, batches))
    made = [signature for signatures in signed for signature in signatures]
    assert len({signature[:32] for signature in made}) == 100
    for message, signature in zip(itertools.chain(*batches), made, strict=True):
        assert engine.verify(key.public, message, signature)


def test_closing_a_key_while_others_sign_ends_in_signatures_or_fault(engine):
    key = engine.generate()

    def sign(number: int) -> bytes | None:
        try:
            return key.sign_digest(scalar(number))
        except Fault:
            return None

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(sign, number) for number in range(40)]
        running[5].result()
        key.close()
        results = [future.result() for future in running]
    for number, signature in enumerate(results):
        assert signature is None or engine.verify_digest(key.public, scalar(number), signature)
    assert sign(0) is None
