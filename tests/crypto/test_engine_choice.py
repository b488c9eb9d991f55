"""Which engine signs: the native core when it proves itself, else libcrypto, never a broken one."""

import pytest
from kit.sm2_standard import DIGEST, flip_bit

from appliance.crypto.engine import choose_engine
from appliance.crypto.libcrypto import LibcryptoEngine, LibcryptoKey
from appliance.errors import Fault, Refused


class DefectiveKey:
    """A sound key whose signatures pass through `spoil` on their way out."""

    def __init__(self, sound: LibcryptoKey, spoil) -> None:
        self.sound = sound
        self.spoil = spoil

    def sign_digest(self, digest: bytes) -> bytes:
        return self.spoil(digest, self.sound.sign_digest(digest))

    def __getattr__(self, name: str):
        return getattr(self.sound, name)


class SpoilsSignatures(LibcryptoEngine):
    """Flips a bit in each signature."""

    def load(self, secret):
        return DefectiveKey(super().load(secret), self.spoil)

    def spoil(self, digest: bytes, signature: bytes) -> bytes:
        return flip_bit(signature, 77)


class SpoilsHalfItsSignatures(SpoilsSignatures):
    """Signs even digests well, as the standard's, and odd ones badly."""

    def spoil(self, digest: bytes, signature: bytes) -> bytes:
        return flip_bit(signature, 77) if digest[-1] & 1 else signature


class RepeatsItself(SpoilsSignatures):
    """Signs each digest with one nonce."""

    def __init__(self) -> None:
        self.signed: dict[bytes, bytes] = {}

    def spoil(self, digest: bytes, signature: bytes) -> bytes:
        return self.signed.setdefault(digest, signature)


class AcceptsEverything(LibcryptoEngine):
    def verify_digest(self, public, digest, signature):
        return True

    def verify(self, public, message, signature):
        return True


class RefusesEverything(LibcryptoEngine):
    def verify_digest(self, public, digest, signature):
        return False

    def verify(self, public, message, signature):
        return False


class AcceptsAnyPoint(LibcryptoEngine):
    def check_public(self, public):
        return True

    def verify_digest(self, public, digest, signature):
        return LibcryptoEngine().verify_digest(public, digest, signature)


class RefusesAnyPoint(LibcryptoEngine):
    def check_public(self, public):
        return False


class AcceptsAnyMessage(LibcryptoEngine):
    def verify(self, public, message, signature):
        return True


class RefusesAnyMessage(LibcryptoEngine):
    def verify(self, public, message, signature):
        return False


class RefusesLowDigests(LibcryptoEngine):
    """Knows the standard's digest but not those with a first bit of 0."""

    def verify_digest(self, public, digest, signature):
        return digest[0] >= 0x80 and super().verify_digest(public, digest, signature)


class HashesWrongly(LibcryptoEngine):
    def sm3(self, data):
        return bytes(32)


class DigestsWrongly(LibcryptoEngine):
    def message_digest(self, public, message, user_id=b""):
        return super().message_digest(public, message, b"1234567812345679")


class LoadsAnotherKey(LibcryptoEngine):
    def load(self, secret):
        secret.view[31] ^= 1
        return super().load(secret)


class ExportsAnotherKey(LibcryptoEngine):
    def generate(self):
        key = super().generate()
        key.export_secret = super().generate().export_secret
        return key


class Breaks(LibcryptoEngine):
    def sm3(self, data):
        raise RuntimeError("segments overlap")


class Faults(LibcryptoEngine):
    def load(self, secret):
        raise Fault("no random octets")


