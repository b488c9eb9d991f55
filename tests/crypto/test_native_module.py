"""The native engine from Python: what it takes, refuses, and never gives away."""

import contextlib
import copy
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import gmssl_oracle, native_build, sm2_reference
from kit.sm2_standard import N, P, flip_bit, scalar, secret_of

from appliance.crypto import _native
from appliance.crypto.native_engine import NativeEngine
from appliance.errors import Fault, Malformed

VECTOR = json.loads((native_build.ROOT / "tests" / "vectors" / "sm2_gbt_32918_5.json").read_text())
PUBLIC, DIGEST, SIGNATURE = (bytes.fromhex(VECTOR[name]) for name in ("public", "e", "signature"))
CACHED = 20  # more verifications than a key needs to earn a table

ENGINE = NativeEngine()


@pytest.fixture(scope="module")
def key():
    return ENGINE.generate()


def load(value):
    with secret_of(scalar(value)) as secret:
        return ENGINE.load(secret)


# --- vectors and second implementations -----------------------------------------------------------


@pytest.mark.parametrize("case", VECTOR["sm3"], ids=lambda case: case["text"])
def test_sm3_gives_the_answers_of_gbt_32905(case):
    assert ENGINE.sm3(case["text"].encode() * case["times"]).hex() == case["digest"]


@given(size=st.integers(0, 5000))
@settings(max_examples=40, deadline=None)
def test_sm3_agrees_with_gmssl_at_every_length(size):
    data = bytes(index * 7 % 256 for index in range(size))
    assert ENGINE.sm3(data) == gmssl_oracle.hash_sm3(data)


def test_the_digest_and_signature_of_gbt_32918_5_are_known():
    message = VECTOR["message"].encode()
    assert ENGINE.message_digest(PUBLIC, message, VECTOR["id"].encode()) == DIGEST
    assert ENGINE.verify_digest(PUBLIC, DIGEST, SIGNATURE)
    assert ENGINE.verify(PUBLIC, message, SIGNATURE)


def test_signatures_verify_by_the_textbook_and_by_gmssl(key):
    messages = [os.urandom(index) for index in range(70)]
    signatures = key.sign_many(messages)
    point = sm2_reference.decode(key.public)
    for message, signature in zip(messages, signatures, strict=True):
        digest = ENGINE.message_digest(key.public, message)
        r, s = sm2_reference.decode(signature)
        assert gmssl_oracle.verify_digest(key.public, digest, signature)
        assert sm2_reference.verify(point, int.from_bytes(digest, "big"), r, s)


@given(d=st.integers(1, N - 2), k=st.integers(1, N - 1), e=st.integers(0, 2**256 - 1))
@settings(max_examples=40, deadline=None)
def test_signatures_of_the_textbook_verify_alone_and_by_table(d, k, e):
    r, s = sm2_reference.sign(d, k, e)
    public = sm2_reference.encode(sm2_reference.multiply(d))
    triple = (public, scalar(e), scalar(r) + scalar(s))
    assert ENGINE.verify_digests([triple] * CACHED) == [True] * CACHED


# --- what does not verify -------------------------------------------------------------------------


def wrong_triples():
    r, s = SIGNATURE[:32], SIGNATURE[32:]
    yield from ((PUBLIC, DIGEST, scalar(bad) + s) for bad in (0, N, N + 1, 2**256 - 1))
    yield from ((PUBLIC, DIGEST, r + scalar(bad)) for bad in (0, N, N + 1, 2**256 - 1))
    yield PUBLIC, DIGEST, r + scalar(N - int.from_bytes(r, "big"))
    yield flip_bit(PUBLIC, 0), DIGEST, SIGNATURE
    yield bytes(64), DIGEST, SIGNATURE
    yield scalar(P) + PUBLIC[32:], DIGEST, SIGNATURE
    yield PUBLIC[:32] + scalar(P), DIGEST, SIGNATURE
    yield b"\xff" * 64, DIGEST, SIGNATURE
    yield from ((PUBLIC[:size], DIGEST, SIGNATURE) for size in (0, 63))
    yield from ((PUBLIC, DIGEST[:size], SIGNATURE) for size in (0, 31))
    yield from ((PUBLIC, DIGEST, SIGNATURE[:size]) for size in (0, 63))
    yield PUBLIC + b"\0", DIGEST, SIGNATURE
    yield PUBLIC, DIGEST + b"\0", SIGNATURE
    yield PUBLIC, DIGEST, SIGNATURE + b"\0"


