"""The keys and certificates of a box in a folder, as its signer makes and loads them."""

import functools
from collections.abc import Sequence
from pathlib import Path

import attrs

from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.sealing import Kek
from appliance.crypto.secret import SecretBuffer
from appliance.quantities import Utc
from appliance.services.commissioning import Commissioner, Identity, Mode
from appliance.settings import Settings
from appliance.store.keyfiles import KeyFolder
from appliance.tsp.policy import Profile

NOW = Utc.parse_generalized_time(b"20260301120000Z")


@functools.cache
def kek(octet: int = 0x4B) -> Kek:
    """Give a key-encryption key of the tests."""
    with SecretBuffer(32) as secret:
        secret.view[:] = bytes((octet,)) * 32
        return Kek.derive(secret)


@functools.cache
def demo_profiles() -> tuple[Profile, ...]:
    """Give the profiles of a demo but RSA, whose keys take long to make."""
    return tuple(each for each in Settings().profiles() if each.name != "rsa")


@attrs.frozen
class BoxFolder:
    """Where one box keeps its keys and certificates."""

    root: Path

    @property
    def keys(self) -> Path:
        """The sealed keys."""
        return self.root / "keys"

    @property
    def certificates(self) -> Path:
        """The certificates."""
        return self.root / "certificates"

    def make(self) -> "BoxFolder":
        """Make both folders."""
        self.keys.mkdir(parents=True)
        self.certificates.mkdir()
        return self

    def commissioner(self, mode: Mode = "demo", *, now: Utc = NOW) -> Commissioner:
        """Give what the signer would, at its start."""
        folder = KeyFolder(self.keys, kek(), LibcryptoEngine())
        return Commissioner(folder, self.certificates, mode=mode, now=lambda: now)

    def commission(self, profiles: Sequence[Profile] | None = None) -> dict[str, Identity]:
        """Start a demo once."""
        return self.commissioner().tsa_identities(profiles or demo_profiles())

    def files(self) -> list[Path]:
        """List every file, in the order of writing."""
        found = [*self.keys.iterdir(), *self.certificates.iterdir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def contents(self) -> dict[Path, bytes]:
        """Read every file."""
        return {path: path.read_bytes() for path in self.files()}
