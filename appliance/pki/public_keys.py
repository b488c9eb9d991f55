"""Public keys fit to be certified: one encoding each, of a size that still means something."""

from __future__ import annotations

import math

from appliance.asn1 import der, keys, oids, sm2
from appliance.asn1.keys import PublicKeyInfo
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused

RSA_BITS = range(2048, 8192 + 1)
RSA_EXPONENTS = range(65_537, 1 << 32, 2)

_MAX_MODULUS_OCTETS = 1025
# NIST SP 800-89 5.3.3 asks for no small factors; 752 is where the CA/Browser Forum stops.
_SMALL_PRIMES = math.prod(
    number for number in range(2, 752) if all(number % each for each in range(2, number))
)


def algorithm_of(key: PublicKeyInfo) -> KeyAlgorithm:
    """Tell which scheme a key is for.

    Raises Refused for a curve, a size or an exponent that is not certified here, and Malformed for
    another encoding than `issuing.spki_of` gives.  Whether a point is on its curve is not looked
    at: no signature verifies with one that is not.
    """
    if key.curve == oids.SM2_CURVE:
        sm2.public_key_from_spki(key.der)
        return KeyAlgorithm.SM2
    if key.curve == oids.PRIME256V1:
        keys.p256_spki(key.octets)
        return KeyAlgorithm.P256
    if key.algorithm == oids.RSA_ENCRYPTION:
        if keys.rsa_spki(key.octets) != key.der:
            raise Malformed("an RSA key has another encoding than RFC 3279 asks for")
        _check_rsa(key.octets)
        return KeyAlgorithm.RSA
    raise Refused("a key is neither of SM2, P-256 nor RSA")


def _check_rsa(public: bytes) -> None:
    """Check an RSAPublicKey.  RFC 8017 A.1.1."""
    start, end = der.whole(public, der.SEQUENCE)
    modulus, position = _number(public, start, end)
    exponent, position = _number(public, position, end)
    der.finish(position, end)
    if modulus < 0 or modulus.bit_length() not in RSA_BITS:
        raise Refused(f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
    if exponent not in RSA_EXPONENTS:
        raise Refused("an RSA exponent is odd and from 65537 to 32 bits")
    if math.gcd(modulus, _SMALL_PRIMES) != 1:
        raise Refused("an RSA modulus has a small factor")


def _number(data: bytes, position: int, end: int) -> tuple[int, int]:
    start, stop = der.expect(data, position, end, der.INTEGER)
    return der.integer_value(data, start, stop, max_octets=_MAX_MODULUS_OCTETS), stop
