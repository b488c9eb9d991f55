"""The functions of OpenSSL 3 that we call, by ctypes on the library that Python itself runs on.

A call that fails raises Fault and leaves the thread's error queue empty, as `hashlib` and `ssl`
share it.  ctypes lets go of the GIL for the length of each call.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from typing import Any, Final

from shiyin_cosign.errors import Fault

SM2_NID: Final = 1172  # openssl/obj_mac.h
BN_FLG_CONSTTIME: Final = 0x04  # openssl/bn.h
UNCOMPRESSED: Final = 4  # openssl/ec.h


def _checked(result: Any, function: Any, _arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401  (ctypes errcheck)
    if not result:
        clear_errors()
        raise Fault(f"libcrypto: {function.__name__} failed")
    return result


_FIVE = (c_void_p,) * 5
_DECLARATIONS: Final[dict[str, tuple[Any, tuple[Any, ...], bool]]] = {
    "ERR_clear_error": (None, (), False),
    "OPENSSL_cleanse": (None, (c_void_p, c_size_t), False),
    "BN_new": (c_void_p, (), True),
    "BN_secure_new": (c_void_p, (), True),
    "BN_clear_free": (None, (c_void_p,), False),
    "BN_set_flags": (None, (c_void_p, c_int), False),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p), True),
    "BN_bn2binpad": (c_int, (c_void_p, c_void_p, c_int), True),
    "BN_is_zero": (c_int, (c_void_p,), False),
    "BN_cmp": (c_int, (c_void_p, c_void_p), False),
    "BN_sub": (c_int, (c_void_p, c_void_p, c_void_p), True),
    "BN_add": (c_int, (c_void_p, c_void_p, c_void_p), True),
    "BN_set_word": (c_int, (c_void_p, ctypes.c_ulong), True),
    "BN_priv_rand_range": (c_int, (c_void_p, c_void_p), True),
    "BN_mod_add_quick": (c_int, (c_void_p,) * 4, True),
    "BN_mod_sub_quick": (c_int, (c_void_p,) * 4, True),
    "BN_mod_mul_montgomery": (c_int, _FIVE, True),
    "BN_mod_exp_mont_consttime": (c_int, (c_void_p,) * 6, True),
    "BN_MONT_CTX_new": (c_void_p, (), True),
    "BN_MONT_CTX_set": (c_int, (c_void_p,) * 3, True),
    "BN_to_montgomery": (c_int, (c_void_p,) * 4, True),
    "BN_CTX_secure_new": (c_void_p, (), True),
    "BN_CTX_free": (None, (c_void_p,), False),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,), True),
    "EC_GROUP_get0_order": (c_void_p, (c_void_p,), True),
    "EC_POINT_new": (c_void_p, (c_void_p,), True),
    "EC_POINT_clear_free": (None, (c_void_p,), False),
    "EC_POINT_mul": (c_int, (c_void_p,) * 6, True),
    "EC_POINT_add": (c_int, _FIVE, True),
    "EC_POINT_is_at_infinity": (c_int, (c_void_p, c_void_p), False),
    # 0 for what is no point of the curve: the caller reads it
    "EC_POINT_oct2point": (c_int, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p), False),
    "EC_POINT_point2oct": (
        c_size_t,
        (c_void_p, c_void_p, c_int, c_void_p, c_size_t, c_void_p),
        True,
    ),
    "EVP_CIPHER_fetch": (c_void_p, (c_void_p, c_char_p, c_char_p), True),
    "EVP_CIPHER_free": (None, (c_void_p,), False),
    "EVP_CIPHER_CTX_new": (c_void_p, (), True),
    "EVP_CIPHER_CTX_free": (None, (c_void_p,), False),
    "EVP_EncryptInit_ex2": (c_int, (c_void_p, c_void_p, c_char_p, c_char_p, c_void_p), True),
    "EVP_EncryptUpdate": (c_int, (c_void_p, c_void_p, c_void_p, c_char_p, c_int), True),
}


@functools.cache
def load() -> ctypes.CDLL:
    """Give the library with every function declared.  Raises Fault without OpenSSL 3.

    dlsym on `_hashlib` searches what that depends on too, hence finds exactly the libcrypto that
    Python runs on; the other names serve a Python that has OpenSSL linked in and hidden.
    """
    module = importlib.util.find_spec("_hashlib")
    for name in (module.origin if module else None, "libcrypto.so.3", "libcrypto.3.dylib"):
        library = _open(name)
        if library is not None:
            return library
    raise Fault("no libcrypto of OpenSSL 3 on this machine")


def clear_errors() -> None:
    """Empty this thread's error queue."""
    load().ERR_clear_error()


def _open(name: str | None) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(name)
        for function_name, (restype, argtypes, is_checked) in _DECLARATIONS.items():
            function = getattr(library, function_name)
            function.restype = restype
            function.argtypes = argtypes
            if is_checked:
                function.errcheck = _checked
    except (OSError, AttributeError):
        return None
    return library
