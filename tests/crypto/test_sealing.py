"""Keys at rest: what is sealed opens whole under its own key, and in no other way."""

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.sm2_standard import DIGEST, PRIVATE, PUBLIC, flip_bit, secret_of

from appliance.crypto import classical, libcrypto_cipher
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.sealing import Kek, KeyHeader, seal, unseal
from appliance.errors import Fault, Malformed, Refused

KEK = bytes(range(32))
HEADER = KeyHeader(
    key_id="tsa-sm2-1", algorithm=KeyAlgorithm.SM2, mode="production", usage="tsa", public=PUBLIC
)
MAC_OCTETS = 32

headers = st.builds(
    KeyHeader,
    key_id=st.text(max_size=40),
    algorithm=st.sampled_from(KeyAlgorithm),
    mode=st.sampled_from(["demo", "production"]),
    usage=st.text(max_size=20),
    public=st.binary(max_size=500),
)


def kek_of(octets: bytes) -> Kek:
    with secret_of(octets) as secret:
        return Kek.derive(secret)


def hmac_by_cryptography(key: bytes, message: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SM3())
    mac.update(message)
    return mac.finalize()


@pytest.fixture(scope="module")
def kek():
    with kek_of(KEK) as kek:
        yield kek


@pytest.fixture(scope="module")
def sealed(kek) -> bytes:
    with secret_of(PRIVATE) as secret:
        return seal(kek, HEADER, secret)


@given(header=headers, content=st.binary(min_size=1, max_size=2000))
@settings(max_examples=50)
def test_what_is_sealed_opens_again(kek, header, content):
    with secret_of(content) as secret:
        blob = seal(kek, header, secret)
    opened, secret = unseal(kek, blob)
    with secret:
        assert opened == header
        assert secret.view == content


def test_the_container_is_as_documented(sealed):
    """Opened here by `cryptography` alone, from the layout in the module's docstring."""
    encryption_key = hmac_by_cryptography(KEK, b"shiyin key sealing 1: SM4-CTR")[:16]
    mac_key = hmac_by_cryptography(KEK, b"shiyin key sealing 1: HMAC-SM3")
    assert sealed[:5] == b"SYK1\x01"
    stop = 7 + int.from_bytes(sealed[5:7], "big")
    assert msgspec.msgpack.decode(sealed[7:stop]) == {
        "key_id": "tsa-sm2-1",
        "algorithm": "sm2",
        "mode": "production",
        "usage": "tsa",
        "public": PUBLIC,
    }
    iv, ciphertext = sealed[stop : stop + 16], sealed[stop + 16 : -MAC_OCTETS]
    cipher = Cipher(algorithms.SM4(encryption_key), modes.CTR(iv)).decryptor()
    assert cipher.update(ciphertext) == PRIVATE
    assert sealed[-MAC_OCTETS:] == hmac_by_cryptography(mac_key, sealed[:-MAC_OCTETS])


@given(bit=st.integers(min_value=0))
@settings(max_examples=300)
def test_a_flipped_bit_anywhere_is_refused(kek, sealed, bit):
    with pytest.raises((Refused, Malformed)):
        unseal(kek, flip_bit(sealed, bit))


def test_every_flipped_bit_past_the_frame_is_refused_with_one_message(kek, sealed):
    messages = set()
    for bit in range(5 * 8, len(sealed) * 8):
        with pytest.raises(Refused) as refusal:
            unseal(kek, flip_bit(sealed, bit))
        messages.add(str(refusal.value))
    with kek_of(KEK[::-1]) as other, pytest.raises(Refused) as refusal:
        unseal(other, sealed)
    assert messages == {str(refusal.value)}


def test_every_truncation_is_refused(kek, sealed):
    for length in range(len(sealed)):
        with pytest.raises((Refused, Malformed)):
            unseal(kek, sealed[:length])


@given(garbage=st.binary(max_size=300))
def test_garbage_is_refused(kek, garbage):
    with pytest.raises(Malformed):
        unseal(kek, garbage)


