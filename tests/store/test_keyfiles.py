"""Sealed keys in their folder, and where the key that seals them comes from."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.boxes import kek

from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.libcrypto import LibcryptoEngine, LibcryptoKey
from appliance.crypto.sealing import KeyHeader, seal
from appliance.errors import ApplianceError, Conflict, Fault, Malformed, NotFound, Refused
from appliance.store.keyfiles import KeyFolder, unlock

ENGINE = LibcryptoEngine()


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path, kek(), ENGINE)


def create(
    folder: KeyFolder, name: str = "tsa", algorithm: KeyAlgorithm = KeyAlgorithm.SM2
) -> SigningKey:
    return folder.create(name, algorithm, usage="tsa", mode="demo")


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.SM2, KeyAlgorithm.P256])
def test_a_key_is_the_same_after_a_restart(folder: KeyFolder, algorithm: KeyAlgorithm) -> None:
    made = create(folder, algorithm=algorithm)
    loaded = folder.load("tsa", usage="tsa", mode="demo")
    assert (loaded.algorithm, loaded.public) == (algorithm, made.public)
    assert loaded.sign_many([b"message"])


def test_a_key_file_is_for_its_owner_and_shows_no_secret(folder: KeyFolder, tmp_path: Path) -> None:
    create(folder)
    (path,) = tmp_path.iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("tsa.key", 0o600)
    key = folder.load("tsa", usage="tsa", mode="demo")
    assert isinstance(key, LibcryptoKey)
    with key.export_secret() as secret:
        assert bytes(secret.view) not in path.read_bytes()


def test_names_lists_the_keys_that_are_there(folder: KeyFolder, tmp_path: Path) -> None:
    create(folder, "b")
    create(folder, "a")
    (tmp_path / ".c.key.new").write_bytes(b"half written")
    assert folder.names() == ["a", "b"]


def test_a_key_is_never_overwritten(folder: KeyFolder, tmp_path: Path) -> None:
    create(folder)
    before = (tmp_path / "tsa.key").read_bytes()
    with pytest.raises(Conflict):
        create(folder)
    assert (tmp_path / "tsa.key").read_bytes() == before


def test_a_key_that_is_not_there_is_not_found(folder: KeyFolder) -> None:
    with pytest.raises(NotFound):
        folder.load("tsa", usage="tsa", mode="demo")


@pytest.mark.parametrize(
    ("name", "usage", "mode"),
    [("tsa", "root", "demo"), ("tsa", "tsa", "production"), ("other", "tsa", "demo")],
)
def test_a_key_for_another_purpose_is_refused(
    folder: KeyFolder, tmp_path: Path, name: str, usage: str, mode: str
) -> None:
    create(folder)
    (tmp_path / "other.key").write_bytes((tmp_path / "tsa.key").read_bytes())
    with pytest.raises(Refused, match="another purpose"):
        folder.load(name, usage=usage, mode=mode)


def test_another_key_encryption_key_is_refused(folder: KeyFolder, tmp_path: Path) -> None:
    create(folder)
    with pytest.raises(Refused):
        KeyFolder(tmp_path, kek(0x4C), ENGINE).load("tsa", usage="tsa", mode="demo")


def test_halves_that_do_not_belong_together_are_a_fault(folder: KeyFolder, tmp_path: Path) -> None:
    key = ENGINE.generate()
    header = KeyHeader("tsa", KeyAlgorithm.SM2, "demo", "tsa", ENGINE.generate().public)
    with key.export_secret() as secret:
        (tmp_path / "tsa.key").write_bytes(seal(kek(), header, secret))
    with pytest.raises(Fault, match="halves"):
        folder.load("tsa", usage="tsa", mode="demo")


@given(data=st.data())
def test_an_altered_file_is_never_a_key(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("keys", numbered=True)
    folder = KeyFolder(tmp_path, kek(), ENGINE)
    create(folder)
    path = tmp_path / "tsa.key"
    octets = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(octets[: data.draw(st.integers(0, len(octets)))])
    with pytest.raises((Malformed, Refused)):
        folder.load("tsa", usage="tsa", mode="demo")


def test_a_huge_file_is_read_no_further_than_a_key_can_be(
    folder: KeyFolder, tmp_path: Path
) -> None:
    (tmp_path / "tsa.key").write_bytes(b"SYK1\x01" + bytes(1 << 20))
    with pytest.raises(ApplianceError):
        folder.load("tsa", usage="tsa", mode="demo")


# --- the key-encryption key -----------------------------------------------------------------------


def reopened(tmp_path: Path, mode: str, environment: Mapping[str, str]) -> bool:
    """Whether what was sealed at one start opens at the next."""
    with unlock(mode, tmp_path, environment) as first:
        public = create(KeyFolder(tmp_path, first, ENGINE)).public
    with unlock(mode, tmp_path, environment) as second:
        folder = KeyFolder(tmp_path, second, ENGINE)
        return folder.load("tsa", usage="tsa", mode="demo").public == public


def test_a_demo_makes_its_kek_once_for_its_owner(tmp_path: Path) -> None:
    assert reopened(tmp_path, "demo", {})
    assert (tmp_path / "kek").stat().st_size == 32
    assert (tmp_path / "kek").stat().st_mode & 0o777 == 0o600


def test_production_takes_its_kek_from_the_credential(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "kek").write_bytes(bytes(range(32)))
    assert reopened(
        tmp_path, "production", {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    )
    assert not (tmp_path / "kek").exists()


@pytest.mark.parametrize("environment", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_production_without_the_credential_is_refused(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    (tmp_path / "kek").write_bytes(bytes(range(32)))
    with pytest.raises(Refused, match="credential"):
        unlock("production", tmp_path, environment)


def test_a_credential_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        unlock("production", tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_kek_of_another_size_is_malformed(tmp_path: Path, size: int) -> None:
    (tmp_path / "kek").write_bytes(bytes(size))
    with pytest.raises(Malformed):
        unlock("demo", tmp_path, {})
