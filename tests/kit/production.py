"""A production box of the tests: its settings, sealed keys, a certificate, a credential folder."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from appliance.asn1 import pem
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.sealing import KEK_OCTETS, Kek
from appliance.crypto.secret import SecretBuffer
from appliance.daemon.places import Places
from appliance.store.keyfiles import KeyFolder
from kit.authority import TSA, make_root

KEY = "tsa"
POLICY = "1.2.156.99999.1"
_KEK = bytes(range(KEK_OCTETS))

SETTINGS = f"""\
mode = "production"
fronts = 1
[[tsp.policy]]
oid = "{POLICY}"
[[tsp.profile]]
name = "sm2"
key = "{KEY}"
algorithm = "sm2"
policies = ["{POLICY}"]
"""


@attrs.frozen
class ProductionBox:
    """What an installer has made: a state folder, and beside it credentials and settings."""

    root: Path

    @property
    def places(self) -> Places:
        """Where things lie."""
        return Places(self.root / "state")

    @property
    def environment(self) -> Mapping[str, str]:
        """What systemd gives the signer."""
        return {"CREDENTIALS_DIRECTORY": str(self.root / "credentials")}

    def configure(self, settings: str) -> Path:
        """Write the settings: SETTINGS and more tables after them."""
        path = self.root / "settings.toml"
        path.write_text(SETTINGS + settings, "utf-8")
        return path

    def install(self) -> "ProductionBox":
        """Seal a key of production and put its certificate beside it."""
        self.places.make()
        credentials = self.root / "credentials"
        credentials.mkdir()
        (credentials / "kek").write_bytes(_KEK)
        with SecretBuffer(KEK_OCTETS) as secret:
            secret.view[:] = _KEK
            folder = KeyFolder(self.places.keys, Kek.derive(secret), LibcryptoEngine())
        key = folder.create(KEY, KeyAlgorithm.SM2, usage="tsa", mode="production")
        root = make_root(KeyAlgorithm.SM2)
        chain = (root.issue(TSA, "TSA of production", key), root)
        text = b"".join(pem.write("CERTIFICATE", each.certificate.der) for each in chain)
        (self.places.certificates / f"{KEY}.pem").write_bytes(text)
        return self
