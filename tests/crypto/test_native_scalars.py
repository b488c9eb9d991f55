"""Secret numbers of the C core against the integers of Python; how such numbers live and end."""

import hmac
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.sm2_arithmetic import multiply, point_of, public_of
from kit.sm2_standard import G, N, P

from appliance.crypto.api import CosignEngine, Sm2Scalar
from appliance.crypto.native_engine import NativeEngine, NativeScalar
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault, Malformed

ENGINE: CosignEngine = NativeEngine()
EDGES = [1, 2, N - 1, N - 2, (1 << 255), 0xFFFFFFFF]
numbers = st.sampled_from(EDGES) | st.integers(1, N - 1)
octets = st.binary(min_size=32, max_size=32)


def written(number: int) -> bytes:
    return number.to_bytes(32, "big")


def load(number: int) -> Sm2Scalar:
    with SecretBuffer(32) as secret:
        secret.view[:] = written(number)
        return ENGINE.load_scalar(secret)


def value(scalar: Sm2Scalar) -> int:
    with scalar.export_secret() as secret:
        return int.from_bytes(secret.view, "big")


def public(number: int) -> bytes:
    return public_of(multiply(number % N, point_of(G)))


MINUS_G = public(N - 1)


# --- against integers -----------------------------------------------------------------------------


@given(numbers, numbers)
def test_products_and_inverses_are_those_mod_n(x: int, y: int) -> None:
    assert value(load(x).times(load(y))) == x * y % N
    assert value(load(x).inverse()) == pow(x, -1, N)


@given(numbers, numbers)
def test_multiples_of_g_and_of_any_point(x: int, y: int) -> None:
    assert load(x).times_base() == public(x)
    assert load(x).times_point(public(y)) == public(x * y)


@given(numbers, numbers, octets)
def test_a_schnorr_response_satisfies_its_equation(x: int, a: int, challenge: bytes) -> None:
    z = load(x).respond(load(a), challenge)
    c = int.from_bytes(challenge, "big")
    assert int.from_bytes(z, "big") == (a + c * x) % N
    assert ENGINE.combine(z, challenge, public(x)) == public(a)


@given(numbers, numbers, st.integers(0, N - 1))
def test_an_answer_is_the_share_times_nonce_and_r(x: int, k: int, r: int) -> None:
    if (k + r) % N:
        assert int.from_bytes(load(x).answer(load(k), written(r)), "big") == x * (k + r) % N
    else:
        with pytest.raises(Malformed):
            load(x).answer(load(k), written(r))


@given(numbers, numbers, st.binary(min_size=16, max_size=16), numbers, numbers)
def test_a_phone_finishes_as_the_protocol_says(x: int, w: int, rho: bytes, s3: int, r: int) -> None:
    s = load(x).finish(load(w), rho, written(s3), written(r))
    assert int.from_bytes(s, "big") == (int.from_bytes(rho, "big") * w + x * s3 - r) % N


@given(numbers, octets)
def test_what_is_blinded_opens_under_its_mask(x: int, mask: bytes) -> None:
    blob = load(x).blinded(mask)
    assert int.from_bytes(blob, "big") == (x + int.from_bytes(mask, "big")) % N
    assert value(ENGINE.load_blinded(blob, mask)) == x


@given(st.binary(min_size=16, max_size=16), numbers, numbers)
def test_a_binding_is_the_sum_of_integers(rho: bytes, q: int, k: int) -> None:
    total = (int.from_bytes(rho, "big") * q + k) % N
    expected = public(total) if total else None
    assert ENGINE.bind_many([(rho, public(q), public(k))]) == [expected]


@given(numbers, numbers)
def test_points_are_added(a: int, b: int) -> None:
    expected = public(a + b) if (a + b) % N else None
    assert ENGINE.add_points(public(a), public(b)) == expected


def test_the_published_vector() -> None:
    r = bytes.fromhex("649a441c2ab233e72498d0e96bbc230febe462c8894dbfab0906b5f2d0cf630a")

    def drawn(name: str) -> int:
        digest = NativeEngine().sm3(b"cosign-kat-" + name.encode())
        return 1 + int.from_bytes(digest, "big") % (N - 1)

    d1, d2, w, k = (load(drawn(name)) for name in ("d1", "d2", "w", "k"))
    inverse = d1.times(d2).inverse()
    whole = ENGINE.add_points(inverse.times_base(), MINUS_G)
    assert whole is not None
    assert whole.hex().startswith(
        "05b1f0095e6da070f433f920eb0e05bdaa27ad66b8c6daa09ed167ad39ba416f"
    )
    base = ENGINE.add_points(whole, G)
    assert base is not None
    q1, big_k = w.times_point(base), k.times_base()
    assert q1.hex().startswith("20ffe42f309a8f702331aa84c562f89802ac74b8ea83b0bdbac88d1c6691e97a")
    rho = bytes.fromhex("b62a2214e8d9e7c8ad2cb3d50c5daea5")
    assert ENGINE.bind_many([(rho, q1, big_k)])[0] is not None
    s3 = d2.answer(k, r)
    assert s3.hex() == "5b251340846209ab0434df95b5bddfa4b9096dec7cd245afc99ebcc731899b05"
    s = d1.finish(w, rho, s3, r)
    assert s.hex() == "6b39115749e1a809f0973192f40f44f07c8a2c42fe1fe07a316fc4c62f2e850e"
    e = bytes.fromhex("9ed878bb1a61c48c428068379204dc4832c47fd84df57164093ae4b6c8827095")
    assert ENGINE.verify_digests([(whole, e, r + s)]) == [True]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, N, N + 1, (1 << 256) - 1])