DEFECTS = {
    SpoilsSignatures: "own signatures do not verify",
    SpoilsHalfItsSignatures: "refuses a signature",
    RepeatsItself: "share a nonce",
    AcceptsEverything: "verification accepts another r",
    RefusesEverything: "signature of GB/T 32918.5 does not verify",
    AcceptsAnyPoint: "a point off the curve is accepted",
    RefusesAnyPoint: "the public key of GB/T 32918.5 is refused",
    AcceptsAnyMessage: "verification accepts another message",
    RefusesAnyMessage: "the signed message of GB/T 32918.5 does not verify",
    RefusesLowDigests: "refuses a signature",
    HashesWrongly: "SM3",
    DigestsWrongly: "Z and e",
    LoadsAnotherKey: "d*G is not the public key",
    ExportsAnotherKey: "disagree on d*G",
    Breaks: "RuntimeError",
    Faults: "Fault: no random octets",
}
"""Each with what its rejection says."""

SEEN_BY_CROSS_CHECK_ONLY = {SpoilsHalfItsSignatures, RefusesLowDigests, ExportsAnotherKey}


def refuse_import() -> LibcryptoEngine:
    raise ImportError("No module named 'appliance.crypto._native'")


def test_the_native_core_is_chosen_when_it_proves_itself():
    choice = choose_engine()
    assert choice.engine.name == "native"
    assert choice.fallback_reason is None


def test_the_title_of_a_choice_names_the_path_where_there_is_one():
    from appliance.crypto import _native

    assert _native.path() in ("bmi2-adx", "x86-64", "portable")
    assert choose_engine(will_sign=False).title == f"native ({_native.path()})"
    assert choose_engine("libcrypto").title == "libcrypto"


def test_a_sound_engine_in_the_place_of_the_native_one_passes():
    engine = LibcryptoEngine()
    choice = choose_engine("native", native=lambda: engine)
    assert choice.engine is engine
    assert choice.fallback_reason is None
    assert len(choice.checks) == 6


@pytest.mark.parametrize(
    ("defective", "reason"), DEFECTS.items(), ids=lambda item: getattr(item, "__name__", "")
)
def test_a_defective_native_core_is_rejected_with_its_reason(defective, reason):
    sound = LibcryptoEngine()
    choice = choose_engine(native=defective, libcrypto=lambda: sound)
    assert choice.engine is sound
    assert choice.fallback_reason.startswith("native SM2 core rejected: ")
    assert reason in choice.fallback_reason


@pytest.mark.parametrize(
    "defective", [each for each in DEFECTS if each not in SEEN_BY_CROSS_CHECK_ONLY]
)
def test_a_defective_libcrypto_means_that_nothing_is_signed(defective):
    with pytest.raises(Fault, match="no SM2 engine may sign"):
        choose_engine(libcrypto=defective)


def test_a_missing_native_core_falls_back_and_says_so():
    choice = choose_engine(native=refuse_import)
    assert choice.engine.name == "libcrypto"
    assert choice.fallback_reason == (
        "no native SM2 core: No module named 'appliance.crypto._native'"
    )


def test_libcrypto_by_preference_is_no_fallback():
    choice = choose_engine("libcrypto", native=refuse_import)
    assert choice.engine.name == "libcrypto"
    assert choice.fallback_reason is None
    assert len(choice.checks) == 5


@pytest.mark.parametrize("name", ["", "gmssl", "NATIVE"])
def test_an_unknown_engine_is_refused(name):
    with pytest.raises(Refused):
        choose_engine(name)


@pytest.mark.parametrize(
    "draw",
    [bytes, lambda size: b"\xff" * size, lambda size: bytes(range(size)), lambda size: b""],
    ids=["zeros", "ones", "stuck", "short"],
)
def test_a_stuck_random_source_means_that_nothing_is_signed(draw):
    with pytest.raises(Fault, match="random source"):
        choose_engine(draw=draw)


def test_a_chosen_engine_signs():
    engine = choose_engine("libcrypto").engine
    key = engine.generate()
    assert engine.verify_digest(key.public, DIGEST, key.sign_digest(DIGEST))


def test_who_will_not_sign_is_spared_the_crossed_signatures() -> None:
    choice = choose_engine(will_sign=False)
    assert not any("each way" in check for check in choice.checks)
    assert "SM2 verification known answer" in choice.checks
