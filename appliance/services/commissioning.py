"""What a box does once in its life: make its keys and, in demo, its own certificates.

The demo's TSA certificates stand directly under self-signed demo roots, one hierarchy per
algorithm. In production certificates come from a CA; a key without its certificate keeps the
signer from starting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import attrs

from appliance.asn1 import pem
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.errors import NotFound, Refused
from appliance.pki.issuing import (
    Addresses,
    CertificateTemplate,
    IssuerIdentity,
    issue,
    issue_root,
    issuing_ca_template,
    key_identifier,
    spki_of,
    tsa_template,
)
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from appliance.store.files import write_durably
from appliance.store.keyfiles import KeyFolder
from appliance.tsp.policy import Profile

Mode = Literal["demo", "production"]

LEDGER_KEY = "ledger-head"
ISSUING_PREFIX = "issuing-"
"""How the names of issuing authorities and of their keys begin."""

_DEMO_ORGANIZATION = "Shiyin Demo"
_ROOT_DAYS = 20 * 365
_TSA_DAYS = 10 * 365
_ISSUING_DAYS = 10 * 365
_TSA_SIGNS_DAYS = 365
_DEMO_KINDS = {"tsa": ("TSA", _TSA_DAYS), "issuing": ("Issuing CA", _ISSUING_DAYS)}
"""Title in the name, and validity, by the usage of the key."""

_BACKDATE_S = 3600
"""Demo certificates begin an hour ago, since a verifier's clock may be behind ours."""


@attrs.frozen
class Identity:
    """A key with its certificate and, above it, the certificates up to the root."""

    name: str
    key: SigningKey
    certificate: Certificate
    issuers: tuple[Certificate, ...]


