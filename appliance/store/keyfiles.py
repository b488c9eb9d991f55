"""The folder of sealed private keys, and the one place where the key-encryption key is fetched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from appliance.crypto import classical, sealing
from appliance.crypto.api import KeyAlgorithm, SigningKey, Sm2Engine
from appliance.crypto.sealing import KEK_OCTETS, Kek, KeyHeader
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Conflict, Fault, Malformed, NotFound, Refused
from appliance.store.files import write_durably

_SUFFIX = ".key"
_KEY_FILE_LIMIT = 16 * 1024


class KeyFolder:
    """Sealed keys by name.  A key is written once and never overwritten."""

    def __init__(self, folder: Path, kek: Kek, engine: Sm2Engine) -> None:
        self._folder = folder
        self._kek = kek
        self._engine = engine

    def create(
        self,
        name: str,
        algorithm: KeyAlgorithm,
        *,
        usage: str,
        mode: Literal["demo", "production"],
    ) -> SigningKey:
        """Make a key and seal it durably before anyone uses it.  Raises Conflict if it exists."""
        path = self._path(name)
        if path.exists():
            raise Conflict(f"the key {name} exists already")
        is_sm2 = algorithm is KeyAlgorithm.SM2
        key = self._engine.generate() if is_sm2 else classical.generate(algorithm)
        header = KeyHeader(name, algorithm, mode, usage, key.public)
        with key.export_secret() as secret:
            write_durably(path, sealing.seal(self._kek, header, secret))
        return key

    def load(self, name: str, *, usage: str, mode: str) -> SigningKey:
        """Unseal a key.

        Raises NotFound, Malformed for no sealed key, Refused for another KEK, an altered file, or a
        key made for another usage or mode, Fault when private and public half disagree.
        """
        path = self._path(name)
        try:
            blob = path.read_bytes()[:_KEY_FILE_LIMIT]
        except FileNotFoundError:
            raise NotFound(f"there is no key {name}") from None
        header, secret = sealing.unseal(self._kek, blob)
        with secret:
            if (header.key_id, header.usage, header.mode) != (name, usage, mode):
                raise Refused(f"the key file {path.name} holds a key for another purpose")
            if header.algorithm is KeyAlgorithm.SM2:
                key: SigningKey = self._engine.load(secret)
            else:
                key = classical.load(header.algorithm, secret)
        if key.public != header.public:
            key.close()
            raise Fault(f"the halves of the key {name} do not belong together")
        return key

    def names(self) -> list[str]:
        """List the keys that are there."""
        return sorted(path.stem for path in self._folder.glob("*" + _SUFFIX))

    def _path(self, name: str) -> Path:
        return self._folder / (name + _SUFFIX)


def unlock(mode: str, secret_folder: Path, environment: Mapping[str, str]) -> Kek:
    """Fetch the key-encryption key and derive what sealing needs.

    Production takes it from the systemd credential `kek` and from nowhere else; demo keeps it in
    `secret_folder` and makes it at first start.  Raises Refused when it cannot be had.
    """
    if mode == "production":
        credentials = environment.get("CREDENTIALS_DIRECTORY")
        if not credentials:
            raise Refused("production takes its key-encryption key from the systemd credential kek")
        path = Path(credentials) / "kek"
    else:
        path = secret_folder / "kek"
        if not path.exists():
            write_durably(path, os.urandom(KEK_OCTETS))
    with SecretBuffer(KEK_OCTETS) as secret:
        _read_exactly(path, secret)
        return Kek.derive(secret)


def _read_exactly(path: Path, secret: SecretBuffer) -> None:
    """Read a file of just the buffer's size straight into the buffer."""
    try:
        with path.open("rb", buffering=0) as file:
            if file.readinto(secret.view) != secret.size or file.read(1):
                raise Malformed(f"{path} is not {secret.size} octets")
    except OSError as error:
        raise Refused(f"the key-encryption key cannot be read: {error.strerror}") from error
