"""The OpenSSL functions we call, declared for ctypes on the library that Python itself has loaded.

Every declaration names its types and how its answer is checked, so that callers read as straight
lines: a call that fails raises Fault with OpenSSL's own reason and leaves the thread's error queue
empty, as `hashlib` and `ssl` share it.  ctypes releases the GIL for the length of each call.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_size_t, c_uint, c_ulong, c_void_p
from typing import Any, Final, TypeVar

from appliance.errors import Fault

SM2_NAME: Final = b"SM2"
SM2_NID: Final = 1172  # openssl/obj_mac.h
PARAM_UNSIGNED_INTEGER: Final = 2  # openssl/core.h
PARAM_UTF8_STRING: Final = 4
PARAM_OCTET_STRING: Final = 5
BN_FLG_CONSTTIME: Final = 0x04  # openssl/bn.h
EVP_PKEY_PUBLIC_KEY: Final = 0x86  # openssl/evp.h
EVP_PKEY_KEYPAIR: Final = 0x87
POINT_CONVERSION_UNCOMPRESSED: Final = 4  # openssl/ec.h

# A key takes under 100 octets of it; Debian's RLIMIT_MEMLOCK is 8 MiB.
_SECURE_HEAP_OCTETS: Final = 1 << 18
_SECURE_HEAP_UNIT: Final = 32


class Bignum(c_void_p):
    """BIGNUM *."""


class BnCtx(c_void_p):
    """BN_CTX *."""


class EcGroup(c_void_p):
    """EC_GROUP *."""


class EcPoint(c_void_p):
    """EC_POINT *."""


class EvpPkey(c_void_p):
    """EVP_PKEY *."""


class EvpPkeyCtx(c_void_p):
    """EVP_PKEY_CTX *."""


class EvpCipher(c_void_p):
    """EVP_CIPHER *."""


class EvpCipherCtx(c_void_p):
    """EVP_CIPHER_CTX *."""


class EvpMd(c_void_p):
    """const EVP_MD *."""


class Param(ctypes.Structure):
    """OSSL_PARAM: a named value in or out of a key; an all-zero one ends an array of them."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


_Handle = TypeVar("_Handle", bound=c_void_p)
_Check = Callable[[Any, Any, tuple[Any, ...]], Any] | None


