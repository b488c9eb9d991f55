"""Files for everyone: the certificates that a verifier needs, and the key of the ledger heads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from appliance.asn1 import pem
from appliance.crypto.api import SigningKey
from appliance.pki.issuing import spki_of
from appliance.services.commissioning import Identity
from appliance.store.files import write_durably

ROOTS = "roots.pem"
LEDGER_KEY = "ledger-head.pem"


def publish(folder: Path, identities: Iterable[Identity], ledger_key: SigningKey) -> None:
    """Write roots.pem, a PEM file per TSA and the key that ledger heads verify under."""
    identities = tuple(identities)
    for identity in identities:
        content = pem.write("CERTIFICATE", identity.certificate.der)
        write_durably(folder / f"{identity.name}.pem", content, mode=0o644)
    roots = dict.fromkeys(identity.issuers[-1].der for identity in identities if identity.issuers)
    bundle = b"".join(pem.write("CERTIFICATE", der) for der in roots)
    if bundle:  # a box without a TSA has none yet
        write_durably(folder / ROOTS, bundle, mode=0o644)
    spki = spki_of(ledger_key.algorithm, ledger_key.public)
    write_durably(folder / LEDGER_KEY, pem.write("PUBLIC KEY", spki), mode=0o644)
