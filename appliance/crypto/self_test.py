"""Known answers and cross-checks that an engine must pass before it may sign.

GB/T 32905 annex A and GB/T 32918.5 annex A hold the numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from appliance.crypto.api import Sm2Engine, Sm2Key
from appliance.crypto.secret import SecretBuffer
from appliance.errors import ApplianceError

Draw = Callable[[int], bytes]
"""A random source: so many octets."""

CROSS_CHECK_KEYS = 20
CROSS_CHECK_DIGESTS = 5

_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

_SM3_ANSWERS = (
    (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
)

# GB/T 32918.5 annex A: a key of the standard's own, printed there
_PRIVATE = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
_PUBLIC = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_MESSAGE = b"message digest"
_DIGEST = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
_SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


@attrs.frozen
class Check:
    """One thing an engine must do; `run` gives None when it does, else the reason in words."""

    name: str
    run: Callable[[Sm2Engine], str | None]


def check_sm3(engine: Sm2Engine) -> str | None:
    """Hash the examples of GB/T 32905 annex A."""
    for data, answer in _SM3_ANSWERS:
        if engine.sm3(data).hex() != answer:
            return "SM3 does not give the answers of GB/T 32905"
    return None


def check_message_digest(engine: Sm2Engine) -> str | None:
    """Compute e over Z as in GB/T 32918.5 annex A."""
    if engine.message_digest(_PUBLIC, _MESSAGE) != _DIGEST:
        return "Z and e are not those of GB/T 32918.5"
    return None


def check_known_signature(engine: Sm2Engine) -> str | None:
    """Verify the signature of GB/T 32918.5 annex A."""
    if not engine.check_public(_PUBLIC):
        return "the public key of GB/T 32918.5 is refused"
    if not engine.verify_digest(_PUBLIC, _DIGEST, _SIGNATURE):
        return "the signature of GB/T 32918.5 does not verify"
    if not engine.verify(_PUBLIC, _MESSAGE, _SIGNATURE):
        return "the signed message of GB/T 32918.5 does not verify"
    return None


def check_refusals(engine: Sm2Engine) -> str | None:
    """See altered signatures, digests, keys and values out of range refused."""
    for name, public, digest, signature in _wrong_inputs():
        if engine.verify_digest(public, digest, signature):
            return f"verification accepts {name}"
    if engine.verify(_PUBLIC, _MESSAGE + b".", _SIGNATURE):
        return "verification accepts another message"
    if engine.check_public(_flip_last_bit(_PUBLIC)):
        return "a point off the curve is accepted"
    return None


def check_own_key(engine: Sm2Engine) -> str | None:
    """Load the key of GB/T 32918.5 annex A, sign twice and verify."""
    with SecretBuffer(32) as secret:
        secret.view[:] = bytes.fromhex(_PRIVATE)
        key = engine.load(secret)
    try:
        if key.public != _PUBLIC:
            return "d*G is not the public key of GB/T 32918.5"
        first, second = key.sign_digest(_DIGEST), key.sign_digest(_DIGEST)
    finally:
        key.close()
    if first == second:
        return "two signatures share a nonce"
    if not all(engine.verify_digest(_PUBLIC, _DIGEST, made) for made in (first, second)):
        return "own signatures do not verify"
    return None


KNOWN_ANSWERS: tuple[Check, ...] = (
    Check("SM3 known answers", check_sm3),
    Check("SM2 digest known answer", check_message_digest),
    Check("SM2 verification known answer", check_known_signature),
    Check("SM2 refusals", check_refusals),
    Check("SM2 signing with a known key", check_own_key),
)


def cross_check(reference: Sm2Engine, draw: Draw) -> Check:
    """Make the check that an engine and `reference` agree on 100 random signatures each way."""

    def run(engine: Sm2Engine) -> str | None:
        for index in range(CROSS_CHECK_KEYS):
            maker, taker = (engine, reference) if index % 2 else (reference, engine)
            reason = _cross_check_key(engine, reference, maker.generate(), taker, draw)
            if reason is not None:
                return reason
        return None

    return Check("100 signatures each way against the other engine", run)


def check_random(draw: Draw) -> str | None:
    """Draw twice 32 octets: a stuck or constant source of randomness is no source."""
    first, second = draw(32), draw(32)
    if len(first) != 32 or len(second) != 32:
        return "the random source gives short draws"
    if first == second or len(set(first)) == 1 or len(set(second)) == 1:
        return "the random source repeats itself"
    return None


def first_failure(engine: Sm2Engine, checks: tuple[Check, ...]) -> str | None:
    """Run the checks in order; give the reason of the first that does not pass."""
    for check in checks:
        try:
            reason = check.run(engine)
        except ApplianceError as error:
            reason = f"{type(error).__name__}: {error}"
        except Exception as error:  # whatever a broken core raises, it is rejected
            reason = type(error).__name__
        if reason is not None:
            return f"{check.name}: {reason}"
    return None


def _cross_check_key(
    engine: Sm2Engine, reference: Sm2Engine, made: Sm2Key, taker: Sm2Engine, draw: Draw
) -> str | None:
    """Hand a key from its maker to the other engine and let each verify what the other signs."""
    with made.export_secret() as secret:
        taken = taker.load(secret)
    try:
        if taken.public != made.public:
            return "the engines disagree on d*G"
        for _ in range(CROSS_CHECK_DIGESTS):
            digest = draw(32)
            for key in (made, taken):
                signature = key.sign_digest(digest)
                for judge in (engine, reference):
                    if not judge.verify_digest(key.public, digest, signature):
                        return f"{judge.name} refuses a signature of the other engine"
    finally:
        made.close()
        taken.close()
    return None


def _wrong_inputs() -> tuple[tuple[str, bytes, bytes, bytes], ...]:
    zero, order = bytes(32), _ORDER.to_bytes(32, "big")
    r, s = _SIGNATURE[:32], _SIGNATURE[32:]
    complement = (_ORDER - int.from_bytes(r, "big")).to_bytes(32, "big")
    return (
        ("another r", _PUBLIC, _DIGEST, _flip_last_bit(r) + s),
        ("another s", _PUBLIC, _DIGEST, r + _flip_last_bit(s)),
        ("another digest", _PUBLIC, _flip_last_bit(_DIGEST), _SIGNATURE),
        ("a key off the curve", _flip_last_bit(_PUBLIC), _DIGEST, _SIGNATURE),
        ("r = 0", _PUBLIC, _DIGEST, zero + s),
        ("s = 0", _PUBLIC, _DIGEST, r + zero),
        ("r = n", _PUBLIC, _DIGEST, order + s),
        ("s = n", _PUBLIC, _DIGEST, r + order),
        ("r + s = n", _PUBLIC, _DIGEST, r + complement),
        ("a short signature", _PUBLIC, _DIGEST, _SIGNATURE[:-1]),
    )


def _flip_last_bit(octets: bytes) -> bytes:
    return octets[:-1] + bytes((octets[-1] ^ 1,))
