"""The settings file: what is read makes profiles, or it is said what is wrong with it."""

import functools
import os
from pathlib import Path

from appliance.asn1 import der
from appliance.errors import Malformed, Refused
from appliance.settings import load_settings


def one_input(data: bytes) -> None:
    file().write_bytes(data)
    try:
        profiles = load_settings(file()).profiles()
    except (Malformed, Refused):
        return
    assert profiles
    for profile in profiles:
        assert profile.name.isprintable()
        for policy in profile.policies:
            encoded = der.oid(policy.oid)
            assert der.oid_text(encoded, 2, len(encoded)) == policy.oid


@functools.cache
def file() -> Path:
    """Give a file in memory, open as long as the process."""
    return Path(f"/proc/self/fd/{os.memfd_create('settings')}")
