"""gmssl as a second implementation of SM2 verification and SM3, its known defects kept out.

Its constructor strips every leading 0 and 4 of a public key, so the key is assigned afterwards; it
checks no ranges and no points, so it only judges signatures that are well-formed.
"""

from gmssl import sm2, sm3


def verify_digest(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Verify r||s over e."""
    judge = sm2.CryptSM2(private_key="", public_key="")
    judge.public_key = public.hex()
    return bool(judge.verify(signature.hex(), digest))


def hash_sm3(data: bytes) -> bytes:
    """Hash by gmssl's own SM3."""
    return bytes.fromhex(sm3.sm3_hash(list(data)))
