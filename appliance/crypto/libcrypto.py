"""The SM2 engine on the system's OpenSSL: the fallback, and a second opinion on the native core.

About 0.65 ms a signature (half of it the check before release) and 0.35 ms a verification; ctypes
releases the GIL meanwhile.  OpenSSL works on digests here: Z and e are ours (`message_digest`), so
that any user ID is possible.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
from collections.abc import Sequence
from typing import NoReturn

from appliance.asn1 import sm2
from appliance.crypto import libcrypto_binding as binding
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault, Malformed

SCALAR_OCTETS = 32
PUBLIC_OCTETS = 64
SIGNATURE_OCTETS = 64
_UNCOMPRESSED = b"\x04"
_SIGNATURE_DER_MAX = 72

# a || b || Gx || Gy of the curve, as Z takes them.  GB/T 32918.5 clause 3
_CURVE_FOR_Z = bytes.fromhex(
    "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)
_MAX_ID_OCTETS = 0xFFFF // 8  # ENTL counts bits in two octets


class LibcryptoEngine:
    """SM2 and SM3 by ctypes on libcrypto; see `api.Sm2Engine`."""

    @property
    def name(self) -> str:
        """`libcrypto`."""
        return "libcrypto"

    @property
    def path(self) -> str:
        """OpenSSL chooses by itself and does not say."""
        return ""

    def generate(self) -> LibcryptoKey:
        """Draw d from OpenSSL's private generator until it lies in 1 .. n-2.  GB/T 32918.1 6.1."""
        with SecretBuffer(SCALAR_OCTETS) as secret:
            while True:
                binding.load().RAND_priv_bytes(secret.address, secret.size)
                with contextlib.suppress(Malformed):  # one draw in 2^32
                    return self.load(secret)

    def load(self, secret: SecretBuffer) -> LibcryptoKey:
        """Take d from a 32-octet buffer; the caller still closes it.  Raises Malformed."""
        if secret.size != SCALAR_OCTETS:
            raise Malformed("an SM2 private key is 32 octets")
        library = binding.load()
        with _group() as group, binding.owned(library.BN_secure_new()) as d:
            library.BN_set_flags(d, binding.BN_FLG_CONSTTIME)
            library.BN_bin2bn(secret.address, secret.size, d)
            _require_private_range(group, d)
            public = _base_multiple(group, d)
            return LibcryptoKey(_make_pkey(public, d), public)

    def check_public(self, public: bytes) -> bool:
        """Tell whether X||Y is on the curve; OpenSSL also refuses coordinates of p or more."""
        if len(public) != PUBLIC_OCTETS:
            return False
        library = binding.load()
        encoded = _UNCOMPRESSED + public
        with _group() as group, _point(group) as point:
            code = library.EC_POINT_oct2point(group, point, encoded, len(encoded), None)
            library.ERR_clear_error()
            return bool(code == 1)

    def verify_digest(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Verify r||s over e.  Wrong lengths, ranges or points are False."""
        if len(digest) != SCALAR_OCTETS or len(signature) != SIGNATURE_OCTETS:
            return False
        return self.check_public(public) and _verify(_make_pkey(public), digest, signature)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Verify r||s over a message with Z of DEFAULT_ID.  GB/T 32918.2 clause 7."""
        if len(public) != PUBLIC_OCTETS:
            return False
        return self.verify_digest(public, self.message_digest(public, message), signature)

    def message_digest(self, public: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """Compute e = SM3(Z || message).  GB/T 32918.2 6.1.

        Raises Malformed for a public key not of 64 octets or an ID above 8191 octets.
        """
        return self.sm3(z_value(public, user_id) + message)

    def sm3(self, data: bytes) -> bytes:
        """Hash `data` (GB/T 32905): 32 octets."""
        return _sm3(data)


class LibcryptoKey:
    """An SM2 private key inside an EVP_PKEY, d in OpenSSL's secure heap; see `api.Sm2Key`.

    Two things the native core does better: the nonce comes from OpenSSL's private generator and is
    not hedged with d and e; and a forked child inherits d, so processes with keys are spawned.
    """

    def __init__(self, pkey: _Pkey, public: bytes) -> None:
        self._pkey: _Pkey | None = pkey
        self._public = public
        self._z = z_value(public)

    @property
    def algorithm(self) -> KeyAlgorithm:
        """SM2."""
        return KeyAlgorithm.SM2

    @property
    def public(self) -> bytes:
        """X||Y (64 octets)."""
        return self._public

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e (32 octets); returns r||s, verified before release.

        Raises Malformed for another length, Fault when the signature does not verify.
        """
        if len(digest) != SCALAR_OCTETS:
            raise Malformed("an SM2 digest is 32 octets")
        pkey = self._open_pkey()
        signature = _sign(pkey, digest)
        if not _verify(pkey, digest, signature):
            raise Fault("a signature just made by libcrypto does not verify")
        return signature

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message with Z of DEFAULT_ID, each verified before any is released."""
        return [self.sign_digest(_sm3(self._z + message)) for message in messages]

    def export_secret(self) -> SecretBuffer:
        """Copy d (32 octets) into a new locked buffer; the caller closes it."""
        pkey = self._open_pkey()
        library = binding.load()
        with SecretBuffer(SCALAR_OCTETS) as native, binding.owned(library.BN_secure_new()) as d:
            params = (binding.Param * 2)(_private_param(native))
            library.EVP_PKEY_get_params(pkey.handle, params)
            library.BN_native2bn(native.address, native.size, d)
            secret = SecretBuffer(SCALAR_OCTETS)
            library.BN_bn2binpad(d, secret.address, secret.size)
        return secret

    def close(self) -> None:
        """Let the key go; OpenSSL zeroes d when the last call that is still under way returns."""
        self._pkey = None

    def __reduce__(self) -> NoReturn:
        raise Fault("a private key is neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<LibcryptoKey {self._public[:4].hex()}>"

    def _open_pkey(self) -> _Pkey:
        pkey = self._pkey
        if pkey is None:
            raise Fault("a closed key was used")
        return pkey


class _Pkey:
    """An EVP_PKEY owned by this object, so that a call in another thread outlives `close`."""

    def __init__(self, handle: binding.EvpPkey) -> None:
        self.handle = handle
        self._free = binding.load().EVP_PKEY_free  # reachable even while the interpreter ends

    def __del__(self) -> None:
        self._free(self.handle)


def _sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def z_value(public: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Compute Z = SM3(ENTL || ID || a || b || Gx || Gy || X || Y).  GB/T 32918.2 5.5.

    Raises Malformed for a public key not of 64 octets or an ID above 8191 octets.
    """
    if len(public) != PUBLIC_OCTETS:
        raise Malformed("an SM2 public key is 64 octets")
    if len(user_id) > _MAX_ID_OCTETS:
        raise Malformed("an SM2 user ID is at most 8191 octets")
    return _sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + _CURVE_FOR_Z + public)


def _group() -> contextlib.AbstractContextManager[binding.EcGroup]:
    return binding.owned(binding.load().EC_GROUP_new_by_curve_name(binding.SM2_NID))


def _point(group: binding.EcGroup) -> contextlib.AbstractContextManager[binding.EcPoint]:
    return binding.owned(binding.load().EC_POINT_new(group))


def _require_private_range(group: binding.EcGroup, d: binding.Bignum) -> None:
    """Refuse d outside 1 .. n-2; d = n-1 would make 1 + d vanish mod n."""
    library = binding.load()
    with binding.owned(library.BN_secure_new()) as limit:
        library.BN_copy(limit, library.EC_GROUP_get0_order(group))
        library.BN_sub_word(limit, 1)
        if library.BN_is_zero(d) or library.BN_cmp(d, limit) >= 0:
            raise Malformed("an SM2 private key lies in 1 .. n-2")


def _base_multiple(group: binding.EcGroup, d: binding.Bignum) -> bytes:
    """Compute d*G as X||Y.

    EC_POINT_mul with G alone takes the blinded ladder; with a second point it would take the wNAF
    path, which is variable in time.
    """
    library = binding.load()
    encoded = ctypes.create_string_buffer(1 + PUBLIC_OCTETS)
    with (
        _point(group) as point,
        binding.owned(library.BN_CTX_secure_new()) as context,
    ):
        library.EC_POINT_mul(group, point, d, None, None, context)
        form = binding.POINT_CONVERSION_UNCOMPRESSED
        library.EC_POINT_point2oct(group, point, form, encoded, len(encoded), context)
    return encoded.raw[1:]


def _make_pkey(public: bytes, d: binding.Bignum | None = None) -> _Pkey:
    """Build an EVP_PKEY from X||Y, and d for a private key.  Raises Fault off the curve."""
    group = ctypes.create_string_buffer(binding.SM2_NAME)
    point = ctypes.create_string_buffer(_UNCOMPRESSED + public, 1 + PUBLIC_OCTETS)
    values = [
        binding.param(
            b"group", binding.PARAM_UTF8_STRING, ctypes.addressof(group), len(binding.SM2_NAME)
        ),
        binding.param(b"pub", binding.PARAM_OCTET_STRING, ctypes.addressof(point), len(point)),
    ]
    if d is None:
        return _pkey_of(values, binding.EVP_PKEY_PUBLIC_KEY)
    with SecretBuffer(SCALAR_OCTETS) as native:
        binding.load().BN_bn2nativepad(d, native.address, native.size)
        values.append(_private_param(native))
        return _pkey_of(values, binding.EVP_PKEY_KEYPAIR)


def _private_param(native: SecretBuffer) -> binding.Param:
    return binding.param(b"priv", binding.PARAM_UNSIGNED_INTEGER, native.address, native.size)


def _pkey_of(values: list[binding.Param], selection: int) -> _Pkey:
    library = binding.load()
    params = (binding.Param * (len(values) + 1))(*values)
    handle = binding.EvpPkey()
    with binding.owned(library.EVP_PKEY_CTX_new_from_name(None, binding.SM2_NAME, None)) as context:
        library.EVP_PKEY_fromdata_init(context)
        library.EVP_PKEY_fromdata(context, ctypes.byref(handle), selection, params)
    return _Pkey(handle)


def _sign(pkey: _Pkey, digest: bytes) -> bytes:
    library = binding.load()
    encoded = ctypes.create_string_buffer(_SIGNATURE_DER_MAX)
    length = ctypes.c_size_t(len(encoded))
    with binding.owned(library.EVP_PKEY_CTX_new_from_pkey(None, pkey.handle, None)) as context:
        library.EVP_PKEY_sign_init(context)
        library.EVP_PKEY_sign(context, encoded, ctypes.byref(length), digest, len(digest))
    return sm2.signature_from_der(encoded.raw[: length.value])


def _verify(pkey: _Pkey, digest: bytes, signature: bytes) -> bool:
    library = binding.load()
    encoded = sm2.signature_to_der(signature)
    with binding.owned(library.EVP_PKEY_CTX_new_from_pkey(None, pkey.handle, None)) as context:
        library.EVP_PKEY_verify_init(context)
        code = library.EVP_PKEY_verify(context, encoded, len(encoded), digest, len(digest))
    library.ERR_clear_error()  # a refused signature leaves reasons in the thread's queue
    return bool(code == 1)
