"""Sealed keys: only what was sealed opens; under a right MAC anything is a key or Malformed."""

import contextlib
import functools

from kit.fuzzing import seeds

from appliance.crypto.libcrypto_cipher import hmac_sm3
from appliance.crypto.sealing import KEK_OCTETS, MAGIC, VERSION, Kek, KeyHeader, unseal
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Malformed, Refused

MAC_OCTETS = 32


def one_input(data: bytes) -> None:
    try:
        check_opened(*unseal(kek(), data))
    except (Malformed, Refused):
        assert data not in genuine()
    else:
        assert data in genuine()
    frame = MAGIC + bytes((VERSION,))
    body = frame + data.removeprefix(frame)[:-MAC_OCTETS]
    with contextlib.suppress(Malformed):
        check_opened(*unseal(kek(), body + hmac_sm3(kek().mac, body)))


def check_opened(header: KeyHeader, secret: SecretBuffer) -> None:
    with secret:
        assert secret.size > 0
    assert header.mode in ("demo", "production")


@functools.cache
def kek() -> Kek:
    """Give the key that the seeds are sealed under: a secret for nobody."""
    with SecretBuffer(KEK_OCTETS) as secret:
        secret.view[:] = bytes(range(KEK_OCTETS))
        return Kek.derive(secret)


@functools.cache
def genuine() -> list[bytes]:
    return seeds("sealed_key", "genuine-")
