"""What a signer holds once its keys are open, and what follows from the keys alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import attrs

from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.engine import EngineChoice
from appliance.crypto.sealing import Kek
from appliance.quantities import Utc
from appliance.services.clocks import host_utc
from appliance.services.commissioning import Commissioner, Identity
from appliance.store.keyfiles import KeyFolder, unlock
from appliance.tsp.policy import Profile
from appliance.tsp.template import Digest, SignerCertificate, Template, render_template


def sha256(data: bytes) -> bytes:
    """Hash with SHA-256."""
    return hashlib.sha256(data).digest()


@attrs.frozen
class Unlocked:
    """The open keys of a signer, with their certificates, for the profiles it serves."""

    profiles: Sequence[Profile]
    choice: EngineChoice
    kek: Kek
    identities: Mapping[str, Identity]
    ledger_key: SigningKey

    @property
    def digests(self) -> dict[str, Digest]:
        """The hash functions of tokens, by the names that templates use."""
        return {"sm3": self.choice.engine.sm3, "sha256": sha256}

    def keys(self) -> dict[str, SigningKey]:
        """Give the key of each profile by the profile's name."""
        return {each.name: self.identities[each.key].key for each in self.profiles}

    def key_periods(self) -> dict[str, tuple[Utc, Utc]]:
        """Tell from when to when the key of each profile may sign."""
        return {
            each.name: key_period(self.identities[each.key].certificate) for each in self.profiles
        }

    def templates(self) -> dict[tuple[str, str], Template]:
        """Render the template of every profile and policy."""
        return {
            (profile.name, policy.oid): render_template(
                profile,
                policy,
                signer_certificate(self.identities[profile.key]),
                self.digests["sm3" if profile.algorithm is KeyAlgorithm.SM2 else "sha256"],
            )
            for profile in self.profiles
            for policy in profile.policies
        }

    def close(self) -> None:
        """Zero what can be zeroed."""
        self.ledger_key.close()
        for identity in self.identities.values():
            identity.key.close()
        self.kek.close()


def unlock_signer(
    profiles: Sequence[Profile],
    choice: EngineChoice,
    *,
    mode: Literal["demo", "production"],
    keys: Path,
    certificates: Path,
    secret: Path,
) -> Unlocked:
    """Unseal every key the profiles name; in demo, commission what is missing.

    A box of production that has no TSA certificate at all serves no profile, so that ceremonies can
    make one.
    `keys`, `certificates` and `secret` are folders.  Raises what `keyfiles.unlock` and
    `Commissioner` raise.
    """
    kek = unlock(mode, secret, os.environ)
    folder = KeyFolder(keys, kek, choice.engine)
    commissioner = Commissioner(folder, certificates, mode=mode, now=host_utc)
    if not commissioner.serves(profiles):
        profiles = ()
    identities = commissioner.tsa_identities(profiles)
    return Unlocked(profiles, choice, kek, identities, commissioner.ledger_key())


def key_period(certificate: Certificate) -> tuple[Utc, Utc]:
    """Tell from when to when a certificate's key may sign (RFC 3280 4.2.1.4)."""
    first, last = certificate.validity.not_before, certificate.validity.not_after
    usage = certificate.extensions.private_key_usage_period
    if usage is not None:
        first = max(first, usage.not_before or first)
        last = min(last, usage.not_after or last)
    return first, last


def signer_certificate(identity: Identity) -> SignerCertificate:
    """Take from an identity what a token template needs."""
    certificate = identity.certificate
    return SignerCertificate(
        certificate=certificate.der,
        issuer=certificate.issuer.der,
        serial_number=certificate.serial_number_tlv,
        subject=certificate.subject.der,
        chain=tuple(issuer.der for issuer in identity.issuers),
    )