def _made(pointer: Any, function: Any, _arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401  (ctypes errcheck)
    if not pointer:
        raise failure(function.__name__)
    return pointer


def _done(code: int, function: Any, _arguments: tuple[Any, ...]) -> int:  # noqa: ANN401  (ctypes errcheck)
    if code != 1:
        raise failure(function.__name__)
    return code


def _counted(count: int, function: Any, _arguments: tuple[Any, ...]) -> int:  # noqa: ANN401  (ctypes errcheck)
    if count <= 0:
        raise failure(function.__name__)
    return count


_OUT_SIZE = ctypes.POINTER(c_size_t)
_OUT_INT = ctypes.POINTER(c_int)
_OUT_UINT = ctypes.POINTER(c_uint)
_PARAMS = ctypes.POINTER(Param)

_DECLARATIONS: Final[dict[str, tuple[Any, tuple[Any, ...], _Check]]] = {
    "ERR_get_error": (c_ulong, (), None),
    "ERR_clear_error": (None, (), None),
    "ERR_error_string_n": (None, (c_ulong, c_char_p, c_size_t), None),
    "CRYPTO_secure_malloc_initialized": (c_int, (), None),
    "CRYPTO_secure_malloc_init": (c_int, (c_size_t, c_size_t), None),
    "CRYPTO_secure_used": (c_size_t, (), None),
    "RAND_priv_bytes": (c_int, (c_void_p, c_int), _done),
    "BN_secure_new": (Bignum, (), _made),
    "BN_clear_free": (None, (Bignum,), None),
    "BN_set_flags": (None, (Bignum, c_int), None),
    "BN_bin2bn": (c_void_p, (c_void_p, c_int, Bignum), _made),
    "BN_bn2binpad": (c_int, (Bignum, c_void_p, c_int), _counted),
    "BN_native2bn": (c_void_p, (c_void_p, c_int, Bignum), _made),
    "BN_bn2nativepad": (c_int, (Bignum, c_void_p, c_int), _counted),
    "BN_cmp": (c_int, (Bignum, Bignum), None),
    "BN_is_zero": (c_int, (Bignum,), None),
    "BN_copy": (c_void_p, (Bignum, c_void_p), _made),
    "BN_sub_word": (c_int, (Bignum, c_ulong), _done),
    "BN_CTX_secure_new": (BnCtx, (), _made),
    "BN_CTX_free": (None, (BnCtx,), None),
    "EC_GROUP_new_by_curve_name": (EcGroup, (c_int,), _made),
    "EC_GROUP_free": (None, (EcGroup,), None),
    "EC_GROUP_get0_order": (c_void_p, (EcGroup,), _made),
    "EC_POINT_new": (EcPoint, (EcGroup,), _made),
    "EC_POINT_clear_free": (None, (EcPoint,), None),
    "EC_POINT_mul": (c_int, (EcGroup, EcPoint, Bignum, EcPoint, Bignum, BnCtx), _done),
    # 0 for what is not a point of the curve: the caller reads it
    "EC_POINT_oct2point": (c_int, (EcGroup, EcPoint, c_char_p, c_size_t, BnCtx), None),
    "EC_POINT_point2oct": (
        c_size_t,
        (EcGroup, EcPoint, c_int, c_char_p, c_size_t, BnCtx),
        _counted,
    ),
    "EVP_PKEY_CTX_new_from_name": (EvpPkeyCtx, (c_void_p, c_char_p, c_char_p), _made),
    "EVP_PKEY_CTX_new_from_pkey": (EvpPkeyCtx, (c_void_p, EvpPkey, c_char_p), _made),
    "EVP_PKEY_CTX_free": (None, (EvpPkeyCtx,), None),
    "EVP_PKEY_fromdata_init": (c_int, (EvpPkeyCtx,), _done),
    "EVP_PKEY_fromdata": (c_int, (EvpPkeyCtx, ctypes.POINTER(EvpPkey), c_int, _PARAMS), _done),
    "EVP_PKEY_free": (None, (EvpPkey,), None),
    "EVP_PKEY_get_params": (c_int, (EvpPkey, _PARAMS), _done),
    "EVP_PKEY_sign_init": (c_int, (EvpPkeyCtx,), _done),
    "EVP_PKEY_sign": (c_int, (EvpPkeyCtx, c_char_p, _OUT_SIZE, c_char_p, c_size_t), _done),
    "EVP_PKEY_verify_init": (c_int, (EvpPkeyCtx,), _done),
    # 1 for a good signature, 0 or less for any other: the caller reads it
    "EVP_PKEY_verify": (c_int, (EvpPkeyCtx, c_char_p, c_size_t, c_char_p, c_size_t), None),
    "EVP_CIPHER_fetch": (EvpCipher, (c_void_p, c_char_p, c_char_p), _made),
    "EVP_CIPHER_free": (None, (EvpCipher,), None),
    "EVP_CIPHER_CTX_new": (EvpCipherCtx, (), _made),
    "EVP_CIPHER_CTX_free": (None, (EvpCipherCtx,), None),
    "EVP_EncryptInit_ex2": (
        c_int,
        (EvpCipherCtx, EvpCipher, c_void_p, c_char_p, c_void_p),
        _done,
    ),
    "EVP_EncryptUpdate": (c_int, (EvpCipherCtx, c_void_p, _OUT_INT, c_void_p, c_int), _done),
    "EVP_sm3": (EvpMd, (), _made),
    "HMAC": (
        c_void_p,
        (EvpMd, c_void_p, c_int, c_char_p, c_size_t, c_void_p, _OUT_UINT),
        _made,
    ),
}


_FREE: Final[dict[type[c_void_p], str]] = {
    Bignum: "BN_clear_free",
    BnCtx: "BN_CTX_free",
    EcGroup: "EC_GROUP_free",
    EcPoint: "EC_POINT_clear_free",
    EvpPkeyCtx: "EVP_PKEY_CTX_free",
    EvpCipher: "EVP_CIPHER_free",
    EvpCipherCtx: "EVP_CIPHER_CTX_free",
}


@functools.cache
def load() -> ctypes.CDLL:
    """Give the library with every function declared.  Raises Fault without OpenSSL 3.0 or later.

    dlsym on the `_hashlib` module searches its dependencies too, hence finds exactly the libcrypto
    that Python runs on; the names that follow serve a Python with OpenSSL linked in and hidden.
    OpenSSL's secure heap is set up on the way, so that private keys lie in locked pages; where the
    kernel declines, they lie on the common heap and are zeroed all the same.
    """
    module = importlib.util.find_spec("_hashlib")
    origin = module.origin if module else None
    return _first_sound((origin, "libcrypto.so.3", "libcrypto.so.4"))


def _first_sound(names: Iterable[str | None]) -> ctypes.CDLL:
    for name in names:
        library = _open(name)
        if library is not None:
            _lock_private_keys(library)
            return library
    raise Fault("no libcrypto of OpenSSL 3.0 or later with SM2 on this machine")


def _open(name: str | None) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(name)
        library.OPENSSL_version_major  # noqa: B018  (OpenSSL has this symbol since 3.0)
        for function_name, (restype, argtypes, check) in _DECLARATIONS.items():
            function = getattr(library, function_name)
            function.restype = restype
            function.argtypes = argtypes
            if check is not None:
                function.errcheck = check
    except (OSError, AttributeError):
        return None
    return library


def _lock_private_keys(library: ctypes.CDLL) -> None:
    if not library.CRYPTO_secure_malloc_initialized():
        library.CRYPTO_secure_malloc_init(_SECURE_HEAP_OCTETS, _SECURE_HEAP_UNIT)


def param(key: bytes, data_type: int, address: int, size: int) -> Param:
    """Describe `size` octets at `address`, which must outlive it; integers in native order."""
    return Param(key, data_type, address, size, c_size_t(-1).value)


def failure(what: str) -> Fault:
    """Make the Fault of a failed call from the first reason in OpenSSL's queue; empty the queue."""
    library = load()
    code = library.ERR_get_error()
    library.ERR_clear_error()
    if not code:
        return Fault(f"libcrypto: {what} failed")
    text = ctypes.create_string_buffer(256)
    library.ERR_error_string_n(code, text, len(text))
    return Fault(f"libcrypto: {what} failed: {text.value.decode(errors='replace')}")


@contextmanager
def owned(handle: _Handle) -> Iterator[_Handle]:
    """Lend a handle for a `with` block and free it at its end, by the function for its type."""
    try:
        yield handle
    finally:
        getattr(load(), _FREE[type(handle)])(handle)
