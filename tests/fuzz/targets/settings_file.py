"""The settings file: what is read makes profiles, or it is said what is wrong with it."""

import functools
import tempfile
from pathlib import Path

from appliance.asn1 import der
from appliance.errors import Malformed, Refused
from appliance.settings import load_settings


def one_input(data: bytes) -> None:
    path = scratch() / "appliance.toml"
    path.write_bytes(data)
    try:
        settings = load_settings(path)
        profiles = settings.profiles()
    except (Malformed, Refused):
        return
    assert profiles
    for profile in profiles:
        for policy in profile.policies:
            encoded = der.oid(policy.oid)
            assert der.oid_text(encoded, 2, len(encoded)) == policy.oid


@functools.cache
def scratch() -> Path:
    """Give a folder that goes with the process."""
    return Path(folder().name)


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="shiyin-settings-")
