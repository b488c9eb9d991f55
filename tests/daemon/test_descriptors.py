"""The limit of descriptors, in a process of its own."""

import subprocess
import sys

SCRIPT = """
import resource
from appliance.daemon.descriptors import raise_descriptor_limit
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
raise_descriptor_limit()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
"""


def test_a_front_may_have_as_many_descriptors_as_the_system_allows() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