class Commissioner:
    """Loads a box's identities, and makes in demo mode what is missing; safe to interrupt."""

    def __init__(
        self, keys: KeyFolder, certificates: Path, *, mode: Mode, now: Callable[[], Utc]
    ) -> None:
        self._keys = keys
        self._certificates = certificates
        self._mode = mode
        self._now = now

    def tsa_identities(self, profiles: Iterable[Profile]) -> dict[str, Identity]:
        """Give the identity of every key that the profiles name.

        Raises NotFound for what production lacks, Refused when key and certificate differ.
        """
        wanted = {profile.key: profile.algorithm for profile in profiles}
        return {name: self._tsa_identity(name, kind) for name, kind in wanted.items()}

    def serves(self, profiles: Iterable[Profile]) -> bool:
        """Tell whether any profile can be served; a new box of production has no TSA yet.

        One that has some of its certificates lacks the others: `tsa_identities` says which.
        """
        return self._mode == "demo" or any(self._path(each.key).exists() for each in profiles)

    def ledger_key(self) -> SigningKey:
        """Give the SM2 key that signs the heads of the ledger; made at first start."""
        return self._key(LEDGER_KEY, KeyAlgorithm.SM2, usage=LEDGER_KEY)

    def authorities(self) -> dict[str, Identity]:
        """Give the identity of every issuing authority that has its certificate.

        Raises NotFound for one without its key, Refused when key and certificate differ.
        """
        names = sorted(path.stem for path in self._certificates.glob(f"{ISSUING_PREFIX}*.pem"))
        return {
            name: self._identity(name, self._keys.load(name, usage="issuing", mode=self._mode))
            for name in names
        }

    def make_demo_authority(self, algorithm: KeyAlgorithm) -> None:
        """Make the demo's issuing authority of one algorithm, unless it is there.

        Raises Refused in production, whose authorities are made by ceremonies.
        """
        if self._mode != "demo":
            raise Refused("only a demo makes authorities by itself")
        name = f"{ISSUING_PREFIX}{algorithm.value}"
        if not self._path(name).exists():
            self._issue_demo(name, algorithm, "issuing", issuing_ca_template(Addresses()))

    def _tsa_identity(self, name: str, algorithm: KeyAlgorithm) -> Identity:
        path = self._path(name)
        if not path.exists():
            if self._mode != "demo":
                raise NotFound(f"the key {name} has no certificate: {path} is missing")
            template = tsa_template(_TSA_SIGNS_DAYS * SECONDS_PER_DAY)
            self._issue_demo(name, algorithm, "tsa", template)
        return self._identity(name, self._key(name, algorithm, usage="tsa"))

    def _identity(self, name: str, key: SigningKey) -> Identity:
        path = self._path(name)
        chain = [decode_certificate(der) for der in pem.read_all(path.read_bytes(), "CERTIFICATE")]
        if not chain or chain[0].spki != spki_of(key.algorithm, key.public):
            raise Refused(f"{path} does not begin with the certificate of the key {name}")
        return Identity(name, key, chain[0], tuple(chain[1:]))

    def _path(self, name: str) -> Path:
        return self._certificates / f"{name}.pem"

    def _key(self, name: str, algorithm: KeyAlgorithm, *, usage: str) -> SigningKey:
        try:
            return self._keys.load(name, usage=usage, mode=self._mode)
        except NotFound:
            if self._mode != "demo" and usage != LEDGER_KEY:
                raise
            return self._keys.create(name, algorithm, usage=usage, mode=self._mode)

    def _issue_demo(
        self, name: str, algorithm: KeyAlgorithm, usage: str, template: CertificateTemplate
    ) -> None:
        """Make a root, if there is none, and a certificate directly under it.

        Each file is whole before the next is begun, so this goes on wherever it was interrupted.
        """
        root_key = self._key(f"root-{algorithm.value}", algorithm, usage="root")
        root = self._demo_root(algorithm, root_key)
        key = self._key(name, algorithm, usage=usage)
        root_spki = spki_of(algorithm, root_key.public)
        title, days = _DEMO_KINDS[usage]
        certificate = issue(
            template,
            _demo_name(f"Shiyin Demo {title} {algorithm.value.upper()}"),
            spki_of(algorithm, key.public),
            serial_number=draw_serial_number(),
            validity=self._validity(days),
            issuer=IssuerIdentity(
                decode_certificate(root).subject.der, algorithm, key_identifier(root_spki)
            ),
            sign=lambda tbs: root_key.sign_many([tbs])[0],
        )
        self._write(name, certificate, root)
        root_key.close()
        key.close()

    def _demo_root(self, algorithm: KeyAlgorithm, key: SigningKey) -> bytes:
        path = self._path(f"root-{algorithm.value}")
        if not path.exists():
            root = issue_root(
                _demo_name(f"Shiyin Demo Root {algorithm.value.upper()}"),
                algorithm,
                key.public,
                serial_number=draw_serial_number(),
                validity=self._validity(_ROOT_DAYS),
                sign=lambda tbs: key.sign_many([tbs])[0],
            )
            self._write(path.stem, root)
        root = pem.read_one(path.read_bytes(), "CERTIFICATE")
        if decode_certificate(root).spki != spki_of(algorithm, key.public):
            raise Refused(f"{path} is not the certificate of the root key")
        return root

    def _validity(self, days: int) -> Validity:
        start_s = self._now().posix_us // US_PER_S - _BACKDATE_S
        end_s = start_s + days * SECONDS_PER_DAY
        return Validity(Utc(start_s * US_PER_S), Utc(end_s * US_PER_S))

    def _write(self, name: str, *chain: bytes) -> None:
        text = b"".join(pem.write("CERTIFICATE", der) for der in chain)
        write_durably(self._certificates / f"{name}.pem", text, mode=0o644)


def _demo_name(common_name: str) -> bytes:
    return encode_name(common_name, organization=_DEMO_ORGANIZATION, country="CN")


def draw_serial_number() -> bytes:
    """Draw 16 octets for a certificate's number, positive and never zero (RFC 5280 4.1.2.2)."""
    octets = os.urandom(16)
    return bytes((octets[0] & 0x3F | 0x40,)) + octets[1:]
