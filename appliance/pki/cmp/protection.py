"""How a CMP message is protected: by a shared secret, the password-based MAC.  RFC 4210 5.1.3.1."""

from __future__ import annotations

import hashlib
import hmac

import attrs

from appliance.asn1 import der
from appliance.asn1.algorithm import algorithm_identifier, read_algorithm
from appliance.errors import Malformed, Refused

PASSWORD_BASED_MAC = "1.2.840.113533.7.66.13"  # noqa: S105  an OID
_HMACS = {
    "1.3.6.1.5.5.8.1.2": "sha1",  # RFC 4210's own; OpenSSL's default on the way back
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.11": "sha512",
}
_HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_HMAC_SHA256 = "1.2.840.113549.2.9"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ITERATIONS = 10_000
MAX_ITERATIONS = _ITERATIONS
"""5 ms of the reactor: more would be work at the wish of whoever answers."""


@attrs.frozen
class SharedSecret:
    """What we and the authority both know: the reference it is known by, and the secret."""

    reference: bytes
    secret: bytes = attrs.field(repr=False)

    def algorithm(self, salt: bytes) -> bytes:
        """Render the protectionAlg of a message of ours; `salt` is 16 fresh octets."""
        parameters = der.sequence(
            der.octet_string(salt),
            algorithm_identifier(_SHA256),
            der.integer(_ITERATIONS),
            algorithm_identifier(_HMAC_SHA256),
        )
        return der.sequence(der.oid(PASSWORD_BASED_MAC), parameters)

    def mac(self, algorithm: bytes, protected: bytes) -> bytes:
        """Compute the MAC over a ProtectedPart as its protectionAlg asks.

        Raises Malformed for parameters that are none, Refused for another algorithm, or for more
        rounds than `MAX_ITERATIONS`.
        """
        salt, owf, rounds, mac = _parameters(algorithm)
        key = self.secret + salt
        for _ in range(rounds):
            key = hashlib.new(owf, key).digest()
        return hmac.digest(key, protected, mac)

    def fits(self, algorithm: bytes, protected: bytes, protection: bytes) -> bool:
        """Tell whether a message was protected with this secret.  Raises as `mac` does."""
        return hmac.compare_digest(self.mac(algorithm, protected), protection)


def _parameters(algorithm: bytes) -> tuple[bytes, str, int, str]:
    found, _ = read_algorithm(algorithm, 0, len(algorithm))
    if found.oid != PASSWORD_BASED_MAC:
        raise Refused(f"the authority protects its answer by {found.oid}, which was not agreed")
    data = found.parameters
    start, end = der.whole(data, der.SEQUENCE)
    salt_start, salt_stop = der.expect(data, start, end, der.OCTET_STRING)
    owf, at = read_algorithm(data, salt_stop, end)
    rounds_start, rounds_stop = der.expect(data, at, end, der.INTEGER)
    rounds = der.integer_value(data, rounds_start, rounds_stop, max_octets=8)
    mac, at = read_algorithm(data, rounds_stop, end)
    der.finish(at, end)
    if not 1 <= rounds <= MAX_ITERATIONS:
        raise Refused("the authority asks for more hashing than its answer is worth")
    if owf.oid not in _HASHES or mac.oid not in _HMACS:
        raise Refused("the authority protects its answer by hash functions we do not know")
    if salt_stop - salt_start > 128:
        raise Malformed("the salt of a password-based MAC is too long")
    return data[salt_start:salt_stop], _HASHES[owf.oid], rounds, _HMACS[mac.oid]
