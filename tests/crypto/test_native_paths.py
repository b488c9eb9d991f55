"""The choice among the paths of the C core: the quickest a processor can run, and no other."""

import re
import subprocess

import pytest
from kit import native_build

from appliance.crypto import _native

BEYOND_BASELINE = re.compile(
    r"\t(mulx|adcx|adox|[ras][ho]rx|sarx|bzhi|andn|pdep|pext|v[a-z0-9]+)\b"
)
"""Instructions of BMI1, BMI2, ADX and, by their first letter, AVX."""


def disassemble(program):
    done = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("path", native_build.RUNNABLE)
def test_only_the_path_of_bmi2_and_adx_holds_their_instructions(path, tmp_path):
    listing = disassemble(native_build.build("timing", tmp_path, path=path))
    found = set(BEYOND_BASELINE.findall(listing))
    if path == "bmi2-adx":
        assert {"mulx", "adcx", "adox"} <= found
    else:
        assert not found


def test_the_module_takes_the_quickest_path_of_this_processor():
    assert _native.path() == native_build.RUNNABLE[0]


def test_a_processor_without_adx_gets_the_path_of_every_x86_64(tmp_path):
    program = native_build.build("path", tmp_path, path=None)
    here = subprocess.run([program], capture_output=True, text=True, check=True)
    assert here.stdout.split() == [native_build.RUNNABLE[0], "1"]
    # the processor that valgrind 3.19 emulates announces BMI2 and AVX2, and no ADX
    lesser = subprocess.run(
        ["valgrind", "-q", "--tool=none", program], capture_output=True, text=True, check=True
    )
    assert lesser.stdout.split() == [native_build.RUNNABLE[-2:][0], "1"]
