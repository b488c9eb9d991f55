"""P-256 and RSA-3072 by `cryptography`: signing keys, and RSA and ECDSA verification.

These private keys live in `cryptography`'s own memory and pass through Python bytes as PKCS#8:
unlike SM2 keys they can be dropped but not zeroed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from appliance.asn1 import oids
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault, Malformed

RSA_BITS = 3072
_RSA_EXPONENT = 65537
# Verification only: below 2048 bits a signature proves nothing now; above, its cost is the sender's
# to choose.
_RSA_VERIFY_BITS = range(2048, 8192 + 1)
_RSA_VERIFY_EXPONENT_MAX = 1 << 32

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_ECDSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    oids.ECDSA_WITH_SHA256: hashes.SHA256(),
    oids.ECDSA_WITH_SHA384: hashes.SHA384(),
    oids.ECDSA_WITH_SHA512: hashes.SHA512(),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    oids.SHA256_WITH_RSA: hashes.SHA256(),
    oids.SHA384_WITH_RSA: hashes.SHA384(),
    oids.SHA512_WITH_RSA: hashes.SHA512(),
}


class ClassicalKey:
    """A P-256 or RSA-3072 private key; see `api.SigningKey`.

    Signatures are not verified again before release: for P-256 that would cost 63 us, more than the
    signature itself, and for RSA OpenSSL already checks each result of the Chinese remainder
    theorem against the public key and discards a faulty one.
    """

    def __init__(self, algorithm: KeyAlgorithm, private: _PrivateKey) -> None:
        self._algorithm = algorithm
        self._private: _PrivateKey | None = private
        self._public = _public_octets(private.public_key())

    @property
    def algorithm(self) -> KeyAlgorithm:
        """P256 or RSA."""
        return self._algorithm

    @property
    def public(self) -> bytes:
        """The uncompressed point (65 octets), or the DER of RSAPublicKey."""
        return self._public

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message with SHA-256: Ecdsa-Sig-Value in DER, or PKCS#1 v1.5 octets."""
        sign = _signer(self._open(), hashes.SHA256())
        return [sign(message) for message in messages]

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign the SHA-256 of a message (32 octets).  Raises Malformed for another length."""
        if len(digest) != hashes.SHA256.digest_size:
            raise Malformed("a SHA-256 digest is 32 octets")
        return _signer(self._open(), Prehashed(hashes.SHA256()))(digest)

    def export_secret(self) -> SecretBuffer:
        """Copy the PKCS#8 DER into a new locked buffer; the caller closes it."""
        encoded = self._open().private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        secret = SecretBuffer(len(encoded))
        secret.view[:] = encoded
        return secret

    def close(self) -> None:
        """Let the key go; its memory cannot be zeroed from here."""
        self._private = None

    def _open(self) -> _PrivateKey:
        private = self._private
        if private is None:
            raise Fault("a closed key was used")
        return private


def generate(algorithm: KeyAlgorithm) -> ClassicalKey:
    """Make a new P256 or RSA key."""
    if algorithm is KeyAlgorithm.P256:
        return ClassicalKey(algorithm, ec.generate_private_key(ec.SECP256R1()))
    assert algorithm is KeyAlgorithm.RSA
    return ClassicalKey(algorithm, rsa.generate_private_key(_RSA_EXPONENT, RSA_BITS))


def load(algorithm: KeyAlgorithm, secret: SecretBuffer) -> ClassicalKey:
    """Take a key from its PKCS#8 DER; the caller still closes the buffer.

    Raises Malformed for what is not a P-256 key, or not an RSA key of at least 3072 bits.
    """
    try:
        private = serialization.load_der_private_key(secret.view, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # `from None`: the reason may quote the key
        raise Malformed("a private key is not readable PKCS#8") from None
    if algorithm is KeyAlgorithm.P256:
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(
            private.curve, ec.SECP256R1
        ):
            return ClassicalKey(algorithm, private)
    elif isinstance(private, rsa.RSAPrivateKey) and private.key_size >= RSA_BITS:
        return ClassicalKey(algorithm, private)
    raise Malformed(f"a private key is not of the kind {algorithm.value}")


def verify(spki: bytes, algorithm_oid: str, message: bytes, signature: bytes) -> bool | None:
    """Verify a signature by SubjectPublicKeyInfo and signature algorithm; None means not supported.

    Known are sha{256,384,512}WithRSAEncryption (RFC 8017 8.2) on 2048 to 8192 bits, and
    ecdsa-with-SHA{256,384,512} (RFC 5758 3.2) on P-256 and P-384.  RSASSA-PSS keeps its hash and
    salt in parameters, which an OID does not carry; rsaEncryption names no hash: the caller maps
    it to one of the above.
    """
    public = load_public(spki)
    try:
        if isinstance(public, rsa.RSAPublicKey) and algorithm_oid in _RSA_HASHES:
            public.verify(signature, message, padding.PKCS1v15(), _RSA_HASHES[algorithm_oid])
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm_oid in _ECDSA_HASHES:
            public.verify(signature, message, ec.ECDSA(_ECDSA_HASHES[algorithm_oid]))
        else:
            return None
    except InvalidSignature:
        return False
    return True


def load_public(spki: bytes) -> _PublicKey | None:
    """Load a public key of a kind that is verified here, else None."""
    try:
        public = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(public, ec.EllipticCurvePublicKey):
        is_known = isinstance(public.curve, ec.SECP256R1 | ec.SECP384R1)
        return public if is_known else None
    if isinstance(public, rsa.RSAPublicKey):
        is_known = (
            public.key_size in _RSA_VERIFY_BITS
            and public.public_numbers().e < _RSA_VERIFY_EXPONENT_MAX
        )
        return public if is_known else None
    return None


def _signer(private: _PrivateKey, algorithm: hashes.SHA256 | Prehashed) -> Callable[[bytes], bytes]:
    if isinstance(private, rsa.RSAPrivateKey):
        return lambda message: private.sign(message, padding.PKCS1v15(), algorithm)
    return lambda message: private.sign(message, ec.ECDSA(algorithm))


def _public_octets(public: _PublicKey) -> bytes:
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
