"""Certificates in the registry: revoked, put on hold and released, and swept as they age."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs
from sqlalchemy import Connection

from appliance.asn1.status.crl import CrlReason
from appliance.pki.states import CERTIFICATE, CertificateEvent, CertificateState
from appliance.quantities import SECONDS_PER_DAY, US_PER_S
from appliance.services.registration.office import Office
from appliance.services.registration.roads import Road
from appliance.store.registry import certificates
from appliance.store.registry.certificates import CertificateRow

RENEWAL_DAYS = 30
"""So long before its end a certificate is due for renewal."""


@attrs.frozen
class Swept:
    """How many certificates a sweep found near their end, and past it."""

    due: int
    lapsed: int


class CertificateDesk:
    """Changes what certificates are worth; the signer's word comes first, the registry follows."""

    def __init__(self, office: Office, roads: Mapping[str, Road] = MappingProxyType({})) -> None:
        self._office = office
        self._roads = roads

    async def revoke(
        self, certificate_id: str, reason: CrlReason, *, invalid_since_us: int | None = None
    ) -> CertificateRow:
        """Revoke a certificate, hold it (reason 6) or release it from hold (reason 8).

        Raises NotFound, and Conflict from a state that allows no such thing.
        """
        registry = self._office.registry
        row = await registry.read(lambda connection: certificates.get(connection, certificate_id))
        event = _event(reason)
        CERTIFICATE.after(row.state, event)  # refuse before the signer hears of it
        if row.authority in self._roads:
            await self._roads[row.authority].revoke(row.der, reason)
        else:
            await self._office.signer.revoke(
                row.authority, bytes.fromhex(row.serial_number), reason.value, invalid_since_us
            )
        is_released = event is CertificateEvent.RELEASED
        revoked_us = None if is_released else self._office.now_us()

        def keep(connection: Connection) -> CertificateRow:
            now = certificates.get(connection, certificate_id)
            certificates.move(
                connection,
                certificate_id,
                (now.state, event),
                reason=None if is_released else reason.value,
                revoked_us=revoked_us,
            )
            return certificates.get(connection, certificate_id)

        return await registry.run(keep)

    async def sweep(self) -> Swept:
        """Mark what is due for renewal within 30 days, and what is over."""
        now_us = self._office.now_us()
        soon_us = now_us + RENEWAL_DAYS * SECONDS_PER_DAY * US_PER_S
        due = await self._sweep(CertificateEvent.DUE, soon_us)
        return Swept(due, await self._sweep(CertificateEvent.LAPSED, now_us))

    async def _sweep(self, event: CertificateEvent, before_us: int) -> int:
        count = 0
        while swept := await self._office.registry.run(
            lambda connection: certificates.sweep(connection, event, before_us)
        ):
            count += len(swept)
        return count

    async def counts(self) -> dict[CertificateState, int]:
        """Count certificates in each state."""
        return await self._office.registry.read(certificates.count_by_state)


def _event(reason: CrlReason) -> CertificateEvent:
    if reason is CrlReason.CERTIFICATE_HOLD:
        return CertificateEvent.HELD
    if reason is CrlReason.REMOVE_FROM_CRL:
        return CertificateEvent.RELEASED
    return CertificateEvent.REVOKED
