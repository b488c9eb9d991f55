"""The insides of the C core, by every path through it, against SM2 in Python integers."""

import hashlib
import json
import subprocess

import pytest
from kit import native_build, sm2_reference
from kit.sm2_standard import N, P

VECTOR = json.loads((native_build.ROOT / "tests" / "vectors" / "sm2_gbt_32918_5.json").read_text())
EDGES = [1, 2, 3, 63, 64, 127, 128, 129, 255, 256, 2**252 - 1, 2**252, 2**255, 2**256 - 2**224 - 1]
SCALARS = [*EDGES, N - 256, N - 255, N - 129, N - 128, N - 127, N - 93, N - 3, N - 2, N - 1]
ELEMENTS = [0, 1, 2, 2**32, 2**64 - 1, 2**128, 2**192 - 1, 2**224, P - 2**64, P - 2, P - 1]


def number(value):
    return f"{value:064x}"


def random_numbers(seed, count, below=N):
    drawn = (hashlib.shake_128(f"{seed}/{index}".encode()).digest(72) for index in range(count))
    return [int.from_bytes(octets, "big") % (below - 1) + 1 for octets in drawn]


@pytest.fixture(scope="module", params=native_build.RUNNABLE)
def ask(request, tmp_path_factory):
    program = native_build.build(
        "harness",
        tmp_path_factory.mktemp("native"),
        path=request.param,
        without=frozenset({"entropy.c"}),
    )

    def answers(*commands):
        text = "".join(f"{command}\n" for command in commands)
        done = subprocess.run(
            [program], input=text, capture_output=True, text=True, check=True, timeout=60
        )
        lines = done.stdout.split("\n")[:-1]
        assert len(lines) == len(commands)
        return lines

    return answers


# --- arithmetic -----------------------------------------------------------------------------------


def test_field_products_and_squares_are_those_of_integers(ask):
    values = [*ELEMENTS, *random_numbers(1, 20, P)]
    pairs = [(a, b) for a in values for b in values]
    products = ask(*(f"fmul {number(a)} {number(b)}" for a, b in pairs))
    assert products == [number(a * b % P) for a, b in pairs]
    assert ask(*(f"fsqr {number(a)}" for a in values)) == [number(a * a % P) for a in values]


def test_field_inverses_are_those_of_integers(ask):
    values = [*ELEMENTS[1:], *random_numbers(2, 30, P)]
    assert ask(*(f"finv {number(a)}" for a in values)) == [number(pow(a, -1, P)) for a in values]
    assert ask(f"finv {number(0)}") == [number(0)]


def test_scalar_products_and_inverses_are_those_of_integers(ask):
    values = [*SCALARS, *random_numbers(3, 30)]
    pairs = list(zip(values, reversed(values), strict=True))
    products = ask(*(f"mul {number(a)} {number(b)}" for a, b in pairs))
    assert products == [number(a * b % N) for a, b in pairs]
    assert ask(*(f"inv {number(a)}" for a in values)) == [number(pow(a, -1, N)) for a in values]


def test_wide_numbers_become_nonces_in_1_to_n_minus_1(ask):
    m = N - 1
    edges = [0, 1, m - 1, m, m + 1, 2 * m, 2**256 - 1, 2**256, m << 64, m << 256, 2**512 - 1]
    edges += [m * m, m * m - 1, (m << 256) - 1, 0xFFFFFFFF << 480, (2**32 - 1) << 448]
    wide = [*edges, *random_numbers(4, 200, 2**512)]
    answers = ask(*(f"wide {value:0128x}" for value in wide))
    assert answers == [number(value % m + 1) for value in wide]


# --- points ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["kg", "kg-public"])
def test_multiples_of_the_generator_are_those_of_the_textbook(ask, command):
    scalars = [*SCALARS, *random_numbers(5, 100)]
    answers = ask(*(f"{command} {number(k)}" for k in scalars))
    assert answers == [sm2_reference.encode(sm2_reference.multiply(k)).hex() for k in scalars]


def test_multiples_of_any_point_are_those_of_the_textbook(ask):
    scalars = [*SCALARS, *random_numbers(6, 40)]
    points = [sm2_reference.multiply(k) for k in random_numbers(7, len(scalars))]
    encoded = [sm2_reference.encode(point).hex() for point in points]
    answers = ask(*(f"kp {number(k)} {p}" for k, p in zip(scalars, encoded, strict=True)))
    expected = [sm2_reference.multiply(k, p) for k, p in zip(scalars, points, strict=True)]
    assert answers == [sm2_reference.encode(point).hex() for point in expected]


