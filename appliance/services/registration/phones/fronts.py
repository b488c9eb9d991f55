"""The TLS certificate that fronts show to phones, for the names of this box and no others."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from appliance.asn1.pkcs10 import decode_request
from appliance.pki.states import RequestState
from appliance.services.registration.requests import RequestDesk, Wish
from appliance.services.registration.tls_identity import AUTHORITY, OWNER, TEMPLATE, server_fields
from appliance.store.registry.requests import RequestRow


@attrs.frozen
class _Asked:
    """What waits for the signer, and for which key."""

    spki: bytes
    row: RequestRow


class FrontCertifier:
    """Has fronts certified for `hosts`; of a front's request only the key counts."""

    def __init__(self, desk: RequestDesk, hosts: Sequence[str]) -> None:
        self._desk = desk
        self._hosts = tuple(hosts)
        self._asked: _Asked | None = None

    async def certify(self, csr: bytes) -> bytes | None:
        """Give a certificate in DER, None while it cannot be had.  Raises Malformed."""
        spki = decode_request(csr).spki
        fields = server_fields(self._hosts)
        wish = Wish(AUTHORITY, TEMPLATE, OWNER, fields=fields, csr=csr, device="front")
        # What waits for the signer is sent again: it would be issued beside a second one.
        asked = self._asked
        if asked is not None and asked.spki == spki:
            (row,) = await self._desk.send([asked.row])
        else:
            (row,) = await self._desk.take([wish])
        self._asked = _Asked(spki, row) if row.state is RequestState.SUBMITTED else None
        return await self._desk.certificate_of(row) if row.state is RequestState.ISSUED else None
