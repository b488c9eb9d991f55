"""A time-stamping authority to ask: profiles, templates and requests, without keys."""

import functools
import hashlib
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from appliance.asn1 import der, oids
from appliance.crypto.api import KeyAlgorithm
from appliance.quantities import Utc
from appliance.timing.trusted import NoTime, TrustedTime
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.gate import TimeRules
from appliance.tsp.policy import Policy, Profile, TokenForm
from appliance.tsp.request import Rejection
from appliance.tsp.serial import SerialSource
from appliance.tsp.template import Digest, Template, render_template
from kit.certificates import signer_certificate
from kit.clock import FakeClock

WIDE = Policy("2.999.1", max_bound_ns=1_000_000_000)
NARROW = Policy("2.999.2.16384", max_bound_ns=200_000)
POLICIES = (WIDE, NARROW)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("sm2", "sm2", KeyAlgorithm.SM2, TokenForm.CMS, POLICIES),
        Profile("p256", "p256", KeyAlgorithm.P256, TokenForm.CMS, POLICIES),
        Profile("rsa", "rsa", KeyAlgorithm.RSA, TokenForm.CMS, POLICIES),
        Profile("gmt", "sm2", KeyAlgorithm.SM2, TokenForm.GMT0010, POLICIES),
        Profile("chain", "p256", KeyAlgorithm.P256, TokenForm.CMS, POLICIES, chain=True),
    )
}

IMPRINT_HASHES = {oids.SM3: 32, oids.SHA256: 32, oids.SHA384: 48, oids.SHA512: 64}
DIGESTS: dict[str, Digest] = {
    "sm3": lambda data: hashlib.new("sm3", data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


def digest_of(profile: Profile) -> Digest:
    """Give the hash that goes with a profile's key."""
    return DIGESTS["sm3" if profile.algorithm is KeyAlgorithm.SM2 else "sha256"]


def make_template(profile: Profile, policy: Policy = WIDE) -> Template:
    """Render the template of a profile under the throw-away certificate."""
    return render_template(profile, policy, signer_certificate(), digest_of(profile))


@functools.cache
def templates() -> dict[tuple[str, str], Template]:
    """Give the templates of all profiles and policies."""
    return {
        (profile.name, policy.oid): make_template(profile, policy)
        for profile in PROFILES.values()
        for policy in POLICIES
    }


def make_authority(
    *,
    last_gen_time_us: int = 0,
    production: bool = True,
    allow_system_time: bool = False,
    key_periods: Mapping[str, tuple[Utc, Utc]] | None = None,
) -> Authority:
    """Make an authority of node 1 over all the profiles here."""
    return Authority(
        PROFILES,
        templates(),
        serials=SerialSource(1, b"\xa5" * 8),
        last_gen_time_us=last_gen_time_us,
        digests=DIGESTS,
        rules=TimeRules(production, allow_system_time, key_periods or {}),
    )


def prepare_one(
    authority: Authority, ask: Ask, reading: TrustedTime | NoTime
) -> Prepared | Rejection:
    """Prepare the token of one request."""
    (outcome,) = authority.prepare([ask], FakeClock(reading))
    return outcome


def signature_for(profile: str, seed: bytes = b"") -> bytes:
    """Give octets of the shape the profile's engine returns; nobody could verify them."""
    digest = hashlib.sha512(seed).digest()
    if PROFILES[profile].algorithm is KeyAlgorithm.SM2:
        return digest
    if PROFILES[profile].algorithm is KeyAlgorithm.RSA:
        return digest * 6
    r, s = (int.from_bytes(half, "big") for half in (digest[:32], digest[32:]))
    return der.sequence(der.integer(r), der.integer(s))


def request(
    hash_algorithm: str = oids.SM3,
    *,
    version: int = 1,
    imprint: bytes | None = None,
    null: bool = False,
    tail: Sequence[bytes] = (),
) -> bytes:
    """Render a TimeStampReq piece by piece; `tail` holds the optional fields as TLVs."""
    octets = bytes(IMPRINT_HASHES.get(hash_algorithm, 20)) if imprint is None else imprint
    algorithm = der.sequence(der.oid(hash_algorithm), der.NULL_VALUE if null else b"")
    message_imprint = der.sequence(algorithm, der.octet_string(octets))
    return der.sequence(der.integer(version), message_imprint, *tail)


@st.composite
def requests(draw: st.DrawFn, *, least_nonce: int = -(1 << 511)) -> bytes:
    """Draw a request that every profile here accepts."""
    hash_algorithm = draw(st.sampled_from(sorted(IMPRINT_HASHES)))
    size = IMPRINT_HASHES[hash_algorithm]
    policy = draw(st.sampled_from([b"", der.oid(WIDE.oid), der.oid(NARROW.oid)]))
    nonce = draw(st.none() | st.integers(least_nonce, (1 << 511) - 1))
    return request(
        hash_algorithm,
        imprint=draw(st.binary(min_size=size, max_size=size)),
        null=draw(st.booleans()),
        tail=[
            policy,
            b"" if nonce is None else _nonce_tlv(nonce),
            der.TRUE if draw(st.booleans()) else b"",
        ],
    )


def _nonce_tlv(value: int) -> bytes:
    octets = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return der.tlv(der.INTEGER, value.to_bytes(octets, "big", signed=True))


GEN_TIMES_US = st.builds(
    lambda second, fraction, zeros: second * 1_000_000 + fraction // 10**zeros * 10**zeros,
    st.integers(1_700_000_000, 4_000_000_000),
    st.integers(0, 999_999),
    st.integers(0, 6),
)
"""POSIX microseconds, many of them with trailing zeros in the fraction."""