def test_zero_times_a_point_is_infinity(ask):
    assert ask(f"kg-public {number(0)}") == ["infinity"]


# --- signatures with given nonces -----------------------------------------------------------------


def test_the_signature_of_gbt_32918_5_comes_out_octet_for_octet(ask):
    assert ask(f"sign {VECTOR['private']} {VECTOR['nonce']} {VECTOR['e']}") == [VECTOR["signature"]]


def test_signatures_with_given_nonces_are_those_of_the_textbook(ask):
    keys = [1, 2, N - 2, *random_numbers(8, 40)]
    nonces = [*random_numbers(9, len(keys) - 2), 1, N - 1]
    digests = [0, 2**256 - 1, N, *random_numbers(10, len(keys) - 3)]
    cases = list(zip(keys, nonces, digests, strict=True))
    answers = ask(*(f"sign {number(d)} {number(k)} {number(e)}" for d, k, e in cases))
    expected = [sm2_reference.sign(*case) for case in cases]
    assert answers == [number(r) + number(s) for r, s in expected]


def test_nonces_that_give_r_0_or_r_plus_k_n_or_s_0_are_refused(ask):
    d, k = random_numbers(11, 2)
    x1 = sm2_reference.multiply(k)[0]
    r_zero = -x1 % N
    r_plus_k_n = (N - k - x1) % N
    s_zero = (k * pow(d, -1, N) - x1) % N
    for e in (r_zero, r_plus_k_n, s_zero):
        assert sm2_reference.sign(d, k, e) is None
        assert ask(f"sign {number(d)} {number(k)} {number(e)}") == ["refused"]


# --- nonces ---------------------------------------------------------------------------------------


def test_a_dead_random_source_still_gives_other_nonces_for_other_digests_keys_and_turns(ask):
    d, other_d, e, other_e = map(number, random_numbers(12, 4))
    commands = [f"nonce {d} {e} 1", f"nonce {d} {other_e} 1", f"nonce {other_d} {e} 1"]
    answers = ask("entropy constant", *commands, f"nonce {d} {e} 2", f"nonce {d} {e} 1")[1:]
    assert len(set(answers[:4])) == 4
    assert answers[4] == answers[0]


def test_fresh_randomness_gives_other_nonces_for_the_same_digest_key_and_turn(ask):
    d, e = map(number, random_numbers(13, 2))
    assert len(set(ask(*[f"nonce {d} {e} 1"] * 4))) == 4


# --- faults ---------------------------------------------------------------------------------------

GROUPS = [1, 7, 8, 64]  # below eight each is verified alone, from eight on as a batch


@pytest.mark.parametrize("count", GROUPS)
def test_an_untouched_group_passes_the_check(ask, count):
    assert ask(*[f"tamper {count} 0 none"] * 3) == ["ok"] * 3


@pytest.mark.parametrize("count", GROUPS)
@pytest.mark.parametrize("how", ["r", "s", "digest", "public", "zero"])
def test_a_group_with_one_wrong_signature_is_a_fault(ask, count, how):
    assert ask(f"tamper {count} 0 {how}", f"tamper {count} {count - 1} {how}") == ["fault"] * 2


@pytest.mark.parametrize("how", ["off-curve", "commitment", "negated"])
def test_a_batch_with_one_wrong_commitment_is_a_fault(ask, how):
    assert ask(f"tamper 64 0 {how}", f"tamper 64 33 {how}", f"tamper 8 7 {how}") == ["fault"] * 3


def test_a_batch_whose_random_factors_are_all_alike_is_checked_all_the_same(ask):
    commands = [f"tamper 64 5 {how}" for how in ("none", "s", "commitment", "none")]
    assert ask("entropy constant", *commands)[1:] == ["ok", "fault", "fault", "ok"]


def test_a_batch_with_one_commitment_twice_is_a_fault_where_the_two_meet(ask):
    assert ask("entropy constant", "tamper 64 3 twin")[1:] == ["fault"]


@pytest.mark.parametrize("count", GROUPS)
@pytest.mark.parametrize("where", ["inverse", "wiped"])
def test_a_key_with_a_flipped_bit_or_wiped_by_fork_releases_nothing(ask, count, where):
    assert ask(f"strike {count} {where}") == ["4 nothing"]


def test_without_randomness_nothing_is_released(ask):
    assert ask("strike 1 entropy", "strike 64 entropy") == ["3 nothing"] * 2