@given(garbage=st.binary(max_size=300))
def test_garbage_behind_a_sound_frame_is_refused(kek, garbage):
    with pytest.raises((Refused, Malformed)):
        unseal(kek, b"SYK1\x01" + garbage)


def test_a_later_version_is_malformed(kek, sealed):
    with pytest.raises(Malformed, match="version 1"):
        unseal(kek, sealed[:4] + b"\x02" + sealed[5:])


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"key_id": "a"}),
        msgspec.msgpack.encode({**msgspec.to_builtins(HEADER, builtin_types=(bytes,)), "x": 1}),
        msgspec.msgpack.encode(
            {**msgspec.to_builtins(HEADER, builtin_types=(bytes,)), "mode": "test"}
        ),
        msgspec.msgpack.encode(HEADER).replace(b"production", b"producti\xff\xff"),
        msgspec.msgpack.encode(HEADER).replace(b"\xa6key_id", b"\xa6key_i\xff"),
    ],
    ids=[
        *("empty", "not msgpack", "fields missing", "unknown field", "unknown mode"),
        *("value not UTF-8", "name not UTF-8"),
    ],
)
def test_an_authentic_header_of_another_shape_is_malformed(kek, header):
    sealed = b"SYK1\x01" + len(header).to_bytes(2, "big") + header + bytes(16) + bytes(32)
    with pytest.raises(Malformed):
        unseal(kek, sealed + libcrypto_cipher.hmac_sm3(kek.mac, sealed))


@pytest.mark.parametrize("length", [48, 49, 0xFFFF])
def test_an_authentic_header_longer_than_its_container_is_malformed(kek, length):
    sealed = b"SYK1\x01" + length.to_bytes(2, "big") + bytes(16 + 32)
    with pytest.raises(Malformed):
        unseal(kek, sealed + libcrypto_cipher.hmac_sm3(kek.mac, sealed))


def test_a_header_above_its_length_field_is_malformed(kek):
    header = msgspec.structs.replace(HEADER, public=bytes(0x10000))
    with secret_of(PRIVATE) as secret, pytest.raises(Malformed):
        seal(kek, header, secret)


def test_sealing_twice_gives_two_containers(kek, sealed):
    with secret_of(PRIVATE) as secret:
        again = seal(kek, HEADER, secret)
    assert again != sealed
    assert len(again) == len(sealed)


def test_the_private_key_does_not_show_in_the_container(sealed):
    assert PRIVATE not in sealed
    assert PUBLIC in sealed


@pytest.mark.parametrize("size", [16, 31, 33])
def test_a_key_encryption_key_of_another_length_is_malformed(size):
    with pytest.raises(Malformed):
        kek_of(bytes(size))


def test_a_closed_key_encryption_key_opens_nothing(sealed):
    kek = kek_of(KEK)
    kek.close()
    kek.close()
    with pytest.raises(Fault):
        unseal(kek, sealed)


def test_an_sm2_key_signs_after_a_rest(kek):
    engine = LibcryptoEngine()
    key = engine.generate()
    header = msgspec.structs.replace(HEADER, public=key.public)
    with key.export_secret() as secret:
        blob = seal(kek, header, secret)
    opened, secret = unseal(kek, blob)
    with secret:
        woken = engine.load(secret)
    assert woken.public == opened.public
    assert engine.verify_digest(key.public, DIGEST, woken.sign_digest(DIGEST))


def test_a_p256_key_signs_after_a_rest(kek):
    key = classical.generate(KeyAlgorithm.P256)
    header = msgspec.structs.replace(HEADER, algorithm=KeyAlgorithm.P256, public=key.public)
    with key.export_secret() as secret:
        blob = seal(kek, header, secret)
    opened, secret = unseal(kek, blob)
    with secret:
        woken = classical.load(opened.algorithm, secret)
    assert woken.public == opened.public == key.public