def test_a_secret_is_in_1_to_n_minus_1(number: int) -> None:
    with pytest.raises(Malformed):
        load(number)


BAD_POINTS = {
    "zeros": bytes(64),
    "off the curve": G[:-1] + bytes((G[-1] ^ 1,)),
    "an x of p": written(P) + G[32:],
    "too short": G[:-1],
    "too long": G + b"\0",
}


@pytest.mark.parametrize("bad", BAD_POINTS.values(), ids=BAD_POINTS)
def test_what_is_no_point_is_refused_everywhere(bad: bytes) -> None:
    good, rho, c = G, bytes(15) + b"\1", written(1)
    with pytest.raises(Malformed):
        load(5).times_point(bad)
    assert ENGINE.bind_many([(rho, bad, good), (rho, good, bad)]) == [None, None]
    assert ENGINE.bind_many([(rho, bad, good), (rho, good, good)]) == [None, public(2)]
    assert ENGINE.combine(c, c, bad) is None
    assert ENGINE.add_points(good, bad) is None
    assert ENGINE.add_points(bad, good) is None


def test_a_point_at_infinity_is_no_result() -> None:
    assert ENGINE.add_points(G, MINUS_G) is None
    assert ENGINE.bind_many([(bytes(15) + b"\1", G, MINUS_G)]) == [None]
    assert ENGINE.combine(written(7), written(1), public(7)) is None


@pytest.mark.parametrize("r", [written(N), written((1 << 256) - 1), b"", bytes(31), bytes(33)])
def test_an_r_not_below_n_is_refused_and_the_nonce_is_gone(r: bytes) -> None:
    nonce = load(9)
    with pytest.raises(Malformed):
        load(5).answer(nonce, r)
    with pytest.raises(Fault):
        nonce.times_base()


# --- nonces ---------------------------------------------------------------------------------------


def test_nonces_come_with_their_points_and_never_twice() -> None:
    share, hedges = ENGINE.draw_scalar(), [bytes(32)] * 130
    made = share.nonces(hedges) + share.nonces(hedges)
    assert len({value(k) for k, _ in made}) == 260
    assert all(k.times_base() == big_k for k, big_k in made[::37])
    assert share.nonces([]) == []


def test_a_hedge_has_32_octets() -> None:
    with pytest.raises(ValueError, match="hedges"):
        load(3).nonces([bytes(31)])


def test_the_top_bits_of_nonces_are_even() -> None:
    drawn = [value(k) >> 252 for k, _ in ENGINE.draw_scalar().nonces([bytes(32)] * 4096)]
    expected = 4096 / 16
    chi_squared = sum((drawn.count(each) - expected) ** 2 / expected for each in range(16))
    assert chi_squared < 60  # 15 degrees of freedom: beyond this once in 3 million


# --- how they live and end ------------------------------------------------------------------------


def test_a_nonce_is_spent_by_its_answer() -> None:
    for spend in (
        lambda x, k: x.answer(k, written(3)),
        lambda x, k: x.finish(k, bytes(16), written(3), written(3)),
        lambda x, k: x.respond(k, written(3)),
    ):
        x, k = load(5), load(7)
        spend(x, k)
        with pytest.raises(Fault):
            spend(x, k)


def test_a_closed_number_does_nothing_more() -> None:
    scalar = load(5)
    scalar.close()
    scalar.close()
    for use in (
        scalar.inverse,
        scalar.times_base,
        scalar.export_secret,
        lambda: scalar.derive(b""),
    ):
        with pytest.raises(Fault):
            use()
    with pytest.raises(Fault):
        load(5).times(scalar)


def test_it_is_neither_shown_nor_copied() -> None:
    scalar = load(0x1234567890)
    assert repr(scalar) == "<NativeScalar>"
    with pytest.raises(Fault):
        pickle.dumps(scalar)


def test_a_forked_child_has_none() -> None:
    scalar = load(5)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            scalar.times_base()
            os.write(writer, b"there")
        except Fault:
            os.write(writer, b"gone")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        assert told.read() == b"gone"
    os.waitpid(child, 0)
    assert scalar.times_base() == public(5)


def test_slots_are_used_again() -> None:
    first = [load(each + 1) for each in range(1000)]
    assert all(value(each) == number for number, each in enumerate(first, 1))
    del first[::2]
    second = [load(each + 5000) for each in range(1000)]
    assert [value(each) for each in first] == list(range(2, 1001, 2))
    assert [value(each) for each in second] == list(range(5000, 6000))


def test_what_is_derived_is_an_hmac_under_the_number() -> None:
    assert load(77).derive(b"label") == hmac.digest(written(77), b"label", "sm3")


def test_it_says_whether_it_is_locked() -> None:
    scalar = load(5)
    assert isinstance(scalar, NativeScalar)
    assert scalar.is_locked in (True, False)
