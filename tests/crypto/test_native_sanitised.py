"""The C core under AddressSanitizer and UndefinedBehaviorSanitizer, with random inputs."""

import os
import subprocess

import pytest
from kit import native_build

SANITISED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-Og")
ROUNDS = 300
GUARD_S = 100

QUICKEST_AND_PLAINEST = sorted({native_build.RUNNABLE[0], "portable"})
"""What lies between takes as long to compile, and differs from the quickest in intrinsics only."""


@pytest.mark.parametrize("path", QUICKEST_AND_PLAINEST)
def test_random_inputs_of_every_length_stay_in_their_bounds(path, tmp_path):
    program = native_build.build("sanitised", tmp_path, path=path, extra=SANITISED)
    seed = str(int.from_bytes(os.urandom(7), "big"))
    done = subprocess.run(
        [program, seed, str(ROUNDS)], capture_output=True, text=True, timeout=GUARD_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, "sound\n"), f"seed {seed}:\n{done.stderr}"
