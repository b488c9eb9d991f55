"""What is told of an authority, in plain values."""

from __future__ import annotations

from appliance.quantities import Utc
from appliance.services.certifying.authority import Issuer
from appliance.store.issued import IssuedIndex, SignedList


def authority_facts(issuer: Issuer, index: IssuedIndex) -> dict[str, object]:
    """Tell name, algorithm, validity, chain in DER, counts by state, and the newest lists."""
    identity = issuer.identity
    certificate = identity.certificate
    newest = index.last_list(identity.name, with_deltas=True)
    return {
        "algorithm": identity.key.algorithm.value,
        "subject": str(certificate.subject),
        "issuer": str(certificate.issuer),
        "serial_number": f"{certificate.serial_number:x}",
        "not_before": certificate.validity.not_before.isoformat(),
        "not_after": certificate.validity.not_after.isoformat(),
        "certificates": index.count(identity.name),
        "list": _list_facts(index.last_list(identity.name)),
        "delta": _list_facts(newest) if newest and newest.base_number is not None else None,
        "chain": [certificate.der, *(each.der for each in identity.issuers)],
    }


def _list_facts(signed: SignedList | None) -> dict[str, object] | None:
    if signed is None:
        return None
    return {
        "number": signed.number,
        "this_update": Utc(signed.this_update_us).isoformat(),
        "next_update": Utc(signed.next_update_us).isoformat(),
    }
