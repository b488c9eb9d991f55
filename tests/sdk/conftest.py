"""The phone package as an installation of its own would find it: on the path, nothing else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "sdk" / "python"))

from kit.sdk_phone import Desk
from kit.sdk_signer import SignerDouble, make_code
from shiyin_cosign.arithmetic import choice


@pytest.fixture
def desk() -> Desk:
    """Enrol a phone at a new double."""
    return Desk(SignerDouble(make_code()), choice.make("openssl"))