@pytest.mark.parametrize("warm", [0, CACHED])
def test_values_out_of_range_and_points_off_the_curve_are_false(warm):
    assert ENGINE.verify_digests([(PUBLIC, DIGEST, SIGNATURE)] * warm) == [True] * warm
    triples = list(wrong_triples())
    assert ENGINE.verify_digests(triples) == [False] * len(triples)
    assert [ENGINE.verify_digest(*triple) for triple in triples] == [False] * len(triples)


def test_an_abscissa_of_p_or_more_is_no_alias_of_the_small_one():
    x = next(x for x in range(2**32) if pow(x**3 - 3 * x + sm2_reference.B, (P - 1) // 2, P) == 1)
    y = pow(x**3 - 3 * x + sm2_reference.B, (P + 1) // 4, P)
    assert ENGINE.check_public(scalar(x) + scalar(y))
    assert not ENGINE.check_public(scalar(x + P) + scalar(y))


@given(bit=st.integers(0, 511), which=st.integers(0, 2), warm=st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_bit_may_change(bit, which, warm):
    parts = [PUBLIC, DIGEST, SIGNATURE]
    if warm:
        assert all(ENGINE.verify_digests([tuple(parts)] * CACHED))
    parts[which] = flip_bit(parts[which], bit)
    assert not ENGINE.verify_digest(*parts)


@given(public=st.binary(), digest=st.binary(), signature=st.binary())
def test_garbage_is_false_and_raises_nothing(public, digest, signature):
    assert not ENGINE.verify_digest(public, digest, signature)
    assert not ENGINE.verify(public, digest, signature)


@given(signature=st.binary(min_size=64, max_size=64), public=st.binary(min_size=64, max_size=64))
def test_random_signatures_and_keys_of_right_length_are_false(signature, public):
    assert not ENGINE.verify_digest(PUBLIC, DIGEST, signature)
    assert not ENGINE.check_public(public)


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda key: key.sign_digest("e" * 32),
        lambda key: key.sign_digest(bytearray(32)),
        lambda key: key.sign_many(["text"]),
        lambda key: key.sign_many([b"", bytearray(1)]),
        lambda key: key.sign_many(7),
        lambda key: ENGINE.verify_digest(None, DIGEST, SIGNATURE),
        lambda key: ENGINE.verify_digests([(PUBLIC, DIGEST)]),
        lambda key: ENGINE.verify_digests([[PUBLIC, DIGEST, SIGNATURE]]),
        lambda key: ENGINE.verify_digests([None]),
        lambda key: ENGINE.sm3("text"),
        lambda key: ENGINE.check_public(64),
        lambda key: ENGINE.message_digest(PUBLIC, "text"),
        lambda key: _native.load("d" * 32),
        lambda key: _native.Key(),
    ],
)
def test_arguments_of_another_type_are_type_errors(key, call):
    with pytest.raises(TypeError):
        call(key)


def test_lengths_are_checked(key):
    with pytest.raises(Malformed):
        key.sign_digest(bytes(31))
    with pytest.raises(Malformed):
        ENGINE.message_digest(PUBLIC[1:], b"")
    with pytest.raises(Malformed):
        ENGINE.message_digest(PUBLIC, b"", bytes(8192))
    assert len(ENGINE.message_digest(PUBLIC, b"", bytes(8191))) == 32
    with pytest.raises(ValueError, match="32 octets"):
        key._handle.export_into(bytearray(33))
    with pytest.raises(BufferError):
        key._handle.export_into(bytes(32))


def test_nothing_to_sign_or_verify_is_no_work(key):
    assert key.sign_many([]) == []
    assert ENGINE.verify_digests([]) == []


@pytest.mark.parametrize("d", [0, N - 1, N, N + 1, 2**256 - 1])
def test_private_keys_out_of_range_are_malformed(d):
    with pytest.raises(Malformed):
        load(d)


@pytest.mark.parametrize("size", [1, 31, 33, 64])
def test_private_keys_of_another_length_are_malformed(size):
    with secret_of(b"\x01" * size) as secret, pytest.raises(Malformed):
        ENGINE.load(secret)


@pytest.mark.parametrize("d", [1, 2, N - 3, N - 2])
def test_private_keys_at_the_ends_of_the_range_sign(d):
    key = load(d)
    assert key.public == sm2_reference.encode(sm2_reference.multiply(d))
    assert ENGINE.verify_digest(key.public, DIGEST, key.sign_digest(DIGEST))


# --- the life of a key ----------------------------------------------------------------------------


def test_a_secret_leaves_only_into_a_locked_buffer_and_comes_back(key):
    with key.export_secret() as secret:
        assert ENGINE.load(secret).public == key.public


def test_a_closed_key_only_tells_its_public_half():
    key = ENGINE.generate()
    public = key.public
    key.close()
    key.close()
    assert key.public == public
    for use in (
        lambda: key.sign_digest(DIGEST),
        lambda: key.sign_many([b""]),
        lambda: key.sign_many([]),
        key.export_secret,
    ):
        with pytest.raises(Fault):
            use()


def test_a_key_closed_while_threads_sign_finishes_their_work_and_no_more():
    key = ENGINE.generate()

    def sign_until_closed():
        signatures = []
        with contextlib.suppress(Fault):
            while len(signatures) < 64_000:
                signatures += key.sign_many([b"message"] * 64)
                if len(signatures) >= 640:
                    key.close()
        return signatures

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(sign_until_closed) for _ in range(4)]
        for signatures in made:
            assert len(signatures.result()) <= 640
            assert all(ENGINE.verify(key.public, b"message", one) for one in signatures.result())


def test_a_key_is_neither_copied_nor_pickled_nor_shown(key):
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(Fault):
            make(key)
    with pytest.raises(TypeError):
        pickle.dumps(key._handle)
    with pytest.raises(TypeError):
        copy.copy(key._handle)
    with key.export_secret() as secret:
        assert secret.view.hex()[:8] not in repr(key) + repr(key._handle)


def test_a_forked_child_cannot_sign():
    key = ENGINE.generate()
    child = os.fork()
    if child == 0:
        try:
            key.sign_digest(DIGEST)
        except Fault:
            os._exit(42)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert ENGINE.verify_digest(key.public, DIGEST, key.sign_digest(DIGEST))


# --- threads and the cache ------------------------------------------------------------------------


def test_more_keys_than_tables_verify_from_many_threads():
    keys = [ENGINE.generate() for _ in range(80)]
    triples = [(key.public, DIGEST, key.sign_digest(DIGEST)) for key in keys]
    wrong = [(keys[index - 1].public, e, rs) for index, (_, e, rs) in enumerate(triples)]

    def verify_all(turn):
        mixed = [triple for triple in triples[turn:] + triples[:turn] for _ in range(CACHED)]
        return all(ENGINE.verify_digests(mixed)) and not any(ENGINE.verify_digests(wrong))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(verify_all, range(0, 80, 20)))


def test_one_key_signs_in_many_threads_with_no_r_twice(key):
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(key.sign_many, [[b"same message"] * 130] * 8))
    signatures = [signature for batch in batches for signature in batch]
    assert all(ENGINE.verify(key.public, b"same message", one) for one in signatures)
    assert len({signature[:32] for signature in signatures}) == len(signatures)
