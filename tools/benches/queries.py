"""TimeStampReqs made before the clock starts, no two alike."""

from __future__ import annotations

import os

from appliance.asn1 import oids
from appliance.asn1.tsp import encode_request

IMPRINT_OCTETS = 32
_NONCE_OCTETS = 8
_FIRST_NONCE = 1 << 62  # all nonces are of eight octets, so that all queries have one length
_RANDOM_BITS = 32

DEFAULT_PROFILE = "sm2"
PROFILE_HASHES = {
    "sm2": oids.SM3,
    "gmt": oids.SM3,
    "p256": oids.SHA256,
    "rsa": oids.SHA256,
}
"""The hash of the imprint by profile: what a client of that profile would take."""


def make_queries(count: int, hash_algorithm: str) -> list[bytes]:
    """Make queries with certReq whose imprints are random and whose nonces differ."""
    model_imprint = bytes(IMPRINT_OCTETS)
    model = encode_request(hash_algorithm=hash_algorithm, imprint=model_imprint, nonce=_FIRST_NONCE)
    head, _, rest = model.partition(model_imprint)
    middle, _, tail = rest.partition(_FIRST_NONCE.to_bytes(_NONCE_OCTETS, "big"))
    return [
        b"".join((head, os.urandom(IMPRINT_OCTETS), middle, _nonce(index), tail))
        for index in range(count)
    ]


def _nonce(index: int) -> bytes:
    low = int.from_bytes(os.urandom(_RANDOM_BITS // 8), "big")
    return (_FIRST_NONCE + (index << _RANDOM_BITS) + low).to_bytes(_NONCE_OCTETS, "big")
