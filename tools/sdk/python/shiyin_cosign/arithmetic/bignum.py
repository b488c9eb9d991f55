"""OpenSSL's big numbers and points, owned by Python objects, on the SM2 curve."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from functools import cache

from shiyin_cosign import curve, libcrypto
from shiyin_cosign.errors import Fault, Malformed


class Bignum:
    """A BIGNUM; a secret one lies on the secure heap where there is one, and is zeroed at its end.

    Its operations mod n take Montgomery's way, which OpenSSL keeps constant in time.
    """

    __slots__ = ("_free", "handle")

    def __init__(self, *, is_secret: bool = True) -> None:
        library = libcrypto.load()
        self._free = library.BN_clear_free  # reachable even while the interpreter ends
        self.handle: int | None = library.BN_secure_new() if is_secret else library.BN_new()
        if is_secret:
            library.BN_set_flags(self.handle, libcrypto.BN_FLG_CONSTTIME)

    @classmethod
    def of(cls, octets: bytes, *, is_secret: bool = True) -> Bignum:
        """Read big-endian octets."""
        number = cls(is_secret=is_secret)
        libcrypto.load().BN_bin2bn(octets, len(octets), number.handle)
        return number

    @property
    def open(self) -> int:
        """The handle.  Raises Fault for one that was closed."""
        if self.handle is None:
            raise Fault("a closed scalar was used")
        return self.handle

    def octets(self) -> bytes:
        """Render as 32 octets, big-endian."""
        target = ctypes.create_string_buffer(curve.SCALAR_OCTETS)
        libcrypto.load().BN_bn2binpad(self.open, target, len(target))
        rendered = target.raw
        libcrypto.load().OPENSSL_cleanse(target, len(target))
        return rendered

    def close(self) -> None:
        """Zero and free it; calling twice is harmless."""
        handle, self.handle = self.handle, None
        if handle is not None:
            self._free(handle)

    def __del__(self) -> None:
        self.close()


class Sm2:
    """What one thread computes with: the group, a scratch context, Montgomery's constants of n."""

    def __init__(self) -> None:
        self.library = libcrypto.load()
        self.group = self.library.EC_GROUP_new_by_curve_name(libcrypto.SM2_NID)
        self.n = self.library.EC_GROUP_get0_order(self.group)
        self.context = self.library.BN_CTX_secure_new()
        self._mont = self.library.BN_MONT_CTX_new()
        self.library.BN_MONT_CTX_set(self._mont, self.n, self.context)
        self._n_minus_2 = Bignum.of(curve.scalar(curve.N - 2), is_secret=False)
        self.zero = Bignum.of(b"\0", is_secret=False)

    def multiply(self, left: Bignum, right: Bignum) -> Bignum:
        """Multiply mod n."""
        product = Bignum()
        arguments = (product.handle, left.open, right.open, self._mont, self.context)
        self.library.BN_mod_mul_montgomery(*arguments)
        self.library.BN_to_montgomery(product.handle, product.handle, self._mont, self.context)
        return product

    def add(self, left: Bignum, right: Bignum) -> Bignum:
        """Add mod n."""
        total = Bignum()
        self.library.BN_mod_add_quick(total.handle, left.open, right.open, self.n)
        return total

    def subtract(self, left: Bignum, right: Bignum) -> Bignum:
        """Subtract mod n."""
        rest = Bignum()
        self.library.BN_mod_sub_quick(rest.handle, left.open, right.open, self.n)
        return rest

    def invert(self, number: Bignum) -> Bignum:
        """Invert mod n by Fermat: the power of n-2."""
        inverse = Bignum()
        exponent, context = self._n_minus_2.handle, self.context
        self.library.BN_mod_exp_mont_consttime(
            inverse.handle, number.open, exponent, self.n, context, self._mont
        )
        return inverse

    def random(self) -> Bignum:
        """Draw uniformly from 1..n-1 by OpenSSL's private generator."""
        while True:
            number = Bignum()
            self.library.BN_priv_rand_range(number.handle, self.n)
            if not self.library.BN_is_zero(number.handle):
                return number

    def product(self, base: Bignum | None, point: int | None, factor: Bignum | None) -> int:
        """Compute [base]G + [factor]point as a new EC_POINT, which the caller frees.

        With one term OpenSSL takes its blinded ladder; with both, a way that is variable in time.
        """
        result: int = self.library.EC_POINT_new(self.group)
        g = base.open if base is not None else None
        k = factor.open if factor is not None else None
        self.library.EC_POINT_mul(self.group, result, g, point, k, self.context)
        return result

    @contextlib.contextmanager
    def decoded(self, octets: bytes) -> Iterator[int]:
        """Lend a point read from X||Y.  Raises Malformed for no point of the curve."""
        point: int = self.library.EC_POINT_new(self.group)
        try:
            encoded = bytes((libcrypto.UNCOMPRESSED,)) + octets
            is_point = len(octets) == curve.POINT_OCTETS and self.library.EC_POINT_oct2point(
                self.group, point, encoded, len(encoded), self.context
            )
            if not is_point:
                libcrypto.clear_errors()
                raise Malformed("not a point of the curve")
            yield point
        finally:
            self.library.EC_POINT_clear_free(point)

    def encoded(self, point: int) -> bytes | None:
        """Render a point as X||Y and free it; None for infinity."""
        try:
            if self.library.EC_POINT_is_at_infinity(self.group, point):
                return None
            target = ctypes.create_string_buffer(1 + curve.POINT_OCTETS)
            form = libcrypto.UNCOMPRESSED
            self.library.EC_POINT_point2oct(
                self.group, point, form, target, len(target), self.context
            )
            return target.raw[1:]
        finally:
            self.library.EC_POINT_clear_free(point)


class _PerThread(threading.local):
    """A BN_CTX belongs to one thread at a time."""

    @property
    def sm2(self) -> Sm2:
        """This thread's own."""
        if not hasattr(self, "_sm2"):
            self._sm2 = Sm2()
        return self._sm2


@cache
def _threads() -> _PerThread:
    return _PerThread()


def sm2() -> Sm2:
    """Give this thread's workshop."""
    return _threads().sm2
