"""The gate: no branch and no address of the C core depends on a secret, with the flags that ship,
by every path through it.

Secrets are undefined memory under valgrind's memcheck.  It does not see instructions whose own time
depends on their operands; tools/bench_ct.py looks for those.
"""

import subprocess

import pytest
from kit import native_build

SECRET_OPERATIONS = ["generate", "load", "export", "sign_one", "sign_batch", "invert"]
COSIGN_OPERATIONS = [
    *("draw_secrets", "read_number", "nonces", "to_base", "to_point", "multiply_numbers"),
    *("answer", "finish", "respond", "blind"),
]


@pytest.fixture(scope="module", params=native_build.RUNNABLE)
def errors(request, tmp_path_factory):
    program = native_build.build(
        "constant_time",
        tmp_path_factory.mktemp("gate"),
        path=request.param,
        extra=("-g", "-DSHIYIN_CT"),
    )
    done = subprocess.run(
        ["valgrind", "-q", program], capture_output=True, text=True, check=True, timeout=120
    )
    counts = (line.split() for line in done.stdout.splitlines())
    return {name: int(count) for name, count in counts}


def test_secrets_steer_no_branch_and_no_address(errors):
    assert errors["memcheck"] == 1
    assert {name: errors[name] for name in SECRET_OPERATIONS} == dict.fromkeys(SECRET_OPERATIONS, 0)


def test_shares_and_nonces_steer_none_either(errors):
    assert {name: errors[name] for name in COSIGN_OPERATIONS} == dict.fromkeys(COSIGN_OPERATIONS, 0)


def test_the_gate_sees_a_secret_in_variable_time_code(errors):
    assert errors["control"] > 0
