"""Locked memory: what is put there is zeroed, is not shown, and does not reach a child."""

import copy
import ctypes
import os
import pickle
import resource
from collections.abc import Callable

import pytest

from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault

SECRET = b"a secret of thirty-two octets..."
NOBODY = 65534


def run_in_child(judge: Callable[[], bool]) -> bool:
    """Fork, judge there, and tell whether the child found it so."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if judge() else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def secret():
    with SecretBuffer(len(SECRET)) as buffer:
        buffer.view[:] = SECRET
        yield buffer


def test_native_code_sees_what_the_view_holds(secret):
    assert ctypes.string_at(secret.address, secret.size) == SECRET


def test_closing_zeroes_the_memory(secret):
    address = secret.address
    secret.close()
    assert ctypes.string_at(address, len(SECRET)) == bytes(len(SECRET))


def test_an_error_inside_the_with_block_zeroes_the_memory_too():
    def fail() -> None:
        with secret:
            secret.view[:] = SECRET
            raise Fault("something else")

    secret = SecretBuffer(len(SECRET))
    address = secret.address
    with pytest.raises(Fault, match="something else"):
        fail()
    assert ctypes.string_at(address, len(SECRET)) == bytes(len(SECRET))


def test_closing_twice_is_harmless(secret):
    secret.close()
    secret.close()


def test_a_closed_secret_is_not_used(secret):
    secret.close()
    with pytest.raises(Fault):
        _ = secret.view
    with pytest.raises(Fault):
        _ = secret.address


def test_a_view_dies_with_its_buffer(secret):
    view = secret.view
    secret.close()
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_a_slice_kept_after_close_reads_zeros(secret):
    kept = secret.view[4:8]
    secret.close()
    assert bytes(kept) == bytes(4)


def test_an_export_kept_after_close_reads_zeros(secret):
    kept = (ctypes.c_char * secret.size).from_buffer(secret.view)
    secret.close()
    assert kept.raw == bytes(len(SECRET))


def test_neither_repr_nor_str_shows_content(secret):
    assert repr(secret) == str(secret) == f"<SecretBuffer of {len(SECRET)} octets>"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_secret_is_neither_copied_nor_pickled(secret, duplicate):
    with pytest.raises(Fault):
        duplicate(secret)
    assert secret.view == SECRET


def test_a_secret_of_no_octets_is_refused():
    with pytest.raises(Fault):
        SecretBuffer(0)


def test_a_forked_child_finds_zeros_and_the_parent_keeps_its_secret(secret):
    address = secret.address
    assert run_in_child(lambda: ctypes.string_at(address, len(SECRET)) == bytes(len(SECRET)))
    assert secret.view == SECRET


def test_memory_the_kernel_will_not_lock_still_works_and_says_so():
    def judge() -> bool:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.geteuid() == 0:  # root may lock whatever the limit says
            os.setuid(NOBODY)
        with SecretBuffer(len(SECRET)) as secret:
            secret.view[:] = SECRET
            return not secret.is_locked and secret.view == SECRET

    assert run_in_child(judge)


def test_two_secrets_never_share_a_page():
    """The kernel locks whole pages and does not count: unlocking one would unlock its neighbour."""
    with SecretBuffer(32) as first, SecretBuffer(32) as second:
        assert first.address // resource.getpagesize() != second.address // resource.getpagesize()
