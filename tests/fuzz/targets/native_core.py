"""The C core from Python: any type is an answer or a TypeError; octets are as for libcrypto."""

import contextlib
import functools
import hashlib
from collections.abc import Callable

from kit.fuzzing import Portions

from appliance.crypto import _native
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import Malformed

REFUSALS = (TypeError, ValueError, BufferError, Malformed)
PUBLIC_OCTETS, DIGEST_OCTETS, SIGNATURE_OCTETS = 64, 32, 64
SHAPES: tuple[Callable[[bytes], object], ...] = (
    bytes,
    bytearray,
    memoryview,
    lambda octets: memoryview(octets + octets)[::2],
    lambda octets: memoryview(octets).cast("b"),
    lambda octets: memoryview(octets).cast("B", (1, len(octets))) if octets else b"",
    lambda octets: octets.hex(),
    len,
    lambda _: None,
    lambda octets: [octets],
    lambda octets: (octets, octets),
)


def one_input(data: bytes) -> None:
    portions = Portions(data)
    kind = portions.number()
    first, second, third = (portions.block(2) for _ in range(3))
    check_sound(first, second, third)
    shaped = [SHAPES[portions.number() % len(SHAPES)](each) for each in (first, second, third)]
    call = CALLS[kind % len(CALLS)]
    with contextlib.suppress(*REFUSALS):
        call(*shaped)


def check_sound(public: bytes, digest: bytes, signature: bytes) -> None:
    """Octets of any length are answered as libcrypto answers them."""
    assert _native.sm3(public) == hashlib.new("sm3", public).digest()
    is_public = _native.check_public(public)
    verdict = _native.verify_digest(public, digest, signature)
    assert _native.verify_digests([(public, digest, signature)] * 2) == [verdict] * 2
    assert is_public or not verdict
    if len(public) != PUBLIC_OCTETS:
        assert not is_public
        return
    reference = libcrypto()
    assert verdict == reference.verify_digest(public, digest, signature)
    if is_public:
        message_digest = _native.message_digest(public, digest, signature)
        assert message_digest == reference.message_digest(public, digest, signature)


def sign(public: object, digest: object, signature: object) -> None:
    """Sign by a key of any octets with whatever comes."""
    key = _native.load(public)  # type: ignore[arg-type]
    key.sign_many([digest, signature])  # type: ignore[list-item]
    key.sign_digest(digest)  # type: ignore[arg-type]


def export(public: object, digest: object, _: object) -> None:
    key = _native.load(public)  # type: ignore[arg-type]
    key.export_into(digest)  # type: ignore[arg-type]


CALLS: tuple[Callable[..., object], ...] = (
    _native.verify_digest,
    lambda *triple: _native.verify_digests([triple]),
    lambda *triple: _native.verify_digests(triple),
    _native.message_digest,
    lambda public, *_: _native.check_public(public),
    lambda public, *_: _native.sm3(public),
    sign,
    export,
)


@functools.cache
def libcrypto() -> LibcryptoEngine:
    return LibcryptoEngine()
